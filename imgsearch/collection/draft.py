"""A collection that is about to be: written under new names, then committed by its manifest."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.manifest import FileEntry, Manifest, SpaceEntry
from imgsearch.collection.reading import read_manifest
from imgsearch.collection.sweep import retire
from imgsearch.counting import counted
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError
from imgsearch.files.disk import disk_errors, file_digest, write_atomically
from imgsearch.files.home import MANIFEST_FILE, thumbnail_path
from imgsearch.files.locks import alone
from imgsearch.pictures.items import Item, Items, Skipped
from imgsearch.vectors.calibration import calibrate
from imgsearch.vectors.engines.annoy import SEED, AnnoyIndex, annoy_fault
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import VectorIndex
from imgsearch.vectors.neighbors import N_NEIGHBORS, nearest_neighbors
from imgsearch.vectors.projection import Method, project
from imgsearch.vectors.space import SpaceSpec
from imgsearch.vectors.transform import Transform, fit_pca

_CHUNK = 1024

Lookup = Callable[[str, EmbedderSpec], np.ndarray]
"""Digest of a picture's content, embedder -> float32 (dim,), of length 1."""


@dataclass(frozen=True)
class Draft:
    """A collection that is about to be. `map_method` is how its maps are drawn: see `projection.project`."""

    title: str
    source: str
    license: str
    label_pattern: str | None
    items: Sequence[Item]
    skipped: Sequence[Skipped]
    specs: Mapping[str, SpaceSpec]
    map_method: Method = "tsne"

    @classmethod
    def of(cls, collection: Collection) -> Draft:
        """A draft of what is there already, to be changed with `dataclasses.replace`."""
        manifest = collection.manifest
        return cls(
            title=manifest.title,
            source=manifest.source,
            license=manifest.license,
            label_pattern=manifest.label_pattern,
            items=list(collection.items),
            skipped=collection.skipped,
            specs={name: entry.spec for name, entry in manifest.spaces.items()},
        )

    def equals(self, previous: Collection) -> bool:
        """Whether the collection that is there is the same."""
        manifest = previous.manifest
        return (
            (self.title, self.source, self.license) == (manifest.title, manifest.source, manifest.license)
            and self.label_pattern == manifest.label_pattern
            and list(self.items) == list(previous.items)
            and list(self.skipped) == previous.skipped
            and dict(self.specs) == {name: entry.spec for name, entry in manifest.spaces.items()}
            and not (previous.exact_spaces and annoy_fault() is None)  # else they get their index now
        )

    def commit(self, path: Path, embedding: Lookup, previous: Collection | None, tell: Callable[[str], None]) -> None:
        """Writes all files under new names, then the manifest that names them.

        Args:
            path: Folder of the collection.
            embedding: Where the vectors come from.
            previous: What is there; whatever of it stays true is not computed again.
            tell: Told what is being done, a few words.
        """
        with _writing(path, "items", ".parquet") as (file, items):
            Items(self.items).write(file)
        with _writing(path, "skipped", ".jsonl") as (file, skipped):
            # Without an n of 1: earlier versions read the lists that they could have written.
            records = [{key: value for key, value in vars(each).items() if value != 1} for each in self.skipped]
            file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        spaces: dict[str, SpaceEntry] = {}
        for name, spec in sorted(self.specs.items(), key=lambda pair: bool(pair[1].pca)):  # the bases first
            spaces[name] = _SpaceWriter(self, path, name, spec, tell).write(embedding, spaces, previous)
        manifest = Manifest(
            title=self.title,
            source=self.source,
            license=self.license,
            label_pattern=self.label_pattern,
            n_items=len(self.items),
            n_skipped=sum(each.n for each in self.skipped),
            thumbnails_bytes=sum({item.thumbnail: item.thumbnail_bytes for item in self.items}.values()),
            items=items[0],
            skipped=skipped[0],
            evaluation=self._evaluation(spaces, previous),
            spaces={name: spaces[name] for name in self.specs},
        )
        write_atomically(path / MANIFEST_FILE, manifest.to_bytes(), sync=True)

    def renew(self, collection: Collection, tell: Callable[[str], None] = lambda what: None) -> None:
        """Commits over the collection, whose items and embedders this draft has, with the vectors that it has."""
        rows = {item.sha256: row for row, item in enumerate(collection.items)}
        spaces = {space.spec: space.embeddings for space in collection.spaces.values() if space.transform is None}
        retire(collection, self.items)
        self.commit(collection.path, lambda sha256, spec: spaces[spec][rows[sha256]], collection, tell)

    def _evaluation(self, spaces: Mapping[str, SpaceEntry], previous: Collection | None) -> FileEntry | None:
        """The saved evaluation, where what it measured is still what there is."""
        if previous is None:
            return None
        before = {name: entry.embeddings for name, entry in previous.manifest.spaces.items()}
        is_same = before == {name: entry.embeddings for name, entry in spaces.items()}
        names = [(item.item_id, item.label) for item in self.items]
        is_same = is_same and names == [(item.item_id, item.label) for item in previous.items]
        return previous.manifest.evaluation if is_same else None


