"""What search, re-ranking and the page know of the pictures that are searched, wherever those are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from imgsearch.pictures.items import Item, Rows


class Gallery(Protocol):
    """The pictures that are searched, by row.

    A row is an int64 that stands for an item as long as that is there. In a collection's file rows are dense, from 0 on, in
    the order of the items; on a server they have holes, and any order.

    Attributes:
        label_counts: Number of items of each label, labels in alphabetical order; items without label are left out.
    """

    @property
    def label_counts(self) -> Mapping[str, int]: ...

    def __len__(self) -> int: ...

    def at(self, rows: Iterable[int]) -> list[Item]:
        """The items of some rows, in that order. ItemNotFoundError where there is no such row."""
        ...

    def find(self, name: str) -> str | None:
        """The id of the item of that name, in whatever normal form it is written; None where there is none."""
        ...

    def row_of(self, name: str) -> int:
        """The row of an item, by its name as `find` takes it. ItemNotFoundError where there is none."""
        ...

    def where(self, labels: Sequence[str] = (), not_labels: Sequence[str] = ()) -> Rows:
        """The rows with all of these labels and none of the others. ItemNotFoundError where no item has one of them."""
        ...

    def count(self, rows: Rows) -> int:
        """How many they are."""
        ...

    def page(self, rows: Rows | None, start: int, n: int) -> list[Item]:
        """Some of those items, or of all, in the order of their rows: at most n from the `start`-th on."""
        ...

    def spread(self, n: int) -> list[Item]:
        """So many items from all over the gallery, in their order, the same ones each time; all of them, of fewer."""
        ...

    def any_but(self, item_ids: Collection[str]) -> Item:
        """One item at random; another one than these, where there is another."""
        ...
