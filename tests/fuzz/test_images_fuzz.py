"""Whatever the bytes, `decode_image` gives a picture within limits or an ImageError; whatever the shape, crops fit."""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import replace

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsearch.errors import ImageError
from imgsearch.pictures.decode import DEFAULT_LIMITS, decode_image, looks_like_image
from imgsearch.pictures.scaling import make_preview, make_thumbnail, resize_and_crop

pytestmark = pytest.mark.fuzz

LIMITS = replace(DEFAULT_LIMITS, max_bytes=200_000, max_pixels=1_000_000, max_pixels_jpeg=2_000_000, max_side=10_000)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    if format == "HEIF":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, format, **options)
    return file.getvalue()


def seeds() -> list[bytes]:
    """A small valid file of each format and of each way it stores pixels."""
    rng = np.random.default_rng(0)
    colour = Image.fromarray(rng.integers(0, 256, (24, 17, 3), dtype=np.uint8))
    modes = {mode: colour.convert(mode) for mode in ("1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "I", "F")}
    modes["I;16"] = Image.fromarray(rng.integers(0, 65536, (24, 17), dtype=np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    many = {"save_all": True, "append_images": [colour.rotate(180)]}
    files = [encode(colour, "JPEG", exif=exif, comment=b"text", progressive=p, subsampling=s) for p, s in ((0, 0), (1, 2))]
    files += [encode(modes[mode], "JPEG") for mode in ("L", "CMYK")]
    files += [encode(colour.copy(), "MPO", **many)]
    files += [encode(modes[mode], "PNG", exif=exif) for mode in ("1", "L", "P", "LA", "RGBA", "I;16")]
    files += [encode(modes["P"], "PNG", transparency=3), encode(colour.copy(), "PNG", **many)]
    files += [encode(colour, "WEBP", exif=exif), encode(modes["RGBA"], "WEBP", lossless=True)]
    files += [encode(colour.copy(), "WEBP", **many), encode(modes["P"], "GIF", transparency=3, comment=b"text")]
    files += [encode(colour.copy(), "GIF", **many)]
    files += [encode(modes[mode], "BMP") for mode in ("1", "L", "P", "RGBA")] + [encode(colour, "BMP")]
    files += [encode(image, "TIFF", exif=exif) for image in modes.values()]
    compressions = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd")
    files += [encode(colour, "TIFF", compression=compression) for compression in compressions]
    files += [encode(modes["1"], "TIFF", compression=compression) for compression in ("group3", "group4")]
    # Two pages, the first marked as a preview.
    kind = struct.pack("<HHI", 254, 4, 1)
    pages = encode(colour.copy(), "TIFF", tiffinfo={254: 0}, save_all=True, append_images=[colour.rotate(180)])
    files += [pages.replace(kind + bytes(4), kind + b"\1\0\0\0", 1)]
    files += [encode(colour, "AVIF", exif=exif), encode(modes["RGBA"], "AVIF")]
    files += [encode(image, "HEIF", exif=exif.tobytes()) for image in (colour, modes["L"], modes["RGBA"], modes["I;16"])]
    burst = pillow_heif.from_pillow(colour)
    burst.add_from_pillow(colour.rotate(180))
    file = io.BytesIO()
    burst.save(file, primary_index=1, tile_size=16, thumbnails=[16])
    files += [file.getvalue()]
    return files


SEEDS = seeds()


def check_message(message: str) -> None:
    assert message[0].isupper()
    assert message.endswith(".")
    assert "PIL" not in message


def check(data: bytes) -> None:
    """Either a picture whose parts agree, the same each time, or an ImageError that a visitor may read."""
    looks_like_image(data[:64])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of damaged files
        try:
            picture = decode_image(data, limits=LIMITS)
        except ImageError as error:
            check_message(str(error))
            return
        assert looks_like_image(data[:64])
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.ndim == 3
        assert picture.pixels.shape[2] == 3
        assert picture.pixels.flags.c_contiguous
        assert 1 <= picture.width <= LIMITS.max_side
        assert 1 <= picture.height <= LIMITS.max_side
        assert picture.width * picture.height <= LIMITS.max_pixels_jpeg
        height, width = picture.pixels.shape[:2]
        assert any((-(-picture.height // f), -(-picture.width // f)) == (height, width) for f in (1, 2, 4, 8))
        np.testing.assert_array_equal(decode_image(data, limits=LIMITS).pixels, picture.pixels)


@pytest.mark.parametrize("data", SEEDS)
def test_the_seeds_are_valid(data: bytes) -> None:
    assert set(decode_image(data, limits=LIMITS).pixels.shape[:2]) == {17, 24}


@given(st.binary(max_size=2_000))
@unhurried
def test_random_bytes(data: bytes) -> None:
    check(data)


@given(st.sampled_from(sorted({seed[:16] for seed in SEEDS})), st.binary(max_size=500))
@unhurried
def test_random_bytes_after_a_real_beginning(head: bytes, data: bytes) -> None:
    check(head + data)


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(unhurried, max_examples=400)
def test_changed_bytes(seed: bytes, changes: list[tuple[float, int]]) -> None:
    data = bytearray(seed)
    for where, value in changes:
        data[int(where * (len(data) - 1))] = value
    check(bytes(data))


@given(st.sampled_from(SEEDS), st.integers(0, 120), st.binary(min_size=1, max_size=8))
@settings(unhurried, max_examples=400)
def test_changed_headers(seed: bytes, where: int, value: bytes) -> None:
    check(seed[:where] + value + seed[where + len(value) :])


@given(st.sampled_from(SEEDS), st.floats(0, 1))
@unhurried
def test_cuts(seed: bytes, where: float) -> None:
    check(seed[: int(where * len(seed))])


@given(st.sampled_from(SEEDS), st.floats(0, 1), st.floats(0, 1))
@unhurried
def test_missing_and_repeated_parts(seed: bytes, first: float, second: float) -> None:
    check(seed[: int(first * len(seed))] + seed[int(second * len(seed)) :])


@given(st.sampled_from(SEEDS), st.sampled_from(SEEDS), st.floats(0, 1), st.floats(0, 1))
@unhurried
def test_splices_of_two_files(one: bytes, other: bytes, first: float, second: float) -> None:
    check(one[: int(first * len(one))] + other[int(second * len(other)) :])


@given(st.sampled_from(SEEDS), st.floats(0, 1), st.binary(max_size=40) | st.sampled_from([b"\xff" * 300, bytes(3000)]))
@unhurried
def test_insertions(seed: bytes, where: float, inserted: bytes) -> None:
    at = int(where * len(seed))
    check(seed[:at] + inserted + seed[at:])


sides = st.integers(1, 40) | st.sampled_from([255, 256, 257, 1_000, 5_000])


@given(sides, sides, st.integers(16, 320), st.integers(0, 255))
@unhurried
def test_crops_of_any_shape(height: int, width: int, size: int, level: int) -> None:
    cropped = resize_and_crop(np.full((height, width, 3), level, dtype=np.uint8), size)
    # A flat picture stays flat: nothing from outside comes in.
    np.testing.assert_array_equal(cropped, np.full((size, size, 3), level))


# From 30 px on no blocks are averaged beforehand; their grid would not be the same from the other side.
@given(st.integers(2, 60), st.integers(2, 60), st.integers(30, 64), st.integers(0, 2**32 - 1))
@unhurried
def test_a_mirrored_picture_gives_the_mirrored_crop(height: int, width: int, size: int, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    straight = resize_and_crop(pixels, size).astype(int)
    mirrored = resize_and_crop(np.ascontiguousarray(pixels[:, ::-1]), size).astype(int)
    assert np.abs(mirrored[:, ::-1] - straight).max() <= 2


@given(sides, sides, st.integers(1, 300))
@settings(unhurried, max_examples=50)
def test_thumbnails_of_any_shape(height: int, width: int, short_side: int) -> None:
    picture = decode_image(make_thumbnail(np.zeros((height, width, 3), dtype=np.uint8), short_side))
    assert min(picture.width, picture.height) <= short_side
    assert max(picture.width, picture.height) <= 4 * short_side
    assert picture.width <= width
    assert picture.height <= height
    if max(height, width) <= 4 * min(height, width):
        assert min(picture.width, picture.height) == min(short_side, height, width)


@given(sides, sides)
@settings(unhurried, max_examples=50)
def test_previews_of_any_shape(height: int, width: int) -> None:
    picture = decode_image(make_preview(np.zeros((height, width, 3), dtype=np.uint8)))
    assert max(picture.width, picture.height) == min(1_024, max(height, width))
