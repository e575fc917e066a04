"""What a visitor does with an answer: marks a part of the query, steers, asks why."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from imgsearch import Collection
from imgsearch.pictures.regions import Region

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    GALLERY,
    RESULTS,
    Places,
    boxes,
    card_items,
    cards,
    query_picture,
    wait_for_items,
    wait_until_idle,
)
from tests.e2e.test_access import PHONE, violations
from tests.e2e.test_region import drag, stage

if TYPE_CHECKING:
    Visit = Callable[..., Page]


def button(page: Page, name: str) -> Locator:
    """A button on a result's card."""
    return page.get_by_role("list", name=RESULTS).get_by_role("button", name=name)


def asked(page: Page, name: str) -> list[str]:
    """A parameter of the address."""
    return parse_qs(urlsplit(page.url).query).get(name, [])


def found(discs: Collection, **query: object) -> list[str]:
    return [result.item.item_id for result in discs.search(k=6, **query).results]


def test_a_part_is_marked_on_an_item_and_the_search_follows(visit: Visit, discs: Collection) -> None:
    page = visit("?item=red%2F0.png&k=6")
    wait_for_items(page, found(discs, item_id="red/0.png"))
    places = [query_picture(page), page.get_by_role("heading", name="Most similar"), page.get_by_text("Refine")]
    before = Places(*places)
    drag(page, (0.4, 0.35), (0.6, 0.65))
    page.wait_for_url("**&region=*")
    region = Region.parse(asked(page, "region")[0])
    wait_for_items(page, found(discs, item_id="red/0.png", region=region))
    wait_until_idle(page)
    assert Places(*places) == before
    stage(page).press("Delete")
    wait_for_items(page, found(discs, item_id="red/0.png"))
    assert asked(page, "region") == []
    page.go_back()
    wait_for_items(page, found(discs, item_id="red/0.png", region=region))


def test_likes_and_dislikes_steer_and_are_taken_back(visit: Visit, discs: Collection) -> None:
    page = visit("?item=red%2F0.png&k=6&label=blue")
    start = found(discs, item_id="red/0.png", label="blue")
    wait_for_items(page, start)
    liked, disliked = start[5], start[0]
    button(page, "More like 6.").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**liked=*")
    steered = found(discs, item_id="red/0.png", label="blue", liked=[liked])
    wait_for_items(page, steered)
    wait_until_idle(page)
    pressed = page.get_by_role("list", name=RESULTS).get_by_role("button", pressed=True)
    expect(pressed).to_be_focused()  # wherever its card has gone
    button(page, f"Fewer like {steered.index(disliked) + 1}.").press("Enter")
    wait_for_items(page, found(discs, item_id="red/0.png", label="blue", liked=[liked], disliked=[disliked]))
    expect(page.get_by_text("Steered by likes: 1, dislikes: 1.")).to_be_visible()
    page.get_by_role("button", name="Disliked").click()
    page.get_by_role("button", name="Take back blue").click()
    wait_for_items(page, steered)
    page.go_back()
    wait_for_items(page, found(discs, item_id="red/0.png", label="blue", liked=[liked], disliked=[disliked]))
    pressed.press("Enter")
    wait_for_items(page, found(discs, item_id="red/0.png", label="blue", disliked=[disliked]))
    page.get_by_role("button", name="Start over").click()
    wait_for_items(page, start)
    assert asked(page, "liked") == asked(page, "disliked") == []


def test_buttons_wait_for_the_pointer_but_not_for_a_finger(visit: Visit) -> None:
    shown = "button => getComputedStyle(button).opacity"
    assert button(visit(), "More like 1.").evaluate(shown) == "0"
    assert button(visit(**PHONE), "More like 1.").evaluate(shown) == "1"


def test_buttons_on_a_card_are_large_enough_for_a_finger_and_do_not_overlap(visit: Visit) -> None:
    page = visit(**PHONE)
    on_card = [boxes(button(page, f"{words} 1."))[0] for words in ("Why", "Fewer like", "More like")]
    assert all(min(box["width"], box["height"]) >= 40 for box in on_card)
    for one, other in itertools.combinations(on_card, 2):
        is_beside = one["right"] <= other["left"] or other["right"] <= one["left"]
        assert is_beside or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
    button(page, "Why 1.").tap()
    expect(page.get_by_role("dialog", name="Why this picture?")).to_be_visible()


@pytest.mark.parametrize("width", [390, 768, 1024, 1366, 1440, 1536, 1920, 2560])
def test_twelve_results_and_a_page_of_the_gallery_fill_whole_rows(visit: Visit, width: int) -> None:
    page = visit(width=width)
    for name, n in ((RESULTS, 12), (GALLERY, 24)):
        expect(cards(page, name)).to_have_count(n)
        in_a_row = Counter(round(box["y"]) for box in boxes(cards(page, name)))
        assert len(set(in_a_row.values())) == 1, in_a_row


@pytest.mark.parametrize("way_out", ["Escape", "Close"])
def test_why_gives_the_focus_back_to_its_button(visit: Visit, way_out: str) -> None:
    page = visit("?item=red%2F0.png&k=6")
    opener = button(page, "Why 2.")
    opener.press("Enter")
    dialog = page.get_by_role("dialog", name="Why this picture?")
    expect(dialog.get_by_role("list", name="What both have in common")).to_be_visible()
    wait_until_idle(page)
    close = dialog.get_by_role("button", name="Close")
    close.press("Escape" if way_out == "Escape" else "Enter")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    wait_until_idle(page)
    expect(opener).to_be_focused()  # also once the page has been drawn anew


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_why_opens_from_a_card_and_closes_by_key_and_by_back(visit: Visit, size: dict[str, int]) -> None:
    page = visit("?item=red%2F0.png&k=6", **size)
    items = card_items(page)
    button(page, "Why 2.").press("Enter")
    dialog = page.get_by_role("dialog", name="Why this picture?")
    expect(dialog.get_by_role("list", name="What both have in common")).to_be_visible()
    expect(dialog.get_by_role("img")).to_have_count(2)
    page.wait_for_url("**why=*")
    assert asked(page, "why") == [items[1]]
    assert violations(page) == []
    page.go_back()
    expect(dialog).to_have_count(0)
    page.go_forward()
    expect(dialog).to_be_visible()
    wait_until_idle(page)
    dialog.get_by_role("button", name="Close").press("Escape")  # a dialog that Forward opened may not have the focus yet
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("why="))
    assert card_items(page) == items
