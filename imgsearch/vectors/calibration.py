"""What a distance means in a space: measured at build on the collection's own pictures, read by the page.

Three answers. How near is that among the pairs of this collection (`percentile`)? How likely do the two show the same
label (`p_same_label`)? Does the collection hold anything like the query at all (`verdict`)? All are about plain
distances, whatever re-ranking did to the order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass
from typing import Any, ClassVar

import numpy as np

from imgsearch.distance import MAX_DISTANCE, angular_distance
from imgsearch.records import read
from imgsearch.vectors.neighbors import distances_between

NEIGHBORHOOD = 10
"""Neighbours whose mean distance says how far a picture stands from the collection.

Tried on pets with 1, 2, 3, 5, 10 and 20, as it is and divided by the neighbours' own: 2 to 10 as they are tell foreign
pictures best, and 10 to 20 help `p_same_label` most."""
FALSE_ALARM_RATE = 0.05
"""Share of the collection's own pictures that would be called foreign if they came from outside."""
_ROUNDING = 1e-6
"""By so much two distances that are the same may differ, computed here and there."""
COPY_DISTANCE = 1e-3
"""Nearer than that, two pictures have the same content: re-encoding alone moves a picture further."""

_LEVELS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, *(float(level) for level in range(1, 101)))
"""Per cent at which the quantiles stand: closely at the near end, where results are."""
_NEAR = 0.85
_N_PAIRS = 50_000
_N_ROWS = 5_000
_MIN_OF_EACH = 10
_MAX_COEFFICIENT = 1e6
_MAX_NEWTON_STEPS = 100
_MIN_NEWTON_STEP = 1e-9
"""In deviations of the log odds: from there on nothing changes."""
_MAX_COUNT = 2**53
_SEED = 0


@dataclass(frozen=True)
class SameLabel:
    """P(same label) of a picture and one of its neighbours: a logistic function of two distances.

    Attributes:
        intercept, per_distance, per_neighborhood: Log odds = intercept + per_distance * distance + per_neighborhood *
            mean distance of the query's NEIGHBORHOOD nearest. Fitted to all labelled pictures.
        passed_over: What earlier builds wrote besides: how well it does on pictures that are new to it. Nobody read it.
    """

    passed_over: ClassVar = ("brier", "brier_of_base_rate", "bins")
    intercept: float
    per_distance: float
    per_neighborhood: float

    def probability(self, distance: float, neighborhood: float) -> float:
        """See `Calibration.p_same_label`."""
        return _logistic(self.intercept + self.per_distance * distance + self.per_neighborhood * neighborhood)


@dataclass(frozen=True)
class Verdict:
    """Whether the collection holds anything like a query.

    Attributes:
        is_foreign: "Nothing similar in this collection".
        false_alarm_rate: How often that is said of pictures like the collection's own.
    """

    is_foreign: bool
    false_alarm_rate: float = FALSE_ALARM_RATE


