"""Which picture a page asks with before anybody has chosen one."""

from __future__ import annotations

from imgsearch.retrieval.typical import typical_row
from tests.conftest import toy_space
from tests.unit.test_search import at_degrees, gallery

CLOSE = [0, 6, 12, 18, 24, 30]
"""Degrees of six that lie closer to each other than the others do."""
APART = list(range(90, 250, 10))


def test_without_labels_it_is_one_that_others_stand_closely_around() -> None:
    space = toy_space(at_degrees(*APART, *CLOSE))
    assert typical_row(gallery(22), space) in (18, 19)  # the middle of the six


def test_with_labels_it_is_one_whose_neighbours_have_its_label() -> None:
    space = toy_space(at_degrees(*APART, *CLOSE))
    items = gallery(22, "a" * 16 + "bcbcbc")
    row = typical_row(items, space)
    assert row < 16
    assert {items[int(other)].label for other in space.neighbors[row, :5]} == {"a"}


def test_it_has_no_copy_where_others_have_none() -> None:
    space = toy_space(at_degrees(*APART, 0, 0, 0, 0, 0, 0))
    assert typical_row(gallery(22), space) < 16


def test_a_single_picture_and_copies_alone_are_asked_with() -> None:
    assert typical_row(gallery(1), toy_space(at_degrees(0))) == 0
    assert typical_row(gallery(3), toy_space(at_degrees(0, 0, 0))) in range(3)
