"""Streamlit's own words, in the visitor's language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from imgsearch.ui.texts.ko_core import NATIVE

if TYPE_CHECKING:
    Visit = Callable[..., Page]

SCOPES = ("stFileUploader", "stPagination", "stCameraInput", "stMainMenuPopover")
SEEN = """each => [each, ...each.querySelectorAll('[aria-label]')]
  .map(one => one.ariaLabel).concat(each.innerText).join('\\n')"""


def seen(page: Page) -> str:
    """All that Streamlit says in its widgets, with the camera and then its menu open."""
    said = [page.get_by_test_id(scope).evaluate(SEEN) for scope in SCOPES[:2]]
    page.locator(".st-key-camera button").first.click()
    expect(page.get_by_test_id("stCameraInputButton")).to_be_visible()
    said.append(page.get_by_test_id(SCOPES[2]).evaluate(SEEN))
    page.get_by_test_id("stMainMenu").get_by_role("button").click()
    expect(page.get_by_test_id("stMainMenuList")).to_be_visible()
    said.append(page.get_by_test_id(SCOPES[3]).evaluate(SEEN))
    return "\n".join(said)


def words(template: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(template).replace(re.escape('{it}'), '.+')}$", re.MULTILINE)


def test_in_korean_it_says_nothing_in_english(visit: Visit) -> None:
    page = visit("?lang=ko")
    expect(page.get_by_test_id("stFileUploader").get_by_role("button", name="파일 선택")).to_be_visible()
    said = seen(page)
    assert [theirs for theirs in NATIVE if words(theirs).search(said)] == []
    for ours in ("파일당 최대 10MB", "사진 찍기", "인쇄", "다음 페이지", "2페이지"):
        assert ours in said


def test_back_in_english_it_says_its_own_again(visit: Visit) -> None:
    page = visit("?lang=ko")
    page.get_by_role("navigation").get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Find similar pictures")
    expect(page.get_by_test_id("stFileUploader").get_by_role("button", name="Upload", exact=True).last).to_be_visible()
    said = seen(page)
    assert not re.search("[가-힣]", said.replace("한국어", ""))
    for theirs in ("10MB per file", "Take Photo", "Print", "Next page", "Page 2"):
        assert theirs in said


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_it_takes_no_room(visit: Visit, lang: str) -> None:
    page = visit(f"?lang={lang}")
    nav, title = page.locator(".st-key-nav").bounding_box(), page.get_by_role("heading", level=1).bounding_box()
    assert nav
    assert title
    assert nav["y"] < 12
    assert title["y"] < 80