@dataclass(frozen=True)
class Calibration:
    """Facts about the distances of a space.

    Attributes:
        pairs: Quantiles of the distance of two items, at 0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3 ... 100 per cent.
        neighborhoods: Quantiles of the mean distance of an item's nearest others, copies of it left out; at the same. None
            where there is no verdict: how far a picture stands from others by a descriptor does not tell what it shows.
        near: What is nearer may be a copy: 0.85 of the median distance from an item to the last in its row of the table.
            Copies move that little, while they pull down any quantile of the nearest distances. See `duplicates`.
        n_items: Items measured.
        same_label: None where the collection has too few labels.
    """

    pairs: tuple[float, ...]
    neighborhoods: tuple[float, ...] | None
    near: float
    n_items: int
    same_label: SameLabel | None

    @property
    def has_verdict(self) -> bool:
        """Whether it can tell what is foreign."""
        return self.neighborhoods is not None

    def percentile(self, distance: float) -> float:
        """Per cent of the pairs of different items that are nearer than that; those that are as near do not count."""
        return float(np.interp(distance - _ROUNDING, self.pairs, _LEVELS))

    def p_same_label(self, distance: float, neighborhood: float) -> float | None:
        """Probability that an item at that distance has the query's label; None where there are too few labels.

        The same distance means less where all neighbours are as near: a query in a dense region needs nearer ones.
        Assumes that the query shows something that is labelled here: a foreign one has no label to share.

        Args:
            distance: From the query to the item.
            neighborhood: `neighborhood` of the query.
        """
        return self.same_label.probability(distance, neighborhood) if self.same_label else None

    def verdict(self, neighborhood: float) -> Verdict | None:
        """Whether a query stands farther from the collection than its own pictures do: a conformal test of novelty.

        Foreign is a query whose `p_value` is at most FALSE_ALARM_RATE; in a collection of fewer than 19 none can be.
        It holds for pictures from where the collection's own come from; of those from another source more are called so.
        Of descriptors there is none: they tell foreign pictures hardly better than chance. How many of either are called
        so, `python -m benchmarks.foreign_pictures` measures: docs/measurements.md, Nothing similar in this collection.

        Args:
            neighborhood: `neighborhood` of the query.

        Source: Laxhammar and Falkman 2010, Conformal prediction for distribution-independent anomaly detection.
        """
        p_value = self.p_value(neighborhood)
        return None if p_value is None else Verdict(p_value <= FALSE_ALARM_RATE)

    def p_value(self, neighborhood: float) -> float | None:
        """Share of the collection's own pictures, the query counted with them, that stand at least as far from others.

        None where there is no verdict.

        Args:
            neighborhood: `neighborhood` of the query; what is nearer by up to COPY_DISTANCE is as far.
        """
        if self.neighborhoods is None:
            return None
        # Ties count as far: where all stand alike, as in a gallery of equal pictures, one more of them is not foreign.
        nearer = np.interp(neighborhood - COPY_DISTANCE, self.neighborhoods, _LEVELS) / 100
        n_as_far = self.n_items * (1 - nearer)
        return float((1 + n_as_far) / (1 + self.n_items))

    def to_json(self) -> dict[str, Any]:
        """The attributes as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> Calibration:
        """The opposite of `to_json`. ValueError for anything else."""
        found = read(cls, data)
        is_sound = (
            all(_are_quantiles(values) for values in (found.pairs, found.neighborhoods) if values is not None)
            and 0 <= found.near <= MAX_DISTANCE
            and 1 <= found.n_items <= _MAX_COUNT
            and (found.same_label is None or all(abs(each) <= _MAX_COEFFICIENT for each in astuple(found.same_label)))
        )
        if not is_sound:
            raise ValueError("A calibration must be of numbers that a build could have measured.")
        return found


def neighborhood(distances: np.ndarray) -> float:
    """How far a query stands from the collection: the mean of its NEIGHBORHOOD least distances, or of all where fewer.

    Args:
        distances: (m,), plain distances to the nearest items of the whole collection (not of one label), in any order; the
            query item itself left out.

    Raises:
        ValueError: `distances` is empty.
    """
    if not len(distances):
        raise ValueError("There must be at least one distance.")
    return float(np.sort(distances)[:NEIGHBORHOOD].mean(dtype=np.float64))


def calibrate(
    embeddings: np.ndarray, neighbors: np.ndarray, labels: Sequence[str], *, has_verdict: bool = True
) -> Calibration:
    """Measures a space.

    Args:
        embeddings: float32 (n, dim), rows of length 1; may be memory-mapped.
        neighbors: int32 (n, k), the table of nearest neighbours.
        labels: n labels, "" where unknown.
        has_verdict: False for a space of descriptors.
    """
    n = len(embeddings)
    rng = np.random.default_rng(_SEED)
    if n < 2:
        nothing = (0.0,) * len(_LEVELS)
        neighborhoods = nothing if has_verdict else None
        return Calibration(pairs=nothing, neighborhoods=neighborhoods, near=0.0, n_items=n, same_label=None)
    rows = np.arange(n) if n <= _N_ROWS else np.sort(rng.choice(n, _N_ROWS, replace=False))
    nearest = distances_between(embeddings, rows, neighbors[rows])  # (m, k)
    named = np.asarray(labels)
    return _of(_pair_distances(embeddings, rng), nearest, named[rows], named[neighbors[rows]], n, has_verdict)


def calibrate_sample(
    embeddings: np.ndarray,
    nearest: np.ndarray,
    labels: Sequence[str],
    neighbor_labels: np.ndarray,
    *,
    has_verdict: bool = True,
) -> Calibration:
    """Measures a space on a sample: pairs within it, neighbours among all items.

    Among themselves the items of a sample stand farther apart than a query stands from the whole collection: nothing that
    is foreign would be called so.

    Args:
        embeddings: float32 (n, dim), those of the sample, rows of length 1, at least 2.
        nearest: float32 (m, k), distances of some of the sample to their nearest others in the whole collection, ascending.
        labels: Their m labels, "" where unknown.
        neighbor_labels: str (m, k), those of the neighbours.
        has_verdict: False for a space of descriptors.
    """
    pairs = _pair_distances(embeddings, np.random.default_rng(_SEED))
    return _of(pairs, nearest, np.asarray(labels), neighbor_labels, len(embeddings), has_verdict)


def _of(
    pairs: np.ndarray, nearest: np.ndarray, labels: np.ndarray, neighbor_labels: np.ndarray, n: int, has_verdict: bool
) -> Calibration:
    return Calibration(
        pairs=_levels(pairs),
        neighborhoods=_levels(own_neighborhoods(nearest)) if has_verdict else None,
        near=_NEAR * float(np.median(nearest[:, -1])),
        n_items=n,
        same_label=_fit_same_label(nearest, labels, neighbor_labels),
    )


def own_neighborhoods(nearest: np.ndarray) -> np.ndarray:
    """`neighborhood` of each of a collection's own items, as if it came from outside.

    Copies of it are left out: an upload that is new has none in here either.

    Args:
        nearest: float32 (m, k), distances of the items to their neighbours in the table, ascending.

    Returns:
        float64, one for each item that has neighbours other than copies; a single 0 if none has.
    """
    others = np.sort(np.where(nearest > COPY_DISTANCE, nearest, np.nan), axis=1)[:, :NEIGHBORHOOD]  # NaN last
    others = others[~np.isnan(others[:, 0])].astype(np.float64)
    return np.nanmean(others, axis=1) if len(others) else np.zeros(1)


def _pair_distances(embeddings: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distances of all pairs of different items, or of many drawn at random."""
    n = len(embeddings)
    if n * (n - 1) // 2 <= _N_PAIRS:
        return np.concatenate([angular_distance(embeddings[row + 1 :], embeddings[row]) for row in range(n - 1)])
    first = rng.integers(0, n, _N_PAIRS)
    second = (first + rng.integers(1, n, _N_PAIRS)) % n
    return distances_between(embeddings, first, second[:, None])[:, 0]


