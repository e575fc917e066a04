"""Objects in a query picture: the parts of it that are clearly nearer to the gallery than the whole picture is.

A small cat in a cluttered picture is a small part of what the whole is embedded as, and nothing that is near to the whole
shows a cat. So square windows of several sizes are compared, each by how far its few nearest items are, and then smaller
ones in the best of them. A light network embeds them all. For another, which embeds by averaging over positions, tiles of
the picture are looked at once; every window is about an average of positions, and those that so seem best are embedded.

Measured by `python -m benchmarks.objects`: docs/measurements.md, Objects in the query picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from imgsearch.distance import by_distance, normalize
from imgsearch.embedding.embedders import Embedders, Source
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.pictures.regions import MIN_SIDE, Region
from imgsearch.vectors.calibration import Calibration
from imgsearch.vectors.space import OpenedSpace

N_NEAREST = 3
"""Items whose mean distance says how near a part is; fewer than for a whole picture, since of a small object few are."""
_N_CANDIDATES = 20
"""Items that an index is asked for, so that it finds those."""
MOST_PARTS = 4
"""Parts that are suggested of a picture."""
MARGIN = 0.07
"""By so much a part must be nearer than the whole picture."""
KNOWN = 0.45
"""Least share of the collection's own pictures that stand farther from their nearest than a part does from its
(`Calibration.p_value`). Chosen, like the margin, as what forces a part on few photos of other things."""
_SIDES = (1.0, 0.72, 0.52, 0.37)
"""Of windows, as shares of the picture's short side."""
_STEP, _DENSE_STEP = 0.5, 0.36
"""Between two windows, as a share of their side: where all are embedded, and where they are only averages."""
_TILE = 0.52
"""Side of a tile, as a share of the short side: so a position is 7 per cent of that, for 7 positions a side."""
_N_TRIED = 20
"""Windows that are embedded because their average of positions is near."""
_N_REFINED, _N_REFINED_HEAVY = 3, 2
"""Windows that smaller ones are embedded of: by light networks, and by others."""
_FINER = ((0.85, 0.14), (0.6, 0.22))
"""Sides of these, as shares of the window's; and how far their middles are from its, likewise: of each, one stays, and four
go to the corners."""
_FINER_MARGIN = 0.03
"""By so much they must be nearer: half of an object is often as near as all of it."""
_MOST_OVERLAP = 0.55
"""Windows that share more, of what both cover, are the same object."""
_MOST_INSIDE = 0.3
"""Parts of which so much lies in a nearer one are the same object too."""
_MIN_PX = 48
"""Smallest side of a window that shows anything, px."""
_MOST_STRETCHED = 6
"""A picture that is so many times as long as wide is a strip, and has no windows that would be fair to it."""


@dataclass(frozen=True)
class Part:
    """A part of a query picture.

    Attributes:
        region: Which.
        distance: Mean distance of its N_NEAREST nearest items.
    """

    region: Region
    distance: float


@dataclass(frozen=True)
class Objects:
    """What was found in a query picture.

    Attributes:
        distance: Mean distance of the N_NEAREST items that are nearest to the whole picture.
        parts: Those that are known to the gallery and clearly nearer than the whole, which do not overlap much; nearest
            first, at most MOST_PARTS.
        nearest: The nearest part, whether or not it is one of those; None where there was none to look at.
        n_seen: Passes of the network, or of the descriptor, that it took.
    """

    distance: float
    parts: tuple[Part, ...] = ()
    nearest: Part | None = None
    n_seen: int = 0

    @property
    def chosen(self) -> Region | None:
        """What to ask with: the nearest part; None for the whole picture, which stands unless a part is clearly better."""
        return self.parts[0].region if self.parts else None

    def to_json(self) -> dict[str, Any]:
        """The object as a JSON object."""
        return {
            "distance": round(self.distance, 6),
            "parts": [{"region": str(part.region), "distance": round(part.distance, 6)} for part in self.parts],
            "n_seen": self.n_seen,
        }


