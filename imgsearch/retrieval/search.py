"""Query -> SearchPage: candidates from the index, re-scored with the stored embeddings. Opens no file and no connection.

Order and distances are exact; only which items become candidates is approximate, and only with an approximate index.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imgsearch.distance import MAX_DISTANCE, angular_distance, similarity_from_distance
from imgsearch.errors import InvalidQueryError
from imgsearch.pictures.items import Item, Items, shared_label
from imgsearch.retrieval.expansion import joint_query, rocchio
from imgsearch.retrieval.notebook import cards_html
from imgsearch.retrieval.rerank import DEPTH, N_NEAREST, RERANKINGS, Candidates, reorder
from imgsearch.settings import DEFAULT_K, MAX_K
from imgsearch.vectors.calibration import Verdict, neighborhood
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.space import Space

CANDIDATES_PER_RESULT = 10
MIN_CANDIDATES = 100


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked: at least one row or embedding; several are asked with as one, see `expansion.joint_query`.

    Attributes:
        rows: Items of the gallery; they are left out of their own results, by row and not by distance.
        embeddings: float32 (m, dim), rows of length 1, in the space's coordinates (see `Space.points`).
        excluded: Further rows that are left out, such as the item whose region is asked with.
        is_part: The embedding is that of a part of a picture.
        k: Results wanted, 1 to 200. Fewer come back from a smaller gallery.
        label: Only items with this label. Defaults to all.
        max_distance: Only items at most this far from the query, in [0, 2]. Defaults to all.
        liked, disliked: Rows that the answer should be more like, and less like: see `expansion.rocchio`. They change the
            order, not the distances shown. The disliked ones are left out.
        rerank: A name of `rerank.RERANKINGS`, "" for the order of the distances.
        effort: How hard the index looks.
    """

    rows: tuple[int, ...] = ()
    embeddings: np.ndarray | None = None
    excluded: tuple[int, ...] = ()
    is_part: bool = False
    k: int = DEFAULT_K
    label: str | None = None
    max_distance: float | None = None
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    rerank: str = ""
    effort: Effort = Effort.NORMAL

    def __post_init__(self) -> None:
        if not self.rows and (self.embeddings is None or not len(self.embeddings)):
            raise TypeError("A query needs at least one row or embedding.")
        if not 1 <= self.k <= MAX_K:
            raise InvalidQueryError(f"k must be between 1 and {MAX_K}. Received: k={self.k}.")
        if self.max_distance is not None and not 0 <= self.max_distance <= MAX_DISTANCE:
            raise InvalidQueryError(f"max_distance must be between 0 and {MAX_DISTANCE:g}. Received: {self.max_distance}.")
        if self.rerank and self.rerank not in RERANKINGS:
            raise InvalidQueryError(f"A re-ranking must be one of {', '.join(RERANKINGS)}. Received: {self.rerank!r}.")

    @property
    def left_out(self) -> tuple[int, ...]:
        """Rows that are no results, ascending."""
        return tuple(sorted({*self.rows, *self.excluded, *self.disliked}))


@dataclass(frozen=True)
class SearchResult:
    """One answer.

    Attributes:
        rank: 1 for the first.
        row, item: Which item it is.
        distance: Angular distance to the query in [0, 2]; smaller is closer. Whatever the order is by, this is the plain
            distance.
        similarity: Cosine in [-1, 1]; larger is closer.
        rank_before: Its rank by plain distance, without re-ranking and feedback; None where it became a candidate only
            by feedback.
        is_copy: Its file is that of a query item, byte for byte.
        percentile: Per cent of the pairs of items of the collection that are nearer to each other than it is to the query.
        is_same_label: Whether its label is the one that the query's items share; None where one of the two is not known.
        p_same_label: Share of the results at such a distance that have the label of what is asked with, by calibration.
            None where that label is known, for parts, several pictures and a foreign one, and where labels are too few.
    """

    rank: int
    row: int
    item: Item
    distance: float
    similarity: float
    rank_before: int | None
    is_copy: bool
    percentile: float
    is_same_label: bool | None
    p_same_label: float | None


