"""Thumbnails in about the size that a card is drawn in, for screens on which the stored ones are far larger."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from imgsearch.errors import ImageError
from imgsearch.pictures.decode import Limits, decode_image
from imgsearch.pictures.scaling import make_thumbnail

SMALL_SIDE = 224
"""Short side, px. A card is 110 to 220 CSS px wide, and dense screens take the stored thumbnails."""
_MOST_KEPT = 2_000
"""Of some 15 kB each; those of a panorama have at most four times as many pixels as a square one."""
_MOST_BYTES, _MOST_PIXELS = 2**20, 2**20
# A package may bring anything as a thumbnail. A true one has at most 320 x 1,280 px.
_LIMITS = Limits(
    max_bytes=_MOST_BYTES,
    max_bytes_video=_MOST_BYTES,
    max_pixels=_MOST_PIXELS,
    max_pixels_jpeg=_MOST_PIXELS,
    max_pixels_avif=_MOST_PIXELS,
    max_pixels_heif=_MOST_PIXELS,
)


def thumbnail_pixels(thumbnail: Path | bytes) -> np.ndarray:
    """A stored thumbnail as a uint8 array of shape (height, width, 3).

    Raises:
        ImageError: it is no picture, or a larger one than a thumbnail is.
    """
    return decode_image(thumbnail, limits=_LIMITS).pixels


def small_thumbnail(path: Path) -> bytes | None:
    """A stored thumbnail made smaller: a WebP file whose short side is SMALL_SIDE px, never enlarged.

    None as long as it is not made: that begins when it is first asked for, and takes longer than sending the stored one.
    None for ever where that cannot be made smaller.
    """
    making = _making(path)
    return making.result() if making.done() else None


@lru_cache(maxsize=_MOST_KEPT)
def _making(path: Path) -> Future[bytes | None]:
    return _one_thread().submit(_make, path)


@lru_cache(maxsize=1)
def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="small-thumbnails")


def _make(path: Path) -> bytes | None:
    try:
        return make_thumbnail(thumbnail_pixels(path), SMALL_SIDE)
    except ImageError:
        return None
