"""Bytes or a file -> an upright RGB picture within limits.

The only caller of Pillow's decoders. There is one decode, for build and query alike: its result depends on the bytes
alone, never on who asks or on the name of the file. What it costs is bounded for any input up to the byte cap, by 2 s
and 400 MB on a machine of 2 cores; the numbers in `Limits` were lowered, format by format, until that held.
"""

from __future__ import annotations

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from PIL import AvifImagePlugin as _avif  # noqa: F401  importing a plugin registers it
from PIL import Image, ImageFile
from PIL import TiffImagePlugin as _tiff  # noqa: F401
from PIL import WebPImagePlugin as _webp  # noqa: F401

from imgsearch.errors import ImageDecodeError, ImageError, ImageTooLargeError
from imgsearch.pictures import containers, heif, tiff
from imgsearch.pictures.rgb import White, to_rgb
from imgsearch.reasons import say
from imgsearch.settings import MAX_PICTURE_BYTES

RAW_SUFFIXES = frozenset(
    (
        *(".raw", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".raf", ".orf", ".rw2", ".rwl", ".pef"),
        *(".srw", ".x3f", ".mrw", ".3fr", ".fff", ".iiq", ".mef", ".mos", ".dcr", ".kdc", ".erf"),
    )
)
"""Lower-case suffixes of cameras' RAW files. A `.dng` is none of them: it may hold a finished picture, and says so."""

PICTURE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"),
        *(".avif", ".heic", ".heif", ".hif", ".jp2", ".jxl", ".psd", ".ico", ".tga", ".svg"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr", ".dng", *RAW_SUFFIXES),
    )
)
"""Lower-case suffixes that people give pictures. Only for a folder scan, which reports a file it cannot read when the
name says picture; what a file is, its content says."""

MIN_SHORT_SIDE = 1_024
"""Pictures are decoded smaller, by 2, 4 or 8, as long as the short side keeps this many px."""

_VIDEO_KINDS = frozenset(("WEBP", "AVIF", "HEIF"))
READ_FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC"


@dataclass(frozen=True)
class Limits:
    """What one picture may cost. Larger ones are refused with ImageTooLargeError.

    Attributes:
        max_bytes: Size of the file.
        max_bytes_video: The same for WebP, AVIF and HEIC, whose decoders hold the file twice and need 50 ns a byte.
        max_pixels_jpeg: Pixels of a JPEG, which is decoded at a reduced scale; a 64-megapixel phone has 64.2.
        max_jpeg_coefficient_bytes: Memory of a progressive JPEG's coefficients, which no scale reduces: 2 bytes each,
            so 25 megapixels at full colour resolution and 50 at the usual half one.
        max_jpeg_scans: Passes over a JPEG; encoders write 1 to about 12.
        max_pixels: Pixels of any other picture; a 20-megapixel camera has 20.2.
        max_png_data_bytes: Decompressed data of a PNG, at 10 ns a byte: 15.7 megapixels of 16-bit RGBA, all of others. Up
            to half of it, a dark picture with 16 bits a sample is decoded twice, to read all 16.
        max_pixels_avif: Pixels of AVIF, which may store 2 bytes a value and keep a second copy for film grain.
        max_pixels_heif: Pixels of a HEIC, of which phones write up to 48.8 megapixels with 1.5 bytes a pixel (8 bits,
            4:2:0).
        max_heif_sample_bytes: Its samples as they are decoded: 30 megapixels with 10 bits, 15 with 10 bits at full colour
            resolution.
        max_pixels_slow: Pixels where decoding is slow: run-length BMP (in Python), JPEG in TIFF (100 scans a strip).
        max_side: Width and height, in px.
    """

    max_bytes: int = MAX_PICTURE_BYTES
    max_bytes_video: int = 25_000_000
    max_pixels_jpeg: int = 65_000_000
    max_jpeg_coefficient_bytes: int = 150_000_000
    max_jpeg_scans: int = 32
    max_pixels: int = 21_000_000
    max_png_data_bytes: int = 126_000_000
    max_pixels_avif: int = 16_000_000
    max_pixels_heif: int = 50_000_000
    max_heif_sample_bytes: int = 90_000_000
    max_pixels_slow: int = 4_000_000
    max_side: int = 65_535


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, eq=False)
class Picture:
    """One decoded picture.

    Attributes:
        pixels: uint8 array of shape (height, width, 3), C-contiguous, read-only, upright, RGB taken as sRGB. Smaller
            than the file's picture by a factor of 2, 4 or 8 where that one is large (see `decode_image`).
        width, height: Upright size of the picture in the file, in px.
        format: "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF" or "HEIF".
    """

    pixels: np.ndarray
    width: int
    height: int
    format: str


