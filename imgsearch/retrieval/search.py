"""Ask -> SearchPage: candidates from the index, re-scored with the stored embeddings. Opens no file and no connection.

Order and distances are exact; only which items become candidates is approximate, and only with an approximate index.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from imgsearch.distance import by_distance, similarity_from_distance
from imgsearch.errors import InvalidQueryError
from imgsearch.pictures.gallery import Gallery
from imgsearch.pictures.items import Item, Rows, shared_label
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.copies import Looks, Seen, without_copies
from imgsearch.retrieval.expansion import joint_query, rocchio
from imgsearch.retrieval.rerank import DEPTH, N_NEAREST, Candidates, reorder, usable_reranking
from imgsearch.retrieval.results import SearchPage, SearchResult
from imgsearch.retrieval.words import Words
from imgsearch.vectors.calibration import Calibration, neighborhood
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.space import OpenedSpace

CANDIDATES_PER_RESULT = 10
MIN_CANDIDATES = 100


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


def search(
    items: Gallery,
    space: OpenedSpace,
    ask: Ask,
    outside: np.ndarray | None = None,
    looks: Looks | None = None,
    words: Words | None = None,
) -> SearchPage:
    """Nearest items to what is asked, nearest first, unless another order is asked for.

    Args:
        items: The gallery; row i belongs to row i of the space.
        space: Where to search; `ask.space` was looked up by who calls.
        ask: What is asked. Its pictures, embeddings and region, which must have been found, have become `outside`.
        outside: float32 (m, dim), rows of length 1, in the space's coordinates (see `Space.points`): what is asked with
            besides whole items. Defaults to nothing.
        looks: What copies are told by; needed where the answer is to be without them.
        words: Those of the gallery; needed where some are asked with.

    Raises:
        ItemNotFoundError: the gallery has no such item or label.
        UnknownWordError: a word is not known, see `Words.meaning`.
        InvalidQueryError: there is nothing to ask with.
    """
    started = time.perf_counter()
    asked_with = tuple(items.at(items.row_of(item_id) for item_id in ask.items))
    query_items = () if ask.part else asked_with
    vectors = _vectors(items, space, ask.whole_items)
    if outside is not None:
        vectors = np.concatenate([vectors, outside])
    if not len(vectors):
        raise InvalidQueryError("There is nothing to ask with.")
    left_out = sorted({items.row_of(item_id) for item_id in (*ask.items, *ask.disliked)})
    among = _among(items, ask, words)
    near_to = partial(_near, space, ask, left_out)
    point = moved = joint_query(vectors)
    near = near_moved = near_to(point)  # of the whole gallery
    found = first = near if among is None else near_to(point, among)
    if ask.liked or ask.disliked:
        moved = rocchio(point, _vectors(items, space, ask.liked), _vectors(items, space, ask.disliked))
        near_moved = near_to(moved)
        more = near_moved if among is None else near_to(moved, among)
        found = _by_distance(space, np.union1d(first.rows, more.rows), point)
    n_candidates = len(found.rows)
    if ask.max_distance is not None:
        is_close = found.distances <= ask.max_distance
        found = _Near(found.rows[is_close], found.distances[is_close])
    ordered = found.rows if moved is point else _by_distance(space, found.rows, moved).rows
    rerank_ms = 0.0
    rerank = usable_reranking(ask.rerank, space)
    if rerank:
        candidates = Candidates(
            query=moved,
            rows=ordered,
            nearest=near_moved.rows[:N_NEAREST],
            vectors=space.vectors,
            neighbors=space.neighbors,
            left_out=tuple(left_out),
        )
        searched = time.perf_counter()
        ordered = reorder(rerank, candidates)
        rerank_ms = (time.perf_counter() - searched) * 1000
    best, n_copies = ordered[: ask.k].tolist(), 0
    if ask.without_copies:
        assert looks is not None
        best, n_copies = _without_copies(items, space, ordered.tolist(), ask, vectors, looks)
    around = neighborhood(near.distances[:N_NEAREST]) if len(near.rows) else None
    verdict = None if around is None else space.calibration.verdict(around)
    # Calibrated with whole pictures, one at a time, that show something that is labelled here.
    is_guessed = not shared_label(query_items) and len(vectors) == 1 and not ask.part
    is_guessed = is_guessed and not (verdict and verdict.is_foreign)
    results = _results(
        items,
        space.calibration,
        best,
        found=found,
        first=first.rows,
        query_items=query_items,
        around=around if is_guessed else None,
    )
    timings_ms = {"search": (time.perf_counter() - started) * 1000 - rerank_ms}
    return SearchPage(
        space=space.name,
        results=results,
        query_items=query_items,
        part_of=asked_with[0] if ask.part and asked_with else None,
        rerank=rerank,
        verdict=verdict,
        n_candidates=n_candidates,
        n_copies=n_copies,
        timings_ms=timings_ms | ({"rerank": rerank_ms} if rerank else {}),
        ask=ask,
        vectors=vectors,
    )


def ann_recall_at_k(items: Gallery, space: OpenedSpace, page: SearchPage) -> AnnRecall:
    """How much of the exact answer its index finds. Re-ranking, feedback and near-copies are left aside.

    Args:
        items, space: What was searched.
        page: The answer of a search; asked exactly, it is compared with normal effort.
    """
    assert page.ask is not None
    assert page.vectors is not None
    effort = Effort.NORMAL if page.ask.effort is Effort.EXACT else page.ask.effort
    plain = replace(page.ask, rerank="", liked=(), disliked=(), without_copies=False, effort=effort)
    asked = {True: replace(plain, effort=Effort.EXACT), False: plain}
    outside = page.vectors[len(page.query_items) :]
    rows: dict[bool, set[int]] = {}
    best_ms: dict[bool, float] = {}
    for is_exact, ask in (*asked.items(), *asked.items()):  # twice: the first run finds nothing in the caches
        answer = search(items, space, ask, outside)
        rows[is_exact] = {result.row for result in answer.results}
        best_ms[is_exact] = min(answer.timings_ms["search"], best_ms.get(is_exact, math.inf))
    k = len(rows[True])
    recall = len(rows[False] & rows[True]) / k if k else 1.0
    return AnnRecall(k=k, recall=recall, index_ms=best_ms[False], exact_ms=best_ms[True])


def _among(items: Gallery, ask: Ask, words: Words | None) -> Rows | None:
    """The rows that label and words leave; None for all."""
    if not (ask.words or ask.not_words):
        return None if ask.label is None else items.where([ask.label])
    assert words is not None
    return words.rows_showing(ask.words, ask.not_words, ask.label)


def _without_copies(
    items: Gallery, space: OpenedSpace, rows: list[int], ask: Ask, vectors: np.ndarray, looks: Looks
) -> tuple[list[int], int]:
    """See `copies.without_copies`."""

    def see(row: int) -> Seen:
        (item,) = items.at([row])
        return Seen(space.vectors([row])[0], looks.of_row(row), item.sha256)

    # An item stands for itself, whether a part of it is asked with or all of it.
    asked = [see(items.row_of(item_id)) for item_id in ask.items]
    asked += [
        Seen(vector, look) for vector, look in zip(vectors[len(vectors) - len(looks.outside) :], looks.outside, strict=True)
    ]
    return without_copies(rows, ask.k, asked, see=see, near=space.calibration.near)


class _Near(NamedTuple):
    """int64 and float32 (n,): rows, nearest first, ties by row, and their distances."""

    rows: np.ndarray
    distances: np.ndarray


def _near(space: OpenedSpace, ask: Ask, left_out: Sequence[int], vector: np.ndarray, among: Rows | None = None) -> _Near:
    """What is near to the vector, but for what is left out."""
    n = max(ask.k * CANDIDATES_PER_RESULT, MIN_CANDIDATES, DEPTH if ask.rerank else 0)
    # More than wanted, since what is left out may be among them.
    rows = space.index.nearest(vector, n + len(left_out), effort=ask.effort, among=among)
    return _by_distance(space, rows[~np.isin(rows, left_out)], vector)


def _by_distance(space: OpenedSpace, rows: np.ndarray, vector: np.ndarray) -> _Near:
    """The rows by their distances to the vector."""
    return _Near(*by_distance(rows, space.vectors(rows), vector))


def _vectors(items: Gallery, space: OpenedSpace, item_ids: Sequence[str]) -> np.ndarray:
    """float32 (n, dim): what the items are in the space."""
    return space.vectors([items.row_of(item_id) for item_id in item_ids])


def _results(
    items: Gallery,
    calibration: Calibration,
    rows: Sequence[int],
    *,
    found: _Near,
    first: np.ndarray,
    query_items: Sequence[Item],
    around: float | None,
) -> tuple[SearchResult, ...]:
    """Rows of an answer, with what there is to say of each.

    Args:
        items, calibration: Of the gallery and the space.
        rows: The best first.
        found: They and others by plain distance.
        first: int64, those that were found without feedback.
        query_items: Whole items that were asked with.
        around: The query's `neighborhood`, where labels may be guessed.
    """
    copied = {item.sha256 for item in query_items}
    label = shared_label(query_items)
    distance_of = dict(zip(found.rows.tolist(), found.distances.tolist(), strict=True))
    rank_before = {row: rank for rank, row in enumerate(found.rows[np.isin(found.rows, first)].tolist(), start=1)}
    return tuple(
        SearchResult(
            rank=rank,
            row=row,
            item=item,
            distance=distance_of[row],
            similarity=similarity_from_distance(distance_of[row]),
            rank_before=rank_before.get(row),
            is_copy=item.sha256 in copied,
            percentile=calibration.percentile(distance_of[row]),
            is_same_label=item.label == label if label and item.label else None,
            p_same_label=None if around is None else calibration.p_same_label(distance_of[row], around),
        )
        for rank, (row, item) in enumerate(zip(rows, items.at(rows), strict=True), start=1)
    )
