"""The map of a space."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from imgsearch.distance import normalize
from imgsearch.vectors import projection
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import nearest_neighbors
from imgsearch.vectors.projection import Placement, method_for, place, project


def clusters(n_each: int, n_clusters: int = 3, dim: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = np.eye(dim)[:n_clusters]
    return normalize(np.repeat(centres, n_each, axis=0) + rng.normal(scale=0.05, size=(n_each * n_clusters, dim)))


def draw(embeddings: np.ndarray) -> np.ndarray:
    places = project(embeddings, nearest_neighbors(embeddings, ExactIndex(embeddings)))
    assert places.dtype == np.float32
    assert places.shape == (len(embeddings), 2)
    assert places.min() >= 0
    assert places.max() <= 1
    return places


def test_clusters_stay_together_and_the_map_is_the_same_again() -> None:
    embeddings = clusters(20)
    places = draw(embeddings)
    distances = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(60)
    np.testing.assert_array_equal(distances.argmin(axis=1) // 20, np.arange(60) // 20)
    extents = np.ptp(places, axis=0)
    np.testing.assert_allclose(extents.max(), 1, atol=1e-6)
    np.testing.assert_allclose((places.min(axis=0) + places.max(axis=0)) / 2, 0.5, atol=1e-6)
    np.testing.assert_array_equal(draw(embeddings), places)


def test_a_few_items_lie_as_their_principal_components_do() -> None:
    line = np.zeros((4, 8), dtype=np.float32)
    line[:, 2] = [0, 1, 2, 5]
    x, y = draw(line).T
    np.testing.assert_allclose(x if x[0] < x[3] else 1 - x, [0, 0.2, 0.4, 1], atol=1e-6)
    np.testing.assert_allclose(y, 0.5, atol=1e-6)


def test_principal_components_place_any_number_of_items_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MAX_TSNE_ITEMS", 40)
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)  # importing it fails
    plane = np.zeros((50, 8), dtype=np.float32)
    plane[:, 2] = np.linspace(-1, 1, 50)
    plane[:, 5] = 0.3 * np.where(np.arange(50) % 2, 1, -1)
    places = project(plane, np.zeros((50, 1), dtype=np.int32), "pca")
    correlation = np.abs(np.corrcoef(np.c_[places, plane[:, [2, 5]]].T)[:2, 2:])
    np.testing.assert_allclose(correlation, np.eye(2), atol=0.1)
    np.testing.assert_allclose(np.ptp(places, axis=0), [1, 0.3], atol=0.05)


def test_without_scikit_learn_the_map_is_that_of_the_principal_components(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = clusters(20)
    neighbors = np.zeros((len(embeddings), 1), dtype=np.int32)
    expected = project(embeddings, neighbors, "pca")
    assert not np.array_equal(project(embeddings, neighbors), expected)
    monkeypatch.setitem(sys.modules, "sklearn", None)  # importing it fails
    np.testing.assert_array_equal(project(embeddings, neighbors), expected)


@pytest.mark.parametrize("n", [1, 2, 40])
def test_items_that_are_all_the_same_stand_in_the_middle(n: int) -> None:
    np.testing.assert_array_equal(draw(normalize(np.ones((n, 4)))), np.full((n, 2), 0.5))


@pytest.mark.parametrize("n_more", [0, 100])
def test_copies_do_not_throw_the_others_out_of_the_map(n_more: int) -> None:
    embeddings = clusters(20)
    embeddings[:15] = embeddings[0]
    embeddings = np.concatenate([embeddings, np.repeat(embeddings[:1], n_more, axis=0)])
    places = draw(embeddings)
    assert np.linalg.norm(places[:15] - places[0], axis=1).max() < 0.1
    np.testing.assert_array_equal(places[:15], np.tile(places[0], (15, 1)))
    np.testing.assert_array_equal(places[60:], np.tile(places[0], (n_more, 1)))
    assert np.linalg.norm(places[20:60].mean(axis=0) - places[0]) > 0.2
    assert len(np.unique(places, axis=0)) == 46  # the others keep places of their own


def test_one_picture_among_many_copies_of_another_stands_alone() -> None:
    embeddings = np.repeat(np.eye(8, dtype=np.float32)[[2]], 50, axis=0)
    embeddings[7] = np.eye(8)[5]
    places = draw(embeddings)
    x = np.where(np.arange(50) == 7, places[7, 0], 1 - places[7, 0])
    assert places[7, 0] in (0, 1)
    np.testing.assert_array_equal(places, np.c_[x, np.full(50, 0.5)])


def test_too_few_distinct_items_for_t_sne_lie_as_their_principal_components_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)  # importing it fails
    line = np.zeros((4, 8), dtype=np.float32)
    line[:, 2] = [0, 1, 2, 5]
    which = np.arange(120) % 4
    x, y = draw(line[which]).T
    np.testing.assert_allclose(x if x[0] < x[3] else 1 - x, np.array([0, 0.2, 0.4, 1])[which], atol=1e-6)
    np.testing.assert_allclose(y, 0.5, atol=1e-6)
    assert len(np.unique(x)) == 4


@pytest.mark.parametrize(
    ("n_different", "n_copies", "expected"), [(29, 1, "pca"), (29, 5, "pca"), (30, 1, "tsne"), (30, 3, "tsne")]
)
def test_how_a_map_is_made_is_known_without_making_it(
    monkeypatch: pytest.MonkeyPatch, n_different: int, n_copies: int, expected: str
) -> None:
    made: list[str] = ["pca"]

    def tsne(points: np.ndarray, _: float) -> np.ndarray:
        made.append("tsne")
        return points[:, :2]

    monkeypatch.setattr(projection, "_tsne", tsne)
    embeddings = np.repeat(clusters(10)[:n_different], n_copies, axis=0)
    draw(embeddings)
    assert method_for(embeddings) == made[-1] == expected


def test_principal_components_place_copies_alike_and_do_not_bend_to_many_of_them() -> None:
    embeddings = clusters(20)
    few, many = (np.concatenate([embeddings, np.repeat(embeddings[4:5], n, axis=0)]) for n in (9, 300))
    places = project(many, np.zeros((360, 1), dtype=np.int32), "pca")
    np.testing.assert_array_equal(places[60:], np.tile(places[4], (300, 1)))
    np.testing.assert_allclose(places[:69], project(few, np.zeros((69, 1), dtype=np.int32), "pca"), atol=1e-4)


def test_zeros_of_either_sign_are_the_same_vector() -> None:
    embeddings = np.eye(4, dtype=np.float32)[[0, 1, 2, 0]]
    embeddings[3, 1:] = -0.0
    places = draw(embeddings)
    np.testing.assert_array_equal(places[3], places[0])


def test_items_outside_of_the_sample_stand_at_a_neighbours_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MAX_TSNE_ITEMS", 40)
    embeddings = clusters(20)
    places = draw(embeddings)
    distinct, counts = np.unique(places, axis=0, return_counts=True)
    assert len(distinct) == 40
    shared = [row for row in range(60) if counts[(distinct == places[row]).all(axis=1)][0] > 1]
    assert len(shared) > 20
    for row in shared:  # the same place is that of an item of the same cluster
        assert {int(other) // 20 for other in np.flatnonzero((places == places[row]).all(axis=1))} == {row // 20}


def test_copies_stand_together_where_a_sample_is_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MAX_TSNE_ITEMS", 40)
    embeddings = clusters(20)
    rows = np.random.default_rng(1).permutation(np.r_[np.arange(60), np.repeat([3, 25], 30)])  # more than their table holds
    places = draw(embeddings[rows])
    assert 20 <= len(np.unique(places, axis=0)) <= 40
    for row in range(60):
        same = places[rows == row]
        np.testing.assert_array_equal(same, np.tile(same[0], (len(same), 1)))
    for shared in np.unique(places, axis=0):  # with items of the same cluster
        assert len(set(rows[(places == shared).all(axis=1)] // 20)) == 1


def test_copies_that_do_not_count_make_no_sample_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MAX_TSNE_ITEMS", 69)
    rows = np.r_[np.arange(60), np.full(50, 25)]
    places = draw(clusters(20)[rows])
    assert len(np.unique(places, axis=0)) == 60
    np.testing.assert_array_equal(places[60:], np.tile(places[25], (50, 1)))


def test_what_differs_by_rounding_alone_stands_in_the_middle_outside_of_the_sample_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(projection, "MAX_TSNE_ITEMS", 40)
    embeddings = normalize(np.ones((60, 64)))
    embeddings[np.arange(60), np.arange(60)] += np.float32(2**-25)
    assert len(np.unique(embeddings, axis=0)) == 60
    np.testing.assert_array_equal(draw(embeddings), np.full((60, 2), 0.5))


def test_an_upload_stands_at_its_nearest_items_place() -> None:
    places = np.array([[0, 0.5], [0.25, 0.75], [1, 0.5]], dtype=np.float32)
    assert place([1, 2], places[[1, 2]], is_foreign=True) == Placement(0.25, 0.75, (1, 2), is_faded=True)
    nowhere = np.full((1, 2), np.nan, np.float32)
    assert place([7, 2], np.concatenate([nowhere, places[2:]]), is_foreign=False) == Placement(
        1, 0.5, (7, 2), is_faded=False
    )
    assert place([7], nowhere, is_foreign=False) is None
