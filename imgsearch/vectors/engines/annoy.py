"""Annoy: a forest of random hyperplanes in a memory-mapped file, by Spotify.

The file has neither header nor checksum: opened with a wrong metric it aborts the process, with a wrong dimension it
answers nonsense. So a file reaches the package only after its collection has checked it by hash.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from imgsearch.counting import counted
from imgsearch.distance import METRIC
from imgsearch.vectors.engines.approximate import ApproximateIndex, PackageEngine
from imgsearch.vectors.engines.face import Effort, Param, Params, VectorIndex

_LEFT_OPEN = -1
"""Of `search_k`: nobody has tuned it."""
_DEPTH = 3
"""Nodes looked at for each tree and row wanted where `search_k` is left open. With 1, which is Annoy's own, now and then a
picture of the sample, of the pets or of the flowers got a wrong first place; with 3 none, in any of many forests."""
_QUICK_SHARE = 1 / 3
"""Of the nodes that are looked at normally."""
_SEED = 20_261_123
_N_TREES_TRIED = (10, 25, 50, 100)
_DEPTHS_TRIED = (1, 2, 4, 8)

COMPILER_ARGS = "-O3,-std=c++14,-DANNOYLIB_MULTITHREADED_BUILD"
"""What annoy must be compiled with: by its own flags (-ffast-math), clang makes one that answers wrongly or crashes."""
_COMPILE = f"ANNOY_COMPILER_ARGS={COMPILER_ARGS} python -m pip install --force-reinstall --no-deps --no-cache-dir annoy"
_CODE = re.compile(r"\((\d+)\)$")
"""Annoy's errors have the system's code only at the end of their words."""


class AnnoyIndex(ApproximateIndex):
    """An opened forest."""

    def __init__(self, path: Path, embeddings: np.ndarray, search_k: int) -> None:
        """search_k: Nodes to look at for each 100 rows wanted, -1 for as many as are usual."""
        from annoy import AnnoyIndex as Forest

        super().__init__(embeddings)
        _take_descriptor_0()
        self._forest = Forest(embeddings.shape[1], METRIC)
        self._forest.load(str(path))
        self._nodes_per_row = _DEPTH * self._forest.get_n_trees() if search_k == _LEFT_OPEN else search_k / 100

    def candidates(self, vector: np.ndarray, n: int, effort: Effort) -> np.ndarray:
        """See ApproximateIndex."""
        n_nodes = self.n_candidates(vector, n, effort)
        return np.asarray(self._forest.get_nns_by_vector(vector, n, n_nodes), dtype=np.int64)

    def n_candidates(self, vector: np.ndarray, n: int, effort: Effort) -> int:
        """See ApproximateIndex: the nodes looked at, in which a vector may stand more than once."""
        share = _QUICK_SHARE if effort == Effort.QUICK else 1.0
        return max(n, round(share * self._nodes_per_row * n))


class Annoy(PackageEngine):
    """See the module's docstring. More trees find more, in a larger file; so do more nodes, in more time."""

    name = "annoy"
    label = "Annoy"
    suffix = ".ann"
    params: ClassVar = {
        "n_trees": Param(50, 1, 10_000),
        "search_k": Param(_LEFT_OPEN, 1, 1_000_000_000, shapes_file=False),
    }
    package = "annoy"
    imports = "from annoy import AnnoyIndex"
    asking = f"""
index = AnnoyIndex(len(rows[0]), "{METRIC}")
for row, vector in enumerate(rows):
    index.add_item(row, vector)
index.build(10, 1)
def nearest(vector):
    return index.get_nns_by_vector(vector, n_wanted, 10 * len(rows))
"""
    remedy = f"To compile it anew, for this machine: {_COMPILE}"

    def build(self, embeddings: np.ndarray, path: Path, params: Params) -> None:
        """See Engine."""
        from annoy import AnnoyIndex as Forest

        _take_descriptor_0()
        forest = Forest(embeddings.shape[1], METRIC)
        forest.set_seed(_SEED)
        for row, vector in enumerate(embeddings):
            forest.add_item(row, vector)
        forest.build(params["n_trees"], 1)  # one job: with more, the trees depend on the scheduling
        try:
            forest.save(str(path))
        except OSError as exc:
            if code := _CODE.search(str(exc)):
                raise OSError(int(code[1]), os.strerror(int(code[1]))) from exc
            raise

    def open(self, path: Path, embeddings: np.ndarray, params: Params) -> VectorIndex:
        """See Engine."""
        index = AnnoyIndex(path, embeddings, params["search_k"])
        index.check()
        return index

    def grid(self, n_items: int) -> Sequence[Params]:
        """See Engine."""
        tried = [(n_trees, depth) for n_trees in _N_TREES_TRIED for depth in _DEPTHS_TRIED]
        return [{"n_trees": n_trees, "search_k": round(100 * n_trees * depth)} for n_trees, depth in tried]

    def words(self, params: Params) -> str:
        """See Engine."""
        tuned = "" if params["search_k"] == _LEFT_OPEN else f", search_k {params['search_k']:,}"
        return f"Annoy ({counted(params['n_trees'], 'tree')}{tuned})"


def _take_descriptor_0() -> None:
    """Sees to it that no file gets descriptor 0, as in a process without an input: annoy takes it for none, and crashes."""
    try:
        os.fstat(0)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)
