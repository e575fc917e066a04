"""The face of an engine on a server: a table of items and their vectors by stable ids, which is searched where it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from imgsearch.pictures.items import Condition, Item, Rows
from imgsearch.vectors.engines.face import Effort

END_OF_IDS = 2**63
"""The first number that is no id: they are int64, and none is negative."""


def stable_id(text: str) -> int:
    """The number of an item id, or a label, in any engine: the first 8 bytes of its sha256, big-endian, without the sign.

    Numbers of the items of a gallery are spread evenly over all that there are, so that those below one are a sample.
    """
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) & (END_OF_IDS - 1)


@dataclass(frozen=True)
class TableRow:
    """An item as a table keeps it.

    Attributes:
        item: Whose id is `stable_id` of its `item_id`. The table keeps neither its time nor its thumbnail's size.
        attributes: What else is known of it, a JSON object.
        vectors: float32 (dim,) of length 1, by space.
        version: Changes with all of that: a row that is there in the same version need not be written again.
    """

    item: Item
    attributes: str
    vectors: Mapping[str, np.ndarray]
    version: int

    @property
    def id(self) -> int:
        """Its number."""
        return stable_id(self.item.item_id)


class Table(Protocol):
    """Items and their vectors on a server. Safe for threads.

    Each method asks the server, and raises ServerError where that does not answer as it should, and another CollectionError
    where what is there cannot be used.

    Attributes:
        name: Of the collection.
    """

    name: str

    def create(self, dims: Mapping[str, int]) -> None:
        """Makes the table where there is none. `dims` are the lengths of the vectors, by space."""
        ...

    def dims(self) -> Mapping[str, int]:
        """Those of the table that is there."""
        ...

    def drop(self) -> None:
        """Removes the table and all it holds, if there is one."""
        ...

    def state(self) -> str:
        """The digest of the facts that were committed last, "" before. Quick: it is asked each time a page is drawn."""
        ...

    def facts(self, state: str) -> bytes:
        """What was committed under that digest."""
        ...

    def settle(self) -> None:
        """Returns when what was written is found."""
        ...

    def commit(self, facts: bytes) -> None:
        """Keeps what is known of the items as a whole and makes it the state; what was written before is found from now."""
        ...

    def count(self, among: Condition | None = None) -> int:
        """How many items there are, or that fulfil a condition; exact as of the last commit or later."""
        ...

    def versions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ids and versions of all rows, each once, ascending, in pieces of int64 (n,); as of this moment."""
        ...

    def upsert(self, rows: Sequence[TableRow]) -> None:
        """Writes rows, in the place of those of the same ids. No two may have one id."""
        ...

    def delete(self, ids: Sequence[int] | np.ndarray) -> None:
        """Removes rows; ids that are not there are passed over."""
        ...

    def items(self, ids: Sequence[int] | np.ndarray) -> dict[int, Item]:
        """Those of some ids that there are."""
        ...

    def page(self, among: Condition | None, after: int, n: int, skip: int = 0) -> list[Item]:
        """At most n items with ids above `after`, by their ids, without the first `skip`, which are at most 10,000."""
        ...

    def vectors(self, space: str, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """float32 (len(ids), dim). ItemNotFoundError where one is not there."""
        ...

    def nearest(
        self, space: str, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Condition | None = None
    ) -> np.ndarray:
        """See `VectorIndex.nearest`."""
        ...


class TableIndex:
    """The index of a table's space: see `VectorIndex`."""

    is_exact = False
    is_asked_for_some = True

    def __init__(self, table: Table, space: str, n_items: int) -> None:
        self._table, self._space, self.n_items = table, space, n_items

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Rows | None = None
    ) -> np.ndarray:
        """See VectorIndex."""
        assert among is None or isinstance(among, Condition)
        return self._table.nearest(self._space, vector, n, effort=effort, among=among)

    def n_compared(self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL) -> int:
        """See VectorIndex: a server does not tell, so it is all of them."""
        return self.n_items
