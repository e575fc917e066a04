"""What a distance means: percentiles, probability of the same label, verdict; and the file it is kept in."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from imgsearch.distance import normalize
from imgsearch.vectors import calibration
from imgsearch.vectors.calibration import (
    Calibration,
    SameLabel,
    Verdict,
    calibrate,
    calibrate_sample,
    neighborhood,
    own_neighborhoods,
)
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import distances_between, nearest_neighbors

N_LABELS, PER_LABEL = 12, 12


def gallery(seed: int = 0, spread: float = 0.5, dim: int = 24) -> np.ndarray:
    """144 items, twelve around each of twelve centres, which overlap."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(np.eye(dim)[:N_LABELS], PER_LABEL, axis=0)
    return normalize(centres + rng.normal(scale=spread / math.sqrt(dim), size=centres.shape) * 2)


LABELS = [f"label {row // PER_LABEL}" for row in range(N_LABELS * PER_LABEL)]


def measure(embeddings: np.ndarray, labels: list[str]) -> Calibration:
    return calibrate(embeddings, nearest_neighbors(embeddings, ExactIndex(embeddings)), labels)


@pytest.fixture(scope="module")
def calibrated() -> Calibration:
    return measure(gallery(), LABELS)


def verdict_of(found: Calibration, distance: float) -> Verdict:
    verdict = found.verdict(distance)
    assert verdict is not None
    return verdict


# --- percentile


def test_a_percentile_is_the_share_of_pairs_that_are_nearer() -> None:
    # On a circle, at 0, 60, 180 degrees: chords of 1, 2 sin 60 and 2.
    angles = np.deg2rad([0, 60, 180])
    found = measure(np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32), [""] * 3)
    assert found.percentile(0.5) == 0
    assert found.percentile(math.sqrt(3)) == pytest.approx(50, abs=0.01)
    assert found.percentile(2) == pytest.approx(100, abs=0.01)
    assert found.percentile((1 + math.sqrt(3)) / 2) == pytest.approx(25, abs=0.01)


