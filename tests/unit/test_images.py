"""images.py: the decode on pictures whose pixels are known by hand, its limits, what it refuses; crops, thumbnails."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import subprocess
import sys
import types
import zlib
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from imgsearch.errors import ImageDecodeError, ImageError, ImageTooLargeError
from imgsearch.pictures import decode
from imgsearch.pictures.decode import (
    DEFAULT_LIMITS,
    PICTURE_SUFFIXES,
    RAW_SUFFIXES,
    Limits,
    decode_image,
    looks_like_image,
)
from imgsearch.pictures.scaling import make_preview, make_thumbnail, resize_and_crop

R, G, B, Y, M, C = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")

ROOT = Path(__file__).parents[2]


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    if format == "HEIF":  # Pillow knows it only where it is registered, which the code does not do
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, format, **options)
    return file.getvalue()


def picture_of(rows: list[list[tuple[int, int, int]]], scale: int = 1) -> Image.Image:
    """A picture with one block of scale x scale px for each colour."""
    return Image.fromarray(np.array(rows, dtype=np.uint8).repeat(scale, axis=0).repeat(scale, axis=1))


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand. `rows` with a filter byte before each; `extra` chunks come before the data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, data) for name, data in chunks)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(tags: dict[int, tuple[str, list[int]]], data: bytes, *, big: bool = False) -> bytes:
    """A TIFF by hand: tag -> (struct letter, values); strips and tiles are at 16, where `data` begins."""
    word, count = ("Q", "Q") if big else ("I", "H")
    size = struct.calcsize("<" + word)
    values = b""
    entries = []
    for tag, (letter, numbers) in sorted(tags.items()):
        raw = struct.pack(f"<{len(numbers)}{letter}", *numbers)
        inline = raw.ljust(size, b"\0") if len(raw) <= size else struct.pack("<" + word, 16 + len(data) + len(values))
        values += raw if len(raw) > size else b""
        entries.append(struct.pack("<HH" + word, tag, {"H": 3, "I": 4, "Q": 16, "B": 7}[letter], len(numbers)) + inline)
    at = 16 + len(data) + len(values)
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, at) if big else struct.pack("<2sHIQ", b"II", 42, at, 0)
    return head + data + values + struct.pack("<" + count, len(entries)) + b"".join(entries) + bytes(size)


Tags = dict[int, tuple[str, list[int]]]


def tiff_of_pages(pages: Sequence[Tags], subs: Sequence[Tags] = ()) -> bytes:
    """A TIFF by hand of several pages, the first with sub-directories; each page is all of its tag 1's value."""
    blob = bytearray(b"II*\0\0\0\0\0")

    def add(tags: Tags, after: int) -> int:
        (level,) = tags[1][1]
        strip, values = len(blob), b""
        blob.extend(bytes([level]) * tags[279][1][0])
        entries = []
        for tag, (letter, numbers) in sorted((tags | {273: ("I", [strip])}).items()):
            raw = struct.pack(f"<{len(numbers)}{letter}", *numbers)
            inline = raw.ljust(4, b"\0") if len(raw) <= 4 else struct.pack("<I", len(blob) + len(values))
            values += raw if len(raw) > 4 else b""
            entries.append(struct.pack("<HHI", tag, {"H": 3, "I": 4, "B": 1}[letter], len(numbers)) + inline)
        blob.extend(values)
        at = len(blob)
        blob.extend(struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", after))
        return at

    children = [add(tags, 0) for tags in subs]
    at = 0
    for tags in reversed(pages[1:]):
        at = add(tags, at)
    blob[4:8] = struct.pack("<I", add(pages[0] | ({330: ("I", children)} if children else {}), at))
    return bytes(blob)


def page(side: int, level: int, **tags: tuple[str, list[int]]) -> Tags:
    """Tags of a square RGB page of one level."""
    return rgb_tiff(side, side, t1=("B", [level]), **tags)


def rgb_tiff(width: int, height: int, **tags: tuple[str, list[int]]) -> dict[int, tuple[str, list[int]]]:
    """Tags of an uncompressed 8-bit RGB picture in one strip; t273=... replaces or adds one."""
    basic: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [8, 8, 8]), 259: ("H", [1]), 262: ("H", [2]),
        273: ("I", [16]), 277: ("H", [3]), 278: ("I", [height]), 279: ("I", [min(3 * width * height, 2**32 - 1)]),
    }  # fmt: skip
    return basic | {int(name[1:]): value for name, value in tags.items()}


def pixel(data: bytes) -> tuple[int, ...]:
    """Colour of the first pixel."""
    return tuple(decode_image(data).pixels[0, 0].tolist())


