"""The points of a map as a file that the browser keeps: places, labels, ids and thumbnails of a space's items, and names
for clusters where labels give none."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.measure.map_names import MapName, map_names
from imgsearch.pictures.items import label_words
from imgsearch.ui.resources import MAX_OPEN_COLLECTIONS
from imgsearch.ui.server.delivery.word_list import words_digest
from imgsearch.ui.texts import LANGUAGES
from imgsearch.vocabulary import shown

_MAX_NAMED = 4_000
"""Points that names of clusters are told from; of more, some."""
_FEW_LABELLED = 0.1
"""Share of the pictures with a label below which words name the clusters."""


def map_digest(collection: OpenedCollection, space: str) -> str:
    """What the points depend on, as a name for their file: hexadecimal, 64 characters."""
    # Items and words, and the version, which says how the file is written.
    digest = collection.description.spaces[space].digest
    return hashlib.sha256(f"{words_digest(collection)} {digest}".encode()).hexdigest()


def map_points(collection: OpenedCollection, space: str) -> bytes:
    """The file: a JSON object of parallel lists x, y, label (an index into `labels`, -1 for none), id, thumbnail; and
    `names`, a list of objects with x, y, n and `words`, the name in each language."""
    rows = collection.space(space).map_rows
    places = collection.space(space).places(rows).astype(float).round(4)
    labels = list(collection.items.label_counts)
    number = {label: index for index, label in enumerate(labels)}
    items = collection.items.at(rows)
    points: dict[str, Any] = {
        "labels": [label_words(label) for label in labels],
        "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(),
        "label": [number.get(item.label, -1) for item in items],
        "id": [item.item_id for item in items],
        "thumbnail": [item.thumbnail for item in items],
        "names": [
            {
                "x": round(name.x, 4),
                "y": round(name.y, 4),
                "n": name.n,
                "words": {code: shown(name.sense, code) for code in LANGUAGES},
            }
            for name in names_on_map(collection, space)
        ],
    }
    return json.dumps(points, ensure_ascii=False, separators=(",", ":")).encode()


def names_on_map(collection: OpenedCollection, space: str) -> list[MapName]:
    """What clusters of a map are called by words; [] where labels name them, and where no network knows what they show."""
    n_labelled = sum(collection.items.label_counts.values())
    has_labels = len(collection.items.label_counts) > 1 and n_labelled >= _FEW_LABELLED * len(collection.items)
    return [] if has_labels or collection.word_space is None else _names(map_digest(collection, space), collection, space)


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _names(digest: str, _collection: OpenedCollection, _space: str) -> list[MapName]:
    del digest  # only a part of the key
    rows = _collection.space(_space).map_rows
    rows = rows[:: -(-len(rows) // _MAX_NAMED)]
    assert _collection.word_space  # else nobody asks
    assert _collection.word_space.class_values is not None
    return map_names(_collection.space(_space).places(rows), _collection.word_space.class_values[:, rows])
