"""The places behind the animals: a table of scenes, each painted behind and in front of the animal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from imgsearch.sample.brushes import Easel, tones
from imgsearch.sample.palettes import RGB
from imgsearch.sample.scene import landscapes, rooms

Painter = Callable[[Easel, float], None]


def _blades(*codes: str) -> Painter:
    """Grass in front of the paws."""

    def paint(easel: Easel, ground: float) -> None:
        xs, ys = easel.scatter(110, 0, ground + 0.01, 1, 1.03)
        easel.dabs(xs, ys, tones(*codes), length=0.022, width=0.0035, angle=math.pi / 2, spread=0.3)

    return paint


def _drift(easel: Easel, ground: float) -> None:
    """Snow in front of the paws."""
    for _ in range(7):
        easel.blob(easel.rng.random(), ground + easel.rng.uniform(0.035, 0.06), 0.13, 0.022, (0.95, 0.965, 0.985))


def _leaves(easel: Easel, ground: float) -> None:
    xs, ys = easel.scatter(34, 0, ground + 0.005, 1, 1)
    easel.dabs(xs, ys, tones("#c8702b", "#e0a03a", "#a8482a", "#d9bb4e"), length=0.018, width=0.009, spread=2)


def _nothing(easel: Easel, ground: float) -> None:
    """A bare floor."""


_summer_grass = _blades("#6f9f45", "#86b552", "#4f8038")
_night_grass = _blades("#3b625e", "#47756a", "#315654")
_dry_grass = _blades("#8d8a4f", "#a09b58", "#767843")
_spring_grass = _blades("#8fb26a", "#a6c47c", "#7aa05d")


@dataclass(frozen=True)
class Scene:
    """A place and its light.

    Args:
        behind: Paints the whole picture; second argument: where the ground begins, share of the height.
        before: Paints what is in front of the animal; second argument: where its paws stand.
        sun: Tint of the lit side. `sky`: tint of the shadows; both about 1.
    """

    name: str
    behind: Painter
    before: Painter
    sun: RGB
    sky: RGB


# fmt: off
SCENES: tuple[Scene, ...] = (
    Scene("meadow",       landscapes.meadow,        _summer_grass,  (1.10, 1.07, 0.98), (0.76, 0.82, 0.94)),
    Scene("living_room",  rooms.living_room,        _nothing,       (1.10, 1.05, 0.95), (0.86, 0.78, 0.80)),
    Scene("snow",         landscapes.snow,          _drift,         (1.08, 1.08, 1.06), (0.80, 0.86, 1.04)),
    Scene("beach",        landscapes.beach,         _nothing,       (1.14, 1.09, 0.98), (0.84, 0.84, 0.96)),
    Scene("night_garden", landscapes.night_garden,  _night_grass,   (1.05, 1.05, 1.10), (0.72, 0.75, 0.98)),
    Scene("autumn_wood",  landscapes.autumn_wood,   _leaves,        (1.13, 1.03, 0.88), (0.86, 0.74, 0.74)),
    Scene("kitchen",      rooms.kitchen,            _nothing,       (1.08, 1.06, 1.00), (0.82, 0.82, 0.90)),
    Scene("studio",       rooms.studio,             _nothing,       (1.10, 1.07, 1.02), (0.74, 0.72, 0.80)),
    Scene("street",       landscapes.street,        _nothing,       (1.08, 1.05, 0.99), (0.80, 0.80, 0.92)),
    Scene("lake",         landscapes.lake,          _dry_grass,     (1.14, 1.01, 0.86), (0.82, 0.74, 0.86)),
    Scene("orchard",      landscapes.orchard,       _spring_grass,  (1.09, 1.06, 1.02), (0.82, 0.82, 0.94)),
    Scene("attic",        rooms.attic,              _nothing,       (1.10, 0.99, 0.82), (0.74, 0.64, 0.70)),
)
# fmt: on
