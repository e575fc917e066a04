"""Re-ranking: by hand in the plane, and against galleries from which the query was really taken out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from imgsearch import embedder_spec
from imgsearch.distance import normalize
from imgsearch.pictures.items import Item, Items
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.expansion import augment, expand_query, joint_query, rocchio
from imgsearch.retrieval.rerank import (
    DEPTH,
    N_NEAREST,
    RERANKINGS,
    Candidates,
    default_reranking,
    diversify,
    k_reciprocal_distances,
    reorder,
    rerankings_of,
)
from imgsearch.retrieval.search import search
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import nearest_neighbors
from tests.conftest import toy_space


def at_degrees(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane at these angles, float32 (n, 2)."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def degrees_of(vector: np.ndarray) -> float:
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    return math.degrees(math.atan2(vector[1], vector[0]))


def ask(embeddings: np.ndarray, query: np.ndarray, *, left_out: tuple[int, ...] = ()) -> Candidates:
    """All rows but those left out, as a search would hand them to a re-ranking."""
    order = np.argsort(-(embeddings @ query), kind="stable")
    order = order[~np.isin(order, left_out)]
    neighbors = nearest_neighbors(embeddings, ExactIndex(embeddings))
    return Candidates(query, order, order[:N_NEAREST], embeddings.__getitem__, neighbors, left_out)


def test_several_queries_are_asked_with_as_their_mean() -> None:
    assert degrees_of(joint_query(at_degrees(0, 60))) == pytest.approx(30, abs=1e-4)
    assert degrees_of(joint_query(at_degrees(0, 0, 90))) == pytest.approx(math.degrees(math.atan(1 / 2)), abs=1e-4)
    assert np.array_equal(joint_query(at_degrees(17)), at_degrees(17)[0])


def test_feedback_moves_the_query_by_the_weights_of_rocchio() -> None:
    query, none = at_degrees(0)[0], at_degrees()
    assert degrees_of(rocchio(query, at_degrees(90), none)) == pytest.approx(math.degrees(math.atan(0.75)), abs=1e-4)
    assert degrees_of(rocchio(query, none, at_degrees(90))) == pytest.approx(math.degrees(math.atan(-0.25)), abs=1e-4)
    # The mean of what was liked counts, not how much was liked: 90 and -90 degrees cancel out.
    assert degrees_of(rocchio(query, at_degrees(90, -90), none)) == pytest.approx(0, abs=1e-4)
    assert np.array_equal(query, at_degrees(0)[0])


@pytest.mark.parametrize(("alpha", "weight"), [(0, 1), (1, 0.5), (3, 0.125)])
def test_an_expanded_query_weighs_by_similarity_to_the_power_of_alpha(alpha: float, weight: float) -> None:
    expanded = expand_query(at_degrees(0)[0], at_degrees(60), alpha)  # similarity 0.5
    x, y = 1 + weight * 0.5, weight * math.sqrt(0.75)
    assert degrees_of(expanded) == pytest.approx(math.degrees(math.atan2(y, x)), abs=1e-4)


def test_what_is_opposite_or_missing_does_not_expand_a_query() -> None:
    assert degrees_of(expand_query(at_degrees(10)[0], at_degrees(130, 190))) == pytest.approx(10, abs=1e-4)
    assert degrees_of(expand_query(at_degrees(10)[0], at_degrees())) == pytest.approx(10, abs=1e-4)


def test_augmentation_takes_the_next_nearest_where_one_is_left_out() -> None:
    embeddings = at_degrees(0, 10, 24, 90)
    neighbors = nearest_neighbors(embeddings, ExactIndex(embeddings))
    rows = np.array([0, 3])
    plain = augment(embeddings.__getitem__, neighbors, rows, n=1, alpha=0)
    assert [degrees_of(each) for each in plain] == pytest.approx([5, 57], abs=1e-4)  # 0 with 10, 90 with 24
    without = augment(embeddings.__getitem__, neighbors, rows, n=1, alpha=0, left_out=(1,))
    assert [degrees_of(each) for each in without] == pytest.approx([12, 57], abs=1e-4)  # 0 with 24
    alone = augment(embeddings.__getitem__, neighbors, rows, n=1, alpha=0, left_out=(1, 2, 3, 0))
    assert [degrees_of(each) for each in alone] == pytest.approx([0, 90], abs=1e-4)


def test_k_reciprocal_distances_by_hand() -> None:
    # 10 and 20 degrees are each other's nearest, and so are 90 and 95. The query at 1 degree is nearer to 10 than 20 is.
    embeddings = at_degrees(10, 20, 90, 95)
    distances = k_reciprocal_distances(ask(embeddings, at_degrees(1)[0]), k1=1, k2=1, distance_weight=0)
    # The query's code is 10 alone. 10's and 20's are themselves and each other, by exp(-0) and exp(-2 sin 5 degrees).
    own = 1 / (1 + math.exp(-2 * math.sin(math.radians(5))))
    expected = [1 - own / (2 - own), 1 - (1 - own) / (2 - (1 - own)), 1, 1]
    assert distances == pytest.approx(expected, abs=1e-5)
    mixed = k_reciprocal_distances(ask(embeddings, at_degrees(1)[0]), k1=1, k2=1, distance_weight=0.5)
    plain = 2 * np.sin(np.radians(np.array([9, 19, 89, 94]) / 2))
    assert mixed == pytest.approx(0.5 * np.array(expected) + 0.5 * plain, abs=1e-5)


def dense_k_reciprocal(similarity: np.ndarray, to_query: np.ndarray, k1: int, k2: int) -> np.ndarray:
    """Jaccard distances with n x n matrices, after the authors' code (zhunzhong07/person-re-ranking)."""
    n, half = len(similarity), max(1, k1 // 2)
    others = similarity - 9 * np.eye(n)
    order = np.argsort(-others, axis=1, kind="stable")
    weights = np.exp(-np.sqrt(np.maximum(2 - 2 * similarity, 0)))

    def mutual(k: int) -> np.ndarray:
        is_near = np.zeros((n, n), dtype=bool)
        is_near[np.arange(n)[:, None], order[:, :k]] = True
        return is_near & is_near.T | np.eye(n, dtype=bool)

    wide, narrow = mutual(k1), mutual(half)

    def grow(members: np.ndarray) -> np.ndarray:
        further = [narrow[j] for j in np.flatnonzero(members) if (narrow[j] & members).sum() > 2 / 3 * narrow[j].sum()]
        return np.asarray(np.any([members, *further], axis=0))

    codes = np.array([np.where(grow(wide[i]), weights[i], 0) for i in range(n)])
    codes /= codes.sum(axis=1, keepdims=True)
    nearest = np.argsort(-to_query, kind="stable")[:k1]
    kth = others[np.arange(n), order[:, k1 - 1]]
    members = np.zeros(n, dtype=bool)
    members[nearest] = to_query[nearest] >= kth[nearest]
    code = np.where(grow(members), np.exp(-np.sqrt(np.maximum(2 - 2 * to_query, 0))), 0)
    code /= max(code.sum(), 1e-12)
    code = np.mean([code, *codes[nearest[: k2 - 1]]], axis=0)
    codes = np.mean([codes, *(codes[order[:, t]] for t in range(k2 - 1))], axis=0)
    jaccard: np.ndarray = 1 - np.minimum(codes, code).sum(axis=1) / np.maximum(codes, code).sum(axis=1)
    return jaccard


@pytest.mark.parametrize(("k1", "k2"), [(6, 3), (8, 1), (15, 4)])
def test_k_reciprocal_distances_are_those_of_dense_matrices(k1: int, k2: int) -> None:
    rng = np.random.default_rng(3)
    centers = rng.normal(size=(8, 6))
    embeddings = normalize(centers[rng.integers(0, 8, 90)] + 0.5 * rng.normal(size=(90, 6)))
    exact = embeddings.astype(np.float64)
    for query in normalize(centers):
        candidates = ask(embeddings, query)
        expected = dense_k_reciprocal(exact @ exact.T, exact @ query, k1, k2)
        found = k_reciprocal_distances(candidates, k1, k2, distance_weight=0)
        assert found == pytest.approx(expected[candidates.rows], abs=1e-4)
        assert len(np.unique(found.round(6))) > 5


def test_diversity_weighs_nearness_against_what_was_chosen() -> None:
    embeddings = at_degrees(5, 6, -20, 60)
    candidates = ask(embeddings, at_degrees(0)[0])
    # After 5: 6 gets (cos 6 - cos 1) / 2 = -0.003, -20 gets (cos 20 - cos 25) / 2 = 0.017, 60 gets -0.037.
    assert diversify(candidates, 0.5).tolist() == [0, 2, 1, 3]
    assert diversify(candidates, 0.0).tolist() == [0, 1, 2, 3]


def test_diversity_drops_copies_of_what_was_chosen() -> None:
    # Twenty pictures with nothing in common, 1.41 apart; then two that are 0.60 and 0.77 away from the first.
    axes = np.eye(20)
    embeddings = normalize(np.vstack([axes, axes[0] + 0.7 * axes[1], axes[0] + axes[1]]))
    assert np.linalg.norm(embeddings[20] - embeddings[0]) == pytest.approx(0.601, abs=1e-3)
    found = diversify(ask(embeddings, embeddings[0]), 0.0).tolist()
    assert found[:2] == [0, 21]  # half of 1.41 is 0.71
    assert sorted(found) == [*range(20), 21]
    few = at_degrees(0, 1, 40, 80)  # with few neighbours, nothing is known about copies
    assert len(diversify(ask(few, at_degrees(29)[0]), 0.0)) == 4


@pytest.mark.parametrize("name", RERANKINGS)
@pytest.mark.parametrize("n_items", [1, 2, 5, 60])
def test_every_reranking_keeps_the_rows_of_any_gallery(name: str, n_items: int) -> None:
    rng = np.random.default_rng(n_items)
    embeddings = normalize(rng.normal(size=(n_items, 40)))
    candidates = ask(embeddings, normalize(rng.normal(size=(1, 40)))[0])
    found = RERANKINGS[name].reorder(candidates)
    assert sorted(found.tolist()) == list(range(n_items))
    empty = Candidates(
        candidates.query, candidates.rows[:0], candidates.nearest, embeddings.__getitem__, candidates.neighbors
    )
    assert RERANKINGS[name].reorder(empty).tolist() == []


def test_the_nearest_stays_first_and_the_others_come_in_the_new_order() -> None:
    # Expansion asks at -4.1 degrees: those from -15 to -19 are 10.9 to 14.9 away, 14 is 18.1 away.
    candidates = ask(at_degrees(14, -15, -16, -17, -18, -19), at_degrees(0)[0])
    assert RERANKINGS["expansion"].reorder(candidates).tolist() == [1, 2, 3, 4, 5, 0]
    assert reorder("expansion", candidates).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", [name for name in RERANKINGS if name != "diverse"])  # whose first is the nearest anyway
def test_every_reranking_would_put_others_before_the_nearest(name: str) -> None:
    rng = np.random.default_rng(7)
    centers = rng.normal(size=(6, 8))
    embeddings = normalize(centers[np.arange(60) % 6] + 0.6 * rng.normal(size=(60, 8)))
    moved = 0
    for query in normalize(centers[np.arange(20) % 6] + 0.6 * rng.normal(size=(20, 8))):
        candidates = ask(embeddings, query)
        alone, nearest = RERANKINGS[name].reorder(candidates).tolist(), int(candidates.rows[0])
        assert reorder(name, candidates).tolist() == [nearest, *(row for row in alone if row != nearest)]
        moved += alone[0] != nearest
    assert moved >= 3


@pytest.mark.parametrize("name", RERANKINGS)
def test_what_is_beyond_the_depth_keeps_its_place(name: str) -> None:
    rng = np.random.default_rng(2)
    embeddings = normalize(rng.normal(size=(DEPTH + 30, 60)))
    candidates = ask(embeddings, normalize(rng.normal(size=(1, 60)))[0])
    found = reorder(name, candidates)
    assert found[0] == candidates.rows[0]
    assert found[-30:].tolist() == candidates.rows[DEPTH:].tolist()
    assert sorted(found.tolist()) == list(range(DEPTH + 30))
    nothing = Candidates(
        candidates.query, candidates.rows[:0], candidates.nearest, embeddings.__getitem__, candidates.neighbors
    )
    assert reorder(name, nothing).tolist() == []


@pytest.mark.parametrize("name", RERANKINGS)
def test_a_row_that_is_left_out_contributes_nothing(name: str) -> None:
    rng = np.random.default_rng(11)
    centers = rng.normal(size=(6, 8))
    embeddings = normalize(centers[np.arange(60) % 6] + 0.6 * rng.normal(size=(60, 8)))
    changed = 0
    for row in range(0, 60, 7):
        query = embeddings[row]
        with_table = RERANKINGS[name].reorder(ask(embeddings, query, left_out=(row,)))
        others = np.delete(np.arange(60), row)
        really_without = RERANKINGS[name].reorder(ask(embeddings[others], query))
        assert with_table.tolist() == others[really_without].tolist()
        plain = np.argsort(-(embeddings[others] @ query), kind="stable")
        changed += really_without.tolist() != plain.tolist()
    assert changed >= 5  # so that the order compared is one that re-ranking made


def test_a_name_that_an_address_or_a_command_may_hold_stays() -> None:
    assert {"augmentation", "expansion", "augmentation-expansion", "k-reciprocal", "diverse"} <= RERANKINGS.keys()


def test_spaces_of_cnns_are_reranked_by_default_and_those_of_descriptors_are_not() -> None:
    space = toy_space(np.eye(4, 64, dtype=np.float32))
    assert default_reranking(replace(space, spec=embedder_spec("mini"))) == "augmentation-expansion"
    assert default_reranking(replace(space, spec=embedder_spec("cedd"))) == ""


def test_what_needs_a_table_of_neighbours_is_query_expansion_where_nobody_keeps_one() -> None:
    space = toy_space(normalize(np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)))
    without = replace(space, neighbors=None)
    assert rerankings_of(space) == list(RERANKINGS)
    assert rerankings_of(without) == ["expansion", "diverse"]
    assert default_reranking(replace(without, spec=embedder_spec("mini"))) == "expansion"
    items = Items([Item(f"{number:02}.png", "", 1, 1, 1, 0, f"{number}", "", 1) for number in range(30)])
    for name in RERANKINGS:
        page = search(items, without, Ask(items=("03.png",), rerank=name, k=29))
        assert page.rerank == ("diverse" if name == "diverse" else "expansion")
        if name == "diverse":  # there is nothing to tell copies by
            assert len(page.results) == 29
        else:
            expanded = search(items, space, Ask(items=("03.png",), rerank="expansion", k=29))
            assert [each.row for each in page.results] == [each.row for each in expanded.results]
