"""Datasets of embeddings -> a collection on a server, where the page searches it.

A row is written where it is not there in the same version, so a load that was stopped, or that has less to do than the one
before, writes no row twice. What the page needs to know of all of them is committed last: until then it goes on with what
it knew, and of a first load says how far that is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from imgsearch.collection.served.facts import Facts
from imgsearch.collection.served.gallery import landmarks_of
from imgsearch.errors import BuildError
from imgsearch.files.place import Place
from imgsearch.pictures.items import Item
from imgsearch.progress import Progress, in_turn
from imgsearch.scale.dataset import LISTING, Dataset, read_skipped
from imgsearch.scale.sample import measured
from imgsearch.vectors.engines.table import Table, TableRow

MOST_SAMPLED = 20_000
"""Items that calibrations, maps and evaluations come from, or all of a smaller collection."""
MOST_TOLD = 100
"""Of what was left out."""
_LITTLE = 0.1
"""Share of a large collection that may come or go before it is measured anew."""
_BATCH = 1_000
"""Rows that are written at a time: with 2,048 dimensions 8 MB; Milvus takes 64 MB in one message."""
_OF_ITEM = ("item_id", "label", "width", "height", "bytes", "sha256", "thumbnail")


@dataclass(frozen=True)
class LoadReport:
    """What came of it.

    Attributes:
        facts: What is known of the collection now.
        n_written, n_deleted: Rows that were not there in this version; rows of pictures that are in no dataset any more.
        n_apart: Pictures of the largest dataset that are left out, since others do not have them.
    """

    facts: Facts
    n_written: int
    n_deleted: int
    n_apart: int


class _Passed:
    """What is noted of rows as they pass: of all their numbers and labels, of the first all there is.

    Attributes:
        sample: The first rows.
        n_written: Those that were not there.
    """

    def __init__(self) -> None:
        self.sample: list[TableRow] = []
        self.n_written = 0
        self._ids: list[np.ndarray] = []
        self._codes: list[np.ndarray] = []
        self._code_of: dict[str, int] = {}

    def note(self, ids: np.ndarray, rows: Sequence[TableRow]) -> None:
        """Some more of them, int64 (n,) and as many rows, with larger ids than those before."""
        codes = [self._code_of.setdefault(row.item.label, len(self._code_of)) for row in rows]
        self._ids.append(ids)
        self._codes.append(np.array(codes, np.int32))
        self.sample += rows[: MOST_SAMPLED - len(self.sample)]

    @property
    def ids(self) -> np.ndarray:
        """int64 (n,), ascending."""
        return np.concatenate([*self._ids, np.zeros(0, np.int64)])

    def ids_by_label(self) -> dict[str, np.ndarray]:
        """The same of each label, labels in alphabetical order; "" for those without."""
        codes = np.concatenate([*self._codes, np.zeros(0, np.int32)])
        order = np.argsort(codes, kind="stable")
        pieces = np.split(self.ids[order], np.cumsum(np.bincount(codes, minlength=len(self._code_of)))[:-1])
        return {label: pieces[code] for label, code in sorted(self._code_of.items())}


def load_datasets(
    addresses: Sequence[str],
    table: Table,
    *,
    title: str = "",
    source: str = "",
    license: str = "",
    progress: Progress | None = None,
) -> LoadReport:
    """Makes a collection on a server what datasets say, or brings it up to date with them.

    Args:
        addresses: Of the datasets, one a space, the default first; of the same pictures.
        table: Where to.
        title, source, license: See `Manifest`; "" for what was said before, the first for the name of the table.
        progress: Told how far it is.

    Raises:
        BuildError: a dataset cannot be used.
        CollectionError: the server cannot, or does not answer. What was written is kept.
    """
    tell = in_turn(progress)
    places = [Place.at(address) for address in addresses]
    datasets = _datasets(places)
    dims = {dataset.embedder.space: dataset.dim for dataset in datasets}
    table.create(dims)
    if dict(table.dims()) != dims:
        raise BuildError(
            f"The collection on the server must have the spaces {_listed(dims)}. Received: {_listed(table.dims())}.",
            hint="Give it another name, or remove it: python -m imgsearch cluster drop",
        )
    state = table.state()
    before = Facts.from_bytes(table.facts(state)) if state else None
    known = _known(table)
    passed = _write(table, known, datasets, places, tell)
    ids = passed.ids
    if not len(ids):
        raise BuildError("The datasets must have a picture that is in all of them. There is none.")
    stale = np.setdiff1d(known[0], ids)
    table.delete(stale)
    by_label = passed.ids_by_label()
    facts = Facts(
        title=title or (before.title if before else table.name),
        source=source or (before.source if before else ""),
        license=license or (before.license if before else ""),
        updated=datetime.now(UTC).isoformat(timespec="microseconds"),
        datasets=tuple(place.shown for place in places),
        n_items=len(ids),
        n_skipped=datasets[0].n_skipped,
        skipped=tuple(_skipped(places[0], datasets[0])),
        sampled=_digest(passed.sample, datasets),
        n_sampled=len(passed.sample),
        n_measured=len(ids),
        label_counts={label: len(each) for label, each in by_label.items() if label},
        landmarks=_landmarks(ids, by_label),
        typical_item="",
        spaces={},
        evaluations=(),
    )
    n_apart = max(dataset.n_items for dataset in datasets) - len(ids)
    is_known = before is not None and replace(before, updated=facts.updated) == _with_measured(facts, before)
    if before and is_known and not (passed.n_written or len(stale)):
        table.settle()  # a load that was killed may have written the last of it
        return LoadReport(before, 0, 0, n_apart)
    if before and _is_measured(before, facts):
        facts = _with_measured(facts, before)
    else:
        tell(0, 0, "waiting for the index")
        table.settle()
        facts = measured(facts, table, passed.sample, datasets, tell)
    tell(0, 0, "waiting for the index")
    table.commit(facts.to_bytes())
    return LoadReport(facts, passed.n_written, len(stale), n_apart)


def _datasets(places: Sequence[Place]) -> list[Dataset]:
    datasets = []
    for place in places:
        dataset = Dataset.read(place)
        if dataset is None:
            raise BuildError(
                f"{place.shown} must be a dataset that is complete, and there is none.",
                hint=f"Make it: python -m imgsearch cluster embed --to {place.shown}",
            )
        datasets.append(dataset)
    if len({dataset.embedder.space for dataset in datasets}) < len(datasets):
        raise BuildError("Datasets that are loaded together must have different embedders. Two have the same.")
    return datasets


def _listed(dims: Mapping[str, int]) -> str:
    return ", ".join(f"{space} ({dim})" for space, dim in dims.items())


def _known(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Ids, ascending, and versions of all rows that are there: int64 (n,) each."""
    pieces = [*table.versions(), (np.zeros(0, np.int64), np.zeros(0, np.int64))]
    ids, versions = (np.concatenate(each) for each in zip(*pieces, strict=True))
    return ids, versions


