"""A collection that is about to be: written under new names, then committed by its manifest; and what is swept after."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from imgsearch import ledger
from imgsearch.collection import Collection, Skipped
from imgsearch.embedding import EmbedderSpec
from imgsearch.index import SEED, AnnoyIndex
from imgsearch.items import Item, Items
from imgsearch.manifest import FILE_NAME, FileEntry, Manifest, SpaceEntry
from imgsearch.weights import file_digest

SWEEP_AFTER_S = 3600
"""A running page may still read files that a new manifest no longer names: they are left for so long (see `retire`)."""

Lookup = Callable[[str, EmbedderSpec], np.ndarray]
"""Digest of a picture's content, embedder -> float32 (dim,), of length 1."""


@dataclass(frozen=True)
class Draft:
    """A collection that is about to be."""

    title: str
    label_pattern: str | None
    items: Sequence[Item]
    skipped: Sequence[Skipped]
    specs: Mapping[str, EmbedderSpec]
    n_trees: int

    def equals(self, previous: Collection) -> bool:
        """Whether the collection that is there is the same."""
        manifest = previous.manifest
        return (
            (self.title, self.label_pattern) == (manifest.title, manifest.label_pattern)
            and list(self.items) == list(previous.items)
            and list(self.skipped) == previous.skipped
            and dict(self.specs) == {name: entry.embedder for name, entry in manifest.spaces.items()}
            and all(entry.n_trees == self.n_trees for entry in manifest.spaces.values())
        )

    def commit(self, path: Path, embedding: Lookup) -> None:
        """Writes all files under new names, then the manifest that names them."""
        with _writing(path, "items", ".parquet") as (file, items):
            Items(self.items).write(file)
        with _writing(path, "skipped", ".jsonl") as (file, skipped):
            lines = [json.dumps({"item_id": each.item_id, "reason": each.reason}) + "\n" for each in self.skipped]
            file.write_text("".join(lines), encoding="utf-8")
        spaces = {name: self._write_space(path, name, spec, embedding) for name, spec in self.specs.items()}
        manifest = Manifest(
            title=self.title,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            label_pattern=self.label_pattern,
            n_items=len(self.items),
            n_skipped=len(self.skipped),
            thumbnails_bytes=sum({item.thumbnail: item.thumbnail_bytes for item in self.items}.values()),
            items=items[0],
            skipped=skipped[0],
            spaces=spaces,
        )
        write_atomically(path / FILE_NAME, manifest.to_bytes(), sync=True)

    def _write_space(self, path: Path, name: str, spec: EmbedderSpec, embedding: Lookup) -> SpaceEntry:
        folder_of_space = path / "spaces" / name
        folder_of_space.mkdir(parents=True, exist_ok=True)
        with _writing(path, f"spaces/{name}/embeddings", ".npy") as (file, embeddings), file.open("wb") as stream:
            header = {"descr": "<f4", "fortran_order": False, "shape": (len(self.items), spec.dim)}
            np.lib.format.write_array_header_1_0(stream, header)
            for item in self.items:
                stream.write(embedding(item.sha256, spec).astype("<f4").tobytes())
        stored = np.load(path / embeddings[0].file, mmap_mode="r")
        with _writing(path, f"spaces/{name}/index", ".ann") as (file, index):
            AnnoyIndex.build(stored, file, n_trees=self.n_trees)
        return SpaceEntry(spec, self.n_trees, SEED, embeddings[0], index[0])


@contextlib.contextmanager
def _writing(path: Path, stem: str, suffix: str) -> Iterator[tuple[Path, list[FileEntry]]]:
    """A temporary file to write; it gets the digest of its content as part of its name, and its entry is handed back."""
    entries: list[FileEntry] = []
    temporary = path / f"{stem}.tmp"
    try:
        yield temporary, entries
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        digest = file_digest(temporary)
        relative = f"{stem}-{digest[:16]}{suffix}"
        entries.append(FileEntry(relative, temporary.stat().st_size, digest))
        os.replace(temporary, path / relative)
    except BaseException:  # a full disk is not kept full
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Writes a file that is there whole or not at all; `sync` waits until it is on the disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            if sync:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def retire(previous: Collection, items: Sequence[Item]) -> None:
    """Dates the files that a new manifest with these items may not name any more: their time of grace begins now."""
    kept = {item.thumbnail for item in items}
    files = [previous.path / entry.file for entry in previous.manifest.files]
    for file in files + [previous.thumbnail_path(item) for item in previous.items if item.thumbnail not in kept]:
        os.utime(file)


def sweep(collection: Collection) -> None:
    """Removes what the manifest does not name, once it is older than a running page may need it."""
    path = collection.path
    named = {path / entry.file for entry in collection.manifest.files}
    named |= {collection.thumbnail_path(item) for item in collection.items}
    named |= {path / FILE_NAME, path / ledger.FILE_NAME}
    oldest = time.time() - SWEEP_AFTER_S
    for file in path.rglob("*"):
        if file in named:
            continue
        with contextlib.suppress(OSError):  # the next build may be at work already, and waste is no harm
            if file.is_file() and file.stat().st_mtime < oldest:
                file.unlink()
