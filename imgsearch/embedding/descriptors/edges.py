"""MPEG-7 edge histogram: which way edges run in each part of a picture."""

from __future__ import annotations

import numpy as np

from imgsearch.embedding.descriptors.descriptor import PX_PER_FIELD, Descriptor, Match, field_means, largest_first

EDGES = ("vertical", "horizontal", "45°", "135°", "non-directional")
"""The way an edge runs: 45° from the lower left to the upper right."""

CELLS = 4
FIELDS = 64
"""In each direction: 4 x 4 cells of 8 x 8 blocks of 2 x 2 fields. 1,024 blocks; MPEG-7 says about 1,100."""
THRESHOLD = 11
"""Least strength of an edge, in units of brightness 0 to 255."""

# What the 8 levels of a bin stand for: shares of the blocks of a cell. One row for each kind of edge.
LEVELS = np.array(
    [
        [0.010867, 0.057915, 0.099526, 0.144849, 0.195573, 0.260504, 0.358031, 0.530128],
        [0.012266, 0.069934, 0.125879, 0.182307, 0.243396, 0.314563, 0.411728, 0.564319],
        [0.004193, 0.025852, 0.046860, 0.068519, 0.093286, 0.123490, 0.161505, 0.228960],
        [0.004174, 0.025924, 0.046232, 0.067163, 0.089655, 0.115391, 0.151904, 0.217745],
        [0.006778, 0.051667, 0.108650, 0.166257, 0.224226, 0.285691, 0.356375, 0.450972],
    ]
)


def _regions() -> dict[str, tuple[slice, slice]]:
    one = [slice(i, i + 1) for i in range(CELLS)]
    whole, upper, middle, lower = slice(0, 4), slice(0, 2), slice(1, 3), slice(2, 4)
    return {
        "whole picture": (whole, whole),
        **{f"row {i + 1}, column {j + 1} of 4": (one[i], one[j]) for i in range(CELLS) for j in range(CELLS)},
        **{f"column {j + 1} of 4": (whole, one[j]) for j in range(CELLS)},
        **{f"row {i + 1} of 4": (one[i], whole) for i in range(CELLS)},
        "upper left": (upper, upper),
        "upper right": (upper, lower),
        "lower left": (lower, upper),
        "lower right": (lower, lower),
        "center": (middle, middle),
    }


REGIONS = _regions()
"""Rows and columns of cells: the whole, the 16 cells (MPEG-7: local), and 13 groups of four cells (semi-global)."""
REGION_WEIGHTS = np.array([5.0] + [1.0] * (len(REGIONS) - 1))
"""The whole counts five times, as in MPEG-7."""

_HARMONICS = np.array([1, 3])
_SPANS = LEVELS[:, -1] - LEVELS[:, 0]
"""(5,): a share lies between the lowest and the highest level."""
_SHAPE = (len(REGIONS), len(EDGES), len(_HARMONICS), 2)
_TERMS = REGION_WEIGHTS[:, None, None] * _SPANS[:, None] / _HARMONICS**2
_AMPLITUDES = np.sqrt(_TERMS / _TERMS.sum())
"""(30, 5, 2): their squares are what each harmonic adds to the similarity of two equal pictures."""


def luminance(rgb: np.ndarray) -> np.ndarray:
    """RGB (..., 3) -> brightness (...) in the same unit (ITU-R BT.601)."""
    brightness: np.ndarray = rgb @ np.array([0.299, 0.587, 0.114])
    return brightness


def edge_strengths(fields: np.ndarray) -> np.ndarray:
    """How strong each kind of edge is in blocks of 2 x 2 fields.

    Args:
        fields: Array of shape (2 n, 2 m, 3), RGB, 0 to 255.

    Returns:
        float64 array of shape (n, m, 5), in the order of EDGES: absolute answers of five filters to brightness.

    Source: Won, Park and Park 2002, section 2; CEDD uses the same five.
    """
    brightness = luminance(fields)
    a, b, c, d = brightness[::2, ::2], brightness[::2, 1::2], brightness[1::2, ::2], brightness[1::2, 1::2]
    filtered = [a + c - b - d, a + b - c - d, np.sqrt(2) * (a - d), np.sqrt(2) * (b - c), 2 * (a - b - c + d)]
    strengths: np.ndarray = np.abs(np.stack(filtered, axis=-1))
    return strengths