def _write(
    table: Table,
    known: tuple[np.ndarray, np.ndarray],
    datasets: Sequence[Dataset],
    places: Sequence[Place],
    tell: Progress,
) -> _Passed:
    """Writes what is not among the known rows in this version."""
    n_items = min(dataset.n_items for dataset in datasets)
    passed = _Passed()
    waiting: list[TableRow] = []
    n_passed = 0
    for ids, rows in _rows(datasets, places):
        versions = np.array([row.version for row in rows], np.int64)
        waiting += [row for row, is_there in zip(rows, _are_there(known, ids, versions), strict=True) if not is_there]
        while len(waiting) >= _BATCH:
            table.upsert(waiting[:_BATCH])
            passed.n_written += _BATCH
            del waiting[:_BATCH]
        passed.note(ids, rows)
        n_passed += len(rows)
        tell(n_passed, n_items, "loading")
    if waiting:
        table.upsert(waiting)
        passed.n_written += len(waiting)
    return passed


def _are_there(known: tuple[np.ndarray, np.ndarray], ids: np.ndarray, versions: np.ndarray) -> np.ndarray:
    """bool (n,): which rows are known in their version."""
    if not len(known[0]):
        return np.zeros(len(ids), bool)
    at = np.minimum(np.searchsorted(known[0], ids), len(known[0]) - 1)
    are_there: np.ndarray = (known[0][at] == ids) & (known[1][at] == versions)
    return are_there