# --- what comes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_its_pixels(format: str) -> None:
    rows = [[R, G], [B, WHITE], [BLACK, Y]]
    picture = decode_image(encode(picture_of(rows, 32), format))
    assert (picture.format, picture.width, picture.height) == (format, 64, 96)
    assert picture.pixels.shape == (96, 64, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert not picture.pixels.flags.writeable
    np.testing.assert_allclose(picture.pixels[16::32, 16::32], np.array(rows), atol=12)


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_are_exact(format: str) -> None:
    pixels = noise(13, 7)
    np.testing.assert_array_equal(decode_image(encode(Image.fromarray(pixels), format)).pixels, pixels)


def test_lossless_webp_is_exact() -> None:
    pixels = noise(13, 7)
    data = encode(Image.fromarray(pixels), "WEBP", lossless=True, exact=True)
    np.testing.assert_array_equal(decode_image(data).pixels, pixels)


def test_a_file_and_its_bytes_give_the_same_and_the_suffix_does_not_matter(tmp_path: Path) -> None:
    data = encode(Image.fromarray(noise(20, 30)), "PNG")
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    picture = decode_image(path)
    assert picture.format == "PNG"
    np.testing.assert_array_equal(picture.pixels, decode_image(data).pixels)


@pytest.mark.parametrize("name", ['it\'s "so".png', "🐈‍⬛.png", "two\nlines.png", "%s{0}\\.png", "-rf", " .png"])
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(encode(Image.new("RGB", (3, 2), R), "PNG"))
    assert decode_image(path).width == 3


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    try:
        path.write_bytes(encode(Image.new("RGB", (3, 2), R), "PNG"))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    assert decode_image(path).width == 3


# A 2 x 3 picture as it should be seen, and how each orientation stores it (TIFF 6.0, tag 274: where row 0 and column 0
# of what is stored are seen).
SEEN = [[R, G], [B, Y], [M, C]]
STORED = {
    1: [[R, G], [B, Y], [M, C]],
    2: [[G, R], [Y, B], [C, M]],  # row 0 top, column 0 right
    3: [[C, M], [Y, B], [G, R]],  # bottom, right
    4: [[M, C], [B, Y], [R, G]],  # bottom, left
    5: [[R, B, M], [G, Y, C]],  # row 0 left, column 0 top
    6: [[G, Y, C], [R, B, M]],  # right, top
    7: [[C, Y, G], [M, B, R]],  # right, bottom
    8: [[M, B, R], [C, Y, G]],  # left, bottom
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_every_orientation_is_made_upright(format: str, orientation: int) -> None:
    scale = 1 if format in ("PNG", "TIFF") else 16
    options = {"lossless": True} if format == "WEBP" else {"subsampling": "4:4:4"} if format == "AVIF" else {}
    data = encode(picture_of(STORED[orientation], scale), format, exif=exif(orientation), **options)
    picture = decode_image(data)
    assert (picture.width, picture.height) == (2 * scale, 3 * scale)
    np.testing.assert_allclose(picture.pixels[scale // 2 :: scale, scale // 2 :: scale], np.array(SEEN), atol=12)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II",
        b"MM\0*\0\0\0\x08",
        b"II*\0\xff\xff\xff\xff",
        b"no exif at all",
        b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 99,
    ],
)
def test_broken_exif_counts_as_upright(block: bytes) -> None:
    plain = encode(picture_of([[R, G]], 16), "JPEG", subsampling=0)
    segment = b"Exif\0\0" + block
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
    np.testing.assert_array_equal(decode_image(data).pixels, decode_image(plain).pixels)
    chunk = (b"eXIf", block)
    assert pixel(png(1, 1, 8, 2, b"\0\1\2\3", chunk)) == (1, 2, 3)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_unknown_orientation_counts_as_upright(orientation: int) -> None:
    assert decode_image(encode(Image.new("RGB", (3, 2)), "PNG", exif=exif(orientation))).width == 3


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (0, 0, 0, 128), (127, 127, 127)),  # 255 x (1 - 128/255)
        ("RGBA", (255, 0, 0, 51), (255, 204, 204)),  # a fifth red, four fifths white
        ("RGBA", (9, 9, 9, 0), WHITE),
        ("RGBA", (1, 2, 3, 255), (1, 2, 3)),
        ("LA", (0, 51), (204, 204, 204)),
    ],
)
def test_transparency_is_put_on_white(mode: str, colour: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert pixel(encode(Image.new(mode, (4, 4), colour), "PNG")) == expected


def test_transparent_palette_entries_are_put_on_white() -> None:
    palette = (b"PLTE", bytes((255, 0, 0, 0, 0, 255)))
    rows = b"\0\0\1"
    np.testing.assert_array_equal(decode_image(png(2, 1, 8, 3, rows, palette, (b"tRNS", b"\0"))).pixels, [[WHITE, B]])
    # An alpha for each entry: red by a fifth.
    both = decode_image(png(2, 1, 8, 3, rows, palette, (b"tRNS", b"\x33\xff"))).pixels
    np.testing.assert_array_equal(both, [[(255, 204, 204), B]])


def test_a_transparent_gif_colour_is_put_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    np.testing.assert_array_equal(decode_image(encode(image, "GIF", transparency=0)).pixels, [[WHITE, B]])


def test_a_transparent_colour_of_a_plain_png_is_put_on_white() -> None:
    grey = png(2, 1, 8, 0, b"\0\7\x08", (b"tRNS", b"\0\7"))
    np.testing.assert_array_equal(decode_image(grey).pixels, [[WHITE, (8, 8, 8)]])
    colour = png(2, 1, 8, 2, b"\0" + bytes((*R, *G)), (b"tRNS", b"\0\xff\0\0\0\0"))
    np.testing.assert_array_equal(decode_image(colour).pixels, [[WHITE, G]])
    deep = png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 257, 514), (b"tRNS", struct.pack(">H", 257)))
    np.testing.assert_array_equal(decode_image(deep).pixels, [[WHITE, (2, 2, 2)]])


def test_premultiplied_alpha_of_tiff() -> None:
    # Extra sample 1: colours are stored multiplied by alpha. Red by a half is (128, 0, 0, 128).
    tags = rgb_tiff(1, 1, t258=("H", [8] * 4), t277=("H", [4]), t338=("H", [1]), t279=("I", [4]))
    assert pixel(tiff(tags, bytes((128, 0, 0, 128)))) == (255, 127, 127)


def test_16_bit_grey_is_scaled() -> None:
    values = struct.pack(">4H", 0, 257, 32768, 65535)
    row = decode_image(png(4, 1, 16, 0, b"\0" + values)).pixels[0, :, 0]
    np.testing.assert_array_equal(row, [0, 1, 128, 255])


def test_16_bit_colour_is_scaled() -> None:
    assert pixel(png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 65535, 0x8040, 0))) == (255, 128, 0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),  # fits [0, 1]
        ([0.0, 100.0, 255.0], [0, 100, 255]),  # fits [0, 255]
        ([0.0, 257.0, 65535.0], [0, 1, 255]),  # fits [0, 65535]
        ([0.0, 2047.5, 4095.0], [0, 128, 255]),  # fits 12 bits
        ([0.0, 0.5, 1.25], [0, 128, 255]),  # a highlight above white
        ([0.0, 3.0, 12.0], [0, 3, 12]),  # whole numbers: a dark picture of 8 bits
        ([-1.0, 0.0, 1.0], [0, 128, 255]),  # least to greatest
        ([1e30, 2e30, 3e30], [0, 128, 255]),
        ([np.nan, -np.inf, np.inf], [0, 0, 255]),
        ([np.nan, 0.5, 1.0], [0, 128, 255]),
        ([-5.0, -5.0, -5.0], [0, 0, 0]),
    ],
)
def test_float_pictures_are_scaled(values: list[float], expected: list[int]) -> None:
    data = encode(Image.fromarray(np.array([values], dtype=np.float32)), "TIFF")
    np.testing.assert_array_equal(decode_image(data).pixels[0, :, 0], expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 7, 255], [0, 7, 255]),
        ([0, 2047, 4095], [0, 127, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-100, 0, 100], [0, 128, 255]),
    ],
)
def test_32_bit_pictures_are_scaled(values: list[int], expected: list[int]) -> None:
    data = encode(Image.fromarray(np.array([values], dtype=np.int32)), "TIFF")
    np.testing.assert_array_equal(decode_image(data).pixels[0, :, 0], expected)