def test_a_large_gallery_is_measured_on_pairs_drawn_at_random(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = gallery()
    every = measure(embeddings, LABELS)
    monkeypatch.setattr(calibration, "_N_PAIRS", 8_000)  # of 10,296
    drawn = measure(embeddings, LABELS)
    assert drawn.pairs != every.pairs
    np.testing.assert_allclose(drawn.pairs[7:-1], every.pairs[7:-1], atol=0.05)
    assert drawn.pairs[0] > 0  # no item was paired with itself


# --- probability of the same label


def test_probabilities_hold_for_pictures_that_were_not_measured(calibrated: Calibration) -> None:
    """A second gallery from the same source asks the first."""
    own, new = gallery(), gallery(seed=1)
    distances = np.linalg.norm(new[:, None].astype(np.float64) - own, axis=2)
    said, seen = [], []
    for row, to_all in enumerate(distances):
        for nearest in np.argsort(to_all)[:20]:
            said.append(calibrated.p_same_label(float(to_all[nearest]), neighborhood(to_all)))
            seen.append(LABELS[nearest] == LABELS[row])
    order = np.argsort(said)
    for part in np.array_split(order, 5):
        assert np.mean(np.array(said)[part]) == pytest.approx(np.mean(np.array(seen)[part]), abs=0.12)


def test_nearer_is_likelier_and_the_more_so_in_an_empty_region(calibrated: Calibration) -> None:
    probabilities = [calibrated.p_same_label(distance, 1.0) for distance in (0.2, 0.6, 1.0, 1.4)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert calibrated.p_same_label(0.8, 1.2) > calibrated.p_same_label(0.8, 0.8)
    assert 0 <= calibrated.p_same_label(2.0, 0.0) < calibrated.p_same_label(0.0, 2.0) <= 1


def test_labels_that_have_nothing_to_do_with_distance_get_their_share() -> None:
    labels = list(np.random.default_rng(5).choice(["a", "b", "c"], len(LABELS)))
    same_label = measure(gallery(), labels).same_label
    assert same_label is not None
    assert same_label.probability(0.2, 1.0) == pytest.approx(1 / 3, abs=0.06)
    assert same_label.probability(1.0, 1.0) == pytest.approx(1 / 3, abs=0.06)


def test_a_probability_is_a_logistic_function_of_both_distances() -> None:
    assert SameLabel(-1.0, -2.0, 3.0).probability(1.5, 2.0) == pytest.approx(1 / (1 + math.exp(-2)))
    assert (SameLabel(0, -1e6, 0).probability(2, 0), SameLabel(1e6, 0, 0).probability(0, 0)) == (0, 1)


@pytest.mark.parametrize("slopes", [(-0.5, 0.2), (-3.0, 0.0), (-200.0, 0.0)], ids=["weak", "strong", "no overlap"])
def test_the_logistic_function_is_that_of_scikit_learn(slopes: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    x[:, 1] += x[:, 0]  # as distance and neighbourhood go together
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = rng.random(400) < 1 / (1 + np.exp(np.clip(2 - x @ slopes, -500, 500)))
    model = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(x, y)
    expected = [*model.intercept_, *model.coef_[0]]
    np.testing.assert_allclose(calibration._logistic_regression(x, y), expected, atol=1e-6)


@pytest.mark.parametrize("labels", [[""] * 144, ["all"] * 144, [str(row) for row in range(144)], ["a", "a"] + [""] * 142])
def test_without_labels_to_learn_from_there_is_no_probability(labels: list[str]) -> None:
    found = measure(gallery(), labels)
    assert found.same_label is None
    assert found.p_same_label(0.1, 0.1) is None


def test_pictures_without_label_are_no_evidence() -> None:
    """Half of the items lose their label: the others still say the same, though fewer."""
    labels = [label if row % 2 else "" for row, label in enumerate(LABELS)]
    half, full = measure(gallery(), labels), measure(gallery(), LABELS)
    for distance in (0.8, 0.9, 1.0, 1.1, 1.2):
        assert half.p_same_label(distance, 1.0) == pytest.approx(full.p_same_label(distance, 1.0), abs=0.05)


# --- verdict


def test_as_many_own_pictures_are_foreign_as_the_rate_says(calibrated: Calibration) -> None:
    new = gallery(seed=2)
    distances = np.sort(np.linalg.norm(new[:, None].astype(np.float64) - gallery(), axis=2), axis=1)
    alarms = [verdict_of(calibrated, neighborhood(each)).is_foreign for each in distances]
    assert 0.01 <= np.mean(alarms) <= 0.1
    foreign = normalize(np.random.default_rng(3).normal(size=(50, 24)))
    distances = np.linalg.norm(foreign[:, None].astype(np.float64) - gallery(), axis=2)
    assert np.mean([verdict_of(calibrated, neighborhood(each)).is_foreign for each in distances]) > 0.7


def test_a_p_value_counts_the_own_pictures_that_stand_as_far_away() -> None:
    levels = calibration._LEVELS
    own = tuple(level / 100 for level in levels)
    found = Calibration(tuple(0.0 for _ in levels), own, near=0.0, n_items=99, same_label=None)
    assert found.p_value(0.25) == pytest.approx((1 + 0.751 * 99) / 100)  # a copy's distance nearer is as far
    assert found.p_value(1.5) == pytest.approx(1 / 100)
    assert (verdict_of(found, 0.95).is_foreign, verdict_of(found, 0.97).is_foreign) == (False, True)
    assert not verdict_of(replace(found, n_items=18), 2.0).is_foreign


def test_where_all_stand_equally_far_nobody_is_foreign() -> None:
    """Thirty pictures that have nothing in common, each sqrt 2 from all others, and one more of that kind."""
    orthogonal = measure(np.eye(31, dtype=np.float32)[:30], [""] * 30)
    assert orthogonal.p_value(math.sqrt(2)) == pytest.approx(1)
    assert orthogonal.percentile(math.sqrt(2)) == 0  # no pair is nearer
    assert orthogonal.p_value(1.5) == pytest.approx(1 / 31)
    assert orthogonal.percentile(1.5) == 100


def test_nothing_is_foreign_at_distance_0_from_thirty_equal_pictures() -> None:
    equal = measure(np.repeat(np.eye(2, dtype=np.float32)[:1], 30, axis=0), [""] * 30)
    for same_content in (0.0, 0.0009):
        assert (equal.p_value(same_content), verdict_of(equal, same_content).is_foreign) == (1, False)
    assert equal.percentile(0.0) == 0
    assert verdict_of(equal, 1.0).is_foreign


def test_those_tied_with_a_query_are_as_far_as_it_is() -> None:
    # 80 of 100 own pictures stand at 0.5 and 20 at 0.7: quantiles rise between the 80th and the 81st.
    levels = calibration._LEVELS
    own = tuple(float(value) for value in np.percentile(np.repeat([0.5, 0.7], [80, 20]), levels))
    found = Calibration(tuple(0.0 for _ in levels), own, near=0.0, n_items=100, same_label=None)
    assert found.p_value(0.5) == pytest.approx(1)
    assert found.p_value(0.7) == pytest.approx(21 / 101, abs=0.02)
    assert not verdict_of(found, 0.7).is_foreign
    assert found.p_value(0.71) == pytest.approx(1 / 101)


def test_where_distances_cannot_tell_there_is_no_verdict() -> None:
    embeddings = gallery()
    for n in (1, 144):
        neighbors = nearest_neighbors(embeddings[:n], ExactIndex(embeddings[:n]))
        found = calibrate(embeddings[:n], neighbors, LABELS[:n], has_verdict=False)
        assert found.verdict(2.0) is None
        assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found
        assert replace(found, neighborhoods=measure(embeddings[:n], LABELS[:n]).neighborhoods) == measure(
            embeddings[:n], LABELS[:n]
        )


def test_the_neighborhood_is_the_mean_of_the_ten_nearest() -> None:
    assert neighborhood(np.array([5, 1, 9, 9, 9, 2, 3, 4, 6, 7, 8, 9, 10])) == pytest.approx(np.mean([*range(1, 10), 9]))
    assert neighborhood(np.array([0.5, 0.7])) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="at least one"):
        neighborhood(np.array([]))


def test_copies_do_not_make_newcomers_look_foreign() -> None:
    nearest = np.array([[0.0, 0.0, *[0.5] * 18], [0.3] * 20, [0.0] * 20])
    np.testing.assert_allclose(own_neighborhoods(nearest), [0.5, 0.3])
    np.testing.assert_array_equal(own_neighborhoods(np.zeros((4, 3))), [0])
    twice = np.repeat(gallery(), 2, axis=0)  # so every item has a copy, and a new one has none
    found = measure(twice, [""] * len(twice))
    distances = np.linalg.norm(gallery(seed=2)[:, None].astype(np.float64) - twice, axis=2)
    assert np.mean([verdict_of(found, neighborhood(each)).is_foreign for each in distances]) <= 0.1


def test_near_does_not_move_much_with_copies() -> None:
    rng = np.random.default_rng(0)
    once = gallery()[::2]
    copied = normalize(np.concatenate([once, *(once[:24] + rng.normal(scale=0.01, size=(24, 24)) for _ in range(5))]))
    found = []
    for embeddings in (once, copied):
        found.append(measure(embeddings, [""] * len(embeddings)).near)
        farthest = np.sort(np.linalg.norm(embeddings[:, None].astype(np.float64) - embeddings, axis=2), axis=1)[:, 20]
        assert found[-1] == pytest.approx(0.85 * np.median(farthest), rel=1e-5)
    assert 0.7 * found[0] < found[1] <= found[0]  # 120 of the 192 are copies of another, at 0.05


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_gallery_of_next_to_nothing_has_a_calibration(n: int) -> None:
    found = measure(gallery()[:n], LABELS[:n])
    assert 0 <= found.percentile(1.0) <= 100
    assert not verdict_of(found, 2.0).is_foreign
    assert Calibration.from_json(json.loads(json.dumps(found.to_json()))) == found


# --- the file


def test_json_gives_the_same_calibration(calibrated: Calibration) -> None:
    text = json.dumps(calibrated.to_json(), allow_nan=False)
    assert len(text) < 10_000
    assert Calibration.from_json(json.loads(text)) == calibrated


def test_what_earlier_builds_have_measured_besides_is_passed_over(calibrated: Calibration) -> None:
    data = json.loads(json.dumps(calibrated.to_json()))
    bins = [{"predicted": 0.1, "observed": 0.25, "n": 1440}, {"predicted": 0.9, "observed": 0.75, "n": 1440}]
    data["same_label"] |= {"brier": 0.09, "brier_of_base_rate": 0.25, "bins": bins}
    assert Calibration.from_json(data) == calibrated


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(data: Any) -> None:
        *outer, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in outer:
            data = data[part]
        data[last] = value

    return change


HOSTILE = {
    "a distance that is no number": _set("pairs.3", "0.5"),
    "NaN": _set("pairs.3", math.nan),
    "infinity": _set("neighborhoods.106", math.inf),
    "a distance beyond 2": _set("neighborhoods.106", 2.1),
    "quantiles that fall": _set("pairs.106", 0.0),
    "too few quantiles": lambda data: data["pairs"].pop(),
    "quantiles that are an object": _set("pairs", {}),
    "quantiles that are null": _set("pairs", None),
    "something near that is far": _set("near", 3),
    "no items": _set("n_items", 0),
    "a boolean for a number": _set("n_items", True),
    "an integer without end": _set("same_label.intercept", 10**400),
    "a slope without end": _set("same_label.per_distance", -1e300),
    "a probability that is a list": _set("same_label", []),
    "something more": _set("same_label.extra", 1),
    "something less": lambda data: data.pop("same_label"),
    "a slope that is missing": lambda data: data["same_label"].pop("per_distance"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_anything_else_is_refused(calibrated: Calibration, change: Callable[[Any], None]) -> None:
    data = json.loads(json.dumps(calibrated.to_json()))
    change(data)
    with pytest.raises(ValueError, match=" must be "):
        Calibration.from_json(data)


@pytest.mark.parametrize("data", [None, [], 1, "pairs", {}, [[]]])
def test_what_is_not_even_an_object_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match=" must be "):
        Calibration.from_json(data)


# --- of a sample


def test_a_sample_whose_neighbours_are_of_the_whole_says_what_the_whole_does() -> None:
    embeddings, labels = gallery(), np.array(LABELS)
    neighbors = nearest_neighbors(embeddings, ExactIndex(embeddings))
    nearest = distances_between(embeddings, np.arange(len(embeddings)), neighbors)
    whole = measure(embeddings, LABELS)
    assert calibrate_sample(embeddings, nearest, LABELS, labels[neighbors]) == whole
    some = np.arange(0, len(embeddings), 3)  # four of each label
    sampled = calibrate_sample(embeddings[some], nearest[some], labels[some].tolist(), labels[neighbors[some]])
    among_themselves = measure(embeddings[some], labels[some].tolist())
    middle = calibration._LEVELS.index(50)
    for found, tolerance in ((sampled, 0.03), (among_themselves, None)):
        assert found.neighborhoods is not None
        assert whole.neighborhoods is not None
        ratios = np.array([found.neighborhoods[middle] / whole.neighborhoods[middle], found.near / whole.near])
        if tolerance:
            np.testing.assert_allclose(ratios, 1, atol=tolerance)
        else:
            assert (ratios > 1.1).all()
