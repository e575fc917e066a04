"""A contact sheet of a collection: the picture that stands for it where somebody sends a link."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from imgsearch.collection.face.description import Described
from imgsearch.errors import CollectionCorruptError, ImageError
from imgsearch.ui.server.delivery.thumbnails import thumbnail_pixels

WIDTH, HEIGHT = 1200, 630
"""What previews of links are made for, px: https://ogp.me names no size, and networks cut others to about this form."""
MEDIA_TYPE = "image/jpeg"
_GRIDS = ((8, 4), (6, 3), (4, 2), (2, 1), (1, 1))
"""Columns and rows; of these the first that there are pictures for."""
_GAP = 6
_PAPER = (251, 248, 242)


def sheet_digest(outline: Described) -> str:
    """What the sheet depends on, as a name for its file: hexadecimal, 64 characters."""
    return outline.description.digest


def contact_sheet(outline: Described) -> bytes:
    """A JPEG of pictures spread evenly over the collection, of WIDTH x HEIGHT px; the same collection gives the same.

    Raises:
        CollectionCorruptError: a thumbnail cannot be read.
    """
    n_items = len(outline.items)
    columns, rows = next(grid for grid in _GRIDS if grid[0] * grid[1] <= n_items)
    sheet = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    xs, ys = _edges(WIDTH, columns), _edges(HEIGHT, rows)
    for number, item in enumerate(outline.items.spread(columns * rows)):
        down, right = divmod(number, columns)
        side = (xs[right + 1] - xs[right] - _GAP, ys[down + 1] - ys[down] - _GAP)
        try:
            pixels = thumbnail_pixels(outline.thumbnail(item))
        except ImageError as exc:
            raise CollectionCorruptError(f"The thumbnail of {item.item_id!r} cannot be read.") from exc
        sheet.paste(ImageOps.fit(Image.fromarray(pixels), side, Image.Resampling.BICUBIC), (xs[right], ys[down]))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=82)
    return file.getvalue()


def _edges(length: int, parts: int) -> list[int]:
    """Where equal parts of a length begin, with a gap before the first and after the last."""
    return [_GAP + (length - _GAP) * part // parts for part in range(parts + 1)]
