"""What the engines share that look at a part of the vectors, each by a compiled package of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

import numpy as np

from imgsearch.distance import angular_distance, normalize
from imgsearch.pictures.items import Rows
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Effort, Engine, Fault

_N_TESTED = 3
_N_ROWS, _DIM, _N_ASKED, _N_WANTED = 1000, 40, 10, 20
_PROBE_SEED = 0  # with it the 20th neighbour is clearly nearer than the 21st, whatever the order of additions
_PROBE = """
import json, sys
rows, expected = json.load(sys.stdin)
n_wanted = len(expected[0])
try:
    {imports}
except ModuleNotFoundError as exc:
    sys.exit(3 if exc.name == "{package}" else 4)
except ImportError:
    sys.exit(4)
{asking}
answers = [sorted(map(int, nearest(vector))) for vector in rows[:len(expected)]]
sys.exit(0 if answers == expected else 5)
"""
_TIMEOUT_S = 60
_WITHOUT = "Without it search is exact, and slower in large collections."


class ApproximateIndex(ABC):
    """An index that looks at a part of the vectors; where it cannot, or finds too few rows, all are compared."""

    is_exact = False
    is_asked_for_some = False
    resolution = 1e-3
    """Distances below this it cannot tell apart: a row that asks may find one as near instead of itself."""

    def __init__(self, embeddings: np.ndarray) -> None:
        """embeddings: float32 (n, dim), rows of length 1; may be memory-mapped."""
        self.n_items = len(embeddings)
        self._embeddings = embeddings
        self._exact = ExactIndex(embeddings)

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Rows | None = None
    ) -> np.ndarray:
        """See VectorIndex."""
        # What cannot be asked for some of its rows is not asked: comparing with those is exact, and fast enough.
        if effort != Effort.EXACT and among is None and n < self.n_items:
            rows = self.candidates(vector, n, effort)
            if 2 * len(rows) >= n:
                return rows
        return self._exact.nearest(vector, n, among=among)

    def n_compared(self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL) -> int:
        """See VectorIndex."""
        is_exact = effort == Effort.EXACT or n >= self.n_items
        return self.n_items if is_exact else self.n_candidates(vector, n, effort)

    @abstractmethod
    def candidates(self, vector: np.ndarray, n: int, effort: Effort) -> np.ndarray:
        """int64: what the package finds, at most n distinct rows; for QUICK and NORMAL, and n up to the number of rows."""

    @abstractmethod
    def n_candidates(self, vector: np.ndarray, n: int, effort: Effort) -> int:
        """With how many vectors the package then compares this one."""

    def check(self) -> None:
        """Whether some rows find themselves, or their like.

        Raises:
            OSError: they do not. The file has the right digest, so it is not damaged: what wrote it was at fault.
        """
        n = max(1, min(10, self.n_items // 4))  # any index finds a row among nearly all
        for row in np.linspace(0, self.n_items - 1, min(_N_TESTED, self.n_items)).astype(int):
            rows = self.candidates(self._embeddings[row], n, Effort.NORMAL)
            is_sound = len(rows) and rows.min() >= 0 and rows.max() < self.n_items
            if not is_sound or angular_distance(self._embeddings[rows], self._embeddings[row]).min() > self.resolution:
                raise OSError("The index does not answer as one of these rows.")


class PackageEngine(Engine):
    """An engine that needs a compiled package, which is tried before it is trusted.

    Attributes:
        package: Its name.
        imports: The line that imports it.
        asking: Python that makes of `rows`, a list of vectors, a function `nearest(vector)`: the `n_wanted` nearest rows,
            surely. It runs in a child process, since a badly compiled module may crash.
        remedy: What to do where it does not work.
    """

    package: ClassVar[str]
    imports: ClassVar[str]
    asking: ClassVar[str]
    remedy: ClassVar[str]

    def fault(self) -> Fault | None:
        """See Engine. The package is tried once a process: it answers as comparing with everything does, or is at fault."""
        probe = _PROBE.format(imports=self.imports, package=self.package, asking=self.asking)
        what = _tried(probe)
        if what is None:
            return None
        remedy = "The next command tries again." if what is _NOT_TRIED else self.remedy
        return Fault(what.format(package=self.package), f"{_WITHOUT} {remedy}")


_NOT_TRIED = "No process could be started to try the {package} package in."
_NO_ANSWER = f"The {{package}} package gives no answer within {_TIMEOUT_S} s."
_CRASHES = "The {package} package crashes when it is asked."
_BY_EXIT = {
    0: None,
    3: "The {package} package is not installed.",
    4: "The {package} package is installed, but cannot be loaded.",
    5: "The {package} package gives wrong answers.",
}


@cache
def _tried(probe: str) -> str | None:
    """What is wrong with a package, None where nothing is."""
    rows = normalize(np.random.default_rng(_PROBE_SEED).normal(size=(_N_ROWS, _DIM)))
    expected = np.sort(np.argsort(-(rows[:_N_ASKED] @ rows.T), axis=1)[:, :_N_WANTED], axis=1)
    question = json.dumps([rows.tolist(), expected.tolist()]).encode()
    try:
        child = subprocess.run([sys.executable, "-c", probe], input=question, capture_output=True, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return _NO_ANSWER
    except OSError:
        return _NOT_TRIED
    return _BY_EXIT.get(child.returncode, _CRASHES)
