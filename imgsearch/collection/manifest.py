"""manifest.json: the only commit point of a collection. It names every other file with size and sha256.

The file is written in one canonical form and carries its own digest, so that a change of any byte of it shows.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from imgsearch.distance import METRIC
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import (
    BackboneError,
    BuildError,
    CollectionCorruptError,
    IncompatibleCollectionError,
    OutdatedCollectionError,
)
from imgsearch.vectors.space import SpaceSpec

FORMAT_VERSION = 2
OLDER_VERSIONS = (1,)
"""A build replaces collections of these."""
MAX_MANIFEST_BYTES = 1 << 20
SPACE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_FILE = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class FileEntry:
    """A file of the collection: its path relative to the collection's folder, its size in bytes and its sha256."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True)
class SpaceEntry:
    """A space: what made it, the parameters of its index, and its files (see `space.Space`).

    `transform` is there where the space is derived by PCA; `index` unless the space was built where annoy cannot be used.
    """

    embedder: EmbedderSpec
    pca: int
    whiten: bool
    n_trees: int
    search_k: int
    seed: int
    embeddings: FileEntry
    index: FileEntry | None
    neighbors: FileEntry
    projection: FileEntry
    calibration: FileEntry
    transform: FileEntry | None

    @property
    def spec(self) -> SpaceSpec:
        """What the space is made by."""
        return SpaceSpec(self.embedder, self.pca, self.whiten, self.n_trees, self.search_k)

    @property
    def files(self) -> list[FileEntry]:
        """All of its files."""
        files = (self.embeddings, self.index, self.neighbors, self.projection, self.calibration, self.transform)
        return [file for file in files if file]


