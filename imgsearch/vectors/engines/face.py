"""The face that every engine has."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class VectorIndex(Protocol):
    """Answers which rows are near a vector."""

    n_items: int

    def candidates(self, vector: np.ndarray, n: int, *, search_k: int = -1) -> np.ndarray:
        """Rows that are probably among the nearest.

        Args:
            vector: float32 (dim,), of length 1.
            n: Rows wanted, at least 1.
            search_k: Annoy's: nodes to look at; -1 leaves it to the index. More is slower and finds more.

        Returns:
            int64 array of at most n distinct rows, in no order to rely on.
        """
        ...
