"""heif.py: photos as phones and cameras write them, made with the library; what hostile ones would cost."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import AvifImagePlugin, Image

from imgsearch.errors import ImageDecodeError, ImageError, ImageTooLargeError
from imgsearch.pictures import heif
from imgsearch.pictures.decode import DEFAULT_LIMITS, decode_image, looks_like_image
from imgsearch.pictures.heif import MAX_PARTS, heif_cost

R, G, B, Y, M, C = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255)
SEEN = [[R, G], [B, Y], [M, C]]
"""A picture as it should be seen; each colour is a block of 16 x 16 px."""
STORED = {
    1: [[R, G], [B, Y], [M, C]],
    2: [[G, R], [Y, B], [C, M]],
    3: [[C, M], [Y, B], [G, R]],
    4: [[M, C], [B, Y], [R, G]],
    5: [[R, B, M], [G, Y, C]],
    6: [[G, Y, C], [R, B, M]],
    7: [[C, Y, G], [M, B, R]],
    8: [[M, B, R], [C, Y, G]],
}
"""How each EXIF orientation stores it."""
ROOT = Path(__file__).parents[2]


def blocks(rows: list[list[tuple[int, int, int]]]) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype=np.uint8).repeat(16, axis=0).repeat(16, axis=1))


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def heic(*images: Image.Image, **options: object) -> bytes:
    """A HEIC of one or several pictures."""
    file = io.BytesIO()
    made = pillow_heif.from_pillow(images[0])
    for image in images[1:]:
        made.add_from_pillow(image)
    made.save(file, **{"quality": 90, "chroma": 444, **options})
    return file.getvalue()


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """The first occurrence replaced, which there must be."""
    assert old in data
    return data.replace(old, new, 1)


def after(data: bytes, name: bytes, skip: int, value: bytes) -> bytes:
    """With other bytes so many after a box's name."""
    at = data.index(name) + 4 + skip
    return data[:at] + value + data[at + len(value) :]


def middles(data: bytes) -> np.ndarray:
    """The colour in the middle of each block."""
    return decode_image(data).pixels[8::16, 8::16]


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        decode_image(data)
    return caught.value


# --- what comes out --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", STORED)
def test_the_orientation_is_applied_once(orientation: int) -> None:
    # As a phone writes it: the container turns the picture, and EXIF says the same.
    data = heic(blocks(STORED[orientation]), exif=exif(orientation))
    assert (b"irot" in data or b"imir" in data) == (orientation > 1)
    np.testing.assert_allclose(middles(data), np.array(SEEN), atol=12)
    # EXIF that says something else does not count, nor does a container without EXIF turn less.
    for other in (1, 3, 6, 7):
        changed = data if orientation == 1 else replaced(data, exif(orientation)[6:], exif(other)[6:])
        np.testing.assert_allclose(middles(changed), np.array(SEEN), atol=12)
    if orientation > 1:
        np.testing.assert_allclose(middles(replaced(data, b"Exif\0", b"Exof\0")), np.array(SEEN), atol=12)


def test_exif_alone_turns_nothing() -> None:
    data = heic(blocks(STORED[6]), exif=exif(6))
    np.testing.assert_allclose(middles(replaced(data, b"irot", b"skip")), np.array(STORED[6]), atol=12)


