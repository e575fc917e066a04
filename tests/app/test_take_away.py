"""The files that an answer can be taken away as."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.settings import Settings
from imgsearch.ui import texts
from imgsearch.ui.server import routes
from imgsearch.ui.views.search import take_away
from tests.conftest import draw_picture


class Buttons:
    """Stands in for st.download_button, and keeps what it was given."""

    def __init__(self) -> None:
        self.data: dict[str, Callable[[], bytes]] = {}
        self.options: dict[str, dict[str, Any]] = {}

    def __call__(self, label: str, data: Callable[[], bytes], **options: Any) -> None:
        suffix = options["file_name"].rsplit(".", 1)[1]
        self.data[suffix], self.options[suffix] = data, {"label": label, **options}


@pytest.fixture
def buttons(monkeypatch: pytest.MonkeyPatch) -> Buttons:
    drawn = Buttons()
    monkeypatch.setattr(take_away.st, "download_button", drawn)
    opened = contextlib.nullcontext(SimpleNamespace(open=True))
    monkeypatch.setattr(take_away.st, "popover", lambda *_, **options: opened)
    return drawn


def test_each_file_is_what_its_name_says(collection: Collection, buttons: Buttons) -> None:
    page = collection.search("red/0.png", k=3, label="red", max_distance=1.5)
    take_away.take_away(collection, page, "?item=red%2F0.png&k=3")
    assert [options["file_name"] for options in buttons.options.values()] == [
        f"imgsearch-discs-0.{suffix}" for suffix in ("html", "png", "csv", "json")
    ]
    html = buttons.data["html"]().decode()
    assert 'lang="en"' in html
    assert "<dt>Label</dt><dd><bdi>red</bdi></dd><dt>Largest distance</dt><dd><bdi>1.5</bdi></dd>" in html
    assert "href" not in html  # nobody here knows the page's address
    assert Image.open(io.BytesIO(buttons.data["png"]())).format == "PNG"
    lines = list(csv.DictReader(io.StringIO(buttons.data["csv"]().decode("utf-8-sig"))))
    found = [result.item.item_id for result in page.results]
    assert [line["item_id"] for line in lines] == found
    assert [result["item_id"] for result in json.loads(buttons.data["json"]())["results"]] == found
    # A click must not run the page again, and nothing may be made before it.
    assert {options["on_click"] for options in buttons.options.values()} == {"ignore"}


def test_an_upload_is_in_the_report_in_the_language_of_the_page(
    collection: Collection, buttons: Buttons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_away, "language", lambda: "ko")
    monkeypatch.setattr(take_away, "t", lambda key: texts.LANGUAGES["ko"].texts[key])
    stream = io.BytesIO()
    draw_picture((1, 2, 3), 1).save(stream, "JPEG")
    page = collection.search(stream.getvalue(), k=2, previews=True)
    take_away.take_away(collection, page, "")
    html = buttons.data["html"]().decode()
    assert 'lang="ko"' in html
    assert "data:image/jpeg;base64," in html
    assert buttons.options["html"]["label"] == "보고서"


@pytest.mark.parametrize(
    ("link", "shown"), [("?item=red%2F0.png", 'href="https://pets.example.org/?item=red%2F0.png"'), ("", "")]
)
def test_a_report_leads_back_where_the_page_knows_its_address_and_a_link_can_hold_the_query(
    collection: Collection, buttons: Buttons, monkeypatch: pytest.MonkeyPatch, link: str, shown: str
) -> None:
    monkeypatch.setattr(take_away, "get_settings", lambda: Settings(url="https://pets.example.org"))
    take_away.take_away(collection, collection.search("red/0.png", k=3), link)
    html = buttons.data["html"]().decode()
    assert shown in html
    assert ("href" in html) == bool(link)


def test_nothing_is_drawn_behind_a_closed_button(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Buttons()
    monkeypatch.setattr(take_away.st, "download_button", drawn)
    at = AppTest.from_file(str(routes.SCRIPT), default_timeout=60).run()
    assert not at.exception
    assert not drawn.data
    at.session_state["take_away"] = True
    at.run()
    assert list(drawn.data) == ["html", "png", "csv", "json"]
