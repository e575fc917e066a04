"""Where the pictures of a collection come from, so that it can be brought up to date. Private: never packed or served."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from imgsearch.collection.build import BuildReport, Progress, build_collection
from imgsearch.collection.collection import Collection, collection_path
from imgsearch.collection.draft import disk_errors, write_atomically
from imgsearch.collection.manifest import SOURCE_FILE_NAME
from imgsearch.errors import BuildError
from imgsearch.supply.datasets import DATASETS, Prepared, prepare_archive, prepare_dataset

Kind = Literal["folder", "archive", "dataset", "package"]
_BUILD_AGAIN = "Run build again, with --images DIR or --dataset NAME; from then on update knows."


@dataclass(frozen=True)
class Source:
    """Where pictures come from: a folder or archive (its path), a dataset (its name), a package (its sha256)."""

    kind: Kind
    location: str

    @classmethod
    def of(cls, images: Path) -> Source:
        """A folder, or an archive if it is a file."""
        return cls("archive" if images.is_file() else "folder", str(images))


def prepare(source: Source, name: str, home: Path, *, progress: Progress | None = None) -> Prepared:
    """Makes sure that the pictures of a source are on this disk.

    Args:
        source: Where they come from.
        name: Of the collection to be.
        home: The folder of collections.
        progress: Told how far a download or unpacking is.

    Raises:
        BuildError, DownloadError: they cannot be had.
    """
    collection_path(name, home)  # a name that is none is refused before gigabytes are fetched
    if source.kind == "dataset" and source.location in DATASETS:
        return prepare_dataset(source.location, home, progress=progress)
    if source.kind == "archive" and Path(source.location).is_file():
        return prepare_archive(Path(source.location), name, home, progress=progress)
    if source.kind == "package":
        raise BuildError(
            "The collection was pulled, without its pictures.", hint="Pull the newer package, if there is one."
        )
    return Prepared(Path(source.location))


def remember(source: Source, name: str, home: Path) -> None:
    """Writes down where a collection comes from, a path as seen from anywhere."""
    if source.kind in ("folder", "archive"):
        source = Source(source.kind, str(Path(source.location).resolve()))
    with disk_errors():
        write_atomically(collection_path(name, home) / SOURCE_FILE_NAME, json.dumps(asdict(source)).encode())


def remembered(name: str, home: Path) -> Source | None:
    """Where a collection comes from, or None where that is not known."""
    try:
        source = Source(**json.loads((collection_path(name, home) / SOURCE_FILE_NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    is_sound = source.kind in get_args(Kind) and isinstance(source.location, str)
    return source if is_sound else None


def update_collection(name: str, home: Path, *, progress: Progress | None = None) -> BuildReport:
    """Brings a collection up to date with the place its pictures came from.

    New pictures are added, those that are gone are dropped, changed ones (by size and time, then by sha256) are embedded
    again; all others keep what they have. Item ids stay.

    Raises:
        CollectionNotFoundError: there is none of that name.
        BuildError: it is not known where its pictures come from, or they cannot be had. Otherwise see `build_collection`.
    """
    source = remembered(name, home)
    if source is None:
        Collection.open(name, home)
        raise BuildError("It is not known where the pictures of this collection come from.", hint=_BUILD_AGAIN)
    prepared = prepare(source, name, home, progress=progress)
    return build_collection(name, prepared.directory, home=home, left_out=prepared.left_out, progress=progress)