@dataclass(frozen=True)
class _SpaceWriter:
    """Writes the files of one space."""

    draft: Draft
    path: Path
    name: str
    spec: SpaceSpec
    tell: Callable[[str], None]

    def write(self, embedding: Lookup, written: Mapping[str, SpaceEntry], previous: Collection | None) -> SpaceEntry:
        """Args:
        embedding: See `Draft.commit`.
        written: The spaces that are done, the one that this is derived from among them.
        previous: What is there.
        """
        (self.path / "spaces" / self.name).mkdir(parents=True, exist_ok=True)
        transform_file = None
        if self.spec.pca:
            base = self._load(written[self.spec.embedder.space].embeddings)
            transform = self._fit(base)
            transform_file = self._write_bytes("transform", ".npy", transform.to_bytes())
            chunks = (transform.apply(base[start : start + _CHUNK]) for start in range(0, len(base), _CHUNK))
        else:
            chunks = (embedding(item.sha256, self.spec.embedder)[None] for item in self.draft.items)
        embeddings_file = self._write_embeddings(chunks)
        embeddings = self._load(embeddings_file)
        earlier = self._earlier(embeddings_file, previous)
        index_file = self._index(embeddings, earlier, previous)
        facts = self._facts(embeddings, index_file) if earlier is None else _facts_of(earlier)
        return SpaceEntry(
            embedder=self.spec.embedder,
            pca=self.spec.pca,
            whiten=self.spec.whiten,
            n_trees=self.spec.n_trees,
            search_k=self.spec.search_k,
            seed=SEED,
            embeddings=embeddings_file,
            index=index_file,
            transform=transform_file,
            **facts,
        )

    def _index(self, embeddings: np.ndarray, earlier: SpaceEntry | None, previous: Collection | None) -> FileEntry | None:
        """Annoy's index: the earlier one where that will do, None where there is none and annoy cannot be used."""
        kept = earlier.index if earlier and earlier.n_trees == self.spec.n_trees else None
        is_exact = previous is not None and self.name in previous.exact_spaces
        if annoy_fault() or (kept and not is_exact):
            return kept
        self.tell(f"indexing {self.name}")
        with self._writing("index", ".ann") as (file, entries):
            AnnoyIndex.build(embeddings, file, n_trees=self.spec.n_trees)
        return entries[0]

    def _facts(self, embeddings: np.ndarray, index_file: FileEntry | None) -> dict[str, FileEntry]:
        """What is measured of the embeddings: neighbours, map and calibration."""
        index: VectorIndex = ExactIndex(embeddings)
        if index_file:
            index = AnnoyIndex(self.path / index_file.file, embeddings)
        self.tell(f"finding neighbours in {self.name}")
        neighbors = nearest_neighbors(embeddings, index, N_NEIGHBORS)
        self.tell(f"drawing the map of {self.name}")
        projection = project(embeddings, neighbors, self.draft.map_method)
        self.tell(f"calibrating {self.name}")
        labels = [item.label for item in self.draft.items]
        calibration = calibrate(embeddings, neighbors, labels, has_verdict=not self.spec.embedder.is_descriptor)
        return {
            "neighbors": self._write_array("neighbors", neighbors),
            "projection": self._write_array("projection", projection),
            "calibration": self._write_bytes("calibration", ".json", json.dumps(calibration.to_json()).encode()),
        }

    def _fit(self, base: np.ndarray) -> Transform:
        if len(base) <= self.spec.pca:
            raise BuildError(
                f"PCA to {counted(self.spec.pca, 'dimension')} needs more than {counted(self.spec.pca, 'picture')}. "
                f"Received: {len(base):,}."
            )
        self.tell(f"fitting {self.name}")
        return fit_pca(base, self.spec.pca, whiten=self.spec.whiten)

    def _write_embeddings(self, chunks: Iterable[np.ndarray]) -> FileEntry:
        """Writes float32 (m, dim) pieces, in the order of the items, as one .npy file."""
        with self._writing("embeddings", ".npy") as (file, entries), file.open("wb") as stream:
            header = {"descr": "<f4", "fortran_order": False, "shape": (len(self.draft.items), self.spec.dim)}
            np.lib.format.write_array_header_1_0(stream, header)
            for chunk in chunks:
                stream.write(chunk.astype("<f4").tobytes())
        return entries[0]

    def _earlier(self, embeddings: FileEntry, previous: Collection | None) -> SpaceEntry | None:
        """The entry of the collection that is there, if it has the same embeddings and labels."""
        entry = previous.manifest.spaces.get(self.name) if previous else None
        if previous is None or entry is None or entry.embeddings != embeddings:
            return None
        is_same = [item.label for item in self.draft.items] == [item.label for item in previous.items]
        return entry if is_same else None

    def _writing(self, stem: str, suffix: str) -> contextlib.AbstractContextManager[tuple[Path, list[FileEntry]]]:
        return _writing(self.path, f"spaces/{self.name}/{stem}", suffix)

    def _write_array(self, stem: str, array: np.ndarray) -> FileEntry:
        stream = io.BytesIO()
        np.save(stream, array)
        return self._write_bytes(stem, ".npy", stream.getvalue())

    def _write_bytes(self, stem: str, suffix: str, data: bytes) -> FileEntry:
        with self._writing(stem, suffix) as (file, entries):
            file.write_bytes(data)
        return entries[0]

    def _load(self, entry: FileEntry) -> np.ndarray:
        array: np.ndarray = np.load(self.path / entry.file, mmap_mode="r")
        return array


def _facts_of(entry: SpaceEntry) -> dict[str, FileEntry]:
    return {"neighbors": entry.neighbors, "projection": entry.projection, "calibration": entry.calibration}


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


def commit_evaluation(collection: Collection, data: bytes) -> None:
    """Adds an evaluation to a collection, or replaces the one that it has.

    Raises:
        BuildError: a build is running, the collection has changed since it was opened, or the disk is full.
    """
    path = collection.path
    with disk_errors(), alone(path):
        if read_manifest(path) != collection.manifest:
            raise BuildError("The collection has changed since it was measured.", hint="Measure it again.")
        with _writing(path, "evaluation", ".json") as (file, entries):
            file.write_bytes(data)
        retire(collection, list(collection.items))
        manifest = replace(collection.manifest, evaluation=entries[0])
        write_atomically(path / MANIFEST_FILE, manifest.to_bytes(), sync=True)


def add_thumbnail(path: Path, thumbnail: bytes) -> tuple[str, int]:
    """Writes a picture's thumbnail into the folder of a collection; returns its digest and its size in bytes."""
    digest = hashlib.sha256(thumbnail).hexdigest()
    write_atomically(thumbnail_path(path, digest), thumbnail)
    return digest, len(thumbnail)
