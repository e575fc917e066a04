"""Objects in the query picture, on the sample with its bundled network: found behind the answer to the whole picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from imgsearch import Collection, Region
from imgsearch.files.home import sample_queries_folder
from imgsearch.retrieval.ask import AUTO
from imgsearch.retrieval.rerank import DEFAULT_RERANKING
from imgsearch.supply.sample import install_sample
from tests.e2e.browser import Server, boxes, card_items, cards, run_server, wait_for_health, wait_for_items, wait_until_idle
from tests.e2e.conftest import Visitors
from tests.e2e.test_access import PHONE

if TYPE_CHECKING:
    Visit = Callable[..., Page]

CLUTTERED, PLAIN = "cluttered_Husky.jpg", "query_Husky.jpg"


LOOKING = {"en": "Looking for objects in the picture…", "ko": "이미지 속 대상을 찾고 있습니다…"}
FOUND = {
    "en": {CLUTTERED: "Searched with the part in the frame.", PLAIN: "Searched with the whole picture."},
    "ko": {CLUTTERED: "표시된 영역으로 검색했습니다.", PLAIN: "이미지 전체로 검색했습니다."},
}
RECORD = """() => {
  window.frames_drawn = [];
  const note = () => {
    const found = (name) => document.querySelector(`.st-key-${name}`);
    const place = (name) => { const { x, y, width } = found(name).getBoundingClientRect(); return [x, y, width]; };
    if (found("results_grid") && found("query"))
      window.frames_drawn.push({ words: found("waiting")?.innerText ?? "", places: ["query", "results_grid"].map(place) });
    requestAnimationFrame(note);
  };
  note();
}"""
"""Notes at every frame what is said beside the results, and where they and the query are."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("objects")
    install_sample(home)
    return home


