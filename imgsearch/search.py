"""Query -> SearchPage: candidates from the index, re-scored with the stored embeddings. Pure: no files, no network.

Order and distances are exact; only which items become candidates is approximate, and only with an approximate index.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imgsearch.distance import angular_distance, similarity_from_distance
from imgsearch.embedding import EmbedderSpec
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.index import ExactIndex, VectorIndex
from imgsearch.items import Item, Items
from imgsearch.settings import DEFAULT_K, MAX_K

CANDIDATES_PER_RESULT = 10
MIN_CANDIDATES = 100


@dataclass(frozen=True)
class Space:
    """All embeddings of a gallery by one embedder, and an index over them.

    Attributes:
        name: Its name in the collection.
        spec: What made the embeddings.
        embeddings: float32 (n_items, dim), rows of length 1, usually memory-mapped. Read only.
        index: Over those rows.
    """

    name: str
    spec: EmbedderSpec
    embeddings: np.ndarray
    index: VectorIndex


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked: exactly one of an item and a vector.

    Attributes:
        row: An item of the gallery; it is left out of its own results, by its row and not by its distance.
        embedding: float32 (dim,) of length 1, from the space's embedder.
        k: Results wanted, 1 to 200. Fewer come back from a smaller gallery.
        label: Only items with this label. Defaults to all.
    """

    row: int | None = None
    embedding: np.ndarray | None = None
    k: int = DEFAULT_K
    label: str | None = None

    def __post_init__(self) -> None:
        if (self.row is None) == (self.embedding is None):
            raise TypeError("A query has either a row or an embedding.")
        if not 1 <= self.k <= MAX_K:
            raise InvalidQueryError(f"k must be between 1 and {MAX_K}. Received: k={self.k}.")


@dataclass(frozen=True)
class SearchResult:
    """One answer.

    Attributes:
        rank: 1 for the nearest.
        row, item: Which item it is.
        distance: Angular distance to the query in [0, 2]; smaller is closer.
        similarity: Cosine in [-1, 1]; larger is closer.
    """

    rank: int
    row: int
    item: Item
    distance: float
    similarity: float


@dataclass(frozen=True)
class SearchPage:
    """The answer to a query.

    Attributes:
        space: Name of the space it comes from.
        results: Nearest first; ties by row.
        query_item: The item asked with, if it was one.
        timings_ms: What each step took, ms: "search", and for a picture "decode" and "embed".
    """

    space: str
    results: tuple[SearchResult, ...]
    query_item: Item | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON object, results as flat objects."""
        return {
            "space": self.space,
            "query_item_id": self.query_item.item_id if self.query_item else None,
            "timings_ms": {step: round(ms, 2) for step, ms in self.timings_ms.items()},
            "results": [
                {
                    "rank": result.rank,
                    "row": result.row,
                    "item_id": result.item.item_id,
                    "label": result.item.label,
                    "distance": round(result.distance, 6),
                    "similarity": round(result.similarity, 6),
                }
                for result in self.results
            ],
        }


def search(items: Items, space: Space, query: Query) -> SearchPage:
    """Nearest items to the query, nearest first.

    Args:
        items: The gallery; row i belongs to row i of the space.
        space: Where to search.
        query: What to search for.

    Raises:
        ItemNotFoundError: the gallery has no such row or label.
        InvalidQueryError: the embedding does not fit the space.
    """
    started = time.perf_counter()
    vector, query_item = _query_vector(items, space, query)
    # One more than asked, since the query item itself may be among them.
    n_candidates = max(query.k * CANDIDATES_PER_RESULT, MIN_CANDIDATES) + 1
    index: VectorIndex = space.index
    if query.label is not None:
        # A forest cannot be asked for one label; comparing with all of them is exact, and fast enough.
        index = ExactIndex(space.embeddings, items.rows_with_label(query.label))
    rows = index.candidates(vector, min(n_candidates, index.n_items))
    if query.row is not None:
        rows = rows[rows != query.row]
    distances = angular_distance(space.embeddings[rows], vector)
    order = np.lexsort((rows, distances))[: query.k]
    results = tuple(
        SearchResult(
            rank=rank,
            row=int(rows[i]),
            item=items[int(rows[i])],
            distance=float(distances[i]),
            similarity=similarity_from_distance(float(distances[i])),
        )
        for rank, i in enumerate(order, start=1)
    )
    elapsed_ms = (time.perf_counter() - started) * 1000
    return SearchPage(space=space.name, results=results, query_item=query_item, timings_ms={"search": elapsed_ms})


def _query_vector(items: Items, space: Space, query: Query) -> tuple[np.ndarray, Item | None]:
    if query.row is not None:
        if not 0 <= query.row < len(items):
            raise ItemNotFoundError(f"A row must be between 0 and {len(items) - 1}. Received: {query.row}.")
        return np.asarray(space.embeddings[query.row]), items[query.row]
    vector = np.asarray(query.embedding, dtype=np.float32)
    dim = space.embeddings.shape[1]
    if vector.shape != (dim,):
        raise InvalidQueryError(f"The embedding must have shape ({dim},). Received: {vector.shape}.")
    if not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector.astype(np.float64))) - 1.0) > 1e-3:
        raise InvalidQueryError("The embedding must be finite and of length 1.")
    return vector, None