# 16-bit samples of which fewer are used. Expected levels by hand: value x 255 / white.
NARROW = [
    ([0, 511, 1023], [0, 127, 255]),  # 10 bits: 511 x 255 / 1023 = 127.4
    ([0, 2047, 4095], [0, 127, 255]),
    ([0, 1023, 2999], [0, 64, 187]),  # 12 bits, nothing of it white
    ([1, 8191, 16383], [0, 127, 255]),
    ([1, 7000, 9001], [0, 109, 140]),  # 14 bits, as a thermal camera has them
    ([0, 2056, 16384], [0, 8, 64]),  # needs 15 bits, so it is one of 16
    ([0, 1, 65535], [0, 0, 255]),
    ([0, 90, 301], [0, 6, 19]),  # black but for noise: stays black
    ([0, 301, 901], [0, 19, 56]),  # dark among 12 bits, or at 10 bits without a highlight
    ([0, 257, 2570], [0, 1, 10]),  # a dark picture of 8 bits, widened
    ([0, 256, 4080], [0, 1, 16]),  # one of 8 to 12 bits, shifted
    ([0, 0, 0], [0, 0, 0]),
]


def deep_png(values: list[int], samples: int = 1, *extra: tuple[bytes, bytes]) -> bytes:
    """A row of pixels with 16 bits a sample."""
    rows = b"\0" + struct.pack(f">{len(values)}H", *values)
    return png(len(values) // samples, 1, 16, {1: 0, 3: 2, 4: 6}[samples], rows, *extra)


def deep_tiff(values: list[int], samples: int = 1, compression: int = 1, **tags: tuple[str, list[int]]) -> bytes:
    """The same as TIFF; compression 8 is deflate."""
    rows = struct.pack(f"<{len(values)}H", *values)
    rows = zlib.compress(rows) if compression == 8 else rows
    basic = rgb_tiff(
        len(values) // samples, 1, t258=("H", [16] * samples), t259=("H", [compression]),
        t262=("H", [2 if samples > 1 else 1]), t277=("H", [samples]), t279=("I", [len(rows)]),
    )  # fmt: skip
    return tiff(basic | {int(name[1:]): value for name, value in tags.items()}, rows)


@pytest.mark.parametrize(("values", "expected"), NARROW)
def test_16_bit_samples_that_hold_fewer_bits_are_scaled_by_what_they_hold(values: list[int], expected: list[int]) -> None:
    colours = [value for value in values for _ in range(3)]
    for grey in (deep_png(values), deep_tiff(values), deep_tiff(values, compression=8)):
        np.testing.assert_array_equal(decode_image(grey).pixels[0, :, 0], expected)
    for colour in (deep_png(colours, 3), deep_tiff(colours, 3), deep_tiff(colours, 3, compression=8)):
        np.testing.assert_array_equal(decode_image(colour).pixels, np.repeat([expected], 3, axis=0).T[None])


def test_channels_of_12_bits_keep_their_order_and_their_alpha() -> None:
    for colour in (deep_png([4095, 0, 2047], 3), deep_tiff([4095, 0, 2047], 3)):
        assert pixel(colour) == (255, 0, 127)
    half = [4095, 0, 0, 2048]  # 2048 / 4095 is 128 of 255: red by a half on white
    for colour in (deep_png(half, 4), deep_tiff(half, 4, t338=("H", [2]))):
        assert pixel(colour) == (255, 127, 127)
    assert pixel(deep_tiff([4095, 0, 2047, 0], 4, t338=("H", [0]))) == (255, 0, 127)  # a fourth sample that means nothing
    # An alpha that uses 16 bits says that the colours do.
    assert pixel(deep_png([4095, 0, 2047, 65535], 4)) == (15, 0, 7)


def test_a_picture_that_is_too_large_to_be_decoded_twice_has_coarser_levels() -> None:
    data = deep_png([0, 0, 0, 2047, 2047, 2047, 4095, 4095, 4095], 3)  # 18 bytes of samples
    levels = {
        limit: decode_image(data, limits=replace(DEFAULT_LIMITS, max_png_data_bytes=limit)).pixels[0, :, 0].tolist()
        for limit in (36, 35)
    }
    # By the upper 8 bits alone 0 is 127, 2,047 is 1,919 and 4,095 is 3,967 of 4,095.
    assert levels == {36: [0, 127, 255], 35: [8, 119, 247]}


def test_a_12_bit_picture_of_any_orientation_and_size() -> None:
    image = np.zeros((2100, 2060), dtype=np.uint16)
    image[:2] = 4095
    image[:, 1:] |= 1  # uses its lowest bit
    picture = decode_image(encode(Image.fromarray(image), "PNG", exif=exif(6)))
    assert picture.pixels.shape == (1030, 1050, 3)  # halved; row 0 is seen at the right
    assert picture.pixels[0, -1].tolist() == [255] * 3
    assert picture.pixels[:, :-1].max() == 0


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, [0, 44, 56]),  # 12 bits: the least that a camera has
        ({"t281": ("H", [1023])}, [0, 175, 225]),
        ({"t341": ("H", [1023])}, [0, 175, 225]),
        ({"t281": ("H", [902])}, [0, 175, 225]),  # the greatest sample; taken to whole bits
        ({"t281": ("H", [16383])}, [0, 11, 14]),
        ({"t281": ("H", [65535])}, [0, 3, 4]),  # dark, and says so
        ({"t50717": ("H", [1000])}, [0, 179, 230]),
        ({"t281": ("H", [511])}, [0, 44, 56]),  # not true
        ({"t281": ("H", [1])}, [0, 44, 56]),
    ],
)
def test_the_white_that_a_tiff_states_is_believed(tags: Tags, expected: list[int]) -> None:
    values = [0, 703, 902]
    np.testing.assert_array_equal(decode_image(deep_tiff(values, **tags)).pixels[0, :, 0], expected)
    colours = [value for value in values for _ in range(3)]
    np.testing.assert_array_equal(decode_image(deep_tiff(colours, 3, **tags)).pixels[0, :, 0], expected)


@pytest.mark.parametrize(
    ("bits", "values", "expected"),
    [
        (10, [0, 703, 902], [0, 175, 225]),
        (16, [0, 703, 902], [0, 3, 4]),  # dark, and says so
        (12, [0, 240, 4080], [0, 1, 16]),  # as the standard has it: shifted to the upper bits, so it is dark
        (12, [0, 2056, 40_000], [0, 8, 156]),
        (10, [0, 2047, 4095], [0, 127, 255]),  # not true
        (8, [0, 2047, 4095], [0, 127, 255]),
    ],
)
def test_the_significant_bits_of_a_png_are_believed_where_they_are_the_lower_ones(
    bits: int, values: list[int], expected: list[int]
) -> None:
    grey = deep_png(values, 1, (b"sBIT", bytes([bits])))
    np.testing.assert_array_equal(decode_image(grey).pixels[0, :, 0], expected)
    colour = deep_png([value for value in values for _ in range(3)], 3, (b"sBIT", bytes([bits] * 3)))
    np.testing.assert_array_equal(decode_image(colour).pixels[0, :, 0], expected)