def _fit_same_label(nearest: np.ndarray, labels: np.ndarray, neighbor_labels: np.ndarray) -> SameLabel | None:
    """From labelled pairs of an item and a neighbour.

    Args:
        nearest: float32 (m, k), distances of the items to their neighbours.
        labels: (m,), of the items.
        neighbor_labels: (m, k), of their neighbours.
    """
    is_pair = (labels != "")[:, None] & (neighbor_labels != "")  # (m, k)
    is_same = labels[:, None] == neighbor_labels
    if min(is_same[is_pair].sum(), (~is_same)[is_pair].sum()) < _MIN_OF_EACH:
        return None
    around = nearest[:, :NEIGHBORHOOD].mean(axis=1, keepdims=True)
    x = np.stack([nearest, np.broadcast_to(around, nearest.shape)], axis=2).astype(np.float64)  # (m, k, 2)
    intercept, slopes = _fit_logistic(x[is_pair], is_same[is_pair])
    return SameLabel(intercept=intercept, per_distance=float(slopes[0]), per_neighborhood=float(slopes[1]))


def _fit_logistic(x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Intercept and slopes (2,) of the log odds: float64 (p, 2), bool (p,). Never more likely with more distance."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    deviation[deviation < COPY_DISTANCE] = 1.0  # no variation to speak of: it must not become a steep slope
    intercept, *per_deviation = _logistic_regression((x - mean) / deviation, y)
    slopes = np.array(per_deviation) / deviation
    if slopes[0] < 0:
        return float(intercept - slopes @ mean), slopes
    share = (y.sum() + 1) / (len(y) + 2)
    return float(np.log(share / (1 - share))), np.zeros(2)


def _logistic_regression(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Intercept and slopes (1 + q,) of the log odds: float64 (p, q) of deviation 1, bool (p,) with both values in it.

    Most likely under a normal prior of deviation 1 for each slope, as scikit-learn's LogisticRegression has it unless told
    otherwise: so the slopes stay finite where the two kinds do not overlap. Found by Newton's method.

    Source: Hastie, Tibshirani and Friedman 2009, The elements of statistical learning, 4.4.1.
    """
    x = np.column_stack([np.ones(len(x)), x])  # (p, 1 + q)
    signs = np.where(y, 1.0, -1.0)
    prior = np.array([0.0, *(1.0,) * (x.shape[1] - 1)])
    weights = np.zeros(x.shape[1])

    def loss(weights: np.ndarray) -> float:
        return float(np.logaddexp(0, -signs * (x @ weights)).sum() + (prior * weights**2).sum() / 2)

    for _ in range(_MAX_NEWTON_STEPS):
        probabilities = 0.5 * (1 + np.tanh(x @ weights / 2))  # without overflow
        gradient = x.T @ (probabilities - y) + prior * weights
        curvature = (x.T * (probabilities * (1 - probabilities))) @ x + np.diag(prior)
        step = np.linalg.solve(curvature, gradient)
        # Far from the least loss a whole step may lead past it.
        while loss(weights - step) > loss(weights) and np.abs(step).max() > _MIN_NEWTON_STEP:
            step /= 2
        weights = weights - step
        if np.abs(step).max() <= _MIN_NEWTON_STEP:
            break
    return weights


def _logistic(log_odds: float) -> float:
    """Log odds -> probability, without overflow."""
    return 0.5 * (1 + math.tanh(log_odds / 2))


def _levels(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in np.percentile(values.astype(np.float64), _LEVELS))


def _are_quantiles(values: tuple[float, ...]) -> bool:
    return len(values) == len(_LEVELS) and list(values) == sorted(values) and 0 <= values[0] <= values[-1] <= MAX_DISTANCE
