"""Indexes: scikit-learn is the second opinion."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from imgsearch.distance import normalize
from imgsearch.vectors.engines.annoy import COMPILER_ARGS, AnnoyFault, AnnoyIndex, annoy_fault
from imgsearch.vectors.engines.exact import ExactIndex

VECTORS = normalize(np.random.default_rng(0).normal(size=(500, 16)))


@pytest.fixture
def annoy_index(tmp_path: Path) -> AnnoyIndex:
    AnnoyIndex.build(VECTORS, tmp_path / "index.ann")
    return AnnoyIndex(tmp_path / "index.ann", dim=16, n_items=500)


@pytest.mark.parametrize("n", [1, 7, 499, 500, 1000])
def test_the_exact_index_finds_what_scikit_learn_finds(n: int) -> None:
    expected = NearestNeighbors(n_neighbors=min(n, 500)).fit(VECTORS).kneighbors(VECTORS[:20], return_distance=False)
    for vector, rows in zip(VECTORS[:20], expected, strict=True):
        assert sorted(ExactIndex(VECTORS).candidates(vector, n)) == sorted(rows)


def test_the_exact_index_searches_only_its_rows() -> None:
    rows = np.arange(3, 500, 5)
    expected = rows[NearestNeighbors(n_neighbors=4).fit(VECTORS[rows]).kneighbors(VECTORS[:1], return_distance=False)[0]]
    restricted = ExactIndex(VECTORS, rows)
    assert restricted.n_items == 100
    assert sorted(restricted.candidates(VECTORS[0], 4)) == sorted(expected)


def test_of_rows_tied_for_the_last_place_the_lowest_are_taken() -> None:
    far, near = (0.0, 1.0), (1.0, 0.0)
    vectors = np.array([far, far, near, far, far], np.float32)
    assert sorted(ExactIndex(vectors).candidates(np.array(near, np.float32), 3)) == [0, 1, 2]


def test_annoy_returns_as_many_distinct_rows_as_asked(annoy_index: AnnoyIndex) -> None:
    for n in (1, 10, 101, 500, 2000):
        rows = annoy_index.candidates(VECTORS[0], n)
        assert len(rows) == min(n, 500)
        assert len(set(rows.tolist())) == len(rows)
        assert set(rows.tolist()) <= set(range(500))


def test_annoy_finds_nearly_all_of_the_exact_neighbours(annoy_index: AnnoyIndex) -> None:
    exact = ExactIndex(VECTORS)
    found = [
        len(set(annoy_index.candidates(vector, 100).tolist()) & set(exact.candidates(vector, 10).tolist()))
        for vector in VECTORS[:50]
    ]
    assert np.mean(found) > 9.8  # of 10


def test_a_larger_search_k_finds_no_less(annoy_index: AnnoyIndex) -> None:
    exact = [set(ExactIndex(VECTORS).candidates(vector, 20).tolist()) for vector in VECTORS[:50]]

    def recall(search_k: int) -> float:
        found = [set(annoy_index.candidates(vector, 20, search_k=search_k).tolist()) for vector in VECTORS[:50]]
        return float(np.mean([len(a & b) / 20 for a, b in zip(found, exact, strict=True)]))

    assert recall(20) < recall(200) < recall(50 * 500) == 1.0


def test_the_same_embeddings_give_the_same_index(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        AnnoyIndex.build(VECTORS, tmp_path / name, n_trees=3, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize("n_copies", [1, 2, 1500])
def test_annoy_holds_any_number_of_equal_vectors(tmp_path: Path, n_copies: int) -> None:
    vectors = np.repeat(VECTORS[:1], n_copies, axis=0)
    AnnoyIndex.build(vectors, tmp_path / "index.ann", n_trees=5)
    rows = AnnoyIndex(tmp_path / "index.ann", dim=16, n_items=n_copies).candidates(VECTORS[0], 10)
    assert len(set(rows.tolist())) == min(10, n_copies)


def test_an_index_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        AnnoyIndex.build(VECTORS[:3], tmp_path / "missing" / "index.ann")


def test_annoy_has_no_fault_here() -> None:
    assert annoy_fault.__wrapped__() is None


# Modules that stand in for annoy: what badly compiled, half installed and missing ones do.
NO_SECOND_FILE = "from .annoylib import Annoy as AnnoyIndex"
NO_LIBRARY = "raise ImportError('libstdc++.so.6: cannot open shared object file')"
STAND_IN = """
class AnnoyIndex:
    def __init__(self, dim, metric): self.n_asked = 0
    def add_item(self, row, vector): pass
    def build(self, n_trees, n_jobs): pass
    def get_nns_by_vector(self, vector, n, search_k):
        import os, signal
        %s
"""


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("raise ModuleNotFoundError('', name='annoy')", AnnoyFault.NOT_INSTALLED),
        (NO_SECOND_FILE, AnnoyFault.NOT_LOADED),
        (NO_LIBRARY, AnnoyFault.NOT_LOADED),
        (STAND_IN % "os.abort()", AnnoyFault.CRASHES),
        (STAND_IN % "os.kill(os.getpid(), signal.SIGILL)", AnnoyFault.CRASHES),
        (STAND_IN % "raise MemoryError", AnnoyFault.CRASHES),
        (STAND_IN % "return [0, 1, 2]", AnnoyFault.WRONG_ANSWERS),
        (STAND_IN % "return list(range(n))", AnnoyFault.WRONG_ANSWERS),
        (STAND_IN % "return [0] * n", AnnoyFault.WRONG_ANSWERS),
    ],
)
def test_each_fault_of_annoy_is_told_apart(
    source: str, fault: AnnoyFault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "annoy").mkdir()
    (tmp_path / "annoy" / "__init__.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert annoy_fault.__wrapped__() is fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (subprocess.TimeoutExpired("python", 60), AnnoyFault.NO_ANSWER),
        (BlockingIOError(11, "Resource temporarily unavailable"), AnnoyFault.NOT_TRIED),
    ],
)
def test_a_child_that_hangs_or_cannot_be_started_is_told_apart(
    error: Exception, fault: AnnoyFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    assert annoy_fault.__wrapped__() is fault


@pytest.mark.parametrize("fault", AnnoyFault)
def test_a_fault_of_annoy_blames_neither_files_nor_the_processor_and_leads_on(fault: AnnoyFault) -> None:
    text = f"{fault.sentence} {fault.hint}"
    assert not re.search("processor|damaged|elsewhere|--no-binary", text)
    assert fault.hint.startswith("Without it search is exact")
    is_compiled_anew = fault is not AnnoyFault.NOT_TRIED
    assert (f"ANNOY_COMPILER_ARGS={COMPILER_ARGS} python -m pip install" in text) == is_compiled_anew