def test_packed_samples_of_12_bits_span_12_bits() -> None:
    # Two samples in three bytes: 0x800 and 0x400, which are multiples of 4 like those of a shifted picture.
    tags = rgb_tiff(2, 1, t258=("H", [12]), t262=("H", [1]), t277=("H", [1]), t279=("I", [3]))
    np.testing.assert_array_equal(decode_image(tiff(tags, b"\x80\x04\x00")).pixels[0, :, 0], [128, 64])


def test_a_dark_photo_of_8_bits_stays_dark_when_saved_with_16() -> None:
    dark = noise(20, 30)[:, :, 0] // 20  # up to 12 of 255
    for widened in (dark.astype(np.uint16) * 257, dark.astype(np.uint16) << 8):
        for format in ("PNG", "TIFF"):
            np.testing.assert_array_equal(decode_image(encode(Image.fromarray(widened), format)).pixels[:, :, 0], dark)


def test_black_and_white_pictures() -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    for data in (encode(image, "PNG"), encode(image, "BMP"), encode(image, "TIFF", compression="group4")):
        np.testing.assert_array_equal(decode_image(data).pixels, [[BLACK, WHITE]])


def test_cmyk_of_tiff() -> None:
    # Cyan alone; half black alone: 255 - 128.
    assert pixel(encode(Image.new("CMYK", (2, 2), (255, 0, 0, 0)), "TIFF")) == C
    assert pixel(encode(Image.new("CMYK", (2, 2), (0, 0, 0, 128)), "TIFF")) == (127, 127, 127)


def test_cmyk_of_jpeg_is_stored_inverted() -> None:
    # Pillow writes CMYK as Adobe does, inverted; both ways round it is cyan again.
    data = encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG")
    assert b"Adobe" in data
    np.testing.assert_allclose(decode_image(data).pixels[8, 8], C, atol=3)


def test_lab_is_converted() -> None:
    # L* = 100 is white and L* = 0 black where a* = b* = 0, which Pillow holds as 128.
    white, black = (encode(Image.new("LAB", (2, 2), (level, 128, 128)), "TIFF") for level in (255, 0))
    np.testing.assert_allclose([pixel(white), pixel(black)], [WHITE, BLACK], atol=1)


@pytest.mark.parametrize(("format", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("AVIF", {})])
def test_the_first_frame_is_taken(format: str, options: dict[str, object]) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (R, G, B)]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:], duration=50, **options)
    np.testing.assert_allclose(decode_image(data).pixels[8, 8], R, atol=4)


def test_the_first_picture_of_an_mpo_and_of_a_tiff_is_taken() -> None:
    for format, expected in (("MPO", "JPEG"), ("TIFF", "TIFF")):
        frames = [Image.new("RGB", (16, 16), colour) for colour in (R, G)]
        picture = decode_image(encode(frames[0], format, save_all=True, append_images=frames[1:]))
        assert picture.format == expected
        np.testing.assert_allclose(picture.pixels[8, 8], R, atol=4)


def test_an_mpo_whose_second_picture_is_cut_off_is_read() -> None:
    frames = [Image.fromarray(noise(32, 32, seed)) for seed in (1, 2)]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_image(data[:-50]).pixels, decode_image(data).pixels)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("size", "decoded"),
    [
        ((2047, 2047), (2047, 2047)),  # half of the short side would be less than 1,024
        ((2048, 2049), (1024, 1025)),
        ((4097, 2048), (2049, 1024)),
        ((4095, 4096), (2048, 2048)),
        ((1000, 9000), (1000, 9000)),
    ],
)
def test_large_pictures_are_decoded_smaller(format: str, size: tuple[int, int], decoded: tuple[int, int]) -> None:
    options = {"compression": "tiff_lzw"} if format == "TIFF" else {"method": 0} if format == "WEBP" else {}
    picture = decode_image(encode(Image.new("RGB", size, (200, 100, 50)), format, **options))
    assert (picture.width, picture.height) == size
    assert (picture.pixels.shape[1], picture.pixels.shape[0]) == decoded
    np.testing.assert_allclose(picture.pixels[-1, -1], (200, 100, 50), atol=4)


def test_a_long_jpeg_is_decoded_smaller_until_its_pixels_fit() -> None:
    limits = replace(DEFAULT_LIMITS, max_pixels=10_000)
    picture = decode_image(encode(Image.new("RGB", (400, 100)), "JPEG"), limits=limits)
    assert (picture.width, picture.pixels.shape) == (400, (50, 200, 3))


@pytest.mark.parametrize("size", [(4000, 3000), (6000, 4000), (8000, 6000), (9248, 6944)])
def test_phone_jpegs_pass(size: tuple[int, int]) -> None:
    picture = decode_image(encode(Image.new("RGB", size, R), "JPEG"))
    assert (picture.width, picture.height) == size
    assert 1024 <= min(picture.pixels.shape[:2]) < 2048


def test_large_progressive_jpegs_and_screenshots_pass() -> None:
    assert decode_image(encode(Image.new("RGB", (8000, 6000), R), "JPEG", progressive=True)).width == 8000
    assert decode_image(encode(Image.new("RGB", (5472, 3648), R), "PNG")).width == 5472


def test_metadata_of_any_size_does_not_matter() -> None:
    plain = encode(Image.fromarray(noise(8, 8)), "JPEG")
    texts = b"".join(b"\xff\xfe" + struct.pack(">H", 60_000) + bytes(59_998) for _ in range(50))
    np.testing.assert_array_equal(decode_image(plain[:2] + texts + plain[2:]).pixels, decode_image(plain).pixels)
    bomb = zlib.compress(bytes(2_000_000), 9)
    assert pixel(png(1, 1, 8, 2, b"\0\1\2\3", (b"iCCP", b"x\0\0" + bomb), (b"zTXt", b"x\0\0" + bomb))) == (1, 2, 3)


def test_what_follows_a_jpeg_does_not_matter() -> None:
    plain = encode(Image.fromarray(noise(8, 8)), "JPEG")
    np.testing.assert_array_equal(decode_image(plain + b"a film, say" * 99).pixels, decode_image(plain).pixels)


def test_data_of_a_png_in_many_chunks() -> None:
    coded = zlib.compress(b"\0\1\2\3")
    chunks = b"".join(png_chunk(b"IDAT", coded[i : i + 1]) for i in range(len(coded)))
    whole = png(1, 1, 8, 2, b"\0\1\2\3")
    assert pixel(whole.replace(png_chunk(b"IDAT", coded), chunks)) == (1, 2, 3)


