"""A page among others: what its tab is called, and its address to hand on."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Page, expect

from tests.conftest import draw_picture
from tests.e2e.browser import upload
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
