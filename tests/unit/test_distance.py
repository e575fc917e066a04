"""Distances: hand-computed, and Annoy's own as the second opinion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from annoy import AnnoyIndex as Annoy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from imgsearch.distance import MAX_DISTANCE, METRIC, angular_distance, normalize, similarity_from_distance

DEGREES_60 = (0.5, math.sqrt(3) / 2)


def test_distances_are_those_computed_by_hand() -> None:
    vectors = np.array([(1, 0), DEGREES_60, (0, 1), (-1, 0)], np.float32)
    expected = [0.0, 1.0, math.sqrt(2), 2.0]
    assert angular_distance(vectors, vectors[0]) == pytest.approx(expected, abs=1e-7)


def test_an_equal_vector_is_at_exactly_zero() -> None:
    vectors = normalize(np.random.default_rng(0).normal(size=(200, 2048)))
    assert [angular_distance(vectors[i : i + 1], vectors[i])[0] for i in range(200)] == [0.0] * 200


def test_a_tiny_angle_keeps_its_digits() -> None:
    angle = 1e-5  # here 1 - cos is 5e-11, far below what float32 can tell from 0
    vectors = np.array([(math.cos(angle), math.sin(angle))], np.float32)
    assert angular_distance(vectors, np.array((1, 0), np.float32))[0] == pytest.approx(angle, rel=1e-3)


def test_a_distance_is_never_above_its_range() -> None:
    long = np.array([(1.0000001, 0)], np.float64)
    assert angular_distance(long, -long[0])[0] == MAX_DISTANCE


def test_no_vectors_have_no_distances() -> None:
    assert angular_distance(np.empty((0, 3), np.float32), np.ones(3, np.float32)).shape == (0,)


def test_distances_are_those_of_annoy() -> None:
    vectors = normalize(np.random.default_rng(1).normal(size=(20, 8)))
    annoy = Annoy(8, METRIC)
    for row, vector in enumerate(vectors):
        annoy.add_item(row, vector)
    assert angular_distance(vectors, vectors[3]) == pytest.approx(
        [annoy.get_distance(3, row) for row in range(20)], abs=1e-3
    )


@pytest.mark.parametrize(("distance", "cosine"), [(0, 1), (1, 0.5), (math.sqrt(2), 0), (math.sqrt(3), -0.5), (2, -1)])
def test_similarity_is_the_cosine(distance: float, cosine: float) -> None:
    assert similarity_from_distance(distance) == pytest.approx(cosine, abs=1e-12)


def test_normalize_divides_by_the_length() -> None:
    units = normalize(np.array([(3, 4), (0, -2)]))
    assert units.dtype == np.float32
    assert units == pytest.approx(np.array([(0.6, 0.8), (0, -1)]), abs=1e-7)


def test_a_row_of_zeros_gets_all_parts_equal() -> None:
    assert normalize(np.zeros((2, 4))).tolist() == [[0.5] * 4] * 2


@pytest.mark.parametrize("scale", [1e308, 1e-300, 5e-324])
def test_rows_of_any_scale_get_length_one(scale: float) -> None:
    assert normalize(np.array([(scale, scale)])) == pytest.approx(np.array([(math.sqrt(0.5),) * 2]), abs=1e-7)


def test_normalize_takes_no_rows() -> None:
    assert normalize(np.empty((0, 5))).shape == (0, 5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_normalize_refuses_what_is_not_finite(bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        normalize(np.array([(1.0, bad)]))


def test_normalize_refuses_a_single_vector() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, dim\)"):
        normalize(np.ones(3))


@pytest.mark.fuzz
@settings(deadline=None)
@given(npst.arrays(np.float64, (3, 5), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_normalized_rows_have_length_one(vectors: np.ndarray) -> None:
    assert np.linalg.norm(normalize(vectors), axis=1) == pytest.approx(np.ones(3), abs=1e-6)