def test_bigtiff_and_tiles() -> None:
    data = bytes((*R, *G))
    assert pixel(tiff(rgb_tiff(2, 1), data)) == R
    assert pixel(tiff(rgb_tiff(2, 1), data, big=True)) == R
    tiles = rgb_tiff(2, 1, t322=("H", [16]), t323=("H", [16]), t324=("I", [16]), t325=("I", [768]))
    for tag in (273, 278, 279):
        del tiles[tag]
    np.testing.assert_array_equal(decode_image(tiff(tiles, data + bytes(762))).pixels, [[R, G]])


PREVIEW = {"t254": ("I", [1])}
OLD_PREVIEW = {"t255": ("H", [2])}
MASK = {"t254": ("I", [4])}
SENSOR = {"t262": ("H", [32803]), "t254": ("I", [0])}
LINEAR = {"t262": ("H", [34892]), "t254": ("I", [0])}
DNG = {"t50706": ("B", [1, 6, 0, 0])}


@pytest.mark.parametrize(
    ("pages", "subs"),
    [
        ([page(2, 10, **PREVIEW), page(8, 200), page(8, 30)], []),
        ([page(2, 10, **OLD_PREVIEW), page(8, 200)], []),
        ([page(8, 10, **MASK), page(2, 20, **PREVIEW), page(8, 200)], []),
        ([page(2, 10, **PREVIEW)], [page(4, 20, **PREVIEW), page(8, 200)]),  # as a DNG has it
        ([page(2, 10, **PREVIEW, **DNG)], [page(8, 200, t254=("I", [0]))]),
        ([page(8, 200), page(16, 20)], [page(4, 10, **PREVIEW)]),  # a later page is another picture, larger or not
        ([page(2, 10, **PREVIEW), page(8, 200, **PREVIEW)], []),  # nothing but previews: the largest
        ([page(8, 200, **PREVIEW)], []),
        # A developed picture beside what the sensor measured, which has some rows more.
        ([page(2, 10, **PREVIEW, **DNG)], [page(9, 20, **SENSOR), page(8, 200)]),
    ],
)
def test_the_first_full_size_page_of_a_tiff_is_taken(pages: list[Tags], subs: list[Tags]) -> None:
    picture = decode_image(tiff_of_pages(pages, subs))
    assert (picture.width, picture.height, picture.pixels[0, 0].tolist()) == (8, 8, [200] * 3)


def test_the_orientation_of_a_dng_is_in_its_first_directory() -> None:
    first = page(2, 10, t274=("H", [6]), **PREVIEW, **DNG)
    full = rgb_tiff(4, 2, t1=("B", [200]))
    assert decode_image(tiff_of_pages([first], [full])).pixels.shape == (4, 2, 3)
    assert decode_image(tiff_of_pages([first], [full | {274: ("H", [1])}])).pixels.shape == (2, 4, 3)


def test_directories_that_lead_in_circles_or_nowhere_do_not_matter() -> None:
    data = tiff_of_pages([page(8, 200)])
    (at,) = struct.unpack_from("<I", data, 4)
    for where in (0, at, 7, len(data), 2**32 - 1):
        assert pixel(data[:-4] + struct.pack("<I", where)) == (200,) * 3
    many = tiff_of_pages([page(1, 10, **PREVIEW)] * 5_000 + [page(8, 200)])
    assert decode_image(many).width == 1  # no more are looked at than a picture has


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd"])
def test_tiff_compressions(compression: str) -> None:
    pixels = noise(40, 30)
    data = encode(Image.fromarray(pixels), "TIFF", compression=compression)
    np.testing.assert_array_equal(decode_image(data).pixels, pixels)


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(source: bytes | Path, limits: Limits = DEFAULT_LIMITS) -> ImageError:
    """The error, after a look at what every message must be: one sentence, no class, no path."""
    with pytest.raises(ImageError) as caught:
        decode_image(source, limits=limits)
    message = str(caught.value)
    assert re.fullmatch(r"[A-Z].*\.", message)
    assert "Error" not in message
    assert "/" not in message
    assert "PIL" not in message
    return caught.value


@pytest.mark.parametrize(
    "data",
    [
        b"just a text called .jpg",
        b"BMW makes cars, and this is a text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"%PDF-1.7\n",
        b"8BPS\0\1" + bytes(99),
        b"\0\0\1\0\1\0" + bytes(99),  # ICO
        b"\xff\xd8",
        b"\0",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "text.jpg"
    path.write_bytes(data)
    for source in (data, path):
        error = refused(source)
        assert isinstance(error, ImageDecodeError)
        assert str(error) == "The file is not a picture in a known format."
        assert error.hint == "Known formats: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC."
    assert not looks_like_image(data)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    assert str(refused(path)) == str(refused(b"")) == "The file is empty."
    assert not looks_like_image(b"")


@pytest.mark.parametrize("format", [*FORMATS, "MPO"])
def test_every_format_looks_like_a_picture(format: str) -> None:
    assert looks_like_image(encode(Image.new("RGB", (9, 9)), format)[:64])


@pytest.mark.parametrize("step", range(20))
@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("WEBP", {}), ("WEBP", {"lossless": True}),
        ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}), ("AVIF", {}), ("HEIF", {}),
    ],
)  # fmt: skip
def test_what_is_cut_off_is_refused(format: str, options: dict[str, object], step: int) -> None:
    data = encode(Image.fromarray(noise(48, 40)), format, **options)
    cut = len(data) * step // 20 if step else len(data) - 3
    assert isinstance(refused(data[:cut]) if cut else None, ImageDecodeError)


def test_a_jpeg_without_its_end_marker_is_cut_off_and_a_gif_without_its_trailer_is_not() -> None:
    image = Image.fromarray(noise(48, 40))
    assert "cut off" in str(refused(encode(image, "JPEG")[:-2]))
    gif = encode(image, "GIF")
    np.testing.assert_array_equal(decode_image(gif[:-1]).pixels, decode_image(gif).pixels)


@pytest.mark.parametrize("marker", [0xC3, 0xC9, 0xCA])
def test_lossless_and_arithmetic_jpegs_are_refused(marker: int) -> None:
    data = encode(Image.new("RGB", (8, 8)), "JPEG").replace(b"\xff\xc0", bytes((0xFF, marker)))
    assert "kind of JPEG that is not read" in str(refused(data))


def test_a_tiff_in_an_exotic_compression_is_refused() -> None:
    error = refused(tiff(rgb_tiff(2, 1, t259=("H", [34925])), bytes(6)))
    assert (str(error), error.hint) == ("The TIFF is compressed in a way that is not read.", "Save it as PNG or JPEG.")


