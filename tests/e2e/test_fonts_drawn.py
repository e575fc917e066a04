"""The page's fonts as a browser draws them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from imgsearch.ui.server.delivery.fonts import FOLDER, FONTS

pytest.importorskip("playwright")

from playwright.sync_api import Page

from imgsearch.ui.frame import VIEWS
from tests.e2e.browser import wait_until_idle

if TYPE_CHECKING:
    Visit = Callable[..., Page]

WIDTHS = """([family, words]) => words.map(word => {
  const span = document.createElement('span');
  span.style.cssText = `position: absolute; font: 400 24px "${family}"; white-space: pre; font-feature-settings: "liga"`;
  span.textContent = word;
  document.body.append(span);
  const { width } = span.getBoundingClientRect();
  span.remove();
  return width;
})"""


def test_every_icon_is_drawn_as_one(visit: Visit) -> None:
    names = (FOLDER / "icons.txt").read_text().split()
    page = visit()
    page.evaluate("document.fonts.ready")
    widths = page.evaluate(WIDTHS, ["Material Symbols Rounded", names])
    assert {name: width for name, width in zip(names, widths, strict=True) if round(width) != 24} == {}
    assert page.evaluate(WIDTHS, ["Material Symbols Rounded", ["no_icon"]])[0] > 48


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_views_load_the_cut_fonts_alone_and_show_icons_that_they_have(visit: Visit, lang: str) -> None:
    page = visit(f"?lang={lang}")
    icons = set((FOLDER / "icons.txt").read_text().split())
    shown: set[str] = set()
    loaded: dict[str, int] = {}
    page.on("response", lambda got: loaded.update({got.url: 0}) if got.request.resource_type == "font" else None)
    for view in VIEWS:
        page.goto(f"/?view={view}&lang={lang}")
        wait_until_idle(page)
        shown |= set(page.get_by_test_id("stIconMaterial").all_text_contents())
    assert shown
    assert shown <= icons
    names = {url.rsplit("/", 1)[1] for url in loaded}
    assert {name for name in names if not name.startswith((*FONTS.values(), "SourceCodeVF-Upright"))} == set()
    assert len(names) >= 3
