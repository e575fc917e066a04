"""The one distance of imgsearch: its name, formula and range, written once.

Embeddings have length 1, so cosine similarity is their dot product and the angular distance is the straight line between
the two points on the sphere.
"""

from __future__ import annotations

from typing import Final

import numpy as np

METRIC: Final = "angular"
"""Annoy's name for sqrt(2 - 2 cos). (ann-benchmarks calls 1 - cos "angular"; that is another number.)"""

MIN_DISTANCE = 0.0
MAX_DISTANCE = 2.0
UNRELATED = 2**0.5
"""Distance of two vectors at a right angle: nothing in common."""


def angular_distance(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Distance of each row to the query.

    Args:
        vectors: float array of shape (n, dim), rows of length 1.
        query: float array of shape (dim,), of length 1.

    Returns:
        float32 array of shape (n,), sqrt(2 - 2 cos) in [0, 2]: 0 same direction, 1.414 unrelated, 2 opposite. For vectors
        of length 1 that is the length of their difference, and so it is computed: equal vectors are at exactly 0,
        where 1 - cos has lost all digits in float32.

    Source: spotify/annoy README, "Full Python API".
    """
    difference = vectors.astype(np.float64) - query.astype(np.float64)  # (n, dim)
    distances: np.ndarray = np.minimum(np.linalg.norm(difference, axis=1), MAX_DISTANCE).astype(np.float32)
    return distances


def by_distance(rows: np.ndarray, vectors: np.ndarray, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by the distances of their vectors to the query.

    Args:
        rows: int64 (n,).
        vectors: float (n, dim), those of the rows, of length 1.
        query: float (dim,), of length 1.

    Returns:
        The rows, nearest first, ties by row, and float32 (n,), their distances.
    """
    distances = angular_distance(vectors, query)
    nearest_first = np.lexsort((rows, distances))
    return rows[nearest_first], distances[nearest_first]


def similarity_from_distance(distance: float) -> float:
    """Cosine in [-1, 1] of two unit vectors at that angular distance: 1 - distance^2 / 2."""
    return 1.0 - distance * distance / 2.0


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1.

    Args:
        vectors: float array of shape (n, dim), finite.

    Returns:
        float32 array of shape (n, dim). A row of zeros (a picture without content, such as a flat one under some
        descriptors) has no direction; it becomes the unit vector with all parts equal, so that it is never NaN and two
        such pictures are at distance 0.

    Raises:
        ValueError: `vectors` is not 2-D or holds a value that is not finite.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim != 2:
        raise ValueError(f"vectors must have shape (n, dim). Received: shape {vectors.shape}.")
    if not np.isfinite(vectors).all():
        raise ValueError("vectors must be finite. Received: NaN or infinity.")
    # Scaling by the largest part first keeps the squares of very small and very large rows inside float64.
    peaks = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    flat = peaks[:, 0] == 0
    scaled = np.where(flat[:, None], 1.0, vectors / np.where(peaks == 0, 1.0, peaks))
    units: np.ndarray = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
    return units
