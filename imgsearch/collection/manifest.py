"""manifest.json: the only commit point of a collection. It names every other file with size and sha256.

The file is written in one canonical form and carries its own digest, so that a change of any byte of it shows.

Later versions may add fields, to it and to its spaces. This one reads past those that it does not know and keeps them while
they are true; a file that one of them names, an object of exactly file, size and sha256, is a file of the collection. Meant
for that is: `attributes`, what else is known of the items.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from imgsearch.collection.face.description import Description, SpaceDescription
from imgsearch.distance import METRIC
from imgsearch.embedding.spec import EmbedderSpec, NetworkFile
from imgsearch.errors import (
    BackboneError,
    BuildError,
    CollectionCorruptError,
    IncompatibleCollectionError,
    OutdatedCollectionError,
)
from imgsearch.records import read
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.face import Params
from imgsearch.vectors.projection import Method
from imgsearch.vectors.space import SpaceRecipe

FORMAT_VERSION = 3
READ_VERSIONS = (2, 3)
OUTDATED_VERSIONS = (1,)
"""A build replaces collections of these."""
MAX_MANIFEST_BYTES = 1 << 20
SPACE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_FILE = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_OF_CLASSES = ("classifier", "class_values")
_GIT_LFS = b"version https://git-lfs"


@dataclass(frozen=True)
class FileEntry:
    """A file of the collection: its path relative to the collection's folder, its size in bytes and its sha256."""

    file: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        if not (_FILE.fullmatch(self.file) and _SHA256.fullmatch(self.sha256) and self.size >= 0):
            raise ValueError(f"A file of a collection must lie in its folder. Received: {self.file!r}.")


