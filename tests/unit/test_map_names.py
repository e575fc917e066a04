"""Names for the clusters of a map."""

from __future__ import annotations

import numpy as np
import pytest

from imgsearch.measure import map_names as under_test
from imgsearch.measure.map_names import MapName, map_names
from imgsearch.vocabulary import find_senses

BEAGLE, BASSET, SIAMESE, PERSIAN, TEAPOT, DAISY = 162, 161, 284, 283, 849, 985
"""Places of these classes in Keras' order."""


def named(*groups: tuple[int, tuple[float, float], int], rest: float = 0.0001) -> list[MapName]:
    """Names for groups of pictures: what they show (-1 for nothing), where, on a line of 0.02, and how many.

    Each other class gets `rest`.
    """
    places, classes = [], []
    for index, (x, y), n in groups:
        places += [(x, y + 0.02 * step / max(n - 1, 1)) for step in range(n)]
        classes += [index] * n
    values = np.zeros((1000, len(classes)), np.float16)
    for row, index in enumerate(classes):
        values[:, row] = rest
        if index >= 0:
            values[index, row] = 0.75
    return map_names(np.array(places, np.float32), values)


def texts(names: list[MapName]) -> list[str]:
    return [name.sense.text for name in names]


def test_a_name_stands_at_the_median_of_the_pictures_that_show_it() -> None:
    (name,) = named((BEAGLE, (0.2, 0.3), 5), (BEAGLE, (0.9, 0.9), 1), (-1, (0.6, 0.6), 9))
    assert (name.sense, name.n) == (find_senses("beagle")[0], 6)
    assert name.x == pytest.approx(0.2)
    assert name.y == pytest.approx((0.31 + 0.315) / 2)  # of 0.3, 0.305, ... 0.32, 0.9


def test_the_narrowest_word_for_nearly_all_is_taken_and_the_wider_one_for_several_kinds() -> None:
    assert texts(named((SIAMESE, (0.2, 0.2), 10))) == ["Siamese cat"]
    assert texts(named((SIAMESE, (0.2, 0.2), 10), (PERSIAN, (0.2, 0.3), 1))) == ["Siamese cat"]
    # Two kinds side by side: all of them are cats, and where that would cover one of them, it stands for both.
    assert texts(named((SIAMESE, (0.2, 0.2), 5), (PERSIAN, (0.2, 0.23), 5)))[:1] == ["domestic cat"]
    apart = texts(named((SIAMESE, (0.2, 0.1), 8), (PERSIAN, (0.2, 0.4), 8)))
    assert sorted(apart) == ["Persian cat", "Siamese cat", "domestic cat"]


def test_what_is_scattered_mixed_or_rare_gets_no_name() -> None:
    corners = [(TEAPOT, (x, y), 2) for x in (0.0, 1.0) for y in (0.0, 0.9)]
    assert texts(named(*corners, (BEAGLE, (0.5, 0.5), 4))) == ["beagle"]
    assert texts(named((TEAPOT, (0.5, 0.5), 4), (-1, (0.5, 0.5), 5))) == []
    assert texts(named((TEAPOT, (0.5, 0.5), 4), (-1, (0.5, 0.5), 3))) == ["teapot"]
    assert texts(named((BEAGLE, (0.2, 0.2), 3))) == []
    assert texts(named((BEAGLE, (0.2, 0.2), 4), (-1, (0.8, 0.8), 396))) == ["beagle"]
    assert texts(named((BEAGLE, (0.2, 0.2), 4), (-1, (0.8, 0.8), 397))) == []  # less than one in a hundred


def test_a_network_that_is_unsure_sees_no_animals_everywhere() -> None:
    # A thousand classes that are all as likely: 398 of them are animals.
    assert texts(named((-1, (0.2, 0.2), 50), rest=0.001)) == []
    assert texts(named((-1, (0.2, 0.2), 50), rest=0.0015)) == []  # 0.6 for "animal"


def test_the_heaviest_come_first_and_the_rest_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = ((DAISY, (0.1, 0.1), 4), (BEAGLE, (0.5, 0.5), 6), (TEAPOT, (0.9, 0.9), 5))
    assert texts(named(*groups)) == ["beagle", "teapot", "daisy"]
    monkeypatch.setattr(under_test, "MOST_NAMES", 2)
    assert texts(named(*groups)) == ["beagle", "teapot"]


def test_without_pictures_there_are_no_names() -> None:
    assert map_names(np.zeros((0, 2), np.float32), np.zeros((1000, 0), np.float16)) == []