def find_objects(
    space: OpenedSpace,
    embedders: Embedders,
    picture: Source,
    size: tuple[int, int],
    whole: np.ndarray,
    left_out: Sequence[int] = (),
) -> Objects:
    """Looks for parts of a picture that are clearly nearer to the gallery than all of it.

    Where a space has no verdict on what is known, as one of descriptors, there are none: any plain surface is near to
    something in its colours.

    Args:
        space: Where to search.
        embedders: Who looks at the picture, in about three rounds.
        picture: The query picture.
        size: Its upright width and height, px.
        whole: float32 (dim,), of length 1: the picture as a whole, in the space.
        left_out: Rows of items that do not count, such as the query itself.

    Raises:
        ImageError, BackboneError, WorkerError: the picture cannot be looked at, see `Embedders`.
    """
    search = _Search(space, embedders, picture, left_out)
    distance = float(search.distances(whole[None])[0])
    if not space.calibration.has_verdict:
        return Objects(distance)
    seen = search.windows(size)
    seen.sort(key=lambda part: part.distance)
    known = {part.region: part for part in seen if _is_object(part.distance, distance, space.calibration)}
    parts = tuple(known[region] for region in _apart(known, MOST_PARTS, _show_the_same))
    return Objects(distance, parts, seen[0] if seen else None, search.n_seen)


def _is_object(distance: float, whole: float, calibration: Calibration) -> bool:
    p_value = calibration.p_value(distance)
    return p_value is not None and p_value >= KNOWN and distance <= whole - MARGIN


class _Search:
    """One picture, looked at in rounds."""

    def __init__(self, space: OpenedSpace, embedders: Embedders, picture: Source, left_out: Sequence[int]) -> None:
        self._space = space
        self._embedders = embedders
        self._picture = picture
        self._left_out = left_out
        self._spec = space.spec.for_queries()
        self.n_seen = 0

    def windows(self, size: tuple[int, int]) -> list[Part]:
        """Windows that were embedded, the most promising ones among them."""
        seen = self._embed(self._first(size))
        seen.sort(key=lambda part: part.distance)
        n_refined = _N_REFINED if self._spec.is_light else _N_REFINED_HEAVY
        refined = _apart([part.region for part in seen], n_refined, _coincide)
        finer = self._embed([region for each in refined for region in _inside(each, size)])
        best = seen[0].distance if seen else 0.0
        return seen + [part for part in finer if part.distance < best - _FINER_MARGIN]

    def distances(self, vectors: np.ndarray) -> np.ndarray:
        """float32 (n, dim) in the space -> float64 (n,): mean distance of the nearest items of each."""
        n = _N_CANDIDATES + len(self._left_out)
        found = np.empty(len(vectors))
        for i, vector in enumerate(vectors):
            rows = self._space.index.nearest(vector, n)
            rows = rows[~np.isin(rows, self._left_out)]
            near = by_distance(rows, self._space.vectors(rows), vector)[1][:N_NEAREST]
            found[i] = near.mean(dtype=np.float64) if len(near) else math.inf
        return found

    def _first(self, size: tuple[int, int]) -> list[Region]:
        """Windows worth embedding."""
        if self._spec.is_light or not self._spec.has_feature_maps:
            return _grid(size, _SIDES, _STEP)
        windows, tiles = _grid(size, _SIDES, _DENSE_STEP), _grid(size, (_TILE,), 1.0)
        if not windows or not tiles:
            return windows
        maps = self._embedders.feature_maps(self._picture, self._spec, tiles)
        self.n_seen += len(tiles)
        order = np.argsort(self.distances(self._space.points(_averages(maps, windows))), kind="stable")
        return _apart([windows[i] for i in order], _N_TRIED, _coincide)

    def _embed(self, regions: Sequence[Region]) -> list[Part]:
        if not regions:
            return []
        vectors = self._space.points(self._embedders.embed_parts(self._picture, self._spec, regions))
        self.n_seen += len(regions)
        return [Part(region, float(each)) for region, each in zip(regions, self.distances(vectors), strict=True)]


