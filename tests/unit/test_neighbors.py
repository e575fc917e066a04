"""The table of nearest neighbours, against scikit-learn and plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from imgsearch.distance import angular_distance, normalize
from imgsearch.vectors import neighbors
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import distances_between, nearest_neighbors


@pytest.fixture
def embeddings() -> np.ndarray:
    return normalize(np.random.default_rng(0).normal(size=(300, 12)))


def test_the_table_is_that_of_scikit_learn(embeddings: np.ndarray) -> None:
    expected = NearestNeighbors(n_neighbors=20, algorithm="brute").fit(embeddings).kneighbors(return_distance=False)
    table = nearest_neighbors(embeddings, ExactIndex(embeddings))
    assert table.dtype == np.int32
    np.testing.assert_array_equal(table, expected)


def test_copies_are_neighbours_in_order_of_their_rows_and_no_item_is_its_own(embeddings: np.ndarray) -> None:
    embeddings[[7, 40, 250]] = embeddings[3]
    table = nearest_neighbors(embeddings, ExactIndex(embeddings), k=4)
    assert [table[row, :3].tolist() for row in (3, 7, 40, 250)] == [[7, 40, 250], [3, 40, 250], [3, 7, 250], [3, 7, 40]]
    assert len({int(row) for row in table[[3, 7, 40, 250], 3]}) == 1  # and then the same stranger


@pytest.mark.parametrize(("n", "columns"), [(1, 0), (2, 1), (21, 20), (22, 20)])
def test_a_small_gallery_has_fewer(embeddings: np.ndarray, n: int, columns: int) -> None:
    table = nearest_neighbors(embeddings[:n], ExactIndex(embeddings[:n]))
    assert table.shape == (n, columns)
    assert all(set(others) <= set(range(n)) - {row} for row, others in enumerate(table.tolist()))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, engine in ENGINES.items() if not engine.is_exact])
def test_a_large_gallery_asks_its_index(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than are compared with each other, in heaps of some forty as pictures are, some of them copies."""
    rng = np.random.default_rng(3)
    n = neighbors.EXACT_UP_TO + 1000
    vectors = normalize(rng.normal(size=(n // 40, 16))[rng.integers(0, n // 40, n)] + 0.4 * rng.normal(size=(n, 16)))
    vectors[[7, 40, 20_500]] = vectors[3]
    some = rng.choice(n, 400, replace=False)
    # Each is nearest to itself or to a copy; the first column is dropped, whichever it is.
    similar = np.argsort(-(vectors[some].astype(np.float64) @ vectors.T.astype(np.float64)), axis=1, kind="stable")[:, :21]
    engine = ENGINES[name]
    params = engine.checked(engine.grid(n)[1])  # a cheap one, since it is asked 21,000 times
    engine.build(vectors, tmp_path / "index", params)
    index = engine.open(tmp_path / "index", vectors, params)
    monkeypatch.setattr(neighbors, "_by_comparison", None)
    table = nearest_neighbors(vectors, index)
    assert table.shape == (n, 20)
    assert not (table == np.arange(n)[:, None]).any()
    assert all(len(set(row)) == 20 for row in table.tolist())
    distances = distances_between(vectors, np.arange(n), table)
    assert (np.diff(distances, axis=1) >= 0).all()
    assert [table[row, :3].tolist() for row in (3, 7, 40, 20_500)] == [
        [7, 40, 20_500],
        [3, 40, 20_500],
        [3, 7, 20_500],
        [3, 7, 40],
    ]
    found = [len(set(table[row]) & set(near)) / 20 for row, near in zip(some, similar.tolist(), strict=True)]
    assert np.mean(found) > 0.95


def test_a_large_gallery_without_an_index_is_compared_in_pieces(
    embeddings: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = nearest_neighbors(embeddings, ExactIndex(embeddings))
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 0)
    monkeypatch.setattr(neighbors, "_by_index", None)
    np.testing.assert_array_equal(nearest_neighbors(embeddings, ExactIndex(embeddings)), expected)


def test_distances_are_those_of_a_search(embeddings: np.ndarray) -> None:
    rows = np.arange(100, 200)
    others = np.random.default_rng(1).integers(0, 300, (100, 3))
    others[5] = 105
    found = distances_between(embeddings, rows, others)
    assert found.dtype == np.float32
    for row, columns, distances in zip(rows, others, found, strict=True):
        np.testing.assert_allclose(distances, angular_distance(embeddings[columns], embeddings[row]), rtol=1e-6)
    assert found[5].tolist() == [0, 0, 0]
