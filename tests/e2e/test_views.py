"""Moving between views and languages: in place, with the query, and back again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from imgsearch import Collection

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import cards, wait_for_items, wait_until_idle

if TYPE_CHECKING:
    Visit = Callable[..., Page]

PHONE = {"width": 390, "height": 844}


def bar(page: Page, name: str) -> Locator:
    """A link of the bar of views."""
    return page.get_by_role("navigation").get_by_role("link", name=name, exact=True)


def title(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def test_the_query_survives_a_visit_to_another_view_and_back(visit: Visit, discs: Collection) -> None:
    page = visit("?item=red%2F0.png&k=5&label=blue")
    expected = [result.item.item_id for result in discs.search(item_id="red/0.png", k=5, label="blue").results]
    wait_for_items(page, expected)
    page.evaluate("window.isTheSamePage = true")
    bar(page, "About").click()
    page.wait_for_url("**/?item=red%2F0.png&k=5&label=blue&view=about")
    expect(title(page)).to_have_text("How it works")
    expect(bar(page, "About")).to_have_attribute("aria-current", "page")
    expect(page).to_have_title("About · Discs · imgsearch")
    bar(page, "Search").click()
    expect(page).to_have_title("red/0.png · Discs · imgsearch")
    page.wait_for_url("**/?item=red%2F0.png&k=5&label=blue")
    wait_for_items(page, expected)
    page.go_back()
    expect(title(page)).to_have_text("How it works")
    page.go_back()
    expect(title(page)).to_have_text("Find similar pictures")
    wait_for_items(page, expected)
    assert page.evaluate("window.isTheSamePage")


def test_a_link_of_the_bar_opens_in_a_new_tab(visit: Visit) -> None:
    page = visit("?k=5")
    with page.context.expect_page() as opened:
        bar(page, "About").click(modifiers=["Control"])
    wait_until_idle(opened.value)
    expect(title(opened.value)).to_have_text("How it works")
    expect(title(page)).to_have_text("Find similar pictures")


def test_the_language_is_switched_kept_and_told_to_screen_readers(visit: Visit) -> None:
    page = visit("?k=5")
    bar(page, "한국어").click()
    page.wait_for_url("**/?k=5&lang=ko")
    expect(title(page)).to_have_text("비슷한 이미지 찾기")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    cards(page, "가장 비슷한 이미지 목록").first.click()
    page.wait_for_url("**/?lang=ko&k=5&item=*")
    expect(cards(page, "가장 비슷한 이미지 목록")).to_have_count(5)
    bar(page, "소개").click()
    expect(title(page)).to_have_text("작동 원리")
    bar(page, "English").click()
    expect(title(page)).to_have_text("How it works")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.go_back()
    expect(title(page)).to_have_text("작동 원리")


def test_a_korean_browser_gets_a_korean_page(visit: Visit) -> None:
    page = visit(locale="ko-KR")
    expect(title(page)).to_have_text("비슷한 이미지 찾기")
    assert "lang" not in page.url


@pytest.mark.parametrize("view", ["", "view=about"])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_bar_and_the_menu_are_both_in_reach_on_a_phone(visit: Visit, view: str, lang: str) -> None:
    page = visit(f"?lang={lang}&{view}", **PHONE)
    page.get_by_role("navigation").get_by_role("link").last.click(trial=True)
    page.get_by_test_id("stMainMenu").get_by_role("button").click(trial=True)
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= PHONE["width"]


def test_a_bar_that_goes_on_to_the_right_shows_it(visit: Visit) -> None:
    page = visit("", **PHONE)
    bar = page.get_by_role("navigation", name="Views")
    expect(bar).to_have_attribute("data-more", "")
    bar.get_by_role("link").last.scroll_into_view_if_needed()
    expect(bar).not_to_have_attribute("data-more", "")
    expect(visit("").get_by_role("navigation", name="Views")).not_to_have_attribute("data-more", "")


@pytest.mark.parametrize("view", ["", "compare", "map", "quality", "collections", "about"])
def test_no_heading_skips_a_level(visit: Visit, view: str) -> None:
    page = visit(f"?view={view}" if view else "/")
    levels = [int(each.evaluate("heading => heading.tagName[1]")) for each in page.get_by_role("heading").all()]
    assert levels[0] == 1
    assert [(before, after) for before, after in pairwise(levels) if after > before + 1] == []
