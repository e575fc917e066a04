"""MPEG-7 colour layout: where the colours are, as a picture of 8 x 8 px with its finest detail left out."""

from __future__ import annotations

import numpy as np

from imgsearch.embedding.descriptors.descriptor import RGB, Descriptor, Match, largest_first, squash
from imgsearch.embedding.descriptors.fuzzy import color_names

FIELDS = 8
"""In each direction."""

# The 12 coefficients that MPEG-7 keeps by default, in its order: 6 of Y, 3 of Cb, 3 of Cr, each in zigzag order.
CHANNELS = np.repeat([0, 1, 2], [6, 3, 3])
_ROWS = np.array([0, 0, 1, 2, 1, 0, *(0, 0, 1), *(0, 0, 1)])
_COLUMNS = np.array([0, 1, 0, 0, 1, 2, *(0, 1, 0), *(0, 1, 0)])
_PLACES = (CHANNELS, _ROWS, _COLUMNS)
_IS_MEAN = (_ROWS == 0) & (_COLUMNS == 0)

WEIGHTS = np.array([2, 2, 2, 1, 1, 1, *(2, 1, 1), *(4, 2, 2)])
"""Weights of squared differences, from the reference software of MPEG-7."""
_CHROMA_WEIGHT = 2.5
"""Among the nearest photos brightness differs more than twice as much as either of the other two."""
_SCALES = np.sqrt(WEIGHTS * np.where(CHANNELS == 0, 1.0, _CHROMA_WEIGHT))
_MIDDLES = np.where(_IS_MEAN, 32, 0)
_BASE = 64.0

# From red, green and blue in [0, 1] to Y in 16 to 235, and Cb and Cr in 16 to 240 (ITU-R BT.601).
_YCBCR = np.array([[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]])
_YCBCR_OF_BLACK = np.array([16.0, 128.0, 128.0])

# Quantisation is piecewise linear, finest where values are common: (value, level) at the corners.
_Y_MEANS = ((0, 64, 96, 160, 192, 256), (0, 8, 16, 48, 56, 64))
_C_MEANS = ((64, 96, 112, 144, 160, 192), (0, 8, 16, 48, 56, 64))
_DIVISORS = np.where(_IS_MEAN, FIELDS, np.where(CHANNELS == 0, 2, 1))
_DETAILS = ((-256, -128, -64, 64, 128, 256), (-16, -12, -8, 8, 12, 16))


def cosine_transform(n: int) -> np.ndarray:
    """The cosine transform (DCT-II, orthonormal) of n values as a matrix: float64 (n, n), a row a wave, the longest first.

    That of an (n, n) array is matrix @ array @ matrix.T, and matrix.T @ spectrum @ matrix leads back.

    Source: Ahmed, Natarajan and Rao 1974, Discrete cosine transform.
    """
    waves = np.cos(np.pi / n * np.outer(np.arange(n), np.arange(n) + 0.5))
    matrix: np.ndarray = waves * np.sqrt(np.where(np.arange(n) == 0, 1, 2) / n)[:, None]
    return matrix


_WAVES = cosine_transform(FIELDS)


def coefficients(pixels: np.ndarray) -> np.ndarray:
    """The descriptor as MPEG-7 stores it: uint8 (height, width, 3) RGB -> int64 (12,).

    Mean colours of 8 x 8 fields in YCbCr (ITU-R BT.601), their cosine transform, and of it the lowest frequencies: 6 of Y,
    3 each of Cb and Cr. Each starts with a mean, 0 to 63; the others are -16 to 15 (MPEG-7 adds 16).

    Source: ISO/IEC 15938-3, Color Layout; Kasutani and Yamada 2001.
    """
    fields = np.moveaxis(squash(pixels, FIELDS) / 255 @ _YCBCR.T + _YCBCR_OF_BLACK, 2, 0)  # (3, 8, 8)
    # Whole numbers, as in the reference software: else the last digit of a grey's 128 decides between two levels.
    values = np.round((_WAVES @ fields @ _WAVES.T)[_PLACES])  # (12,)
    levels = np.interp(values / _DIVISORS, *_DETAILS)
    y, *chroma = (values / _DIVISORS)[_IS_MEAN]
    levels[_IS_MEAN] = np.interp(y, *_Y_MEANS), *np.interp(chroma, *_C_MEANS)
    rounded = np.where(_IS_MEAN, np.floor(levels), np.round(levels))
    stored: np.ndarray = np.clip(rounded, np.where(_IS_MEAN, 0, -16), np.where(_IS_MEAN, 63, 15)).astype(np.int64)
    return stored


