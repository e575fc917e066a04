"""HNSW by USearch: a graph in which each vector is linked to some of the nearest, in a memory-mapped file.

A hundred equal vectors would be linked to each other and to no others, so that a search finds nothing but them, or none of
them. So the graph holds the first of equal ones, and a table behind it in the file has the others: int64 (m, 2), the row
that stands for it, and the row.

Source: Malkov and Yashunin 2018, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
Small World graphs.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from imgsearch.vectors.engines.approximate import ApproximateIndex, PackageEngine
from imgsearch.vectors.engines.face import Effort, Param, Params, VectorIndex
from imgsearch.vectors.equal import find_equals

_STORED = "bf16"
"""How the file holds the vectors, which only choose candidates there: in half the bytes, and faster than as they are."""
_GRAPHS_TRIED = ((16, 128), (32, 128), (32, 256))
_SEARCHES_TRIED = (100, 200, 400)
_CHUNK = 4096


class HnswIndex(ApproximateIndex):
    """An opened graph."""

    resolution = 0.1
    """Numbers of 8 bits make a product wrong by up to 4e-3, and that of two vectors at this distance is 1 - 5e-3."""

    def __init__(self, path: Path, embeddings: np.ndarray, expansion_search: int) -> None:
        """expansion_search: Candidates that a search goes on from, at normal effort."""
        super().__init__(embeddings)
        self._graph = _graph(embeddings.shape[1])
        with path.open("rb") as stream:
            if not stream.read(1):  # as where there is no file, USearch 2.26 would close descriptor 0, whoever has that
                raise OSError("The index is empty.")
            try:
                self._graph.view(str(path))
                stream.seek(self._graph.serialized_length)
                copies = np.load(stream, allow_pickle=False)
            except (RuntimeError, ValueError, EOFError) as exc:
                raise OSError(str(exc)) from exc
        if len(self._graph) + len(copies) != self.n_items or self._graph.ndim != embeddings.shape[1]:
            raise OSError("The index is not of these rows.")
        self._copies: dict[int, list[int]] = {}
        for first, row in copies.tolist():
            self._copies.setdefault(first, []).append(row)
        # What it goes on from is the larger of this and of what is asked for: so each question says it for itself.
        self._graph.expansion_search = 1
        self._expansion_search = expansion_search

    def candidates(self, vector: np.ndarray, n: int, effort: Effort) -> np.ndarray:
        """See ApproximateIndex."""
        rows = np.asarray(self._found(vector, n, effort).keys, dtype=np.int64)
        if self._copies:
            rows = np.array([each for row in rows.tolist() for each in (row, *self._copies.get(row, ()))], dtype=np.int64)
        return rows[:n]

    def n_candidates(self, vector: np.ndarray, n: int, effort: Effort) -> int:
        """See ApproximateIndex."""
        return int(self._found(vector, n, effort).computed_distances)

    def _found(self, vector: np.ndarray, n: int, effort: Effort) -> Any:
        n_wanted = n if effort == Effort.QUICK else max(n, self._expansion_search)
        return self._graph.search(vector, min(n_wanted, len(self._graph)), threads=1)


class Hnsw(PackageEngine):
    """See the module's docstring. More links find more, in a larger file; more candidates find more, in more time."""

    name = "hnsw"
    label = "USearch (HNSW)"
    suffix = ".usearch"
    params: ClassVar = {
        "connectivity": Param(32, 2, 256),
        "expansion_add": Param(128, 1, 10_000),
        "expansion_search": Param(128, 1, 1_000_000, shapes_file=False),
    }
    package = "usearch"
    imports = "from usearch.index import Index; import numpy as np"
    asking = """
rows = np.array(rows, dtype=np.float32)
index = Index(ndim=rows.shape[1], metric="ip", dtype="f32", expansion_add=len(rows))
index.add(np.arange(len(rows)), rows, threads=1)
def nearest(vector):
    return index.search(vector, len(rows), threads=1).keys[:n_wanted]
"""
    remedy = "To install it anew: python -m pip install --force-reinstall --no-deps usearch numkong"

    def build(self, embeddings: np.ndarray, path: Path, params: Params) -> None:
        """See Engine."""
        graph = _graph(embeddings.shape[1], connectivity=params["connectivity"], expansion_add=params["expansion_add"])
        first_of, n_before = find_equals(embeddings)
        firsts, others = np.flatnonzero(n_before == 0), np.flatnonzero(n_before)
        for start in range(0, len(firsts), _CHUNK):
            rows = firsts[start : start + _CHUNK]
            try:
                graph.add(rows, embeddings[rows], threads=1)  # with more, the links depend on the scheduling
            except RuntimeError as exc:
                if "terminated" in str(exc):  # it takes Ctrl-C for itself, and has no code that says so
                    raise KeyboardInterrupt from exc
                raise
        try:
            graph.save(str(path))
        except RuntimeError as exc:
            # It does not say why; writing as much does.
            with path.open("wb") as stream:
                for _ in range(0, graph.serialized_length, 1 << 20):
                    stream.write(bytes(1 << 20))
            raise OSError(str(exc)) from exc
        copies = io.BytesIO()
        np.save(copies, np.column_stack([first_of[others], others]))
        with path.open("ab") as stream:
            stream.write(copies.getvalue())

    def open(self, path: Path, embeddings: np.ndarray, params: Params) -> VectorIndex:
        """See Engine."""
        index = HnswIndex(path, embeddings, params["expansion_search"])
        index.check()
        return index

    def grid(self, n_items: int) -> Sequence[Params]:
        """See Engine."""
        return [
            {"connectivity": links, "expansion_add": add, "expansion_search": search}
            for links, add in _GRAPHS_TRIED
            for search in _SEARCHES_TRIED
        ]

    def words(self, params: Params) -> str:
        """See Engine."""
        added, searched = params["expansion_add"], params["expansion_search"]
        return f"HNSW ({params['connectivity']} links, expansion {added:,} and {searched:,})"


def _graph(dim: int, connectivity: int | None = None, expansion_add: int | None = None) -> Any:
    """An empty graph of vectors of length 1: of those, the inner product is the cosine."""
    from usearch.index import Index

    return Index(ndim=dim, metric="ip", dtype=_STORED, connectivity=connectivity, expansion_add=expansion_add)
