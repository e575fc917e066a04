"""What the region picker takes from a browser, which can send anything. How it is drawn with: tests/e2e/test_region.py."""

from __future__ import annotations

import math

import pytest

from imgsearch.pictures.regions import Region
from imgsearch.ui.parts.query.region_picker import _region

BOX = {"left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.25}


@pytest.mark.parametrize("sent", [BOX, {**BOX, "left": 0.1004}, {**BOX, "more": "x"}])
def test_a_box_is_taken_with_three_decimals(sent: dict[str, object]) -> None:
    assert _region(sent) == Region(0.1, 0.2, 0.5, 0.25)


@pytest.mark.parametrize(
    "sent",
    [
        *(None, [], "0,0,1,1", 7, {}, {"left": 0.1}),
        *({**BOX, "left": value} for value in (None, "x", [], {}, math.nan, math.inf, -0.01, 1e400, 10**400, 0.46)),
        {**BOX, "bottom": 1.01},
    ],
)
def test_anything_else_is_nothing(sent: object) -> None:
    assert _region(sent) is None
