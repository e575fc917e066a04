"""The items of a collection on a server: see `Gallery`. A row is an item's id."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from imgsearch.collection.served.facts import LANDMARK_EVERY, Facts
from imgsearch.errors import ItemNotFoundError
from imgsearch.pictures.items import Condition, Item, Rows, nfc, unknown_label
from imgsearch.reasons import say
from imgsearch.vectors.engines.table import END_OF_IDS, Table, stable_id

_N_KEPT = 4_096
"""Items that are not asked for again, of some 300 bytes each."""


class ServedItems:
    """The items of a table as they were when the facts were committed; labels and counts are the facts'."""

    def __init__(self, table: Table, facts: Facts) -> None:
        self._table, self._facts = table, facts
        self._kept = lru_cache(_N_KEPT)(self._fetched)

    def _fetched(self, row: int) -> Item | None:
        return self._table.items([row]).get(row)

    def __len__(self) -> int:
        return self._facts.n_items

    @property
    def label_counts(self) -> Mapping[str, int]:
        """See `Gallery`."""
        return self._facts.label_counts

    def at(self, rows: Iterable[int]) -> list[Item]:
        """See `Gallery.at`. One request, whatever was asked for before."""
        ids = [int(row) for row in rows]
        found = self._table.items(list(dict.fromkeys(ids))) if len(ids) > 1 else {row: self._kept(row) for row in ids}
        items = [found.get(row) for row in ids]
        if None in items:
            raise ItemNotFoundError(say("server_changed"))
        return [item for item in items if item]

    def find(self, name: str) -> str | None:
        """See `Gallery.find`."""
        for each in dict.fromkeys((name, nfc(name))):
            item = self._kept(stable_id(each))
            if item and item.item_id == each:
                return each
        return None

    def row_of(self, name: str) -> int:
        """See `Gallery.row_of`."""
        item_id = self.find(name)
        if item_id is None:
            raise ItemNotFoundError(f"No picture of this collection is called {name!r}.")
        return stable_id(item_id)

    def where(self, labels: Sequence[str] = (), not_labels: Sequence[str] = ()) -> Condition:
        """See `Gallery.where`."""
        of, not_of = (tuple(dict.fromkeys(map(nfc, each))) for each in (labels, not_labels))
        for label in (*of, *not_of):
            if label not in self.label_counts:
                raise unknown_label(label, self.label_counts)
        return Condition(of, not_of)

    def count(self, rows: Rows) -> int:
        """See `Gallery.count`."""
        condition = _condition(rows)
        label = _only_label(condition)
        if label is None:
            return self._table.count(condition)
        return self.label_counts[label] if label else len(self)

    def page(self, rows: Rows | None, start: int, n: int) -> list[Item]:
        """See `Gallery.page`. Far into the gallery it begins at a landmark, since a server counts no further than some."""
        condition = Condition() if rows is None else _condition(rows)
        label = _only_label(condition)
        landmarks = () if label is None else self._facts.landmarks.get(label, ())
        passed = min(start // LANDMARK_EVERY, len(landmarks))
        after = landmarks[passed - 1] if passed else -1
        return self._table.page(condition, after, n, skip=start - passed * LANDMARK_EVERY)

    def spread(self, n: int) -> list[Item]:
        """See `Gallery.spread`: ids are spread evenly, so the first are from all over it."""
        return self.page(None, 0, n)

    def any_but(self, item_ids: Collection[str]) -> Item:
        """See `Gallery.any_but`."""
        others = len(item_ids) + 1
        found = self._table.page(None, random.randrange(END_OF_IDS) - 1, others)
        found += self._table.page(None, -1, others)  # from the beginning, where it was near the end
        return next((item for item in found if item.item_id not in item_ids), found[0])


def _condition(rows: Rows) -> Condition:
    assert isinstance(rows, Condition)
    return rows


def _only_label(condition: Condition) -> str | None:
    """The label that is all of a condition, "" where nothing is asked for; None where there is more to it."""
    if condition.not_labels or len(condition.labels) > 1:
        return None
    return condition.labels[0] if condition.labels else ""


def landmarks_of(ids: Sequence[int] | np.ndarray) -> tuple[int, ...]:
    """Every LANDMARK_EVERY-th of ids, ascending: so many lie up to and with each."""
    return tuple(int(each) for each in ids[LANDMARK_EVERY - 1 :: LANDMARK_EVERY])