@pytest.mark.parametrize("is_12_bit", [False, True])
@pytest.mark.parametrize(("mode", "channels"), [("RGB;16", 3), ("RGBA;16", 4), ("I;16", 1)])
def test_10_and_12_bits_are_as_bright_as_8(
    mode: str, channels: int, is_12_bit: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", is_12_bit)
    levels = np.full((32, 48, channels), 100 * 257, dtype=np.uint16)
    levels[:, 24:] = 65_535
    levels[:, :, 3:] = 65_535
    file = io.BytesIO()
    pillow_heif.from_bytes(mode, (48, 32), levels.tobytes()).save(file, quality=90)
    pixels = decode_image(file.getvalue()).pixels
    np.testing.assert_allclose(pixels[16, [12, 36]], [[100] * 3, [255] * 3], atol=3)


def test_tiles_are_put_together() -> None:
    image = blocks(SEEN * 3)  # 32 x 144
    for orientation, size in ((1, (32, 144)), (6, (144, 32))):
        data = heic(image, tile_size=32, exif=exif(orientation))
        assert b"grid" in data
        picture = decode_image(data)
        assert (picture.width, picture.height) == size
    np.testing.assert_allclose(middles(heic(image, tile_size=32)), np.array(SEEN * 3), atol=12)


@pytest.mark.parametrize("primary", [0, 1, 2])
def test_the_primary_picture_of_a_burst_is_taken(primary: int) -> None:
    burst = [Image.new("RGB", (16 * (2 + n), 32), colour) for n, colour in enumerate((R, G, B))]
    picture = decode_image(heic(*burst, primary_index=primary))
    assert picture.width == 16 * (2 + primary)
    np.testing.assert_allclose(picture.pixels[8, 8], (R, G, B)[primary], atol=6)


def test_a_picture_of_a_burst_that_is_not_the_primary_one_may_be_broken() -> None:
    one, two = (Image.fromarray(np.random.default_rng(n).integers(0, 256, (48, 48, 3), dtype=np.uint8)) for n in (1, 2))
    data = heic(one, two, primary_index=0)
    np.testing.assert_array_equal(decode_image(data[:-100]).pixels, decode_image(data).pixels)


def test_alpha_is_put_on_white() -> None:
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 51))  # a fifth red
    np.testing.assert_allclose(decode_image(heic(clear)).pixels[8, 8], (255, 204, 204), atol=3)
    grey = Image.new("LA", (32, 32), (0, 51))
    np.testing.assert_allclose(decode_image(heic(grey)).pixels[8, 8], (204, 204, 204), atol=3)


def test_an_embedded_thumbnail_is_not_taken() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (220, 200), dtype=np.uint8))
    data = heic(image, thumbnails=[100])
    assert b"thmb" in data
    picture = decode_image(data)
    assert (picture.width, picture.height, picture.pixels.shape) == (200, 220, (220, 200, 3))
    np.testing.assert_array_equal(picture.pixels, decode_image(heic(image)).pixels)


def test_what_a_camera_names_first_does_not_matter() -> None:
    data = heic(blocks(SEEN))
    assert data[8:11] == b"hei"
    for brand in (b"mif1", b"MiHB", b"1pic"):  # its other brands say what it is
        other = data[:8] + brand + data[12:]
        assert looks_like_image(other[:64])
        np.testing.assert_array_equal(decode_image(other).pixels, decode_image(data).pixels)


def test_what_stands_after_the_last_box_does_not_matter() -> None:
    data = heic(blocks(SEEN))
    for tail in (b"\0", b"\0\0\0\1what a maker adds", bytes(99), b"\xff" * 99):
        np.testing.assert_array_equal(decode_image(data + tail).pixels, decode_image(data).pixels)


def test_pillow_goes_on_to_decode_avif() -> None:
    decode_image(heic(blocks(SEEN)))
    assert Image.OPEN["AVIF"][0] is AvifImagePlugin.AvifImageFile
    file = io.BytesIO()
    blocks(SEEN).save(file, "AVIF")
    assert decode_image(file.getvalue()).format == "AVIF"
    assert "HEIF" not in Image.OPEN


def test_without_the_library_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(blocks(SEEN))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = refused(data)
    assert isinstance(error, ImageDecodeError)
    assert str(error) == "The picture is a HEIC file, and pillow-heif, which reads them, is not installed."
    assert "requirements.txt" in (error.hint or "")


# --- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "bytes_a_pixel"),
    [
        (heic(Image.new("L", (64, 64))), 1.0),
        (heic(Image.new("RGB", (64, 64)), chroma=420), 1.5),
        (heic(Image.new("RGB", (64, 64)), chroma=422), 2.0),
        (heic(Image.new("RGB", (64, 64)), chroma=444), 3.0),
        (heic(Image.new("RGBA", (64, 64)), chroma=420), 2.5),
        (heic(Image.fromarray(np.zeros((64, 64), np.uint16))), 2.0),
        (heic(Image.new("RGB", (128, 64)), chroma=420, tile_size=64), 1.5),
        (heic(Image.new("RGB", (64, 64)), chroma=420, thumbnails=[32]), 1.5),  # is not decoded
        (heic(Image.new("RGB", (64, 64)), Image.new("RGB", (640, 640)), chroma=420, primary_index=0), 1.5),
    ],
)
def test_the_cost_is_that_of_what_is_decoded(data: bytes, bytes_a_pixel: float) -> None:
    cost = heif_cost(data)
    assert cost.pixels in (64 * 64, 128 * 64)
    assert cost.sample_bytes == bytes_a_pixel * cost.pixels


