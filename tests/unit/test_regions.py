"""The geometry of a part of a picture, by hand."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsearch import Collection
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.pictures import scaling
from imgsearch.pictures.regions import Region, centre_window, crop, cut_square, square_window


@pytest.mark.parametrize(
    "sides",
    [
        (-0.1, 0, 1, 1),
        (0, 0, 1, 1.01),
        (0.5, 0, 0.4, 1),
        (0, 0.5, 1, 0.5),
        (0, 0, 0.049, 1),
        (0, 0.96, 1, 1),
        (math.nan, 0, 1, 1),
        (0, 0, math.inf, 1),
    ],
)
def test_a_region_lies_in_the_picture_and_is_not_too_small(sides: tuple[float, float, float, float]) -> None:
    with pytest.raises(InvalidQueryError, match=r"between 0 and 1, right at least 0\.05 beyond left .* Received: "):
        Region(*sides)


def test_the_smallest_region_is_allowed_everywhere() -> None:
    for start in np.arange(0, 0.951, 0.01):
        Region(start, 0, start + 0.05, 1)


def test_an_address_holds_a_region_exactly() -> None:
    region = Region(1 / 3, 0, 0.70049, 1)
    assert str(region) == "0.333,0,0.7,1"
    assert Region.parse(str(region)) == region
    assert Region.parse(" 0.1, 2e-1,0.5,.6") == Region(0.1, 0.2, 0.5, 0.6)


@pytest.mark.parametrize("text", ["", "0,0,1", "0,0,1,1,1", "a,b,c,d", "0 0 1 1", "0;0;1;1", "0,0,1,"])
def test_what_is_not_four_numbers_is_refused(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="must be four numbers, left,top,right,bottom"):
        Region.parse(text)


def test_a_long_text_is_not_repeated() -> None:
    with pytest.raises(InvalidQueryError) as caught:
        Region.parse("x" * 5000)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("region", "size", "expected"),
    [
        ((0.4, 0.4, 0.6, 0.6), (200, 100), (80, 30, 120, 70)),  # 40 x 20 px: widened to both sides
        ((0.4, 0.0, 0.6, 0.2), (200, 100), (80, 0, 120, 40)),  # at the upper edge: moved inside
        ((0.9, 0.5, 1.0, 1.0), (200, 100), (150, 50, 200, 100)),  # in the lower right corner
        ((0.0, 0.0, 1.0, 1.0), (200, 100), (0, -50, 200, 150)),  # the whole: as much missing above as below
        ((0.0, 0.0, 0.6, 0.1), (200, 100), (0, -20, 120, 100)),  # longer than the short side, at the top: all missing above
        ((0.0, 0.4, 1.0, 0.6), (100, 100), (0, 0, 100, 100)),
        ((0.2, 0.3, 0.5, 0.6), (100, 100), (20, 30, 50, 60)),  # a square stays as it is
        ((0.0, 0.0, 1.0, 1.0), (1, 900), (-449.5, 0, 450.5, 900)),
    ],
)
def test_a_region_is_widened_to_a_square_around_it(
    region: tuple[float, float, float, float], size: tuple[int, int], expected: tuple[float, ...]
) -> None:
    width, height = size
    window = square_window(Region(*region), width, height)
    box = (window.left * width, window.top * height, window.right * width, window.bottom * height)
    assert box == pytest.approx(expected)


def test_the_square_is_cut_out_without_a_margin() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    np.testing.assert_array_equal(cut_square(pixels, Region(0.4, 0.4, 0.6, 0.6), 40), pixels[30:70, 80:120])


def test_what_the_picture_lacks_is_mirrored() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    square = cut_square(pixels, Region(0, 0, 1, 1), 40)
    np.testing.assert_array_equal(square, np.concatenate([pixels[9::-1], pixels, pixels[:9:-1]]))
    np.testing.assert_array_equal(cut_square(pixels.swapaxes(0, 1), Region(0, 0, 1, 1), 40), square.swapaxes(0, 1))


def test_a_region_is_scaled_to_the_input_size() -> None:
    ramp = np.broadcast_to(np.arange(240, dtype=np.uint8)[None, :, None], (120, 240, 3))
    square = cut_square(np.ascontiguousarray(ramp), Region(0.25, 0, 0.75, 1), 30)  # columns 60 to 179, 4 to 1
    np.testing.assert_allclose(square[15, 1:-1, 0], np.arange(61.5, 180, 4)[1:-1], atol=1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 65_535), (3_000, 2), (7, 5)])
@pytest.mark.parametrize("region", [Region(0, 0, 1, 1), Region(0.95, 0.95, 1, 1), Region(0, 0.3, 1, 0.35)])
def test_pictures_of_any_shape_have_regions(shape: tuple[int, int], region: Region) -> None:
    pixels = np.full((*shape, 3), 77, np.uint8)
    square = cut_square(pixels, region, 32)
    assert (square.shape, square.dtype) == ((32, 32, 3), np.uint8)
    assert (square == 77).all()
    assert crop(pixels, region).size


def test_a_crop_is_the_region_itself() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    np.testing.assert_array_equal(crop(pixels, Region(0.1, 0.2, 0.5, 0.25)), pixels[20:25, 20:100])


def test_the_centre_window_is_what_a_whole_picture_is_cropped_to() -> None:
    """Found from the pixels: a picture whose colours are its coordinates."""
    y, x = np.mgrid[0:160, 0:240]
    pixels = np.stack([x, y, y], axis=2).astype(np.uint8)
    cropped = scaling.resize_and_crop(pixels, 70)  # 70 / 0.875 = 80: half size
    window = centre_window(240, 160, 70)
    assert (window.left * 240, window.right * 240) == pytest.approx((50, 190))
    assert (window.top * 160, window.bottom * 160) == pytest.approx((10, 150))
    assert cropped[35, [0, -1], 0] == pytest.approx([50.5, 188.5], abs=1)
    assert cropped[[0, -1], 35, 1] == pytest.approx([10.5, 148.5], abs=1)


# --- searched with

DISC = Region(0.375, 0.333, 0.625, 0.667)
"""Of red/3.png nothing but red: the disc has a radius of 20 px in 80 x 60."""


def test_a_region_of_an_item_is_looked_for_without_the_item(collection: Collection) -> None:
    row = collection.items.row_of("red/3.png")
    pages = [
        collection.search(item_id="red/3.png", region=DISC, k=12),
        collection.search(row=row, region=DISC, k=12),
        collection.search(picture=solid((220, 40, 40)), k=12),
    ]
    for page in pages[:2]:
        assert len(page.results) == 11
        assert {result.item.label for result in page.results[:3]} == {"red"}
        assert row not in {result.row for result in page.results}
        assert page.query_items == ()
    assert [x.distance for x in pages[0].results] == [x.distance for x in pages[1].results]
    outside = [x.distance for x in pages[2].results if x.row != row]
    assert [x.distance for x in pages[0].results] == pytest.approx(outside, abs=0.1)
    whole = collection.search(item_id="red/3.png", k=12)
    assert whole.results[0].distance < 0.5 < 1 < pages[0].results[0].distance


def test_a_region_of_a_picture_is_looked_for(collection: Collection) -> None:
    item = collection.items[collection.items.row_of("red/3.png")]
    data = collection.thumbnail_path(item).read_bytes()
    of_file, of_item = collection.search(picture=data, region=DISC, k=12), collection.search(row=11, region=DISC, k=12)
    assert collection.items[11] == item
    assert [x.row for x in of_file.results if x.row != 11] == [x.row for x in of_item.results]


@pytest.mark.parametrize(
    "asked",
    [
        {"item_id": ["red/0.png", "red/1.png"]},
        {"row": 1, "picture": b""},
        {"row": 1, "embedding": []},
        {},
    ],
)
def test_a_region_belongs_to_one_picture(collection: Collection, asked: dict[str, Any]) -> None:
    if "embedding" in asked:
        asked = {**asked, "embedding": collection.space().embeddings[0]}
    with pytest.raises(InvalidQueryError, match="A region belongs to exactly one"):
        collection.search(**asked, region=DISC)


def test_a_region_of_a_row_that_is_not_there_is_refused(collection: Collection) -> None:
    with pytest.raises(ItemNotFoundError, match="between 0 and 11"):
        collection.search(row=-1, region=DISC)


def solid(color: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (20, 20), color).save(stream, "PNG")
    return stream.getvalue()
