"""Whether two files hold the same picture: re-encoded, resized, brightened, grey, mirrored, turned or cropped a little.

Two photographs of one kind of thing in the middle are light and dark in the same places, so a look at the whole tells them
apart badly. Their details do not agree, even when the two are laid upon each other as well as can be; those of copies do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

MIN_WHOLE = 0.9
MIN_DETAIL = 0.9

_GREY_SIDE = 48
_SIDE = 32
_BLUR = 2.0
"""Standard deviation of the Gaussian that takes the details away, px of _SIDE."""
_MIN_DEVIATION = 1.0
"""Of the details, grey levels. A flatter picture has nothing to compare: noise would be stretched to a pattern."""
_STEP = 1 / 40
"""Of a side: how finely cuts are tried."""
_MAX_STEPS = 5
_CUT_ALIKE = (0, 1, 2)
"""Steps cut at all four sides, for a start."""
_WORTH_A_SEARCH = 0.25
"""Details that agree less at the start do not come to agree: not tried, since trying takes time."""

_Cuts = tuple[int, ...]
"""Steps at left, top, right and bottom: of the one picture where positive, of the other where negative."""


@dataclass(frozen=True)
class Likeness:
    """How far two pictures agree where their details agree best: normalised cross-correlations, in [-1, 1].

    Attributes:
        whole: Of light and dark.
        detail: Of what is left when a blurred copy is subtracted. Both are 0 where one of the pictures is flat.
    """

    whole: float
    detail: float

    @property
    def is_same(self) -> bool:
        """Whether the two are one picture."""
        return self.whole >= MIN_WHOLE and self.detail >= MIN_DETAIL


@dataclass(frozen=True, eq=False)
class Look:
    """What is compared of a picture.

    Attributes:
        grey: uint8 (48, 48), whatever the shape of the picture.
        views: float32 (3, 2, 32, 32): as it is, and with one and two steps cut at all sides; of each the whole and its
            details, both of mean 0 and length 1, or zeros where it is flat.
    """

    grey: np.ndarray
    views: np.ndarray

    @classmethod
    def at(cls, grey: np.ndarray) -> Look:
        """A look at what `small_grey` gave."""
        return cls(grey, np.stack([_view(grey, (steps,) * 4) for steps in _CUT_ALIKE]))


def small_grey(pixels: np.ndarray) -> np.ndarray:
    """uint8 (height, width, 3) -> uint8 (48, 48)."""
    grey = Image.fromarray(pixels).convert("L").resize((_GREY_SIDE, _GREY_SIDE), Image.Resampling.BILINEAR)
    return np.array(grey)


def likeness(a: Look, b: Look) -> Likeness:
    """How far two pictures agree when `b` is turned and mirrored, and one or the other is cut, as fits best.

    All eight turns are tried, each uncut and with all sides of one of the two cut alike; then from the best of these one
    side after another is cut, by up to an eighth, as long as the details agree better.
    """
    starts = [(steps,) * 4 for steps in (*_CUT_ALIKE, *(-steps for steps in _CUT_ALIKE[1:]))]
    of_a, of_b = ([max(0, sign * start[0]) for start in starts] for sign in (1, -1))
    turned = np.stack(list(_turns(b.views)))  # (8, 3, 2, 32, 32)
    agreement = np.einsum("cvhw,tcvhw->tcv", a.views[of_a], turned[:, of_b])  # (8, 5, 2)
    turn, start = np.unravel_index(agreement[..., 1].argmax(), agreement.shape[:2])
    found = Likeness(*map(float, agreement[turn, start]))
    if found.detail < _WORTH_A_SEARCH:
        return found
    grey = list(_turns(b.grey))[turn]
    return _search(a.grey, grey, starts[start])


def _search(a: np.ndarray, b: np.ndarray, cuts: _Cuts) -> Likeness:
    """Where the details of two greys agree best, by steps from some cuts."""
    seen: dict[_Cuts, Likeness] = {}

    def detail(cuts: _Cuts) -> float:
        if cuts not in seen:
            whole_and_detail = _view(a, cuts) * _view(b, tuple(-steps for steps in cuts))
            seen[cuts] = Likeness(*map(float, whole_and_detail.sum(axis=(1, 2))))
        return seen[cuts].detail

    while detail(better := max(_neighbors(cuts), key=detail)) > detail(cuts):
        cuts = better
    return seen[cuts]


def _neighbors(cuts: _Cuts) -> Iterator[_Cuts]:
    """One step more or less at one side."""
    for side, steps in enumerate(cuts):
        for other in (steps - 1, steps + 1):
            if abs(other) <= _MAX_STEPS:
                yield (*cuts[:side], other, *cuts[side + 1 :])


def _turns(pictures: np.ndarray) -> Iterator[np.ndarray]:
    """The eight ways in which the last two axes can be turned and mirrored."""
    for each in (pictures, pictures[..., ::-1]):
        for quarters in range(4):
            yield np.rot90(each, quarters, axes=(-2, -1))


def _view(grey: np.ndarray, cuts: _Cuts) -> np.ndarray:
    """float32 (2, 32, 32): the whole and its details, see `Look`. Negative cuts cut nothing."""
    from scipy.ndimage import gaussian_filter

    left, top, right, bottom = (max(0, steps) * _STEP * _GREY_SIDE for steps in cuts)
    box = (left, top, _GREY_SIDE - right, _GREY_SIDE - bottom)
    image = Image.fromarray(np.ascontiguousarray(grey)).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, box=box)
    whole = np.asarray(image, dtype=np.float32)
    detail = whole - gaussian_filter(whole, _BLUR)
    if detail.std() < _MIN_DEVIATION:
        return np.zeros((2, _SIDE, _SIDE), np.float32)
    both = np.stack([whole, detail])
    both -= both.mean(axis=(1, 2), keepdims=True)
    unit: np.ndarray = both / np.linalg.norm(both, axis=(1, 2), keepdims=True)
    return unit
