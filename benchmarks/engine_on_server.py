"""The vectors of `benchmarks.engines` in a table on a Milvus server, to be asked there as an index is asked."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from benchmarks.common import Row, resident_mib
from imgsearch.pictures.items import Item, Rows
from imgsearch.vectors.engines.face import Effort, VectorIndex
from imgsearch.vectors.engines.milvus import MilvusTable
from imgsearch.vectors.engines.table import Table, TableIndex, TableRow, stable_id

SPACE = "vectors"
_BATCH = 1_000
"""Rows that are written at a time, as `imgsearch cluster load` does."""


@dataclass(frozen=True)
class Loaded:
    """A table with all vectors: how to ask it, by name, and what loading took, part of a row of a result."""

    ways: Sequence[tuple[str, VectorIndex]]
    cost: Row


class _AtEffort(TableIndex):
    """A table that is asked for rows of the array at one effort."""

    def __init__(self, table: Table, rows: dict[int, int], effort: Effort) -> None:
        super().__init__(table, SPACE, len(rows))
        self._rows, self._effort = rows, effort

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Rows | None = None
    ) -> np.ndarray:
        """See VectorIndex; `effort` is passed over."""
        found = super().nearest(vector, n, effort=self._effort, among=among)
        return np.array([self._rows[each] for each in found.tolist()], np.int64)


@contextmanager
def loaded_table(vectors: np.ndarray, address: str, pid: int | None) -> Iterator[Loaded]:
    """Writes vectors into a table and drops it in the end.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        address: Of the server, http://HOST:PORT.
        pid: Its process on this machine, if its memory is to be told.
    """
    n, dim = vectors.shape
    table = MilvusTable(f"benchmark_{secrets.token_hex(4)}", address)
    try:
        table.create({SPACE: dim})
        print(f"{n:,} x {dim:,}: loading into Milvus", file=sys.stderr, flush=True)
        started = time.perf_counter()
        for start in range(0, n, _BATCH):
            table.upsert([_row(start + at, vector) for at, vector in enumerate(vectors[start : start + _BATCH])])
        written = time.perf_counter()
        table.commit(b"benchmark")
        indexed = time.perf_counter()
        cost = {
            "written_s": written - started,
            "rows_a_second": n / (written - started),
            "indexed_s": indexed - written,
            "server_mib": resident_mib(pid) if pid else None,
        }
        rows = {_id(row): row for row in range(n)}
        yield Loaded([(f"Milvus ({effort})", _AtEffort(table, rows, effort)) for effort in Effort], cost)
    finally:
        table.drop()


def _id(row: int) -> int:
    return stable_id(str(row))


def _row(row: int, vector: np.ndarray) -> TableRow:
    item = Item(str(row), "", 1, 1, 1, 0, "", "", 0)
    return TableRow(item, "", {SPACE: vector}, version=0)
