"""Vectors as real collections have them, for measuring engines: random ones would say nothing.

Every photograph gives three crops, as large as 50 to 90 % of it each way, at seeded places, so that a vector has two that
are clearly nearer than all others, as in collections of real pictures.

- Of 256 dimensions: a crop's embedding by `mini`. Where more vectors are wanted than there are crops, photographs are
  made up: the mean of a real one's crops, moved towards that of one of its 10 nearest by a random share, then in the
  direction in which some other photograph lies from a near one of its own, as far as NOISE of the way to its own 10th
  nearest; and around this the crops of yet another photograph stand as they do around their own mean.
- Of 2,048 dimensions, as of Inception V3 or ResNet50: 1,280 of a crop by `mobilenet_v2` beside 3 times 256 by `mini`, of
  the crop and its left and right half; each part counts as much as it has dimensions. Real pictures only.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.common import Row, picture_files
from imgsearch.distance import angular_distance, normalize
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.embedding.weights import keep_weights
from imgsearch.files.disk import replacing
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region
from imgsearch.settings import N_THREADS

Cut = Callable[[Region], Region]

CROPS = 3
NOISE = 0.75
"""With it the 1st to 20th nearest are about as far at 100,000 and at 1,000,000 as those of the real ones."""
_NEAR = 10
_SPARE = 4  # a product in float32 cannot order what is nearly as near
_QUERIES = 300
_PHOTOS_AT_ONCE = 64
_MADE_AT_ONCE = 10_000


def order(images: Path) -> list[Path]:
    """The photographs of a folder, shuffled by a seed: they may lie there by source."""
    paths = picture_files(images)
    return [paths[i] for i in np.random.default_rng(0).permutation(len(paths))]


def with_256(paths: Sequence[Path], work: Path) -> Path:
    """An .npy file in `work`, kept: float32 (3 len(paths), 256), rows of length 1, those of a photograph together."""
    return _kept(work, "narrow", paths, [(embedder_spec("mini"), _whole)])


def with_2048(paths: Sequence[Path], work: Path, weights: Path | None) -> Path:
    """The same of 2,048 dimensions. weights: HDF5 file of mobilenet_v2; None downloads Keras' own."""
    large = embedder_spec("mobilenet_v2", weights=keep_weights(weights, work) if weights else None)
    small = embedder_spec("mini")
    return _kept(work, "wide", paths, [(large, _whole), (small, _whole), (small, _left), (small, _right)])


def write_resampled(real: np.ndarray, n: int, path: Path) -> None:
    """Writes `real` and vectors made up around them, n in all, to an .npy file; a block at a time is in memory.

    Args:
        real: float32 (3 m, dim), rows of length 1, the crops of a photograph together.
        n: Rows wanted, at least as many.
        path: The file.
    """
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, real.shape[1]))
    rows[: len(real)] = real
    done = len(real)
    for block in _made_up(real, n - done):
        rows[done : done + len(block)] = block
        done += len(block)
    rows.flush()


def nearest_others(vectors: np.ndarray, row: int, k: int) -> np.ndarray:
    """float32 (k,): exact distances of the k nearest others of a row, nearest first."""
    similarity = vectors @ vectors[row]
    similarity[row] = -np.inf
    spare = np.argpartition(-similarity, k + _SPARE)[: k + _SPARE]
    return np.sort(angular_distance(vectors[spare], vectors[row]))[:k]


def shape(vectors: np.ndarray) -> Row:
    """How hard vectors are to search in, part of a row of a result: medians over some of them as queries.

    The contrast is the mean distance to all as a multiple of that to the 1st or 10th nearest, the relative contrast of
    He, Kumar and Chang 2012, On the Difficulty of Nearest Neighbor Search, arXiv:1206.6411.
    """
    rng = np.random.default_rng(0)
    queries = rng.choice(len(vectors), _QUERIES, replace=False)
    others = vectors[rng.choice(len(vectors), 10 * _QUERIES, replace=False)]
    near = np.array([nearest_others(vectors, row, 20) for row in queries])
    mean = np.array([angular_distance(others, vectors[row]).mean() for row in queries])
    with np.errstate(divide="ignore"):  # a photograph that is there twice
        contrasts = {f"contrast_to_{nth}": float(np.median(mean / near[:, nth - 1])) for nth in (1, 10)}
    return {**{f"nearest_{nth}": float(np.median(near[:, nth - 1])) for nth in (1, 5, 10, 20)}, **contrasts}