@dataclass(frozen=True)
class SearchPage:
    """The answer to a query.

    Attributes:
        space: Name of the space it comes from.
        results: Best first: by distance, ties by row, unless `rerank` or feedback gave another order.
        query_items: The items asked with.
        rerank: Name of the re-ranking, "" for none.
        verdict: Whether the collection holds anything like the query; None where it holds nothing else, and in a space of
            descriptors, which cannot tell.
        n_candidates: Items whose distance was computed.
        timings_ms: What each step took, ms: "search", then "rerank" where there was one; before them, for a picture,
            "decode" and "embed".
        query: What was asked, for asking on (see `ann_recall_at_k`); None in a page made by hand.
        thumbnails: Folder of the thumbnails, for a notebook; None where the page does not come from a collection.
    """

    space: str
    results: tuple[SearchResult, ...]
    query_items: tuple[Item, ...] = ()
    rerank: str = ""
    verdict: Verdict | None = None
    n_candidates: int = 0
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    query: Query | None = field(default=None, repr=False, compare=False)
    thumbnails: Path | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the query and the results as cards."""
        if self.thumbnails is None:
            return None
        cards = [(item, "query") for item in self.query_items]
        cards += [(result.item, f"{result.rank}. {result.distance:.3f}") for result in self.results]
        return cards_html(cards, self.thumbnails)

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON object, results as flat objects."""
        return {
            "space": self.space,
            "query_item_ids": [item.item_id for item in self.query_items],
            "rerank": self.rerank,
            "is_foreign": self.verdict.is_foreign if self.verdict else None,
            "n_candidates": self.n_candidates,
            "timings_ms": {step: round(ms, 2) for step, ms in self.timings_ms.items()},
            "results": [
                {
                    "rank": result.rank,
                    "rank_before": result.rank_before,
                    "row": result.row,
                    "item_id": result.item.item_id,
                    "label": result.item.label,
                    "distance": round(result.distance, 6),
                    "similarity": round(result.similarity, 6),
                    "is_copy": result.is_copy,
                    "percentile": round(result.percentile, 3),
                    "is_same_label": result.is_same_label,
                    "p_same_label": None if result.p_same_label is None else round(result.p_same_label, 4),
                }
                for result in self.results
            ],
        }


@dataclass(frozen=True)
class AnnRecall:
    """What asking the index cost in quality, and gained in time, for one query.

    Attributes:
        k: Results compared; fewer than asked where the gallery is smaller.
        recall: Share of the exact k nearest that the index's answer holds; 1 where there are none.
        index_ms, exact_ms: Time of the search with the index and with all items, ms, each the better of two runs.
    """

    k: int
    recall: float
    index_ms: float
    exact_ms: float


def search(items: Items, space: Space, query: Query) -> SearchPage:
    """Nearest items to the query, nearest first, unless the query asks for another order.

    Args:
        items: The gallery; row i belongs to row i of the space.
        space: Where to search.
        query: What to search for.

    Raises:
        ItemNotFoundError: the gallery has no such row or label.
        InvalidQueryError: the embeddings do not fit the space.
    """
    started = time.perf_counter()
    items.check((*query.rows, *query.excluded, *query.liked, *query.disliked))
    point = joint_query(_query_vectors(space, query))
    rows = found = _candidates(items, space, query, point)
    moved = None
    if query.liked or query.disliked:
        moved = rocchio(point, space.embeddings[list(query.liked)], space.embeddings[list(query.disliked)])
        rows = np.union1d(found, _candidates(items, space, query, moved))
    n_candidates = len(rows)
    distances = angular_distance(space.embeddings[rows], point)
    nearest_first = np.lexsort((rows, distances))
    if query.max_distance is not None:
        nearest_first = nearest_first[distances[nearest_first] <= query.max_distance]
    rows, distances = rows[nearest_first], distances[nearest_first]
    searched = time.perf_counter()
    timings_ms = {"search": (searched - started) * 1000}
    nearest, near = _nearest(space, query, point)
    ordered = rows
    if moved is not None:
        ordered = rows[np.lexsort((rows, angular_distance(space.embeddings[rows], moved)))]
    if query.rerank:
        candidates = Candidates(
            query=point if moved is None else moved,
            rows=ordered,
            nearest=nearest if moved is None else _nearest(space, query, moved)[0],
            embeddings=space.embeddings,
            neighbors=space.neighbors,
            left_out=query.left_out,
        )
        ordered = reorder(query.rerank, candidates)
        timings_ms["rerank"] = (time.perf_counter() - searched) * 1000
    query_items = tuple(items[row] for row in query.rows)
    copied = {item.sha256 for item in query_items}
    distance_of = dict(zip(rows.tolist(), distances.tolist(), strict=True))
    rank_before = {row: rank for rank, row in enumerate(rows[np.isin(rows, found)].tolist(), start=1)}
    around = neighborhood(near) if len(near) else 0.0
    verdict = space.calibration.verdict(around) if len(near) else None
    label = shared_label(query_items)
    n_asked = len(query.rows) + (0 if query.embeddings is None else len(query.embeddings))
    # Calibrated with whole pictures, one at a time, that show something that is labelled here.
    is_guessed = not label and n_asked == 1 and not query.is_part and not (verdict and verdict.is_foreign)
    results = tuple(
        SearchResult(
            rank=rank,
            row=row,
            item=items[row],
            distance=distance_of[row],
            similarity=similarity_from_distance(distance_of[row]),
            rank_before=rank_before.get(row),
            is_copy=items[row].sha256 in copied,
            percentile=space.calibration.percentile(distance_of[row]),
            is_same_label=items[row].label == label if label and items[row].label else None,
            p_same_label=space.calibration.p_same_label(distance_of[row], around) if is_guessed else None,
        )
        for rank, row in enumerate(ordered[: query.k].tolist(), start=1)
    )
    return SearchPage(
        space=space.name,
        results=results,
        query_items=query_items,
        rerank=query.rerank,
        verdict=verdict,
        n_candidates=n_candidates,
        timings_ms=timings_ms,
        query=query,
    )


