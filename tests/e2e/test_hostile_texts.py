"""Texts from outside in a browser: what an address, a package or a message quotes is seen as it is, and nothing more."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page

from imgsearch.pictures.items import Items
from imgsearch.ui.frame import VIEWS
from tests.e2e.browser import Server, run_server, wait_for_health, wait_until_idle
from tests.e2e.text_demo import PLACES
from tests.hostile import TEXTS, plant

DEMO = Path(__file__).with_name("text_demo.py")
QUOTED = [
    "lang",
    "view",
    "collection",
    "space",
    "space2",
    "item",
    "example",
    "region",
    "label",
    "rerank",
    "why",
    "liked",
    "disliked",
    "keep",
]
"""Parameters whose note quotes what was asked for."""

# Everything in Markdown that is more than text, but for what our own sentences use: bold, small, line breaks, lists.
_LIVE = """() => [...document.querySelectorAll(
  '[data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"], [data-testid="stHeading"]'
)].flatMap(text => [...text.querySelectorAll('a, img, code, pre, em, del, table, hr, input, blockquote, ol, svg, math, '
  + '.katex, [role=img], [class*=stMarkdown]:not([data-testid]), [class*=Skeleton], streamlit-help-icon')]
  .filter(found => !found.closest('[data-testid="stTooltipIcon"]'))
  .map(found => found.outerHTML.slice(0, 200)))"""
_SEEN = """() => Object.fromEntries([...document.querySelectorAll('[class*="st-key-seen_"]')].flatMap(place => {
  const text = place.querySelector('[data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"]');
  return text ? [[place.className.match(/st-key-seen_(\\w+)/)[1], text.innerText.trim()]] : [];
}))"""
_OURS = re.compile(
    r'aria-label="(?!check )\w+ icon"|href="(\?|https://(keras\.io|www\.tensorflow\.org|github\.com/(google-ai-edge/LiteRT|spotify/annoy|unum-cloud/usearch|bigcat88/pillow_heif)|streamlit\.io'
    r'|python-pillow\.github\.io|wordnet\.princeton\.edu)")|>mini</code>'
    r"|<em>(Cats and Dogs|ImageNet Large Scale Visual Recognition Challenge)</em>"
)
"""What our own sentences have besides: icons, links within the page, the sources of the about view."""


@pytest.fixture(scope="module")
def planted(
    chromium: Browser, built_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Items]]:
    """A page whose only collection was made by somebody hostile, with its items."""
    folder = tmp_path_factory.mktemp("planted")
    home = shutil.copytree(built_home, folder / "home")
    items = plant(home / "discs")
    with run_server(home, folder / "log.txt") as server:
        assert wait_for_health(server, 200) == {"status": "ok"}
        yield server, items


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url) if "evil" in request.url.split("?")[0] else None)
    yield page
    page.close()
    assert elsewhere == []


def live(page: Page) -> list[str]:
    """What is more than text on the page and none of ours."""
    return [html for html in page.evaluate(_LIVE) if not _OURS.search(html)]


def test_wherever_streamlit_takes_markdown_a_text_from_outside_is_seen_as_it_is(
    chromium: Browser, page: Page, tmp_path: Path
) -> None:
    with run_server(tmp_path / "home", tmp_path / "log.txt", script=DEMO, is_ready="/_stcore/health") as server:
        page.goto(server.url)
        wait_until_idle(page)
        page.wait_for_function(f"() => Object.keys(({_SEEN})()).length === {len(PLACES) * len(TEXTS)}")
        seen = page.evaluate(_SEEN)
        assert live(page) == []
    expected = {
        f"{place}_{number}": words.format(text)
        for place, (_, _, words) in PLACES.items()
        for number, text in enumerate(TEXTS)
    }
    assert seen == expected


def test_notes_quote_an_address_without_bringing_it_to_life(planted: tuple[Server, Items], page: Page) -> None:
    server, _ = planted
    for first in range(0, len(TEXTS), len(QUOTED)):
        texts = (TEXTS + TEXTS)[first : first + len(QUOTED)]
        page.goto(f"{server.url}/?{urlencode(dict(zip(QUOTED, texts, strict=True)))}")
        wait_until_idle(page)
        notes = [each.inner_text() for each in page.get_by_test_id("stAlert").all()]
        unseen = [text for text in texts if not any(f"“{text}”" in note for note in notes)]
        assert unseen == []
        assert live(page) == []


def test_no_view_brings_a_hostile_package_to_life(planted: tuple[Server, Items], page: Page) -> None:
    server, items = planted
    for view in VIEWS:
        for number in (0, len(items) - 1):
            asked = {"view": view, "item": items[number].item_id, "label": items[1].label, "why": items[1].item_id}
            page.goto(f"{server.url}/?{urlencode(asked)}")
            wait_until_idle(page)
            if view == "collections":
                page.get_by_text(f"Left out: {len(TEXTS)}").click()
                page.get_by_role("listitem").get_by_text(TEXTS[0]).first.wait_for()
            assert live(page) == [], view
            assert not page.get_by_text("Something went wrong").count()