@pytest.mark.parametrize(
    "data",
    [
        tiff_of_pages([page(2, 10, **PREVIEW)], [page(8, 20, **PREVIEW), page(16, 30, **SENSOR)]),  # Nikon, Sony
        tiff_of_pages([page(16, 30, **SENSOR)]),  # Pentax
        tiff_of_pages([page(2, 10, **PREVIEW, **DNG)], [page(16, 30, **LINEAR)]),  # a phone's
        tiff_of_pages([page(2, 10, **DNG)], [page(16, 30, **SENSOR)]),  # a preview that is not marked
        tiff_of_pages([page(2, 10, **PREVIEW, **DNG)]),  # what the sensor measured is gone
        b"II*\0\x10\0\0\0CR\2\0" + bytes(99),
        struct.pack(">I8sI", 24, b"ftypcrx ", 1) + b"crx isom" + bytes(99),
        b"FUJIFILMCCD-RAW 0201" + bytes(99),
        b"IIU\0\x18\0\0\0" + bytes(99),
        b"IIRO\x08\0\0\0" + bytes(99),
        b"MMOR\0\0\0\x08" + bytes(99),
        b"FOVb" + bytes(99),
        b"\0MRM" + bytes(99),
    ],
)
def test_raw_files_are_refused_and_their_previews_not_taken(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    for source in (data, path):
        error = refused(source)
        assert isinstance(error, ImageDecodeError)
        assert str(error) == "The picture is a RAW file of a camera: export it as JPEG."
    assert looks_like_image(data[:64])


def test_raw_files_are_known_by_their_name_where_the_content_does_not_say_it(tmp_path: Path) -> None:
    preview = tiff_of_pages([page(8, 200)])
    for name, data in (("a.KDC", preview), ("b.raw", b"only numbers")):
        (tmp_path / name).write_bytes(data)
        assert "RAW" in str(refused(tmp_path / name))
    assert "RAW" in str(refused(tmp_path / "a.KDC", replace(DEFAULT_LIMITS, max_bytes=99)))  # no talk of its size
    (tmp_path / "a.dng").write_bytes(preview)
    (tmp_path / "d.nef").write_bytes(encode(Image.new("RGB", (3, 2), R), "PNG"))  # was only called so
    assert decode_image(tmp_path / "a.dng").width == 8
    assert decode_image(tmp_path / "d.nef").width == 3


def test_only_bytes_and_paths_are_taken() -> None:
    with pytest.raises(TypeError, match="Received: str"):
        decode_image("picture.png")  # type: ignore[arg-type]


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    assert str(refused(tmp_path)) == "The file is not a plain file but a folder, pipe or device."
    assert str(refused(tmp_path / "gone.png")) == "The file is not there any more."
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    assert str(refused(tmp_path / "dangling.png")) == "The file is not there any more."
    assert str(refused(Path("a\0b.png"))) == "The file cannot be read."
    assert isinstance(refused(tmp_path / ("x" * 5000)), ImageDecodeError)


def test_pipes_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero"), Path("/dev/tty")):
        if path.exists():
            assert "pipe or device" in str(refused(path))


def test_a_file_that_becomes_a_pipe_is_refused_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    plain = types.SimpleNamespace(st_mode=stat.S_IFREG)
    monkeypatch.setattr(decode.os, "stat", lambda path: plain)
    assert "pipe or device" in str(refused(tmp_path / "pipe.png"))


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(encode(Image.new("RGB", (3, 2)), "PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user reads everything")
    assert str(refused(path)) == "The file cannot be read (Permission denied)."


# --- limits ----------------------------------------------------------------------------------------------------------


def test_limits_are_what_the_design_says() -> None:
    assert DEFAULT_LIMITS.max_bytes == 50_000_000
    assert DEFAULT_LIMITS.max_pixels_jpeg >= 64_000_000
    assert DEFAULT_LIMITS.max_pixels >= 20_000_000
    with pytest.raises(FrozenInstanceError):
        DEFAULT_LIMITS.max_bytes = 1  # type: ignore[misc]


def test_bytes_are_limited(tmp_path: Path) -> None:
    data = encode(Image.new("RGB", (9, 9)), "PNG") + bytes(3_000_000)
    limits = replace(DEFAULT_LIMITS, max_bytes=2_500_000)
    path = tmp_path / "large.png"
    path.write_bytes(data)
    for source in (data, path):
        error = refused(source, limits)
        assert isinstance(error, ImageTooLargeError)
        assert str(error) == "The file has 3.0 MB; at most 2.5 are read."
    assert decode_image(data, limits=replace(limits, max_bytes=len(data))).width == 9


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(10**12)
    assert str(refused(path)) == "The file has 1000000.0 MB; at most 50 are read."


def test_a_file_that_reports_no_size_is_read_up_to_the_limit() -> None:
    if Path("/proc/kallsyms").exists():
        assert isinstance(refused(Path("/proc/kallsyms"), replace(DEFAULT_LIMITS, max_bytes=1000)), ImageError)


@pytest.mark.parametrize("format", FORMATS)
def test_pixels_are_limited(format: str) -> None:
    data = encode(Image.new("RGB", (200, 100)), format)
    # HEVC codes whole blocks of 8 px: 104 rows.
    least = replace(
        DEFAULT_LIMITS, max_pixels=20_000, max_pixels_jpeg=20_000, max_pixels_avif=20_000, max_pixels_heif=20_800
    )
    assert decode_image(data, limits=least).width == 200
    less = replace(
        DEFAULT_LIMITS, max_pixels=10_000, max_pixels_jpeg=10_000, max_pixels_avif=10_000, max_pixels_heif=10_000
    )
    error = refused(data, less)
    assert isinstance(error, ImageTooLargeError)
    assert str(error) == "The picture has 0.0 megapixels; at most 0.01 are read."


@pytest.mark.parametrize("format", FORMATS)
def test_sides_are_limited(format: str) -> None:
    data = encode(Image.new("RGB", (30, 2000)), format)
    error = refused(data, replace(DEFAULT_LIMITS, max_side=1999))
    assert isinstance(error, ImageTooLargeError)
    assert str(error) == "The picture is 30 x 2,000 pixels; at most 1,999 a side are read."


@pytest.mark.parametrize("format", ["WEBP", "AVIF", "HEIF"])
def test_bytes_of_webp_avif_and_heic_are_limited_further(format: str) -> None:
    data = encode(Image.fromarray(noise(200, 200)), format)
    error = refused(data, replace(DEFAULT_LIMITS, max_bytes_video=10_000))
    assert isinstance(error, ImageTooLargeError)
    assert str(error).endswith("MB; at most 0.01 are read.")


def test_progressive_jpegs_are_limited_by_their_coefficients() -> None:
    image = Image.new("RGB", (512, 512))
    limits = replace(DEFAULT_LIMITS, max_jpeg_coefficient_bytes=1_000_000)
    # 512 x 512 x 3 x 2 bytes = 1.57 MB at full colour resolution, half of it at half the resolution.
    assert "0.3 megapixels" in str(refused(encode(image, "JPEG", progressive=True, subsampling=0), limits))
    assert decode_image(encode(image, "JPEG", progressive=True, subsampling=2), limits=limits).width == 512
    assert decode_image(encode(image, "JPEG", subsampling=0), limits=limits).width == 512


def test_scans_of_a_jpeg_are_limited() -> None:
    data = encode(Image.fromarray(noise(16, 16)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert decode_image(data[:-2] + last * 10 + b"\xff\xd9").width == 16
    error = refused(data[:-2] + last * 3000 + b"\xff\xd9")
    assert isinstance(error, ImageTooLargeError)
    assert str(error) == "The JPEG has more than 32 scans; at most 32 are read."


def gif_with_screen(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("P", (4, 4)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def gif_with_frame(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.new("P", (4, 4)), "GIF"))
    at = data.index(b",", 13)
    data[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def webp_with_canvas(side: int) -> bytes:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (R, G)]
    data = bytearray(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (side - 1).to_bytes(3, "little") * 2
    return bytes(data)


def bmp_with_size(width: int, height: int, compression: int = 0) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024, 0, 0, 54 + 1024) + header + bytes(1024)


def jpeg_with_size(width: int, height: int) -> bytes:
    data = encode(Image.new("RGB", (8, 8)), "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize(
    ("data", "megapixels"),
    [
        (jpeg_with_size(65_535, 65_535), "4294.8"),
        (jpeg_with_size(9000, 9000), "81.0"),
        (png(5000, 5000, 1, 0, bytes(626 * 5000)), "25.0"),
        (png(4000, 4000, 16, 6, b""), "16.0"),  # 8 bytes a pixel
        (png(10_000, 10_000, 1, 0, b""), "100.0"),
        (png(60_000, 60_000, 1, 0, b""), "3600.0"),
        (gif_with_screen(65_535, 65_535), "4294.8"),
        (gif_with_screen(5000, 5000), "25.0"),
        (gif_with_frame(60_000, 60_000), "3600.0"),
        (webp_with_canvas(13_000), "169.0"),
        (webp_with_canvas(5000), "25.0"),
        (encode(Image.new("L", (5000, 5000)), "WEBP"), "25.0"),
        (bmp_with_size(60_000, 60_000), "3600.0"),
        (bmp_with_size(5000, 5000), "25.0"),
        (bmp_with_size(3000, 3000, compression=1), "9.0"),  # run-length: decoded in Python
        (tiff(rgb_tiff(60_000, 60_000, t279=("I", [9])), bytes(9)), "3600.0"),
        (tiff(rgb_tiff(5000, 5000, t259=("H", [8]), t279=("I", [9])), bytes(9)), "25.0"),
        (tiff(rgb_tiff(3000, 3000, t259=("H", [7]), t262=("H", [6]), t279=("I", [9])), bytes(9)), "9.0"),  # JPEG inside
        (encode(Image.new("L", (5000, 5000)), "AVIF", speed=10), "25.0"),
    ],
)
def test_bombs_are_refused_by_their_size(data: bytes, megapixels: str) -> None:
    assert len(data) < 2_000_000
    error = refused(data)
    assert isinstance(error, ImageTooLargeError)
    special = {"9.0": "4", "16.0": "15.8"}.get(megapixels, "16" if data[4:8] == b"ftyp" else "21")
    limit = "65" if data.startswith(b"\xff\xd8") else special
    assert str(error) == f"The picture has {megapixels} megapixels; at most {limit} are read."


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"t258": ("H", [8] * 9)}, "TIFF tag 258 has 9 values; at most 8 are read."),
        ({"t273": ("I", [16] * 40_000)}, "TIFF tag 273 has 40000 values; at most 32768 are read."),
        (
            {"t322": ("I", [50_000]), "t323": ("I", [50_000]), "t324": ("I", [16]), "t325": ("I", [6])},
            "The TIFF has tiles of 2500.0 megapixels; at most 21 are read.",
        ),
    ],
)
def test_absurd_tiffs_are_refused(tags: dict[str, tuple[str, list[int]]], message: str) -> None:
    error = refused(tiff(rgb_tiff(2, 1, **tags), bytes(6)))
    assert isinstance(error, ImageTooLargeError)
    assert str(error) == message


def test_unneeded_tags_of_a_tiff_do_not_matter() -> None:
    # Loops of directories, an EXIF directory that is not there, and texts of any kind.
    tags = rgb_tiff(2, 1, t330=("I", [8]), t34665=("I", [4_000_000_000]), t700=("I", [7] * 99_999))
    assert pixel(tiff(tags, bytes((*R, *G)))) == R


def many_pieces(kind: str) -> bytes:
    """A small picture in more pieces than anyone writes."""
    if kind == "GIF":
        data = encode(Image.new("P", (4, 4)), "GIF")
        at = data.index(b",", 13)
        return data[:at] + b"!\xfe" + b"\1x" * 600_000 + b"\0" + data[at:]
    if kind == "BMP":
        return bmp_with_size(4, 4, compression=1) + b"\0\2\0\0" * 400_000
    if kind == "PNG":
        return png(1, 1, 8, 2, bytes(4), *[(b"prVt", b"")] * 110_000)
    data = encode(Image.new("RGB", (8, 8)), "JPEG")
    return data[:2] + b"\xff\xfe\0\2" * 110_000 + data[2:]


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PNG", "JPEG"])
def test_pictures_in_too_many_pieces_are_refused(kind: str) -> None:
    assert isinstance(refused(many_pieces(kind)), ImageError)


def test_fill_bytes_in_a_jpeg_cost_nothing() -> None:
    data = encode(Image.fromarray(noise(8, 8)), "JPEG")
    filled = data[:-2] + b"\xff" * 5_000_000 + data[-1:]
    np.testing.assert_array_equal(decode_image(filled).pixels, decode_image(data).pixels)


def test_no_exotic_plugin_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    opened = Image.open
    monkeypatch.setattr(Image, "open", lambda file, **options: asked.append(options["formats"]) or opened(file, **options))
    for format in FORMATS:
        decode_image(encode(Image.new("RGB", (9, 9)), format))
    assert asked == [(format,) for format in FORMATS if format != "HEIF"]
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize(
    "exception",
    [
        OSError, SyntaxError, ValueError, struct.error, EOFError, OverflowError, TypeError, IndexError, KeyError,
        ZeroDivisionError, AttributeError, RuntimeError, AssertionError, UserWarning, RecursionError, zlib.error,
    ],
)  # fmt: skip
def test_whatever_pillow_raises_becomes_a_decode_error(exception: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise exception("in /srv/secret")

    monkeypatch.setattr(Image, "open", fail)
    assert isinstance(refused(encode(Image.new("RGB", (9, 9)), "PNG")), ImageDecodeError)


@pytest.mark.parametrize("exception", [MemoryError, Image.DecompressionBombError, Image.DecompressionBombWarning])
def test_memory_errors_and_bombs_become_too_large(exception: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise exception

    monkeypatch.setattr(Image, "open", fail)
    assert isinstance(refused(encode(Image.new("RGB", (9, 9)), "PNG")), ImageTooLargeError)


CHILD = """
import io, resource, sys
from pathlib import Path
from PIL import Image
from imgsearch.pictures.decode import decode_image
for format in ("PNG", "WEBP", "JPEG"):
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, format)
    decode_image(file.getvalue())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
decode_image(Path(sys.argv[1]))
unit = 1 if sys.platform == "darwin" else 1024
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / 1e6)
"""


@pytest.mark.parametrize("name", ["rgba16.png", "rgba.webp", "progressive.jpg"])
def test_the_most_costly_pictures_need_less_than_400_mb(tmp_path: Path, name: str) -> None:
    pytest.importorskip("resource")
    if name == "rgba16.png":
        data = png(3900, 4000, 16, 6, bytes((8 * 3900 + 1) * 4000))
    elif name == "rgba.webp":
        data = encode(Image.new("RGBA", (4500, 4600), (1, 2, 3, 4)), "WEBP", lossless=True, quality=0, method=0)
    else:
        data = encode(Image.new("RGB", (5000, 4900), R), "JPEG", progressive=True, subsampling=0)
    path = tmp_path / name
    path.write_bytes(data)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert 0 <= float(child.stdout) < 400


# --- crops, thumbnails, previews -------------------------------------------------------------------------------------


def test_the_centre_is_cropped() -> None:
    # 80 px short side: 70 of them are kept, so the left and right thirds are cut away.
    pixels = np.zeros((80, 240, 3), dtype=np.uint8)
    pixels[:, 80:160] = G
    cropped = resize_and_crop(pixels, 35)  # 35 / 0.875 = 40: half size
    assert cropped.shape == (35, 35, 3)
    assert cropped.dtype == np.uint8
    assert cropped.flags.c_contiguous
    np.testing.assert_array_equal(cropped, np.full((35, 35, 3), G))


def test_a_crop_is_what_scaling_and_then_cutting_gives() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3))
    smooth = np.ascontiguousarray(ramp)
    cropped = resize_and_crop(smooth, 224)  # 224 / 0.875 = 256: no scaling
    np.testing.assert_array_equal(cropped, smooth[16:240, 16:240])


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 20_000), (20_000, 1), (3, 3), (2000, 1500), (299, 299)])
@pytest.mark.parametrize("size", [1, 3, 7, 224, 299])
def test_any_shape_can_be_cropped(shape: tuple[int, int], size: int) -> None:
    cropped = resize_and_crop(np.full((*shape, 3), 77, dtype=np.uint8), size)
    # Pillow's averaging of blocks is off by 2 where one pixel stands for 1,300 x 1,300.
    np.testing.assert_allclose(cropped, np.full((size, size, 3), 77), atol=2 if size == 1 else 0)


