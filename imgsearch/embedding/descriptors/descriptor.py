"""What all descriptors share: a row of the table, a match between two pictures, and the picture they look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

RGB = tuple[int, int, int]

PX_PER_FIELD = 4
"""In each direction, of what `field_means` averages."""


@dataclass(frozen=True)
class Match:
    """One of the things that two pictures are compared by, and what it adds to their cosine similarity.

    Attributes:
        descriptor: Name of the descriptor, which in the joint one says the part.
        what: A colour, a kind of edges, or both, in words.
        where: Part of the picture in words; "" where the descriptor does not know places.
        share: Its term of the similarity; below 0 where the pictures are opposite.
        amounts: How much of it the first and the second picture have, as shares of the pixels or blocks that are counted;
            None where nothing is counted.
        colors: The colour of it in the first and in the second picture, 0 to 255; None where it has none.
        box: The place as (left, top, right, bottom) in fractions of width and height; None where it has none.
    """

    descriptor: str
    what: str
    share: float
    where: str = ""
    amounts: tuple[float, float] | None = None
    colors: tuple[RGB, RGB] | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class Descriptor:
    """A formula and the numbers that belong to it.

    Attributes:
        name: snake_case name; the name of the embedder and, by default, of its space.
        compute: uint8 (height, width, 3) RGB of any size -> float32 (dim,), of length 1.
        dim: Length of the result.
        input_size: The whole picture is squashed to a square of this side, px, before `compute`: a descriptor looks at
            all of a picture, not at its centre.
        reference: The paper.
        matches: Two results of `compute`, float32 (dim,) -> what they have in common, largest share first. The shares
            add up to the cosine of the two; what adds nothing is left out.
    """

    name: str
    compute: Callable[[np.ndarray], np.ndarray]
    dim: int
    input_size: int
    reference: str
    matches: Callable[[np.ndarray, np.ndarray], list[Match]]


def squash(pixels: np.ndarray, side: int) -> np.ndarray:
    """The whole picture as a square, whatever its shape: uint8 (height, width, 3) -> uint8 (side, side, 3).

    Each pixel is the mean of what it covers. A picture that is smaller than the square, in one direction or in both, is
    interpolated linearly in that direction first: repeated pixels would show edges only where they meet.
    """
    picture = Image.fromarray(pixels)
    if min(picture.size) < side:
        picture = picture.resize((max(picture.width, side), max(picture.height, side)), Image.Resampling.BILINEAR)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX, reducing_gap=2.0))


def field_means(pixels: np.ndarray, side: int) -> np.ndarray:
    """Mean colours of a grid over the whole picture: uint8 (height, width, 3) -> float64 (side, side, 3), not rounded.

    A difference of means decides on edges, and there the rounding of `squash` is felt.
    """
    squashed = squash(pixels, PX_PER_FIELD * side)
    # Rows first, which lie side by side in memory: four times as fast as a mean over both directions.
    rows = squashed.reshape(side, PX_PER_FIELD, -1).sum(axis=1, dtype=np.uint16)
    means: np.ndarray = rows.reshape(side, side, PX_PER_FIELD, 3).sum(axis=2) / PX_PER_FIELD**2
    return means


def largest_first(matches: list[Match]) -> list[Match]:
    """Those that add to the similarity or take from it, by share; equal shares stay in order."""
    return sorted((match for match in matches if match.share), key=lambda match: -match.share)
