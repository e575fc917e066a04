"""Classic content-based descriptors: fixed formulas, no weights. What retrieval was before CNNs, and the peer to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from PIL import Image

HUE_BINS, SATURATION_BINS, VALUE_BINS = 16, 4, 4


def color_histogram(pixels: np.ndarray) -> np.ndarray:
    """Square root of the joint HSV histogram: says which colours a picture has and how much, not where or in what shape.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (256,): 16 hue x 4 saturation x 4 value bins, hue slowest, value fastest. The histogram
        sums to 1, so its square root has length 1 and the cosine of two of them is their Bhattacharyya coefficient
        (1 for the same distribution of colours, 0 for no colour in common).

    Source: Swain and Ballard 1991, Color Indexing; the square root after Arandjelovic and Zisserman 2012 (RootSIFT).
    """
    hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(pixels).convert("HSV"), dtype=np.int32), 2, 0)
    # Pillow spreads each of the three over 0..255; integer division gives bins of equal width.
    cell = (hue * HUE_BINS // 256 * SATURATION_BINS + saturation * SATURATION_BINS // 256) * VALUE_BINS
    counts = np.bincount((cell + value * VALUE_BINS // 256).ravel(), minlength=HUE_BINS * SATURATION_BINS * VALUE_BINS)
    histogram: np.ndarray = np.sqrt(counts / counts.sum()).astype(np.float32)
    return histogram


def squash(pixels: np.ndarray, side: int) -> np.ndarray:
    """The whole picture as a square, whatever its shape: uint8 (height, width, 3) -> uint8 (side, side, 3)."""
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX, reducing_gap=2.0))


@dataclass(frozen=True)
class Descriptor:
    """A formula and the numbers that belong to it.

    Attributes:
        name: snake_case name; the name of the embedder and, by default, of its space.
        compute: uint8 (height, width, 3) RGB -> float32 (dim,).
        dim: Length of the result.
        input_size: The whole picture is squashed to a square of this side, px, before `compute`: a descriptor looks at
            all of a picture, not at its centre.
        reference: The paper.
    """

    name: str
    compute: Callable[[np.ndarray], np.ndarray]
    dim: int
    input_size: int
    reference: str


_ROWS = (
    Descriptor(
        name="color_histogram",
        compute=color_histogram,
        dim=HUE_BINS * SATURATION_BINS * VALUE_BINS,
        input_size=128,
        reference="Swain and Ballard 1991, Color Indexing, IJCV 7(1)",
    ),
)

DESCRIPTORS: MappingProxyType[str, Descriptor] = MappingProxyType({row.name: row for row in _ROWS})
