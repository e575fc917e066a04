"""What a visitor does with picks and addresses: first paint, picks, Back and Forward, links, the controls."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from imgsearch import Collection
from imgsearch.files.home import sample_queries_folder

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.e2e.browser import EXAMPLES, GALLERY, Places, card_items, cards, query_picture, wait_for_items, wait_until_idle

if TYPE_CHECKING:
    Visit = Callable[..., Page]


def nearest(discs: Collection, item: str, k: int = 12, label: str | None = None) -> list[str]:
    """What a search with an item must answer."""
    return [result.item.item_id for result in discs.search(item_id=item, k=k, label=label).results]


def choose(page: Page, label: str, option: str) -> None:
    """Chooses in a select box; opens it again where something that moved meanwhile has closed it."""
    wait_until_idle(page)
    box, wanted = page.get_by_role("combobox", name=label, exact=True), page.get_by_role("option", name=option, exact=True)
    for _ in range(3):
        box.click()
        try:
            return wanted.click(timeout=3_000)
        except TimeoutError:
            box.press("Escape")
    raise AssertionError(f"{label!r} does not offer {option!r}")


def refine(page: Page) -> None:
    """Opens the box with the controls."""
    page.get_by_text("Refine", exact=True).click()
    expect(page.get_by_role("slider", name="Results")).to_be_visible()
    page.wait_for_function("() => document.getAnimations().every(animation => animation.playState !== 'running')")


def card_of(page: Page, item: str, name: str) -> Locator:
    """The card of an item in a grid."""
    return cards(page, name).nth(card_items(page, name).index(item))


def test_the_first_page_holds_an_answer(visit: Visit, discs: Collection) -> None:
    page = visit()
    query = discs.typical_item
    wait_for_items(page, nearest(discs, query))
    expect(query_picture(page)).to_be_visible()
    assert query_picture(page).evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    first = cards(page).first
    expect(first).to_be_in_viewport(ratio=0.5)
    assert first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0


def test_a_pick_moves_nothing(visit: Visit, discs: Collection) -> None:
    page = visit("?item=red%2F0.png")
    places = [
        cards(page).first,
        cards(page).last,
        page.get_by_role("button", name="Surprise me"),
        cards(page, GALLERY).last,
    ]
    before = Places(*places)
    cards(page).nth(1).click()
    wait_for_items(page, nearest(discs, nearest(discs, "red/0.png")[1]))
    wait_until_idle(page)
    assert Places(*places) == before


def test_a_pick_from_the_gallery_is_searched_and_its_answer_comes_into_sight(visit: Visit, discs: Collection) -> None:
    page = visit()
    picked = card_items(page, GALLERY)[-1]
    cards(page, GALLERY).last.click()
    wait_for_items(page, nearest(discs, picked))
    expect(query_picture(page)).to_be_in_viewport()
    expect(card_of(page, picked, GALLERY)).to_have_attribute("aria-current", "true")


def test_a_result_is_searched_and_back_and_forward_work(visit: Visit, discs: Collection) -> None:
    page = visit()
    start = card_items(page)
    second = nearest(discs, start[1])
    cards(page).nth(1).click()
    wait_for_items(page, second)
    third = nearest(discs, second[2])
    cards(page).nth(2).click()
    wait_for_items(page, third)
    page.go_back()
    wait_for_items(page, second)
    page.go_back()
    wait_for_items(page, start)
    page.go_forward()
    wait_for_items(page, second)
    expect(page).to_have_url(re.compile(r"\?item=" + start[1].replace("/", "%2F") + "$"))


def test_a_copied_link_opens_the_same_page_in_a_fresh_browser(visit: Visit, discs: Collection) -> None:
    page = visit("?item=red%2F0.png&k=5&label=blue&browse=green")
    wait_for_items(page, nearest(discs, "red/0.png", 5, "blue"))
    cards(page).nth(3).click()
    query = nearest(discs, "red/0.png", 5, "blue")[3]
    wait_for_items(page, nearest(discs, query, 5, "blue"))
    fresh = visit(page.url)
    wait_for_items(fresh, card_items(page))
    wait_for_items(fresh, card_items(page, GALLERY), GALLERY)
    assert query_picture(fresh).get_attribute("alt") == query_picture(page).get_attribute("alt")


def test_a_card_is_a_link_that_opens_in_a_new_tab(visit: Visit, discs: Collection) -> None:
    page = visit("?k=5")
    start = card_items(page)
    for button, keys in (("left", ["Control"]), ("middle", [])):
        with page.context.expect_page() as opened:
            cards(page).first.click(button=button, modifiers=keys)
        wait_for_items(opened.value, nearest(discs, start[0], 5))
    assert card_items(page) == start


def test_the_number_of_results_is_in_the_address(visit: Visit) -> None:
    page = visit()
    refine(page)
    page.get_by_role("slider", name="Results").press("ArrowRight")
    page.wait_for_url("**/?k=13")
    expect(cards(page)).to_have_count(13)


def test_label_and_space_and_gallery_are_in_the_address(visit: Visit, discs: Collection) -> None:
    page = visit("?item=red%2F0.png")
    refine(page)
    choose(page, "Only results of", "blue")
    page.wait_for_url("**/?item=red%2F0.png&label=blue")
    wait_for_items(page, nearest(discs, "red/0.png", label="blue"))
    choose(page, "Compare by", "CNN features")
    page.wait_for_url("**&space=mini")
    wait_for_items(page, nearest(discs, "red/0.png", label="blue"))
    choose(page, "Show", "green")
    page.wait_for_url("**&browse=green")
    wait_for_items(page, [f"green/{number}.png" for number in range(9)], GALLERY)


def test_the_gallery_has_pages(visit: Visit, discs: Collection) -> None:
    page = visit()
    everything = [item.item_id for item in discs.items]
    wait_for_items(page, everything[:24], GALLERY)
    page.get_by_role("button", name="Page 2").click()
    page.wait_for_url("**/?page=2")
    wait_for_items(page, everything[24:], GALLERY)
    page.go_back()
    wait_for_items(page, everything[:24], GALLERY)


def test_surprise_me_searches_with_some_picture(visit: Visit, discs: Collection) -> None:
    page = visit()
    page.get_by_role("button", name="Surprise me").click()
    page.wait_for_url("**/?item=*")
    wait_for_items(page, nearest(discs, parse_qs(urlsplit(page.url).query)["item"][0]))


def test_another_collection_and_its_examples(visit: Visit, e2e_home: Path) -> None:
    example = sample_queries_folder(e2e_home) / "query_two.jpg"
    expected = Collection.open("sample", e2e_home).search(picture=example)
    page = visit()
    choose(page, "Collection", "sample")
    page.wait_for_url("**/?collection=sample")
    cards(page, EXAMPLES).nth(1).click()
    page.wait_for_url("**/?collection=sample&example=query_two.jpg")
    expect(query_picture(page)).to_have_attribute("alt", "The query: An example from outside")
    wait_for_items(page, [result.item.item_id for result in expected.results])
    page.go_back()
    page.go_back()
    expect(page.get_by_text("Discs: 36 pictures")).to_be_visible()


def test_nonsense_in_the_address_gives_the_default_and_a_note(visit: Visit) -> None:
    start = card_items(visit())
    page = visit("?item=..%2F..%2Fetc%2Fpasswd&k=-7&space=%3Cscript%3E&label=%00&page=zzz&browse=%F0%9F%90%B1&upload=0123")
    wait_for_items(page, start)
    notes = page.get_by_test_id("stAlert")
    expect(notes).to_have_count(5)
    expect(notes.filter(has_text="between 1 and 60")).to_have_count(1)
    expect(notes.filter(has_text="which a link cannot hold")).to_have_count(1)
    other = visit("?collection=..%2Fx")
    wait_for_items(other, start)
    expect(other.get_by_test_id("stAlert")).to_contain_text("There is no collection called")
