"""Milvus: a server's table of items and vectors, and what is known of them as a whole.

A table is a Milvus collection with one vector field a space. The facts are another one, in pieces, whose name has their
digest; an alias says which holds. That is read in a millisecond, is never stale, and survives the server, which properties
of a collection do not. Reads do not ask Milvus to wait for what was written just now, which is a wait each: `commit` does
it once instead.
"""

from __future__ import annotations

import base64
import hashlib
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
from imgsearch.vectors.engines.milvus_rows import SCALARS, as_item, dims_of, field_of, messages, where
from imgsearch.vectors.engines.table import END_OF_IDS, TableRow

TIMEOUT_S = 5.0
"""Longest time that one request may take."""
_CONNECT_S = 2.0
INDEX = {"M": 32, "efConstruction": 200}
"""Of HNSW: https://milvus.io/docs/hnsw.md."""
_HNSW: Mapping[str, Any] = {"index_type": "HNSW", "metric_type": "IP", "params": INDEX}
_FLAT: Mapping[str, Any] = {"index_type": "FLAT", "metric_type": "L2", "params": {}}
_EF = {Effort.QUICK: 64, Effort.NORMAL: 512, Effort.EXACT: 512}
"""Candidates that HNSW keeps in sight, at least as many as are asked for: docs/measurements.md says what each finds."""
_PARTS = 32
"""Of the ids, each searched by itself where all is to be compared: of a filter that leaves less than 7 % of the rows Milvus
compares those, without its index."""
_NO_ALIAS = (1600, 100)
"""Codes for an alias that is not there: of a server, and of milvus-lite."""
_STATE = re.compile(r"[0-9a-f]{64}_[0-9]+")
_PIECE = 45_000
"""Bytes of a piece of facts, which are 60,000 in base64; Milvus takes 65,535."""
_ALL_READ, _NOW = "Eventually", "Strong"
_MOST_ROWS = 16_384
"""That a request may return with a limit."""
_INDEXED_FROM = 1_024
"""Rows of a piece from which Milvus makes an index of it; smaller ones are compared."""
_COMPARED = 4_000
"""New rows that Milvus compares with what is asked, one by one, until it has an index of them; of more it finds some."""
_AT_A_TIME = 8
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
        self._failure, self._failed = Exception(), 0.0  # of the last try to connect, and when, on the monotonic clock
        self._lock = Lock()

    @property
    def _client(self) -> Any:
        came = time.monotonic()
        with self._lock:
            if self._connected is None:
                if self._failed > came:  # while this one waited; a silent server is not waited for by one after the other
                    raise self._failure
                try:
                    self._connected = self._connect()
                except Exception as exc:
                    self._failure, self._failed = exc, time.monotonic()
                    raise
            return self._connected

    def _connect(self) -> Any:
        from pymilvus import MilvusClient

        # It logs what it raises. Importing it sets a level, so this comes after.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        return MilvusClient(self._uri, token=self._token, timeout=_CONNECT_S, dedicated=True)

    def create(self, dims: Mapping[str, int]) -> None:
        """See `Table`."""
        from pymilvus import DataType

        with self._errors():
            client = self._client
            if client.has_collection(self._rows, timeout=TIMEOUT_S):
                self._index(self._rows, dict.fromkeys(map(field_of, dims_of(self._described()["fields"])), _HNSW))
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
                schema.add_field(field_of(space), DataType.FLOAT_VECTOR, dim=dim)
            client.create_collection(self._rows, schema=schema, timeout=60)
            self._index(self._rows, {field_of(space): _HNSW for space in dims})

    def _index(self, collection: str, indexes: Mapping[str, Mapping[str, Any]]) -> None:
        """Makes the indexes that are not there, and has the collection loaded: a load may have been killed before."""
        there = self._client.list_indexes(collection, timeout=TIMEOUT_S)
        params = self._client.prepare_index_params()
        for field, index in indexes.items():
            if field not in there:
                params.add_index(field_name=field, index_name=field, **index)
        if len(params):
            self._client.create_index(collection, params, timeout=60)
        self._client.load_collection(collection, timeout=60)

    def _described(self) -> Mapping[str, Any]:
        described: Mapping[str, Any] = self._client.describe_collection(self._rows, timeout=TIMEOUT_S)
        names = {field["name"] for field in described["fields"]}
        if not {"id", "version", "label_id", "attributes", *SCALARS} <= names:
            raise IncompatibleCollectionError(say("server_other"))
        return described

    def dims(self) -> Mapping[str, int]:
        """See `Table`."""
        with self._errors():
            return dims_of(self._described()["fields"])

    def drop(self) -> None:
        """See `Table`."""
        with self._errors():
            if self._state_of_facts():
                self._client.drop_alias(self._facts, timeout=TIMEOUT_S)
            self._drop_facts()
            self._client.drop_collection(self._rows, timeout=60)

    def _drop_facts(self, *but: str) -> None:
        """Those of all states but some; a load that was killed may have left some."""
        for collection in self._client.list_collections(timeout=TIMEOUT_S):
            state = collection.removeprefix(f"{self._facts}_")
            if state not in (collection, *but) and _STATE.fullmatch(state):
                self._client.drop_collection(collection, timeout=60)

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

    def settle(self) -> None:
        """See `Table`. Waits until the index of all that was written is made: until then Milvus finds only some of it."""
        with self._errors():
            self._client.flush(self._rows, timeout=60)
            self._wait_for_index()

    def commit(self, facts: bytes) -> None:
        """See `Table`."""
        packed = zlib.compress(facts)
        pieces = [packed[start : start + _PIECE] for start in range(0, len(packed), _PIECE)]
        state = f"{hashlib.sha256(facts).hexdigest()}_{len(pieces)}"
        self.settle()
        with self._errors():
            before = self._state_of_facts()
            if before == state:
                return
            self._keep(f"{self._facts}_{state}", pieces)
            point = self._client.alter_alias if before else self._client.create_alias
            point(f"{self._facts}_{state}", self._facts, timeout=TIMEOUT_S)
            self._drop_facts(state, before)  # the last ones may be on their way to somebody

    def _keep(self, collection: str, pieces: Sequence[bytes]) -> None:
        """Makes the collection of some facts, in the place of one that a load that was killed has left."""
        from pymilvus import DataType

        self._client.drop_collection(collection, timeout=60)
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("piece", DataType.VARCHAR, max_length=65_535)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)  # Milvus wants one
        self._client.create_collection(collection, schema=schema, timeout=60)
        self._index(collection, {"vector": _FLAT})
        for number, piece in enumerate(pieces):
            row = {"id": number, "piece": base64.b64encode(piece).decode(), "vector": [0.0, 0.0]}
            self._client.upsert(collection, [row], timeout=TIMEOUT_S)

    def _wait_for_index(self) -> None:
        """Until all rows are found, but for few: an index that is made has yet to be taken over by who searches."""
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
            is_indexed = all(each.index_name for each in loaded if each.num_rows >= _INDEXED_FROM)
            if n_kept - n_loaded <= _COMPARED and is_indexed:
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
            filter=where(among),
            output_fields=["count(*)"],
            consistency_level=consistency,
            timeout=TIMEOUT_S,
        )
        return int(row["count(*)"])

    def versions(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See `Table`."""
        with self._errors():
            self._count(None, _NOW)  # an iterator passes its own level over, and what was read once stays read
            pages = self._client.query_iterator(
                self._rows, batch_size=_MOST_ROWS, output_fields=["id", "version"], consistency_level=_ALL_READ, timeout=60
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
            for message in messages(rows):
                self._client.upsert(self._rows, message, timeout=60)

    def delete(self, ids: Sequence[int] | np.ndarray) -> None:
        """See `Table`."""
        with self._errors():
            for start in range(0, len(ids), _MOST_ROWS):
                some = [int(each) for each in ids[start : start + _MOST_ROWS]]
                self._client.delete(self._rows, ids=some, timeout=60)

    def items(self, ids: Sequence[int] | np.ndarray) -> dict[int, Item]:
        """See `Table`."""
        with self._errors():
            found = self._query(self._rows, ids, SCALARS, _ALL_READ)
        return {each: as_item(row) for each, row in found.items()}

    def page(self, among: Condition | None, after: int, n: int, skip: int = 0) -> list[Item]:
        """See `Table`."""
        which = " and ".join(filter(None, (f"id > {after}", where(among))))
        with self._errors():
            rows = self._client.query(
                self._rows,
                filter=which,
                output_fields=["id", *SCALARS],
                limit=n,
                offset=skip,
                consistency_level=_ALL_READ,
                timeout=TIMEOUT_S,
            )
        return [as_item(row) for row in sorted(rows, key=lambda row: row["id"])]

    def vectors(self, space: str, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """See `Table`."""
        field = field_of(space)
        with self._errors():
            found = self._query(self._rows, ids, [field], _ALL_READ)
        if any(int(each) not in found for each in ids):
            raise ItemNotFoundError(say("server_changed"))
        return np.array([found[int(each)][field] for each in ids], np.float32)

    def nearest(
        self, space: str, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Condition | None = None
    ) -> np.ndarray:
        """See `VectorIndex.nearest`."""
        n, ef, which = min(n, _MOST_ROWS), _EF[effort], where(among)
        with self._errors():
            if effort is not Effort.EXACT:
                return np.array(self._search(space, vector, n, max(n, ef), which)[0], np.int64)
            bounds = [END_OF_IDS * part // _PARTS for part in range(_PARTS + 1)]
            parts = [
                " and ".join(filter(None, (f"id >= {low} and id <= {high - 1}", which))) for low, high in pairwise(bounds)
            ]
            with ThreadPoolExecutor(_AT_A_TIME) as pool:
                found = pool.map(lambda part: self._search(space, vector, n, max(n, ef), part), parts)
                near = [hit for ids, cosines in found for hit in zip(cosines, ids, strict=True)]
            return np.array([each for _, each in sorted(near, reverse=True)[:n]], np.int64)

    def _search(self, space: str, vector: np.ndarray, n: int, ef: int, which: str) -> tuple[list[int], list[float]]:
        """Ids and their cosines, as Milvus computes them."""
        (hits,) = self._client.search(
            self._rows,
            data=[vector],
            anns_field=field_of(space),
            filter=which,
            limit=n,
            output_fields=["id"],
            search_params={"metric_type": "IP", "params": {"ef": ef}},
            consistency_level=_ALL_READ,
            timeout=TIMEOUT_S,
        )
        return [int(hit["id"]) for hit in hits], [float(hit["distance"]) for hit in hits]

    def _query(
        self, collection: str, ids: Sequence[int] | np.ndarray, fields: Sequence[str], consistency: str
    ) -> dict[int, Mapping[str, Any]]:
        possible = sorted({int(each) for each in ids if 0 <= each < END_OF_IDS})
        if not possible:
            return {}
        rows = self._client.query(
            collection,
            filter=f"id in {possible}",
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
            codes = [
                each.code() if isinstance(each, RpcError) else getattr(each, "code", None) for each in (exc, exc.__cause__)
            ]
            if _NO_COLLECTION in codes:
                raise CollectionNotFoundError(say("server_has_none", name=self.name)) from exc
            if _NOT_LOADED in codes:
                raise ServerError(say("server_preparing")) from exc
            if {StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED} & {*codes}:
                raise ServerError(say("server_refuses")) from exc
            is_silent = {_NO_CONNECTION, StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED} & {*codes}
            raise ServerError(say("server_silent" if is_silent else "server_failed")) from exc
