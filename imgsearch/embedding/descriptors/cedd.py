"""CEDD, colour and edge directivity descriptor: which colours come with which edges."""

from __future__ import annotations

import numpy as np

from imgsearch.embedding.descriptors.descriptor import PX_PER_FIELD, Descriptor, Match, field_means, largest_first
from imgsearch.embedding.descriptors.edges import EDGES, edge_strengths
from imgsearch.embedding.descriptors.fuzzy import COLORS, TYPICAL_COLORS, fuzzy_colors

FIELDS = 80
"""In each direction: 40 x 40 blocks of 2 x 2 fields. 1,600 blocks, as in the paper."""
THRESHOLD = 14
"""Least strength of an edge, in units of brightness 0 to 255."""
PARTICIPATION = np.array([0.98, 0.98, 0.98, 0.98, 0.68])
"""A block counts as each kind of edge (EDGES) whose strength is above this share of the strongest: so as several."""

TEXTURES = ("no edges", *(f"{kind} edges" for kind in EDGES))

# What the 8 levels of a bin stand for: shares of all blocks. One row for each texture.
_FLAT = (0.000180, 0.023730, 0.061457, 0.113919, 0.179122, 0.260980, 0.341796, 0.554730)
_STRAIGHT = (0.000405, 0.004878, 0.010882, 0.018167, 0.027043, 0.038129, 0.052675, 0.079555)
_DIAGONAL = (0.000969, 0.010725, 0.024161, 0.041556, 0.062896, 0.093066, 0.136976, 0.262898)
_ALL_WAYS = (0.000209, 0.022491, 0.060251, 0.120706, 0.181128, 0.234132, 0.325661, 0.520702)
LEVELS = np.array([_FLAT, _STRAIGHT, _STRAIGHT, _DIAGONAL, _DIAGONAL, _ALL_WAYS])

_SHAPE = (len(TEXTURES), len(COLORS))


def fuzzy_histogram(pixels: np.ndarray) -> np.ndarray:
    """The descriptor as the paper stores it: uint8 (height, width, 3) RGB -> int64 (6, 24), levels 0 to 7.

    Textures, then colours, in the order of TEXTURES and COLORS (the paper has another; no distance sees it). Each block
    adds the memberships of its mean colour to the rows of its textures; all is divided by the sum and put into levels.

    Source: Chatzichristofis and Boutalis 2008, sections 2 to 4.
    """
    fields = field_means(pixels, FIELDS)
    strengths = edge_strengths(fields)  # (40, 40, 5)
    strongest = strengths.max(axis=-1, keepdims=True)
    has_edge = strongest >= THRESHOLD
    textures = np.concatenate([~has_edge, has_edge & (strengths > PARTICIPATION * strongest)], axis=-1)  # (40, 40, 6)
    colors = fuzzy_colors(fields.reshape(FIELDS // 2, 2, FIELDS // 2, 2, 3).mean(axis=(1, 3)))  # (40, 40, 24)
    sums = np.einsum("ijt,ijc->tc", textures.astype(np.float64), colors)
    borders = (LEVELS[:, None, :-1] + LEVELS[:, None, 1:]) / 2
    levels: np.ndarray = ((sums / sums.sum())[..., None] > borders).sum(axis=-1)
    return levels


def cedd(pixels: np.ndarray) -> np.ndarray:
    """CEDD: says which colours a picture has in plain areas and which at edges of each kind, not where.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (288,), of length 1: 6 textures x 24 colours, once times the cosine and once times the sine
        of the logarithm of the levels' length.

    The paper's distance is Tanimoto's, 1 - T with T = ab / (aa + bb - ab). T = S / (2 - S) rises with S = 2 ab / (aa + bb),
    which is the cosine of a and b divided by cosh(u), u the logarithm of the ratio of their lengths. Here it is multiplied
    by cos(u), the same up to u^4 / 6, and u is small among photos. So nothing is lost
    (`python -m benchmarks.descriptor_distances`).

    Source: Chatzichristofis and Boutalis 2008, CEDD: Color and Edge Directivity Descriptor, ICVS.
    """
    levels = fuzzy_histogram(pixels).ravel().astype(np.float64)
    # Never 0: even a picture spread over all 144 bins is above the lowest border of one.
    length = np.linalg.norm(levels)
    turned = np.array([np.cos(np.log(length)), np.sin(np.log(length))])
    vector: np.ndarray = np.outer(turned, levels / length).astype(np.float32).ravel()
    return vector


def cedd_matches(first: np.ndarray, second: np.ndarray) -> list[Match]:
    """Colours with textures that both pictures have: two results of `cedd` -> a match for each bin that neither lacks."""
    shares = (first.astype(np.float64).reshape(2, *_SHAPE) * second.reshape(2, *_SHAPE)).sum(axis=0)  # (6, 24)
    levels = [_levels_of(first), _levels_of(second)]
    rows = np.arange(len(TEXTURES))[:, None]
    amounts = [LEVELS[rows, each] for each in levels]
    return largest_first(
        [
            Match(
                descriptor=CEDD.name,
                what=f"{color}, {texture}",
                share=float(shares[i, j]),
                amounts=(float(amounts[0][i, j]), float(amounts[1][i, j])),
                colors=(TYPICAL_COLORS[j], TYPICAL_COLORS[j]),
            )
            for i, texture in enumerate(TEXTURES)
            for j, color in enumerate(COLORS)
        ]
    )


def _levels_of(vector: np.ndarray) -> np.ndarray:
    """The levels that became a descriptor: (288,) -> int64 (6, 24)."""
    parts = vector.astype(np.float64).reshape(2, *_SHAPE)
    cosine, sine = parts.sum(axis=(1, 2))
    # An angle is known up to whole turns. Lengths are from 1 to 84, so their logarithms lie within the turn from -1.
    logarithm = (np.arctan2(sine, cosine) + 1) % (2 * np.pi) - 1
    levels: np.ndarray = np.round(np.linalg.norm(parts, axis=0) * np.exp(logarithm)).astype(np.int64)
    return levels


CEDD = Descriptor(
    name="cedd",
    compute=cedd,
    dim=2 * len(TEXTURES) * len(COLORS),
    input_size=FIELDS * PX_PER_FIELD,
    reference="Chatzichristofis and Boutalis 2008, CEDD: Color and Edge Directivity Descriptor, ICVS",
    matches=cedd_matches,
)
