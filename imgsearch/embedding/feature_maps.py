"""The last feature maps of a backbone, as parts that add up to its embedding. Pure NumPy.

A pooled embedding is the average of the last feature maps over their positions, then at most a few linear layers. A linear
layer may as well come before the average; so each position has a vector of its own in the embedding's space, and they
average to the embedding before it is scaled to length 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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

    @property
    def raw_embedding(self) -> np.ndarray:
        """float64 (dim,): the embedding before it is scaled to length 1."""
        raw: np.ndarray = self.values.mean(axis=(0, 1), dtype=np.float64) + self.offset
        return raw


class LinearLayer(Protocol):
    """A layer behind the pooling that is linear, or is once a statistic of the picture is held."""

    def push(self, values: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (rows, columns, channels) and offset (channels,) before the layer -> the same behind it."""
        ...


@dataclass(frozen=True, eq=False)
class Dense:
    """kernel float32 (channels, dim), bias float32 (dim,)."""

    kernel: np.ndarray
    bias: np.ndarray

    def push(self, values: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return values @ self.kernel, offset @ self.kernel + self.bias


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """Layer normalisation of the pooled vector with the deviation that it has for this picture (Ba et al. 2016).

    Subtracting the mean over channels is linear; dividing by their deviation is not, and so the deviation is held: the
    parts add up exactly, but say nothing of how a position changes it.
    """

    gamma: np.ndarray
    beta: np.ndarray
    epsilon: float

    def push(self, values: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pooled = values.mean(axis=(0, 1)) + offset
        scale = self.gamma / np.sqrt(pooled.var() + self.epsilon)
        return (values - values.mean(axis=-1, keepdims=True)) * scale, (offset - offset.mean()) * scale + self.beta


def behind(layers: Sequence[LinearLayer], maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the layers after pooling make of the maps before it.

    Args:
        layers: First one first; none for a backbone whose pooled output is the embedding.
        maps: float32 (rows, columns, channels).

    Returns:
        values float32 (rows, columns, dim) and offset float32 (dim,): `values.mean((0, 1)) + offset` is what the layers
        give for the average of the maps.
    """
    values, offset = maps, np.zeros(maps.shape[-1], np.float32)
    for layer in layers:
        values, offset = layer.push(values, offset)
    return values, offset
