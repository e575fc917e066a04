"""Descriptors: any picture is a point on the sphere, and what two have in common adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imgsearch.embedding.descriptors import DESCRIPTORS

pytestmark = pytest.mark.fuzz

COLORS = st.tuples(*[st.sampled_from((0, 1, 10, 11, 75, 127, 128, 180, 220, 254, 255))] * 3)


@st.composite
def pictures(draw: st.DrawFn) -> np.ndarray:
    """uint8 (height, width, 3): a few colours, many of them at borders of classes, in patches of any size; or noise."""
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    if draw(st.booleans()):
        return draw(arrays(np.uint8, (*shape, 3)))
    palette = np.array(draw(st.lists(COLORS, min_size=1, max_size=5)), np.uint8)
    pattern = draw(arrays(np.int64, shape, elements=st.integers(0, len(palette) - 1)))
    side = draw(st.sampled_from((1, 2, 7, 20)))
    return palette[pattern].repeat(side, axis=0).repeat(side, axis=1)


@settings(deadline=None, max_examples=25)
@pytest.mark.parametrize("name", DESCRIPTORS)
@given(first=pictures(), second=pictures())
def test_any_two_pictures(name: str, first: np.ndarray, second: np.ndarray) -> None:
    descriptor = DESCRIPTORS[name]
    first.flags.writeable = False
    vectors = [descriptor.compute(pixels) for pixels in (first, second)]
    for vector in vectors:
        assert (vector.shape, vector.dtype) == ((descriptor.dim,), np.float32)
        assert np.linalg.norm(vector.astype(np.float64)) == pytest.approx(1, abs=1e-6)
    found = descriptor.matches(*vectors)
    assert sum(match.share for match in found) == pytest.approx(vectors[0].astype(np.float64) @ vectors[1], abs=2e-6)
    for match in found:
        assert match.amounts is None or all(0 <= amount <= 1 for amount in match.amounts)
        left, top, right, bottom = match.box or (0, 0, 1, 1)
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert all(0 <= part <= 255 for color in match.colors or () for part in color)
