"""A loaded Pillow image of any mode -> an array of RGB.

Samples of 16 bits often hold fewer, and white is then 4,095, say, and not 65,535. All is done in bands of rows, so that no
second full-size copy of a large picture is ever held.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

FULL_WHITE = 65_535
_NARROW_WHITES = (1_023, 4_095, 16_383)  # of 10, 12 and 14 bits, what cameras and microscopes measure in
_TOP = 15 / 16


@dataclass(frozen=True)
class White:
    """The level of white that a file of 16-bit samples states.

    Attributes:
        level: 255 to 65,535.
        is_certain: Whether no sample can be above it, since the file stores no more bits. Else it is believed unless the
            samples contradict it.
    """

    level: int
    is_certain: bool = False


def to_rgb(image: Image.Image, factor: int, *, low: Image.Image | None = None, white: White | None = None) -> np.ndarray:
    """A loaded picture of any mode as RGB, `factor` times smaller.

    What is white in samples of 16 bits is asked in this order:

    1. What the file states (`white`), unless a sample needs more bits than that.
    2. 65,535, where all samples are multiples of 4 or of 257: a narrower picture was widened to 16 bits when it was
       written. (So a dark picture of 8 bits that was saved with 16 stays dark, also where it states 8 or 12 bits, as a PNG
       does that follows its standard.)
    3. The least of 4,095, 16,383 and 65,535 that no sample exceeds; 1,023 where the greatest comes to its top sixteenth.

    So a picture that states nothing becomes at most 16 times brighter (64 times where it fills 10 bits to the top), never
    as bright as its greatest sample would allow: what is dark among 12 bits, or black but for noise, stays so. A picture of
    true 16 bits that nowhere reaches a quarter of white cannot be told from one of 14, and comes out brighter.

    Args:
        image: The picture; of colours with 16 bits a sample, the upper 8.
        factor: 1 or more.
        low: The lower 8 bits of the same, where the upper ones are all below 64; as large and of the same mode.
        white: What the file states.

    Returns:
        uint8 array of shape (ceil(height / factor), ceil(width / factor), 3), read-only.
    """
    width, height = image.size
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), dtype=np.uint8)
    scale = _grey_scale(image, white)
    if low is not None:
        deep = (_join(*bands) for bands in zip(_bands(image, 1), _bands(low, 1), strict=True))
        scale = 0.0, float(_white_of_16_bits(deep, white))
    top = 0
    for band in _bands(image, factor):
        if low is None:
            rgb = _band_to_rgb(band, scale)
        else:
            values = _join(band, low.crop((0, top * factor, low.width, top * factor + band.height)))
            rgb = _band_to_rgb(Image.fromarray(_to_8_bits(values, scale or (0.0, 1.0)), image.mode), None)
        if factor > 1:
            rgb = rgb.reduce(factor)
        pixels[top : top + rgb.height] = np.asarray(rgb)
        top += rgb.height
    pixels.flags.writeable = False
    return pixels


def _join(high: Image.Image, low: Image.Image) -> np.ndarray:
    values = np.asarray(high).astype(np.uint16)
    values <<= 8
    values |= np.asarray(low)
    return values


def _bands(image: Image.Image, multiple: int) -> Iterator[Image.Image]:
    """The picture from top to bottom, about a million pixels at a time, in whole multiples of so many rows."""
    rows = max(1, 1_000_000 // (image.width * multiple)) * multiple
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _band_to_rgb(band: Image.Image, scale: tuple[float, float] | None) -> Image.Image:
    if scale is not None:
        return _grey_to_8_bits(band, scale).convert("RGB")
    if not band.has_transparency_data:
        return band if band.mode == "RGB" else band.convert("RGB")
    rgba = band if band.mode == "RGBA" else band.convert("RGBA")
    white = Image.new("RGB", rgba.size, (255, 255, 255))
    white.paste(rgba, mask=rgba)
    return white


def _white_of_16_bits(bands: Iterable[np.ndarray], stated: White | None) -> int:
    """White, by the rule of `to_rgb`."""
    level = stated.level if stated else 0
    greatest, is_shifted, is_repeated = 0, True, True
    for values in bands:
        greatest = max(greatest, int(values.max()))
        if greatest.bit_length() > max(14, level.bit_length()):
            return FULL_WHITE
        is_shifted = is_shifted and not (values & 3).any()
        is_repeated = is_repeated and not (values % 257).any()
    is_stated = stated is not None and greatest.bit_length() <= level.bit_length()
    if stated and is_stated and stated.is_certain:
        return level
    if is_shifted or is_repeated:
        return FULL_WHITE
    return level if is_stated else _least_white(greatest)


def _least_white(greatest: float) -> int:
    ten, *wider = _NARROW_WHITES
    if ten * _TOP <= greatest <= ten:
        return ten
    return next(white for white in (*wider, FULL_WHITE) if greatest <= white)


def _grey_scale(image: Image.Image, stated: White | None) -> tuple[float, float] | None:
    """Black and white point of a 16-bit, 32-bit or float picture; None for 8-bit modes.

    16-bit pictures: see `to_rgb`. The others say nothing of their range. It is [0, 1] for floats up to 1, or up to 16
    where not all are whole numbers (what is brighter than white is clipped); else [0, 255] if all values fit; else up to
    the white of 10, 12, 14 or 16 bits that `to_rgb` takes where nothing is stated; else from the least to the greatest
    value.
    """
    if image.mode.startswith("I;16"):
        return 0.0, float(_white_of_16_bits(map(np.asarray, _bands(image, 1)), stated))
    if image.mode not in ("I", "F"):
        return None
    least, greatest, are_whole = math.inf, -math.inf, True
    for band in _bands(image, 1):
        values = np.asarray(band)
        finite = values[np.isfinite(values)]
        if finite.size:
            least, greatest = min(least, float(finite.min())), max(greatest, float(finite.max()))
            are_whole = are_whole and not (finite % 1).any()
    if least > greatest:  # not one number
        return 0.0, 1.0
    if least < 0 or greatest > FULL_WHITE:
        return least, greatest
    if image.mode == "F" and greatest <= (1 if are_whole else 16):
        return 0.0, 1.0
    return 0.0, 255.0 if greatest <= 255 else float(_least_white(greatest))


def _grey_to_8_bits(band: Image.Image, scale: tuple[float, float]) -> Image.Image:
    values = np.asarray(band)
    grey = _to_8_bits(values, scale)
    transparent = band.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)


def _to_8_bits(values: np.ndarray, scale: tuple[float, float]) -> np.ndarray:
    if values.dtype.itemsize == 2:  # a table needs less memory and time
        return np.take(_to_8_bits(np.arange(2**16), scale), values)
    black, white = scale
    span = white - black or 1.0  # a flat picture is black
    levels = np.nan_to_num((values.astype(np.float64) - black) * 255.0 / span, nan=0.0, posinf=255.0, neginf=0.0)
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
