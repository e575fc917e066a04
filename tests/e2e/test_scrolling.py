"""The eye stays where it is: what a step changes moves nothing else, but for what begins elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.e2e.browser import GALLERY, Places, card_items, cards, query_picture, wait_until_idle
from tests.e2e.test_access import PHONE
from tests.e2e.test_journeys import choose, refine
from tests.e2e.test_search_journeys import button

if TYPE_CHECKING:
    Visit = Callable[..., Page]

SIZES = pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
MAIN = "document.querySelector('[data-testid=\"stMain\"]')"
ASKED = {"item": "?item=red%2F0.png", "example": "?collection=sample&example=query_one.jpg"}


def scrolled(page: Page) -> float:
    return float(page.evaluate(f"{MAIN}.scrollTop"))


def scroll_to(page: Page, place: float) -> None:
    wait_until_idle(page)
    page.evaluate("document.fonts.ready")  # a title in other letters may take a line less
    page.evaluate(f"place => {{ {MAIN}.scrollTop = place; }}", place)
    assert abs(scrolled(page) - place) < 1


def answer(page: Page) -> Places:
    """Where query and results lie. How long it took is said below them."""
    return Places(*(page.locator(f".st-key-{name}") for name in ("query", "results_grid")))


@SIZES
@pytest.mark.parametrize("place", [0, 500])
@pytest.mark.parametrize("asked", ASKED)
def test_a_like_a_dislike_and_back_move_nothing(visit: Visit, asked: str, place: int, size: dict[str, int]) -> None:
    page = visit(ASKED[asked], **size)
    scroll_to(page, place)
    before = answer(page)
    for act, address in (
        (lambda: button(page, "More like 5.").dispatch_event("click"), re.compile("liked=")),
        (lambda: button(page, "Fewer like 2.").dispatch_event("click"), re.compile("disliked=")),
        (page.go_back, re.compile("[?&]liked=[^&]*$")),
        (lambda: page.get_by_role("button", name="Start over").dispatch_event("click"), re.compile(r"[^d]=[^&=]*$")),
    ):
        act()
        expect(page).to_have_url(address)
        wait_until_idle(page)
        assert answer(page) == before


@SIZES
def test_a_page_of_the_gallery_is_turned_in_place(visit: Visit, size: dict[str, int]) -> None:
    page = visit(**size)
    first = card_items(page, GALLERY)
    pages = page.get_by_test_id("stPagination")
    pages.scroll_into_view_if_needed()
    assert scrolled(page) > 500
    pages.get_by_text("2", exact=True).click()
    expect(cards(page, GALLERY)).to_have_count(12)
    wait_until_idle(page)
    assert not set(first) & set(card_items(page, GALLERY))
    expect(pages).to_be_in_viewport(ratio=1)  # the last page is a shorter one, and the screen may end with it
    before = Places(cards(page, GALLERY).first)
    pages.get_by_text("1", exact=True).click()
    expect(cards(page, GALLERY)).to_have_count(24)
    wait_until_idle(page)
    assert card_items(page, GALLERY) == first
    assert Places(cards(page, GALLERY).first) == before


@SIZES
def test_a_filter_of_the_gallery_stays_where_it_is(visit: Visit, size: dict[str, int]) -> None:
    page = visit(**size)
    wait_until_idle(page)
    chooser = page.get_by_role("combobox", name="Show", exact=True)
    chooser.evaluate("box => box.closest('[class*=st-key-browse]').scrollIntoView()")
    page.evaluate(f"{MAIN}.scrollTop -= 80")  # below the header
    before = Places(chooser)
    choose(page, "Show", "green")
    expect(cards(page, GALLERY)).to_have_count(9)
    wait_until_idle(page)
    assert Places(chooser) == before


@SIZES
def test_a_filter_of_the_results_stays_where_it_is(visit: Visit, size: dict[str, int]) -> None:
    page = visit(**size)
    refine(page)
    chooser = page.get_by_role("combobox", name="Only results of")
    chooser.scroll_into_view_if_needed()
    page.evaluate(f"{MAIN}.scrollTop += 200")
    before = Places(chooser)
    choose(page, "Only results of", "green")
    page.wait_for_url("**label=green")
    wait_until_idle(page)
    assert Places(chooser) == before


@SIZES
def test_why_opens_and_closes_where_the_eye_is(visit: Visit, size: dict[str, int]) -> None:
    page = visit("?item=red%2F0.png&k=30", **size)
    scroll_to(page, 700)
    before = answer(page)
    button(page, "Why 20.").dispatch_event("click")
    dialog = page.get_by_role("dialog", name="Why this picture?")
    expect(dialog.get_by_role("img")).to_have_count(2)
    wait_until_idle(page)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("why="))
    wait_until_idle(page)
    assert answer(page) == before


@SIZES
def test_another_query_begins_at_its_picture_whoever_chose_it(visit: Visit, size: dict[str, int]) -> None:
    page = visit("?item=red%2F0.png", **size)
    surprise = page.get_by_role("button", name="Surprise me")
    for act in (surprise.click, page.go_back):
        surprise.scroll_into_view_if_needed()
        expect(query_picture(page)).not_to_be_in_viewport()
        before = page.url
        act()
        expect(page).not_to_have_url(before)
        expect(query_picture(page)).to_be_in_viewport(ratio=1)


def test_another_view_begins_at_its_top(visit: Visit) -> None:
    page = visit("?view=quality", height=420)
    page.get_by_role("list", name=re.compile("Worst labels")).get_by_role("link").last.click()
    expect(page).not_to_have_url(re.compile("view="))
    expect(page.get_by_role("heading", name="Find similar pictures")).to_be_in_viewport(ratio=1)


def test_the_bar_shows_the_view_that_it_is_in(visit: Visit) -> None:
    page = visit("?view=about", **PHONE)
    expect(page.get_by_role("navigation").get_by_role("link", name="About")).to_be_in_viewport(ratio=1)
