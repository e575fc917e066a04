"""The items of a gallery as a table: row i of the table is row i of every space."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imgsearch.errors import ItemNotFoundError

_LABELS_NAMED = 20
_MIN_TABLE_BYTES, _MAX_ROW_BYTES = 1 << 20, 1 << 13

_SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("label", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),
        ("thumbnail", pa.string()),
        ("thumbnail_bytes", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class Item:
    """A picture of the gallery.

    Attributes:
        item_id: Its path relative to the folder it came from, with forward slashes; stable and unique; in NFC, see
            `names_in_nfc`. Bytes of a file name that are not UTF-8 are written as backslash escapes.
        label: What it shows, for evaluation and filters; "" where unknown.
        width, height: Size of the upright original, px.
        bytes, mtime_ns, sha256: Of the original file: its size, its time in ns since 1970, the digest of its content.
        thumbnail: sha256 of the thumbnail file, which is `thumbnails/<thumbnail>.webp`.
        thumbnail_bytes: Size of that file.
    """

    item_id: str
    label: str
    width: int
    height: int
    bytes: int
    mtime_ns: int
    sha256: str
    thumbnail: str
    thumbnail_bytes: int


@dataclass(frozen=True)
class Condition:
    """What some rows have in common, for a gallery that nobody has in memory: who keeps it finds them.

    Attributes:
        labels: Labels that each of them has; two different ones are had by none.
        not_labels: Labels that none of them has.
    """

    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()


Rows = np.ndarray | Condition
"""Some rows of a gallery: an int64 array, ascending, or what they have in common, whichever the gallery deals in."""


def row_numbers(rows: Rows) -> np.ndarray:
    """Rows of a gallery in memory, which deals in numbers."""
    assert isinstance(rows, np.ndarray)
    return rows


def nfc(text: str) -> str:
    """The composed form of a text, in which names are compared: archives of a Mac hold `é` as `e` and an accent (NFD)."""
    return unicodedata.normalize("NFC", text)


def names_in_nfc(names: Iterable[str]) -> dict[str, str]:
    """What each of some different names is called as an item.

    Every name becomes NFC. Of names that differ in nothing else, so that they look the same, one does (the one that is NFC
    already, else the first in alphabetical order), and the others stay as they are, so that none is lost.
    """
    called: dict[str, str] = {}
    taken = set()
    for name in sorted(names, key=lambda name: (nfc(name) != name, name)):
        called[name] = name if nfc(name) in taken else nfc(name)
        taken.add(called[name])
    return called


def label_words(label: str) -> str:
    """A label as people write it: `Egyptian_Mau` -> `Egyptian Mau`."""
    return label.replace("_", " ").strip()


def short_name(item: Item) -> str:
    """What to call an item in a line of text: its label, or the name of its file."""
    return label_words(item.label) or item.item_id.rsplit("/", 1)[-1]


def shared_label(items: Iterable[Item]) -> str:
    """The label that all of them have, or "" where that is not one."""
    labels = {item.label for item in items}
    return labels.pop() if len(labels) == 1 else ""


def unknown_label(label: str, known: Iterable[str]) -> ItemNotFoundError:
    """That no item has a label, and which labels there are."""
    names = list(known)
    more = f" and {len(names) - _LABELS_NAMED} more" if len(names) > _LABELS_NAMED else ""
    return ItemNotFoundError(
        f"No picture of this collection has the label {label!r}.",
        hint=f"Labels are: {', '.join(names[:_LABELS_NAMED])}{more}." if names else "Its pictures have no labels.",
    )


class Items:
    """The items of a collection's file: see `gallery.Gallery`."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, row: int) -> Item:
        """The item of a row.

        Raises:
            ItemNotFoundError: there is no such row.
        """
        if not 0 <= row < len(self):
            raise ItemNotFoundError(f"A row must be between 0 and {len(self) - 1}. Received: {row}.")
        return self._items[row]

    def at(self, rows: Iterable[int] | np.ndarray) -> list[Item]:
        """The items of some rows, in that order. Raises like `[]`."""
        return [self[int(row)] for row in rows]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {item.item_id: row for row, item in enumerate(self._items)}

    @cached_property
    def label_counts(self) -> dict[str, int]:
        """Number of items of each label, labels in alphabetical order; items without label are left out."""
        return dict(sorted(Counter(item.label for item in self._items if item.label).items()))

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> str | None:
        """The id of the item of that name, in whatever normal form it is written; None where there is none."""
        return next((each for each in (name, nfc(name)) if each in self._rows), None)

    def row_of(self, name: str) -> int:
        """The row of an item, by its name as `find` takes it.

        Raises:
            ItemNotFoundError: there is no such item.
        """
        item_id = self.find(name)
        if item_id is None:
            raise ItemNotFoundError(f"No picture of this collection is called {name!r}.")
        return self._rows[item_id]

    def rows_with_label(self, label: str) -> np.ndarray:
        """int64 array of the rows with that label, in whatever normal form it is written, ascending.

        Raises:
            ItemNotFoundError: no item has it.
        """
        label = nfc(label)
        rows = np.array([row for row, item in enumerate(self._items) if item.label == label], dtype=np.int64)
        if not len(rows):
            raise unknown_label(label, self.label_counts)
        return rows

    def where(self, labels: Sequence[str] = (), not_labels: Sequence[str] = ()) -> np.ndarray:
        """int64 array of the rows with all of these labels and none of the others, ascending; see `rows_with_label`."""
        rows = np.arange(len(self))
        for label in labels:
            rows = np.intersect1d(rows, self.rows_with_label(label))
        for label in not_labels:
            rows = np.setdiff1d(rows, self.rows_with_label(label))
        return rows

    def count(self, rows: Rows) -> int:
        """How many they are."""
        return len(row_numbers(rows))

    def page(self, rows: Rows | None, start: int, n: int) -> list[Item]:
        """Some of those items, or of all, in the order of their rows: at most n from the `start`-th on."""
        return self.at((range(len(self)) if rows is None else row_numbers(rows))[start : start + n])

    def spread(self, n: int) -> list[Item]:
        """So many items from all over the gallery, in their order; all of them, of fewer."""
        return self.at(np.linspace(0, len(self) - 1, min(n, len(self))).round())

    def any_but(self, item_ids: Collection[str]) -> Item:
        """One item at random; another one than these, where there is another."""
        rows = set(range(len(self))) - {self.row_of(item_id) for item_id in item_ids}
        return self[random.choice(sorted(rows) or range(len(self)))]

    def write(self, path: Path) -> None:
        """Writes the table as Parquet; the same items give the same bytes."""
        columns = {field.name: [getattr(item, field.name) for item in self._items] for field in fields(Item)}
        with path.open("wb") as stream:  # Arrow's own errors would name the path
            pq.write_table(pa.table(columns, schema=_SCHEMA), stream, compression="zstd", store_schema=False)

    @classmethod
    def read(cls, path: Path, n_items: int) -> Items:
        """The table of so many items, of a file that `write` made and whose content has been checked by hash.

        ValueError for anything else. What the file says of itself is looked at first: rows that are all alike take next to
        nothing on disk, and gigabytes as a table.

        Names and labels come out in NFC, also where an earlier version wrote them as they were on disk.
        """
        # memory_map off: a page holds a collection open for days and must not keep a removed file alive.
        file = pq.ParquetFile(path, memory_map=False)
        n_rows, n_bytes = file.metadata.num_rows, sum(map(_table_bytes, _row_groups(file.metadata)))
        is_larger = n_bytes > _MIN_TABLE_BYTES + n_rows * _MAX_ROW_BYTES
        if n_rows != n_items or is_larger or not file.schema_arrow.equals(_SCHEMA):
            raise ValueError(f"not a table of {n_items} items")
        table = file.read()
        columns = [table.column(field.name).to_pylist() for field in fields(Item)]
        names, labels, *others = columns
        called = names_in_nfc(names)
        columns = [[called[name] for name in names], [nfc(label) for label in labels], *others]
        return cls([Item(*values) for values in zip(*columns, strict=True)])


def _row_groups(metadata: pq.FileMetaData) -> Iterator[pq.RowGroupMetaData]:
    return (metadata.row_group(number) for number in range(metadata.num_row_groups))


def _table_bytes(group: pq.RowGroupMetaData) -> int:
    return int(group.total_byte_size)


@dataclass(frozen=True)
class Skipped:
    """What was left out of the gallery.

    Attributes:
        item_id: The name of a file, or a pattern such as `*.txt` where many of a kind are told in one line.
        reason: Why it was left out, in plain words.
        n: So many files.
    """

    item_id: str
    reason: str
    n: int = 1
