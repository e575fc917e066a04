"""Folder of pictures -> collection: looked at in threads, embedded in batches, noted in a ledger, committed at once.

Until the manifest is replaced, the old collection (or none) stands; a killed build goes on from its ledger. The folder of
pictures is only read.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from imgsearch.collection import ledger
from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft, add_thumbnail
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.reading import read_manifest
from imgsearch.collection.sweep import retire, sweep
from imgsearch.embedding.backbones import DEFAULT_BACKBONE
from imgsearch.embedding.embedders import BATCH_SIZE, Embedder, load_embedder
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.errors import (
    BuildError,
    CollectionError,
    CollectionNotFoundError,
    ImageError,
    IncompatibleCollectionError,
)
from imgsearch.files.disk import disk_errors
from imgsearch.files.home import collection_path, thumbnail_path, thumbnails_folder
from imgsearch.pictures import decode, folder
from imgsearch.pictures.folder import PictureFile
from imgsearch.pictures.items import Item, Skipped
from imgsearch.progress import Progress
from imgsearch.settings import N_THREADS
from imgsearch.vectors.engines.annoy import annoy_works
from imgsearch.vectors.space import SpaceSpec

AHEAD = 3 * BATCH_SIZE
"""Pictures that may wait, decoded, for the network; bounds the memory."""
MAX_TEXT_BYTES = 4096
"""Longest title, source, license and label pattern."""


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        collection: The result, opened and so checked.
        n_embedded: Pictures that were embedded now; the others were known.
        skipped: Pictures left out.
        is_unchanged: Nothing had changed, nothing was written.
        replaced_damaged: Why the collection that was there could not be used, or None.
    """

    collection: Collection
    n_embedded: int
    skipped: Sequence[Skipped]
    is_unchanged: bool
    replaced_damaged: str | None = None


@dataclass(frozen=True)
class _Before:
    """What is there before a build: the manifest if that can be read, the collection if all can, else what is wrong."""

    manifest: Manifest | None
    collection: Collection | None
    damage: str | None


