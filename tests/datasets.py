"""Datasets as `cluster embed` writes them, of a collection's own pictures, without Ray."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imgsearch import Collection
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.files.place import Place, thumbnail_place
from imgsearch.scale.dataset import Dataset, write_shard, write_skipped
from imgsearch.vectors.engines.table import stable_id

PER_SHARD = 7


def row_of_nobody(number: int, name: str, n_bytes: int, vector: np.ndarray) -> dict[str, Any]:
    """The row of a picture that nobody has: even ones are cats, odd ones dogs."""
    return {
        "id": stable_id(name),
        "item_id": name,
        "label": ("cat", "dog")[number % 2],
        "attributes": "{}",
        "width": 640,
        "height": 480,
        "bytes": n_bytes,
        "sha256": f"{number:064}",
        "thumbnail": f"{number:064}",
        "embedding": vector,
    }


def rows_of(collection: Collection, space: str | None = None) -> list[dict[str, Any]]:
    """The rows of a dataset with the vectors of a space, the first unless another is named, as a build made them."""
    vectors = collection.space(space).vectors(range(len(collection.items)))
    return [
        {
            "id": stable_id(item.item_id),
            "item_id": item.item_id,
            "label": item.label,
            "attributes": "{}",
            "width": item.width,
            "height": item.height,
            "bytes": item.bytes,
            "sha256": item.sha256,
            "thumbnail": item.thumbnail,
            "embedding": vector,
        }
        for item, vector in zip(collection.items, vectors, strict=True)
    ]


def write_dataset(
    to: Path, spec: EmbedderSpec, rows: Iterable[Mapping[str, Any]], *, per_shard: int = PER_SHARD, n_skipped: int = 0
) -> str:
    """Writes rows as a dataset, in the place of one that is there; its address."""
    place = Place.at(str(to))
    ordered = sorted(rows, key=lambda row: row["id"])
    shards = {}
    for start in range(0, len(ordered), per_shard):
        some = ordered[start : start + per_shard]
        key = hashlib.sha256(repr([[*row.values()] for row in some]).encode()).hexdigest()
        write_shard(place, key, spec.dim, some, [])
        shards[key] = len(some)
    Dataset(spec, spec.dim, len(ordered), n_skipped, shards).write(place)
    return str(to)


def datasets_of(collection: Collection, to: Path) -> list[str]:
    """A dataset for each space of a collection, with its thumbnails and what was left out; their addresses."""
    addresses = []
    for name, space in collection.spaces.items():
        n_skipped = sum(each.n for each in collection.skipped)
        addresses.append(write_dataset(to / name, space.spec, rows_of(collection, name), n_skipped=n_skipped))
        place = Place.at(addresses[-1])
        write_skipped(place, "listing", collection.skipped)
        for item in collection.items:
            thumbnail_place(place, item.thumbnail).write(collection.thumbnail(item))
    return addresses
