"""Annoy: approximate nearest neighbours in a memory-mapped file.

The file has neither header nor checksum: opened with a wrong metric it aborts the process, with a wrong dimension it
answers nonsense. So a file reaches `AnnoyIndex` only after its collection has checked it by hash.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

from imgsearch.distance import METRIC

N_TREES = 50
SEED = 20_261_123

# Builds and asks a small index: a module compiled for another processor dies of an illegal instruction here, in a child.
_PROBE = """
from annoy import AnnoyIndex
index = AnnoyIndex(40, "angular")
for row in range(40):
    index.add_item(row, [float(row == part) for part in range(40)])
index.build(4, 1)
assert index.get_nns_by_vector([1.0] + [0.0] * 39, 1) == [0]
"""


class AnnoyIndex:
    """Spotify's Annoy: a forest of random hyperplanes in a memory-mapped file. Approximate."""

    def __init__(self, path: Path, *, dim: int, n_items: int) -> None:
        """Opens an index file that is known to be whole and of this shape (see the module's docstring)."""
        from annoy import AnnoyIndex as Annoy

        self._annoy = Annoy(dim, METRIC)
        self._annoy.load(str(path))
        self.n_items = n_items

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

    def candidates(self, vector: np.ndarray, n: int, *, search_k: int = -1) -> np.ndarray:
        """See VectorIndex."""
        return np.asarray(self._annoy.get_nns_by_vector(vector, min(n, self.n_items), search_k), dtype=np.int64)


@cache
def annoy_works() -> bool:
    """Whether the installed annoy runs on this processor, tried once in a child process."""
    try:
        return subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
