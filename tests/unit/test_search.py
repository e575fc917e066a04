"""Search: hand-made vectors, and scikit-learn for the whole of it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from imgsearch.distance import normalize
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.pictures.items import Item, Items
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.results import SearchPage
from imgsearch.retrieval.search import ann_recall_at_k, search
from imgsearch.vectors.calibration import Calibration, SameLabel, Verdict
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Effort, VectorIndex
from imgsearch.vectors.space import Space
from tests.conftest import toy_space


def gallery(n_items: int, labels: str = "") -> Items:
    """Items 0.png ..., labelled by one letter each; "-" for none."""
    labels = labels or "-" * n_items
    return Items([Item(f"{i}.png", labels[i].strip("-"), 8, 8, 9, 9, "0" * 64, "0" * 64, 9) for i in range(n_items)])


def at_degrees(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane at these angles."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def rows(page: SearchPage) -> list[int]:
    return [result.row for result in page.results]


def found(
    items: Items,
    space: Space,
    rows: Sequence[int] = (),
    embeddings: np.ndarray | None = None,
    liked: Sequence[int] = (),
    disliked: Sequence[int] = (),
    part_of: int | None = None,
    **options: Any,
) -> SearchPage:
    """What a search finds, items by row; `embeddings` are those of a part of an item, where there is one."""
    names = {"items": rows if part_of is None else (part_of,), "liked": liked, "disliked": disliked}
    asked = {name: tuple(items[row].item_id for row in of) for name, of in names.items()}
    given = {"embeddings": embeddings} if part_of is None else {"region": Region(0, 0, 1, 1)}
    return search(items, space, Ask(**asked, **given, **options), embeddings)


def index_of(engine: str, embeddings: np.ndarray, folder: Path) -> VectorIndex:
    params = ENGINES[engine].checked({})
    if not ENGINES[engine].is_exact:
        ENGINES[engine].build(embeddings, folder / "index", params)
    return ENGINES[engine].open(folder / "index", embeddings, params)


FAN = toy_space(at_degrees(0, 90, 60, 180, 60))  # distances from row 0: 0, sqrt 2, 1, 2, 1
FAN_ITEMS = gallery(5, "aabba")


def test_search_by_row_leaves_out_the_query() -> None:
    page = found(FAN_ITEMS, FAN, rows=(0,))
    assert rows(page) == [2, 4, 1, 3]
    assert page.query_items == (FAN_ITEMS[0],)


def test_distances_and_similarities_are_those_computed_by_hand() -> None:
    page = found(FAN_ITEMS, FAN, rows=(0,))
    assert [result.distance for result in page.results] == pytest.approx([1, 1, math.sqrt(2), 2], abs=1e-6)
    assert [result.similarity for result in page.results] == pytest.approx([0.5, 0.5, 0, -1], abs=1e-6)
    assert [result.rank for result in page.results] == [1, 2, 3, 4]
    assert [result.item for result in page.results] == [FAN_ITEMS[row] for row in (2, 4, 1, 3)]


def test_search_by_embedding_leaves_out_nothing() -> None:
    page = found(FAN_ITEMS, FAN, embeddings=at_degrees(0), k=2)
    assert rows(page) == [0, 2]
    assert page.results[0].distance == 0.0
    assert page.query_items == ()


def test_ties_come_by_row() -> None:
    space = toy_space(at_degrees(*[90] * 40, 0, *[90] * 40))
    assert rows(found(gallery(81), space, rows=(40,), k=50)) == [*range(40), *range(41, 51)]


def test_copies_of_the_query_stay_at_exactly_zero() -> None:
    embeddings = normalize(np.random.default_rng(5).normal(size=(30, 64)))
    embeddings[[3, 17, 29]] = embeddings[3]
    page = found(gallery(30), toy_space(embeddings), rows=(17,), k=3)
    assert rows(page)[:2] == [3, 29]
    assert [result.distance for result in page.results[:2]] == [0.0, 0.0]
    assert page.results[2].distance > 0


def test_more_copies_than_candidates_still_leave_out_the_query() -> None:
    embeddings = np.repeat(at_degrees(30), 300, axis=0)
    page = found(gallery(300), toy_space(embeddings), rows=(2,), k=5)
    assert rows(page) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_whole_search_agrees_with_scikit_learn(engine: str, tmp_path: Path) -> None:
    embeddings = normalize(np.random.default_rng(7).normal(size=(400, 24)))
    space = toy_space(embeddings, index_of(engine, embeddings, tmp_path))
    neighbors = NearestNeighbors(n_neighbors=8).fit(embeddings.astype(np.float64))
    distances, expected = neighbors.kneighbors()  # without an argument each row's own is left out
    for row in range(0, 400, 10):
        page = found(gallery(400), space, rows=(row,), k=8)
        assert rows(page) == expected[row].tolist()
        assert [result.distance for result in page.results] == pytest.approx(distances[row], abs=1e-6)


def test_a_label_keeps_only_its_items() -> None:
    assert rows(found(FAN_ITEMS, FAN, rows=(0,), label="b")) == [2, 3]
    assert rows(found(FAN_ITEMS, FAN, rows=(0,), label="a")) == [4, 1]
    assert rows(found(FAN_ITEMS, FAN, embeddings=at_degrees(0), label="a", k=1)) == [0]


def test_a_label_that_only_the_query_has_gives_nothing() -> None:
    assert found(gallery(3, "xyz"), toy_space(at_degrees(0, 1, 2)), rows=(1,), label="y").results == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_label_far_from_the_query_is_found_whatever_the_index_says(engine: str, tmp_path: Path) -> None:
    embeddings = at_degrees(*np.linspace(0, 90, 2000), 180)  # the last is the farthest of all
    space = toy_space(embeddings, index_of(engine, embeddings, tmp_path))
    assert rows(found(gallery(2001, "-" * 2000 + "x"), space, rows=(0,), label="x", k=1)) == [2000]


def test_an_unknown_label_is_an_error() -> None:
    with pytest.raises(ItemNotFoundError, match="label 'q'"):
        found(FAN_ITEMS, FAN, rows=(0,), label="q")


def test_a_gallery_of_one_has_no_neighbours() -> None:
    space = toy_space(at_degrees(0))
    assert found(gallery(1), space, rows=(0,)).results == ()
    assert rows(found(gallery(1), space, embeddings=at_degrees(60))) == [0]


@pytest.mark.parametrize(("k", "n_results"), [(1, 1), (3, 3), (4, 4), (5, 4), (200, 4)])
def test_as_many_come_back_as_asked_or_as_there_are(k: int, n_results: int) -> None:
    assert len(found(FAN_ITEMS, FAN, rows=(0,), k=k).results) == n_results


@pytest.mark.parametrize("k", [0, -1, 201, 10**9])
def test_a_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(InvalidQueryError, match=f"between 1 and 200. Received: k={k}"):
        Ask(items=("0.png",), k=k)


@pytest.mark.parametrize("row", [-1, 5, 999])
def test_a_row_out_of_range_is_refused(row: int) -> None:
    with pytest.raises(ItemNotFoundError, match=f"between 0 and 4. Received: {row}."):
        found(FAN_ITEMS, FAN, rows=(row,))


@pytest.mark.parametrize("parts", [{}, {"embeddings": np.empty((0, 2))}, {"liked": ("2.png",)}])
def test_something_must_be_asked_with(parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match="needs an item_id, a row, a picture, an embedding or words"):
        Ask(**parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"items": ("0.png", "1.png")},
        {"items": ("0.png",), "pictures": (b"",)},
        {"pictures": (b"", b"")},
        {"items": ("0.png",), "embeddings": at_degrees(0)},
    ],
)
def test_a_region_belongs_to_one_thing(parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match="exactly one item, row or picture"):
        Ask(**parts, region=Region(0, 0, 1, 1))


@pytest.mark.parametrize("shape", [(2,), (1, 3), (1, 2, 1), (2, 0)])
def test_an_embedding_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidQueryError, match="must have 2 or 256 values"):
        FAN.as_points(np.ones(shape, np.float32))


@pytest.mark.parametrize("vector", [(math.nan, 1), (math.inf, 0), (0, 0), (2, 0), (1e30, 1e30)])
def test_an_embedding_that_is_not_of_length_one_is_refused(vector: tuple[float, float]) -> None:
    with pytest.raises(InvalidQueryError, match="finite and of length 1"):
        FAN.as_points(np.array([vector], np.float32))


def test_several_queries_are_one_at_their_mean() -> None:
    space = toy_space(at_degrees(0, 40, 20, 90, 25))
    page = found(gallery(5), space, rows=(0, 1))
    assert rows(page) == [2, 4, 3]
    assert page.results[0].distance == pytest.approx(0, abs=1e-3)
    assert page.results[2].distance == pytest.approx(2 * math.sin(math.radians(35)), abs=1e-6)
    assert [item.item_id for item in page.query_items] == ["0.png", "1.png"]
    mixed = found(gallery(5), space, rows=(0,), embeddings=at_degrees(40))
    assert rows(mixed) == [2, 4, 1, 3]


def test_an_item_whose_part_is_asked_with_does_not_come_back() -> None:
    page = found(FAN_ITEMS, FAN, embeddings=at_degrees(0), part_of=0)
    assert rows(page) == [2, 4, 1, 3]
    assert (page.query_items, page.part_of) == ((), FAN_ITEMS[0])
    assert not any(result.is_copy for result in page.results)


@pytest.mark.parametrize(("max_distance", "n_found"), [(2, 4), (1.5, 3), (1.0, 2), (0.9, 0)])
def test_only_what_is_near_enough_comes_back(max_distance: float, n_found: int) -> None:
    page = found(FAN_ITEMS, FAN, rows=(0,), max_distance=max_distance)
    assert rows(page) == [2, 4, 1, 3][:n_found]


def test_feedback_changes_the_order_and_not_the_distances() -> None:
    space = toy_space(at_degrees(0, 30, -28, 80, -85))
    before = found(gallery(5), space, rows=(0,))
    after = found(gallery(5), space, rows=(0,), liked=(3,))  # asks at 31.9 degrees
    assert (rows(before), rows(after)) == ([2, 1, 3, 4], [1, 3, 2, 4])
    assert [result.rank_before for result in after.results] == [2, 3, 1, 4]
    assert {(each.row, each.distance) for each in after.results} == {(each.row, each.distance) for each in before.results}
    away = found(gallery(5), space, rows=(0,), disliked=(2,))  # asks at 8.7 degrees
    assert rows(away) == [1, 3, 4]


def test_feedback_finds_what_the_query_alone_does_not() -> None:
    embeddings = at_degrees(0, *np.linspace(1, 60, 300), 90)
    page = found(gallery(302), toy_space(embeddings), rows=(0,), liked=(301,), k=5)
    # It asks at atan 0.75, and of the 300 the 100 nearest to the query reach to 20.5 degrees only.
    assert [result.rank_before for result in page.results] == [None] * 5
    angle = math.degrees(math.atan(0.75))
    expected = sorted(np.linspace(1, 60, 300), key=lambda degrees: abs(degrees - angle))[:5]
    distances = [2 * math.sin(math.radians(degrees / 2)) for degrees in expected]
    assert [result.distance for result in page.results] == pytest.approx(distances, abs=1e-6)


def test_a_reranking_changes_the_order_and_says_what_it_was() -> None:
    # The three nearest, at 14, -15 and -16 degrees, move the query to -4.2: 16.5 comes behind -17. The nearest stays first.
    space = toy_space(at_degrees(0, 14, -15, -16, 16.5, -17, 90))
    page = found(gallery(7), space, rows=(0,), rerank="expansion")
    assert rows(page) == [1, 2, 3, 5, 4, 6]
    assert [result.rank for result in page.results] == [1, 2, 3, 4, 5, 6]
    assert [result.rank_before for result in page.results] == [1, 2, 3, 5, 4, 6]
    assert page.results[0].distance == pytest.approx(2 * math.sin(math.radians(7)), abs=1e-6)
    assert page.rerank == "expansion"
    assert list(page.timings_ms) == ["search", "rerank"]


@pytest.mark.parametrize("rerank", ["augmentation", "expansion", "augmentation-expansion", "k-reciprocal"])
def test_a_label_keeps_the_order_of_the_whole_answer(rerank: str) -> None:
    embeddings = normalize(np.random.default_rng(3).normal(size=(90, 6)))
    items, space = gallery(90, "abc" * 30), toy_space(embeddings)
    everything = found(items, space, rows=(4,), rerank=rerank, k=89)
    only_b = found(items, space, rows=(4,), rerank=rerank, label="b", k=89)
    nearest = found(items, space, rows=(4,), label="b", k=1).results[0].row  # what stays first is the nearest b
    of_b = [result.row for result in everything.results if result.item.label == "b"]
    assert rows(only_b) == [nearest, *(row for row in of_b if row != nearest)]


# A query at 0 degrees that leaves out row 0 is expanded by its three nearest, at 14, -15 and -16, to -4.1: from there 14 is
# 18.1 away, and those from -15 to -20 are 10.9 to 15.9 away. So expansion alone puts the nearest behind all of these.
LONE = toy_space(at_degrees(0, 14, -15, -16, -17, -18, -19, -20, 90))
LONE_ITEMS = gallery(9, "-abbbbbaa")
TO_LIKE, TO_DISLIKE = at_degrees(-math.degrees(math.asin(0.75)), math.degrees(math.asin(0.25)))[:, None]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"rows": (0,)}, [1, 2, 3, 4, 5, 6, 7, 8]),  # an item is not its own nearest
        ({"embeddings": at_degrees(0), "part_of": 0}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"embeddings": at_degrees(0), "k": 2}, [0, 1]),  # a picture that is there finds itself
        ({"embeddings": at_degrees(-5, 5), "part_of": 0}, [1, 2, 3, 4, 5, 6, 7, 8]),  # two ask at their mean
        ({"rows": (0,), "k": 1}, [1]),
        ({"rows": (0,), "label": "a"}, [1, 7, 8]),
        ({"rows": (0,), "label": "b"}, [2, 3, 4, 5, 6]),  # the nearest of all has another label
        ({"rows": (0,), "max_distance": 0.3}, [1, 2, 3, 4]),  # 17 degrees are 0.296
        ({"rows": (0,), "max_distance": 0.2}, []),  # 14 degrees are 0.244
        ({"embeddings": at_degrees(180)}, [8, 7, 6, 5, 4, 3, 2, 1, 0]),  # foreign: nothing is near enough to expand it
        # Moved to 0 degrees: q + 0.75 (0, 1), and q - 0.25 (0, 1).
        ({"embeddings": TO_LIKE, "part_of": 0, "liked": (8,)}, [1, 2, 3, 4, 5, 6, 7, 8]),
        ({"embeddings": TO_DISLIKE, "part_of": 0, "disliked": (8,)}, [1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_the_nearest_stays_first_whatever_a_reranking_makes_of_it(asked: dict[str, Any], expected: list[int]) -> None:
    page = found(LONE_ITEMS, LONE, **asked, rerank="expansion")
    assert rows(page) == expected
    plain = found(LONE_ITEMS, LONE, **asked)
    assert rows(page)[:1] == rows(plain)[:1]


def test_of_two_that_are_equally_near_the_first_row_stays_first() -> None:
    # Expanded by 14, -14 and -15 degrees, the query is at -3.7: alone, -14 would come first and 14 last.
    space = toy_space(at_degrees(0, 14, -14, -15, -16, -17))
    page = found(gallery(6), space, rows=(0,), rerank="expansion")
    assert page.results[0].distance == page.results[1].distance
    assert rows(page) == [1, 2, 3, 4, 5]
    mirrored = toy_space(at_degrees(0, -14, 14, -15, -16, -17))
    assert rows(found(gallery(6), mirrored, rows=(0,), rerank="expansion")) == [1, 3, 4, 5, 2]


def test_an_unknown_reranking_and_other_options_out_of_range_are_refused() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"effort": "much"}, "An effort must be one of quick, normal, exact. Received: 'much'."),
        ({"rerank": "magic"}, "A re-ranking must be one of augmentation, .* Received: 'magic'."),
        ({"max_distance": 2.5}, "max_distance must be between 0 and 2. Received: 2.5."),
        ({"max_distance": math.nan}, "max_distance must be between 0 and 2. Received: nan."),
    ]
    for parts, message in refused:
        with pytest.raises(InvalidQueryError, match=message):
            Ask(items=("0.png",), **parts)
    for name in ("items", "liked", "disliked"):
        with pytest.raises(ItemNotFoundError, match=r"'9\.png'"):
            search(FAN_ITEMS, FAN, Ask(**{"items": ("0.png",), name: ("9.png",)}))


def test_copies_of_a_query_item_are_marked() -> None:
    items = Items([Item(f"{i}.png", "", 8, 8, 9, 9, sha256, "0", 9) for i, sha256 in enumerate("aabca")])
    page = found(items, FAN, rows=(0,))
    assert {result.row for result in page.results if result.is_copy} == {1, 4}
    assert not any(result.is_copy for result in found(items, FAN, embeddings=at_degrees(0)).results)


class _Blind(ExactIndex):
    """An index that sees only even rows, unless it is asked for exact answers; it counts what it is asked."""

    is_exact = False
    n_asked = 0

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: np.ndarray | None = None
    ) -> np.ndarray:
        self.n_asked += 1
        if effort is Effort.NORMAL:
            among = np.arange(0, self.n_items, 2)
        return super().nearest(vector, n, among=among)


def test_the_recall_of_an_index_is_its_share_of_the_exact_answer() -> None:
    embeddings = at_degrees(*np.arange(40))
    blind = toy_space(embeddings, _Blind(embeddings))
    page = found(gallery(40), blind, rows=(0,), k=10)
    recall = ann_recall_at_k(gallery(40), blind, page)  # 1 to 10, of which it sees 2, 4, 6, 8, 10
    assert (recall.k, recall.recall) == (10, 0.5)
    assert recall.index_ms > 0
    assert recall.exact_ms > 0
    exact = found(gallery(40), blind, rows=(0,), k=3, effort=Effort.EXACT)
    assert rows(exact) == [1, 2, 3]
    assert ann_recall_at_k(gallery(40), blind, exact).recall == 1 / 3  # an exact answer is compared with normal effort
    sighted = toy_space(embeddings)
    assert ann_recall_at_k(gallery(40), sighted, page).recall == 1
    # Re-ranking is no business of the index, and a picture from outside is asked with again.
    reordered = found(gallery(40), blind, rows=(0,), k=10, rerank="expansion", liked=(39,))
    assert ann_recall_at_k(gallery(40), blind, reordered).recall == 0.5
    outside = found(gallery(40), blind, embeddings=at_degrees(0), k=10)
    assert ann_recall_at_k(gallery(40), blind, outside).recall == 0.5
    alone = found(gallery(1), toy_space(at_degrees(0)), rows=(0,))
    assert ann_recall_at_k(gallery(1), toy_space(at_degrees(0)), alone).recall == 1


@pytest.mark.parametrize(("steered", "n_asked"), [({}, 1), ({"liked": (5,)}, 2), ({"rerank": "expansion"}, 1)])
def test_the_index_is_asked_once_and_once_more_where_the_answer_is_steered(steered: dict[str, Any], n_asked: int) -> None:
    embeddings = at_degrees(*np.arange(40))
    index = _Blind(embeddings)
    space = toy_space(embeddings, index)
    found(gallery(40), space, rows=(0,), **steered)
    assert index.n_asked == n_asked


def test_among_equal_pictures_one_more_of_them_is_no_stranger() -> None:
    space = toy_space(np.repeat(at_degrees(0), 30, axis=0))
    for query in ({"rows": (0,)}, {"embeddings": at_degrees(0)}):
        page = found(gallery(30), space, **query)
        assert page.results[0].distance == 0
        assert page.results[0].percentile == 0
        assert page.verdict is not None
        assert not page.verdict.is_foreign
    other = found(gallery(30), space, embeddings=at_degrees(90)).verdict
    assert other is not None
    assert other.is_foreign


def test_a_page_is_a_json_object() -> None:
    page = found(FAN_ITEMS, FAN, rows=(0,), k=1)
    data = json.loads(json.dumps(page.to_json()))
    assert data.pop("timings_ms").keys() == {"search"}
    assert data["results"][0].pop("percentile") == pytest.approx(FAN.calibration.percentile(1.0), abs=1e-3)
    result = {"rank": 1, "rank_before": 1, "row": 2, "item_id": "2.png", "label": "b"}
    assert data == {
        "space": "toy",
        "words": [],
        "not_words": [],
        "query_item_ids": ["0.png"],
        "region": None,
        "objects": None,
        "rerank": "",
        "is_foreign": False,  # of five items none can be: the rate of false alarms would be above its limit
        "n_shown": None,
        "n_candidates": 4,
        "n_copies": 0,
        "results": [
            {
                **result,
                "distance": 1.0,
                "similarity": 0.5,
                "is_copy": True,
                "is_same_label": False,
                "p_same_label": None,
                "worth": None,
            }
        ],
    }
    assert found(FAN_ITEMS, FAN, embeddings=at_degrees(0)).to_json()["query_item_ids"] == []


def test_a_known_label_is_a_fact_and_an_unknown_one_a_probability() -> None:
    same_label = SameLabel(intercept=2.0, per_distance=-3.0, per_neighborhood=1.0)
    space = replace(FAN, calibration=replace(FAN.calibration, same_label=same_label))
    items = gallery(5, "aab-a")

    def told(**query: Any) -> list[tuple[bool | None, float | None]]:
        results = found(items, space, **query).results
        return [(each.is_same_label, each.p_same_label) for each in sorted(results, key=lambda each: each.row)]

    # What is known: the rows 1, 2, 3, 4 of a query labelled a. The third has no label.
    assert told(rows=(0,)) == [(True, None), (False, None), (None, None), (True, None)]
    assert told(rows=(0, 1)) == [(False, None), (None, None), (True, None)]  # both are labelled so
    assert told(rows=(0, 2)) == [(None, None)] * 3  # of several labels there is no one to compare with
    # What is not: a picture from outside, at 0, sqrt 2, 1, 2, 1, its neighbours at the mean of these.
    mean = (0 + math.sqrt(2) + 1 + 2 + 1) / 5
    log_odds = [2 - 3 * distance + mean for distance in (0, math.sqrt(2), 1, 2, 1)]
    expected = [1 / (1 + math.exp(-each)) for each in log_odds]
    assert [p for _, p in told(embeddings=at_degrees(0))] == pytest.approx(expected, abs=1e-5)
    assert {fact for fact, _ in told(embeddings=at_degrees(0))} == {None}
    assert all(p is not None for _, p in told(rows=(3,)))  # nor the label of this item
    # Nothing is said of parts or of several pictures: that was not calibrated.
    assert told(embeddings=at_degrees(0), part_of=0) == [(None, None)] * 4
    assert told(embeddings=at_degrees(0, 20)) == [(None, None)] * 5


def test_of_a_foreign_query_no_probability_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    same_label = SameLabel(intercept=2.0, per_distance=-3.0, per_neighborhood=1.0)
    space = replace(FAN, calibration=replace(FAN.calibration, same_label=same_label))
    monkeypatch.setattr(Calibration, "verdict", lambda _, distance: Verdict(True))
    page = found(FAN_ITEMS, space, embeddings=at_degrees(0))
    assert [result.p_same_label for result in page.results] == [None] * 5
    assert {each["p_same_label"] for each in page.to_json()["results"]} == {None}


def test_the_clock_covers_all_of_a_search_and_each_step_has_its_own_share(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_at: list[int] = []

    def now() -> int:  # a second passes from one look at the clock to the next
        asked_at.append(len(asked_at))
        return asked_at[-1]

    monkeypatch.setattr("imgsearch.retrieval.search.time", SimpleNamespace(perf_counter=now))
    assert found(FAN_ITEMS, FAN, rows=(0,)).timings_ms == {"search": 1000 * asked_at[-1]}
    asked_at.clear()
    page = found(FAN_ITEMS, FAN, rows=(0,), rerank="expansion", liked=(4,))
    assert page.timings_ms["rerank"] == 1000
    assert sum(page.timings_ms.values()) == 1000 * asked_at[-1] > 1000


def test_the_stored_embeddings_are_not_changed() -> None:
    embeddings = at_degrees(0, 90, 60)
    before = embeddings.copy()
    found(gallery(3), toy_space(embeddings), rows=(0,))
    found(gallery(3), toy_space(embeddings), embeddings=embeddings[1:2], k=1)
    assert np.array_equal(embeddings, before)
