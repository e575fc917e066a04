"""What two pictures have in common, by each descriptor: the shares add up, and say what is there."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from imgsearch.embedding.descriptors import DESCRIPTORS, Match
from imgsearch.embedding.descriptors.cedd import LEVELS, fuzzy_histogram
from tests.unit.test_descriptors import BLOCKS, edges_in_one_cell, flat, greys, noise, scene

PICTURES = {
    "scene": scene(1),
    "other scene": scene(2),
    "noise": noise(3),
    "black": flat((0, 0, 0)),
    "white": flat((255, 255, 255)),
    "stripes": greys(BLOCKS["vertical"], (32, 32)),
}


def matches(name: str, first: np.ndarray, second: np.ndarray) -> list[Match]:
    descriptor = DESCRIPTORS[name]
    return descriptor.matches(descriptor.compute(first), descriptor.compute(second))


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_shares_add_up_to_the_similarity(name: str) -> None:
    descriptor = DESCRIPTORS[name]
    vectors = [descriptor.compute(pixels) for pixels in PICTURES.values()]
    for first in vectors:
        for second in vectors:
            shares = [match.share for match in descriptor.matches(first, second)]
            assert sum(shares) == pytest.approx(first.astype(np.float64) @ second, abs=1e-6)
            assert shares == sorted(shares, reverse=True)
            assert 0 not in shares


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_the_other_way_round_the_same_matches(name: str) -> None:
    there, back = (matches(name, scene(1), scene(2)), matches(name, scene(2), scene(1)))
    for one, other in zip(
        sorted(there, key=lambda match: (match.where, match.what, match.share, str(match.colors))),
        sorted(back, key=lambda match: (match.where, match.what, match.share, str(match.colors))),
        strict=True,
    ):
        assert one.share == other.share
        assert (one.amounts and one.amounts[::-1]) == other.amounts


def test_colours_that_both_have() -> None:
    first, second = flat((0, 0, 255), 4, 4), flat((0, 255, 0), 4, 4)
    first[:3], second[0] = (255, 0, 0), (255, 0, 0)  # three quarters and one quarter
    (match,) = matches("color_histogram", first, second)
    assert match.what == "red / orange"  # the bin goes from 0 to 22.5 degrees
    assert match.amounts == pytest.approx((0.75, 0.25))
    assert match.share == pytest.approx(np.sqrt(0.75 * 0.25))
    red, green, blue = match.colors[0]
    assert red > 200 > 70 > max(green, blue)


@pytest.mark.parametrize("color", [(120, 100, 90), (40, 90, 60), (210, 190, 180), (255, 255, 255)])
def test_a_layout_remembers_a_flat_colour(color: tuple[int, int, int]) -> None:
    found = matches("color_layout", flat(color), flat(color))
    assert len(found) == 64
    for match in found:
        assert match.share == pytest.approx(1 / 64, abs=1e-7)
        assert match.colors[0] == match.colors[1] == pytest.approx(color, abs=2)


def test_greys_have_no_hue() -> None:
    found = matches("color_histogram", greys([[250, 128], [60, 128]], (2, 2)), greys([[250, 128], [10, 128]], (2, 2)))
    assert {match.what for match in found} == {"grey", "white", "black"}
    assert all(len(set(color)) == 1 for match in found for color in match.colors)


def test_a_layout_matches_where_the_colours_are_alike() -> None:
    first, second = flat((150, 150, 150), 64, 64), flat((150, 150, 150), 64, 64)
    second[:, 32:] = (60, 60, 60)
    by_column = Counter[float]()
    for match in matches("color_layout", first, second):
        left, top, right, bottom = match.box
        assert (right - left, bottom - top) == (1 / 8, 1 / 8)
        by_column[left] += match.share
    assert min(by_column[i / 8] for i in range(4)) > max(by_column[i / 8] for i in range(4, 8))


def test_edges_match_in_their_cell() -> None:
    found = {(m.what, m.where): m for m in matches("edge_histogram", *[edges_in_one_cell("horizontal")] * 2)}
    cell = found["horizontal edges", "row 2, column 4 of 4"]
    assert cell.box == (0.75, 0.25, 1, 0.5)
    assert cell.amounts == pytest.approx((0.564319, 0.564319), abs=1e-5)
    assert cell.share == pytest.approx(0.552053 / 1.953846 / 34, abs=1e-7)  # its span, of all; one of 34 regions
    whole = found["horizontal edges", "whole picture"]
    assert (whole.box, whole.share) == ((0, 0, 1, 1), pytest.approx(5 * cell.share))
    assert whole.amounts[0] == pytest.approx((0.564319 + 15 * 0.012266) / 16, abs=1e-5)
    assert found["vertical edges", "upper left"].amounts == pytest.approx((0.010867, 0.010867), abs=1e-5)


def test_edges_that_only_one_picture_has_take_away() -> None:
    found = {(m.what, m.where): m for m in matches("edge_histogram", edges_in_one_cell("45°"), flat((0, 0, 0)))}
    cell = found["45° edges", "row 2, column 4 of 4"]
    assert cell.amounts == pytest.approx((0.228960, 0.004193), abs=1e-5)
    assert cell.share == min(match.share for match in found.values()) < 0


def test_colours_with_edges_that_both_have() -> None:
    (match,) = matches("cedd", *[greys(BLOCKS["135°"], (40, 40))] * 2)
    assert (match.what, match.share) == ("grey, 135° edges", pytest.approx(1))
    assert match.amounts == (0.262898, 0.262898)  # the highest level
    assert match.colors == ((128, 128, 128),) * 2


def test_cedd_tells_amounts_of_both() -> None:
    first, second = flat((0, 0, 255), 80, 80), flat((0, 0, 255), 80, 80)
    second[:72] = (255, 0, 0)  # nine tenths
    (match,) = matches("cedd", first, second)
    # All of the first is above the highest level; a tenth of the second is nearest to 0.113919.
    assert (match.what, match.amounts) == ("blue, no edges", (0.554730, 0.113919))


@pytest.mark.parametrize("pixels", PICTURES.values(), ids=PICTURES)
def test_cedd_gives_its_levels_back(pixels: np.ndarray) -> None:
    levels = fuzzy_histogram(pixels)
    expected = Counter(
        LEVELS[texture, level] for texture, color in np.argwhere(levels) for level in [levels[texture, color]]
    )
    assert Counter(match.amounts[0] for match in matches("cedd", pixels, pixels)) == expected


def test_the_joint_matches_are_those_of_its_parts() -> None:
    parts = ("color_layout", "edge_histogram", "cedd")
    expected = Counter({part: sum(m.share for m in matches(part, scene(1), scene(2))) / 3 for part in parts})
    found = Counter[str]()
    for match in matches("joint", scene(1), scene(2)):
        found[match.descriptor] += match.share
    assert found == pytest.approx(expected, abs=1e-6)
    amounts = {(m.what, m.where): m.amounts for m in matches("edge_histogram", scene(1), scene(2))}
    joint_amounts = {
        (m.what, m.where): m.amounts for m in matches("joint", scene(1), scene(2)) if m.descriptor == "edge_histogram"
    }
    assert joint_amounts.keys() == amounts.keys()
    assert all(joint_amounts[key] == pytest.approx(amounts[key], abs=1e-5) for key in amounts)
