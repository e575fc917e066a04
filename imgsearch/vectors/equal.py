"""Items with equal vectors, such as copies of a picture."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def find_equals(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the first one that equals it, and how many equal ones come before: int64 (n,) each.

    By digest, since sorting the rows takes many times as long.

    Args:
        embeddings: float32 (n, dim); may be memory-mapped.
    """
    first_of, n_before = np.empty((2, len(embeddings)), dtype=np.int64)
    seen: dict[bytes, tuple[int, int]] = {}
    for row, vector in enumerate(embeddings):
        digest = blake2b(vector + 0.0, digest_size=16).digest()  # of -0.0, as of 0.0
        first_of[row], n_before[row] = first, n = seen.get(digest, (row, 0))
        seen[digest] = first, n + 1
    return first_of, n_before
