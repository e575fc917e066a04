"""The region picker on a page of its own (region_demo.py): mouse, finger, keyboard, and what stays through a rerun."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, FloatRect, Locator, Page, expect

from tests.e2e.browser import Server, run_server, wait_until_idle
from tests.e2e.conftest import TIMEOUT_MS, Visitors
from tests.e2e.test_access import PHONE, violations

if TYPE_CHECKING:
    Visit = Callable[..., Page]

SCRIPT = Path(__file__).with_name("region_demo.py")


@pytest.fixture(scope="module")
def demo(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("region")
    with run_server(folder / "home", folder / "log.txt", script=SCRIPT, is_ready="/_stcore/health") as server:
        yield server


@pytest.fixture
def visit(chromium: Browser, demo: Server) -> Iterator[Visit]:
    visitors = Visitors(chromium, demo.url)

    def open_demo(address: str = "/", **options: int | bool) -> Page:
        page = visitors.open(address, **options)
        stage(page).wait_for()
        return page

    yield open_demo
    for context in visitors.contexts:
        context.close()
    assert visitors.complaints == [], "the browser's console complained"


def stage(page: Page) -> Locator:
    return page.get_by_role("application", name="Part of the picture to search with")


def rect(locator: Locator) -> FloatRect:
    found = locator.bounding_box()
    assert found
    return found


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a place of the picture is on the screen, px."""
    picture = rect(stage(page))
    return picture["x"] + x * picture["width"], picture["y"] + y * picture["height"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draws with the mouse from one place of the picture to another, in ten steps."""
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=10)
    page.mouse.up()


def regions(page: Page) -> tuple[list[float], list[float]]:
    """What the address holds and what the box shows, each as left, top, right, bottom; empty for the whole picture."""
    text = parse_qs(urlsplit(page.url).query).get("region", [""])[0]
    asked = [float(side) for side in text.split(",") if side]
    drawn, picture = stage(page).locator(".box").bounding_box(), rect(stage(page))
    if not drawn:
        return asked, []
    left, top = (drawn["x"] - picture["x"]) / picture["width"], (drawn["y"] - picture["y"]) / picture["height"]
    return asked, [left, top, left + drawn["width"] / picture["width"], top + drawn["height"] / picture["height"]]


def expect_region(page: Page, *region: float, told: int) -> None:
    """Waits until Python has been told so many times and the address and the box are at the region, given or not."""
    expect(page.get_by_text("Told")).to_have_text(f"Told {told} times.")
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    expected = pytest.approx(region, abs=0.003)
    while time.monotonic() < deadline:
        wait_until_idle(page)
        asked, shown = regions(page)
        if asked == expected and shown == expected:
            return
        page.wait_for_timeout(20)
    pytest.fail(f"expected {region}, the address has {asked}, the box is at {shown}")


def test_a_box_is_drawn_moved_and_resized_and_python_hears_of_ends_only(visit: Visit) -> None:
    page = visit()
    drag(page, (0.2, 0.3), (0.6, 0.9))
    expect_region(page, 0.2, 0.3, 0.6, 0.9, told=1)
    drag(page, (0.4, 0.6), (0.5, 0.4))  # its middle
    expect_region(page, 0.3, 0.1, 0.7, 0.7, told=2)
    drag(page, (0.5, 0.4), (1.4, 0.4))  # it stops at the edge of the picture and keeps its size
    expect_region(page, 0.6, 0.1, 1, 0.7, told=3)
    drag(page, (0.6, 0.7), (0.1, 0.5))  # its lower left corner
    expect_region(page, 0.1, 0.1, 1, 0.5, told=4)
    drag(page, (0.1, 0.1), (0.99, 0.4))  # upper left, pulled in: the least that is left is 0.05
    expect_region(page, 0.95, 0.4, 1, 0.5, told=5)
    page.get_by_role("button", name="Whole picture").click()
    expect_region(page, told=6)
    expect(page.get_by_text("Drag or tap to search with a part.")).to_be_visible()


def test_a_new_box_may_begin_inside_an_old_one(visit: Visit) -> None:
    page = visit("?region=0.1,0.1,0.9,0.9")
    drag(page, (0.2, 0.2), (0.45, 0.7))
    expect_region(page, 0.2, 0.2, 0.45, 0.7, told=1)


def test_parts_are_found_when_asked_for_and_taken_by_a_tap_a_button_or_a_key(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="Find objects").click()
    part = [page.get_by_role("button", name=f"Search with part {number}") for number in (1, 2, 3)]
    part[2].wait_for()
    expect(page.get_by_role("button", name="Find objects")).to_be_hidden()
    expect_region(page, told=0)  # they are only suggested
    page.mouse.click(*place(page, 0.75, 0.3))
    expect_region(page, 0.6, 0.1, 0.9, 0.5, told=1)
    page.mouse.click(*place(page, 0.35, 0.5))  # in two frames: the smaller one
    expect_region(page, 0.3, 0.4, 0.5, 0.8, told=2)
    page.mouse.click(*place(page, 0.38, 0.45))  # in the one that is taken and another
    expect_region(page, 0.1, 0.2, 0.4, 0.6, told=3)
    part[1].click()
    expect_region(page, 0.3, 0.4, 0.5, 0.8, told=4)
    assert [each.get_attribute("aria-pressed") for each in part] == ["false", "true", "false"]
    stage(page).press("3")
    expect_region(page, 0.6, 0.1, 0.9, 0.5, told=5)
    stage(page).press("4")  # there are three
    drag(page, (0.15, 0.3), (0.3, 0.55))  # a drawing that begins in a frame is a drawing
    expect_region(page, 0.15, 0.3, 0.3, 0.55, told=6)
    page.go_back()
    expect_region(page, 0.6, 0.1, 0.9, 0.5, told=6)


def test_what_is_too_small_changes_nothing(visit: Visit) -> None:
    page = visit("?region=0.1,0.1,0.5,0.5")
    drag(page, (0.6, 0.2), (0.63, 0.9))
    expect(stage(page)).to_be_focused()
    drag(page, (0.6, 0.6), (0.9, 0.9))  # had the first been told, this would be the second
    expect_region(page, 0.6, 0.6, 0.9, 0.9, told=1)


def test_a_click_takes_what_is_around_it(visit: Visit) -> None:
    page = visit()
    page.mouse.click(*place(page, 0.5, 0.5))  # 400 x 300 px: a square of 150
    expect_region(page, 0.312, 0.25, 0.688, 0.75, told=1)
    page.mouse.click(*place(page, 0.95, 0.5))  # the box comes along, as far as the picture goes
    expect_region(page, 0.624, 0.25, 1, 0.75, told=2)
    page.get_by_role("button", name="Larger").click()
    expect_region(page, 0.531, 0.1875, 1, 0.8125, told=3)


def test_escape_ends_a_drawing_as_if_it_had_not_begun(visit: Visit) -> None:
    page = visit("?region=0.1,0.1,0.5,0.5")
    page.mouse.move(*place(page, 0.6, 0.6))
    page.mouse.down()
    page.mouse.move(*place(page, 0.9, 0.9))
    page.keyboard.press("Escape")
    page.mouse.up()
    page.get_by_role("button", name="Run again").click()
    expect_region(page, 0.1, 0.1, 0.5, 0.5, told=0)


def touch(page: Page, *steps: list[tuple[float, float]]) -> None:
    """Fingers on the screen, step by step, and off it again. Places in px."""
    session = page.context.new_cdp_session(page)
    for number, fingers in enumerate(steps):
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(fingers)]
        kind = "touchMove" if number and len(fingers) == len(steps[number - 1]) else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def scrolled(page: Page) -> float:
    return float(page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollTop"))


def test_a_finger_draws_on_the_picture_and_scrolls_beside_it(visit: Visit) -> None:
    page = visit(**PHONE)
    path = [(0.3, 0.9), (0.4, 0.7), (0.5, 0.4), (0.6, 0.2)]
    touch(page, *([place(page, *at)] for at in path))
    expect_region(page, 0.3, 0.2, 0.6, 0.9, told=1)
    assert scrolled(page) == 0
    text = rect(page.get_by_text("Line 2,"))
    touch(page, *([(text["x"] + 20, text["y"] - 60 * step)] for step in range(6)))
    page.wait_for_function("document.querySelector('[data-testid=\"stMain\"]').scrollTop > 100")
    expect_region(page, 0.3, 0.2, 0.6, 0.9, told=1)


def test_two_fingers_do_not_draw(visit: Visit) -> None:
    page = visit(**PHONE)
    first, second = place(page, 0.3, 0.3), place(page, 0.7, 0.7)
    touch(page, [first], [place(page, 0.4, 0.4)], [place(page, 0.4, 0.4), second], [place(page, 0.2, 0.2), second])
    page.get_by_role("button", name="Run again").tap()
    expect_region(page, told=0)
    touch(page, [place(page, 0.5, 0.5)])
    expect_region(page, 0.312, 0.25, 0.688, 0.75, told=1)


def test_the_keys_draw_move_resize_and_clear_and_keep_the_focus(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    while not stage(page).evaluate("stage => stage.getRootNode().activeElement === stage"):
        page.keyboard.press("Tab")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)  # the first puts a box in the middle
    expect_region(page, 0.25, 0.31, 0.75, 0.81, told=1)
    for key in ("Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect_region(page, 0.25, 0.31, 0.71, 0.83, told=2)
    expect(page.get_by_role("status").filter(has_text="Marked")).to_have_text(
        "Marked from 25 to 71 percent across and from 31 to 83 percent down."
    )
    for _ in range(60):
        page.keyboard.press("ArrowUp")
    expect_region(page, 0.25, 0, 0.71, 0.52, told=3)
    expect(stage(page)).to_be_focused()
    page.keyboard.press("Delete")
    expect_region(page, told=4)
    expect(stage(page)).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="whole picture")).to_have_count(1)


def test_a_rerun_touches_nothing(visit: Visit) -> None:
    page = visit("?region=0.1,0.1,0.5,0.5")
    seen = """stage => {
      window.changes = [];
      const note = list => window.changes.push(...list.map(change => change.attributeName ?? change.type));
      new MutationObserver(note).observe(stage, { subtree: true, childList: true, attributes: true });
    }"""
    stage(page).evaluate(seen)
    page.get_by_role("button", name="Run again").click()
    wait_until_idle(page)
    drag(page, (0.6, 0.6), (0.9, 0.9))
    expect_region(page, 0.6, 0.6, 0.9, 0.9, told=1)
    assert "src" not in page.evaluate("window.changes")
    assert "childList" not in page.evaluate("window.changes")


def test_the_page_and_back_have_the_last_word(visit: Visit) -> None:
    page = visit("?k=1")
    drag(page, (0.2, 0.2), (0.6, 0.6))
    expect_region(page, 0.2, 0.2, 0.6, 0.6, told=1)
    drag(page, (0.7, 0.7), (0.9, 0.9))
    expect_region(page, 0.7, 0.7, 0.9, 0.9, told=2)
    page.go_back()
    expect_region(page, 0.2, 0.2, 0.6, 0.6, told=2)
    page.get_by_role("button", name="Whole, by the page").click()
    expect_region(page, told=2)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_serious_with_and_without_a_box(visit: Visit, size: dict[str, int], dark: bool) -> None:
    page = visit(**size, dark=dark)
    assert violations(page) == []
    stage(page).press("Enter")
    expect_region(page, 0.25, 0.25, 0.75, 0.75, told=1)
    assert violations(page) == []
    page.get_by_role("button", name="Find objects").click()
    page.get_by_role("button", name="Search with part 1").click()
    expect_region(page, 0.1, 0.2, 0.4, 0.6, told=2)
    assert violations(page) == []
