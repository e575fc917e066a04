"""How good an embedding is: every labelled item asks for its like, and is left out of its own answers.

Relevant is what has the query's label. The ranking is exact, so what is measured is the embedding and not the index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

K_VALUES = (1, 5, 10)
MAX_QUERIES = 2000
N_RESAMPLES = 2000
SEED = 0
_CHUNK = 256
_CONFUSED_AT = 5


@dataclass(frozen=True)
class Estimate:
    """A mean over queries and its 95 % bootstrap interval (Efron and Tibshirani 1993, percentile method)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """What one space reaches.

    Attributes:
        n_queries: Items that asked.
        n_skipped: Labelled items that could not ask, since no other item has their label.
        precision_at_k: By k: share of relevant items among the k nearest; k stays k where fewer come back.
        recall_at_k: By k: share of all relevant items that is among the k nearest.
        hit_rate_at_k: By k: share of queries with at least one relevant item among the k nearest.
        mean_average_precision: Mean over queries of average precision: precision at the rank of each relevant item, summed
            and divided by the number of relevant items (finite sum, not the trapezoid of revisitop).
        per_label: Mean precision_at_k for k = 5 by label, worst first.
        confused: Pairs (label of the query, other label), with how often the second stood among the 5 nearest, most
            frequent first.
    """

    n_queries: int
    n_skipped: int
    precision_at_k: dict[int, Estimate]
    recall_at_k: dict[int, Estimate]
    hit_rate_at_k: dict[int, Estimate]
    mean_average_precision: Estimate
    per_label: dict[str, float]
    confused: list[tuple[str, str, int]]


def evaluate(embeddings: np.ndarray, labels: Sequence[str], *, max_queries: int = MAX_QUERIES) -> Evaluation:
    """Leave-one-out evaluation.

    Args:
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        labels: n labels; an item with "" never asks, but may stand in the way of others.
        max_queries: More labelled items than that are sampled with a fixed seed.

    Raises:
        ValueError: the lengths differ, or no two items share a label.
    """
    if len(labels) != len(embeddings):
        raise ValueError(f"There must be a label for each of {len(embeddings)} embeddings. Received: {len(labels)}.")
    names = np.array(labels)
    counts = Counter(label for label in labels if label)
    queries = np.array([row for row, label in enumerate(labels) if counts[label] > 1], dtype=np.int64)
    if not len(queries):
        raise ValueError("At least two items must share a label.")
    n_skipped = sum(counts.values()) - len(queries)
    if len(queries) > max_queries:
        queries = np.sort(np.random.default_rng(SEED).choice(queries, max_queries, replace=False))
    n_relevant = np.array([counts[names[row]] - 1 for row in queries])  # (n_queries,)
    top_relevant = np.zeros((len(queries), max(K_VALUES)), dtype=bool)
    average_precision = np.empty(len(queries))
    confusions: Counter[tuple[str, str]] = Counter()
    for start in range(0, len(queries), _CHUNK):
        rows = queries[start : start + _CHUNK]
        order = _ranking(embeddings, rows)  # (chunk, n - 1)
        is_relevant = names[order] == names[rows, None]
        top = is_relevant[:, : max(K_VALUES)]
        top_relevant[start : start + len(rows), : top.shape[1]] = top
        precision = np.cumsum(is_relevant, axis=1) / np.arange(1, is_relevant.shape[1] + 1)
        relevant_here = n_relevant[start : start + len(rows)]
        average_precision[start : start + len(rows)] = (precision * is_relevant).sum(axis=1) / relevant_here
        for row, others in zip(rows, names[order[:, :_CONFUSED_AT]], strict=True):
            confusions.update((str(names[row]), str(other)) for other in others if other and other != names[row])
    found = np.cumsum(top_relevant, axis=1)  # (n_queries, max k): relevant among the first 1, 2, ...
    precision_at_5 = found[:, _CONFUSED_AT - 1] / _CONFUSED_AT
    per_label = {str(label): float(precision_at_5[names[queries] == label].mean()) for label in np.unique(names[queries])}
    return Evaluation(
        n_queries=len(queries),
        n_skipped=n_skipped,
        precision_at_k={k: estimate(found[:, k - 1] / k) for k in K_VALUES},
        recall_at_k={k: estimate(found[:, k - 1] / n_relevant) for k in K_VALUES},
        hit_rate_at_k={k: estimate((found[:, k - 1] > 0).astype(float)) for k in K_VALUES},
        mean_average_precision=estimate(average_precision),
        per_label=dict(sorted(per_label.items(), key=lambda pair: (pair[1], pair[0]))),
        confused=[(*pair, count) for pair, count in sorted(confusions.items(), key=lambda entry: (-entry[1], entry[0]))],
    )


def estimate(values: np.ndarray) -> Estimate:
    """Mean of one value per query, and its interval over resampled queries."""
    rng = np.random.default_rng(SEED)
    means = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(N_RESAMPLES)])
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high))


def _ranking(embeddings: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """int64 (len(rows), n - 1): for each row all others, nearest first, ties by row."""
    similarity = embeddings[rows] @ embeddings.T  # (len(rows), n)
    similarity[np.arange(len(rows)), rows] = -np.inf  # itself comes last, by its row, and is cut off
    return np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
