"""Every vector compared with NumPy."""

from __future__ import annotations

import numpy as np


class ExactIndex:
    """Every vector compared: the ground truth, and fast enough for some ten thousand pictures."""

    def __init__(self, embeddings: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Args:
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        rows: int64 array of the rows to search in. Defaults to all.
        """
        self._embeddings = embeddings
        self._rows = np.arange(len(embeddings)) if rows is None else rows
        self.n_items = len(self._rows)

    def candidates(self, vector: np.ndarray, n: int, *, search_k: int = -1) -> np.ndarray:
        """See VectorIndex. Exact: `search_k` changes nothing. Of rows tied for the last place, the lowest are taken."""
        del search_k
        if n >= self.n_items:
            return self._rows
        # The product over all rows and then the choice: gathering the chosen rows first would copy them.
        similarity = (self._embeddings @ vector)[self._rows]
        threshold = np.partition(similarity, self.n_items - n)[self.n_items - n]
        above = np.flatnonzero(similarity > threshold)
        tied = np.flatnonzero(similarity == threshold)
        nearest: np.ndarray = self._rows[np.concatenate([above, tied[: n - len(above)]])]
        return nearest