def test_sizes_are_limited_by_what_the_samples_need() -> None:
    limits = replace(DEFAULT_LIMITS, max_heif_sample_bytes=15_000)
    assert decode_image(heic(Image.new("RGB", (104, 96)), chroma=420), limits=limits).width == 104  # 1.5 x 9,984
    with pytest.raises(ImageTooLargeError, match=r"has 0\.0 megapixels; at most 0\.005 are read"):
        decode_image(heic(Image.new("RGB", (104, 96)), chroma=444), limits=limits)


def grid_of(tiles: int, *, repeated: int) -> bytes:
    """Tiles of 64 x 64 px, the references to them repeated."""
    data = heic(Image.new("RGB", (64 * tiles, 64)), tile_size=64, chroma=420)
    begin = data.index(b"meta") - 4
    (meta_size,) = struct.unpack_from(">I", data, begin)
    meta = data[begin : begin + meta_size]
    at = meta.index(b"dimg") - 4
    (size,) = struct.unpack_from(">I", meta, at)
    targets = meta[at + 12 : at + size] * repeated
    box = struct.pack(">I", 12 + len(targets)) + meta[at + 4 : at + 10] + struct.pack(">H", tiles * repeated) + targets
    for name in (b"iref", b"meta"):
        where = meta.index(name) - 4
        (old,) = struct.unpack_from(">I", meta, where)
        meta = meta[:where] + struct.pack(">I", old + len(box) - size) + meta[where + 4 :]
    # At the end, so that the coded data stay where they are.
    return replaced(data, b"meta", b"free") + meta[:at] + box + meta[at + size :]


def with_size(data: bytes, width: int, height: int) -> bytes:
    return after(data, b"ispe", 4, struct.pack(">II", width, height))


PLAIN = heic(blocks(SEEN), exif=exif(6))
FLAT = heic(Image.new("RGB", (2048, 2048)), quality=10)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (with_size(PLAIN, 60_000, 60_000), "The picture has 3600.0 megapixels; at most 50 are read."),
        (with_size(PLAIN, 2**32 - 1, 1), "The picture has 4295.0 megapixels; at most 50 are read."),
        (grid_of(4, repeated=300), "The picture has more than 1,000 parts; no more are read."),
    ],
)
def test_what_would_cost_too_much_is_refused(data: bytes, message: str) -> None:
    error = refused(data)
    assert isinstance(error, ImageTooLargeError)
    assert str(error) == message


def test_a_canvas_that_is_larger_than_the_picture_says_is_refused() -> None:
    data = heic(Image.new("RGB", (128, 64)), tile_size=64)
    canvas = struct.pack(">BBBBHH", 0, 0, 0, 1, 128, 64)
    error = refused(replaced(data, canvas, struct.pack(">BBBBHH", 0, 0, 0, 1, 60_000, 60_000)))
    assert str(error) == "The picture has 3600.0 megapixels; at most 30 are read."


def test_coded_data_that_are_larger_than_the_picture_says_are_counted() -> None:
    # 2,048 x 2,048 px in a picture that says 64 x 64.
    assert heif_cost(with_size(FLAT, 64, 64)).pixels == 2048 * 2048
    assert isinstance(refused(with_size(FLAT, 64, 64)), ImageDecodeError)


def test_parameter_sets_among_the_coded_data_are_counted() -> None:
    data = heic(Image.new("RGB", (64, 64)))
    at = FLAT.index(b"\x42\x01\x01")  # the first bytes of a sequence parameter set
    (size,) = struct.unpack_from(">H", FLAT, at - 2)
    unit = struct.pack(">I", size) + FLAT[at : at + size]
    begin = data.index(b"mdat") + 4
    (old,) = struct.unpack(">I", data[begin - 8 : begin - 4])
    inserted = data[: begin - 8] + struct.pack(">I4s", old + len(unit), b"mdat") + unit + data[begin:]
    longer = replaced(inserted, struct.pack(">I", old - 8), struct.pack(">I", old - 8 + len(unit)))  # in `iloc`
    assert heif_cost(data).pixels == 64 * 64
    assert heif_cost(longer).pixels == 2048 * 2048


def test_metadata_that_all_lie_at_the_same_place_are_refused() -> None:
    # pillow-heif copies each: a thousand items of 25 MB would take all memory.
    data = heic(blocks(SEEN), exif=exif(6))
    location = data.index(b"iloc")
    sizes = [at for at in range(location, location + 80) if data[at : at + 4] == struct.pack(">I", len(exif(6)) + 4)]
    assert sizes
    error = refused(data[: sizes[0]] + struct.pack(">I", 3 * len(data)) + data[sizes[0] + 4 :])
    assert isinstance(error, ImageDecodeError)


