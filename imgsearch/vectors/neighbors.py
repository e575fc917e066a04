"""The table of nearest neighbours of a space: what re-ranking, duplicates and calibration ask again and again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imgsearch.vectors.engines.face import VectorIndex

N_NEIGHBORS = 20
EXACT_UP_TO = 20_000
"""Larger galleries ask their index: comparing all with all grows with the square."""
_ASKED = 100
"""Rows that an index is asked for, of which at least half come and the nearest are taken."""
_SPARE = 4
"""Candidates beyond the k-th: a product in float32 cannot order what is nearly as near, so exact distances do."""
_CHUNK = 64


def nearest_neighbors(embeddings: np.ndarray, index: VectorIndex, k: int = N_NEIGHBORS) -> np.ndarray:
    """For each row the k nearest others.

    Args:
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        index: Over those rows; asked where there are more than EXACT_UP_TO, so that membership is then as approximate as
            its answers. The order is exact.
        k: Neighbours wanted.

    Returns:
        int32 (n, min(k, n - 1)), nearest first by angular distance, ties by row, as a search has them; never the row
        itself, whatever stands at distance 0. Where more are tied for the last place than fit, any of them are in.
    """
    n = len(embeddings)
    k = min(k, n - 1)
    table = np.empty((n, k), dtype=np.int32)
    if k == 0:
        return table
    is_compared = n <= EXACT_UP_TO or index.is_exact
    found = _by_comparison(embeddings, k) if is_compared else _by_index(embeddings, index)
    for rows, candidates in found:
        order = np.argsort(distances_between(embeddings, rows, candidates), axis=1, kind="stable")[:, :k]
        table[rows] = np.take_along_axis(candidates, order, axis=1)
    return table


def distances_between(embeddings: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Angular distances (see `distance.angular_distance`) of rows to other rows, such as those of the table.

    Args:
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        rows: (m,).
        others: (m, c), those to compare each with.

    Returns:
        float32 (m, c).
    """
    distances = np.empty(others.shape, dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        # Of the difference, in float64: equal vectors are at exactly 0, as they are in a search.
        difference = embeddings[others[chunk]].astype(np.float64) - embeddings[rows[chunk]][:, None]
        distances[chunk] = np.sqrt(np.einsum("mcd,mcd->mc", difference, difference))
    return distances


def _by_comparison(embeddings: np.ndarray, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks of rows, (m,), and k or a few more candidates for each, (m, c), ascending by row; exact."""
    n = len(embeddings)
    first = n - min(n - 1, k + _SPARE)
    for start in range(0, n, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, n))
        similarity = embeddings[rows] @ embeddings.T  # (m, n)
        similarity[np.arange(len(rows)), rows] = -np.inf
        yield rows, np.sort(np.argpartition(similarity, first, axis=1)[:, first:], axis=1)


def _by_index(embeddings: np.ndarray, index: VectorIndex) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same as the index finds them, one row at a time: engines answer one after the other, so threads gain nothing."""
    for row, vector in enumerate(embeddings):
        candidates = index.nearest(vector, _ASKED)
        yield np.array([row]), np.sort(candidates[candidates != row])[None]