@dataclass
class _Known:
    """What need not be done again: the collection that is there, and the ledger of a build that was cut off."""

    previous: Collection | None
    notes: ledger.Ledger
    items: dict[str, Item] = field(default_factory=dict)
    digests: dict[EmbedderSpec, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._spaces: dict[EmbedderSpec, np.ndarray] = {}
        if self.previous:
            self.items = {item.item_id: item for item in self.previous.items}
            self._rows = {item.sha256: row for row, item in enumerate(self.previous.items)}
            self._spaces = {
                space.spec: space.embeddings for space in self.previous.spaces.values() if space.transform is None
            }
        self.items |= self.notes.items()

    def load(self, specs: Iterable[EmbedderSpec]) -> None:
        for spec in specs:
            stored = set(self._rows) if spec in self._spaces else set()
            self.digests[spec] = stored | self.notes.embedded(spec)

    def missing(self, sha256: str) -> list[EmbedderSpec]:
        """The embedders that have not seen a picture yet."""
        return [spec for spec, digests in self.digests.items() if sha256 not in digests]

    def embedding(self, sha256: str, spec: EmbedderSpec) -> np.ndarray:
        if spec in self._spaces and sha256 in self._rows:
            return np.asarray(self._spaces[spec][self._rows[sha256]])
        return self.notes.embedding(sha256, spec)


@dataclass(frozen=True)
class _Looked:
    """A picture after the threads are done with it: its item, and its input for each embedder that has not seen it."""

    item: Item
    inputs: Mapping[EmbedderSpec, np.ndarray]


def build_collection(
    name: str,
    directory: Path,
    *,
    home: Path,
    embedders: Sequence[EmbedderSpec] = (),
    pca: int | None = None,
    whiten: bool = False,
    title: str | None = None,
    source: str | None = None,
    license: str | None = None,
    label_pattern: str | None = None,
    left_out: Sequence[Skipped] = (),
    n_trees: int | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Makes or renews a collection.

    Args:
        name: Lower-case letters, digits and hyphens.
        directory: The pictures; sub-folders are read too, and nothing is written there.
        home: The folder of collections.
        embedders: Spaces to add to those that the collection has (also where only its manifest can be read); one of a
            name that is there replaces it. Defaults to none for a collection that is there, else to inception_v3 with
            ImageNet weights.
        pca: Adds a space of so many principal components for each backbone among the embedders, or, where none are given,
            among those that the collection has.
        whiten: With `pca`: divides each component by its standard deviation.
        title: For people. Defaults to the one it has, or its name.
        source, license: Where the pictures come from and under which terms, for people. Default to what it says.
        label_pattern: See `folder.labeller`. Defaults to the one it was built with.
        left_out: Pictures that somebody else left out, for the list of those skipped.
        n_trees: Annoy's: more trees, better recall, larger file. Defaults to what the collection has, or 50.
        progress: Told how far the build is.

    Raises:
        BuildError: the folder, the labels or the result (no usable picture) will not do, or the disk is full.
        BackboneError: an embedder cannot be made.
    """
    path = collection_path(name, home)
    _check_text("title", title)
    _check_text("source", source)
    _check_text("license", license)
    _check_text("label pattern", label_pattern)
    files = folder.scan(directory, exclude=home)
    if directory.resolve() == home.resolve() or directory.resolve().is_relative_to(path.resolve()):
        raise BuildError("The pictures must lie outside of the collection, since nothing is written among them.")
    if not annoy_works():
        raise BuildError(
            "The annoy package does not run on this processor, so no index can be built.",
            hint="Install it from source (pip install --no-binary annoy annoy), or build elsewhere and copy the result.",
        )
    with disk_errors():
        thumbnails_folder(path).mkdir(parents=True, exist_ok=True)
        notes = ledger.Ledger(path)  # from here on no other build changes what is there
        is_done = False
        try:
            before = _before(name, home)
            previous = before.collection
            specs = _specs(before.manifest, embedders, pca, whiten)
            if n_trees is not None:
                specs = {space: replace(spec, n_trees=n_trees) for space, spec in specs.items()}
            if before.manifest:
                source = before.manifest.source if source is None else source
                license = before.manifest.license if license is None else license
                label_pattern = before.manifest.label_pattern if label_pattern is None else label_pattern
            label = _labeller(directory, label_pattern, files)
            known = _Known(previous, notes)
            known.load(dict.fromkeys(spec.embedder for spec in specs.values()))
            run = _Run(path, home, known, progress or (lambda done, total, what: None))
            items, unusable = run.look_at(files)
            if not items:
                reasons = "; ".join(sorted({each.reason for each in unusable})[:3])
                raise BuildError(f"None of the {len(files)} pictures can be used: {reasons}")
            items = [replace(item, label=label(item.item_id)) for item in items]
            skipped = sorted([*unusable, *left_out], key=lambda each: each.item_id)
            draft = Draft(
                title=title or (before.manifest.title if before.manifest else name),
                source=source or "",
                license=license or "",
                label_pattern=label_pattern,
                items=items,
                skipped=skipped,
                specs=specs,
            )
            is_unchanged = previous is not None and draft.equals(previous)
            if not is_unchanged:
                if previous:
                    retire(previous, items)
                draft.commit(path, known.embedding, previous, lambda what: run.progress(len(files), len(files), what))
            is_done = True
        finally:
            notes.close(remove=is_done)
        if previous and is_unchanged:
            collection = previous  # opened and checked above
        else:
            collection = Collection.open(name, home)
            sweep(collection)
    return BuildReport(collection, run.n_embedded, skipped, is_unchanged, before.damage)


def _before(name: str, home: Path) -> _Before:
    manifest = None
    try:
        manifest = read_manifest(collection_path(name, home))
        return _Before(manifest, Collection.open(name, home), None)
    except (CollectionNotFoundError, FileNotFoundError):
        return _Before(None, None, None)
    except IncompatibleCollectionError:
        raise  # sound, and perhaps of a newer version: not ours to replace
    except CollectionError as exc:
        return _Before(manifest, None, exc.message)


def _specs(
    manifest: Manifest | None, embedders: Sequence[EmbedderSpec], pca: int | None, whiten: bool
) -> dict[str, SpaceSpec]:
    """The spaces to be, by name: those that are there, then the new ones; a reduced space goes with its embedder's."""
    specs = {space: entry.spec for space, entry in manifest.spaces.items()} if manifest else {}
    specs |= {spec.space: replace(specs.get(spec.space, SpaceSpec(spec)), embedder=spec) for spec in embedders}
    specs = specs or {DEFAULT_BACKBONE: SpaceSpec(embedder_spec(DEFAULT_BACKBONE))}
    if pca:
        chosen = embedders or [spec.embedder for spec in specs.values() if not spec.pca]
        reduced = [SpaceSpec(embedder, pca, whiten) for embedder in chosen if not embedder.is_descriptor]
        specs |= {spec.name: spec for spec in reduced}
    return {name: replace(spec, embedder=specs[spec.embedder.space].embedder) for name, spec in specs.items()}


def _check_text(what: str, text: str | None) -> None:
    """Refuses what the manifest could not hold."""
    try:
        size = len((text or "").encode())
    except UnicodeEncodeError:
        raise BuildError(f"The {what} must be UTF-8 text.") from None
    if size > MAX_TEXT_BYTES:
        raise BuildError(f"The {what} must have at most {MAX_TEXT_BYTES:,} bytes. Received: {size:,} bytes.")


def _labeller(directory: Path, pattern: str | None, files: Sequence[PictureFile]) -> Callable[[str], str]:
    """See `folder.labeller`. BuildError where a pattern or a metadata file, given on purpose, labels none of the files."""
    label = folder.labeller(directory, pattern)
    has_metadata = (directory / folder.METADATA_FILE).is_file()
    if (pattern is not None or has_metadata) and not any(label(file.item_id) for file in files):
        source = f"label pattern {pattern!r}" if pattern is not None else folder.METADATA_FILE
        raise BuildError(
            f"The {source} must give labels to some of the {len(files)} pictures, and gives none. "
            f"The first item id is {files[0].item_id!r}."
        )
    return label


class _Run:
    """Looks at every file and embeds what no embedder has seen."""

    def __init__(self, path: Path, home: Path, known: _Known, progress: Progress) -> None:
        self.progress = progress
        self.n_embedded = 0
        self._path = path
        self._home = home
        self._known = known
        self._embedders: dict[EmbedderSpec, Embedder] = {}
        self._lock = threading.Lock()

    def look_at(self, files: Sequence[PictureFile]) -> tuple[list[Item], list[Skipped]]:
        """Items and skipped pictures, each by item id."""
        items: list[Item] = []
        skipped: list[Skipped] = []
        batch: list[_Looked] = []
        new = []
        for file in files:
            item = self._recall(file)
            if item is None:
                new.append(file)
            else:
                items.append(item)
        n_done = len(items)
        self.progress(n_done, len(files), "embedding")
        for outcome in self._look_ahead(new):
            if isinstance(outcome, Skipped):
                skipped.append(outcome)
                n_done += 1
            else:
                items.append(outcome.item)
                batch.append(outcome)
            if len(batch) == BATCH_SIZE:
                n_done += self._embed(batch)
                batch = []
            self.progress(n_done, len(files), "embedding")
        n_done += self._embed(batch)
        self.progress(n_done, len(files), "embedding")
        return sorted(items, key=lambda item: item.item_id), skipped

    def _recall(self, file: PictureFile) -> Item | None:
        """The item of a file that has not changed and that every embedder has seen."""
        item = self._known.items.get(file.item_id)
        if item is None or (item.bytes, item.mtime_ns) != (file.bytes, file.mtime_ns):
            return None
        return None if self._known.missing(item.sha256) or not self._has_thumbnail(item) else item

    def _has_thumbnail(self, item: Item) -> bool:
        try:
            return thumbnail_path(self._path, item.thumbnail).stat().st_size == item.thumbnail_bytes
        except OSError:
            return False

    def _embedder(self, spec: EmbedderSpec) -> Embedder:
        """Made when the first picture needs it: a build that finds nothing new never imports TensorFlow."""
        with self._lock:
            if spec not in self._embedders:
                self._embedders[spec] = load_embedder(spec, self._home)
            return self._embedders[spec]

    def _look_ahead(self, files: Sequence[PictureFile]) -> Iterator[_Looked | Skipped]:
        """Outcomes in the order of the files, some being worked on ahead."""
        with ThreadPoolExecutor(N_THREADS) as pool:
            waiting: deque[Future[_Looked | Skipped]] = deque()
            try:
                for file in files:
                    waiting.append(pool.submit(self._look, file))
                    if len(waiting) >= AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _look(self, file: PictureFile) -> _Looked | Skipped:
        """Reads, decodes, makes the thumbnail, prepares. Runs in the threads."""
        try:
            data = decode.read_file(file.path, decode.DEFAULT_LIMITS.max_bytes)
            sha256 = hashlib.sha256(data).hexdigest()
            earlier = self._known.items.get(file.item_id)
            missing = self._known.missing(sha256)
            if earlier and earlier.sha256 == sha256 and not missing and self._has_thumbnail(earlier):
                return _Looked(replace(earlier, bytes=file.bytes, mtime_ns=file.mtime_ns), {})  # only touched
            picture = decode.decode_image(data)
        except ImageError as exc:
            return Skipped(file.item_id, exc.message)
        thumbnail, thumbnail_bytes = add_thumbnail(self._path, picture.pixels)
        item = Item(
            item_id=file.item_id,
            label="",
            width=picture.width,
            height=picture.height,
            bytes=file.bytes,
            mtime_ns=file.mtime_ns,
            sha256=sha256,
            thumbnail=thumbnail,
            thumbnail_bytes=thumbnail_bytes,
        )
        return _Looked(item, {spec: self._embedder(spec).prepare(picture.pixels) for spec in missing})

    def _embed(self, batch: Sequence[_Looked]) -> int:
        """Embeds and notes a batch; returns its length."""
        embeddings: dict[EmbedderSpec, dict[str, np.ndarray]] = {}
        for spec in self._known.digests:
            # By digest, so that copies of a picture are embedded once.
            seen = self._known.digests[spec]
            inputs = {
                looked.item.sha256: looked.inputs[spec]
                for looked in batch
                if spec in looked.inputs and looked.item.sha256 not in seen
            }
            if not inputs:
                continue
            vectors = self._embedder(spec).embed_prepared(list(inputs.values()))
            embeddings[spec] = dict(zip(inputs, vectors, strict=True))
            seen.update(inputs)
        self._known.notes.add([looked.item for looked in batch], embeddings)
        self.n_embedded += sum(bool(looked.inputs) for looked in batch)
        return len(batch)
