"""The joint descriptor: where colours are, where edges are, and which colours come with which edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from imgsearch.embedding.descriptors.cedd import CEDD
from imgsearch.embedding.descriptors.descriptor import Descriptor, Match, largest_first
from imgsearch.embedding.descriptors.edges import EDGE_HISTOGRAM
from imgsearch.embedding.descriptors.layout import COLOR_LAYOUT

PARTS = (COLOR_LAYOUT, EDGE_HISTOGRAM, CEDD)
"""Not the colour histogram: CEDD counts colours already."""
_ENDS = np.cumsum([part.dim for part in PARTS])[:-1]


def joint(pixels: np.ndarray) -> np.ndarray:
    """Colour layout, edge histogram and CEDD in one vector.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (901,), of length 1: the three one after the other, each of the same length. The cosine is
        the mean of their three cosines, so two pictures are alike that are alike in most of them.

    Equal weights: weights that level out how much the three vary among photos find no more (pets).

    Source: fusion by mean similarity is CombSUM of Fox and Shaw 1994, Combination of multiple searches; a joint vector of
    compact descriptors after Chatzichristofis, Boutalis and Lux 2009 (JCD, of CEDD and FCTH).
    """
    parts = np.concatenate([part.compute(pixels) for part in PARTS])
    unit: np.ndarray = (parts / np.linalg.norm(parts)).astype(np.float32)
    return unit


def joint_matches(first: np.ndarray, second: np.ndarray) -> list[Match]:
    """The matches of the three parts: two results of `joint` -> all of them, each with a third of its share."""
    scale = np.sqrt(len(PARTS))
    pairs = zip(PARTS, np.split(first * scale, _ENDS), np.split(second * scale, _ENDS), strict=True)
    matches = [match for part, a, b in pairs for match in part.matches(a, b)]
    return largest_first([replace(match, share=match.share / len(PARTS)) for match in matches])


JOINT = Descriptor(
    name="joint",
    compute=joint,
    dim=sum(part.dim for part in PARTS),
    input_size=max(part.input_size for part in PARTS),
    reference="Fox and Shaw 1994, Combination of multiple searches; of " + ", ".join(part.name for part in PARTS),
    matches=joint_matches,
)
