"""Colour histogram: which colours a picture has and how much of each."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from imgsearch.embedding.descriptors.descriptor import RGB, Descriptor, Match, largest_first
from imgsearch.embedding.descriptors.fuzzy import color_names

HUE_BINS, SATURATION_BINS, VALUE_BINS = 16, 4, 4
N_BINS = HUE_BINS * SATURATION_BINS * VALUE_BINS


def color_histogram(pixels: np.ndarray) -> np.ndarray:
    """Square root of the joint HSV histogram: says which colours a picture has and how much, not where or in what shape.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (256,): 16 hue x 4 saturation x 4 value bins, hue slowest, value fastest. The histogram
        sums to 1, so its square root has length 1 and the cosine of two of them is their Bhattacharyya coefficient
        (1 for the same distribution of colours, 0 for no colour in common).

    Swain and Ballard compare by intersection, the sum of the lesser shares. Against it the coefficient gives small areas
    of colour more weight (`python -m benchmarks.descriptor_distances` says how much that changes).

    Source: Swain and Ballard 1991, Color Indexing; the square root after Arandjelovic and Zisserman 2012 (RootSIFT).
    """
    hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(pixels).convert("HSV"), dtype=np.int32), 2, 0)
    # Pillow spreads each of the three over 0..255; integer division gives bins of equal width.
    cell = (hue * HUE_BINS // 256 * SATURATION_BINS + saturation * SATURATION_BINS // 256) * VALUE_BINS
    counts = np.bincount((cell + value * VALUE_BINS // 256).ravel(), minlength=N_BINS)
    histogram: np.ndarray = np.sqrt(counts / counts.sum()).astype(np.float32)
    return histogram


def histogram_matches(first: np.ndarray, second: np.ndarray) -> list[Match]:
    """The colours that both pictures have: two results of `color_histogram` -> a match for each bin that neither lacks."""
    palette, names = _palette()
    shares = first.astype(np.float64) * second
    amounts = np.stack([first, second], axis=1).astype(np.float64) ** 2  # (256, 2)
    return largest_first(
        [
            Match(
                descriptor=COLOR_HISTOGRAM.name,
                what=names[cell],
                share=float(shares[cell]),
                amounts=(float(amounts[cell, 0]), float(amounts[cell, 1])),
                colors=(palette[cell], palette[cell]),
            )
            for cell in np.flatnonzero(shares)
        ]
    )


@cache
def _palette() -> tuple[list[RGB], list[str]]:
    """The colour in the middle of each bin, and its name: of two colours where the hue passes from one to the other."""
    names = color_names(_colors_at(1 / 6), _colors_at(5 / 6))
    return [(r, g, b) for r, g, b in _colors_at(1 / 2).tolist()], names


def _colors_at(hue: float) -> np.ndarray:
    """uint8 (256, 3): for each bin the RGB of its middle saturation and value, and of its hue from 0 (start) to 1 (end).

    Those of least saturation are drawn without, since all greys are there.
    """
    n_bins = (HUE_BINS, SATURATION_BINS, VALUE_BINS)
    bins = np.indices(n_bins).reshape(3, N_BINS).T  # (256, 3)
    hsv = ((bins + np.array([hue, 0.5, 0.5])) * 256 / n_bins).astype(np.uint8)
    hsv[bins[:, 1] == 0, 1] = 0
    colors: np.ndarray = np.asarray(Image.frombytes("HSV", (N_BINS, 1), hsv.tobytes()).convert("RGB"))[0]
    return colors


COLOR_HISTOGRAM = Descriptor(
    name="color_histogram",
    compute=color_histogram,
    dim=N_BINS,
    input_size=128,
    reference="Swain and Ballard 1991, Color Indexing, IJCV 7(1)",
    matches=histogram_matches,
)
