"""A page among others: what its tab is called, and its address to hand on."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from imgsearch import Collection

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.conftest import draw_picture
from tests.e2e.browser import Server, upload
from tests.e2e.conftest import COLORS

if TYPE_CHECKING:
    Visit = Callable[..., Page]


def picture() -> bytes:
    file = io.BytesIO()
    draw_picture(COLORS["blue"], 3).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("?item=red%2F0.png", "red/0.png · Discs · imgsearch"),
        ("?item=red%2F0.png&item=blue%2F1.png", "red/0.png, blue/1.png · Discs · imgsearch"),
        ("?item=red%2F0.png&region=0,0,0.5,0.5", "Part of red/0.png · Discs · imgsearch"),
        ("?item=red%2F0.png&view=compare", "Compare · red/0.png · Discs · imgsearch"),
        ("?item=red%2F0.png&view=map", "Map · Discs · imgsearch"),
        ("?collection=sample&example=query_one.jpg&lang=ko", "예시 query_one.jpg · Sample · imgsearch"),
    ],
)
def test_the_title_tells_what_is_asked(visit: Visit, address: str, title: str) -> None:
    expect(visit(address)).to_have_title(title)


def test_the_title_names_no_file_of_the_visitor(visit: Visit) -> None:
    page = visit()
    upload(page, picture(), "private name.jpg")
    expect(page).to_have_title("Your picture · Discs · imgsearch")


REFUSING = "navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
WITHOUT = "Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined })"
NOTHING_COPIES = f"{WITHOUT}; document.execCommand = () => false"


def copied(page: Page) -> str:
    """What is pasted then."""
    page.evaluate("document.body.append(Object.assign(document.createElement('textarea'), { id: 'paste' }))")
    page.locator("#paste").press("ControlOrMeta+V")
    return page.locator("#paste").input_value()


@pytest.mark.parametrize("browser", ["", REFUSING, WITHOUT])
@pytest.mark.parametrize(("lang", "button", "said"), [("en", "Copy link", "copied"), ("ko", "링크 복사", "복사했습니다")])
def test_the_link_of_an_answer_is_copied_with_the_keyboard_and_that_is_said(
    visit: Visit, server: Server, browser: str, lang: str, button: str, said: str
) -> None:
    page = visit(f"?lang={lang}&item=red%2F0.png&k=5&page=99")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    if browser:
        page.evaluate(f"() => {{ {browser} }}")
    shown = page.get_by_role("button", name=button)
    shown.press("Enter")
    expect(page.locator(".st-key-copy_link [role=status]")).to_contain_text(said)
    expect(shown).to_be_focused()
    expect(page.locator(".st-key-copy_link input")).to_be_hidden()
    assert copied(page) == f"{server.url}/?lang={lang}&item=red%2F0.png&k=5"
    expect(page.locator(".st-key-copy_link [role=status]")).to_be_empty()


def test_where_nothing_can_copy_the_link_stands_there_to_be_copied_by_hand(visit: Visit, server: Server) -> None:
    page = visit("?item=red%2F0.png")
    page.evaluate(f"() => {{ {NOTHING_COPIES} }}")
    page.get_by_role("button", name="Copy link").click()
    link = page.get_by_role("textbox", name="The link to this page, to copy by hand")
    expect(link).to_be_focused()
    expect(link).to_have_value(f"{server.url}/?item=red%2F0.png")


def test_the_link_names_the_query_that_an_empty_address_shows(visit: Visit, discs: Collection) -> None:
    page = visit()
    page.evaluate(f"() => {{ {NOTHING_COPIES} }}")
    page.get_by_role("button", name="Copy link").click()
    link = page.locator(".st-key-copy_link input").input_value()
    assert parse_qs(urlsplit(link).query) == {"item": [discs.typical_item]}


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_there_is_room_for_the_button_on_a_phone(visit: Visit, lang: str) -> None:
    page = visit(f"?lang={lang}", width=390, height=844)
    page.evaluate("document.fonts.ready")
    heading = page.locator(".st-key-results_head h2").bounding_box()
    button = page.locator(".st-key-copy_link button").bounding_box()
    assert heading
    assert button
    assert heading["y"] < button["y"] + button["height"] / 2 < heading["y"] + heading["height"]
    assert min(button["width"], button["height"]) >= 40


def test_of_an_upload_there_is_no_link(visit: Visit) -> None:
    page = visit()
    upload(page, picture())
    expect(page.get_by_text("A link cannot hold your picture.")).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)
