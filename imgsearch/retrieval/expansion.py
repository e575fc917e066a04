"""Vectors made of several: joint queries, relevance feedback, query expansion and gallery augmentation. Pure algebra."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from imgsearch.distance import normalize

Vectors = Callable[[Sequence[int] | np.ndarray | int], np.ndarray]
"""Rows of a gallery, in an array of any shape (...,) -> float32 (..., dim), of length 1."""

N_EXPANSION = 3
ALPHA = 3.0
"""Of 1 to 8 neighbours and alpha 0 to 8, leave-one-out on pets and the sample gallery: 5 gain a little more where a label
has 7 to 24 pictures, and lose where it has 2 to 5; a smaller alpha harms spaces whose neighbours are often wrong."""
_LIKED = 0.75
_DISLIKED = 0.25


def joint_query(vectors: np.ndarray) -> np.ndarray:
    """One vector for several query pictures: their mean, normalised.

    Assumes that all show the same kind of thing; pictures of two kinds give a point between them, near to neither.

    Args:
        vectors: float32 (m, dim), m at least 1, rows of length 1.

    Returns:
        float32 (dim,), of length 1; of one vector that vector itself, bit for bit.

    Source: Arandjelovic and Zisserman 2012, Multiple queries for large scale specific object retrieval ("joint average").
    """
    joint: np.ndarray = vectors[0] if len(vectors) == 1 else normalize(vectors.mean(axis=0, dtype=np.float64)[None])[0]
    return joint


def rocchio(query: np.ndarray, liked: np.ndarray, disliked: np.ndarray) -> np.ndarray:
    """The query moved towards what was liked and away from what was not: q + 0.75 mean(liked) - 0.25 mean(disliked).

    Assumes that what is wanted lies around one point; the weights are those usual for text (Manning et al. 2008,
    Introduction to Information Retrieval, 9.1.1).

    Args:
        query: float32 (dim,), of length 1.
        liked, disliked: float32 (n, dim), rows of length 1; n may be 0.

    Returns:
        float32 (dim,), of length 1.

    Source: Rocchio 1971, Relevance feedback in information retrieval.
    """
    moved = query.astype(np.float64)
    if len(liked):
        moved += _LIKED * liked.mean(axis=0, dtype=np.float64)
    if len(disliked):
        moved -= _DISLIKED * disliked.mean(axis=0, dtype=np.float64)
    unit: np.ndarray = normalize(moved[None])[0]
    return unit


def expand_query(query: np.ndarray, nearest: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Alpha query expansion: the query and its nearest items, each weighted by its similarity to the power of alpha.

    Assumes that most of the nearest are of the query's kind: it makes a good answer better and a bad one worse. The
    larger alpha, the less do the farther ones count.

    Args:
        query: float32 (dim,), of length 1.
        nearest: float32 (n, dim), rows of length 1; n may be 0.

    Returns:
        float32 (dim,), of length 1. An item with a negative similarity counts nothing.

    Source: Radenovic et al. 2018, Fine-tuning CNN image retrieval with no human annotation, 4.3.
    """
    expanded: np.ndarray = _expand(query[None], nearest[None], np.ones((1, len(nearest)), dtype=bool), alpha)[0]
    return expanded


def augment(
    vectors: Vectors,
    neighbors: np.ndarray,
    rows: np.ndarray,
    n: int = N_EXPANSION,
    alpha: float = ALPHA,
    left_out: tuple[int, ...] = (),
) -> np.ndarray:
    """Gallery-side augmentation: rows, each replaced by the weighted mean of itself and its own nearest items.

    Assumes what `expand_query` does, of every item. The neighbours were found at build; the mean is made when asked for,
    since a query's own item may not be in it.

    Args:
        vectors: Those of the gallery.
        neighbors: int32 (n_items, k), nearest first; k at least n + len(left_out), or fewer than n may be found.
        rows: int64 (m,).
        n: Neighbours of each.
        alpha: See `expand_query`.
        left_out: Rows that are no one's neighbours; the next nearest takes their place.

    Returns:
        float32 (m, dim), rows of length 1.

    Source: Arandjelovic and Zisserman 2012, Three things everyone should know to improve object retrieval ("database-side
    feature augmentation"); weights as in Radenovic et al. 2018.
    """
    near, is_there = usable_neighbors(neighbors, rows, n, left_out)
    return _expand(vectors(rows), vectors(near), is_there, alpha)


def usable_neighbors(
    neighbors: np.ndarray, rows: np.ndarray, n: int, left_out: tuple[int, ...] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """The n nearest other items of each row, as if `left_out` were not in the gallery.

    Returns:
        int64 (m, min(n, k)) of rows, nearest first, and bool of that shape: False where there was none.
    """
    table = neighbors[rows].astype(np.int64)  # (m, k)
    is_left_out = np.isin(table, left_out)
    # A stable sort by "left out" keeps the others in their order.
    order = np.argsort(is_left_out, axis=1, kind="stable")[:, :n]
    return np.take_along_axis(table, order, axis=1), ~np.take_along_axis(is_left_out, order, axis=1)


def _expand(vectors: np.ndarray, near: np.ndarray, is_there: np.ndarray, alpha: float) -> np.ndarray:
    """(m, dim), (m, n, dim), bool (m, n) -> float32 (m, dim): each vector plus its weighted near ones, normalised."""
    similarity = (near @ vectors[:, :, None])[:, :, 0]
    weights = np.where(is_there, np.maximum(similarity, 0) ** alpha, 0)
    return normalize(vectors + (weights[:, None, :] @ near)[:, 0])