@dataclass(frozen=True)
class SpaceEntry:
    """A space: what made it, and its files (see `space.SpaceRecipe` and `space.Space`).

    `transform` is there where the space is derived by PCA; `index` where its engine writes one, unless the space was built
    where that cannot be used. `map_method` is how the map was to be drawn, see `projection.project`: "pca" in a visitor's
    collection, and where scikit-learn was missing. `classifier` and `class_values` are both there or neither, in spaces
    that are not reduced. `more` has the fields that this version does not know.
    """

    embedder: EmbedderSpec
    pca: int
    engine: str
    params: Params
    embeddings: FileEntry
    index: FileEntry | None
    neighbors: FileEntry
    projection: FileEntry
    calibration: FileEntry
    transform: FileEntry | None
    whiten: bool = False
    map_method: Method = "tsne"
    classifier: FileEntry | None = None
    class_values: FileEntry | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recipe(self) -> SpaceRecipe:
        """What the space is made by."""
        return SpaceRecipe(self.embedder, self.pca, self.whiten, self.engine, self.params)

    @property
    def files(self) -> list[FileEntry]:
        """All of its files."""
        files = (self.embeddings, self.index, self.neighbors, self.projection, self.calibration, self.transform)
        classes = (self.classifier, self.class_values)
        return [*(file for file in (*files, *classes) if file), *_files_in(self.more)]

    @property
    def description(self) -> SpaceDescription:
        """What it is."""
        engine, shown = ENGINES[self.engine], (self.embeddings, self.projection, self.class_values)
        return SpaceDescription(
            embedder=self.embedder,
            dim=self.recipe.dim,
            pca=self.pca,
            whiten=self.whiten,
            engine=self.engine,
            params=self.params,
            engine_label=engine.label,
            is_indexed=self.index is not None,
            index=engine.words(self.params) if self.index or engine.is_exact else "",
            n_bytes=sum(file.size for file in self.files),
            embeddings_bytes=self.embeddings.size,
            index_bytes=self.index.size if self.index else 0,
            class_values_bytes=self.class_values.size if self.class_values else 0,
            map_method=self.map_method,
            digest=hashlib.sha256(" ".join(file.sha256 if file else "" for file in shown).encode()).hexdigest(),
        )

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; what was added later only where it is not the default, and `network` where there is one."""
        body = {**asdict(replace(self, more={})), "dim": self.recipe.dim}
        del body["more"]
        defaults = {"whiten": False, "map_method": "tsne", **dict.fromkeys(_OF_CLASSES)}
        for name, default in defaults.items():
            if body[name] == default:
                del body[name]
        # It stands beside the embedder, which is the same with and without it, also for earlier versions.
        if network := body["embedder"].pop("network"):
            body["network"] = network
        return {**body, **self.more}


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
        more: The fields that this version does not know.
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
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> list[FileEntry]:
        """Every file that is checked by hash when the collection is opened."""
        of_spaces = [file for space in self.spaces.values() for file in space.files]
        own = [self.items, self.skipped, *([self.evaluation] if self.evaluation else [])]
        return [*own, *_files_in(self.more), *of_spaces]

    @property
    def description(self) -> Description:
        """What the collection is."""
        return Description(
            title=self.title,
            source=self.source,
            license=self.license,
            n_items=self.n_items,
            n_skipped=self.n_skipped,
            n_bytes=self.thumbnails_bytes + sum(file.size for file in self.files),
            thumbnails_bytes=self.thumbnails_bytes,
            has_evaluation=self.evaluation is not None,
            digest=self.items.sha256,
            spaces={name: space.description for name, space in self.spaces.items()},
        )

    @property
    def networks(self) -> list[NetworkFile]:
        """The networks that its spaces name, which lie in the home, each once."""
        named = (space.embedder.network for space in self.spaces.values())
        return list(dict.fromkeys(network for network in named if network))

    def without_indexes(self) -> Manifest:
        """The same without the index files: they are built from the embeddings where they are missing."""
        return replace(self, spaces={name: replace(space, index=None) for name, space in self.spaces.items()})

    def without_networks(self) -> Manifest:
        """The same without the networks that run its embedders."""
        spaces = {name: replace(space, embedder=space.embedder.plain) for name, space in self.spaces.items()}
        return replace(self, spaces=spaces)

    def to_bytes(self) -> bytes:
        """The canonical form: UTF-8 JSON, indented, keys in this order, the digest of all before it at the end."""
        body: dict[str, Any] = {
            "format_version": FORMAT_VERSION,
            "metric": METRIC,
            **asdict(replace(self, more={}, spaces={})),
        }
        body["spaces"] = {name: space.to_json() for name, space in self.spaces.items()}
        del body["more"]
        body |= self.more
        return _dump({**body, "digest": hashlib.sha256(_dump(body)).hexdigest()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The opposite of `to_bytes`.

        Raises:
            CollectionCorruptError: the bytes are not exactly what `to_bytes` writes.
            IncompatibleCollectionError: they are of another version, or name an embedder or engine that is not known here.
        """
        if data.startswith(_GIT_LFS):
            raise CollectionCorruptError(
                "The collection's manifest is a git-lfs pointer, not the file itself.", hint="Run: git lfs pull"
            )
        body = _parse(data)
        version = body.pop("format_version", None)
        known = " and ".join(str(each) for each in READ_VERSIONS)
        if type(version) is int and version in OUTDATED_VERSIONS:
            raise OutdatedCollectionError(
                f"The collection has format version {version}, of an older imgsearch; this one reads {known}.",
                hint="Build it again with the same command.",
            )
        if type(version) is not int or version not in READ_VERSIONS:
            raise IncompatibleCollectionError(
                f"The collection has format version {version!r}; this program reads {known}.",
                hint="Build one under another name, or use the version of imgsearch that built it.",
            )
        try:
            return cls._from_json(_from_version_2(body) if version == 2 else body)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise IncompatibleCollectionError(
                "The collection's manifest is whole, but its contents are not what this program expects."
            ) from exc
        except (BackboneError, BuildError) as exc:
            raise IncompatibleCollectionError(f"The collection cannot be served here. {exc.message}") from exc

    @classmethod
    def _from_json(cls, body: dict[str, Any]) -> Self:
        metric, spaces = body.pop("metric"), body.pop("spaces")
        dims = {name: space.pop("dim") for name, space in spaces.items()}
        for space in spaces.values():
            if "network" in space:
                space["embedder"]["network"] = space.pop("network")
        more = {name: _take_unknown(SpaceEntry, space) for name, space in spaces.items()}
        more_of_all = _take_unknown(cls, body)
        manifest = replace(read(cls, {**body, "spaces": spaces}), more=more_of_all)
        entries = {name: replace(space, more=more[name]) for name, space in manifest.spaces.items()}
        if metric != METRIC or not entries or manifest.n_items < 1:
            raise ValueError("metric, spaces or n_items out of range")
        for name, entry in entries.items():
            has_transform, is_reduced = entry.transform is not None, entry.recipe.pca > 0
            if not SPACE_NAME.fullmatch(name) or dims[name] != entry.recipe.dim or has_transform != is_reduced:
                raise ValueError(f"not a space: {name!r}")
            has_classes = entry.class_values is not None
            if has_classes != (entry.classifier is not None) or (has_classes and is_reduced):
                raise ValueError(f"not a space with class values: {name!r}")
        manifest = replace(manifest, spaces=entries)
        _ = manifest.files  # also those that `more` names must be files of a collection
        return manifest


def _from_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """A manifest as version 3 has it: there was Annoy alone, and what it was told stood in the space itself."""
    spaces = {}
    for name, space in body["spaces"].items():
        params = {param: space[param] for param in ENGINES["annoy"].params}
        space = {**space, "engine": "annoy", "params": params, "map_method": "tsne"}
        spaces[name] = {each: space[each] for each in (*_names(SpaceEntry), "dim") if each not in _OF_CLASSES}
    known = {each: body[each] for each in (*_names(Manifest), "metric")}
    return {**known, "spaces": spaces}


def _names(kind: type[Manifest | SpaceEntry]) -> list[str]:
    """The fields that a file has."""
    return [each.name for each in fields(kind) if each.name != "more"]


def _take_unknown(kind: type[Manifest | SpaceEntry], body: dict[str, Any]) -> dict[str, Any]:
    """Takes out of an object what is no field of the class."""
    known = _names(kind)
    return {name: body.pop(name) for name in list(body) if name not in known}


def _files_in(value: Any) -> list[FileEntry]:
    """The files that fields name which this version does not know, however deep."""
    files, waiting = [], [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping) and value.keys() == {each.name for each in fields(FileEntry)}:
            files.append(read(FileEntry, value))
        elif isinstance(value, Mapping | list):
            waiting += value.values() if isinstance(value, Mapping) else value
    return files


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
