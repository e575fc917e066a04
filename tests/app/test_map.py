"""The map: its points are the stored places, its address holds their digest, a query has its place on it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.ui.server import map_points, routes
from imgsearch.vectors import projection
from imgsearch.vectors import space as vector_space
from tests.app.test_page import cards, page, png, state_uploader
from tests.conftest import draw_picture


def drawn(at: AppTest) -> dict[str, Any]:
    """What the map's component was given."""
    given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    data = next(data for data in given if "thumbnails" in data)
    return {**data, "place": dict(data["place"])}


def test_the_points_are_the_stored_places(collection: Collection) -> None:
    points = json.loads(map_points.map_points(collection, "color_histogram"))
    projection = collection.space().projection
    assert points["labels"] == ["blue", "green", "red"]
    assert len(points["id"]) == 12
    for row, item in enumerate(collection.items):
        assert (points["x"][row], points["y"][row]) == pytest.approx(projection[row].tolist(), abs=1e-4)
        assert points["labels"][points["label"][row]] == item.label
        assert (points["id"][row], points["thumbnail"][row]) == (item.item_id, item.thumbnail)


@pytest.mark.usefixtures("no_leftovers")  # an opened collection keeps its sample
def test_a_large_collection_shows_a_sample(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_space, "MAX_MAP_POINTS", 5)
    points = json.loads(map_points.map_points(collection, "color_histogram"))
    rows = [collection.items.row_of(item_id) for item_id in points["id"]]
    assert len(rows) == 5 == len(set(rows))
    assert rows == sorted(rows)
    projection = collection.space().projection
    assert points["x"] == pytest.approx(projection[rows, 0].tolist(), abs=1e-4)
    # Marks are points of the map; what it does not show has a rank among the results, and no line.
    asked = next(item.item_id for item in collection.items if item.item_id not in points["id"])
    data = drawn(page(view="map", item=asked))
    results = collection.search(item_id=asked, k=12).results
    assert data["queries"] == []
    assert data["results"] == [rows.index(result.row) if result.row in rows else -1 for result in results]
    assert data["place"]["neighbors"] == [rows.index(result.row) for result in results if result.row in rows]
    assert (data["place"]["x"], data["place"]["y"]) == pytest.approx(projection[collection.items.row_of(asked)].tolist())


def get(collection: str, space: str, digest: str) -> Response:
    """What the server answers."""
    params = {"collection": collection, "space": space, "digest": digest}
    return asyncio.run(routes.points(Request({"type": "http", "headers": [], "path_params": params})))


def test_the_server_sends_the_points_at_their_own_address_only(collection: Collection) -> None:
    digest = map_points.map_digest(collection, "color_histogram")
    answer = get("discs", "color_histogram", digest)
    assert answer.body == map_points.map_points(collection, "color_histogram")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    for name, space, asked in (
        ("discs", "color_histogram", "0" * 64),
        ("discs", "none", digest),
        ("none", "color_histogram", digest),
        ("..", "color_histogram", digest),
    ):
        assert get(name, space, asked).status_code == 404


def test_the_query_stands_at_its_place_with_lines_to_its_results(collection: Collection) -> None:
    data = drawn(page(view="map", item="green/2.png", k="3"))
    row = collection.items.row_of("green/2.png")
    results = [result.row for result in collection.search(item_id="green/2.png", k=3).results]
    assert data["queries"] == [row]
    assert data["results"] == results
    assert (data["place"]["x"], data["place"]["y"]) == pytest.approx(collection.space().projection[row].tolist())
    assert data["place"]["neighbors"] == results
    assert data["place"]["faded"] is False
    assert data["url"].endswith(f"/discs/color_histogram/{map_points.map_digest(collection, 'color_histogram')}.json")


def test_a_query_from_outside_stands_at_its_nearest_whatever_the_order(collection: Collection) -> None:
    results = collection.search(item_id="red/0.png", k=12, rerank="diverse", liked=["blue/1.png"]).results
    nearest = sorted(results, key=lambda result: result.distance)
    assert results[0] != nearest[0]  # else this shows nothing
    data = drawn(page(view="map", item="red/0.png", rerank="diverse", liked="blue/1.png"))
    assert data["place"]["neighbors"] == [result.row for result in nearest]


@pytest.mark.parametrize(("fewest", "said", "unsaid"), [(13, "principal components", "t-SNE"), (12, "t-SNE", "principal")])
def test_a_map_says_how_it_was_made(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, fewest: int, said: str, unsaid: str
) -> None:
    monkeypatch.setattr(projection, "MIN_TSNE_ITEMS", fewest)  # `discs` holds 12, all different
    words = " ".join(caption.value for caption in page(view="map").caption)
    assert said in words
    assert unsaid not in words


def test_a_map_that_was_drawn_without_scikit_learn_says_so_also_where_there_is_some(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MIN_TSNE_ITEMS", 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sklearn", None)  # importing it fails
        build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    words = " ".join(caption.value for caption in page(view="map").caption)
    assert "principal components" in words
    assert "t-SNE" not in words


def test_a_pick_on_the_map_keeps_everything_but_the_query(collection: Collection) -> None:
    data = drawn(page(view="map", item="green/2.png", k="3", space="color_histogram"))
    assert data["href"] == "?view=map&k=3"


def test_the_answer_stands_beside_the_map_and_leads_on_within_it(collection: Collection) -> None:
    at = page(view="map", item="green/2.png", k="3")
    found = cards(at, "Most similar pictures")
    expected = collection.search(item_id="green/2.png", k=3).results
    assert [card["id"] for card in found] == [result.item.item_id for result in expected]
    assert found[0]["href"] == f"?view=map&item={expected[0].item.item_id.replace('/', '%2F')}&k=3"
    (link,) = [
        link
        for each in at.get("bidi_component")
        for link in json.loads(each.proto.json).get("links", [])
        if link["text"] == "Open in Search"
    ]
    assert link["href"] == "?item=green%2F2.png&k=3"


def test_an_upload_stands_out_as_its_own_picture_where_an_item_is_one_of_the_map(collection: Collection) -> None:
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    at.query_params["view"] = "map"
    at.run()
    assert not at.exception
    data = drawn(at)
    assert "/media/" in data["outside"]
    assert data["queries"] == []
    assert drawn(page(view="map"))["outside"] == ""


def test_an_order_of_the_answer_is_that_of_the_numbers_on_the_map(collection: Collection) -> None:
    asked = {"item": "red/0.png", "rerank": "diverse"}
    ordered = [result.row for result in collection.search(item_id="red/0.png", k=12, rerank="diverse").results]
    assert ordered != sorted(ordered)
    assert drawn(page(view="map", **asked))["results"] == ordered
