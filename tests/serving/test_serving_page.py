"""The page, run by AppTest with the real worker: it opens, answers an item and an upload, and says why."""

from __future__ import annotations

import pytest

from imgsearch import Collection
from tests.app.test_page import page, png, results, state_uploader
from tests.conftest import draw_picture

pytestmark = pytest.mark.usefixtures("no_leftovers")


@pytest.mark.parametrize("view", ["search", "compare", "map", "quality", "collections", "about"])
def test_every_view_opens(collection: Collection, view: str) -> None:
    at = page(view=view)
    assert at.title
    assert not at.error


def test_an_item_and_an_upload_are_answered(collection: Collection) -> None:
    at = page(item="red/0.png", k="3")
    expected = collection.search(item_id="red/0.png", k=3)
    assert results(at) == [result.item.item_id for result in expected.results]
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((50, 70, 210), 1)), "image/png").run()
    assert not at.exception
    assert not at.error
    assert results(at)[0] == "blue/1.png"


def test_why_is_said_of_a_descriptor(collection: Collection) -> None:
    at = page(item="red/0.png", why="red/1.png")
    assert not at.error
    assert any("cosine similarity" in each.value for each in at.markdown)
