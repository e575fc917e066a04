"""The points of a map as a file that the browser keeps: places, labels, ids and thumbnails of a space's items."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.pictures.items import label_words

MAX_MAP_POINTS = 20_000
"""Larger collections show a sample: more points would hide each other, and cost seconds on a phone."""
_SEED = 0


def map_digest(collection: Collection, space: str) -> str:
    """What the points depend on, as a name for their file: hexadecimal, 64 characters."""
    manifest = collection.manifest
    return manifest.items.sha256[:32] + manifest.spaces[space].projection.sha256[:32]


def map_points(collection: Collection, space: str) -> bytes:
    """The file: a JSON object of parallel lists row, x, y, label (an index into `labels`, -1 for none), id, thumbnail."""
    n = len(collection.items)
    rows = np.arange(n)
    if n > MAX_MAP_POINTS:
        rows = np.sort(np.random.default_rng(_SEED).choice(n, MAX_MAP_POINTS, replace=False))
    places = collection.space(space).projection[rows].astype(float).round(4)
    labels = list(collection.items.label_counts)
    number = {label: index for index, label in enumerate(labels)}
    items = [collection.items[int(row)] for row in rows]
    points: dict[str, Any] = {
        "labels": [label_words(label) for label in labels],
        "row": rows.tolist(),
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "label": [number.get(item.label, -1) for item in items],
        "id": [item.item_id for item in items],
        "thumbnail": [item.thumbnail for item in items],
    }
    return json.dumps(points, ensure_ascii=False, separators=(",", ":")).encode()
