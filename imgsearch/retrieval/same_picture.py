"""Whether two files hold the same picture: re-encoded, resized, brightened, grey, mirrored, turned or cropped a little.

Two photographs of one kind of thing in the middle are light and dark in the same places, so a look at the whole tells them
apart badly. Their details do not agree, even when the two are laid upon each other as well as can be; those of copies do.

Chosen on photos of pets, far from what different ones agree in, and confirmed on flowers. Which copies are found,
`python -m benchmarks.planted_duplicates` measures: docs/measurements.md, Copies that `duplicates` finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from PIL import Image

from imgsearch.embedding.descriptors.layout import cosine_transform

MIN_WHOLE = 0.9
MIN_DETAIL = 0.9
MIN_COLOR = 0.5
FINGERPRINT_DISTANCE = 0.35
"""Largest of a pair that fingerprints propose. Copies that were cropped by 10 % are about as far as that, others nearer
than half of it."""

_GREY_SIDE = 48
_SIDE = 32
_BLUR = 2.0
"""Standard deviation of the Gaussian that takes the details away, px of _SIDE."""
_COLOR_SIDE = 8
_MIN_COLOR_DEVIATION = 4.0
"""From grey, levels. A picture with less colour is taken for the grey copy of any other."""
_MIN_DEVIATION = 1.0
"""Of the details, grey levels. A flatter picture has nothing to compare: noise would be stretched to a pattern."""
_STEP = 1 / 40
"""Of a side: how finely cuts are tried."""
_MAX_STEPS = 5
_N_WAVES = 8
_CUT_ALIKE = (0, 1, 2)
"""Steps cut at all four sides, for a start."""
_WORTH_A_SEARCH = 0.25
"""Details that agree less at the start do not come to agree: not tried, since trying takes time."""

_WAVES = cosine_transform(_SIDE)[:_N_WAVES].astype(np.float32)


def _blurring(side: int, deviation: float) -> np.ndarray:
    """A Gaussian filter along an axis as a matrix, float32 (side, side); beyond an edge is the mirror image."""
    farthest = round(4 * deviation)  # beyond that nothing counts
    reach = np.arange(-farthest, farthest + 1)
    weights = np.exp(-((reach / deviation) ** 2) / 2)
    places = np.abs(np.arange(side)[:, None] + reach + 0.5) - 0.5  # (side, n): mirrored at the lower edge
    places = side - 0.5 - np.abs(side - 0.5 - places)
    matrix = np.zeros((side, side))
    np.add.at(matrix, (np.arange(side)[:, None], places.astype(int)), weights / weights.sum())
    return matrix.astype(np.float32)


_BLURRING = _blurring(_SIDE, _BLUR)

_Cuts = tuple[int, ...]
"""Steps at left, top, right and bottom: of the one picture where positive, of the other where negative."""


@dataclass(frozen=True)
class Likeness:
    """How far two pictures agree where their details agree best: normalised cross-correlations, in [-1, 1].

    Attributes:
        whole: Of light and dark.
        detail: Of what is left when a blurred copy is subtracted. Both are 0 where one of the pictures is flat.
        color: Of how far from grey each place is, and towards what; 1 where one of the pictures is grey.
    """

    whole: float
    detail: float
    color: float

    @property
    def is_same(self) -> bool:
        """Whether the two are one picture. The same shape in another colour is another picture."""
        return self.whole >= MIN_WHOLE and self.detail >= MIN_DETAIL and self.color >= MIN_COLOR


@dataclass(frozen=True, eq=False)
class Small:
    """A picture at the size that is compared, whatever its shape.

    Attributes:
        grey: uint8 (48, 48).
        color: int8 (2, 8, 8): Cb and Cr, 0 for grey.
    """

    grey: np.ndarray
    color: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray) -> Small:
        """uint8 (height, width, 3), small."""
        light, *colors = Image.fromarray(pixels).convert("YCbCr").split()
        color = np.stack([_resized(each, _COLOR_SIDE) for each in colors])
        return cls(_resized(light, _GREY_SIDE), (color.astype(np.int16) - 128).astype(np.int8))


@dataclass(frozen=True, eq=False)
class Look:
    """What is compared of a picture.

    Attributes:
        small: The picture.
        views: float32 (3, 2, 32, 32): as it is, and with one and two steps cut at all sides; of each the whole and its
            details, both of mean 0 and length 1, or zeros where it is flat.
        color: float32 (2, 8, 8), of length 1; zeros where it is grey.
    """

    small: Small
    views: np.ndarray
    color: np.ndarray

    @classmethod
    def at(cls, small: Small) -> Look:
        """All that is compared."""
        color = small.color.astype(np.float32)
        is_grey = np.sqrt((color**2).sum(axis=0).mean()) < _MIN_COLOR_DEVIATION
        color = np.zeros_like(color) if is_grey else color / np.linalg.norm(color)
        return cls(small, np.stack([_view(small.grey, (steps,) * 4) for steps in _CUT_ALIKE]), color)


def fingerprint(look: Look) -> np.ndarray:
    """What stays the same however a picture is turned and mirrored: float32 (64,), of which near ones may be copies.

    The 8 x 8 longest waves of the whole. Mirroring changes signs only, and turning swaps the axes besides: so their
    amounts, and of each two that swap first the larger and then the smaller.
    """
    amounts = np.abs(_WAVES @ look.views[0, 0] @ _WAVES.T)
    larger, smaller = np.maximum(amounts, amounts.T), np.minimum(amounts, amounts.T)
    waves: np.ndarray = np.where(np.tri(_N_WAVES, dtype=bool), larger, smaller).ravel()
    return waves


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
    color = float((a.color * list(_turns(b.color))[turn]).sum()) if a.color.any() and b.color.any() else 1.0
    whole, detail = map(float, agreement[turn, start])
    if detail >= _WORTH_A_SEARCH and color >= MIN_COLOR:
        whole, detail = _search(a.small.grey, list(_turns(b.small.grey))[turn], starts[start])
    return Likeness(whole, detail, color)


def _search(a: np.ndarray, b: np.ndarray, cuts: _Cuts) -> tuple[float, float]:
    """Whole and detail of two greys where their details agree best, by steps from some cuts."""
    view_a, view_b = (cache(partial(_view, grey)) for grey in (a, b))

    @cache
    def agreement(cuts: _Cuts) -> tuple[float, float]:
        of_a, of_b = (tuple(max(0, sign * steps) for steps in cuts) for sign in (1, -1))
        whole, detail = (view_a(of_a) * view_b(of_b)).sum(axis=(1, 2))
        return float(whole), float(detail)

    def detail(cuts: _Cuts) -> float:
        return agreement(cuts)[1]

    while detail(better := max(_neighbors(cuts), key=detail)) > detail(cuts):
        cuts = better
    return agreement(cuts)


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
    """float32 (2, 32, 32): the whole and its details, see `Look`."""
    left, top, right, bottom = (steps * _STEP * _GREY_SIDE for steps in cuts)
    box = (left, top, _GREY_SIDE - right, _GREY_SIDE - bottom)
    image = Image.fromarray(np.ascontiguousarray(grey)).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, box=box)
    whole = np.asarray(image, dtype=np.float32)
    detail = whole - _BLURRING @ whole @ _BLURRING.T
    if detail.std() < _MIN_DEVIATION:
        return np.zeros((2, _SIDE, _SIDE), np.float32)
    both = np.stack([whole, detail])
    both -= both.mean(axis=(1, 2), keepdims=True)
    unit: np.ndarray = both / np.linalg.norm(both, axis=(1, 2), keepdims=True)
    return unit


def _resized(plane: Image.Image, side: int) -> np.ndarray:
    return np.array(plane.resize((side, side), Image.Resampling.BILINEAR))
