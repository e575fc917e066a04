"""Milvus: a server's table of items and vectors, and what is known of them as a whole.

A table is a Milvus collection with one vector field a space. The facts are another one, in pieces, whose name has their
digest; an alias says which holds. That is read in a millisecond, is never stale, and survives the server, which properties
of a collection do not. Reads do not ask Milvus to wait for what was written just now, which takes 0.2 s each: `commit` does
it once instead.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np

from imgsearch.errors import (
    CollectionError,
    CollectionNotFoundError,
    IncompatibleCollectionError,
    ItemNotFoundError,
    ServerError,
)
from imgsearch.pictures.items import Condition, Item
from imgsearch.reasons import say
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.engines.table import END_OF_IDS, TableRow, stable_id

TIMEOUT_S = 5.0
"""Longest time that one request may take."""
_CONNECT_S = 2.0
INDEX = {"M": 16, "efConstruction": 200}
"""Of HNSW: https://milvus.io/docs/hnsw.md."""
_EF = {Effort.QUICK: 64, Effort.NORMAL: 512, Effort.EXACT: 512}
"""Candidates that HNSW keeps in sight, at least: `python -m benchmarks.engines` says what each finds."""
_PARTS = 32
"""Of the ids, each searched by itself where all is to be compared: of a filter that leaves less than 7 % of the rows Milvus
compares those, without its index."""
_NO_ALIAS = (1600, 100)
"""Codes for an alias that is not there: of a server, and of milvus-lite."""
_PIECE = 45_000
"""Bytes of a piece of facts, which are 60,000 in base64; Milvus takes 65,535."""
_ALL_READ, _NOW = "Eventually", "Strong"
_MOST_ROWS = 16_384
"""That a request may return with a limit."""
_INDEXED_FROM = 1_024
"""Rows of a piece from which Milvus makes an index of it; smaller ones are compared."""
_AT_A_TIME = 8
_SCALARS = ("item_id", "label", "width", "height", "bytes", "sha256", "thumbnail")
_FIELD = "vector_"
_NO_CONNECTION, _NO_COLLECTION, _NOT_LOADED = 2, 100, 101
_MOST_TEXT = 8_192


