"""Names for the clusters of a map, where labels give none: words for what pictures that stand together show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imgsearch.embedding.backbones import N_CLASSES
from imgsearch.retrieval.words import least_worth
from imgsearch.vocabulary import Sense, words

MOST_NAMES = 12
_SURE = 0.4
"""As `words.SHOWS`, from which a picture counts."""
_FEWEST = 4
_LEAST = 0.01
"""Pictures that make a cluster, and share of all."""
_SHARE = 0.75
"""Of the pictures that show something, as many make its cluster; the others may stand anywhere."""
_FAR = 0.2
"""Of the map's width: radius from which a cluster is none. Those below _NEAR are as good as a point."""
_NEAR = 0.02
_PURE = 0.5
"""Least share of those within a cluster that show it."""
_SAME = 0.9
"""Share of its pictures from which a narrower word says all that a word does."""
_ALIKE = 0.5
"""Share of common pictures from which two words say much the same."""
_APART = 0.08
"""Of the map's width: two names that are nearer would cover each other."""


@dataclass(frozen=True)
class MapName:
    """A name on a map.

    Attributes:
        sense: What it says.
        x, y: Where it stands: the median of the places of the pictures that show it.
        n: How many pictures do.
    """

    sense: Sense
    x: float
    y: float
    n: int


@dataclass(frozen=True)
class _Cluster:
    name: MapName
    members: np.ndarray  # bool (n,)
    radius: float
    purity: float

    @property
    def weight(self) -> float:
        return self.name.n * self.purity


def map_names(places: np.ndarray, class_values: np.ndarray) -> list[MapName]:
    """Names for clusters, the heaviest first, at most MOST_NAMES; [] where nothing that has a word stands together.

    Args:
        places: float (n, 2) in [0, 1], on the map.
        class_values: float (1000, n): the probabilities of the classes for the same pictures.
    """
    senses = [sense for _, sense in words("en")]
    stands_for = np.zeros((len(senses), N_CLASSES), np.float32)
    for row, sense in enumerate(senses):
        stands_for[row, list(sense.classes)] = 1
    worths = stands_for @ np.asarray(class_values, np.float32)  # (n_senses, n)
    shown = worths >= np.array([[least_worth(len(sense.classes), _SURE)] for sense in senses])
    several = np.flatnonzero(shown.sum(axis=1) >= max(_FEWEST, _LEAST * len(places))).tolist()
    named = [row for row in several if not _is_left_to_narrower(row, shown, stands_for)]
    clusters = [_cluster(senses[row], places, shown[row]) for row in named]
    kept: list[_Cluster] = []
    for each in sorted(clusters, key=lambda cluster: (-cluster.weight, len(cluster.name.sense.classes))):
        is_one = each.radius <= _FAR and each.purity >= _PURE
        if is_one and not any(_is_taken(each, other) for other in kept):
            kept.append(each)
    return [each.name for each in kept[:MOST_NAMES]]


def _is_left_to_narrower(row: int, shown: np.ndarray, stands_for: np.ndarray) -> bool:
    """Whether a word for fewer classes is shown by nearly all the same pictures: "cat" says more than "feline" does."""
    common = shown[:, shown[row]].sum(axis=1)
    n_classes = stands_for.sum(axis=1)
    is_within = stands_for @ stands_for[row] == n_classes
    return bool((is_within & (n_classes < n_classes[row]) & (common >= _SAME * shown[row].sum())).any())


def _cluster(sense: Sense, places: np.ndarray, is_shown: np.ndarray) -> _Cluster:
    x, y = np.median(places[is_shown], axis=0)
    distances = np.hypot(places[:, 0] - x, places[:, 1] - y)
    radius = max(float(np.quantile(distances[is_shown], _SHARE)), _NEAR)
    purity = float(is_shown[distances <= radius].mean()) if (distances <= radius).any() else 0.0
    return _Cluster(MapName(sense, float(x), float(y), int(is_shown.sum())), is_shown, radius, purity)


def _is_taken(cluster: _Cluster, other: _Cluster) -> bool:
    """Whether another says much the same, or would be covered."""
    common = (cluster.members & other.members).sum() / (cluster.members | other.members).sum()
    apart = np.hypot(cluster.name.x - other.name.x, cluster.name.y - other.name.y)
    return bool(common > _ALIKE or apart < _APART)