def _kept(work: Path, name: str, paths: Sequence[Path], parts: Sequence[tuple[EmbedderSpec, Cut]]) -> Path:
    digest = hashlib.sha256("\n".join(str(path) for path in paths).encode()).hexdigest()[:12]
    kept = work / f"{name}-{digest}.npy"
    if not kept.exists():
        embeddings = _embed(paths, parts, work)
        with replacing(kept) as stream:
            np.save(stream, embeddings)
    return kept


def _embed(paths: Sequence[Path], parts: Sequence[tuple[EmbedderSpec, Cut]], work: Path) -> np.ndarray:
    """float32 (3 crops a photograph, dims of all parts together), rows of length 1."""
    embedders = {spec: load_embedder(spec, work) for spec, _ in parts}

    def prepare(path: Path) -> list[list[np.ndarray]]:
        pixels = decode_image(path).pixels
        rng = np.random.default_rng(int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:8]))
        regions = [_region(rng) for _ in range(CROPS)]
        return [[embedders[spec].prepare(pixels, cut(region)) for region in regions] for spec, cut in parts]

    rows = []
    with ThreadPoolExecutor(N_THREADS) as pool:
        for start in range(0, len(paths), _PHOTOS_AT_ONCE):
            prepared = list(pool.map(prepare, paths[start : start + _PHOTOS_AT_ONCE]))
            embedded = []
            for number, (spec, _) in enumerate(parts):
                crops = [crop for photograph in prepared for crop in photograph[number]]
                embedded.append(np.sqrt(spec.dim) * embedders[spec].embed_prepared(crops))
            rows.append(np.concatenate(embedded, axis=1))
            print(f"\r{start + len(prepared):,} of {len(paths):,} photographs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return normalize(np.concatenate(rows))


def _region(rng: np.random.Generator) -> Region:
    width, height = rng.uniform(0.5, 0.9, 2)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return Region(left, top, left + width, top + height)


def _whole(region: Region) -> Region:
    return region


def _left(region: Region) -> Region:
    return replace(region, right=(region.left + region.right) / 2)


def _right(region: Region) -> Region:
    return replace(region, left=(region.left + region.right) / 2)


def _made_up(real: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """Blocks of float32 rows of length 1, n in all."""
    rng = np.random.default_rng(0)
    crops = real.reshape(-1, CROPS, real.shape[1])
    middles = crops.mean(axis=1)
    around = crops - middles[:, None]
    near, distances = _nearest_middles(middles)
    for start in range(0, n, CROPS * _MADE_AT_ONCE):
        size = min(_MADE_AT_ONCE, -(-(n - start) // CROPS))
        at, other, third = rng.integers(0, len(middles), (3, size))
        towards, away = near[[at, other], rng.integers(0, _NEAR, (2, size))]
        moved = rng.random((size, 1), dtype=np.float32) * (middles[towards] - middles[at])
        noise = NOISE * distances[at, -1:] * normalize(middles[other] - middles[away])
        block = ((middles[at] + moved + noise)[:, None] + around[third]).reshape(-1, real.shape[1])
        yield normalize(block[: n - start])


def _nearest_middles(middles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64 and float32 (m, 10): the nearest others of each, nearest first, and how far they are."""
    squares = (middles**2).sum(axis=1)
    distances = np.sqrt(np.maximum(0, squares[:, None] + squares - 2 * middles @ middles.T))
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1)[:, :_NEAR]
    return near, np.take_along_axis(distances, near, axis=1)
