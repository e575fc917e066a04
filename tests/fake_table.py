"""A server's table of items and vectors without a server: what `Table` promises, by NumPy, in this process."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from imgsearch.errors import CollectionNotFoundError, ItemNotFoundError, ServerError
from imgsearch.pictures.items import Condition, Item
from imgsearch.reasons import say
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.engines.table import TableRow, stable_id


class FakeTable:
    """See `Table`. With `is_down` it does not answer, as a server that is gone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_down = False
        self.n_written = 0
        self._dims: dict[str, int] | None = None
        self._rows: dict[int, TableRow] = {}
        self._facts = {"": b""}
        self._state = ""

    def create(self, dims: Mapping[str, int]) -> None:
        self._ask(exists=False)
        self._dims = self._dims or dict(dims)

    def dims(self) -> Mapping[str, int]:
        self._ask()
        assert self._dims is not None
        return self._dims

    def drop(self) -> None:
        self._ask(exists=False)
        self._dims, self._rows, self._facts, self._state = None, {}, {"": b""}, ""

    def state(self) -> str:
        self._ask()
        return self._state

    def facts(self, state: str) -> bytes:
        self._ask()
        return self._facts[state]

    def settle(self) -> None:
        self._ask()

    def commit(self, facts: bytes) -> None:
        self._ask()
        self._state = hashlib.sha256(facts).hexdigest()
        self._facts = {self._state: facts}

    def count(self, among: Condition | None = None) -> int:
        return len(self._ids(among))

    def versions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ids = self._ids()
        yield np.array(ids, np.int64), np.array([self._rows[each].version for each in ids], np.int64)

    def upsert(self, rows: Sequence[TableRow]) -> None:
        self._ask()
        self.n_written += len(rows)
        self._rows |= {stable_id(row.item.item_id): row for row in rows}

    def delete(self, ids: Sequence[int] | np.ndarray) -> None:
        self._ask()
        for each in ids:
            self._rows.pop(int(each), None)

    def items(self, ids: Sequence[int] | np.ndarray) -> dict[int, Item]:
        self._ask()
        return {int(each): self._rows[int(each)].item for each in ids if int(each) in self._rows}

    def page(self, among: Condition | None, after: int, n: int, skip: int = 0) -> list[Item]:
        ids = [each for each in self._ids(among) if each > after]
        return [self._rows[each].item for each in ids[skip : skip + n]]

    def vectors(self, space: str, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        self._ask()
        if any(int(each) not in self._rows for each in ids):
            raise ItemNotFoundError(say("server_changed"))
        found = [self._rows[int(each)].vectors[space] for each in ids]
        return np.array(found, np.float32).reshape(len(ids), self.dims()[space])

    def nearest(
        self, space: str, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Condition | None = None
    ) -> np.ndarray:
        ids = np.array(self._ids(among), np.int64)
        near = self.vectors(space, ids) @ vector
        return ids[np.argsort(-near, kind="stable")[:n]][::-1]  # in no order to rely on

    def _ids(self, among: Condition | None = None) -> list[int]:
        self._ask()
        among = among or Condition()
        return sorted(
            each
            for each, row in self._rows.items()
            if all(label == row.item.label for label in among.labels) and row.item.label not in among.not_labels
        )

    def _ask(self, *, exists: bool = True) -> None:
        if self.is_down:
            raise ServerError(say("server_silent"))
        if exists and self._dims is None:
            raise CollectionNotFoundError(say("server_has_none", name=self.name))
