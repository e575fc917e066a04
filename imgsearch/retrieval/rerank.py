"""Re-rankings by name: better orders of the same candidates, from stored vectors and the table of neighbours.

No network, no labels. What is left out of a search (the query's own item above all) never contributes to any of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from imgsearch.distance import angular_distance, similarity_from_distance
from imgsearch.retrieval.expansion import N_EXPANSION, Vectors, augment, expand_query, usable_neighbors
from imgsearch.vectors.space import OpenedSpace

DEPTH = 200
"""Candidates that are put in a new order, as many as a page can show; those after them keep theirs."""
N_NEAREST = 20
"""Nearest of the whole gallery that a re-ranking is told."""

_K1 = 6
_K2 = 3
_DISTANCE_WEIGHT = 0.3
_DIVERSITY_WEIGHT = 0.3
_COPY_SHARE = 0.5
"""Of the distance to the _REACH-th neighbour. Photos that were halved, cropped by a tenth, mirrored or saved as JPEG at
quality 50 are mostly nearer than that to themselves, two different ones hardly ever (looked at with mobilenet_v2, mini and
colour histograms; pets, the sample and photos)."""
_REACH = 15
_K_RECIPROCAL_DEPTH = 100


@dataclass(frozen=True)
class Candidates:
    """What a re-ranking has to work with.

    Attributes:
        query: float32 (dim,), of length 1.
        rows: int64 (n_candidates,): the rows to put in order, nearest first.
        nearest: int64 (m,): the nearest rows of the whole gallery, nearest first, whatever filter made `rows`.
        vectors: Rows of the gallery -> what they are in the space, see `Space.vectors`.
        neighbors: int32 (n, k): the nearest other items of each, nearest first; None where nobody keeps such a table.
        left_out: Rows that never contribute: neither `rows` nor `nearest` holds one.
    """

    query: np.ndarray
    rows: np.ndarray
    nearest: np.ndarray
    vectors: Vectors
    neighbors: np.ndarray | None
    left_out: tuple[int, ...] = ()

    def augmented(self, rows: np.ndarray) -> np.ndarray:
        """float32 (len(rows), dim): the rows as they are in the augmented gallery, see `expansion.augment`."""
        assert self.neighbors is not None
        return augment(self.vectors, self.neighbors, rows, left_out=self.left_out)


@dataclass(frozen=True)
class Reranking:
    """A way to put candidates in a better order.

    Attributes:
        name: What a query calls it.
        title: What people call it.
        reorder: Candidates -> int64, their rows in the new order; it may drop some.
        needs_neighbors: Whether there must be a table of neighbours.
    """

    name: str
    title: str
    reorder: Callable[[Candidates], np.ndarray]
    needs_neighbors: bool = True


def k_reciprocal_distances(
    candidates: Candidates, k1: int = _K1, k2: int = _K2, distance_weight: float = _DISTANCE_WEIGHT
) -> np.ndarray:
    """Distances by shared neighbours: two pictures are alike when the same pictures are near to both, mutually.

    Each picture is encoded by its k-reciprocal neighbours (those that have it among their own k1 nearest), grown by theirs
    where two thirds are shared, weighted by exp(-distance), and averaged over its k2 nearest, itself among them. The
    Jaccard distance of two such codes is mixed with the plain distance.

    Assumes at least about k1 pictures of a kind. Other than in the paper, the query is in no picture's code, so that what
    is asked cannot change what the gallery looks like; and the plain distance is not scaled by its largest.

    Args:
        candidates: Of which `rows` are compared with the query; `neighbors` must have k1 + len(left_out) columns, or codes
            are poorer.
        k1: Neighbours that count.
        k2: Pictures whose codes are averaged; 1 for no averaging.
        distance_weight: Share of the plain distance in the result, 0 to 1.

    Returns:
        float64 (n_candidates,), smaller is closer.

    Source: Zhong et al. 2017, Re-ranking person re-identification with k-reciprocal encoding.
    """
    it = candidates
    assert it.neighbors is not None
    graph = _NeighborGraph(it.neighbors, it.left_out, k1)
    nearest = it.nearest.tolist()
    averaged = {row: [row, *graph.nearest(row, k2 - 1)] for row in it.rows.tolist()}
    coded = sorted({member for members in averaged.values() for member in members} | set(nearest[: k2 - 1]))
    members = [sorted(graph.grown(row, graph.reciprocal(row, k1))) for row in coded]
    query_members = sorted(graph.grown(None, _reciprocal_to_query(it, graph, nearest[:k1], k1)))
    column = {
        row: number for number, row in enumerate(sorted({*query_members, *(row for each in members for row in each)}))
    }
    place = {row: number for number, row in enumerate(coded)}
    codes = np.zeros((len(coded), len(column)))
    for code, row, near in zip(codes, coded, members, strict=True):
        _encode(code, [column[each] for each in near], it.vectors(near), it.vectors(row))
    query_code = np.zeros(len(column))
    _encode(query_code, [column[row] for row in query_members], it.vectors(query_members), it.query)
    if k2 > 1:
        query_code = np.mean([query_code, *(codes[place[row]] for row in nearest[: k2 - 1])], axis=0)
    jaccard = np.empty(len(it.rows))
    for number, rows in enumerate(averaged.values()):
        code = codes[[place[row] for row in rows]].mean(axis=0)
        jaccard[number] = 1 - np.minimum(code, query_code).sum() / max(np.maximum(code, query_code).sum(), 1e-12)
    plain = angular_distance(it.vectors(it.rows), it.query)
    distances: np.ndarray = (1 - distance_weight) * jaccard + distance_weight * plain
    return distances


class _NeighborGraph:
    """Who is near to whom, the rows left out being in nobody's neighbourhood."""

    def __init__(self, neighbors: np.ndarray, left_out: tuple[int, ...], k1: int) -> None:
        self._neighbors = neighbors
        self._left_out = set(left_out)
        self._half = max(1, k1 // 2)
        self._lists: dict[int, list[int]] = {}

    def nearest(self, row: int, k: int) -> list[int]:
        """The k nearest others, nearest first."""
        if row not in self._lists:
            self._lists[row] = [other for other in self._neighbors[row].tolist() if other not in self._left_out]
        return self._lists[row][:k]

    def reciprocal(self, row: int, k: int) -> set[int]:
        """The row, and those of its k nearest that have it among theirs."""
        return {row} | {other for other in self.nearest(row, k) if row in self.nearest(other, k)}

    def grown(self, row: int | None, members: set[int]) -> set[int]:
        """Members, and the reciprocal neighbours of each at half of k1 where more than two thirds are members already."""
        result = set(members)
        for member in members - {row}:
            further = self.reciprocal(member, self._half)
            if 3 * len(further & members) > 2 * len(further):
                result |= further
        return result


def _reciprocal_to_query(it: Candidates, graph: _NeighborGraph, nearest: list[int], k1: int) -> set[int]:
    """Those of the query's nearest that would have it among their own k1 nearest."""
    members = set()
    for row in nearest:
        own = graph.nearest(row, k1)
        vector = it.vectors(row)
        if len(own) < k1 or vector @ it.query >= vector @ it.vectors(own[-1]):
            members.add(row)
    return members


def _encode(code: np.ndarray, columns: list[int], members: np.ndarray, vector: np.ndarray) -> None:
    if columns:
        weights = np.exp(-angular_distance(members, vector).astype(np.float64))
        code[columns] = weights / weights.sum()


def diversify(candidates: Candidates, diversity_weight: float = _DIVERSITY_WEIGHT) -> np.ndarray:
    """Maximal marginal relevance: one after the other, what is near to the query and far from what was chosen.

    Assumes that whoever asks wants to see the range of what there is; it lowers precision on purpose. Copies of what was
    chosen are dropped: those nearer to it than half of the distance to its 15th neighbour.

    Args:
        candidates: Of which `rows` are put in order; where an item has fewer neighbours, or they are not known, nothing is
            a copy of it.
        diversity_weight: 0 for the order of the distances (without copies), 1 to look at the distance to others only.

    Returns:
        int64 (at most n_candidates,): rows, best first.

    Source: Carbonell and Goldstein 1998, The use of MMR, diversity-based reranking for reordering documents.
    """
    it = candidates
    vectors = it.vectors(it.rows)
    to_query, to_each_other = vectors @ it.query, vectors @ vectors.T
    copy_distances = _COPY_SHARE * _reach(it)
    to_chosen = np.full(len(vectors), -1.0)
    is_free = np.ones(len(vectors), dtype=bool)
    chosen: list[int] = []
    while is_free.any():
        marginal = (1 - diversity_weight) * to_query - diversity_weight * to_chosen
        best = int(np.argmax(np.where(is_free, marginal, -np.inf)))
        chosen.append(best)
        to_chosen = np.maximum(to_chosen, to_each_other[best])
        is_free &= to_each_other[best] <= similarity_from_distance(copy_distances[best])
        is_free[best] = False
    rows: np.ndarray = it.rows[chosen]
    return rows


def _reach(it: Candidates) -> np.ndarray:
    """float32 (n_candidates,): distance of each candidate to its _REACH-th neighbour, 0 where it has not so many."""
    nowhere = np.zeros(len(it.rows), dtype=np.float32)
    if it.neighbors is None:
        return nowhere
    near, is_there = usable_neighbors(it.neighbors, it.rows, _REACH, it.left_out)
    if near.shape[1] < _REACH:
        return nowhere
    difference = it.vectors(near[:, -1]).astype(np.float64) - it.vectors(it.rows)
    distances = np.linalg.norm(difference, axis=1).astype(np.float32)
    return np.where(is_there[:, -1], distances, 0)


def _by_similarity(rows: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """Rows, largest similarity first; equal ones stay in the order they came in."""
    ordered: np.ndarray = rows[np.argsort(-similarity, kind="stable")]
    return ordered


def _expansion(candidates: Candidates) -> np.ndarray:
    it = candidates
    query = expand_query(it.query, it.vectors(it.nearest[:N_EXPANSION]))
    return _by_similarity(it.rows, it.vectors(it.rows) @ query)


def _augmentation(candidates: Candidates) -> np.ndarray:
    it = candidates
    return _by_similarity(it.rows, it.augmented(it.rows) @ it.query)


def _augmentation_and_expansion(candidates: Candidates) -> np.ndarray:
    it = candidates
    # What the query is expanded by are its nearest in the augmented gallery, as they are there.
    nearest = it.augmented(it.nearest)
    best = np.argsort(-(nearest @ it.query), kind="stable")[:N_EXPANSION]
    query = expand_query(it.query, nearest[best])
    return _by_similarity(it.rows, it.augmented(it.rows) @ query)


def _k_reciprocal(candidates: Candidates) -> np.ndarray:
    reordered, rest = candidates.rows[:_K_RECIPROCAL_DEPTH], candidates.rows[_K_RECIPROCAL_DEPTH:]
    distances = k_reciprocal_distances(replace(candidates, rows=reordered))
    return np.concatenate([_by_similarity(reordered, -distances), rest])


# What each is good for, and when it does harm, is said beside the page's choice: `rerank.<name>_help` in its texts.
_ALL = (
    # Arandjelovic and Zisserman 2012, Three things everyone should know to improve object retrieval
    Reranking("augmentation", "Gallery augmentation", _augmentation),
    # Radenovic et al. 2018, Fine-tuning CNN image retrieval with no human annotation
    Reranking("expansion", "Query expansion", _expansion, needs_neighbors=False),
    Reranking("augmentation-expansion", "Gallery augmentation and query expansion", _augmentation_and_expansion),
    Reranking("k-reciprocal", "Shared neighbours", _k_reciprocal),
    Reranking("diverse", "Diversity", diversify, needs_neighbors=False),
)

RERANKINGS: Mapping[str, Reranking] = MappingProxyType({each.name: each for each in _ALL})
"""The re-rankings by name. A query that names none is answered in the order of the distances."""

DEFAULT_RERANKING = "augmentation-expansion"
"""What the page and the command line use for a space of a CNN, see `default_reranking`. It needs no labels.

Chosen on 20 random splits of 259 pets, confirmed once on 640 photos of flowers, by what counts in this order: the same
picture is found again, precision@5, mAP (`python -m benchmarks.rerankings --images DIR --per-label 1 2 3 4`). With the
nearest kept first (see `reorder`) it finds pictures again as often as the order of the distances does, and of all
re-rankings it gains the most in both measures where the gallery has four pictures of a label or more. With three its gain
in precision@5 is no larger than gallery augmentation's, with one or two there is none. For all of the pets:
docs/measurements.md, Spaces and re-rankings.

With descriptors nothing gains: there the nearest pictures are seldom of the same kind."""
WITHOUT_NEIGHBORS = "expansion"
"""What takes the place of a re-ranking that needs a table of neighbours where nobody keeps one."""


def reorder(name: str, candidates: Candidates) -> np.ndarray:
    """All of the candidates' rows, the first DEPTH in the order of that re-ranking, but for the nearest, which stays first.

    Re-rankings look for what is of a kind with the query, and put the very picture that was asked for behind its like. To
    keep it first only where it is nearer than the next by some share brings fewer of those back, and keeping it always
    costs hardly any precision: `python -m benchmarks.rerankings --images DIR` compares both.

    "Nearest" is the first of `candidates.rows`: of what a filter lets through, and for a steered query the nearest to
    where it was moved.

    Returns:
        int64 (at most n_candidates,): a re-ranking may drop some, never the nearest.
    """
    nearest = candidates.rows[:1]
    reordered = RERANKINGS[name].reorder(replace(candidates, rows=candidates.rows[:DEPTH]))
    return np.concatenate([nearest, reordered[~np.isin(reordered, nearest)], candidates.rows[DEPTH:]])


def rerankings_of(space: OpenedSpace) -> list[str]:
    """Names of the re-rankings that a space can be searched with."""
    return [name for name in RERANKINGS if usable_reranking(name, space) == name]


def usable_reranking(name: str, space: OpenedSpace) -> str:
    """The re-ranking of that name, or what takes its place in this space; "" for none."""
    is_missing = name and RERANKINGS[name].needs_neighbors and space.neighbors is None
    return WITHOUT_NEIGHBORS if is_missing else name


def default_reranking(space: OpenedSpace) -> str:
    """Name of the re-ranking that a space is searched with unless another is asked for; "" for none."""
    return "" if space.spec.is_descriptor else usable_reranking(DEFAULT_RERANKING, space)
