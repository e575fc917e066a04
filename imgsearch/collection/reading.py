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
from imgsearch.embedding.backbones import N_CLASSES
from imgsearch.embedding.classifier import Classifier
from imgsearch.errors import CollectionCorruptError
from imgsearch.files.disk import file_digest
from imgsearch.files.home import MANIFEST_FILE, thumbnails_folder
from imgsearch.pictures.items import Items
from imgsearch.vectors.calibration import Calibration
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import VectorIndex
from imgsearch.vectors.neighbors import N_NEIGHBORS
from imgsearch.vectors.space import Space, SpaceRecipe
from imgsearch.vectors.transform import Transform

COPY_AGAIN = "Copy the collection again, or build it again."
_N_TESTED = 3
_ONE = np.float16(1).view(np.uint16)
"""Read as whole numbers, the float16 from 0 to 1 are those up to this; NaN, infinities and negative ones are larger."""


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
    n_items, dim = manifest.n_items, entry.recipe.dim
    embeddings = _read_array(path, entry.embeddings, np.float32, (n_items, dim))
    some = embeddings[np.linspace(0, n_items - 1, min(_N_TESTED, n_items)).astype(int)]
    if not np.all(np.abs(np.linalg.norm(some, axis=1) - 1) < 1e-3):  # not so either where one is not a number
        raise CollectionCorruptError(f"{entry.embeddings.file} does not hold vectors of length 1.", hint=COPY_AGAIN)
    neighbors = _read_array(path, entry.neighbors, np.int32, (n_items, min(N_NEIGHBORS, n_items - 1)))
    if neighbors.size and not (neighbors.min() >= 0 and neighbors.max() < n_items):
        raise CollectionCorruptError(f"{entry.neighbors.file} names pictures that are not there.", hint=COPY_AGAIN)
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
        index=open_index(path, entry.index, entry.recipe, embeddings),
        neighbors=neighbors,
        projection=_read_array(path, entry.projection, np.float32, (n_items, 2)),
        calibration=calibration,
        transform=_open_transform(path, entry),
        classifier=_read_classifier(path, entry),
        class_values=_read_class_values(path, entry, n_items),
    )


def open_index(path: Path, file: FileEntry | None, recipe: SpaceRecipe, embeddings: np.ndarray) -> VectorIndex:
    """The index of a space; an exact one where it has none, and where it or its engine cannot be used.

    A file that does not answer here has the right hash, so it is not damaged: a faulty engine wrote it.

    Args:
        path: Folder of the collection.
        file: That of the index, checked by hash.
        recipe: What the space is made by.
        embeddings: float32 (n, dim), its vectors.
    """
    engine = ENGINES[recipe.engine]
    if file and engine.fault() is None:
        with contextlib.suppress(OSError):
            return engine.open(path / file.file, embeddings, recipe.params)
    return ExactIndex(embeddings)


def read_transform(path: Path, entry: SpaceEntry) -> Transform | None:
    """What makes the points of a reduced space, from its file, which is checked first; None where it is not reduced.

    Raises:
        CollectionCorruptError: the file is missing, cut short or changed.
    """
    with _reading_errors():
        if entry.transform:
            _check_size(path, entry.transform)
            _check_digest(path, entry.transform)
        return _open_transform(path, entry)


def _open_transform(path: Path, entry: SpaceEntry) -> Transform | None:
    if entry.transform is None:
        return None
    shape = (1 + entry.recipe.dim, entry.embedder.dim)
    return Transform.from_array(_read_array(path, entry.transform, np.float32, shape))


def _read_classifier(path: Path, entry: SpaceEntry) -> Classifier | None:
    if entry.classifier is None:
        return None
    array = _read_array(path, entry.classifier, np.float16, (entry.embedder.dim + 1, N_CLASSES))
    try:
        return Classifier.from_array(array)
    except ValueError as exc:
        raise CollectionCorruptError(f"{entry.classifier.file} holds no classifier.", hint=COPY_AGAIN) from exc


def _read_class_values(path: Path, entry: SpaceEntry, n_items: int) -> np.ndarray | None:
    if entry.class_values is None:
        return None
    values = _read_array(path, entry.class_values, np.float16, (N_CLASSES, n_items))
    if values.view(np.uint16).max() > _ONE:
        raise CollectionCorruptError(f"{entry.class_values.file} holds values beyond 0 and 1.", hint=COPY_AGAIN)
    return values


def _read_array(path: Path, entry: FileEntry, dtype: type[np.generic], shape: tuple[int, ...]) -> np.ndarray:
    """An array of a collection, memory-mapped."""
    array: np.ndarray = np.load(path / entry.file, mmap_mode="r" if np.prod(shape) else None, allow_pickle=False)
    if array.dtype != dtype or array.shape != shape:
        raise CollectionCorruptError(
            f"{entry.file} should be {np.dtype(dtype)} {shape} and is {array.dtype} {array.shape}.", hint=COPY_AGAIN
        )
    return array