def looks_like_image(head: bytes) -> bool:
    """Whether the first bytes of a file (64 are enough) are those of a format that is read, or of a RAW file."""
    return containers.sniff(head[:64]) is not None


def decode_image(source: bytes | Path, *, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """The upright RGB picture of a file's content.

    The format is told from the content, never from a name. Of several frames or pages the first of full size is taken:
    none that a TIFF or DNG marks as a preview, and a RAW file is refused, whatever previews it holds; of a HEIC its
    primary picture. The orientation is applied: EXIF's, broken EXIF counting as upright; of AVIF and HEIC that of the
    container, whatever EXIF says. Transparency is put on white; 16-bit and float pictures are scaled to 8 bits, from the
    white that they state or that their samples show (`rgb.to_rgb`); CMYK, YCCK and Lab are converted by Pillow's formulas.
    Colour profiles are ignored: numbers are taken as sRGB, so a wide-gamut picture comes out a little pale, the same in
    build and query.

    A picture is halved (2, 4 or 8 times smaller) as long as its short side keeps 1,024 px, and once more if more than
    `limits.max_pixels` would be left. JPEG does that inside the decoder, other formats by averaging blocks.

    A file that is cut off is refused, unless all that is missing comes after the first picture (further frames, the
    trailer of a GIF).

    Example:
        >>> picture = decode_image(pictures / "red" / "1.png")
        >>> picture.format, picture.width, picture.height
        ('PNG', 80, 60)
        >>> picture.pixels.shape, picture.pixels[30, 40].tolist()
        ((60, 80, 3), [220, 40, 40])

    Args:
        source: The content, or where it is.
        limits: What the picture may cost. Defaults to DEFAULT_LIMITS, for uploads and builds alike.

    Returns:
        The picture; equal bytes give equal pixels.

    Raises:
        ImageDecodeError: Not a picture, not a whole one, in a format that is not read, or not a readable file.
        ImageTooLargeError: It costs more than the limits allow.
        TypeError: `source` is neither bytes nor a Path.
    """
    if isinstance(source, Path):
        data = read_file(source, limits.max_bytes)
    elif isinstance(source, bytes):
        data = source
    else:
        raise TypeError(f"source must be bytes or a Path. Received: {type(source).__name__}.")
    if len(data) > limits.max_bytes:
        raise _too_many_bytes(len(data), limits.max_bytes)
    if not data:
        raise ImageDecodeError(say("empty"))
    kind = containers.sniff(data[:64])
    if kind is None:
        raise ImageDecodeError(say("unknown_format"), hint=f"Known formats: {READ_FORMATS}.")
    if kind == "RAW":
        raise ImageDecodeError(tiff.RAW)
    if kind in _VIDEO_KINDS and len(data) > limits.max_bytes_video:
        raise _too_many_bytes(len(data), limits.max_bytes_video)
    with _pillow_errors(limits):
        return _decode(data, kind, limits)


def read_file(path: Path, max_bytes: int) -> bytes:
    """Content of a plain file of at most `max_bytes`; never waits for a pipe or a device.

    Raises:
        ImageDecodeError: It is not a plain file, not there, or not readable; or a RAW file by its name, and by its content
            nothing else (some old ones are TIFF files that own up to their preview only).
        ImageTooLargeError: It is larger. (A file that reports no size, as in /proc, gives up to `max_bytes` + 1 bytes.)
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # before open: opening a device can already do something
            raise ImageDecodeError(say("no_file"))
        # The file may have become a pipe since; without O_NONBLOCK, opening that would wait for a writer.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        with open(os.open(path, flags), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageDecodeError(say("no_file"))
            return read_content(path.name, status.st_size, file.read, max_bytes)
    except FileNotFoundError as exc:
        raise ImageDecodeError(say("gone")) from exc
    except (OSError, ValueError) as exc:  # ValueError: a name with a null byte
        reason = f" ({exc.strerror})" if isinstance(exc, OSError) and exc.strerror else ""
        raise ImageDecodeError(f"The file cannot be read{reason}.") from exc


def read_content(name: str, size: int, read: Callable[[int], bytes], max_bytes: int) -> bytes:
    """Content of a file of that name and size, by what reads so many bytes at most. Raises as `read_file` does."""
    is_raw_by_name = PurePath(name).suffix.lower() in RAW_SUFFIXES
    if size > max_bytes and not is_raw_by_name:
        raise _too_many_bytes(size, max_bytes)
    data = read(max_bytes + 1)
    if data and is_raw_by_name and containers.sniff(data[:64]) in (None, "TIFF"):
        raise ImageDecodeError(tiff.RAW)
    return data


def _too_many_bytes(size: int, most: int) -> ImageTooLargeError:
    return ImageTooLargeError(say("too_many_bytes", size=size / 1e6, most=most / 1e6))


@contextmanager
def _pillow_errors(limits: Limits) -> Iterator[None]:
    """Whatever Pillow raises for a file, as an ImageError: the one place where that happens.

    A damaged file can bring almost any exception out of the plugins (OSError, SyntaxError, ValueError, struct.error,
    KeyError, AssertionError, a warning that someone made an error, ...), so every Exception is caught.
    """
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        # Raised while opening, before the size can be asked for; the message begins "Image size (N pixels)".
        number = re.search(r"\d+", str(exc))
        size = f"{int(number[0]) / 1e6:.1f}" if number else "more"
        raise ImageTooLargeError(say("too_many_pixels", size=size, most=limits.max_pixels / 1e6)) from exc
    except MemoryError as exc:
        raise ImageTooLargeError(say("too_little_memory")) from exc
    except Exception as exc:
        text = str(exc).lower()
        is_cut = "truncated" in text or "not enough image data" in text or "unexpected end" in text
        raise ImageDecodeError(tiff.CUT_OFF if is_cut else tiff.DAMAGED) from exc


class _CountingReader(io.BytesIO):
    """Bytes that end the decode after too many small reads.

    Pillow parses GIF blocks, and decodes run-length BMPs, in Python, one `read` a step; 50 MB of blocks of one byte
    would take it half a minute.
    """

    MAX_READS = 1_000_000

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads_left = self.MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise ImageTooLargeError(say("too_many_pieces", most=self.MAX_READS))
        return super().read(size)


def _decode(data: bytes, kind: str, limits: Limits) -> Picture:
    """`decode_image` once bytes and format are known; may raise anything that Pillow raises."""
    max_pixels, orientation, frame = limits.max_pixels, 0, None
    white: White | None = None
    if kind == "JPEG":
        data, orientation, frame = containers.strip_jpeg(data, max_scans=limits.max_jpeg_scans)
        max_pixels = _max_jpeg_pixels(frame, limits)
        _check_size(frame.width, frame.height, max_pixels, limits)
    elif kind == "PNG":
        data, orientation, bits, significant = containers.strip_png(data)
        white = White(2**significant - 1) if 8 < significant <= 16 else None
        max_pixels = min(max_pixels, limits.max_png_data_bytes * 8 // bits)
    elif kind == "TIFF":
        data, orientation, compression, white = tiff.strip_tiff(data, max_pixels=max_pixels)
        if compression == tiff.TIFF_JPEG:
            max_pixels = limits.max_pixels_slow
    elif kind == "WEBP":
        containers.check_webp(data)
    elif kind == "AVIF":
        max_pixels = limits.max_pixels_avif
    elif kind == "HEIF":
        cost = heif.heif_cost(data)
        max_pixels = _max_heif_pixels(cost, limits)
        _check_pixels(cost.pixels, max_pixels)

    with _open(data, kind) as image:
        if kind == "BMP" and image.tile and image.tile[0][0] == "bmp_rle":
            max_pixels = limits.max_pixels_slow
        width, height = image.size
        _check_size(width, height, max_pixels, limits)
        if not orientation:
            orientation = 1 if kind == "HEIF" else tiff.exif_orientation(image.info.get("exif") or b"")
        factor = _reduction(width, height, limits.max_pixels)
        if kind == "JPEG" and factor > 1:
            # `draft` takes the largest scale that leaves at least this size.
            image.draft(None, (max(1, width // factor), max(1, height // factor)))
            factor = 1
        tiles = list(image.tile)
        image.load()
        if kind == "HEIF" and image.size != (width, height):  # libheif goes by what is coded in the end
            raise ImageDecodeError(tiff.DAMAGED)
    is_dark = np.max(image.getextrema()) < 64
    upright = _upright(image, orientation)
    del image  # one of the two copies is enough
    if orientation >= 5:
        width, height = height, width
    swapped = _swap_bytes(tiles) if is_dark else []
    low = None
    if swapped and 2 * len(upright.getbands()) * width * height <= limits.max_png_data_bytes // 2:
        low = _upright(_load(data, kind, swapped), orientation)
    elif swapped:  # too large to be decoded twice; every step of 256 is taken at its middle
        low = Image.new(upright.mode, upright.size, (127,) * len(upright.getbands()))
    pixels = to_rgb(upright, factor, low=low, white=white)
    return Picture(pixels=pixels, width=width, height=height, format=kind)


_OTHER_BYTE = {"RGB;16B": "RGB;16L", "RGB;16L": "RGB;16B", "RGBX;16B": "RGBX;16L", "RGBX;16L": "RGBX;16B"}
_OTHER_BYTE |= {"RGBA;16B": "RGBA;16L", "RGBA;16L": "RGBA;16B"}
_NATIVE = "L" if sys.byteorder == "little" else "B"


def _swap_bytes(tiles: list[ImageFile._Tile]) -> list[ImageFile._Tile]:
    """How to decode the lower 8 bits of colours with 16 bits a sample, of which Pillow keeps the upper 8; [] for others.

    They are the upper ones of the other byte order. Needed only where no sample has 2**14 or more, which shows that all 16
    bits are used.
    """
    swapped = []
    for tile in tiles:
        first, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args or ("",)
        raw_mode = _OTHER_BYTE.get(re.sub(";16N$", f";16{_NATIVE}", str(first)))
        if raw_mode is None:
            return []
        swapped.append(tile._replace(args=(raw_mode, *rest) if rest else raw_mode))
    return swapped


def _load(data: bytes, kind: str, tiles: list[ImageFile._Tile]) -> Image.Image:
    with _open(data, kind) as image:
        image.tile = tiles
        image.load()
    return image


def _check_size(width: int, height: int, max_pixels: int, limits: Limits) -> None:
    if max(width, height) > limits.max_side:
        raise ImageTooLargeError(say("too_long_side", width=width, height=height, most=limits.max_side))
    _check_pixels(width * height, max_pixels)


def _check_pixels(pixels: int, max_pixels: int) -> None:
    if pixels > max_pixels:
        raise ImageTooLargeError(say("too_many_pixels", size=f"{pixels / 1e6:.1f}", most=max_pixels / 1e6))


def _max_jpeg_pixels(frame: containers.JpegFrame, limits: Limits) -> int:
    """Pixels that a JPEG of this kind may have."""
    if not frame.is_buffered or not frame.coefficients:
        return limits.max_pixels_jpeg
    bytes_a_pixel = 2 * frame.coefficients / max(1, frame.width * frame.height)
    return min(limits.max_pixels_jpeg, int(limits.max_jpeg_coefficient_bytes / bytes_a_pixel))


def _max_heif_pixels(cost: heif.HeifCost, limits: Limits) -> int:
    """Pixels that a HEIC of this kind may have."""
    bytes_a_pixel = cost.sample_bytes / max(1, cost.pixels)
    return min(limits.max_pixels_heif, int(limits.max_heif_sample_bytes / max(1.0, bytes_a_pixel)))


def _open(data: bytes, kind: str) -> ImageFile.ImageFile:
    stream = _CountingReader(data)
    return heif.open_heif(stream) if kind == "HEIF" else Image.open(stream, formats=(kind,))


def _reduction(width: int, height: int, max_pixels: int) -> int:
    """1, 2, 4 or 8: how many times smaller a picture of this size is decoded."""
    short_side = min(width, height)
    factor = next(f for f in (8, 4, 2, 1) if f == 1 or short_side // f >= MIN_SHORT_SIDE)
    while factor < 8 and width * height > max_pixels * factor * factor:
        factor *= 2
    return factor


_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,  # counter-clockwise, so a quarter turn clockwise
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = _TRANSPOSE.get(orientation)
    return image if method is None else image.transpose(method)
