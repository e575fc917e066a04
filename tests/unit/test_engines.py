"""What every engine must do, tried on each; then what each does by itself. scikit-learn is the second opinion."""

from __future__ import annotations

import concurrent.futures
import errno
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.manifest import FileEntry
from imgsearch.distance import angular_distance, normalize
from imgsearch.errors import BuildError, CollectionCorruptError
from imgsearch.files.disk import file_digest
from imgsearch.vectors.engines import ENGINES, get_engine
from imgsearch.vectors.engines.annoy import COMPILER_ARGS, AnnoyIndex
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Effort, Engine, Fault, VectorIndex

ROOT = Path(__file__).resolve().parents[2]
VECTORS = normalize(np.random.default_rng(0).normal(size=(500, 16)))


def clusters(n: int, dim: int) -> np.ndarray:
    """float32 (n, dim), of length 1: 40 to a heap, as pictures lie."""
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(n // 40, dim))
    return normalize(centres[rng.integers(0, len(centres), n)] + 0.4 * rng.normal(size=(n, dim)))


CLUSTERS = clusters(6000, 32)


def nearest_by_sorting(vectors: np.ndarray, vector: np.ndarray, n: int) -> list[int]:
    """In another way than any engine does: all distances in float64, sorted, ties by row."""
    distances = np.linalg.norm(vectors.astype(np.float64) - vector, axis=1)
    return sorted(np.lexsort((np.arange(len(vectors)), distances))[:n].tolist())


def assert_rows(rows: np.ndarray, n_items: int, n: int) -> None:
    """At most n distinct rows of the gallery, and at least half as many, or all."""
    assert rows.dtype == np.int64
    assert min(n_items, -(-n // 2)) <= len(rows) == len(set(rows.tolist())) <= n
    assert set(rows.tolist()) <= set(range(n_items))


Make = Callable[..., VectorIndex]


@pytest.mark.parametrize("name", list(ENGINES))
class TestEveryEngine:
    """The conformance tests: an engine that passes them can be put into `ENGINES`."""

    @pytest.fixture
    def engine(self, name: str) -> Engine:
        engine = get_engine(name)
        if fault := engine.fault():
            pytest.skip(fault.sentence)
        return engine

    @pytest.fixture
    def make(self, engine: Engine, tmp_path: Path) -> Make:
        """Builds an index of vectors, with these parameters or the defaults, and opens it."""

        def make(vectors: np.ndarray, **params: int) -> VectorIndex:
            checked = engine.checked(params)
            path = tmp_path / f"index{len(list(tmp_path.iterdir()))}{engine.suffix}"
            engine.build(vectors, path, checked)
            return engine.open(path, vectors, checked)

        return make

    def test_it_has_no_fault_here(self, name: str) -> None:
        assert get_engine(name).fault() is None

    def test_it_says_what_it_is(self, engine: Engine, name: str) -> None:
        assert ENGINES[engine.name] is engine
        assert engine.label
        assert engine.words(engine.checked({}))
        assert engine.is_exact == (engine.suffix == "")

    def test_its_parameters_have_defaults_and_are_checked(self, engine: Engine) -> None:
        defaults = engine.checked({})
        assert engine.checked(defaults) == defaults
        with pytest.raises(BuildError, match=f"^A parameter of {engine.name} must be .*Received: 'colour'.$"):
            engine.checked({"colour": 1})
        for param in engine.params:
            with pytest.raises(BuildError, match=f"^{param} of {engine.name} must be between .* Received: -7.$"):
                engine.checked({param: -7})

    def test_its_grid_is_of_settings_that_it_takes_those_of_a_file_together(self, engine: Engine) -> None:
        settings = [engine.checked(params) for params in engine.grid(6000)]
        files = [tuple(sorted(engine.file_params(params).items())) for params in settings]
        assert settings
        assert len({key for key, previous in zip(files, [None, *files], strict=False) if key != previous}) == len(
            set(files)
        )

    def test_one_row(self, make: Make) -> None:
        index = make(VECTORS[:1])
        assert index.n_items == 1
        for effort in Effort:
            assert index.nearest(VECTORS[0], 1, effort=effort).tolist() == [0]
            assert index.nearest(VECTORS[7], 5, effort=effort).tolist() == [0]

    @pytest.mark.parametrize("n_items", [1, 2, 3, 12, 100, 500])
    def test_as_many_rows_as_wanted_or_half_as_many_or_all(self, make: Make, n_items: int) -> None:
        index = make(VECTORS[:n_items])
        for n in (1, 2, 10, 101, 499, 500, 2000):
            for effort in Effort:
                assert_rows(index.nearest(VECTORS[0], n, effort=effort), n_items, n)

    @pytest.mark.parametrize("n_copies", [1, 2, 1500])
    def test_equal_vectors(self, make: Make, n_copies: int) -> None:
        vectors = np.repeat(VECTORS[:3], n_copies, axis=0)
        index = make(vectors)
        for effort in Effort:
            rows = index.nearest(VECTORS[1], 10, effort=effort)
            assert_rows(rows, 3 * n_copies, 10)
            assert angular_distance(vectors[rows], VECTORS[1]).min() < 1e-3

    def test_a_heap_of_equal_vectors_hides_neither_itself_nor_others(self, make: Make) -> None:
        """As of a picture that stands for hundreds that are missing."""
        rng = np.random.default_rng(5)
        vectors = rng.permutation(np.concatenate([CLUSTERS[:2000], np.repeat(CLUSTERS[:3], 300, axis=0)]))
        index = make(vectors)
        for row in range(0, 2900, 29):
            rows = index.nearest(vectors[row], 10)
            assert angular_distance(vectors[rows], vectors[row]).min() < 1e-3

    def test_exact_effort_compares_with_everything(self, make: Make) -> None:
        index = make(CLUSTERS)
        for vector in normalize(CLUSTERS[:20] + 0.1):
            rows = index.nearest(vector, 10, effort=Effort.EXACT)
            assert sorted(rows.tolist()) == nearest_by_sorting(CLUSTERS, vector, 10)
        assert index.n_compared(CLUSTERS[0], 10, effort=Effort.EXACT) == len(CLUSTERS)

    @pytest.mark.parametrize("effort", Effort)
    def test_among_some_rows_it_is_exact(self, make: Make, effort: Effort) -> None:
        index, among = make(CLUSTERS), np.arange(5, 6000, 7)
        for vector in CLUSTERS[:20]:
            rows = index.nearest(vector, 10, effort=effort, among=among)
            assert sorted(rows.tolist()) == among[nearest_by_sorting(CLUSTERS[among], vector, 10)].tolist()
        assert index.nearest(CLUSTERS[0], 10, effort=effort, among=among[:3]).tolist() == among[:3].tolist()
        assert index.nearest(CLUSTERS[0], 10, effort=effort, among=among[:0]).tolist() == []

    def test_normal_effort_finds_nearly_all_and_quick_effort_costs_no_more(self, make: Make) -> None:
        index = make(CLUSTERS)
        asked = normalize(CLUSTERS[:100] + 0.1 * np.random.default_rng(2).normal(size=(100, 32)))
        found = [
            len({*index.nearest(vector, 100).tolist()} & {*nearest_by_sorting(CLUSTERS, vector, 10)}) for vector in asked
        ]
        assert np.mean(found) >= 9.5  # of 10
        quick, normal = (
            [index.n_compared(vector, 100, effort=effort) for vector in asked] for effort in (Effort.QUICK, Effort.NORMAL)
        )
        assert 0 < np.sum(quick) <= np.sum(normal)
        assert normal == [index.n_compared(vector, 100) for vector in asked]

    def test_the_same_vectors_give_the_same_file(self, engine: Engine, tmp_path: Path) -> None:
        for file in ("a", "b"):
            engine.build(CLUSTERS, tmp_path / file, engine.checked({}))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_opened_again_and_by_another_process_it_answers_the_same(
        self, engine: Engine, make: Make, tmp_path: Path
    ) -> None:
        expected = make(CLUSTERS).nearest(CLUSTERS[7], 50).tolist()
        (path,) = tmp_path.iterdir()
        assert engine.open(path, CLUSTERS, engine.checked({})).nearest(CLUSTERS[7], 50).tolist() == expected
        np.save(tmp_path / "vectors.npy", CLUSTERS)
        program = f"""
import numpy as np, sys
from pathlib import Path
from imgsearch.vectors.engines import get_engine
vectors = np.load(sys.argv[2], mmap_mode="r")
engine = get_engine({engine.name!r})
print(engine.open(Path(sys.argv[1]), vectors, engine.checked({{}})).nearest(vectors[7], 50).tolist())
"""
        command = [sys.executable, "-c", program, str(path), str(tmp_path / "vectors.npy")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == str(expected), done.stderr

    def test_threads_get_what_one_gets(self, make: Make) -> None:
        index = make(CLUSTERS)
        asked = [int(row) for row in np.random.default_rng(3).integers(0, 6000, 400)]
        expected = [set(index.nearest(CLUSTERS[row], 30).tolist()) for row in asked]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda row: set(index.nearest(CLUSTERS[row], 30).tolist()), asked))
        assert found == expected

    def test_a_file_that_cannot_be_written_or_read_is_an_os_error(self, engine: Engine, tmp_path: Path) -> None:
        with pytest.raises(OSError, match="No such file or directory") as caught:
            engine.build(VECTORS[:3], tmp_path / "missing" / "index", engine.checked({}))
        assert caught.value.errno == errno.ENOENT

    def test_a_full_disk_is_told_by_its_code(self, engine: Engine, tmp_path: Path, small_disk: Callable[..., Path]) -> None:
        engine.build(CLUSTERS, tmp_path / "index", engine.checked({}))
        for kib in range(4, (tmp_path / "index").stat().st_size >> 10, 100):
            with pytest.raises(OSError, match="No space left") as caught:
                engine.build(CLUSTERS, small_disk(kib) / "index", engine.checked({}))
            assert caught.value.errno == errno.ENOSPC

    def test_what_cannot_be_opened_is_an_os_error_and_closes_no_other_file(self, engine: Engine, tmp_path: Path) -> None:
        if engine.is_exact:
            return
        (tmp_path / "empty").touch()
        (tmp_path / "short").write_bytes(b"0123456789")
        (tmp_path / "folder").mkdir()
        for name in ("missing", "empty", "short", "folder"):
            with pytest.raises(OSError):  # noqa: PT011
                engine.open(tmp_path / name, VECTORS, engine.checked({}))
            os.fstat(0)

    def test_a_process_without_an_input_can_build_and_ask(self, engine: Engine, tmp_path: Path) -> None:
        program = f"""
import os, sys
os.close(0)
import numpy as np
from pathlib import Path
from imgsearch.vectors.engines import get_engine
engine = get_engine({engine.name!r})
vectors = np.eye(50, dtype=np.float32)
for path in map(Path, sys.argv[1:]):
    engine.build(vectors, path, engine.checked({{}}))
    print(engine.open(path, vectors, engine.checked({{}})).nearest(vectors[7], 50).tolist())
"""
        command = [sys.executable, "-c", program, str(tmp_path / "a"), str(tmp_path / "b")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, f"{list(range(50))}\n" * 2), done.stderr

    def test_a_damaged_index_is_an_error_of_its_collection(self, pictures: Path, home: Path, engine: Engine) -> None:
        collection = build_collection(
            "discs", pictures, home=home, specs=[embedder_spec("color_histogram")], engine=engine.name
        ).collection
        entry = collection.manifest.spaces["color_histogram"].index
        assert (entry is None) == engine.is_exact
        if entry is None:
            return
        data = (collection.path / entry.file).read_bytes()
        for damaged in (b"", data[:-1], data[: len(data) // 2], data + b"\0", b"\xff" * len(data), data[::-1]):
            (collection.path / entry.file).write_bytes(damaged)
            with pytest.raises(CollectionCorruptError):
                Collection.open("discs", home)

    @pytest.mark.parametrize("kind", ["of other vectors", "of a row less", "of no whole node", "of no bytes"])
    def test_what_a_faulty_engine_wrote_is_not_used_and_replaced_by_the_next_build(
        self, pictures: Path, home: Path, engine: Engine, kind: str
    ) -> None:
        """It has the right digest. In a process of its own, as one that crashes would end this one."""
        if engine.is_exact:
            return
        spec = embedder_spec("color_histogram")
        collection = build_collection("discs", pictures, home=home, specs=[spec], engine=engine.name).collection
        vectors, entry = np.array(collection.space().embeddings), collection.manifest.spaces["color_histogram"]
        file = collection.path / "spaces" / "color_histogram" / f"index-0{engine.suffix}"
        if kind == "of other vectors":
            engine.build(np.roll(vectors, 7, axis=1), file, entry.params)
        elif kind == "of a row less":
            engine.build(vectors[:11], file, entry.params)
        else:
            file.write_bytes(b"0123456789" if kind == "of no whole node" else b"")
        index = FileEntry(f"spaces/color_histogram/{file.name}", file.stat().st_size, file_digest(file))
        manifest = replace(collection.manifest, spaces={"color_histogram": replace(entry, index=index)})
        (collection.path / "manifest.json").write_bytes(manifest.to_bytes())
        program = """
from imgsearch import Collection
collection = Collection.open("discs")
print(collection.exact_spaces, [result.row for result in collection.search(row=0, k=11).results])
"""
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
        expected = [result.row for result in collection.search(row=0, k=11).results]
        assert done.stdout.strip() == f"['color_histogram'] {expected}", done.stderr
        assert build_collection("discs", pictures, home=home).collection.exact_spaces == []


def test_an_engine_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(BuildError, match=r"^An engine must be one of exact, annoy.*\. Received: 'faiss'\.$"):
        get_engine("faiss")


# --- exact


@pytest.mark.parametrize("n", [1, 7, 499, 500, 1000])
def test_the_exact_index_finds_what_scikit_learn_finds(n: int) -> None:
    expected = NearestNeighbors(n_neighbors=min(n, 500)).fit(VECTORS).kneighbors(VECTORS[:20], return_distance=False)
    for vector, rows in zip(VECTORS[:20], expected, strict=True):
        assert sorted(ExactIndex(VECTORS).nearest(vector, n)) == sorted(rows)


def test_of_rows_tied_for_the_last_place_the_lowest_are_taken() -> None:
    far, near = (0.0, 1.0), (1.0, 0.0)
    vectors = np.array([far, far, near, far, far], np.float32)
    assert sorted(ExactIndex(vectors).nearest(np.array(near, np.float32), 3)) == [0, 1, 2]


# --- annoy


def forest(tmp_path: Path, n_trees: int, search_k: int = -1) -> VectorIndex:
    params = {"n_trees": n_trees, "search_k": search_k}
    ENGINES["annoy"].build(VECTORS, tmp_path / f"{n_trees}.ann", params)
    return ENGINES["annoy"].open(tmp_path / f"{n_trees}.ann", VECTORS, params)


def test_the_more_nodes_annoy_looks_at_the_more_it_finds(tmp_path: Path) -> None:
    exact = [set(ExactIndex(VECTORS).nearest(vector, 20).tolist()) for vector in VECTORS[:50]]

    def recall(search_k: int) -> float:
        index = forest(tmp_path, 50, search_k)
        assert index.n_compared(VECTORS[0], 20) == search_k * 20 / 100
        found = [set(index.nearest(vector, 20).tolist()) for vector in VECTORS[:50]]
        return float(np.mean([len(a & b) / 20 for a, b in zip(found, exact, strict=True)]))

    assert recall(100) < recall(1000) < recall(5 * 50 * 500) == 1.0


def test_annoy_looks_at_three_nodes_for_each_tree_and_row_unless_it_is_told_and_at_one_when_quick(tmp_path: Path) -> None:
    index = forest(tmp_path, 7)
    assert index.n_compared(VECTORS[0], 20) == 3 * 7 * 20
    assert index.n_compared(VECTORS[0], 20, effort=Effort.QUICK) == 7 * 20


def test_trees_shape_annoys_file_and_nodes_do_not() -> None:
    annoy = ENGINES["annoy"]
    assert annoy.file_params({"n_trees": 3, "search_k": 400}) == {"n_trees": 3}
    assert annoy.words({"n_trees": 1, "search_k": -1}) == "Annoy (1 tree)"
    assert annoy.words({"n_trees": 50, "search_k": 4000}) == "Annoy (50 trees, search_k 4,000)"


def test_an_answer_with_too_few_rows_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = forest(tmp_path, 5)
    expected = nearest_by_sorting(VECTORS, VECTORS[3], 40)
    for n_found, is_compared in ((20, False), (19, True)):
        monkeypatch.setattr(AnnoyIndex, "candidates", lambda self, vector, n, effort, n_found=n_found: np.arange(n_found))
        rows = sorted(index.nearest(VECTORS[3], 40).tolist())
        assert rows == (expected if is_compared else list(range(20)))


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
    ("source", "sentence"),
    [
        ("raise ModuleNotFoundError('', name='annoy')", "The annoy package is not installed."),
        (NO_SECOND_FILE, "The annoy package is installed, but cannot be loaded."),
        (NO_LIBRARY, "The annoy package is installed, but cannot be loaded."),
        (STAND_IN % "os.abort()", "The annoy package crashes when it is asked."),
        (STAND_IN % "os.kill(os.getpid(), signal.SIGILL)", "The annoy package crashes when it is asked."),
        (STAND_IN % "raise MemoryError", "The annoy package crashes when it is asked."),
        (STAND_IN % "return [0, 1, 2]", "The annoy package gives wrong answers."),
        (STAND_IN % "return list(range(n))", "The annoy package gives wrong answers."),
        (STAND_IN % "return [0] * n", "The annoy package gives wrong answers."),
    ],
)
def test_each_fault_of_a_package_is_told_apart(
    source: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untried: Engine
) -> None:
    (tmp_path / "annoy").mkdir()
    (tmp_path / "annoy" / "__init__.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fault = untried.fault()
    assert fault is not None
    assert fault.sentence == sentence
    assert_it_leads_on(fault)
    assert f"ANNOY_COMPILER_ARGS={COMPILER_ARGS} python -m pip install" in fault.hint


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (subprocess.TimeoutExpired("python", 60), "The annoy package gives no answer within 60 s."),
        (
            BlockingIOError(11, "Resource temporarily unavailable"),
            "No process could be started to try the annoy package in.",
        ),
    ],
)
def test_a_child_that_hangs_or_cannot_be_started_is_told_apart(
    error: Exception, sentence: str, monkeypatch: pytest.MonkeyPatch, untried: Engine
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    fault = untried.fault()
    assert fault is not None
    assert fault.sentence == sentence
    assert_it_leads_on(fault)


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Annoy's engine, which has not tried its package in this process."""
    annoy = ENGINES["annoy"]
    monkeypatch.setattr(annoy, "asking", f"{annoy.asking}\n# {uuid.uuid4()}\n")
    return annoy


def assert_it_leads_on(fault: Fault) -> None:
    """It blames neither files nor the processor."""
    assert not re.search("processor|damaged|elsewhere|--no-binary", f"{fault.sentence} {fault.hint}")
    assert fault.hint.startswith("Without it search is exact")


# --- hnsw


def test_more_links_and_more_candidates_find_more_of_a_graph(tmp_path: Path) -> None:
    vectors = normalize(np.random.default_rng(4).normal(size=(4000, 48)))
    hnsw, found = ENGINES["hnsw"], {}
    for links, search in ((4, 16), (4, 300), (16, 300)):
        params = hnsw.checked({"connectivity": links, "expansion_search": search})
        hnsw.build(vectors, tmp_path / str(links), params)
        index = hnsw.open(tmp_path / str(links), vectors, params)
        near = [
            len({*index.nearest(vector, 10).tolist()} & {*nearest_by_sorting(vectors, vector, 10)})
            for vector in vectors[:50]
        ]
        found[links, search] = np.mean(near), np.mean([index.n_compared(vector, 10) for vector in vectors[:50]])
    assert found[4, 16] < found[4, 300] < found[16, 300]
    assert hnsw.file_params(hnsw.checked({"expansion_search": 7})) == {"connectivity": 32, "expansion_add": 128}
    assert hnsw.words(hnsw.checked({})) == "HNSW (32 links, expansion 128 and 128)"


def test_a_graph_of_other_dimensions_or_of_another_number_of_rows_is_not_taken(tmp_path: Path) -> None:
    hnsw = ENGINES["hnsw"]
    hnsw.build(VECTORS[:, :8], tmp_path / "index", hnsw.checked({}))
    for vectors in (VECTORS, VECTORS[:499, :8]):
        with pytest.raises(OSError, match="not of these rows"):
            hnsw.open(tmp_path / "index", vectors, hnsw.checked({}))
