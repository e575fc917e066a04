"""The map: a space in two dimensions, for looking at. Near on the map is usually near; far says little."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imgsearch.vectors.equal import find_equals
from imgsearch.vectors.transform import fit_pca

MAX_TSNE_ITEMS = 20_000
MIN_TSNE_ITEMS = 30
_PCA_DIM = 50
_PERPLEXITY = 30.0
_START_SPREAD = 1e-4
_N_ANCHORS = 1_000
_MAX_COPIES = 10
_SEED = 0


Method = Literal["tsne", "pca"]
"""How the places of a map are found."""


@dataclass(frozen=True)
class Placement:
    """Where an upload stands on the map.

    Attributes:
        x, y: Place in [0, 1]: that of its nearest item that has one. t-SNE has none for what it has not seen.
        rows: The neighbours to draw lines to, nearest first.
        is_faded: Whether nothing in the collection is similar, so that the place says nothing.
    """

    x: float
    y: float
    rows: tuple[int, ...]
    is_faded: bool


def place(rows: Sequence[int], places: np.ndarray, *, is_foreign: bool) -> Placement | None:
    """Places a query on the map; None where none of its neighbours has a place.

    Args:
        rows: Its neighbours, nearest first.
        places: float32 (len(rows), 2), where they stand; not a number where one stands nowhere.
        is_foreign: The verdict on the query (see `calibration.Verdict`).
    """
    for x, y in places[~np.isnan(places).any(axis=1)][:1].tolist():
        return Placement(x, y, tuple(int(row) for row in rows), is_foreign)
    return None


def method_for(embeddings: np.ndarray) -> Method:
    """How `project` places such items unless it is told: by "pca" where fewer than 30 of them are different.

    Args:
        embeddings: float32 (n, dim).
    """
    different: set[bytes] = set()
    for vector in embeddings:
        different.add((vector + 0.0).tobytes())  # of -0.0, as of 0.0
        if len(different) == MIN_TSNE_ITEMS:
            return "tsne"
    return "pca"


def can_draw_tsne() -> bool:
    """Whether scikit-learn is here, which is for builds and not needed to answer; else `project` takes "pca"."""
    return importlib.util.find_spec("sklearn") is not None


def project(embeddings: np.ndarray, neighbors: np.ndarray, method: Method = "tsne") -> np.ndarray:
    """Places of all items on a map.

    t-SNE (van der Maaten and Hinton 2008) of the first 50 principal components, by scikit-learn, seeded and started from
    the first two. Fewer than 30 different items get those two instead. Of more than 20,000 a sample is projected, and each
    other item stands at its nearest projected neighbour's place. Where scikit-learn is missing, method is "pca".

    Items with equal vectors stand at one place. Each counts, up to ten of them: a hundred would take the map for
    themselves, and a picture that counted once, however many copies its neighbours have lost, would lose its cluster.

    Args:
        embeddings: float32 (n, dim), rows of length 1.
        neighbors: int32 (n, k), the table of nearest neighbours.
        method: "pca" gives any number of items their first two principal components, in no time.

    Returns:
        float32 (n, 2) in [0, 1]: the longer axis fills it, the other is centred.
    """
    n, dim = embeddings.shape
    if not can_draw_tsne():
        method = "pca"
    first_of, n_before = find_equals(embeddings)
    sample = np.flatnonzero(n_before < _MAX_COPIES)
    if len(sample) > MAX_TSNE_ITEMS and method == "tsne":
        sample = np.sort(np.random.default_rng(_SEED).choice(sample, MAX_TSNE_ITEMS, replace=False))
    rows, at, which = np.unique(first_of[sample], return_index=True, return_inverse=True)
    # Equal rows of a product of matrices differ by rounding, on some processors; t-SNE would drive them apart from there.
    points = _principal(np.asarray(embeddings[sample]), max(2, min(_PCA_DIM, dim)))[at][which]
    spread = float(points[:, 0].std())
    is_one_place = spread < 1e-6  # nothing to arrange
    if method == "tsne" and method_for(embeddings) == "tsne" and not is_one_place:
        points = _tsne(points, spread)
    places = np.empty((n, 2))
    places[rows] = points[at, :2]
    _place_the_rest(places, rows, np.setdiff1d(first_of, rows), embeddings, first_of[neighbors])
    return _fit_unit_square(places[first_of])


def _tsne(points: np.ndarray, spread: float) -> np.ndarray:
    """Places of points, (n, 2), started from the first two components; `spread` is the deviation of the first."""
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # The start that init="pca" would compute once more.
    start = (points[:, :2] * (_START_SPREAD / spread)).astype(np.float32)
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    tsne = TSNE(n_components=2, perplexity=perplexity, init=start, random_state=_SEED)
    with threadpool_limits(1):  # on a busy machine its threads wait for each other, and take ten times as long
        places: np.ndarray = tsne.fit_transform(points)
    return places


def _principal(points: np.ndarray, dim: int) -> np.ndarray:
    """First principal components, (n, dim); zeros where there are not so many."""
    kept = min(dim, len(points) - 1, points.shape[1])
    result = np.zeros((len(points), dim))
    if kept > 0:
        pca = fit_pca(points, kept)
        result[:, :kept] = (points - pca.mean) @ pca.matrix
    return result


def _place_the_rest(
    places: np.ndarray, sample: np.ndarray, rest: np.ndarray, embeddings: np.ndarray, neighbors: np.ndarray
) -> None:
    """Rows outside of the sample: at the first of their neighbours that is in it, else at the nearest of a few of it."""
    is_placed = np.zeros(len(places), dtype=bool)
    is_placed[sample] = True
    anchors = sample[:: max(1, len(sample) // _N_ANCHORS)]
    for row in rest:
        known = neighbors[row][is_placed[neighbors[row]]]
        places[row] = places[known[0] if len(known) else anchors[int((embeddings[anchors] @ embeddings[row]).argmax())]]


def _fit_unit_square(places: np.ndarray) -> np.ndarray:
    low, high = places.min(axis=0), places.max(axis=0)
    extent = float((high - low).max())
    if extent < 1e-6:
        return np.full(places.shape, 0.5, dtype=np.float32)
    fitted: np.ndarray = np.clip((places - (low + high) / 2) / extent + 0.5, 0, 1).astype(np.float32)
    return fitted