def _averages(maps: Sequence[FeatureMaps], windows: Sequence[Region]) -> np.ndarray:
    """What windows would about be embedded as: float32 (n, dim), rows of length 1.

    Args:
        maps: Of tiles that cover the picture. A position counts for a window where its middle is in it.
        windows: None so small that no position is in it.
    """
    values = np.concatenate([(each.values + each.offset).reshape(-1, len(each.offset)) for each in maps])  # (m, dim)
    x, y = np.concatenate([_middles(each) for each in maps]).T  # (m,) each
    left, top, right, bottom = np.array([(w.left, w.top, w.right, w.bottom) for w in windows]).T[:, :, None]  # (n, 1) each
    is_in = (left < x) & (x < right) & (top < y) & (y < bottom)  # (n, m)
    return normalize(is_in.astype(np.float32) @ values)


def _middles(maps: FeatureMaps) -> np.ndarray:
    """float64 (rows * columns, 2): x and y of the positions, as shares of the picture's width and height."""
    rows, columns = maps.values.shape[:2]
    window = maps.window
    x = window.left + (np.arange(columns) + 0.5) / columns * (window.right - window.left)
    y = window.top + (np.arange(rows) + 0.5) / rows * (window.bottom - window.top)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _grid(size: tuple[int, int], sides: Sequence[float], step: float) -> list[Region]:
    """Square windows of these sides all over a picture, neighbours at most a step apart; none in a strip.

    Args:
        size: Width and height of the picture, px.
        sides: As shares of its short side.
        step: As a share of the side.
    """
    short, long = sorted(size)
    windows = []
    for side in (share * short for share in sides):
        if side < _MIN_PX or side < MIN_SIDE * long or long > _MOST_STRETCHED * short:
            continue
        x, y = (np.linspace(0, length - side, 1 + math.ceil((length - side) / (side * step) - 1e-9)) for length in size)
        windows += [_window(left, top, side, size) for top in y for left in x]
    return windows


def _inside(region: Region, size: tuple[int, int]) -> list[Region]:
    """Smaller windows in a window: in its middle, and towards its corners."""
    width, height = size
    side = (region.right - region.left) * width
    x, y = (region.left + region.right) / 2 * width, (region.top + region.bottom) / 2 * height
    windows = []
    for finer, shift in ((share * side, share_of_shift * side) for share, share_of_shift in _FINER):
        if finer >= _MIN_PX and finer >= MIN_SIDE * max(size):
            ways = [(0, 0), *((dx, dy) for dy in (-1, 1) for dx in (-1, 1))]
            windows += [_window(x + dx * shift - finer / 2, y + dy * shift - finer / 2, finer, size) for dx, dy in ways]
    return windows


def _window(left: float, top: float, side: float, size: tuple[int, int]) -> Region:
    """A square, from px; `size` is the picture's width and height."""
    sides = (left / size[0], top / size[1], (left + side) / size[0], (top + side) / size[1])
    return Region(*(min(max(each, 0.0), 1.0) for each in sides))  # which rounding may have left by a hair


def _apart(windows: Iterable[Region], most: int, are_same: Callable[[Region, Region], bool]) -> list[Region]:
    """The first of them that do not show the same as one before."""
    kept: list[Region] = []
    for window in windows:
        if len(kept) == most:
            break
        if not any(are_same(window, other) for other in kept):
            kept.append(window)
    return kept


def _coincide(one: Region, other: Region) -> bool:
    """Whether two windows are about the same."""
    shared = _shared(one, other)
    return shared > _MOST_OVERLAP * (_area(one) + _area(other) - shared)


def _show_the_same(one: Region, other: Region) -> bool:
    """Whether two parts are of one object: much of the smaller lies in the other."""
    return _shared(one, other) > _MOST_INSIDE * min(_area(one), _area(other))


def _area(region: Region) -> float:
    return (region.right - region.left) * (region.bottom - region.top)


def _shared(one: Region, other: Region) -> float:
    """Area of what both cover, as a share of the picture."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(width, 0.0) * max(height, 0.0)
