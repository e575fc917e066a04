"""A space whose vectors lie on a server, see `OpenedSpace`. A row is an item's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imgsearch.collection.served.facts import SpaceFacts
from imgsearch.vectors.engines.table import Table
from imgsearch.vectors.space import OpenedSpace


@dataclass(frozen=True, kw_only=True)
class ServedSpace(OpenedSpace):
    """Vectors of a table, and what is known of them as a whole."""

    table: Table
    facts: SpaceFacts

    @property
    def dim(self) -> int:
        """See `OpenedSpace.dim`."""
        return self.spec.dim

    @cached_property
    def mean(self) -> np.ndarray:
        """See `OpenedSpace.mean`."""
        return np.array(self.facts.mean)

    @cached_property
    def map_rows(self) -> np.ndarray:
        """See `OpenedSpace.map_rows`."""
        return np.array(self.facts.map_rows, np.int64)

    @cached_property
    def _places(self) -> np.ndarray:
        """float32 (n + 1, 2): those of the points of the map, and last of what is not on it."""
        places = np.stack([self.facts.map_xs, self.facts.map_ys], axis=1).astype(np.float32)
        return np.concatenate([places, np.full((1, 2), np.nan, np.float32)])

    def places(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """See `OpenedSpace.places`."""
        places: np.ndarray = self._places[self.points_of(rows)]
        return places

    @property
    def is_varied(self) -> bool:
        """See `OpenedSpace.is_varied`."""
        return self.facts.is_varied

    def vectors(self, rows: Sequence[int] | np.ndarray | int) -> np.ndarray:
        """See `OpenedSpace.vectors`."""
        ids = np.asarray(rows, dtype=np.int64)
        distinct, which = np.unique(ids, return_inverse=True)
        found = self.table.vectors(self.name, distinct).reshape(len(distinct), self.dim)
        vectors: np.ndarray = found[which].reshape(*ids.shape, self.dim)
        return vectors