@dataclass(frozen=True)
class Manifest:
    """What a collection consists of.

    Attributes:
        title: For people.
        source, license: Where the pictures come from, and under which terms, for people; "" where nobody said.
        label_pattern: The regular expression that labels came from, or None; a rebuild uses it again.
        n_items, n_skipped: Pictures in the gallery, and files left out.
        thumbnails_bytes: Sum of the sizes of all thumbnail files.
        items, skipped: The table of items; the list of what was left out, one JSON object a line.
        evaluation: What `evaluate` saved, or None; a build that changes items, labels or embeddings leaves it out.
        spaces: By name, in the order in which they were added; the first is the default.
    """

    title: str
    source: str
    license: str
    label_pattern: str | None
    n_items: int
    n_skipped: int
    thumbnails_bytes: int
    items: FileEntry
    skipped: FileEntry
    evaluation: FileEntry | None
    spaces: Mapping[str, SpaceEntry]

    @property
    def files(self) -> list[FileEntry]:
        """Every file that is checked by hash when the collection is opened."""
        of_spaces = [file for space in self.spaces.values() for file in space.files]
        return [self.items, self.skipped, *([self.evaluation] if self.evaluation else []), *of_spaces]

    def without_indexes(self) -> Manifest:
        """The same without the index files: they are built from the embeddings where they are missing."""
        return replace(self, spaces={name: replace(space, index=None) for name, space in self.spaces.items()})

    def to_bytes(self) -> bytes:
        """The canonical form: UTF-8 JSON, indented, keys in this order, the digest of all before it at the end."""
        body: dict[str, Any] = {"format_version": FORMAT_VERSION, "metric": METRIC, **asdict(self)}
        body["spaces"] = {name: {**asdict(space), "dim": space.spec.dim} for name, space in self.spaces.items()}
        return _dump({**body, "digest": hashlib.sha256(_dump(body)).hexdigest()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """The opposite of `to_bytes`.

        Raises:
            CollectionCorruptError: the bytes are not exactly what `to_bytes` writes.
            IncompatibleCollectionError: they are of another version, or name an embedder that is not known here.
        """
        if data.startswith(_GIT_LFS):
            raise CollectionCorruptError(
                "The collection's manifest is a git-lfs pointer, not the file itself.", hint="Run: git lfs pull"
            )
        body = _parse(data)
        version = body.get("format_version")
        if version in OLDER_VERSIONS:
            raise OutdatedCollectionError(
                f"The collection has format version {version}, of an older imgsearch; this one reads {FORMAT_VERSION}.",
                hint="Build it again with the same command.",
            )
        if version != FORMAT_VERSION:
            raise IncompatibleCollectionError(
                f"The collection has format version {version!r}; this program reads version {FORMAT_VERSION}.",
                hint="Build one under another name, or use the version of imgsearch that built it.",
            )
        try:
            spaces = {name: _space(name, entry, body["n_items"]) for name, entry in body["spaces"].items()}
            manifest = cls(
                title=str(body["title"]),
                source=str(body["source"]),
                license=str(body["license"]),
                label_pattern=body["label_pattern"],
                n_items=int(body["n_items"]),
                n_skipped=int(body["n_skipped"]),
                thumbnails_bytes=int(body["thumbnails_bytes"]),
                items=_file(body["items"]),
                skipped=_file(body["skipped"]),
                evaluation=_file(body["evaluation"]) if body["evaluation"] else None,
                spaces=spaces,
            )
            if body["metric"] != METRIC or not spaces or manifest.n_items < 1:
                raise ValueError("metric, spaces or n_items out of range")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise IncompatibleCollectionError(
                "The collection's manifest is whole, but its contents are not what this program expects."
            ) from exc
        except (BackboneError, BuildError) as exc:
            raise IncompatibleCollectionError(f"The collection cannot be served here. {exc.message}") from exc
        return manifest


def _dump(body: Mapping[str, Any]) -> bytes:
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()


def _parse(data: bytes) -> dict[str, Any]:
    damaged = CollectionCorruptError(
        "The collection's manifest is damaged: it does not match its own digest.",
        hint="Copy the collection again, or build it again.",
    )
    if len(data) > MAX_MANIFEST_BYTES:
        raise damaged
    try:
        body = json.loads(data)
        digest = body.pop("digest")
        is_whole = digest == hashlib.sha256(_dump(body)).hexdigest() and _dump({**body, "digest": digest}) == data
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise damaged from exc
    if not is_whole:
        raise damaged
    return dict(body)


def _file(entry: Any) -> FileEntry:
    """A file entry, its path proven to stay inside the collection."""
    file = FileEntry(**entry)
    if not (_FILE.fullmatch(file.file) and _SHA256.fullmatch(file.sha256)):
        raise ValueError(f"not a file of a collection: {file.file!r}")
    if not (isinstance(file.size, int) and file.size >= 0):
        raise ValueError(f"not a size: {file.size!r}")
    return file


def _space(name: str, entry: dict[str, Any], n_items: int) -> SpaceEntry:
    numbers = [entry[part] for part in ("pca", "n_trees", "search_k", "seed")]
    if any(type(number) is not int for number in numbers) or type(entry["whiten"]) is not bool:
        raise ValueError(f"not numbers: {numbers}")
    embedder = EmbedderSpec.from_json(entry["embedder"])
    spec = SpaceSpec(embedder, entry["pca"], entry["whiten"], entry["n_trees"], entry["search_k"])
    has_transform = entry["transform"] is not None
    if not SPACE_NAME.fullmatch(name) or entry["dim"] != spec.dim or n_items < 1 or has_transform != bool(spec.pca):
        raise ValueError(f"not a space: {name!r}")
    return SpaceEntry(
        embedder=spec.embedder,
        pca=spec.pca,
        whiten=spec.whiten,
        n_trees=spec.n_trees,
        search_k=spec.search_k,
        seed=entry["seed"],
        index=_file(entry["index"]) if entry["index"] is not None else None,
        transform=_file(entry["transform"]) if has_transform else None,
        **{part: _file(entry[part]) for part in ("embeddings", "neighbors", "projection", "calibration")},
    )
