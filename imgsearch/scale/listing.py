"""Which pictures there are to embed: those of a folder anywhere, or of a list of addresses, as one table."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from imgsearch.errors import BuildError
from imgsearch.files.archives import is_debris
from imgsearch.files.place import Place, store_errors
from imgsearch.pictures.folder import labeller, no_pictures, scan
from imgsearch.pictures.items import Skipped, names_in_nfc, nfc
from imgsearch.pictures.left_out import LeftOut
from imgsearch.pictures.metadata import METADATA_FILE
from imgsearch.reasons import say
from imgsearch.vectors.engines.table import stable_id

_LIST_SUFFIXES = (".parquet", ".csv")
_OF_A_LIST = ("address", "item_id", "label")
_AS_TEXT = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(_OF_A_LIST, pa.string()))
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("item_id", pa.large_string()),
        ("path", pa.large_binary()),  # a name on a disk may be no UTF-8
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("label", pa.large_string()),
        ("attributes", pa.large_string()),
    ]
)


@dataclass(frozen=True)
class Listing:
    """What there is to embed.

    Attributes:
        root: The folder that the pictures are below, or one of those.
        pictures: A row each, by id: `path` is that in its file system, `bytes` and `mtime_ns` are null where they
            are not known, the other columns are those of `dataset.schema`.
        left_out: What is no picture.
    """

    root: Place
    pictures: pa.Table
    left_out: list[Skipped]


def list_pictures(images: str, *, target: Place, label_pattern: str | None = None) -> Listing:
    """The pictures of a folder, labelled as a build does it (see `folder.labeller`), or of a list of addresses.

    Args:
        images: Address of a folder, or of a Parquet or CSV file with the column `address` (of a picture; a relative one is
            below that file's folder), and perhaps `item_id` and `label`; what other columns say are attributes.
        target: Left out, if it lies inside.
        label_pattern: See `folder.labeller`; not for a list.

    Raises:
        BuildError: there are no pictures, or what is there will not do.
    """
    place = Place.at(images)
    if target.holds(place):
        raise BuildError("The pictures must lie outside of what they are embedded into.")
    if not place.path.lower().endswith(_LIST_SUFFIXES):
        return _of_folder(place, target, label_pattern)
    if label_pattern is not None:
        raise BuildError("A list of addresses says the labels itself, in a column label: no pattern can be given for it.")
    return _of_list(place)


def _of_folder(place: Place, target: Place, label_pattern: str | None) -> Listing:
    left_out = LeftOut()
    if place.is_local:  # where there are links that lead in circles, pipes, and names that are no UTF-8
        exclude = Path(target.path if target.is_local else target.shown)  # the second is no folder of this machine
        found = scan(Path(place.path), exclude=exclude, left_out=left_out)
        files = [(each.item_id, bytes(each.path), each.bytes, each.mtime_ns) for each in found]
    else:
        files = _in_store(place, target, left_out)
    if not files:
        raise no_pictures(f"in {place.shown}", left_out)
    names, paths, sizes, times = zip(*files, strict=True)
    with TemporaryDirectory() as folder:
        if label_pattern is None and (table := (place / METADATA_FILE).read()) is not None:
            Path(folder, METADATA_FILE).write_bytes(table)
        label = labeller(Path(folder), label_pattern)
    label.check(names)
    columns = (names, paths, sizes, times, [label(name) for name in names], ["{}"] * len(names))
    return Listing(place, _table(columns), [*left_out.skipped(), *label.without_picture(names)])


def _in_store(place: Place, target: Place, left_out: LeftOut) -> list[tuple[str, bytes, int, int]]:
    """Item id, path, size and time of the files that may be pictures; what is none will be told when it is decoded."""
    files = {}
    for each in place.files():
        name = each.path.removeprefix(f"{place.path}/")
        path = PurePosixPath(name)
        if is_debris(path) or name == METADATA_FILE or target.holds(Place(place.filesystem, each.path, "")):
            continue
        if any(part.startswith(".") for part in path.parts):
            left_out.add(name, say("hidden_file"))
        else:
            files[name] = (each.path.encode(), each.size, each.mtime_ns)
    return [(item_id, *files[name]) for name, item_id in names_in_nfc(files).items()]


def _of_list(place: Place) -> Listing:
    with store_errors(f"{place.shown} must be a table with a column address, and is not"):
        with place.filesystem.open_input_file(place.path) as stream:
            is_parquet = place.path.lower().endswith(_LIST_SUFFIXES[0])
            table = pq.read_table(stream) if is_parquet else pyarrow.csv.read_csv(stream, convert_options=_AS_TEXT)
        columns = [name for name in _OF_A_LIST if name in table.column_names]
        given = {name: table.column(name).cast(pa.large_string()).to_pylist() for name in columns}
    if "address" not in given:
        raise BuildError(f"{place.shown} must have a column address. Received: {', '.join(table.column_names)}.")
    nothing = [None] * table.num_rows
    split = [_split(address or "") for address in given["address"]]
    if not split:
        raise no_pictures(f"in {place.shown}", LeftOut())
    roots = {root: Place.at(root) if root else place.parent for root in dict.fromkeys(root for root, _ in split)}
    first, *others = roots.values()
    if not all(each.filesystem.equals(first.filesystem) for each in others):
        raise BuildError("The pictures of a list must all be in one store, or all on this machine.")
    names = [nfc(own or name) for own, (_, name) in zip(given.get("item_id", nothing), split, strict=True)]
    paths = [os.fsencode(f"{roots[root].path.rstrip('/')}/{name}") for root, name in split]
    labels = [nfc(label or "").strip() for label in given.get("label", nothing)]
    attributes = [_attributes(row) for row in table.drop_columns(columns).to_pylist()]
    return Listing(first, _table((names, paths, nothing, nothing, labels, attributes)), [])


def _split(address: str) -> tuple[str, str]:
    """The root of its store, "" for the folder of the list, and the name below that."""
    if not address:
        raise BuildError("Every row of a list must have an address. Received: one without.")
    if "://" in address:
        parts = urlsplit(address)
        return f"{parts.scheme}://{parts.netloc}/", unquote(parts.path.lstrip("/"))
    return ("/", address.lstrip("/")) if address.startswith("/") else ("", address.removeprefix("./"))


def _attributes(row: Mapping[str, Any]) -> str:
    """JSON, which has no numbers that are none."""
    finite = {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}
    return json.dumps(finite, default=str, ensure_ascii=False, sort_keys=True)


def _table(columns: Sequence[Sequence[Any]]) -> pa.Table:
    """Those of `_SCHEMA` but for the id, as a table by id. BuildError where two rows have the same."""
    ids = np.array([stable_id(name) for name in columns[0]], np.int64)
    table = pa.table([ids, *columns], schema=_SCHEMA).sort_by("id")
    for first in np.flatnonzero(np.diff(table.column("id").to_numpy()) == 0):
        one, other = table.column("item_id").slice(first, 2).to_pylist()
        if one == other:
            raise BuildError(f"Every picture must have an item_id of its own. Received twice: {one!r}.")
        raise BuildError(
            f"Two pictures have the same number, which is made of their names: {one!r} and {other!r}.",
            hint="Rename one of them.",
        )
    return table
