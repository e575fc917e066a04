"""Pixels -> the square that a backbone takes, thumbnails and previews."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from PIL import Image

from imgsearch.pictures import containers

CROP_SHARE = 0.875
"""Share of the short side that the centre crop keeps: 224 of 256 px, as ImageNet models are usually evaluated."""


def centre_square(width: int, height: int, input_size: int) -> tuple[float, float, float]:
    """Left, top and side, px, of the part of a picture that `resize_and_crop` keeps."""
    side = min(width, height) * input_size / round(input_size / CROP_SHARE)
    return (width - side) / 2, (height - side) / 2, side


def resize_and_crop(pixels: np.ndarray, input_size: int) -> np.ndarray:
    """The centre square of a picture at the size that a backbone takes.

    The same as scaling the short side to round(input_size / 0.875) and cutting out the centre, but in one step, on only
    the part that is needed.

    Args:
        pixels: uint8 array of shape (height, width, 3), any size from 1 x 1.
        input_size: Side of the result, in px, 1 or more.

    Returns:
        uint8 array of shape (input_size, input_size, 3), C-contiguous.

    Raises:
        ValueError: `pixels` or `input_size` is none of that.
    """
    height, width = _check_pixels(pixels)
    if input_size < 1:
        raise ValueError(f"input_size must be at least 1. Received: {input_size}.")
    left, top, side = centre_square(width, height, input_size)
    # Bicubic looks at two pixels of the result to either side. More than that of a panorama need not be converted.
    margin = math.ceil(2 * max(1.0, side / input_size)) + 1
    x0, y0 = max(0, int(left) - margin), max(0, int(top) - margin)
    x1, y1 = min(width, math.ceil(left + side) + margin), min(height, math.ceil(top + side) + margin)
    image = Image.fromarray(pixels[y0:y1, x0:x1])
    box = (left - x0, top - y0, min(left + side, x1) - x0, min(top + side, y1) - y0)
    resized = image.resize((input_size, input_size), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    return np.array(resized)


def make_thumbnail(pixels: np.ndarray, short_side: int = 320) -> bytes:
    """A small WebP for the results grid.

    Args:
        pixels: uint8 array of shape (height, width, 3).
        short_side: Short side of the thumbnail, in px; smaller pictures are not enlarged. A panorama's long side is at
            most 4 times this, and its short side then smaller. Defaults to 320: a card of the page is about 170 CSS px
            wide, and a dense screen has two pixels for each.

    Returns:
        A WebP file, quality 90, without metadata.
    """
    height, width = _check_pixels(pixels)
    scale = min(1.0, short_side / min(height, width), 4 * short_side / max(height, width))
    return _encode(_scaled(pixels, scale), "WEBP", quality=90, method=2)


def make_preview(pixels: np.ndarray) -> bytes:
    """A JPEG to show an upload with: re-encoded, so nothing of the original bytes is ever served.

    Args:
        pixels: uint8 array of shape (height, width, 3).

    Returns:
        A JPEG file, quality 88, without metadata; its long side has at most 1,024 px, and it is never enlarged.
    """
    height, width = _check_pixels(pixels)
    return _encode(_scaled(pixels, min(1.0, 1_024 / max(height, width))), "JPEG", quality=88)


def data_url(picture: bytes) -> str:
    """A picture file as a URL that holds it. ValueError for what is no picture."""
    kind = containers.sniff(picture[:64])
    if kind is None:
        raise ValueError("picture must be the bytes of a picture file.")
    return f"data:image/{kind.lower()};base64,{base64.b64encode(picture).decode()}"


def _check_pixels(pixels: np.ndarray) -> tuple[int, int]:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(
            f"pixels must be uint8 of shape (height, width, 3). Received: {pixels.dtype} of shape {pixels.shape}."
        )
    return pixels.shape[0], pixels.shape[1]


def _scaled(pixels: np.ndarray, scale: float) -> Image.Image:
    image = Image.fromarray(pixels)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def _encode(image: Image.Image, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
