"""Every picture of a build: looked at by embedders, noted batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import add_thumbnail
from imgsearch.embedding.embedders import Embedded, Outcome, Wanted
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import ImgSearchError, WorkerBusyError, WorkerError
from imgsearch.files.home import thumbnail_path
from imgsearch.pictures.folder import PictureFile
from imgsearch.pictures.items import Item, Skipped
from imgsearch.progress import Progress

_BATCH = 32
"""Pictures that are noted at once."""
_MAX_WORKER_ERRORS = 3


class Notes(Protocol):
    """Where a build notes what it has done: `ledger.Ledger`, or `Memory`."""

    def items(self) -> dict[str, Item]: ...

    def embedded(self, spec: EmbedderSpec) -> set[str]: ...

    def embedding(self, sha256: str, spec: EmbedderSpec) -> np.ndarray: ...

    def add(self, items: Iterable[Item], embeddings: Mapping[EmbedderSpec, Mapping[str, np.ndarray]]) -> None: ...


class Memory:
    """Notes of a build that nobody goes on with: see `ledger.Ledger`, whose face this has."""

    def __init__(self) -> None:
        self._vectors: dict[tuple[str, EmbedderSpec], np.ndarray] = {}

    def items(self) -> dict[str, Item]:
        return {}

    def embedded(self, spec: EmbedderSpec) -> set[str]:
        return {sha256 for sha256, by in self._vectors if by == spec}

    def embedding(self, sha256: str, spec: EmbedderSpec) -> np.ndarray:
        return self._vectors[sha256, spec]

    def add(self, items: Iterable[Item], embeddings: Mapping[EmbedderSpec, Mapping[str, np.ndarray]]) -> None:
        del items
        for spec, vectors in embeddings.items():
            self._vectors |= {(sha256, spec): vector for sha256, vector in vectors.items()}


@dataclass
class Known:
    """What need not be done again: the collection that is there, and the notes of a build that was cut off."""

    previous: Collection | None
    notes: Notes
    items: dict[str, Item] = field(default_factory=dict)
    digests: dict[EmbedderSpec, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._spaces: dict[EmbedderSpec, np.ndarray] = {}
        if self.previous:
            self.items = {item.item_id: item for item in self.previous.items}
            self._rows = {item.sha256: row for row, item in enumerate(self.previous.items)}
            self._spaces = {
                space.spec.plain: space.embeddings for space in self.previous.spaces.values() if space.transform is None
            }
        self.items |= self.notes.items()

    def load(self, specs: Iterable[EmbedderSpec]) -> None:
        for spec in specs:
            stored = set(self._rows) if spec.plain in self._spaces else set()
            self.digests[spec] = stored | self.notes.embedded(spec)

    def missing(self, sha256: str) -> list[EmbedderSpec]:
        """The embedders that have not seen a picture yet."""
        return [spec for spec, digests in self.digests.items() if sha256 not in digests]

    def embedding(self, sha256: str, spec: EmbedderSpec) -> np.ndarray:
        if spec.plain in self._spaces and sha256 in self._rows:
            return np.asarray(self._spaces[spec.plain][self._rows[sha256]])
        return self.notes.embedding(sha256, spec)


class Survey:
    """Looks at every file and embeds what no embedder has seen."""

    def __init__(
        self, path: Path, embed: Callable[[Iterable[Wanted]], Iterator[Outcome]], known: Known, progress: Progress
    ) -> None:
        """embed: See `Embedders.embed`."""
        self.n_embedded = 0
        self._path = path
        self._embed = embed
        self._known = known
        self._progress = progress
        self._under_way: dict[str, str] = {}  # digest -> the first file of that content
        self._lock = threading.Lock()

    def look_at(self, files: Sequence[PictureFile]) -> tuple[list[Item], list[Skipped]]:
        """Items and skipped pictures, each by item id.

        Raises:
            BackboneError, WorkerError: the pictures cannot be embedded now.
        """
        recalled = {file.item_id: self._recall(file) for file in files}
        items = [item for item in recalled.values() if item]
        new = [file for file in files if not recalled[file.item_id]]
        skipped: list[Skipped] = []
        n_worker_errors = 0
        batch: list[tuple[Item, Embedded]] = []
        outcomes = self._embed(self._wanted(file) for file in new)
        try:
            for file, outcome in zip(new, self._told(outcomes, len(items), len(files)), strict=True):
                if isinstance(outcome, Embedded):
                    batch.append((self._item(file, outcome), outcome))
                    items.append(batch[-1][0])
                else:
                    n_worker_errors += isinstance(outcome, WorkerError)
                    if n_worker_errors == _MAX_WORKER_ERRORS or isinstance(outcome, WorkerBusyError):
                        raise outcome
                    skipped.append(Skipped(file.item_id, outcome.message))
                    self._give_up(file)
                if len(batch) == _BATCH:
                    self._note(batch)
                    batch = []
        except (ImgSearchError, KeyboardInterrupt):
            self._note(batch)
            raise
        self._note(batch)
        return sorted(items, key=lambda item: item.item_id), skipped

    def _give_up(self, file: PictureFile) -> None:
        """Lets a copy of it be tried."""
        with self._lock:
            self._under_way = {sha256: first for sha256, first in self._under_way.items() if first != file.item_id}

    def _told(self, outcomes: Iterator[Outcome], n_done: int, n_all: int) -> Iterator[Outcome]:
        self._progress(n_done, n_all, "embedding")
        for number, outcome in enumerate(outcomes, start=n_done + 1):
            yield outcome
            self._progress(number, n_all, "embedding")

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

    def _wanted(self, file: PictureFile) -> Wanted:
        """What is still to be done for a file, which its content tells. The embedders ask in their threads."""

        def missing(sha256: str) -> list[EmbedderSpec] | None:
            earlier = self._known.items.get(file.item_id)
            specs = self._known.missing(sha256)
            if earlier and earlier.sha256 == sha256 and not specs and self._has_thumbnail(earlier):
                return None  # only touched
            with self._lock:  # copies of a picture are embedded once
                return specs if self._under_way.setdefault(sha256, file.item_id) == file.item_id else []

        return Wanted(file.path, missing, thumbnail=True)

    def _item(self, file: PictureFile, looked: Embedded) -> Item:
        if not looked.width:
            return replace(self._known.items[file.item_id], bytes=file.bytes, mtime_ns=file.mtime_ns)
        thumbnail, thumbnail_bytes = add_thumbnail(self._path, looked.thumbnail)
        return Item(
            item_id=file.item_id,
            label="",
            width=looked.width,
            height=looked.height,
            bytes=file.bytes,
            mtime_ns=file.mtime_ns,
            sha256=looked.sha256,
            thumbnail=thumbnail,
            thumbnail_bytes=thumbnail_bytes,
        )

    def _note(self, batch: Sequence[tuple[Item, Embedded]]) -> None:
        embeddings: dict[EmbedderSpec, dict[str, np.ndarray]] = {}
        for item, looked in batch:
            for spec, vector in looked.vectors.items():
                embeddings.setdefault(spec, {})[item.sha256] = vector
        self._known.notes.add([item for item, _ in batch], embeddings)
        for spec, vectors in embeddings.items():
            self._known.digests[spec].update(vectors)
        self.n_embedded += sum(bool(looked.vectors) for _, looked in batch)
