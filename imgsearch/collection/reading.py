"""The files of a collection, read and checked: before anything is made of them, and once they are together."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from imgsearch.collection.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, SpaceEntry
from imgsearch.distance import angular_distance
from imgsearch.errors import CollectionCorruptError
from imgsearch.files.disk import file_digest
from imgsearch.files.home import MANIFEST_FILE, thumbnails_folder
from imgsearch.pictures.items import Items
from imgsearch.vectors.calibration import Calibration
from imgsearch.vectors.engines.annoy import AnnoyIndex, annoy_fault
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import VectorIndex
from imgsearch.vectors.neighbors import N_NEIGHBORS
from imgsearch.vectors.space import Space
from imgsearch.vectors.transform import Transform

COPY_AGAIN = "Copy the collection again, or build it again."
_SELF_TEST_ROWS = 3


def read_manifest(path: Path) -> Manifest:
    """The manifest of a collection's folder, checked by itself only.

    Raises:
        FileNotFoundError: there is none.
        CollectionError: it is damaged, unreadable or of another version.
    """
    try:
        with (path / MANIFEST_FILE).open("rb") as stream:
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise CollectionCorruptError("The collection's manifest cannot be read.", hint=COPY_AGAIN) from exc
    return Manifest.from_bytes(data)


def read_outline(path: Path, manifest: Manifest) -> Items:
    """The items of a collection's folder. They and the list of pictures left out are checked by hash, all files by size.

    Raises:
        CollectionCorruptError: a file is missing or cut short, or one of the two has changed.
    """
    with _reading_errors():
        for entry in manifest.files:
            _check_size(path, entry)
        for entry in (manifest.items, manifest.skipped):
            _check_digest(path, entry)
        return _read_items(path, manifest)


def read_parts(path: Path, manifest: Manifest) -> tuple[Items, dict[str, Space]]:
    """Items and spaces of a collection's folder: every file that the manifest names by hash, thumbnails by size.

    Raises:
        CollectionCorruptError: a file is missing, cut short or changed.
        IncompatibleCollectionError: it needs an embedder that is not known here.
    """
    with _reading_errors():
        for entry in manifest.files:
            _check_size(path, entry)
            _check_digest(path, entry)
        items = _read_items(path, manifest)
        _check_thumbnail_sizes(path, items)
        return items, {name: _read_space(path, manifest, name) for name in manifest.spaces}


@contextlib.contextmanager
def _reading_errors() -> Iterator[None]:
    """What files and their contents raise."""
    try:
        yield
    except (OSError, ValueError) as exc:
        raise CollectionCorruptError("A file of the collection cannot be read.", hint=COPY_AGAIN) from exc


def _read_items(path: Path, manifest: Manifest) -> Items:
    return Items.read(path / manifest.items.file, manifest.n_items)


def _check_size(path: Path, entry: FileEntry) -> None:
    file = path / entry.file
    if not file.is_file():
        raise CollectionCorruptError(f"A file of the collection is missing: {entry.file}.", hint=COPY_AGAIN)
    size = file.stat().st_size
    if size != entry.size:
        raise CollectionCorruptError(
            f"{entry.file} should have {entry.size:,} bytes and has {size:,}.",
            hint="Run: git lfs pull" if _is_lfs_pointer(file) else COPY_AGAIN,
        )


def _check_digest(path: Path, entry: FileEntry) -> None:
    if file_digest(path / entry.file) != entry.sha256:
        raise CollectionCorruptError(f"The content of {entry.file} has changed since the build.", hint=COPY_AGAIN)


def _is_lfs_pointer(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(64).startswith(b"version https://git-lfs")


def _check_thumbnail_sizes(path: Path, items: Items) -> None:
    # One listing instead of a stat for each of thousands of files by name. A build may be writing others meanwhile.
    named = {f"{item.thumbnail}.webp" for item in items}
    with os.scandir(thumbnails_folder(path)) as entries:
        sizes = {entry.name: entry.stat().st_size for entry in entries if entry.name in named}
    for item in items:
        size = sizes.get(f"{item.thumbnail}.webp")
        if size != item.thumbnail_bytes:
            state = "is missing" if size is None else f"should have {item.thumbnail_bytes:,} bytes and has {size:,}"
            raise CollectionCorruptError(f"The thumbnail of {item.item_id!r} {state}.", hint=COPY_AGAIN)


def _read_space(path: Path, manifest: Manifest, name: str) -> Space:
    entry = manifest.spaces[name]
    n_items, dim = manifest.n_items, entry.spec.dim
    embeddings = _read_array(path, entry.embeddings, np.float32, (n_items, dim))
    index = _open_index(path, entry, embeddings)
    if index.is_exact and not _finds_itself(embeddings, index):
        raise CollectionCorruptError(f"{entry.embeddings.file} does not hold vectors of length 1.", hint=COPY_AGAIN)
    neighbors = _read_array(path, entry.neighbors, np.int32, (n_items, min(N_NEIGHBORS, n_items - 1)))
    if neighbors.size and not (neighbors.min() >= 0 and neighbors.max() < n_items):
        raise CollectionCorruptError(f"{entry.neighbors.file} names pictures that are not there.", hint=COPY_AGAIN)
    transform = None
    if entry.transform:
        transform = Transform.from_array(_read_array(path, entry.transform, np.float32, (1 + dim, entry.embedder.dim)))
    try:
        calibration = Calibration.from_json(json.loads((path / entry.calibration.file).read_bytes()))
    except (KeyError, TypeError, RecursionError) as exc:
        raise ValueError("calibration") from exc
    if entry.embedder.is_descriptor:  # earlier builds measured what a verdict needs there too
        calibration = replace(calibration, neighborhoods=None)
    return Space(
        name=name,
        spec=entry.embedder,
        embeddings=embeddings,
        index=index,
        neighbors=neighbors,
        projection=_read_array(path, entry.projection, np.float32, (n_items, 2)),
        calibration=calibration,
        transform=transform,
    )


def _open_index(path: Path, entry: SpaceEntry, embeddings: np.ndarray) -> VectorIndex:
    """The index of a space; an exact one where it has none, and where it or annoy cannot be used.

    A file that does not answer here has the right hash, so it is not damaged: a faulty annoy wrote it.
    """
    if entry.index and annoy_fault() is None:
        with contextlib.suppress(OSError):
            index = AnnoyIndex(path / entry.index.file, embeddings, search_k=entry.search_k)
            if _finds_itself(embeddings, index):
                return index
    return ExactIndex(embeddings)


def _read_array(path: Path, entry: FileEntry, dtype: type[np.generic], shape: tuple[int, ...]) -> np.ndarray:
    """An array of a collection, memory-mapped."""
    array: np.ndarray = np.load(path / entry.file, mmap_mode="r" if np.prod(shape) else None, allow_pickle=False)
    if array.dtype != dtype or array.shape != shape:
        raise CollectionCorruptError(
            f"{entry.file} should be {np.dtype(dtype)} {shape} and is {array.dtype} {array.shape}.", hint=COPY_AGAIN
        )
    return array


def _finds_itself(embeddings: np.ndarray, index: VectorIndex) -> bool:
    """Whether a stored picture finds itself, and as many answers come back as were asked for."""
    n_items = len(embeddings)
    n = min(10, n_items)
    for row in np.linspace(0, n_items - 1, min(_SELF_TEST_ROWS, n_items)).astype(int):
        rows = index.nearest(embeddings[row], n)
        is_sound = len(rows) == n and rows.min() >= 0 and rows.max() < n_items
        if not is_sound or angular_distance(embeddings[rows], embeddings[row]).min() > 1e-3:
            return False
    return True
