"""Compare, map and quality in a browser: what only a browser shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.e2e.test_access import PHONE

if TYPE_CHECKING:
    Visit = Callable[..., Page]


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


def test_another_picture_is_chosen_on_the_same_page(visit: Visit) -> None:
    page = visit("?view=compare&item=red%2F0.png")
    page.get_by_role("link", name="Choose another picture").click()
    page.wait_for_url("**/?item=red%2F0.png")
    assert len(page.context.pages) == 1  # a new tab would be a new visit, without the pictures of this one


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


def test_a_reranking_of_quality_is_chosen_by_a_click(visit: Visit) -> None:
    page = visit("?view=quality")
    rerankings = page.get_by_role("list", name=re.compile("Orders, by")).get_by_role("link")
    rerankings.nth(1).click()
    page.wait_for_url(re.compile("rerank=augmentation$"))
    expect(rerankings.nth(1)).to_have_attribute("data-current", "")


def test_chance_is_marked_on_the_bars_of_quality(visit: Visit) -> None:
    page = visit("?view=quality")
    expect(page.get_by_text("by chance it would be")).to_be_visible()
    track = page.get_by_role("list", name=re.compile("Orders, by")).locator(".track").first
    bar, mark = track.bounding_box(), track.locator(".chance").bounding_box()
    assert bar
    assert mark
    # 36 pictures, 9 of a kind: 8 of the 35 others are right.
    assert mark["x"] + 1 - bar["x"] == pytest.approx(bar["width"] * 8 / 35, abs=2)
