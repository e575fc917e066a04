"""Indexes: what an engine finds are rows of the gallery; what is exact is a full sort."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsearch.distance import angular_distance, normalize
from imgsearch.pictures.items import Item, Items
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.search import search
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Effort, VectorIndex
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
    found = ExactIndex(vectors).nearest(query, n, among=None if chosen is None else rows)
    assert len(found) == len(set(found.tolist())) == min(n, len(rows))
    assert set(found.tolist()) <= set(rows.tolist())
    # Ties may go either way by rounding, so the distances are compared and not the rows.
    expected = np.sort(angular_distance(vectors[rows], query))[:n]
    assert np.sort(angular_distance(vectors[found], query)) == pytest.approx(expected, abs=1e-3)


def build(name: str, vectors: np.ndarray, folder: Path, data: st.DataObject) -> VectorIndex:
    """An index of that engine with one of the settings that it would try."""
    engine = ENGINES[name]
    params = engine.checked(data.draw(st.sampled_from([{}, *engine.grid(len(vectors))])))
    path = folder / f"index{engine.suffix}"
    engine.build(vectors, path, params)
    return engine.open(path, vectors, params)


@pytest.mark.parametrize("name", ENGINES)
@settings(deadline=None, max_examples=60)
@given(galleries(), st.data())
def test_every_engine_returns_rows_of_the_gallery(
    name: str, tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray, data: st.DataObject
) -> None:
    index = build(name, vectors, tmp_path_factory.mktemp("index"), data)
    n = data.draw(st.integers(1, len(vectors) + 2))
    row = data.draw(st.integers(0, len(vectors) - 1))
    found = index.nearest(vectors[row], n, effort=data.draw(st.sampled_from(Effort)))
    assert min(len(vectors), n / 2) <= len(found) == len(set(found.tolist())) <= min(n, len(vectors))
    assert set(found.tolist()) <= set(range(len(vectors)))


@pytest.mark.parametrize("name", ENGINES)
@settings(deadline=None, max_examples=60)
@given(galleries(), st.data())
def test_a_search_is_a_sort_of_the_gallery_without_the_query(
    name: str, tmp_path_factory: pytest.TempPathFactory, vectors: np.ndarray, data: st.DataObject
) -> None:
    index = build(name, vectors, tmp_path_factory.mktemp("index"), data)
    items = Items([Item(str(row), "", 1, 1, 1, 1, "", "", 1) for row in range(len(vectors))])
    row, k = data.draw(st.integers(0, len(vectors) - 1)), data.draw(st.integers(1, 200))
    page = search(items, toy_space(vectors, index), Ask(items=(str(row),), k=k))
    found = [result.row for result in page.results]
    assert row not in found
    assert len(found) == len(set(found)) == min(k, len(vectors) - 1)
    distances = [result.distance for result in page.results]
    assert distances == sorted(distances)
    assert list(zip(distances, found, strict=True)) == sorted(zip(distances, found, strict=True))
    expected = np.sort(np.delete(angular_distance(vectors, vectors[row]), row))[:k]
    assert distances == pytest.approx(expected.tolist(), abs=1e-6)