def test_the_far_ends_of_a_panorama_do_not_matter() -> None:
    pixels = noise(100, 3000)
    other = pixels.copy()
    other[:, :1300] = other[:, 1700:] = 0
    np.testing.assert_array_equal(resize_and_crop(pixels, 50), resize_and_crop(other, 50))


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)  # fmt: skip
def test_wrong_arrays_are_the_callers_mistake(pixels: np.ndarray) -> None:
    for function in (lambda: resize_and_crop(pixels, 9), lambda: make_thumbnail(pixels), lambda: make_preview(pixels)):
        with pytest.raises(ValueError, match="Received"):
            function()
    with pytest.raises(ValueError, match="Received: 0"):
        resize_and_crop(np.zeros((4, 4, 3), np.uint8), 0)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((512, 1024), (640, 320)),
        ((1024, 512), (320, 640)),
        ((100, 80), (80, 100)),  # never enlarged
        ((600, 6000), (1280, 128)),  # a panorama: the long side is at most 4 x 320
        ((1, 20_000), (1280, 1)),
        ((20_000, 1), (1, 1280)),
        ((1, 1), (1, 1)),
    ],
)
def test_thumbnails_have_a_short_side_of_320_px(shape: tuple[int, int], size: tuple[int, int]) -> None:
    data = make_thumbnail(np.full((*shape, 3), (200, 100, 50), dtype=np.uint8))
    picture = decode_image(data)
    assert (picture.format, (picture.width, picture.height)) == ("WEBP", size)
    np.testing.assert_allclose(picture.pixels[0, 0], (200, 100, 50), atol=6)


