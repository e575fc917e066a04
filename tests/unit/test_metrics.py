"""Measures, by hand and against scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from imgsearch.records import read
from imgsearch.retrieval.metrics import Confusion, Estimate, Evaluation, LabelScores, average_precision, estimates


def test_average_precision_by_hand() -> None:
    assert average_precision(np.array([True, False, True, False]), 2) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.array([True, False, True]), 4) == pytest.approx((1 + 2 / 3) / 4)  # two never came
    assert average_precision(np.array([False, False]), 1) == 0
    assert average_precision(np.array([], dtype=bool), 3) == 0


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        is_relevant = rng.random(50) < 0.2
        expected = average_precision_score(is_relevant, -np.arange(50))
        assert average_precision(is_relevant, int(is_relevant.sum())) == pytest.approx(expected, abs=1e-9)


def test_an_interval_of_equal_values_has_no_width_and_others_hold_the_mean() -> None:
    constant, coin = estimates(np.column_stack([np.full(100, 0.25), [0.0, 1.0] * 50]))
    assert (constant.mean, constant.low, constant.high) == pytest.approx((0.25, 0.25, 0.25), abs=1e-12)
    assert coin.low < coin.mean == 0.5 < coin.high
    # The standard error is 0.05, so the interval reaches about 1.96 times that to each side.
    assert coin.high - coin.low == pytest.approx(2 * 1.96 * 0.05, rel=0.1)


def test_the_same_values_have_the_same_interval_every_time_and_whatever_is_beside_them() -> None:
    values = np.random.default_rng(2).random((40, 3))
    assert estimates(values) == estimates(values)
    alone, among_others = estimates(values[:, 1:2])[0], estimates(values)[1]
    assert (alone.low, alone.high) == pytest.approx((among_others.low, among_others.high))


def test_an_evaluation_comes_back_from_json() -> None:
    of_k = {1: Estimate(0.5, 0.4, 0.6), 5: Estimate(0.3, 0.2, 0.4)}
    evaluation = Evaluation(
        space="mini",
        rerank="expansion",
        n_queries=7,
        n_skipped=2,
        precision_at_k=of_k,
        recall_at_k=of_k,
        hit_rate_at_k=of_k,
        mean_average_precision=of_k[1],
        per_label=(LabelScores("beagle", 3, {1: 0.1}, {1: 0.2}, {1: 0.3}, 0.4),),
        confused=(Confusion("beagle", "pug", 4, ("a.jpg", "b.jpg")),),
    )
    data = json.loads(json.dumps(evaluation.to_json()))
    assert read(Evaluation, data) == evaluation
    # Earlier versions wrote how much a re-ranking adds.
    gain = {"precision_at_1": {"mean": 0.1, "low": 0.0, "high": 0.2}}
    for other in ({"gain": None}, {"gain": gain, "what_another_version_measures": [1]}):
        assert read(Evaluation, data | other) == evaluation


@pytest.mark.parametrize("data", [None, [], "text", {}, {"space": "mini"}, {"precision_at_k": {"x": 1}}])
def test_what_is_no_evaluation_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=" must be "):
        read(Evaluation, data)
