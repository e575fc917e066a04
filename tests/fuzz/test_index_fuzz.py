"""Indexes: Annoy's rows are rows of the gallery, the exact ones are those of a full sort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsearch.distance import angular_distance, normalize
from imgsearch.pictures.items import Item, Items
from imgsearch.retrieval.search import Query, search
from imgsearch.vectors.engines.annoy import AnnoyIndex
from imgsearch.vectors.engines.exact import ExactIndex
from tests.conftest import toy_space

pytestmark = pytest.mark.fuzz


@st.composite
def galleries(draw: st.DrawFn) -> np.ndarray:
    """Unit vectors (n, dim) with many equal rows and many ties: parts are -1, 0 or 1, some rows are repeated."""
    n_rows, dim = draw(st.integers(1, 30)), draw(st.integers(1, 6))
    values = draw(st.lists(st.sampled_from((-1, 0, 1)), min_size=n_rows * dim, max_size=n_rows * dim))
    vectors = normalize(np.reshape(values, (n_rows, dim)))
    return np.repeat(vectors, draw(st.sampled_from((1, 1, 2, 20))), axis=0)


@settings(deadline=None)
@given(galleries(), st.data())
def test_the_exact_index_is_a_full_sort(vectors: np.ndarray, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(vectors) + 2))
    query = vectors[data.draw(st.integers(0, len(vectors) - 1))]
    chosen = data.draw(st.none() | st.sets(st.integers(0, len(vectors) - 1), min_size=1))
    rows = np.arange(len(vectors)) if chosen is None else np.array(sorted(chosen))
    found = ExactIndex(vectors, None if chosen is None else rows).candidates(query, n)
    assert len(found) == len(set(found.tolist())) == min(n, len(rows))
    assert set(found.tolist()) <= set(rows.tolist())
    # Ties may go either way by rounding, so the distances are compared and not the rows.
    expected = np.sort(angular_distance(vectors[rows], query))[:n]
    assert np.sort(angular_distance(vectors[found], query)) == pytest.approx(expected, abs=1e-3)


@settings(deadline=None, max_examples=60)
@given(galleries(), st.data())
def test_annoy_returns_rows_of_the_gallery(
    tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray, data: st.DataObject
) -> None:
    path: Path = tmp_path_factory.mktemp("annoy") / "index.ann"
    AnnoyIndex.build(vectors, path, n_trees=data.draw(st.integers(1, 10)))
    index = AnnoyIndex(path, dim=vectors.shape[1], n_items=len(vectors))
    n = data.draw(st.integers(1, len(vectors) + 2))
    row = data.draw(st.integers(0, len(vectors) - 1))
    found = index.candidates(vectors[row], n, search_k=data.draw(st.sampled_from((-1, 1, 1000))))
    assert 1 <= len(found) == len(set(found.tolist())) <= min(n, len(vectors))
    assert set(found.tolist()) <= set(range(len(vectors)))


@settings(deadline=None, max_examples=60)
@given(galleries(), st.data())
def test_a_search_is_a_sort_of_the_gallery_without_the_query(
    tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray, data: st.DataObject
) -> None:
    path: Path = tmp_path_factory.mktemp("annoy") / "index.ann"
    AnnoyIndex.build(vectors, path)
    index = AnnoyIndex(path, dim=vectors.shape[1], n_items=len(vectors))
    items = Items([Item(str(row), "", 1, 1, 1, 1, "", "", 1) for row in range(len(vectors))])
    row, k = data.draw(st.integers(0, len(vectors) - 1)), data.draw(st.integers(1, 200))
    page = search(items, toy_space(vectors, index), Query(rows=(row,), k=k))
    found = [result.row for result in page.results]
    assert row not in found
    assert len(found) == len(set(found)) == min(k, len(vectors) - 1)
    distances = [result.distance for result in page.results]
    assert distances == sorted(distances)
    assert list(zip(distances, found, strict=True)) == sorted(zip(distances, found, strict=True))
    expected = np.sort(np.delete(angular_distance(vectors, vectors[row]), row))[:k]
    assert distances == pytest.approx(expected.tolist(), abs=1e-6)