def test_the_short_side_of_a_thumbnail_can_be_chosen() -> None:
    assert decode_image(make_thumbnail(np.zeros((300, 400, 3), np.uint8), short_side=30)).width == 40


@pytest.mark.parametrize(("shape", "size"), [((2048, 1024), (512, 1024)), ((50, 40), (40, 50)), ((1, 20_000), (1024, 1))])
def test_previews_have_a_long_side_of_at_most_1024_px(shape: tuple[int, int], size: tuple[int, int]) -> None:
    picture = decode_image(make_preview(np.full((*shape, 3), 99, dtype=np.uint8)))
    assert (picture.format, (picture.width, picture.height)) == ("JPEG", size)


def test_previews_and_thumbnails_carry_no_metadata() -> None:
    data = encode(Image.fromarray(noise(40, 30)), "JPEG", exif=exif(6), comment=b"private")
    pixels = decode_image(data).pixels
    for small in (make_preview(pixels), make_thumbnail(pixels)):
        assert b"private" not in small
        assert not Image.open(io.BytesIO(small)).getexif()


def test_suffixes_are_lower_case_and_begin_with_a_dot() -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".dng"} <= PICTURE_SUFFIXES
    assert {".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"} <= RAW_SUFFIXES <= PICTURE_SUFFIXES
    assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in PICTURE_SUFFIXES)
