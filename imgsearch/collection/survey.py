"""Every picture of a build: looked at in threads, embedded in batches, noted in the ledger."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from imgsearch.collection import ledger
from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import add_thumbnail
from imgsearch.embedding.embedders import BATCH_SIZE, Embedder, load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, ImageError
from imgsearch.files.home import thumbnail_path
from imgsearch.pictures import decode
from imgsearch.pictures.folder import PictureFile
from imgsearch.pictures.items import Item, Skipped
from imgsearch.progress import Progress
from imgsearch.settings import N_THREADS

AHEAD = 3 * BATCH_SIZE
"""Pictures that may wait, decoded, for the network; bounds the memory."""


@dataclass
class Known:
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


class Survey:
    """Looks at every file and embeds what no embedder has seen."""

    def __init__(self, path: Path, home: Path, known: Known, progress: Progress) -> None:
        self.progress = progress
        self.n_embedded = 0
        self._path = path
        self._home = home
        self._known = known
        self._embedders: dict[EmbedderSpec, Embedder] = {}
        self._failure: BackboneError | None = None
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
            self._tell(n_done, len(files))
        n_done += self._embed(batch)
        self._tell(n_done, len(files))
        return sorted(items, key=lambda item: item.item_id), skipped

    def _tell(self, n_done: int, n_all: int) -> None:
        with self._lock:  # not while a thread tells how far the download of weights is
            self.progress(n_done, n_all, "embedding")

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
        """Made when the first picture needs it: a build that finds nothing new never imports TensorFlow.

        What cannot be made is not tried again by the other threads, which all wait for it here.
        """
        with self._lock:
            if self._failure:
                raise self._failure
            if spec not in self._embedders:
                try:
                    self._embedders[spec] = load_embedder(spec, self._home, self.progress)
                except BackboneError as exc:
                    self._failure = exc
                    raise
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
