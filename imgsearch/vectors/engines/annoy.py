"""Annoy: approximate nearest neighbours in a memory-mapped file.

The file has neither header nor checksum: opened with a wrong metric it aborts the process, with a wrong dimension it
answers nonsense. So a file reaches `AnnoyIndex` only after its collection has checked it by hash.
"""

from __future__ import annotations

import json
import subprocess
import sys
from enum import Enum
from functools import cache
from pathlib import Path

import numpy as np

from imgsearch.distance import METRIC, normalize
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Effort

N_TREES = 50
SEED = 20_261_123
_QUICK_SHARE = 0.25
"""Of the nodes that are looked at normally."""

COMPILER_ARGS = "-O3,-std=c++14,-DANNOYLIB_MULTITHREADED_BUILD"
"""What annoy must be compiled with: by its own flags (-ffast-math), clang makes one that answers wrongly or crashes."""

_N_ROWS, _DIM, _N_ASKED, _N_WANTED = 1000, 40, 10, 20
_PROBE_SEED = 0  # with it the 20th neighbour is clearly nearer than the 21st, whatever the order of additions
# In a child, since a badly compiled module may crash. Stdin has the rows of an index and the answers to the first of them.
_PROBE = f"""
import json, sys
try:
    from annoy import AnnoyIndex
except ModuleNotFoundError as exc:
    sys.exit(3 if exc.name == "annoy" else 4)
except ImportError:
    sys.exit(4)
rows, expected = json.load(sys.stdin)
index = AnnoyIndex({_DIM}, "{METRIC}")
for row, vector in enumerate(rows):
    index.add_item(row, vector)
index.build(10, 1)
answers = [sorted(index.get_nns_by_vector(vector, {_N_WANTED}, 10 * len(rows))) for vector in rows[:{_N_ASKED}]]
sys.exit(0 if answers == expected else 5)
"""
_TIMEOUT_S = 60
_WITHOUT = "Without it search is exact, and slower in large collections."
_COMPILE = f"ANNOY_COMPILER_ARGS={COMPILER_ARGS} python -m pip install --force-reinstall --no-deps --no-cache-dir annoy"


class AnnoyFault(Enum):
    """Why annoy cannot be used here. What needs it goes on with ExactIndex, whose answers are the same or better."""

    NOT_INSTALLED = "The annoy package is not installed."
    NOT_LOADED = "The annoy package is installed, but cannot be loaded."
    CRASHES = "The annoy package crashes when it is asked."
    NO_ANSWER = f"The annoy package gives no answer within {_TIMEOUT_S} s."
    WRONG_ANSWERS = "The annoy package gives wrong answers."
    NOT_TRIED = "No process could be started to try the annoy package in."

    @property
    def sentence(self) -> str:
        """What is wrong, for people."""
        return self.value

    @property
    def hint(self) -> str:
        """What it means, and what to do."""
        if self is AnnoyFault.NOT_TRIED:
            return f"{_WITHOUT} The next command tries again."
        return f"{_WITHOUT} To compile it anew, for this machine: {_COMPILE}"


class AnnoyIndex:
    """Spotify's Annoy: a forest of random hyperplanes in a memory-mapped file. Approximate."""

    is_exact = False

    def __init__(self, path: Path, embeddings: np.ndarray, *, search_k: int = -1) -> None:
        """Opens an index file that is known to be whole and to be of these rows (see the module's docstring).

        Args:
            path: The file.
            embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
            search_k: Nodes to look at for each 100 rows wanted; -1 leaves it to Annoy (100 for each tree).
        """
        from annoy import AnnoyIndex as Annoy

        self.n_items, dim = embeddings.shape
        self._annoy = Annoy(dim, METRIC)
        self._annoy.load(str(path))
        self._nodes_per_row = (search_k if search_k != -1 else 100 * self._annoy.get_n_trees()) / 100
        self._exact = ExactIndex(embeddings)

    @staticmethod
    def build(embeddings: np.ndarray, path: Path, *, n_trees: int = N_TREES, seed: int = SEED) -> None:
        """Writes an index of float32 (n, dim) rows to `path`: same rows, trees and seed, same bytes on one machine.

        Raises:
            OSError: the file cannot be written.
        """
        from annoy import AnnoyIndex as Annoy

        annoy = Annoy(embeddings.shape[1], METRIC)
        annoy.set_seed(seed)
        for row, vector in enumerate(embeddings):
            annoy.add_item(row, vector)
        annoy.build(n_trees, 1)  # one job: with more, the trees depend on the scheduling
        annoy.save(str(path))

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: np.ndarray | None = None
    ) -> np.ndarray:
        """See VectorIndex."""
        if effort is Effort.EXACT or among is not None:
            # A forest cannot be asked for some of its rows; comparing with those is exact, and fast enough.
            return self._exact.nearest(vector, n, among=among)
        n = min(n, self.n_items)
        share = _QUICK_SHARE if effort is Effort.QUICK else 1.0
        search_k = max(n, round(share * self._nodes_per_row * n))
        return np.asarray(self._annoy.get_nns_by_vector(vector, n, search_k), dtype=np.int64)


@cache
def annoy_fault() -> AnnoyFault | None:
    """Why the installed annoy cannot be used here, or None where it answers as comparing with everything does.

    Tried once, in a child process.
    """
    rows = normalize(np.random.default_rng(_PROBE_SEED).normal(size=(_N_ROWS, _DIM)))
    expected = np.sort(np.argsort(-(rows[:_N_ASKED] @ rows.T), axis=1)[:, :_N_WANTED], axis=1)
    question = json.dumps([rows.tolist(), expected.tolist()]).encode()
    try:
        child = subprocess.run([sys.executable, "-c", _PROBE], input=question, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return AnnoyFault.NO_ANSWER
    except OSError:
        return AnnoyFault.NOT_TRIED
    causes = {0: None, 3: AnnoyFault.NOT_INSTALLED, 4: AnnoyFault.NOT_LOADED, 5: AnnoyFault.WRONG_ANSWERS}
    return causes.get(child.returncode, AnnoyFault.CRASHES)
