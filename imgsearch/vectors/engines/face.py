"""The face that every engine has."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import numpy as np


class Effort(StrEnum):
    """How hard an engine looks for the nearest rows: what each costs and finds is the engine's own affair."""

    QUICK = "quick"
    """Misses more, for galleries where every millisecond counts."""
    NORMAL = "normal"
    """As the collection was tuned."""
    EXACT = "exact"
    """Compares with everything, and misses nothing."""


class VectorIndex(Protocol):
    """An opened index: answers which rows are near a vector. Safe for threads."""

    n_items: int
    is_exact: bool
    """Whether it compares with everything at any effort."""

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: np.ndarray | None = None
    ) -> np.ndarray:
        """Rows that are probably among the nearest; surely, where the effort is EXACT.

        Args:
            vector: float32 (dim,), of length 1.
            n: Rows wanted, at least 1.
            effort: How hard to look.
            among: int64, the rows that may be returned, ascending. Defaults to all.

        Returns:
            int64 array of at most n distinct rows, in no order to rely on.
        """
        ...
