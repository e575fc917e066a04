"""The map in a browser: what is drawn where, in which hue, and what mouse, fingers and keys do with it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, Route, expect

from tests.conftest import draw_picture
from tests.e2e.browser import RESULTS, boxes, card_items, cards, wait_until_idle
from tests.e2e.test_access import PHONE
from tests.e2e.test_uploads import png

if TYPE_CHECKING:
    Visit = Callable[..., Page]

N, N_LABELS = 7_400, 37
HOSTILE = "<img src=x onerror=alert(1)>"
MOST_PICTURES = 80
QUERY = 11
"""Row of green/2.png."""


def drawn_map(page: Page) -> dict[str, float]:
    """Waits for the map, and returns where it is."""
    chart = page.get_by_role("application", name="Map of the collection")
    expect(chart).to_be_visible()
    expect(page.get_by_text("Loading the map")).to_have_count(0)
    page.wait_for_function("() => document.querySelector('.st-key-map [data-zoom], .st-key-map[data-zoom]')")
    box = chart.bounding_box()
    assert box
    return dict(box)


def zoom(page: Page) -> float:
    return float(page.locator(".st-key-map [data-zoom]").get_attribute("data-zoom") or 0)


def many(page: Page, n: int = N, n_labels: int = N_LABELS) -> tuple[dict[str, list[Any]], set[str]]:
    """Gives the page a map of so many points in clusters; returns its points, and the thumbnails that are fetched."""
    rng = random.Random(0)
    middles = [(0.1 + 0.8 * rng.random(), 0.1 + 0.8 * rng.random()) for _ in range(n_labels)]
    label = [i % n_labels for i in range(n)]
    points: dict[str, list[Any]] = {
        "labels": [HOSTILE, *(f"label {number}" for number in range(1, n_labels))],
        "row": list(range(n)),
        "x": [0.0, 1.0, *(middles[each][0] + rng.gauss(0, 0.02) for each in label[2:])],
        "y": [0.0, 1.0, *(middles[each][1] + rng.gauss(0, 0.02) for each in label[2:])],
        "label": label,
        "id": [f"{i}.png" for i in range(n)],
        "thumbnail": [f"{i:064x}" for i in range(n)],
        "names": [],
    }
    thumbnails: set[str] = set()
    known = {f"{i:064x}" for i in range(n)}
    picture = png(draw_picture((220, 40, 40), 2))

    def answer(route: Route) -> None:
        name = route.request.url.split("/")[-1].split(".")[0]
        if name not in known:
            route.continue_()
            return
        thumbnails.add(name)
        route.fulfill(body=picture, content_type="image/png")

    page.route("**/app/static/maps/**", lambda route: route.fulfill(json=points))
    page.route("**/app/static/thumbs/**", answer)
    return points, thumbnails


@dataclass(frozen=True)
class Crowd:
    """A page whose map has 7,400 points of 37 labels.

    Attributes:
        page: With the map.
        box: Where the map is on it, px.
        points: What it shows.
        fetched: Digests of the thumbnails that were fetched for them.
    """

    page: Page
    box: dict[str, float]
    points: dict[str, list[Any]]
    fetched: set[str]

    def place(self, i: int) -> tuple[float, float]:
        """Where all of the map in sight shows a point, px from its upper left corner: 28 are free around, 50 more above."""
        width, height = self.box["width"] - 2, self.box["height"] - 2  # the border
        across, down = width - 56, height - 56 - 50
        x, y = self.points["x"][i], self.points["y"][i]
        return width / 2 + (x - 0.5) * min(across, 1.8 * down), (height + 50) / 2 + (y - 0.5) * min(down, 1.8 * across)

    def hovered(self, px: float, py: float) -> str:
        """The item that the pointer finds there, "" for none."""
        self.page.mouse.move(self.box["x"] + px, self.box["y"] + py)
        return "".join(self.page.locator(".tip:not([hidden]) > span").all_text_contents())


@pytest.fixture
def crowd(visit: Visit) -> Crowd:
    page = visit("?view=about", width=1440)
    points, fetched = many(page)
    page.goto("/?view=map&item=green%2F2.png")
    wait_until_idle(page)
    return Crowd(page, drawn_map(page), points, fetched)


def lasso(page: Page, box: dict[str, float], corners: Sequence[tuple[float, float]]) -> None:
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()


ALL_AROUND = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]


def test_a_lasso_says_what_it_kept_and_shows_the_answer_beside_the_map(visit: Visit) -> None:
    page = visit("?view=map")
    lasso(page, drawn_map(page), ALL_AROUND)
    page.wait_for_url(re.compile("item=.*item="))
    wait_until_idle(page)
    assert page.url.count("item=") == 5
    assert "view=map" in page.url
    said = page.get_by_text("You drew around 36 pictures. A search takes 5 at most")
    expect(said).to_be_visible()
    expect(cards(page, RESULTS)).to_have_count(12)
    expect(cards(page, RESULTS).first).to_be_in_viewport(ratio=1)
    first, chart = cards(page, RESULTS).first.bounding_box(), drawn_map(page)
    assert first
    assert first["x"] > chart["x"] + chart["width"]
    asked = set(re.findall(r"item=([^&]+)", page.url))
    assert not asked & set(card_items(page, RESULTS))
    cards(page, RESULTS).first.click()  # another query: what the lasso kept is over
    expect(said).to_have_count(0)


def test_a_lasso_of_no_more_than_a_search_takes_says_nothing(crowd: Crowd) -> None:
    page, box = crowd.page, crowd.box
    x, y = crowd.place(0)
    reach = [(x + dx, y + dy) for dx, dy in ((-20, -20), (20, -20), (20, 20), (-20, 20))]
    page.mouse.move(box["x"] + reach[0][0], box["y"] + reach[0][1])
    page.mouse.down()
    for px, py in reach[1:]:
        page.mouse.move(box["x"] + px, box["y"] + py, steps=8)
    page.mouse.up()
    page.wait_for_url(re.compile(r"item=0\.png"))
    wait_until_idle(page)
    assert page.get_by_text("You drew around").count() == 0


def test_on_a_phone_the_answer_is_below_the_map_and_begins_on_the_first_screen(visit: Visit) -> None:
    page = visit("?view=map", **PHONE)
    chart, first = drawn_map(page), cards(page, RESULTS).first
    expect(first).to_be_in_viewport()
    box = first.bounding_box()
    assert box
    assert box["y"] > chart["y"] + chart["height"]
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= PHONE["width"]


def test_the_map_fills_its_room_and_the_pointer_finds_what_is_there(crowd: Crowd) -> None:
    assert crowd.box["width"] > 1.2 * crowd.box["height"]  # else this shows nothing
    (left, top), (right, bottom) = crowd.place(0), crowd.place(1)
    assert right - left > crowd.box["width"] - 60
    assert bottom - top > crowd.box["height"] - 110
    assert crowd.hovered(left, top) == "0.png"
    assert crowd.hovered(right, bottom) == "1.png"


def test_zooming_in_fetches_pictures_of_what_is_in_sight_and_not_of_all(crowd: Crowd) -> None:
    page = crowd.page
    fetched_when_at_rest(crowd, 1)
    assert crowd.fetched == {f"{QUERY:064x}"}  # which stands out at any zoom
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    fetched_when_at_rest(crowd, 20)
    rows = [int(name, 16) for name in crowd.fetched]
    assert len(rows) <= MOST_PICTURES + 1
    assert max(crowd.points["x"][row] for row in rows) - min(crowd.points["x"][row] for row in rows) < 0.6
    page.get_by_role("button", name="All").click()
    assert len(crowd.fetched) == len(rows)


def fetched_when_at_rest(crowd: Crowd, least: int) -> None:
    """Waits until so many thumbnails are fetched, and no more come."""
    n = -1
    while n < least or n != len(crowd.fetched):
        n = len(crowd.fetched)
        crowd.page.wait_for_timeout(500)


def test_the_query_stays_where_it_is_when_buttons_zoom_and_comes_back_when_it_is_lost(crowd: Crowd) -> None:
    page, query = crowd.page, crowd.place(QUERY)
    for name in ("Zoom in", "Zoom in", "Zoom in", "Zoom out"):
        page.get_by_role("button", name=name).click()
    assert crowd.hovered(*query) == f"{QUERY}.png"
    page.mouse.move(crowd.box["x"] + 60, crowd.box["y"] + crowd.box["height"] - 60)
    page.keyboard.down("Control")
    for _ in range(8):
        page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    middle = (crowd.box["width"] / 2 - 1, (crowd.box["height"] + 48) / 2)
    assert crowd.hovered(*middle) != f"{QUERY}.png"
    page.get_by_role("button", name="Go to the query").click()
    assert crowd.hovered(*middle) == f"{QUERY}.png"


def test_the_wheel_zooms_towards_the_pointer_with_ctrl_and_says_so_without(crowd: Crowd) -> None:
    page, (x, y) = crowd.page, crowd.place(0)
    assert crowd.hovered(x, y) == "0.png"
    page.mouse.wheel(0, -100)
    expect(page.get_by_text("Ctrl and wheel zoom the map.")).to_be_visible()
    assert zoom(page) == 1
    page.keyboard.down("Control")
    page.mouse.wheel(0, -600)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    assert zoom(page) > 5
    crowd.hovered(x + 200, y + 200)
    assert crowd.hovered(x, y) == "0.png"


def test_a_drag_moves_the_map_where_nothing_is_drawn_around(crowd: Crowd) -> None:
    page, (x, y) = crowd.page, crowd.place(QUERY)
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Draw around").click()
    expect(page.get_by_role("button", name="Draw around")).to_have_attribute("aria-pressed", "false")
    before = page.url
    page.mouse.move(crowd.box["x"] + x, crowd.box["y"] + y)
    page.mouse.down()
    page.mouse.move(crowd.box["x"] + x - 60, crowd.box["y"] + y + 80, steps=5)
    page.mouse.up()
    assert crowd.hovered(x - 60, y + 80) == f"{QUERY}.png"
    assert page.url == before


def test_hues_of_a_few_labels_differ_and_many_have_names_at_their_clusters(crowd: Crowd, visit: Visit) -> None:
    names = crowd.page.locator(".names span")
    expect(names.filter(has_text=HOSTILE)).to_have_count(1)  # as text
    assert names.count() > N_LABELS / 2
    for a, b in combinations(boxes(names), 2):
        assert abs(a["x"] - b["x"]) > 20 or abs(a["y"] - b["y"]) > 12
    for dark in (False, True):
        page = visit("?view=about", dark=dark)
        many(page, n=800, n_labels=8)
        page.goto("/?view=map")
        wait_until_idle(page)
        drawn_map(page)
        seen = page.evaluate(_HUES)
        assert len(seen) == 8
        assert min(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5 for pair in combinations(seen, 2)) > 60


@pytest.mark.parametrize(("language", "expected"), [("en", ["cat", HOSTILE]), ("ko", ["고양이", "비글"])])
def test_words_name_clusters_in_the_language_of_the_visitor(visit: Visit, language: str, expected: list[str]) -> None:
    page = visit(f"?view=about&lang={language}")
    points, _ = many(page, n=400, n_labels=2)
    points |= {
        "x": [0.01 * (i % 100) for i in range(400)],
        "y": [0.25 * (i // 100) for i in range(400)],
        "labels": [],
        "label": [-1] * 400,
        "names": [
            {"x": 0.25, "y": 0.5, "n": 9, "words": {"en": "cat", "ko": "고양이"}},
            {"x": 0.255, "y": 0.5, "n": 4, "words": {"en": "covered", "ko": "가려짐"}},  # by the larger one
            {"x": 0.75, "y": 0.5, "n": 5, "words": {"en": HOSTILE, "ko": "비글"}},
        ],
    }
    page.goto(f"/?view=map&lang={language}")
    wait_until_idle(page)
    names = page.locator(".names span")
    expect(names).to_have_text(expected)
    chart = page.locator(".st-key-map canvas").first.bounding_box()
    assert chart
    for _ in range(200):  # until they are in their places
        left, right = boxes(names)
        if left["x"] > chart["x"]:
            break
        page.wait_for_timeout(50)
    middle = [box["x"] + box["width"] / 2 - chart["x"] for box in (left, right)]
    assert middle == [pytest.approx(each * (chart["width"] - 56) + 28, abs=12) for each in (0.25 / 0.99, 0.75 / 0.99)]
    assert left["y"] == pytest.approx(right["y"], abs=2)


_HUES = """() => {
  const root = [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
    .map(host => host.shadowRoot).find(root => root?.querySelector('.map'));
  return [...root.querySelectorAll('.dot')].map(dot => {
    const context = document.createElement('canvas').getContext('2d');
    context.fillStyle = getComputedStyle(dot).backgroundColor;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  });
}"""
"""The colours of the labels, sRGB 0 to 255."""


def test_two_fingers_zoom_and_one_moves_what_is_zoomed(visit: Visit) -> None:
    page = visit("?view=about", **PHONE)
    many(page)
    page.goto("/?view=map&item=green%2F2.png")
    wait_until_idle(page)
    box = drawn_map(page)
    touches = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": box["x"] + x, "y": box["y"] + y, "id": number} for number, (x, y) in enumerate(places)]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    assert zoom(page) == 1
    touch("touchStart", (150, 150))
    touch("touchStart", (150, 150), (200, 150))
    for step in range(1, 9):
        touch("touchMove", (150 - 10 * step, 150), (200 + 10 * step, 150))
    touch("touchEnd")
    page.wait_for_timeout(200)
    assert 2.5 < zoom(page) < 6
    scrolled = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollTop")
    before = names_at(page)
    touch("touchStart", (150, 200))
    for step in range(1, 9):
        touch("touchMove", (150, 200 - 10 * step))
    touch("touchEnd")
    page.wait_for_timeout(200)
    assert names_at(page) != before
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollTop") == scrolled
    assert page.url.count("item=") == 1


def names_at(page: Page) -> list[dict[str, float]]:
    """Where the names of labels are."""
    return boxes(page.locator(".names span"))


def test_the_map_is_walked_with_keys_and_searched_with_enter(visit: Visit) -> None:
    page = visit("?view=map")
    drawn_map(page)
    chart = page.get_by_role("application")
    chart.focus()
    page.keyboard.press("ArrowRight")  # where the query stands
    page.keyboard.press("ArrowLeft")
    spoken = page.locator(".spoken")
    expect(spoken).not_to_be_empty()
    item_id = (spoken.text_content() or "").split(" ")[-1]
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("item="))
    wait_until_idle(page)
    assert page.url.endswith(f"item={item_id.replace('/', '%2F')}")
