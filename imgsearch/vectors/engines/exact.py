"""Every vector compared with NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from imgsearch.pictures.items import Rows, row_numbers
from imgsearch.vectors.engines.face import Effort, Engine, Params, VectorIndex


class ExactIndex:
    """Every vector compared: the ground truth, and fast enough for some ten thousand pictures."""

    is_exact = True
    is_asked_for_some = False

    def __init__(self, embeddings: np.ndarray) -> None:
        """embeddings: float32 (n, dim), rows of length 1; may be memory-mapped."""
        self._embeddings = embeddings
        self.n_items = len(embeddings)

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.EXACT, among: Rows | None = None
    ) -> np.ndarray:
        """See VectorIndex. Exact at any effort. Of rows tied for the last place, the lowest are taken."""
        del effort
        rows = np.arange(self.n_items) if among is None else row_numbers(among)
        if n >= len(rows):
            return rows
        # The product over all rows and then the choice: gathering the chosen rows first would copy them.
        similarity = (self._embeddings @ vector)[rows]
        threshold = np.partition(similarity, len(rows) - n)[len(rows) - n]
        above = np.flatnonzero(similarity > threshold)
        tied = np.flatnonzero(similarity == threshold)
        nearest: np.ndarray = rows[np.concatenate([above, tied[: n - len(above)]])]
        return nearest

    def n_compared(self, vector: np.ndarray, n: int, *, effort: Effort = Effort.EXACT) -> int:
        """See VectorIndex."""
        return self.n_items


class Exact(Engine):
    """No index. It needs no file, has nothing to choose, and works everywhere."""

    name = "exact"
    label = "Exact"
    suffix = ""
    params: ClassVar = {}
    is_exact = True

    def build(self, embeddings: np.ndarray, path: Path, params: Params) -> None:
        """See Engine."""
        path.touch()

    def open(self, path: Path, embeddings: np.ndarray, params: Params) -> VectorIndex:
        """See Engine."""
        return ExactIndex(embeddings)

    def grid(self, n_items: int) -> Sequence[Params]:
        """See Engine."""
        return [{}]

    def words(self, params: Params) -> str:
        """See Engine."""
        return "compared with every picture"
