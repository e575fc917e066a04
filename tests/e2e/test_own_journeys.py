"""A visitor's own pictures in a real browser: from a zip file to a search, for nobody else, and gone after a reload."""

from __future__ import annotations

import io
import os
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.conftest import draw_picture
from tests.e2e.browser import RESULTS, Server, cards, upload, upload_file, wait_until_idle
from tests.e2e.test_access import PHONE, violations

if TYPE_CHECKING:
    Visit = Callable[..., Page]

COLORS = {"red": (220, 40, 40), "blue": (50, 70, 210)}
PER_COLOR = 4
OWN = re.compile(r"/\?collection=own-[0-9a-f]{32}$")


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for color, rgb in COLORS.items():
            for number in range(PER_COLOR):
                picture = io.BytesIO()
                draw_picture(rgb, number).save(picture, "PNG")
                target.writestr(f"{color}/{number}.png", picture.getvalue())
    return stream.getvalue()


def hand_in(page: Page) -> None:
    """Asks for a collection of the zip file."""
    upload(page, archive(), "pictures.zip", "application/zip")
    expect(page.get_by_text("pictures.zip")).to_be_visible()
    page.get_by_role("button", name="Make a collection").click()


def make(page: Page) -> None:
    """Makes a collection of the zip file, and looks at the collections again."""
    hand_in(page)
    page.wait_for_url(OWN)
    go_to(page, "Collections")
    expect(page.get_by_role("button", name="Delete")).to_be_visible()


def go_to(page: Page, view: str) -> None:
    page.get_by_role("navigation", name="Views", exact=True).get_by_role("link", name=view).click()
    wait_until_idle(page)


@contextmanager
def held(server: Server) -> Iterator[None]:
    """Inside, the worker that looks at pictures stands still."""
    (worker,) = server.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def test_own_pictures_are_searched_by_nobody_else_and_gone_after_a_reload(visit: Visit) -> None:
    page = visit("?view=collections")
    make(page)
    expect(page.get_by_text("Shown in the other views")).to_be_visible()
    expect(page.get_by_text("8 pictures · 2 labels")).to_be_visible()
    page.get_by_role("navigation", name="Views of Your own pictures").get_by_role("link", name="Search in it").click()
    page.wait_for_url(OWN)
    wait_until_idle(page)
    expect(cards(page)).to_have_count(7)
    expect(cards(page).first.locator("img")).to_be_visible()
    widths = "images => Promise.all(images.map(image => image.decode().then(() => image.naturalWidth)))"
    assert min(page.get_by_role("list", name=RESULTS).locator("img").evaluate_all(widths)) > 0
    gone = "Only who uploaded them can see them"
    expect(visit(page.url).get_by_test_id("stAlert")).to_contain_text(gone)
    page.reload()
    expect(page.get_by_test_id("stAlert")).to_contain_text(gone)


def test_own_pictures_go_on_while_one_looks_elsewhere_and_lead_to_the_search(visit: Visit, server: Server) -> None:
    page = visit("?view=collections")
    bar = page.get_by_role("progressbar").filter(visible=True)
    with held(server):
        hand_in(page)
        expect(bar).to_be_visible()
        expect(page.get_by_role("button", name="Make a collection")).to_be_hidden()
        for view in ("Map", "About", "Search"):
            go_to(page, view)
            expect(bar).to_be_visible()
            expect(page.get_by_text("Your own pictures: 0 of 8 looked at")).to_be_visible()
    ready = page.locator(".st-key-own_ready")
    expect(ready).to_contain_text("Your own pictures are ready")
    expect(bar).to_have_count(0)
    ready.get_by_role("link", name="Search in it").click()
    page.wait_for_url(OWN)
    wait_until_idle(page)
    expect(cards(page)).to_have_count(7)
    expect(ready).to_have_count(0)


def test_making_a_collection_can_be_cancelled(visit: Visit, server: Server) -> None:
    page = visit("?view=collections")
    with held(server):
        hand_in(page)
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("This is being cancelled")).to_be_visible()
    expect(page.get_by_text("Nothing of it was kept")).to_be_visible()
    expect(page.get_by_role("button", name="Make a collection")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_a_zip_file_too_large_is_refused_in_words(visit: Visit, tmp_path: Path) -> None:
    page = visit("?view=collections")
    file = tmp_path / "pictures.zip"
    file.write_bytes(b"PK\x03\x04" + bytes(30 * 2**20))  # more than a picture may have
    upload_file(page, file)
    page.get_by_role("button", name="Make a collection").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("whole zip")


@pytest.mark.parametrize(("size", "dark"), [({}, False), (PHONE, True)], ids=["wide-light", "phone-dark"])
def test_axe_finds_nothing_serious_in_collections(visit: Visit, size: dict[str, int], dark: bool) -> None:
    page = visit("?view=collections", **size, dark=dark)
    make(page)
    wait_until_idle(page)
    assert violations(page) == []
    assert page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollWidth") <= size.get("width", 1280)
