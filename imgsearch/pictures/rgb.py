"""A loaded Pillow image of any mode -> an array of RGB.

Works in bands of rows, so that no second full-size copy of a large picture is ever held.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image


def to_rgb(image: Image.Image, factor: int) -> np.ndarray:
    """A loaded picture of any mode as RGB, `factor` times smaller.

    Returns:
        uint8 array of shape (ceil(height / factor), ceil(width / factor), 3), read-only.
    """
    width, height = image.size
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), dtype=np.uint8)
    scale = _grey_scale(image)
    top = 0
    for band in _bands(image, factor):
        rgb = _band_to_rgb(band, scale)
        if factor > 1:
            rgb = rgb.reduce(factor)
        pixels[top : top + rgb.height] = np.asarray(rgb)
        top += rgb.height
    pixels.flags.writeable = False
    return pixels


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


def _grey_scale(image: Image.Image) -> tuple[float, float] | None:
    """Black and white point of a 16-bit, 32-bit or float picture; None for 8-bit modes.

    16-bit pictures span 0 to 65,535. The others say nothing of their range: it is [0, 1] (float only), [0, 255] or
    [0, 65,535] if all their values fit, else from the least to the greatest value.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65_535.0
    if image.mode not in ("I", "F"):
        return None
    least, greatest = math.inf, -math.inf
    for band in _bands(image, 1):
        values = np.asarray(band)
        finite = values[np.isfinite(values)]
        if finite.size:
            least, greatest = min(least, float(finite.min())), max(greatest, float(finite.max()))
    if least > greatest:  # not one number
        return 0.0, 1.0
    for white in (1.0, 255.0, 65_535.0) if image.mode == "F" else (255.0, 65_535.0):
        if least >= 0 and greatest <= white:
            return 0.0, white
    return least, greatest


def _grey_to_8_bits(band: Image.Image, scale: tuple[float, float]) -> Image.Image:
    black, white = scale
    values = np.asarray(band).astype(np.float64)
    span = white - black or 1.0  # a flat picture is black
    levels = np.nan_to_num((values - black) * 255.0 / span, nan=0.0, posinf=255.0, neginf=0.0)
    grey = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    transparent = band.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)
