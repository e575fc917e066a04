"""Compare, map and quality in a browser: what only a browser shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import wait_until_idle
from tests.e2e.test_access import PHONE

if TYPE_CHECKING:
    Visit = Callable[..., Page]


def drawn_map(visit: Visit, address: str) -> Page:
    page = visit(address)
    expect(page.get_by_role("application", name="Map of the collection")).to_be_visible()
    expect(page.get_by_text("Loading the map")).to_have_count(0)
    return page


def test_compare_shows_two_answers_side_by_side(visit: Visit) -> None:
    page = visit("?view=compare", width=700)
    left, right = (each.bounding_box() for each in two_answers(page))
    assert left
    assert right
    assert left["x"] + left["width"] <= right["x"]
    assert right["x"] + right["width"] <= 700


def test_compare_on_a_phone_is_two_strips_of_cards_that_can_be_seen(visit: Visit) -> None:
    page = visit("?view=compare", **PHONE)
    upper, lower = two_answers(page)
    above, below = upper.bounding_box(), lower.bounding_box()
    assert above
    assert below
    assert above["y"] + above["height"] <= below["y"]
    for strip in (upper, lower):
        first, last = strip.get_by_role("link").first, strip.get_by_role("link").last
        box = first.bounding_box()
        assert box
        assert box["width"] >= 120
        expect(last).not_to_be_in_viewport()
        last.focus()  # as Tab does: the strip goes along, the page does not
        expect(last).to_be_in_viewport(ratio=0.9)
        expect(first).not_to_be_in_viewport()
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= PHONE["width"]


def two_answers(page: Page) -> list[Locator]:
    """The lists of Compare, with pictures."""
    lists = [page.get_by_role("list", name=f"Most similar pictures on the {side}") for side in ("left", "right")]
    for each in lists:
        expect(each.get_by_role("link").first).to_be_visible()
    return lists


def test_a_pick_in_compare_stays_in_compare(visit: Visit) -> None:
    page = visit("?view=compare")
    first = page.get_by_role("list", name="Most similar pictures on the right").get_by_role("link").first
    href = first.get_attribute("href")
    first.click()
    page.wait_for_url(f"**/{href}")
    assert "view=compare" in page.url


def test_the_map_is_walked_with_keys_and_searched_with_enter(visit: Visit) -> None:
    page = drawn_map(visit, "?view=map")
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


def test_a_lasso_searches_with_several(visit: Visit) -> None:
    page = drawn_map(visit, "?view=map")
    box = page.get_by_role("application").bounding_box()
    assert box
    corners = [(0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    page.wait_for_url(re.compile("item=.*item="))
    assert page.url.count("item=") == 5


def test_a_reranking_of_quality_is_chosen_by_a_click(visit: Visit) -> None:
    page = visit("?view=quality")
    rerankings = page.get_by_role("list", name=re.compile("Re-rankings of")).get_by_role("link")
    rerankings.nth(1).click()
    page.wait_for_url(re.compile("rerank=augmentation$"))
    expect(rerankings.nth(1)).to_have_attribute("data-current", "")