def test_items_that_are_made_of_themselves_are_refused() -> None:
    data = heic(Image.new("RGB", (128, 64)), tile_size=64)
    at = data.index(b"dimg")
    (origin,) = struct.unpack_from(">H", data, at + 4)
    assert "1,000 parts" in str(refused(after(data, b"dimg", 4, struct.pack(">HH", origin, origin))))


def test_a_picture_that_turns_often_is_refused() -> None:
    data = heic(blocks(STORED[7]), exif=exif(7))
    assert isinstance(refused(replaced(data, b"imir", b"irot")), ImageDecodeError)


@pytest.mark.parametrize("kind", [b"av01", b"jpeg", b"unci", b"mski"])
def test_what_is_not_hevc_is_refused_with_the_reason(kind: bytes) -> None:
    error = refused(replaced(PLAIN, b"hvc1", kind))
    assert (str(error), error.hint) == ("The HEIC file is coded in a way that is not read.", "Save it as JPEG.")


def test_a_film_is_no_picture() -> None:
    head = struct.pack(">I4s4sI4s", 20, b"ftyp", b"msf1", 0, b"hevc")
    assert "only a film" in str(refused(head + struct.pack(">I4s", 16, b"moov") + bytes(8)))


@pytest.mark.parametrize("name", [b"pitm", b"iinf", b"iloc", b"iprp", b"ipco", b"ipma", b"ispe", b"hvcC"])
def test_a_file_without_one_of_its_tables_is_damaged(name: bytes) -> None:
    error = refused(replaced(PLAIN, name, b"skip"))
    assert isinstance(error, ImageDecodeError)
    assert str(error) == "The picture is damaged: its parts do not fit together."


@pytest.mark.parametrize("step", range(1, 20))
@pytest.mark.parametrize("options", [{}, {"tile_size": 64}, {"exif": exif(6)}])
def test_a_file_that_is_cut_off_says_so(options: dict[str, object], step: int) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8))
    data = heic(image, **options)
    assert "cut off" in str(refused(data[: len(data) * step // 20]))


def test_a_file_in_too_many_pieces_is_refused_soon() -> None:
    data = PLAIN[: int.from_bytes(PLAIN[:4], "big")] + struct.pack(">I4s", 8, b"free") * (heif._MAX_STEPS // 2)
    error = refused(data + PLAIN)
    assert isinstance(error, ImageTooLargeError)
    assert str(error) == "The HEIC file is in more pieces than are read."
    assert MAX_PARTS == 1_000


CHILD = """
import resource, sys
from pathlib import Path
from imgsearch.pictures.decode import decode_image
small, large = map(Path, sys.argv[1:])
decode_image(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
picture = decode_image(large)
unit = 1 if sys.platform == "darwin" else 1024
print(picture.width, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / 1e6)
"""


@pytest.mark.slow
def test_a_photo_of_48_megapixels_needs_less_than_400_mb(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    (tmp_path / "small.heic").write_bytes(PLAIN)
    large = heic(Image.new("RGB", (8064, 6048), (90, 120, 30)), tile_size=512, chroma=420, quality=10, exif=exif(6))
    (tmp_path / "large.heic").write_bytes(large)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "small.heic"), str(tmp_path / "large.heic")],
        capture_output=True, text=True, cwd=ROOT, check=True, timeout=120,
    )  # fmt: skip
    width, megabytes = child.stdout.split()
    assert int(width) == 6048
    assert 0 <= float(megabytes) < 400


def test_a_picture_that_is_coded_in_another_size_than_the_file_says_is_damaged() -> None:
    """libheif opens it with the size that is said, and decodes it in the other."""
    grey = Image.fromarray(np.arange(24 * 17, dtype=np.uint16).reshape(24, 17) * 160)
    whole = heic(grey, quality=90, chroma=420)
    assert decode_image(whole).pixels.shape == (24, 17, 3)
    others = 0
    for at in range(len(whole)):
        changed = whole[:at] + b"\0" + whole[at + 1 :]
        try:
            image = heif.open_heif(io.BytesIO(changed))
            said = image.size
            image.load()
        except (OSError, ValueError, RuntimeError, EOFError, SyntaxError):
            continue
        if image.size != said:
            others += 1
            with pytest.raises(ImageError):
                decode_image(changed)
    assert others > 0  # else this shows nothing