@pytest.fixture(scope="module")
def sample_server(chromium: Browser, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(home, tmp_path_factory.mktemp("server") / "log.txt") as server:
        assert wait_for_health(server, 200) == {"status": "ok"}
        yield server


@pytest.fixture
def visit(chromium: Browser, sample_server: Server) -> Iterator[Visit]:
    visitors = Visitors(chromium, sample_server.url)
    yield visitors.open
    for context in visitors.contexts:
        context.close()
    assert visitors.complaints == [], "the browser's console complained"


def found(home: Path, name: str, region: Region | str | None) -> list[str]:
    """What the command line finds for an example."""
    picture = sample_queries_folder(home) / name
    page = Collection.open("sample", home).search(picture=picture, region=region, k=12, rerank=DEFAULT_RERANKING)
    return [result.item.item_id for result in page.results]


def said(page: Page, words: str) -> None:
    expect(page.get_by_text(words)).to_be_visible()
    wait_until_idle(page)


def test_the_small_animal_is_found_and_the_whole_picture_is_one_click_away(visit: Visit, home: Path) -> None:
    page = visit(f"?example={CLUTTERED}")
    said(page, "Searched with the part in the frame.")
    expect(page).to_have_title(re.compile(rf"^Part of Example {CLUTTERED}"))
    part = found(home, CLUTTERED, AUTO)
    wait_for_items(page, part)
    assert [item.split("/")[0] for item in part] == ["Husky"] * 12
    expect(page).to_have_url(re.compile(rf"\?example={CLUTTERED}$"))  # which finds the same again
    other = visit(page.url)
    said(other, "Searched with the part in the frame.")
    wait_for_items(other, part)
    page.get_by_role("button", name="Whole picture").click()
    page.wait_for_url("**&region=whole")
    wait_until_idle(page)
    assert found(home, CLUTTERED, None) != part
    wait_for_items(page, found(home, CLUTTERED, None))
    expect(page.get_by_role("button", name="Search with part 1")).to_be_visible()  # the way back
    page.get_by_role("button", name="Search with part 1").click()
    page.wait_for_url(re.compile("&region=0"))
    wait_until_idle(page)
    wait_for_items(page, part)
    page.go_back()
    page.go_back()
    said(page, "Searched with the part in the frame.")


def test_why_a_result_is_like_the_part(visit: Visit) -> None:
    page = visit(f"?example={CLUTTERED}&why=Husky%2FHusky_12.jpg")
    expect(page.get_by_role("dialog").get_by_text("**Red** places".replace("*", ""))).to_be_visible()
    expect(page.get_by_text("The picture to explain is not among the results.")).to_be_hidden()


def test_a_picture_of_one_animal_is_searched_with_whole(visit: Visit) -> None:
    page = visit(f"?example={PLAIN}")
    said(page, "Searched with the whole picture.")
    expect(page).to_have_title(re.compile(rf"^Example {PLAIN}"))
    expect(page.get_by_role("button", name="Whole picture")).to_be_hidden()


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("example", [CLUTTERED, PLAIN], ids=["part", "whole"])
def test_what_is_found_moves_nothing_that_is_on_the_screen(
    visit: Visit, home: Path, example: str, size: dict[str, int], lang: str
) -> None:
    for _ in range(3):  # a slow browser may not draw what stands there for a moment only
        page = visit(f"?item=Husky%2FHusky_01.jpg&lang={lang}", **size)
        page.evaluate(RECORD)
        page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(sample_queries_folder(home) / example)
        page.wait_for_url("**upload=*")
        expect(page.get_by_text(LOOKING[lang])).to_be_hidden()
        wait_until_idle(page)
        expect(page.get_by_text(FOUND[lang][example])).to_be_visible()
        frames = page.evaluate("window.frames_drawn")
        before = [frame for frame in frames if LOOKING[lang] in frame["words"]]
        if before:
            break
    assert before, "the answer to the whole picture was never on the screen"
    assert frames[-1]["words"] != before[-1]["words"]
    assert frames[-1]["places"] == before[-1]["places"]


def test_objects_of_a_picture_of_the_collection_are_found_on_demand(visit: Visit) -> None:
    page = visit("?item=Husky%2FHusky_01.jpg")
    page.get_by_role("button", name="Find objects").click()
    page.wait_for_url("**&region=auto")
    said(page, re.compile("Searched with the (part in the frame|whole picture)"))
    expect(page.get_by_role("button", name="Find objects")).to_be_hidden()


def test_the_order_is_chosen_beside_the_heading_and_nothing_else_moves(visit: Visit, home: Path) -> None:
    page = visit("?item=Husky%2FHusky_01.jpg")
    order = page.get_by_role("radiogroup", name="Order of the results")
    expect(order.get_by_role("radio", name="Re-ranked")).to_be_checked()
    usual = card_items(page)
    order.get_by_role("radio", name="By distance").click()
    page.wait_for_url("**rerank=none")
    wait_until_idle(page)
    by_distance = Collection.open("sample", home).search(item_id="Husky/Husky_01.jpg", k=12)
    nearest = [result.item.item_id for result in by_distance.results]
    assert nearest != usual
    wait_for_items(page, nearest)
    order.get_by_role("radio", name="Re-ranked").click()
    expect(page).to_have_url(re.compile("Husky_01.jpg$"))
    wait_until_idle(page)
    wait_for_items(page, usual)


def test_buttons_below_the_picture_are_large_enough_for_a_finger(visit: Visit) -> None:
    page = visit(f"?example={CLUTTERED}", **PHONE)
    expect(page.get_by_text(FOUND["en"][CLUTTERED])).to_be_visible()
    buttons = boxes(page.locator(".st-key-region_picker button:visible"))
    assert len(buttons) >= 2
    assert all(min(box["width"], box["height"]) >= 40 for box in buttons), buttons


@pytest.mark.parametrize(("width", "height", "most"), [(1280, 900, 520), (390, 844, 650)], ids=["wide", "phone"])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_the_first_screen_says_what_is_happening_and_shows_the_first_results(
    visit: Visit, lang: str, width: int, height: int, most: int
) -> None:
    page = visit(f"?lang={lang}", width=width, height=height)
    words = {"en": "You are searching with this picture", "ko": "이 이미지로 검색하고 있습니다"}
    expect(page.get_by_text(words[lang])).to_be_visible()
    expect(page.get_by_text({"en": "Or try one of these", "ko": "예시로 검색해 보세요"}[lang])).to_be_visible()
    expect(page.get_by_text("python -m imgsearch")).to_have_count(0)
    name = {"en": "Most similar pictures", "ko": "가장 비슷한 이미지 목록"}[lang]
    box = cards(page, name).first.bounding_box()
    assert box
    assert box["y"] < most
    assert box["y"] + box["height"] < height
