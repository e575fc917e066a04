"""Rows and conditions of a table as Milvus takes them, and gives them back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from imgsearch.pictures.items import Condition, Item
from imgsearch.vectors.engines.table import TableRow, stable_id

SCALARS = ("item_id", "label", "width", "height", "bytes", "sha256", "thumbnail")
"""Fields of an item."""
_FIELD = "vector_"
_MOST_BYTES = 16 << 20
"""Of a message: Milvus takes 64 MB."""


def field_of(space: str) -> str:
    """What the field of a space's vectors is called: names of Milvus have no hyphens."""
    return _FIELD + space.replace("-", "__")


def dims_of(fields: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Lengths of the vectors by space, of a collection's fields as Milvus describes them."""
    return {
        field["name"].removeprefix(_FIELD).replace("__", "-"): int(field["params"]["dim"])
        for field in fields
        if field["name"].startswith(_FIELD)
    }


def where(among: Condition | None) -> str:
    """A condition as Milvus takes it. Labels are compared by number, so that no text has to be quoted."""
    if among is None:
        return ""
    has = [f"label_id == {stable_id(label)}" for label in among.labels]
    has += [f"label_id != {stable_id(label)}" for label in among.not_labels]
    return " and ".join(has)


def messages(rows: Sequence[TableRow]) -> Iterator[list[dict[str, Any]]]:
    """Rows as Milvus takes them, in messages that are not too large; the last of two with one id, since it keeps both."""
    message: list[dict[str, Any]] = []
    n_bytes = 0
    for row in {row.id: row for row in rows}.values():
        of_row = sum(vector.nbytes for vector in row.vectors.values()) + 4 * len(row.attributes) + 4_096
        if message and n_bytes + of_row > _MOST_BYTES:
            yield message
            message, n_bytes = [], 0
        message.append(_as_row(row))
        n_bytes += of_row
    if message:
        yield message


def _as_row(row: TableRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "version": row.version,
        "label_id": stable_id(row.item.label),
        "attributes": json.loads(row.attributes or "{}"),
        **{name: getattr(row.item, name) for name in SCALARS},
        **{field_of(space): vector for space, vector in row.vectors.items()},
    }


def as_item(row: Mapping[str, Any]) -> Item:
    """The item of a row with SCALARS."""
    return Item(**{name: row[name] for name in SCALARS}, mtime_ns=0, thumbnail_bytes=0)
