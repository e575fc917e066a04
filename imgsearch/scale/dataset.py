"""Pictures and their embeddings as Parquet in a folder anywhere: what `embed` writes and a server's engine is loaded from.

    dataset.json                 names the shards; written last
    shards/<key>.parquet         `schema`; the key is a digest of what was to be embedded, and with what
    skipped/<key>.parquet        SKIPPED, of the same pictures; missing where none was left out
    skipped/listing.parquet      SKIPPED, of what was no picture to begin with
    thumbnails/<digest>.webp     short side 320 px
    networks/<digest>.tflite     the network that embedded, if one did

What dataset.json does not name is of a run that has not ended, or that was stopped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError
from imgsearch.files.disk import DIGEST
from imgsearch.files.place import Place, store_errors, thumbnail_place
from imgsearch.pictures.items import Skipped
from imgsearch.records import parse

FORMAT_VERSION = 1
DATASET_FILE = "dataset.json"
LISTING = "listing"
"""Where a key stands, of what was left out before there were shards."""
SKIPPED = pa.schema([("item_id", pa.string()), ("reason", pa.string()), ("n", pa.int64())])
_AT_A_TIME = 32
"""Files that are asked for at once: an object store answers late."""


def schema(dim: int) -> pa.Schema:
    """The columns of a shard: `id` is `stable_id`, `attributes` a JSON object, `bytes` and `sha256` of the original file,
    `thumbnail` a digest, `embedding` of length 1."""
    return pa.schema(
        [
            ("id", pa.int64()),
            ("item_id", pa.string()),
            ("label", pa.string()),
            ("attributes", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("bytes", pa.int64()),
            ("sha256", pa.string()),
            ("thumbnail", pa.string()),
            ("embedding", pa.list_(pa.float32(), dim)),
        ]
    )


@dataclass(frozen=True)
class Dataset:
    """What dataset.json says.

    Attributes:
        embedder: What made the embeddings.
        dim: Their length.
        n_items, n_skipped: Rows of all shards; pictures and other files that are not among them.
        shards: Rows of each, by key, in the order of their ids.
        format_version: Of the folder.
    """

    embedder: EmbedderSpec
    dim: int
    n_items: int
    n_skipped: int
    shards: Mapping[str, int]
    format_version: int = FORMAT_VERSION

    @classmethod
    def read(cls, place: Place) -> Dataset | None:
        """The one of a place; None where none has been completed.

        Raises:
            BuildError: it is damaged, or of a version that this one does not know.
        """
        content = (place / DATASET_FILE).read()
        if content is None:
            return None
        try:
            version = json.loads(content)["format_version"]
            if version == FORMAT_VERSION:
                return parse(cls, content)
        except (ValueError, KeyError, TypeError) as exc:
            raise BuildError(f"{place.shown} must hold a {DATASET_FILE} of this program. It is damaged.") from exc
        raise BuildError(f"The format of {place.shown} must be {FORMAT_VERSION}. Received: {version!r}.")

    def write(self, place: Place) -> None:
        """The same dataset gives the same bytes. BuildError where it cannot be written."""
        (place / DATASET_FILE).write((json.dumps(asdict(self), indent=1) + "\n").encode())

    def rows(self, place: Place) -> Iterator[pa.RecordBatch]:
        """All rows by id, with the columns of `schema`: a batch a shard, some being read ahead.

        Raises:
            BuildError: they cannot be read, all of them or the rest.
        """
        with store_errors(f"The shards of {place.shown} cannot be read"):
            yield from self._shards(place, self.shards).to_batches()

    def sweep(self, place: Place) -> None:
        """Removes the shards of earlier runs that this dataset does not name, with what was left out of them and the
        thumbnails that no other has. Nobody else may be at work there.

        Raises:
            BuildError: they cannot be read or removed. What is left goes the next time.
        """
        lying = [PurePosixPath(each.path) for each in (place / "shards").files() + (place / "skipped").files()]
        named = {path.stem for path in lying if path.suffix == ".parquet" and DIGEST.fullmatch(path.stem)}
        if not (stale := named - self.shards.keys()):
            return
        with store_errors(f"The shards of {place.shown} cannot be read"):
            of_stale = self._thumbnails(place, rows_of(place, stale))
            kept = self._thumbnails(place, self.shards, pc.field("thumbnail").isin(pa.array(of_stale, pa.string())))
        with ThreadPoolExecutor(_AT_A_TIME) as pool:  # shards last: by them the rest is known
            list(pool.map(Place.remove, [thumbnail_place(place, digest) for digest in of_stale - kept]))
            list(pool.map(Place.remove, [_skipped_place(place, key) for key in stale]))
            list(pool.map(Place.remove, [shard_place(place, key) for key in stale]))

    def _thumbnails(self, place: Place, keys: Iterable[str], which: pc.Expression = None) -> set[str]:
        table = self._shards(place, keys).to_table(columns=["thumbnail"], filter=which)
        return set(table.column("thumbnail").to_pylist())

    def _shards(self, place: Place, keys: Iterable[str]) -> Any:
        import pyarrow.dataset as pads  # which imports pandas, where that is

        files = [shard_place(place, key).path for key in keys]
        return pads.dataset(files, schema=schema(self.dim), filesystem=place.filesystem, format="parquet")


def shard_place(place: Place, key: str) -> Place:
    """Where a shard lies."""
    return place / f"shards/{key}.parquet"


def _skipped_place(place: Place, key: str) -> Place:
    return place / f"skipped/{key}.parquet"


def write_shard(place: Place, key: str, dim: int, rows: Sequence[Mapping[str, object]], skipped: Sequence[Skipped]) -> None:
    """Writes what was left out, then the shard itself, with which it is done. Rows have the names of `schema`, and others.

    Raises:
        BuildError: it cannot be written.
    """
    if skipped:
        write_skipped(place, key, skipped)
    shard_place(place, key).write(_parquet(rows, schema(dim)))


def write_skipped(place: Place, key: str, skipped: Iterable[Skipped]) -> None:
    """Writes what was left out of a shard, or of the listing. BuildError where it cannot be written."""
    _skipped_place(place, key).write(_parquet(map(asdict, skipped), SKIPPED))


def read_skipped(place: Place, key: str) -> list[Skipped]:
    """What was left out of a shard, or of the listing.

    Raises:
        BuildError: it cannot be read.
    """
    file = _skipped_place(place, key)
    content = file.read()
    with store_errors(f"{file.shown} cannot be read"):
        return [Skipped(**row) for row in pq.read_table(pa.BufferReader(content)).to_pylist()] if content else []


def rows_of(place: Place, keys: Iterable[str]) -> dict[str, int]:
    """Rows of the shards that are there, by key, in that order. One that was cut off, and is to be made again, is not.

    Raises:
        BuildError: they cannot be read.
    """

    def n_rows(key: str) -> int | None:
        file = shard_place(place, key)
        with store_errors(f"{file.shown} cannot be read"):
            try:
                return int(pq.read_metadata(file.path, filesystem=file.filesystem).num_rows)
            except (FileNotFoundError, pa.ArrowInvalid):  # the second is no Parquet
                return None

    keys = list(keys)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return {key: n for key, n in zip(keys, pool.map(n_rows, keys), strict=True) if n is not None}


def _parquet(rows: Iterable[Mapping[str, object]], schema: pa.Schema) -> pa.Buffer:
    """The same rows give the same bytes. Embeddings gain nothing from dictionaries, and little from compression."""
    stream = pa.BufferOutputStream()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, stream, compression="zstd", use_dictionary=["label", "attributes", "reason"])
    return stream.getvalue()
