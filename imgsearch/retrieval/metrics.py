"""Measures of retrieval: relevance in, numbers with intervals out. Pure; what is relevant is for others to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from imgsearch.records import ANY

K_VALUES = (1, 5, 10)
N_RESAMPLES = 2000
_SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A mean over queries and its 95 % bootstrap interval (Efron and Tibshirani 1993, percentile method)."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class LabelScores:
    """Means over the queries of one label; see `Evaluation`."""

    label: str
    n_queries: int
    precision_at_k: Mapping[int, float]
    recall_at_k: Mapping[int, float]
    hit_rate_at_k: Mapping[int, float]
    mean_average_precision: float


@dataclass(frozen=True)
class Confusion:
    """How often pictures of another label stood among the 5 first of a label's queries, and some of those queries.

    Attributes:
        label, other: Of the query, and of what it found.
        count: Results, over all queries.
        examples: Item ids of a few of the queries, those with most such results first.
    """

    label: str
    other: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Evaluation:
    """What one space reaches with one re-ranking.

    Attributes:
        space: Its name.
        rerank: Name of the re-ranking, "" for none.
        n_queries: Pictures that asked.
        n_skipped: Pictures that could not: without a label, or no item has the same.
        precision_at_k: By k: share of relevant items among the first k; k stays k where fewer come back.
        recall_at_k: By k: share of all relevant items that is among the first k.
        hit_rate_at_k: By k: share of queries with at least one relevant item among the first k.
        mean_average_precision: Mean over queries of `average_precision`.
        per_label: The worst first, by precision_at_k for k = 5.
        confused: The most frequent pairs first.
        passed_over: Whatever other versions measure besides, such as the `gain` of earlier ones.
    """

    passed_over: ClassVar = ANY
    space: str
    rerank: str
    n_queries: int
    n_skipped: int
    precision_at_k: Mapping[int, Estimate]
    recall_at_k: Mapping[int, Estimate]
    hit_rate_at_k: Mapping[int, Estimate]
    mean_average_precision: Estimate
    per_label: tuple[LabelScores, ...]
    confused: tuple[Confusion, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes as a JSON object; the values of k become strings."""
        return dict(asdict(self))


def average_precision(is_relevant: np.ndarray, n_relevant: int) -> float:
    """Precision at the rank of each relevant item, summed and divided by the number of relevant items.

    Args:
        is_relevant: bool (m,), in the order of the answer; a relevant item that is not in it counts 0.
        n_relevant: All relevant items there are, at least 1.

    (The finite sum, not the trapezoid of revisitop.)
    """
    ranks = np.flatnonzero(is_relevant) + 1
    return float((np.arange(1, len(ranks) + 1) / ranks).sum() / n_relevant)


def estimates(values: np.ndarray) -> list[Estimate]:
    """Means over queries, each with its interval over resampled queries.

    Args:
        values: float (n_queries, n_measures).

    Returns:
        One estimate a measure. The same queries are resampled for all, and always the same for as many queries.
    """
    means = _resamples(len(values)) @ values / len(values)  # (N_RESAMPLES, n_measures)
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    mean = values.mean(axis=0)
    # A percentile of equal means may differ from them in the last digit.
    return [Estimate(float(m), float(min(a, m)), float(max(b, m))) for m, a, b in zip(mean, low, high, strict=True)]


@lru_cache(maxsize=1)
def _resamples(n: int) -> np.ndarray:
    """float64 (N_RESAMPLES, n): how often each of n is drawn, n times with replacement."""
    return np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES).astype(np.float64)