def _rows(datasets: Sequence[Dataset], places: Sequence[Place]) -> Iterator[tuple[np.ndarray, list[TableRow]]]:
    """The pictures that all datasets have, by id, in pieces: ids int64 (n,), and their rows."""
    spaces = [dataset.embedder.space for dataset in datasets]
    first, *others = (_batches(dataset, place) for dataset, place in zip(datasets, places, strict=True))
    ahead = [_Ahead(batches) for batches in others]
    for batch in first:
        ids = batch.column("id").to_numpy()
        found = [other.vectors_of(ids) for other in ahead]
        records = batch.drop_columns(["embedding"]).to_pylist()
        vectors = _vectors(batch)
        shared = [at for at, id_ in enumerate(ids.tolist()) if all(id_ in each for each in found)]
        rows = [
            _row(records[at], dict(zip(spaces, (vectors[at], *(each[ids[at]] for each in found)), strict=True)))
            for at in shared
        ]
        yield ids[shared], rows


def _batches(dataset: Dataset, place: Place) -> Iterator[pa.RecordBatch]:
    """Those of `Dataset.rows` that hold something: of some shards nothing can be used."""
    last = -1
    for batch in filter(len, dataset.rows(place)):
        ids = batch.column("id").to_numpy()
        if ids[0] <= last or (np.diff(ids) <= 0).any():
            raise BuildError(f"{place.shown} must hold each picture once, by id, and does not.")
        last = int(ids[-1])
        yield batch


class _Ahead:
    """Another dataset, read as far as the first."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._read: dict[int, np.ndarray] = {}
        self._last = -1

    def vectors_of(self, ids: np.ndarray) -> dict[int, np.ndarray]:
        """Those of some ids that there are, float32 (dim,) by id; ids ascend from one call to the next."""
        while self._last < ids[-1] and (batch := next(self._batches, None)) is not None:
            read = batch.column("id").to_pylist()
            self._read |= zip(read, _vectors(batch), strict=True)
            self._last = read[-1]
        wanted = {id_: self._read[id_] for id_ in ids.tolist() if id_ in self._read}
        self._read = {id_: vector for id_, vector in self._read.items() if id_ > ids[-1]}
        return wanted


def _vectors(batch: pa.RecordBatch) -> np.ndarray:
    """float32 (n, dim): the embeddings."""
    column = batch.column("embedding")
    vectors: np.ndarray = column.flatten().to_numpy().reshape(len(column), -1)
    return vectors


def _row(record: Mapping[str, Any], vectors: Mapping[str, np.ndarray]) -> TableRow:
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for vector in vectors.values():
        digest.update(vector.tobytes())
    item = Item(**{name: record[name] for name in _OF_ITEM}, mtime_ns=0, thumbnail_bytes=0)
    return TableRow(item, record["attributes"], vectors, int.from_bytes(digest.digest()[:8], signed=True))


def _skipped(place: Place, dataset: Dataset) -> Iterator[Any]:
    """The first of what was left out."""
    n = 0
    for key in (LISTING, *dataset.shards):
        for each in read_skipped(place, key):
            yield each
            n += 1
            if n == MOST_TOLD:
                return


def _landmarks(ids: np.ndarray, by_label: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    found = {label: landmarks_of(each) for label, each in (by_label | {"": ids}).items()}
    return {label: each for label, each in found.items() if each}


def _digest(sample: Sequence[TableRow], datasets: Sequence[Dataset]) -> str:
    """What measures of a sample depend on, but for how many items there are besides."""
    made_of = [sorted((row.item.item_id, row.version) for row in sample), [ascii(each.embedder) for each in datasets]]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


def _is_measured(before: Facts, facts: Facts) -> bool:
    """Whether what was measured before holds: of the same sample, of about as many items."""
    change = abs(facts.n_items - before.n_measured)
    return before.sampled == facts.sampled and change <= _LITTLE * before.n_measured


def _with_measured(facts: Facts, other: Facts) -> Facts:
    return replace(
        facts,
        n_measured=other.n_measured,
        typical_item=other.typical_item,
        spaces=other.spaces,
        evaluations=other.evaluations,
    )
