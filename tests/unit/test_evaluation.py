"""Leave-one-out scores, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from imgsearch.evaluation import Estimate, estimate, evaluate


def on_circle(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def test_scores_of_five_points_on_a_circle_are_those_by_hand() -> None:
    # At 0, 10, 30, 70 and 150 degrees: every point's ranking can be read off.
    result = evaluate(on_circle(0, 10, 30, 70, 150), ["a", "b", "a", "b", "a"])
    # Nearest: 0 -> 10 b; 10 -> 0 a; 30 -> 10 b; 70 -> 30 a; 150 -> 70 b. None is relevant.
    assert result.precision_at_k[1].mean == 0
    # Orders: 0: b a b a; 10: a a b a; 30: b a b a; 70: a b a a; 150: b a b a (of relevant: a, b, a, b, a).
    # Average precision: a at ranks 2, 4: (1/2 + 2/4) / 2 = 1/2, three times; b of 10 at rank 3: 1/3; b of 70 at 2: 1/2.
    assert result.mean_average_precision.mean == pytest.approx((3 * 0.5 + 1 / 3 + 0.5) / 5)
    # All four others are among the 5 nearest: 2, 1, 2, 1, 2 relevant ones of 5.
    assert result.precision_at_k[5].mean == pytest.approx((2 + 1 + 2 + 1 + 2) / 25)
    assert result.recall_at_k[5].mean == 1
    assert result.hit_rate_at_k[1].mean == 0
    assert result.hit_rate_at_k[5].mean == 1
    assert result.n_queries == 5


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(60, 8)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    labels = [str(label) for label in rng.integers(0, 5, 60)]
    similarity = embeddings @ embeddings.T
    expected = [
        average_precision_score(np.delete(np.array(labels) == labels[row], row), np.delete(similarity[row], row))
        for row in range(60)
    ]
    assert evaluate(embeddings, labels).mean_average_precision.mean == pytest.approx(np.mean(expected), abs=1e-9)


def test_items_without_label_or_without_like_do_not_ask() -> None:
    result = evaluate(on_circle(0, 5, 10, 90), ["a", "", "a", "alone"])
    assert (result.n_queries, result.n_skipped) == (2, 1)
    assert result.precision_at_k[1].mean == 0  # the unlabelled one stands in the way of both


def test_a_copy_of_the_query_is_an_answer_like_any_other() -> None:
    assert evaluate(on_circle(0, 0, 40), ["a", "a", "b"]).precision_at_k[1].mean == 1


def test_worst_labels_come_first_and_confused_pairs_are_counted() -> None:
    result = evaluate(on_circle(0, 1, 2, 90, 91, 60), ["a", "a", "a", "b", "b", "a"])
    assert list(result.per_label) == ["b", "a"]
    assert result.confused[0] == ("a", "b", 8)
    assert result.confused[1] == ("b", "a", 8)


def test_an_interval_of_equal_values_has_no_width_and_others_hold_the_mean() -> None:
    assert estimate(np.full(7, 0.25)) == Estimate(0.25, 0.25, 0.25)
    spread = estimate(np.array([0.0, 1.0] * 50))
    assert spread.low < 0.5 < spread.high
    # The standard error is 0.05, so the interval reaches about 1.96 times that to each side.
    assert spread.high - spread.low == pytest.approx(4 * 0.05, rel=0.15)


def test_many_items_are_sampled_always_alike() -> None:
    embeddings = np.random.default_rng(2).normal(size=(50, 4)).astype(np.float32)
    labels = ["a", "b"] * 25
    first, second = (evaluate(embeddings, labels, max_queries=10) for _ in range(2))
    assert first == second
    assert first.n_queries == 10


def test_labels_must_fit() -> None:
    with pytest.raises(ValueError, match="a label for each of 2"):
        evaluate(on_circle(0, 1), ["a"])
    with pytest.raises(ValueError, match="share a label"):
        evaluate(on_circle(0, 1), ["a", "b"])
