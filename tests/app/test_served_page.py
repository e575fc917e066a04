"""A collection on a server, on the page: the same views and answers, and what is said while its server does not answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import Response
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.collection.served import address
from imgsearch.scale.load import load_datasets
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.parts import messages
from imgsearch.ui.server import routes
from imgsearch.ui.server.map_points import map_points
from tests.app.test_page import cards, page, png, state_uploader
from tests.conftest import draw_picture
from tests.datasets import datasets_of, rows_of, write_dataset
from tests.fake_table import FakeTable


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTable]:
    """What answers at milvus://there:19530/pets, which the page is told of."""
    made = FakeTable("pets")
    monkeypatch.setattr(address, "_table", lambda name, uri, token: made)
    monkeypatch.setenv("IMGSEARCH_COLLECTIONS", "milvus://there:19530/pets")
    get_settings.cache_clear()
    yield made
    get_settings.cache_clear()


@pytest.fixture
def pets(table: FakeTable, collection: Collection, tmp_path: Path) -> FakeTable:
    """`table` with the pictures of `discs`, title and all."""
    load_datasets(datasets_of(collection, tmp_path), table, title="Pets on a server", license="CC0")
    return table


def errors(at: AppTest) -> list[str]:
    """What is said to be wrong, without what to do about it."""
    return [each.value.splitlines()[0].strip() for each in at.error]


def get(handler: str, **params: str) -> Response:
    """What the server answers."""
    request = Request({"type": "http", "headers": [], "path_params": params, "query_string": b""})
    return asyncio.run(getattr(routes, handler)(request))


@pytest.mark.usefixtures("pets")
def test_the_answer_is_that_of_the_same_pictures_in_files(collection: Collection) -> None:
    at = page(collection="pets", item="green/2.png", rerank="none")
    assert not at.exception
    found = [card["id"] for card in cards(at, "Most similar pictures")]
    assert found == [result.item.item_id for result in collection.search("green/2.png", k=12).results]
    assert any("Pets on a server" in caption.value for caption in at.caption)


@pytest.mark.usefixtures("pets")
@pytest.mark.parametrize("view", ["search", "map", "compare", "duplicates", "quality", "collections", "about"])
def test_every_view_shows_it(view: str) -> None:
    at = page(collection="pets", view=view)
    assert not at.exception
    assert not at.error


@pytest.mark.usefixtures("pets")
def test_the_usual_order_is_query_expansion_and_what_needs_a_table_is_not_offered() -> None:
    at = page(collection="pets", item="green/2.png")
    at.session_state["refine"] = True
    at.run()
    (order,) = [each for each in at.selectbox if each.label == "Order"]
    assert order.options == ["By distance", "By neighbours of the query", "For variety"]
    assert any("keeps no table" in caption.value for caption in at.caption)


@pytest.mark.usefixtures("pets")
def test_it_is_browsed_by_label_and_a_random_one_is_searched_with(collection: Collection) -> None:
    at = page(collection="pets", browse="green")
    ids = {card["id"] for card in cards(at, "Pictures of the collection")}
    assert ids == {item.item_id for item in collection.items if item.label == "green"}
    before = at.query_params.get("item")
    at.button(key="random_button").click().run()
    assert not at.exception
    assert at.query_params["item"] != before
    assert collection.items.find(at.query_params["item"])


@pytest.mark.usefixtures("pets")
def test_thumbnails_come_through_us_and_may_be_kept(collection: Collection) -> None:
    item = collection.items[3]
    for handler in ("thumbnail", "small_thumbnail"):
        answer = get(handler, collection="pets", digest=item.thumbnail)
        assert answer.body == collection.thumbnail(item)
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert get(handler, collection="pets", digest="0" * 64).status_code == 404


@pytest.mark.usefixtures("pets")
def test_the_map_has_the_items_and_points_that_a_browser_counts_exactly(collection: Collection) -> None:
    points = json.loads(map_points(resources.open_collection("pets"), "color_histogram"))
    assert sorted(points["id"]) == [item.item_id for item in collection.items]
    assert "row" not in points  # a number of 63 bits would become another one there


def test_what_was_loaded_since_is_seen_at_once(pets: FakeTable, collection: Collection, tmp_path: Path) -> None:
    assert len(resources.open_collection("pets").items) == 12
    rest = [row for row in rows_of(collection) if row["item_id"] != "green/2.png"]
    load_datasets([write_dataset(tmp_path / "fewer", collection.space().spec, rest)], pets)
    assert len(resources.open_collection("pets").items) == 11
    at = page(collection="pets", item="green/2.png")
    assert not at.exception
    assert "green/2.png" not in [card["id"] for card in cards(at, "Most similar pictures")]


def test_a_server_that_is_silent_is_said_and_tried_again(pets: FakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = page(collection="pets", item="green/2.png")
    assert not opened.error
    monkeypatch.setattr(resources, "collection_names", lambda: ["pets"])  # health is that of the first
    pets.is_down = True
    opened.run()
    assert errors(opened) == ["The server that this collection lives on does not answer."]
    assert any("tries again" in caption.value for caption in opened.caption)
    assert json.loads(get("health").body) == {"status": "the server of the collection does not answer"}
    digest = "0" * 64
    assert get("thumbnail", collection="pets", digest=digest).status_code == 503
    pets.is_down = False
    monkeypatch.setattr(messages, "RETRY_S", 0)
    opened.run()
    assert not opened.error
    assert json.loads(get("health").body) == {"status": "ok"}


def test_a_server_that_falls_silent_amid_an_answer_is_said(pets: FakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    def nearest(*_: object, **__: object) -> np.ndarray:
        pets.is_down = True
        return pets.vectors("color_histogram", [1])

    monkeypatch.setattr(pets, "nearest", nearest)
    at = page(collection="pets", item="green/2.png")
    assert not at.exception
    assert "The server that this collection lives on does not answer." in errors(at)


def test_before_the_first_load_has_ended_it_is_said_how_far_that_is(table: FakeTable) -> None:
    table.create({"color_histogram": 256})
    at = page(collection="pets")
    assert errors(at) == ["This collection is being loaded: 0 pictures are there."]


@pytest.mark.usefixtures("table")
def test_a_collection_that_is_not_there_is_said() -> None:
    at = page(collection="pets")
    assert errors(at) == ["The server that pets should live on has no such collection."]


@pytest.mark.usefixtures("pets")
def test_a_picture_from_outside_is_searched_with(collection: Collection) -> None:
    at = page(collection="pets")
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    assert not at.exception
    assert cards(at, "Most similar pictures")[0]["id"].startswith("red/")
