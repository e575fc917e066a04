"""Search: hand-made vectors, and scikit-learn for the whole of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from imgsearch.distance import normalize
from imgsearch.embedding import EmbedderSpec
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.index import AnnoyIndex, ExactIndex
from imgsearch.items import Item, Items
from imgsearch.search import Query, SearchPage, Space, search


def gallery(n_items: int, labels: str = "") -> Items:
    """Items 0.png ..., labelled by one letter each; "-" for none."""
    labels = labels or "-" * n_items
    return Items([Item(f"{i}.png", labels[i].strip("-"), 8, 8, 9, 9, "0" * 64, "0" * 64, 9) for i in range(n_items)])


def exact_space(embeddings: np.ndarray) -> Space:
    return Space("toy", EmbedderSpec("color_histogram"), embeddings, ExactIndex(embeddings))


def at_degrees(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane at these angles."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def rows(page: SearchPage) -> list[int]:
    return [result.row for result in page.results]


FAN = exact_space(at_degrees(0, 90, 60, 180, 60))  # distances from row 0: 0, sqrt 2, 1, 2, 1
FAN_ITEMS = gallery(5, "aabba")


def test_search_by_row_leaves_out_the_query() -> None:
    page = search(FAN_ITEMS, FAN, Query(row=0))
    assert rows(page) == [2, 4, 1, 3]
    assert page.query_item is FAN_ITEMS[0]


def test_distances_and_similarities_are_those_computed_by_hand() -> None:
    page = search(FAN_ITEMS, FAN, Query(row=0))
    assert [result.distance for result in page.results] == pytest.approx([1, 1, math.sqrt(2), 2], abs=1e-6)
    assert [result.similarity for result in page.results] == pytest.approx([0.5, 0.5, 0, -1], abs=1e-6)
    assert [result.rank for result in page.results] == [1, 2, 3, 4]
    assert [result.item for result in page.results] == [FAN_ITEMS[row] for row in (2, 4, 1, 3)]


def test_search_by_embedding_leaves_out_nothing() -> None:
    page = search(FAN_ITEMS, FAN, Query(embedding=at_degrees(0)[0], k=2))
    assert rows(page) == [0, 2]
    assert page.results[0].distance == 0.0
    assert page.query_item is None


def test_ties_come_by_row() -> None:
    space = exact_space(at_degrees(*[90] * 40, 0, *[90] * 40))
    assert rows(search(gallery(81), space, Query(row=40, k=50))) == [*range(40), *range(41, 51)]


def test_copies_of_the_query_stay_at_exactly_zero() -> None:
    embeddings = normalize(np.random.default_rng(5).normal(size=(30, 64)))
    embeddings[[3, 17, 29]] = embeddings[3]
    page = search(gallery(30), exact_space(embeddings), Query(row=17, k=3))
    assert rows(page)[:2] == [3, 29]
    assert [result.distance for result in page.results[:2]] == [0.0, 0.0]
    assert page.results[2].distance > 0


def test_more_copies_than_candidates_still_leave_out_the_query() -> None:
    embeddings = np.repeat(at_degrees(30), 300, axis=0)
    page = search(gallery(300), exact_space(embeddings), Query(row=2, k=5))
    assert rows(page) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("engine", ["exact", "annoy"])
def test_the_whole_search_agrees_with_scikit_learn(engine: str, tmp_path: Path) -> None:
    embeddings = normalize(np.random.default_rng(7).normal(size=(400, 24)))
    space = exact_space(embeddings)
    if engine == "annoy":
        AnnoyIndex.build(embeddings, tmp_path / "index.ann")
        space = Space("toy", space.spec, embeddings, AnnoyIndex(tmp_path / "index.ann", dim=24, n_items=400))
    neighbors = NearestNeighbors(n_neighbors=8).fit(embeddings.astype(np.float64))
    distances, expected = neighbors.kneighbors()  # without an argument each row's own is left out
    for row in range(0, 400, 10):
        page = search(gallery(400), space, Query(row=row, k=8))
        assert rows(page) == expected[row].tolist()
        assert [result.distance for result in page.results] == pytest.approx(distances[row], abs=1e-6)


def test_a_label_keeps_only_its_items() -> None:
    assert rows(search(FAN_ITEMS, FAN, Query(row=0, label="b"))) == [2, 3]
    assert rows(search(FAN_ITEMS, FAN, Query(row=0, label="a"))) == [4, 1]
    assert rows(search(FAN_ITEMS, FAN, Query(embedding=at_degrees(0)[0], label="a", k=1))) == [0]


def test_a_label_that_only_the_query_has_gives_nothing() -> None:
    assert search(gallery(3, "xyz"), exact_space(at_degrees(0, 1, 2)), Query(row=1, label="y")).results == ()


def test_a_label_far_from_the_query_is_found_whatever_the_index_says(tmp_path: Path) -> None:
    embeddings = at_degrees(*np.linspace(0, 1, 2000), 180)  # the last is the farthest of all
    AnnoyIndex.build(embeddings, tmp_path / "index.ann", n_trees=1)
    index = AnnoyIndex(tmp_path / "index.ann", dim=2, n_items=2001)
    space = Space("toy", FAN.spec, embeddings, index)
    assert rows(search(gallery(2001, "-" * 2000 + "x"), space, Query(row=0, label="x", k=1))) == [2000]


def test_an_unknown_label_is_an_error() -> None:
    with pytest.raises(ItemNotFoundError, match="label 'q'"):
        search(FAN_ITEMS, FAN, Query(row=0, label="q"))


def test_a_gallery_of_one_has_no_neighbours() -> None:
    space = exact_space(at_degrees(0))
    assert search(gallery(1), space, Query(row=0)).results == ()
    assert rows(search(gallery(1), space, Query(embedding=at_degrees(60)[0]))) == [0]


@pytest.mark.parametrize(("k", "n_results"), [(1, 1), (3, 3), (4, 4), (5, 4), (200, 4)])
def test_as_many_come_back_as_asked_or_as_there_are(k: int, n_results: int) -> None:
    assert len(search(FAN_ITEMS, FAN, Query(row=0, k=k)).results) == n_results


@pytest.mark.parametrize("k", [0, -1, 201, 10**9])
def test_a_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(InvalidQueryError, match=f"between 1 and 200. Received: k={k}"):
        Query(row=0, k=k)


@pytest.mark.parametrize("row", [-1, 5, 999])
def test_a_row_out_of_range_is_refused(row: int) -> None:
    with pytest.raises(ItemNotFoundError, match=f"between 0 and 4. Received: {row}."):
        search(FAN_ITEMS, FAN, Query(row=row))


@pytest.mark.parametrize("parts", [{}, {"row": 0, "embedding": np.ones(2)}])
def test_a_query_has_a_row_or_an_embedding(parts: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="either a row or an embedding"):
        Query(**parts)


@pytest.mark.parametrize("shape", [(3,), (1, 2), (), (0,)])
def test_an_embedding_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidQueryError, match=r"must have shape \(2,\)"):
        search(FAN_ITEMS, FAN, Query(embedding=np.ones(shape, np.float32)))


@pytest.mark.parametrize("vector", [(math.nan, 1), (math.inf, 0), (0, 0), (2, 0), (1e30, 1e30)])
def test_an_embedding_that_is_not_of_length_one_is_refused(vector: tuple[float, float]) -> None:
    with pytest.raises(InvalidQueryError, match="finite and of length 1"):
        search(FAN_ITEMS, FAN, Query(embedding=np.array(vector, np.float32)))


def test_a_page_is_a_json_object() -> None:
    page = search(FAN_ITEMS, FAN, Query(row=0, k=1))
    data = json.loads(json.dumps(page.to_json()))
    assert data.pop("timings_ms").keys() == {"search"}
    assert data == {
        "space": "toy",
        "query_item_id": "0.png",
        "results": [{"rank": 1, "row": 2, "item_id": "2.png", "label": "b", "distance": 1.0, "similarity": 0.5}],
    }
    assert search(FAN_ITEMS, FAN, Query(embedding=at_degrees(0)[0])).to_json()["query_item_id"] is None


def test_the_stored_embeddings_are_not_changed() -> None:
    embeddings = at_degrees(0, 90, 60)
    before = embeddings.copy()
    search(gallery(3), exact_space(embeddings), Query(row=0))
    search(gallery(3), exact_space(embeddings), Query(embedding=embeddings[1], k=1))
    assert np.array_equal(embeddings, before)
