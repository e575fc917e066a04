"""The last feature maps of a backbone, as parts that add up to its embedding. Pure NumPy.

A pooled embedding is the average of the last feature maps over their positions, then at most a few linear layers. A linear
layer may as well come before the average; so each position has a vector of its own in the embedding's space, and they
average to the embedding before it is scaled to length 1 (`network` makes them a second output).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from imgsearch.pictures.regions import Window


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What the positions of one picture add to its embedding.

    Attributes:
        values: float32 (rows, columns, dim); position 0, 0 is the upper left one.
        offset: float32 (dim,), what does not come from a position: biases.
        window: The part of the picture that the positions cover, each an equal share of it.
    """

    values: np.ndarray
    offset: np.ndarray
    window: Window

    @classmethod
    def of(cls, values: np.ndarray, embedding: np.ndarray, window: Window) -> Self:
        """See the attributes.

        Args:
            embedding: float32 (dim,), before it is scaled to length 1: what the values do not add up to is the offset.
        """
        offset = embedding - values.mean(axis=(0, 1), dtype=np.float64)
        return cls(values, offset.astype(np.float32), window)

    @property
    def raw_embedding(self) -> np.ndarray:
        """float64 (dim,): the embedding before it is scaled to length 1."""
        raw: np.ndarray = self.values.mean(axis=(0, 1), dtype=np.float64) + self.offset
        return raw