class MilvusTable:
    """See `Table`."""

    def __init__(self, name: str, uri: str, token: str = "") -> None:
        """Connects when it is first asked.

        Args:
            name: Of the collection.
            uri: Of the server, `http://HOST:19530` or with https; without a path, which would be a database.
            token: For a server that asks for one.

        Raises:
            CollectionError: pymilvus is not installed.
        """
        if find_spec("pymilvus") is None:
            raise CollectionError(say("server_no_client"), hint="pip install '.[milvus]'")
        self.name = name
        self._uri, self._token = uri, token
        self._rows = f"imgsearch_{name.replace('-', '_')}"
        self._facts = f"facts_{self._rows}"
        self._connected: Any = None
        self._lock = Lock()

    @property
    def _client(self) -> Any:
        with self._lock:
            if self._connected is None:
                from pymilvus import MilvusClient

                # It logs what it raises. Importing it sets a level, so this comes after.
                logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
                self._connected = MilvusClient(self._uri, token=self._token, timeout=_CONNECT_S, dedicated=True)
            return self._connected

    def create(self, dims: Mapping[str, int]) -> None:
        """See `Table`."""
        from pymilvus import DataType

        with self._errors():
            client = self._client
            if client.has_collection(self._rows, timeout=TIMEOUT_S):
                client.load_collection(self._rows, timeout=60)
                return
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            for field in ("version", "label_id", "bytes"):
                schema.add_field(field, DataType.INT64)
            for field in ("width", "height"):
                schema.add_field(field, DataType.INT32)
            for field in ("item_id", "label", "sha256", "thumbnail"):
                schema.add_field(field, DataType.VARCHAR, max_length=_MOST_TEXT)
            schema.add_field("attributes", DataType.JSON)
            for space, dim in dims.items():
                schema.add_field(_field(space), DataType.FLOAT_VECTOR, dim=dim)
            index = {"index_type": "HNSW", "metric_type": "IP", "params": INDEX}
            self._create(self._rows, schema, {_field(space): index for space in dims})

    def _create(self, collection: str, schema: Any, indexes: Mapping[str, Mapping[str, Any]]) -> None:
        params = self._client.prepare_index_params()
        for field, index in indexes.items():
            params.add_index(field_name=field, **index)
        self._client.create_collection(collection, schema=schema, index_params=params, timeout=60)
        self._client.load_collection(collection, timeout=60)

    def _described(self) -> Mapping[str, Any]:
        described: Mapping[str, Any] = self._client.describe_collection(self._rows, timeout=TIMEOUT_S)
        names = {field["name"] for field in described["fields"]}
        if not {"id", "version", "label_id", "attributes", *_SCALARS} <= names:
            raise IncompatibleCollectionError(say("server_other"))
        return described

    def dims(self) -> Mapping[str, int]:
        """See `Table`."""
        with self._errors():
            fields = self._described()["fields"]
        return {
            field["name"].removeprefix(_FIELD).replace("__", "-"): int(field["params"]["dim"])
            for field in fields
            if field["name"].startswith(_FIELD)
        }

    def drop(self) -> None:
        """See `Table`."""
        with self._errors():
            if self._state_of_facts():
                self._client.drop_alias(self._facts, timeout=TIMEOUT_S)
            self._sweep_facts()
            self._client.drop_collection(self._rows, timeout=60)

    def state(self) -> str:
        """See `Table`."""
        with self._errors():
            state = self._state_of_facts()
            if not state:
                self._described()  # raises where there is no table either
            return state

    def _state_of_facts(self) -> str:
        from pymilvus import MilvusException

        try:
            named = self._client.describe_alias(self._facts, timeout=TIMEOUT_S)["collection_name"]
        except MilvusException as exc:
            if exc.code in _NO_ALIAS:
                return ""
            raise
        return str(named).removeprefix(f"{self._facts}_")

    def facts(self, state: str) -> bytes:
        """See `Table`."""
        ids = range(int(state.rpartition("_")[2]))
        with self._errors():
            found = self._query(f"{self._facts}_{state}", ids, ["piece"], _NOW)
        try:
            facts = zlib.decompress(b"".join(base64.b64decode(found[each]["piece"]) for each in ids))
        except (KeyError, ValueError, zlib.error) as exc:
            raise ServerError(say("server_failed")) from exc
        if hashlib.sha256(facts).hexdigest() != state.partition("_")[0]:
            raise ServerError(say("server_failed"))
        return facts

    def commit(self, facts: bytes) -> None:
        """See `Table`. Waits until the index of all that was written is made: until then Milvus finds only some of it."""
        packed = zlib.compress(facts)
        pieces = [packed[start : start + _PIECE] for start in range(0, len(packed), _PIECE)]
        state = f"{hashlib.sha256(facts).hexdigest()}_{len(pieces)}"
        with self._errors():
            self._client.flush(self._rows, timeout=60)
            self._wait_for_index()
            before = self._state_of_facts()
            if before == state:
                return
            self._keep(f"{self._facts}_{state}", pieces)
            point = self._client.alter_alias if before else self._client.create_alias
            point(f"{self._facts}_{state}", self._facts, timeout=TIMEOUT_S)
            self._sweep_facts(state, before)  # the last ones may be on their way to somebody

    def _sweep_facts(self, *kept: str) -> None:
        """Removes facts of other states, also those of loads that were killed."""
        of_facts = re.compile(f"{self._facts}_([0-9a-f]{{64}}_[0-9]+)")
        for collection in self._client.list_collections(timeout=TIMEOUT_S):
            match = of_facts.fullmatch(collection)
            if match and match[1] not in kept:
                self._client.drop_collection(collection, timeout=60)

    def _keep(self, collection: str, pieces: Sequence[bytes]) -> None:
        """Makes the collection of some facts; what a load that was killed left of it is taken away."""
        from pymilvus import DataType

        self._client.drop_collection(collection, timeout=60)
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("piece", DataType.VARCHAR, max_length=65_535)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)  # Milvus wants one
        self._create(collection, schema, {"vector": {"index_type": "FLAT", "metric_type": "L2", "params": {}}})
        for number, piece in enumerate(pieces):
            row = {"id": number, "piece": base64.b64encode(piece).decode(), "vector": [0.0, 0.0]}
            self._client.upsert(collection, [row], timeout=TIMEOUT_S)

    def _wait_for_index(self) -> None:
        """Until all rows are found: an index that is made has yet to be taken over by who searches."""
        from grpc import RpcError, StatusCode

        while True:
            try:
                kept = self._client.list_persistent_segments(self._rows, timeout=TIMEOUT_S)
                loaded = self._client.list_loaded_segments(self._rows, timeout=TIMEOUT_S)
            except RpcError as exc:
                if exc.code() == StatusCode.UNIMPLEMENTED:  # milvus-lite, which searches what it has
                    return
                raise
            n_kept, n_loaded = (sum(each.num_rows for each in segments) for segments in (kept, loaded))
            if n_loaded >= n_kept and all(each.index_name for each in loaded if each.num_rows >= _INDEXED_FROM):
                break
            time.sleep(0.5)
        self._count(None, _NOW)  # whoever reads after this finds what was written before

    def count(self, among: Condition | None = None) -> int:
        """See `Table`."""
        with self._errors():
            return self._count(among, _ALL_READ)

    def _count(self, among: Condition | None, consistency: str) -> int:
        (row,) = self._client.query(
            self._rows,
            filter=_where(among),
            output_fields=["count(*)"],
            consistency_level=consistency,
            timeout=TIMEOUT_S,
        )
        return int(row["count(*)"])

    def versions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See `Table`."""
        with self._errors():
            pages = self._client.query_iterator(
                self._rows, batch_size=_MOST_ROWS, output_fields=["id", "version"], consistency_level=_NOW, timeout=60
            )
            try:
                while rows := pages.next():
                    ids, versions = ([row[name] for row in rows] for name in ("id", "version"))
                    yield np.array(ids, np.int64), np.array(versions, np.int64)
            finally:
                pages.close()

    def upsert(self, rows: Sequence[TableRow]) -> None:
        """See `Table`."""
        with self._errors():
            self._client.upsert(self._rows, [_as_row(row) for row in rows], timeout=60)

    def delete(self, ids: Sequence[int] | np.ndarray) -> None:
        """See `Table`."""
        with self._errors():
            for start in range(0, len(ids), _MOST_ROWS):
                some = [int(each) for each in ids[start : start + _MOST_ROWS]]
                self._client.delete(self._rows, ids=some, timeout=60)

    def items(self, ids: Sequence[int] | np.ndarray) -> dict[int, Item]:
        """See `Table`."""
        with self._errors():
            found = self._query(self._rows, ids, _SCALARS, _ALL_READ)
        return {each: _as_item(row) for each, row in found.items()}

    def page(self, among: Condition | None, after: int, n: int, skip: int = 0) -> list[Item]:
        """See `Table`."""
        where = " and ".join(filter(None, (f"id > {after}", _where(among))))
        with self._errors():
            rows = self._client.query(
                self._rows,
                filter=where,
                output_fields=["id", *_SCALARS],
                limit=n,
                offset=skip,
                consistency_level=_ALL_READ,
                timeout=TIMEOUT_S,
            )
        return [_as_item(row) for row in sorted(rows, key=lambda row: row["id"])]

    def vectors(self, space: str, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """See `Table`."""
        field = _field(space)
        with self._errors():
            found = self._query(self._rows, ids, [field], _ALL_READ)
        if any(int(each) not in found for each in ids):
            raise ItemNotFoundError(say("server_changed"))
        return np.array([found[int(each)][field] for each in ids], np.float32)

    def nearest(
        self, space: str, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Condition | None = None
    ) -> np.ndarray:
        """See `VectorIndex.nearest`."""
        n, ef, where = min(n, _MOST_ROWS), _EF[effort], _where(among)
        with self._errors():
            if effort is not Effort.EXACT:
                return np.array(self._search(space, vector[None], n, max(n, ef), where, _ALL_READ)[0], np.int64)
            bounds = [END_OF_IDS * part // _PARTS for part in range(_PARTS + 1)]
            parts = [
                " and ".join(filter(None, (f"id >= {low} and id <= {high - 1}", where))) for low, high in pairwise(bounds)
            ]
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                found = pool.map(lambda part: self._search(space, vector[None], n, max(n, ef), part, _ALL_READ)[0], parts)
                return np.array([each for near in found for each in near], np.int64)

    def _search(self, space: str, vectors: np.ndarray, n: int, ef: int, where: str, consistency: str) -> list[list[int]]:
        found = self._client.search(
            self._rows,
            data=list(vectors),
            anns_field=_field(space),
            filter=where,
            limit=n,
            output_fields=["id"],
            search_params={"metric_type": "IP", "params": {"ef": ef}},
            consistency_level=consistency,
            timeout=TIMEOUT_S,
        )
        return [[int(hit["id"]) for hit in hits] for hits in found]

    def _query(
        self, collection: str, ids: Sequence[int] | np.ndarray, fields: Sequence[str], consistency: str
    ) -> dict[int, Mapping[str, Any]]:
        if not len(ids):
            return {}
        rows = self._client.query(
            collection,
            filter=f"id in {sorted({int(each) for each in ids})}",
            output_fields=["id", *fields],
            consistency_level=consistency,
            timeout=TIMEOUT_S,
        )
        return {int(row["id"]): row for row in rows}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """What Milvus and its client raise, by their codes."""
        from grpc import RpcError, StatusCode
        from pymilvus import MilvusException

        try:
            yield
        except (MilvusException, RpcError, ValueError) as exc:
            status = next((each.code() for each in (exc, exc.__cause__) if isinstance(each, RpcError)), None)
            code = exc.code if isinstance(exc, MilvusException) else None
            if code == _NO_COLLECTION:
                raise CollectionNotFoundError(say("server_has_none", name=self.name)) from exc
            if code == _NOT_LOADED:
                raise ServerError(say("server_preparing")) from exc
            if status in (StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED):
                raise ServerError(say("server_refuses")) from exc
            raise ServerError(say("server_silent" if status or code == _NO_CONNECTION else "server_failed")) from exc


def _field(space: str) -> str:
    """What the field of a space's vectors is called: names of Milvus have no hyphens."""
    return _FIELD + space.replace("-", "__")


def _where(among: Condition | None) -> str:
    """A condition as Milvus takes it. Labels are compared by number, so that no text has to be quoted."""
    if among is None:
        return ""
    has = [f"label_id == {stable_id(label)}" for label in among.labels]
    has += [f"label_id != {stable_id(label)}" for label in among.not_labels]
    has += [f"id < {among.below}"] if among.below is not None else []
    return " and ".join(has)


def _as_row(row: TableRow) -> dict[str, Any]:
    item = row.item
    return {
        "id": stable_id(item.item_id),
        "version": row.version,
        "label_id": stable_id(item.label),
        "attributes": json.loads(row.attributes or "{}"),
        **{name: getattr(item, name) for name in _SCALARS},
        **{_field(space): vector for space, vector in row.vectors.items()},
    }


def _as_item(row: Mapping[str, Any]) -> Item:
    return Item(**{name: row[name] for name in _SCALARS}, mtime_ns=0, thumbnail_bytes=0)