def color_layout(pixels: np.ndarray) -> np.ndarray:
    """MPEG-7 colour layout: says which colours are where, roughly.

    Args:
        pixels: uint8 array of shape (height, width, 3), RGB.

    Returns:
        float32 array of shape (13,), of length 1: the 12 coefficients, counted from the middle of their ranges and scaled
        by the roots of their weights, and a constant.

    MPEG-7 adds up three weighted Euclidean distances, of Y, Cb and Cr. A vector has only one, the root of the sum of their
    squares; here Cb and Cr weigh more in it, to come closer. The constant, twice as long as the others commonly are, makes
    angles go with distances and not with directions: without it a pale picture would be as near to a vivid one as to its
    like. It also makes all similarities high. How close it comes: `python -m benchmarks.descriptor_distances`.

    Source: ISO/IEC 15938-3, Color Layout; Kasutani and Yamada 2001, The MPEG-7 color layout descriptor, ICIP.
    """
    vector = np.append((coefficients(pixels) - _MIDDLES) * _SCALES, _BASE)
    unit: np.ndarray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def layout_matches(first: np.ndarray, second: np.ndarray) -> list[Match]:
    """Where the colours match: two results of `color_layout` -> a match for each of the 8 x 8 fields.

    A field's colours are those that the descriptor remembers, so the fields of one picture are what it sees of it. The
    cosine of a and b, of length 1, is 1 - |a - b|^2 / 2, and the cosine transform keeps sums of squares: so a field has
    1/64 where both pictures are the same, and less, down below 0, the more they differ there. What the constant differs
    by, since the lengths that it was divided by differ, is shared out evenly.
    """
    differences = _fields(first[:-1].astype(np.float64) - second[:-1])  # (3, 8, 8)
    squares = (differences**2).sum(axis=0) + (float(first[-1]) - float(second[-1])) ** 2 / FIELDS**2
    shares = 1 / FIELDS**2 - squares / 2  # (8, 8)
    colors = [_colors(first), _colors(second)]  # (8, 8, 3) each
    names = color_names(*(each.reshape(-1, 3) for each in colors))
    return largest_first(
        [
            Match(
                descriptor=COLOR_LAYOUT.name,
                what=names[row * FIELDS + column],
                where=f"row {row + 1}, column {column + 1} of {FIELDS}",
                share=float(shares[row, column]),
                colors=(_rgb(colors[0][row, column]), _rgb(colors[1][row, column])),
                box=(column / FIELDS, row / FIELDS, (column + 1) / FIELDS, (row + 1) / FIELDS),
            )
            for row, column in np.ndindex(FIELDS, FIELDS)
        ]
    )


def _fields(values: np.ndarray) -> np.ndarray:
    """(12,) coefficients -> (3, 8, 8), the others 0; a cosine transform backwards."""
    spectrum = np.zeros((3, FIELDS, FIELDS))
    spectrum[_PLACES] = values
    fields: np.ndarray = _WAVES.T @ spectrum @ _WAVES
    return fields


def _colors(vector: np.ndarray) -> np.ndarray:
    """What the descriptor remembers of a picture: float32 (13,) -> uint8 (8, 8, 3), RGB."""
    levels = np.round(vector[:-1] / vector[-1] * _BASE / _SCALES) + _MIDDLES
    values = np.interp(levels, *_DETAILS[::-1])
    y, *chroma = levels[_IS_MEAN] + 0.5  # the middle of what floor() put into one level
    values[_IS_MEAN] = np.interp(y, *_Y_MEANS[::-1]), *np.interp(chroma, *_C_MEANS[::-1])
    ycbcr = np.moveaxis(_fields(values * _DIVISORS), 0, 2)
    rgb = (ycbcr - _YCBCR_OF_BLACK) @ np.linalg.inv(_YCBCR).T
    colors: np.ndarray = np.clip(np.round(255 * rgb), 0, 255).astype(np.uint8)
    return colors


def _rgb(color: np.ndarray) -> RGB:
    red, green, blue = color.tolist()
    return red, green, blue


COLOR_LAYOUT = Descriptor(
    name="color_layout",
    compute=color_layout,
    dim=len(CHANNELS) + 1,
    input_size=FIELDS,
    reference="Kasutani and Yamada 2001, The MPEG-7 color layout descriptor, ICIP; ISO/IEC 15938-3",
    matches=layout_matches,
)
