"""Why in a browser: pictures of every shape keep it, and maps lie where they belong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from imgsearch import build_collection, embedder_spec

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import run_server, wait_for_health, wait_until_idle
from tests.e2e.conftest import Visitors
from tests.e2e.test_access import PHONE

if TYPE_CHECKING:
    from collections.abc import Callable

    Visit = Callable[..., Page]

SHAPES = {"portrait": (320, 480), "landscape": (480, 320), "square": (300, 300), "tall": (60, 600), "flat": (600, 60)}
MOST_HEIGHT = 240.0
SIZES = pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])


@pytest.fixture(scope="module")
def url(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a picture of every shape: black ellipses on white, compared by where their edges are."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "pictures").mkdir()
    for name, (width, height) in SHAPES.items():
        picture = Image.new("RGB", (width, height), "white")
        ImageDraw.Draw(picture).ellipse((width / 5, height / 5, width * 0.8, height * 0.8), "black")
        picture.save(folder / "pictures" / f"{name}.png")
    build_collection("shapes", folder / "pictures", home=folder / "home", specs=[embedder_spec("edge_histogram")])
    with run_server(folder / "home", folder / "log.txt") as server:
        wait_for_health(server, 200)
        yield server.url


@pytest.fixture
def visit(chromium: Browser, url: str) -> Iterator[Visit]:
    visitors = Visitors(chromium, url)
    yield visitors.open
    for context in visitors.contexts:
        context.close()
    assert visitors.complaints == []


def pictures(page: Page) -> list[Locator]:
    """Query, its map, result, its map: once all are drawn."""
    wait_until_idle(page)
    images = page.get_by_role("dialog").get_by_role("img")
    expect(images).to_have_count(4)
    for image in images.all():
        image.evaluate("image => image.decode()")
    return images.all()


def measured(image: Locator) -> tuple[float, float]:
    """Width and height of the box that an image is drawn in, px."""
    for _ in range(50):
        box = image.bounding_box()  # none while the page draws it anew
        if box:
            return box["width"], box["height"]
        image.page.wait_for_timeout(100)
    raise AssertionError("The image is not on the page.")


@SIZES
@pytest.mark.parametrize(("query", "result"), [("portrait", "landscape"), ("tall", "flat"), ("square", "portrait")])
def test_pictures_and_their_maps_keep_their_shape(visit: Visit, query: str, result: str, size: dict[str, int]) -> None:
    page = visit(f"?item={query}.png&why={result}.png", **size)
    drawn = [measured(image) for image in pictures(page)]
    dialog = page.get_by_role("dialog").bounding_box()
    assert dialog
    for (width, height), name in zip(drawn, (query, query, result, result), strict=True):
        across, down = SHAPES[name]
        assert height == pytest.approx(width * down / across, abs=1, rel=0.02)  # Streamlit sets whole pixels
        assert height <= MOST_HEIGHT + 2
        assert width <= dialog["width"] / 2
        # As large as there is room for: one of the two is at its limit.
        assert height > MOST_HEIGHT - 5 or width > dialog["width"] / 2 - 45
    assert drawn[0] == pytest.approx(drawn[1], abs=0.1)
    assert drawn[2] == pytest.approx(drawn[3], abs=0.1)


@SIZES
@pytest.mark.parametrize("query", ["portrait", "landscape"])
def test_a_map_covers_the_part_that_was_searched_with(visit: Visit, query: str, size: dict[str, int]) -> None:
    page = visit(f"?item={query}.png&region=0,0,0.5,0.75&why=square.png", **size)
    map_ = pictures(page)[1]
    shot = Image.open(io.BytesIO(map_.screenshot())).convert("RGB")

    def at(x: float, y: float) -> tuple[int, ...]:
        color = shot.getpixel((round(x * shot.width), round(y * shot.height)))
        assert isinstance(color, tuple)
        return color

    outside = [at(0.53, 0.1), at(0.9, 0.7), at(0.1, 0.78), at(0.47, 0.9)]  # white under the one grey
    assert max(max(color) - min(color) for color in outside) < 12
    assert max(max(band) - min(band) for band in zip(*outside, strict=True)) < 12
    assert outside[0][0] < 225
    for color in (at(0.1, 0.06), at(0.47, 0.06), at(0.06, 0.72)):
        assert max(abs(one - other) for one, other in zip(color, outside[0], strict=True)) > 12