def local_histogram(pixels: np.ndarray) -> np.ndarray:
    """The descriptor as MPEG-7 stores it: uint8 (height, width, 3) RGB -> int64 (4, 4, 5), levels 0 to 7.

    Rows and columns of cells, then kinds of edges in the order of EDGES. A block counts as the kind whose filter answers
    strongest, or as none below THRESHOLD; a bin is the share of such blocks in the cell, as a level.

    Source: ISO/IEC 15938-3, Edge Histogram.
    """
    strengths = edge_strengths(field_means(pixels, FIELDS))  # (32, 32, 5)
    kinds = np.where(strengths.max(axis=-1) < THRESHOLD, -1, strengths.argmax(axis=-1))
    is_kind = kinds[..., None] == np.arange(len(EDGES))
    n_blocks = len(kinds) // CELLS
    shares = is_kind.reshape(CELLS, n_blocks, CELLS, n_blocks, len(EDGES)).mean(axis=(1, 3))  # (4, 4, 5)
    borders = (LEVELS[:, :-1] + LEVELS[:, 1:]) / 2
    levels: np.ndarray = (shares[..., None] > borders).sum(axis=-1)
    return levels


def region_shares(levels: np.ndarray) -> np.ndarray:
    """What a local histogram says of all regions: int (4, 4, 5) -> float64 (30, 5), shares of blocks with such an edge."""
    shares = LEVELS[np.arange(len(EDGES)), levels]  # (4, 4, 5)
    return np.stack([shares[rows, columns].mean(axis=(0, 1)) for rows, columns in REGIONS.values()])


def edge_histogram(pixels: np.ndarray) -> np.ndarray:
    """MPEG-7 edge histogram: says which way edges run in each part of a picture, whatever its colours.

    The blocks are those of the squashed picture, so 45° means along the diagonal of the frame.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (600,), of length 1: 30 regions x 5 kinds of edges x 2 harmonics x (cosine, sine).

    MPEG-7 adds up the differences of all 150 shares, those of the whole picture five times. The Fourier series of a
    difference, |u - v| = 1/2 - 4/pi^2 (cos pi(u - v) + cos 3 pi(u - v) / 9 + ...) for u and v in [0, 1], is a sum of
    products of cosines and sines; two terms of it are kept. So the cosine falls as MPEG-7's distance grows, nearly
    (`python -m benchmarks.descriptor_distances`). A picture without edges is a point like any other.

    Source: Won, Park and Park 2002, Efficient use of MPEG-7 edge histogram descriptor, ETRI Journal 24(1); the feature map
    after Vedaldi and Zisserman 2012, Efficient additive kernels via explicit feature maps.
    """
    positions = (region_shares(local_histogram(pixels)) - LEVELS[:, 0]) / _SPANS  # (30, 5), in [0, 1]
    phases = np.pi * positions[..., None] * _HARMONICS  # (30, 5, 2)
    waves = np.stack([np.cos(phases), np.sin(phases)], axis=-1) * _AMPLITUDES[..., None]
    vector: np.ndarray = waves.astype(np.float32).ravel()
    return vector


def edge_matches(first: np.ndarray, second: np.ndarray) -> list[Match]:
    """Which edges match where: two results of `edge_histogram` -> a match for each region and kind of edge.

    It is high where the shares are alike, so also where both pictures have none; `amounts` tells the two apart.
    """
    terms = first.astype(np.float64).reshape(_SHAPE) * second.reshape(_SHAPE)
    shares = terms.sum(axis=(2, 3))  # (30, 5)
    amounts = [_shares_of(first), _shares_of(second)]
    return largest_first(
        [
            Match(
                descriptor=EDGE_HISTOGRAM.name,
                what=f"{kind} edges",
                where=where,
                share=float(shares[i, j]),
                amounts=(float(amounts[0][i, j]), float(amounts[1][i, j])),
                box=(columns.start / CELLS, rows.start / CELLS, columns.stop / CELLS, rows.stop / CELLS),
            )
            for i, (where, (rows, columns)) in enumerate(REGIONS.items())
            for j, kind in enumerate(EDGES)
        ]
    )


def _shares_of(vector: np.ndarray) -> np.ndarray:
    """The region shares that became a descriptor, from its first harmonic: (600,) -> (30, 5)."""
    waves = vector.astype(np.float64).reshape(_SHAPE)[:, :, 0]
    shares: np.ndarray = LEVELS[:, 0] + _SPANS * np.arctan2(np.abs(waves[..., 1]), waves[..., 0]) / np.pi
    return shares


EDGE_HISTOGRAM = Descriptor(
    name="edge_histogram",
    compute=edge_histogram,
    dim=int(np.prod(_SHAPE)),
    input_size=FIELDS * PX_PER_FIELD,
    reference="Won, Park and Park 2002, Efficient use of MPEG-7 edge histogram descriptor, ETRI Journal 24(1)",
    matches=edge_matches,
)
