"""Pictures and their embeddings as Parquet in a folder anywhere: what `embed` writes and a server's engine is loaded from.

    dataset.json                 names the shards; written last
    shards/<key>.parquet         SCHEMA; the key is a digest of what was to be embedded, and with what
    skipped/<key>.parquet        SKIPPED, of the same pictures; missing where none was left out
    skipped/listing.parquet      SKIPPED, of what was no picture to begin with
    thumbnails/<digest>.webp     short side 320 px
    networks/<digest>.tflite     the network that embedded, if one did

What dataset.json does not name is of earlier runs, or of one that has not ended.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError
from imgsearch.pictures.items import Skipped
from imgsearch.records import parse
from imgsearch.scale.place import Place, store_errors

FORMAT_VERSION = 1
DATASET_FILE = "dataset.json"
LISTING = "listing"
"""Where a key stands, of what was left out before there were shards."""
SKIPPED = pa.schema([("item_id", pa.string()), ("reason", pa.string()), ("n", pa.int64())])


def stable_id(item_id: str) -> int:
    """The int64 that an item has in any engine: the first 8 bytes of the sha256 of its id, big-endian, without the sign."""
    return int.from_bytes(hashlib.sha256(item_id.encode()).digest()[:8]) & (2**63 - 1)


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
            dataset = parse(cls, content) if version == FORMAT_VERSION else None
        except (ValueError, KeyError, TypeError) as exc:
            raise BuildError(f"{place.shown} must hold a {DATASET_FILE} of this program. It is damaged.") from exc
        if dataset is None:
            raise BuildError(f"The format of {place.shown} must be {FORMAT_VERSION}. Received: {version!r}.")
        return dataset

    def write(self, place: Place) -> None:
        """The same dataset gives the same bytes. BuildError where it cannot be written."""
        body = {
            "format_version": self.format_version,
            "embedder": self.embedder.to_json(),
            "dim": self.dim,
            "n_items": self.n_items,
            "n_skipped": self.n_skipped,
            "shards": dict(self.shards),
        }
        (place / DATASET_FILE).write((json.dumps(body, indent=1) + "\n").encode())


def shard_place(place: Place, key: str) -> Place:
    """Where a shard lies."""
    return place / f"shards/{key}.parquet"


def network_place(place: Place, digest: str) -> Place:
    """Where a network lies."""
    return place / f"networks/{digest}.tflite"


def thumbnail_place(place: Place, digest: str) -> Place:
    """Where a thumbnail lies."""
    return place / f"thumbnails/{digest}.webp"


def write_shard(place: Place, key: str, dim: int, rows: Sequence[Mapping[str, object]], skipped: Iterable[Skipped]) -> None:
    """Writes what was left out, then the shard itself, with which it is done. Rows have the names of `schema`, and others.

    Raises:
        BuildError: it cannot be written.
    """
    write_skipped(place, key, skipped)
    shard_place(place, key).write(_parquet(pa.Table.from_pylist(rows, schema=schema(dim))))


def write_skipped(place: Place, key: str, skipped: Iterable[Skipped]) -> None:
    """Writes what was left out; nothing where nothing was, but for the listing."""
    rows = [{"item_id": each.item_id, "reason": each.reason, "n": each.n} for each in skipped]
    if rows or key == LISTING:
        (place / f"skipped/{key}.parquet").write(_parquet(pa.Table.from_pylist(rows, schema=SKIPPED)))


def read_skipped(place: Place, key: str) -> list[Skipped]:
    """What was left out of a shard, or of the listing.

    Raises:
        BuildError: it cannot be read.
    """
    file = place / f"skipped/{key}.parquet"
    content = file.read()
    with store_errors(f"{file.shown} cannot be read"):
        return [Skipped(**row) for row in pq.read_table(pa.BufferReader(content)).to_pylist()] if content else []


def rows_of(place: Place, key: str) -> int | None:
    """How many rows a shard has; None where it is not whole, so that it is to be made again.

    Raises:
        BuildError: it cannot be read.
    """
    file = shard_place(place, key)
    with store_errors(f"{file.shown} cannot be read"):
        try:
            with file.filesystem.open_input_file(file.path) as stream:
                return int(pq.read_metadata(stream).num_rows)
        except (FileNotFoundError, pa.ArrowInvalid):  # the second is no Parquet, or was cut off
            return None


def _parquet(table: pa.Table) -> pa.Buffer:
    """The same table gives the same bytes. Embeddings gain nothing from dictionaries, and little from compression."""
    stream = pa.BufferOutputStream()
    dictionary = [name for name in table.schema.names if name in ("label", "attributes", "reason")]
    pq.write_table(table, stream, compression="zstd", use_dictionary=dictionary, store_schema=True)
    return stream.getvalue()
