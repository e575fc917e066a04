"""Searching by words in a real browser: typing, completing, choosing what a word means, narrowing, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from imgsearch import Collection, build_collection, embedder_spec

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.app.test_words_view import with_words
from tests.conftest import draw_picture
from tests.e2e.browser import Server, boxes, card_items, cards, run_server, wait_for_health, wait_for_items, wait_until_idle
from tests.e2e.conftest import COLORS
from tests.e2e.test_access import PHONE, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SHOWN = "Pictures that show it"
PER_COLOR = 5


@pytest.fixture(scope="module")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Pictures in four colours, three of which the classifier takes for a beagle and two kinds of cranes."""
    folder = tmp_path_factory.mktemp("words")
    for color, rgb in COLORS.items():
        (folder / "discs" / color).mkdir(parents=True)
        for number in range(PER_COLOR):
            draw_picture(rgb, number).save(folder / "discs" / color / f"{number}.png")
    specs = [embedder_spec("color_histogram"), embedder_spec("edge_histogram")]
    return with_words(build_collection("discs", folder / "discs", home=folder / "home", specs=specs).collection)


@pytest.fixture(scope="module")
def server(chromium: Browser, colors: Collection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page with those alone."""
    with run_server(colors.home, tmp_path_factory.mktemp("words-server") / "log.txt") as server:
        wait_for_health(server, 200)
        yield server


def found(colors: Collection, **asked: Any) -> list[str]:
    return [result.item.item_id for result in colors.search(k=12, **asked).results]


def field(page: Page, name: str = "Search by words") -> Locator:
    return page.get_by_role("combobox", name=name)


def offered(page: Page) -> Locator:
    return page.get_by_role("option")


def active(of: Locator) -> str | None:
    """The text of the option that the keyboard is at."""
    at = of.get_attribute("aria-activedescendant")
    return of.page.locator(f"#{at}").text_content() if at else None


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_a_word_is_typed_completed_asked_narrowed_to_one_meaning_and_left_by_a_card(
    visit: Any, colors: Collection, size: dict[str, int]
) -> None:
    page = visit("/", **size)
    asking = field(page)
    asking.press_sequentially("cran")
    expect(offered(page)).to_have_text(["crane (lifting device)", "crane (wading bird)"])
    expect(asking).to_have_attribute("aria-expanded", "true")
    assert violations(page) == []
    asking.press("ArrowUp")
    assert active(asking) == "crane (wading bird)"
    asking.press("ArrowDown")
    assert active(asking) is None  # the field itself
    asking.press("ArrowDown")
    assert active(asking) == "crane (lifting device)"
    asking.press("Escape")
    expect(offered(page)).to_have_count(0)
    expect(asking).to_have_value("cran")
    asking.press_sequentially("e")
    asking.press("Enter")
    page.wait_for_url("**/?words=crane")
    wait_for_items(page, found(colors, words="crane"), SHOWN)
    expect(page.get_by_role("heading", name="10 pictures show it")).to_be_visible()
    expect(asking).to_have_value("crane")
    expect(page).to_have_title("crane · discs · imgsearch")
    page.get_by_role("link", name="crane (wading bird)").click()
    wait_for_items(page, found(colors, words="crane (wading bird)"), SHOWN)
    wait_until_idle(page)
    assert violations(page) == []
    picked = card_items(page, SHOWN)[1]
    cards(page, SHOWN).nth(1).click()
    wait_for_items(page, found(colors, item_id=picked))
    expect(asking).to_have_value("")
    page.go_back()
    wait_for_items(page, found(colors, words="crane (wading bird)"), SHOWN)
    expect(asking).to_have_value("crane (wading bird)")
    page.go_back()
    wait_for_items(page, found(colors, words="crane"), SHOWN)


def test_an_option_is_chosen_by_keyboard_and_by_pointer(visit: Any, colors: Collection) -> None:
    page = visit("/")
    asking = field(page)
    asking.press_sequentially("hou")
    expect(offered(page)).to_have_text(["hound"])
    asking.press("ArrowDown")
    asking.press("Enter")
    page.wait_for_url("**words=hound")
    wait_for_items(page, found(colors, words="hound"), SHOWN)
    expect(asking).to_be_focused()
    asking.fill("ird")  # no word begins like that
    expect(offered(page)).to_have_text(["aquatic bird", "bird", "crane (wading bird)", "wading bird"])
    asking.fill("bird")
    expect(offered(page)).to_have_text(["bird", "aquatic bird", "crane (wading bird)", "wading bird"])
    asking.fill("BEA")
    offered(page).get_by_text("beagle").click()
    page.wait_for_url("**words=beagle")
    wait_for_items(page, found(colors, words="beagle"), SHOWN)


def test_korean_is_completed_by_syllables_also_by_one_that_is_still_typed(visit: Any, colors: Collection) -> None:
    page = visit("/?lang=ko")
    asking = field(page, "단어로 검색")
    asking.fill("두룸")  # on the way to 두루미
    expect(offered(page)).to_have_text(["두루미"])
    asking.fill("크레")
    expect(offered(page)).to_have_text(["크레인"])
    asking.press("ArrowDown")
    asking.press("Enter")
    wait_for_items(page, found(colors, words="crane (lifting device)"), "단어로 찾은 이미지 목록")


def test_enter_that_ends_a_syllable_asks_nothing(visit: Any) -> None:
    page = visit("/?lang=ko")
    asking = field(page, "단어로 검색")
    asking.fill("개")
    asking.evaluate(
        "input => input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true }))"
    )
    wait_until_idle(page)
    assert "words" not in page.url


def test_tab_leaves_the_field_and_closes_its_list(visit: Any) -> None:
    page = visit("/")
    field(page).press_sequentially("bea")
    expect(offered(page).first).to_be_visible()
    field(page).press("Tab")
    expect(offered(page)).to_have_count(0)
    expect(field(page)).not_to_be_focused()
    assert "words" not in page.url


def test_the_words_come_when_they_are_first_needed_and_once(visit: Any) -> None:
    page = visit("/?item=red%2F0.png")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/static/words/" in request.url else None)
    page.reload()
    wait_until_idle(page)
    assert asked == []
    field(page).press_sequentially("bea")
    expect(offered(page).first).to_be_visible()
    field(page).fill("bird")
    expect(offered(page).first).to_have_text("bird")
    assert len(asked) == 1


def test_examples_stand_beside_the_field_as_long_as_nothing_was_asked(visit: Any, colors: Collection) -> None:
    page = visit("/")
    examples = page.get_by_role("navigation", name="Words to try").get_by_role("link")
    expect(examples).to_have_text(["blue", "green", "red"])
    examples.nth(2).click()
    wait_for_items(page, found(colors, words="red"), SHOWN)
    expect(examples).to_have_count(0)


def test_an_unknown_word_leads_on(visit: Any, colors: Collection) -> None:
    page = visit("/")
    field(page).fill("beegle")
    field(page).press("Enter")
    expect(page.get_by_role("heading", name="Not a word to search with")).to_be_visible()
    wait_until_idle(page)
    assert violations(page) == []
    page.get_by_role("navigation", name="Did you mean").get_by_role("link", name="beagle").click()
    wait_for_items(page, found(colors, words="beagle"), SHOWN)


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_a_picture_is_narrowed_by_words_that_are_taken_away_again(
    visit: Any, colors: Collection, size: dict[str, int]
) -> None:
    page = visit("/?item=blue%2F0.png", **size)
    page.get_by_text("Refine", exact=True).click()
    only, none = field(page, "Only pictures that show"), field(page, "No pictures that show")
    expect(none).to_be_visible()
    wait_until_idle(page)
    assert violations(page) == []
    only.fill("crane")
    only.press("Enter")
    wait_for_items(page, found(colors, item_id="blue/0.png", words="crane"))
    expect(only).to_have_value("")
    none.fill("crane (wading")
    expect(offered(page)).to_have_text(["crane (wading bird)"])
    none.press("ArrowDown")
    none.press("Enter")
    expected = found(colors, item_id="blue/0.png", words="crane", not_words="crane (wading bird)")
    wait_for_items(page, expected)
    wait_until_idle(page)
    assert violations(page) == []
    page.get_by_role("link", name="only: crane").first.click()
    wait_for_items(page, found(colors, item_id="blue/0.png", not_words="crane (wading bird)"))
    page.get_by_role("link", name="not: crane").first.click()
    wait_for_items(page, found(colors, item_id="blue/0.png"))
    page.go_back()
    wait_for_items(page, found(colors, item_id="blue/0.png", not_words="crane (wading bird)"))


def test_on_a_phone_the_field_is_large_enough_for_a_finger_and_nothing_zooms(visit: Any) -> None:
    page = visit("/", **PHONE)
    assert field(page).evaluate("input => getComputedStyle(input).fontSize") == "16px"
    assert field(page).get_attribute("enterkeyhint") == "search"
    field(page).press_sequentially("crane")
    (box,), options = boxes(field(page)), boxes(offered(page))
    assert min(each["height"] for each in (box, *options)) >= 40
    assert max(each["right"] for each in (box, *options)) <= PHONE["width"]


@pytest.mark.parametrize("address", ["?words=crane", "?words=beegle", "?words=zebra", "?words=beagle&view=map"])
@pytest.mark.parametrize(("size", "dark"), [({}, False), (PHONE, True)], ids=["wide, light", "phone, dark"])
def test_axe_finds_nothing_serious_in_answers_to_words(visit: Any, address: str, size: dict[str, int], dark: bool) -> None:
    page = visit(f"/{address}&lang=ko", **size, dark=dark)
    assert violations(page) == []


def test_hostile_words_are_shown_as_they_are(visit: Any) -> None:
    page = visit("/?words=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&words=**x**%20%3Ared%5By%5D")
    expect(page.get_by_text("“<img src=x onerror=alert(1)>” is not a word")).to_be_visible()
    expect(page.get_by_text("“**x** :red[y]” is not a word")).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_compare_says_that_words_have_one_answer(visit: Any) -> None:
    page = visit("/?words=beagle&view=compare")
    expect(page.get_by_text("Words alone have one answer")).to_be_visible()
    page.get_by_role("link", name="Choose another picture").click()
    expect(cards(page, SHOWN)).to_have_count(PER_COLOR)


def test_the_map_marks_what_shows_a_word(visit: Any, colors: Collection) -> None:
    page = visit("/?words=beagle&view=map")
    expect(page.get_by_role("application")).to_be_visible()
    wait_for_items(page, found(colors, words="beagle"), SHOWN)
    narrowed_to_nothing = visit("/?item=red%2F0.png&words=zebra&view=map")
    expect(narrowed_to_nothing.get_by_role("application")).to_be_visible()
    wait_until_idle(narrowed_to_nothing)