def ann_recall_at_k(items: Items, space: Space, query: Query) -> AnnRecall:
    """How much of the exact answer to a query its index finds. Re-ranking and feedback are left aside.

    Raises:
        QueryError: see `search`.
    """
    plain = replace(query, rerank="", liked=(), disliked=())
    efforts = {False: plain, True: replace(plain, effort=Effort.EXACT)}
    rows: dict[bool, set[int]] = {}
    best_ms: dict[bool, float] = {}
    for exact, asked in (*efforts.items(), *efforts.items()):  # twice: the first run finds nothing in the caches
        page = search(items, space, asked)
        rows[exact] = {result.row for result in page.results}
        best_ms[exact] = min(page.timings_ms["search"], best_ms.get(exact, math.inf))
    k = len(rows[True])
    recall = len(rows[False] & rows[True]) / k if k else 1.0
    return AnnRecall(k=k, recall=recall, index_ms=best_ms[False], exact_ms=best_ms[True])


def checked_embeddings(embeddings: np.ndarray, dim: int) -> np.ndarray:
    """The vectors of a query as float32 (m, dim), once they are known to be finite and of length 1.

    Raises:
        InvalidQueryError: they are not.
    """
    checked = np.asarray(embeddings, dtype=np.float32)
    if checked.ndim != 2 or checked.shape[1] != dim:
        raise InvalidQueryError(f"An embedding must have {dim} values. Received: an array of shape {checked.shape}.")
    lengths = np.linalg.norm(checked.astype(np.float64), axis=1)
    if not (np.isfinite(checked).all() and (np.abs(lengths - 1.0) <= 1e-3).all()):
        raise InvalidQueryError("An embedding must be finite and of length 1.")
    return checked


def _candidates(items: Items, space: Space, query: Query, vector: np.ndarray) -> np.ndarray:
    """int64 rows that may be results: near to the vector, with the label, none that is left out."""
    among = None if query.label is None else items.rows_with_label(query.label)
    n = max(query.k * CANDIDATES_PER_RESULT, MIN_CANDIDATES, DEPTH if query.rerank else 0)
    return _ask(space, query, vector, n, among)


def _nearest(space: Space, query: Query, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64, float32: the rows nearest to the vector, nearest first, whatever the query's label, and their distances.

    None that is left out is among them.
    """
    rows = _ask(space, query, vector, MIN_CANDIDATES)
    distances = angular_distance(space.embeddings[rows], vector)
    nearest_first = np.lexsort((rows, distances))[:N_NEAREST]
    return rows[nearest_first], distances[nearest_first]


def _ask(space: Space, query: Query, vector: np.ndarray, n: int, among: np.ndarray | None = None) -> np.ndarray:
    # More than wanted, since what is left out may be among them.
    rows = space.index.nearest(vector, n + len(query.left_out), effort=query.effort, among=among)
    return rows[~np.isin(rows, query.left_out)]


def _query_vectors(space: Space, query: Query) -> np.ndarray:
    """float32 (m, dim): the embeddings of the query's rows, then its own."""
    stored = np.asarray(space.embeddings[list(query.rows)])
    if query.embeddings is None:
        return stored
    given = checked_embeddings(query.embeddings, space.embeddings.shape[1])
    return np.concatenate([stored, given])
