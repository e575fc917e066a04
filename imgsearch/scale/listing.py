"""Which pictures there are to embed: those of a folder anywhere, or of a list of addresses, as one table."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from imgsearch.pictures.folder import Labeller, labeller, no_pictures, scan
from imgsearch.pictures.items import Skipped, names_in_nfc, nfc
from imgsearch.pictures.left_out import LeftOut
from imgsearch.pictures.metadata import METADATA_FILE
from imgsearch.reasons import say
from imgsearch.scale.dataset import stable_id
from imgsearch.scale.place import Place, store_errors

LIST_SUFFIXES = (".parquet", ".csv")
_NAMES = ("address", "item_id", "label")
_AS_TEXT = {"convert_options": pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(_NAMES, pa.string()))}
_SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("item_id", pa.string()),
        ("path", pa.binary()),  # a name on a disk may be no UTF-8
        ("bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("label", pa.string()),
        ("attributes", pa.string()),
    ]
)


@dataclass(frozen=True)
class Listing:
    """What there is to embed.

    Attributes:
        root: The folder that the pictures are below, or one of those.
        pictures: A row each, by id: `path` is that in its file system, `bytes` and `mtime_ns` are 0 where they are not
            known, the other columns are those of `dataset.schema`.
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
    left_out = LeftOut()
    if PurePosixPath(place.path).suffix.lower() in LIST_SUFFIXES:
        if label_pattern is not None:
            raise BuildError(
                "A list of addresses says the labels itself, in a column label: no pattern can be given for it."
            )
        root, rows = _of_list(place)
    else:
        label = _labeller(place, label_pattern)
        root, rows = place, list(_of_folder(place, target, left_out))
        rows = [{**row, "label": label(row["item_id"]), "attributes": "{}"} for row in rows]
        missing = label.without_picture(row["item_id"] for row in rows)
        if label_pattern is not None and not any(row["label"] for row in rows):
            raise BuildError(
                f"The label pattern must give labels to some of the pictures, and gives none: {label_pattern!r}."
            )
        return Listing(root, _table(rows, place, left_out), [*left_out.skipped(), *missing])
    return Listing(root, _table(rows, place, left_out), [])


def _table(rows: list[dict[str, Any]], place: Place, left_out: LeftOut) -> pa.Table:
    if not rows:
        raise no_pictures(f"in {place.shown}", left_out)
    ids = np.array([stable_id(row["item_id"]) for row in rows], np.int64)
    order = np.argsort(ids, kind="stable")
    for first in np.flatnonzero(np.diff(ids[order]) == 0):
        one, other = (rows[row]["item_id"] for row in order[first : first + 2])
        if one == other:
            raise BuildError(f"Every picture must have an item_id of its own. Received twice: {one!r}.")
        raise BuildError(
            f"Two pictures have the same number, which is made of their names: {one!r} and {other!r}.",
            hint="Rename one of them.",
        )
    return pa.Table.from_pylist([{**rows[row], "id": int(ids[row])} for row in order], schema=_SCHEMA)


def _of_folder(place: Place, target: Place, left_out: LeftOut) -> Iterator[dict[str, Any]]:
    if place.is_local:  # where there are links that lead in circles, pipes, and names that are no UTF-8
        outside = target.path if target.is_local else "/nowhere"
        for file in scan(Path(place.path), exclude=Path(outside), left_out=left_out):
            yield _row(file.item_id, str(file.path), file.bytes, file.mtime_ns)
        return
    files = {each.path.removeprefix(f"{place.path}/"): each for each in place.files()}
    names = []
    for name, each in files.items():
        path = PurePosixPath(name)
        if is_debris(path) or name == METADATA_FILE or target.holds(Place(place.filesystem, each.path, "")):
            continue
        if any(part.startswith(".") for part in path.parts):
            left_out.add(name, say("hidden_file"))
        else:
            names.append(name)
    for name, item_id in names_in_nfc(names).items():
        yield _row(item_id, files[name].path, files[name].size or 0, files[name].mtime_ns or 0)


def _row(item_id: str, path: str, size: int = 0, mtime_ns: int = 0) -> dict[str, Any]:
    return {"item_id": item_id, "path": path.encode(errors="surrogateescape"), "bytes": size, "mtime_ns": mtime_ns}


def _labeller(place: Place, pattern: str | None) -> Labeller:
    """As for a folder of this machine: what counts of it is its table of labels."""
    with TemporaryDirectory() as folder:
        if pattern is None and (table := (place / METADATA_FILE).read()) is not None:
            Path(folder, METADATA_FILE).write_bytes(table)
        return labeller(Path(folder), pattern)


def _of_list(place: Place) -> tuple[Place, list[dict[str, Any]]]:
    content = place.read()
    if content is None:
        raise BuildError(f"A list of addresses must be a file. Received: {place.shown}, which is none.")
    with store_errors(f"{place.shown} must be a table with a column address, and is not"):
        is_parquet = place.path.lower().endswith(LIST_SUFFIXES[0])
        table = pq.read_table(io.BytesIO(content)) if is_parquet else pyarrow.csv.read_csv(io.BytesIO(content), **_AS_TEXT)
    if "address" not in table.column_names:
        raise BuildError(f"{place.shown} must have a column address. Received: {', '.join(table.column_names)}.")
    at = _Resolver(place)
    rows = []
    for row in table.to_pylist():
        address, item_id, label = (row.pop(name, None) for name in _NAMES)
        path, name = at(str(address or ""))
        attributes = json.dumps(row, default=str, ensure_ascii=False, sort_keys=True)
        rows.append(
            {**_row(nfc(str(item_id or name)), path), "label": nfc(str(label or "")).strip(), "attributes": attributes}
        )
    return next(iter(at.roots.values()), place), rows


class _Resolver:
    """Addresses of a list -> paths in the one file system that they are all in, and names."""

    def __init__(self, place: Place) -> None:
        self._list = place
        self.roots: dict[str, Place] = {}

    def __call__(self, address: str) -> tuple[str, str]:
        if not address:
            raise BuildError("Every row of a list must have an address. Received: one without.")
        if "://" in address:
            parts = urlsplit(address)
            root, name = f"{parts.scheme}://{parts.netloc}/", unquote(parts.path.lstrip("/"))
        elif address.startswith("/"):
            root, name = "/", address.lstrip("/")
        else:
            root, name = "", address.removeprefix("./")
        return f"{self._root(root).path.rstrip('/')}/{name}", name

    def _root(self, root: str) -> Place:
        if root not in self.roots:
            folder, shown = (each.rpartition("/")[0] for each in (self._list.path, self._list.shown))
            place = Place.at(root) if root else replace(self._list, path=folder, shown=shown)
            if any(not place.filesystem.equals(other.filesystem) for other in self.roots.values()):
                raise BuildError("The pictures of a list must all be in one store, or all on this machine.")
            self.roots[root] = place
        return self.roots[root]
