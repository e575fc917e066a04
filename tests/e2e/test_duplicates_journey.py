"""Duplicates in a browser: groups appear when they are found, one of each is kept by a click, the list is downloaded."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import wait_until_idle
from tests.e2e.test_access import PHONE

if TYPE_CHECKING:
    Visit = Callable[..., Page]


def group(page: Page, number: int) -> Locator:
    """A group, once it is there."""
    found = page.get_by_role("list", name=f"Group {number}:")
    expect(found).to_be_visible(timeout=90_000)
    return found


def test_one_of_a_group_is_kept_by_a_click_and_the_list_says_so(visit: Visit) -> None:
    page = visit("?view=duplicates")
    first = group(page, 1)
    keep = first.get_by_role("button", name="Keep this one").first
    item = (keep.get_attribute("aria-label") or "").removeprefix("Keep this one: ")
    keep.click()
    page.wait_for_url(re.compile(f"keep={item.replace('/', '%2F')}"))
    wait_until_idle(page)
    kept = first.get_by_role("button", name=f"Kept: {item}")
    expect(kept).to_have_attribute("aria-pressed", "true")
    expect(kept).to_be_focused()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the list (CSV)").click()
    lines = list(csv.DictReader(Path(download.value.path()).read_text("utf-8-sig").splitlines()))
    assert [line["item_id"] for line in lines if (line["group"], line["kind"]) == ("1", "keep")] == [item]
    page.go_back()
    expect(first.get_by_role("button", name=f"Keep this one: {item}")).to_be_visible()


def test_a_picture_of_a_group_is_searched_with_and_it_fits_a_phone(visit: Visit) -> None:
    page = visit("?view=duplicates", **PHONE)
    first = group(page, 1)
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= PHONE["width"]
    for button in first.get_by_role("button").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 40
    first.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"\?item="))
    expect(page.get_by_role("heading", level=1)).to_have_text("Find similar pictures")
