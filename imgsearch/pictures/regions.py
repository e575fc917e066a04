"""A part of a picture: the box that is asked with, and the square that a network sees of it.

A region of a gallery's item is cut from its thumbnail. How far that is from the same part of the original, beside the
nearest neighbour, `python -m benchmarks.thumbnail_gap` measures: docs/measurements.md, Objects in the query picture.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from PIL import Image

from imgsearch.errors import InvalidQueryError
from imgsearch.pictures import scaling

MIN_SIDE = 0.05
"""Smallest width and height of a region, as a share of the picture's: 16 px of a thumbnail's short side."""

_DECIMALS = 3


@dataclass(frozen=True)
class Window:
    """A box in fractions of a picture's width and height. What is below 0 or above 1 lies outside of the picture."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Region:
    """A box inside a picture, in fractions of its width and height: 0, 0, 1, 1 is all of it.

    The sides are rounded to 3 decimals, so that an address holds them exactly.

    Example:
        >>> str(Region(left=0.1, top=0.2, right=0.5, bottom=2 / 3))
        '0.1,0.2,0.5,0.667'
        >>> Region.parse("0.1,0.2,0.5,0.667").right
        0.5

    Raises:
        InvalidQueryError: a side is not in [0, 1], or two opposite ones are less than 0.05 apart.
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        for name in ("left", "top", "right", "bottom"):
            object.__setattr__(self, name, round(float(getattr(self, name)), _DECIMALS))
        is_inside = all(0 <= side <= 1 for side in astuple(self))  # which a NaN is not
        if not is_inside or min(self.right - self.left, self.bottom - self.top) < MIN_SIDE - 1e-9:
            raise InvalidQueryError(
                f"A region's sides must be between 0 and 1, right at least {MIN_SIDE} beyond left and bottom beyond top. "
                f"Received: {self}."
            )

    def __str__(self) -> str:
        """As in an address: "0.1,0.2,0.5,0.6"."""
        return ",".join(f"{side:g}" for side in astuple(self))

    @classmethod
    def parse(cls, text: str) -> Region:
        """The opposite of `str`.

        Raises:
            InvalidQueryError: `text` is not four numbers, or not those of a region.
        """
        try:
            left, top, right, bottom = map(float, text.split(","))
        except ValueError:
            raise InvalidQueryError(
                "A region must be four numbers, left,top,right,bottom, in fractions of the picture's width and height, "
                f"such as 0.1,0.2,0.5,0.6. Received: {text[:80]!r}."
            ) from None
        return cls(left, top, right, bottom)


def square_window(region: Region, width: int, height: int) -> Window:
    """The square around a region that is prepared for a network, in a picture of that many px.

    Its side is the longer one of the region. It is centred on the region as far as it stays inside the picture; along a
    direction in which the picture is too short for it, as far as it keeps all of the picture.
    """
    side = max((region.right - region.left) * width, (region.bottom - region.top) * height)
    left, right = _widened(region.left * width, region.right * width, side, width)
    top, bottom = _widened(region.top * height, region.bottom * height, side, height)
    return Window(left / width, top / height, right / width, bottom / height)


def _widened(start: float, end: float, side: float, length: int) -> tuple[float, float]:
    slack = length - side  # below 0: the square is longer than the picture
    start = min(max((start + end - side) / 2, min(0.0, slack)), max(0.0, slack))
    return start, start + side


def centre_window(width: int, height: int, input_size: int) -> Window:
    """The part of a whole picture of that many px that `scaling.resize_and_crop` keeps."""
    left, top, side = scaling.centre_square(width, height, input_size)
    return Window(left / width, top / height, (left + side) / width, (top + side) / height)


def cut_square(pixels: np.ndarray, region: Region, input_size: int) -> np.ndarray:
    """A region as a backbone takes it: all of it and no margin, in its own proportions.

    What the picture lacks of the square is mirrored from what is there, which makes no edge and no colour of its own.
    (`python -m benchmarks.region_padding` compares that with the mean colour and with black: docs/measurements.md, Objects
    in the query picture.)

    Args:
        pixels: uint8 array of shape (height, width, 3), any size from 1 x 1.
        region: The part.
        input_size: Side of the result, px.

    Returns:
        uint8 array of shape (input_size, input_size, 3).
    """
    height, width = pixels.shape[:2]
    window = square_window(region, width, height)
    left, right = max(window.left, 0.0) * width, min(window.right, 1.0) * width
    top, bottom = max(window.top, 0.0) * height, min(window.bottom, 1.0) * height
    scale = input_size / ((window.right - window.left) * width)
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    # Padded once it is small: the square around a panorama has more pixels than memory.
    part = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, box=(left, top, right, bottom), reducing_gap=2.0)
    before_x = min(round(max(-window.left, 0.0) * width * scale), input_size - part.width)
    before_y = min(round(max(-window.top, 0.0) * height * scale), input_size - part.height)
    rows, columns = (before_y, input_size - part.height - before_y), (before_x, input_size - part.width - before_x)
    return np.pad(np.asarray(part), (rows, columns, (0, 0)), mode="symmetric")


def crop(pixels: np.ndarray, region: Region) -> np.ndarray:
    """The region itself, to the nearest pixel: uint8 (height, width, 3) -> uint8 (at least 1, at least 1, 3), a view."""
    height, width = pixels.shape[:2]
    left, top = min(round(region.left * width), width - 1), min(round(region.top * height), height - 1)
    right, bottom = max(round(region.right * width), left + 1), max(round(region.bottom * height), top + 1)
    return pixels[top:bottom, left:right]
