"""Where the pictures of a collection come from. Private: never packed or served."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from imgsearch.files.disk import disk_errors, write_atomically
from imgsearch.files.home import SOURCE_FILE, collection_path
from imgsearch.records import parse

Kind = Literal["folder", "archive", "dataset", "sample", "package"]


@dataclass(frozen=True)
class Source:
    """Where pictures come from: a folder or archive (its path), a dataset (its name), the sample, a package (sha256).

    Attributes:
        kind, location: Which, and where.
        encoding: Of the file names in an archive that does not say it; "" to be told by what decodes.
    """

    kind: Kind
    location: str
    encoding: str = ""

    @classmethod
    def of(cls, images: Path, encoding: str = "") -> Source:
        """A folder, or an archive if it is a file."""
        return cls("archive" if images.is_file() else "folder", str(images), encoding)


def remember(source: Source, name: str, home: Path) -> None:
    """Writes down where a collection comes from, a path as seen from anywhere; nothing where that is known already."""
    if source.kind in ("folder", "archive"):
        source = replace(source, location=str(Path(source.location).resolve()))
    if source == remembered(name, home):
        return
    facts = asdict(source)
    if not source.encoding:
        del facts["encoding"]  # of which earlier versions know nothing
    with disk_errors():
        write_atomically(collection_path(name, home) / SOURCE_FILE, json.dumps(facts).encode())


def remembered(name: str, home: Path) -> Source | None:
    """Where a collection comes from, or None where that is not known."""
    try:
        return parse(Source, (collection_path(name, home) / SOURCE_FILE).read_bytes())
    except (OSError, ValueError):
        return None


def came_as_package(name: str, home: Path) -> bool:
    """Whether a collection was pulled: what it brought is a stranger's."""
    source = remembered(name, home)
    return source is not None and source.kind == "package"
