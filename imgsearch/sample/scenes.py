"""The places behind the animals: a table of scenes, each with a painter for what is behind and one for what is in front."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from imgsearch.sample.brushes import Easel, shade
from imgsearch.sample.palettes import RGB, rgb

Painter = Callable[[Easel, float], None]


def _tones(*codes: str) -> list[RGB]:
    return [rgb(code) for code in codes]


def _grass(easel: Easel, top: float, colours: list[RGB], n: int = 420) -> None:
    """A lawn in perspective: blades grow towards the viewer."""
    easel.gradient(top, 1, [shade(colours[0], 1.08), shade(colours[0], 0.82)])
    for i in range(4):
        low, high = top + (1 - top) * i / 4, top + (1 - top) * (i + 1) / 4
        easel.dabs(
            *easel.scatter(n // 4, 0, low, 1, high), colours, length=0.012 + 0.012 * i, width=0.003 + 0.0015 * i,
            angle=math.pi / 2, spread=0.35,
        )  # fmt: skip


def _boards(easel: Easel, top: float, colour: RGB) -> None:
    """A wooden floor running to the back."""
    easel.gradient(top, 1, [shade(colour, 0.86), shade(colour, 1.06)])
    for i in range(-9, 20):
        x = i / 10 + easel.rng.uniform(-0.008, 0.008)
        spread = 0.5 + (x - 0.5) * 2.1
        easel.polygon([(x, top), (x + 0.003, top), (spread + 0.008, 1), (spread, 1)], shade(colour, 0.78))
    xs, ys = easel.scatter(90, 0, top, 1, 1)
    easel.dabs(xs, ys, [shade(colour, 0.92), shade(colour, 1.1)], length=0.05, width=0.003, spread=0.12, jitter=0.04)


def _meadow(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#8fc0e0", "#d8ebee"))
    for _ in range(4):
        x, y = rng.random(), rng.uniform(0.06, 0.3)
        for _ in range(5):
            easel.blob(x + rng.uniform(-0.1, 0.1), y + rng.uniform(-0.015, 0.02), 0.07, 0.03, (0.97, 0.97, 0.95))
    easel.hill(horizon - 0.09, 0.03, rgb("#8db596"))
    easel.hill(horizon - 0.03, 0.02, rgb("#79a765"))
    for _ in range(4):
        easel.foliage(rng.random(), horizon - 0.06, rng.uniform(0.05, 0.09), _tones("#4f8350", "#6a9c58"), 40)
    easel.soften(0.008)
    _grass(easel, horizon, _tones("#6f9f45", "#86b552", "#5c8d40", "#a1c463"))
    easel.dabs(*easel.scatter(46, 0, horizon + 0.03, 1, 1), _tones("#f6e36a", "#f4f0e6", "#e59ab5"), length=0.007, width=0.007)


def _living_room(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    wall = rgb(rng.choice(("#d9c7a8", "#a9b8a4", "#c9a594", "#93a7b5")))
    easel.gradient(0, horizon, [shade(wall, 1.08), shade(wall, 0.9)])
    x = rng.uniform(0.1, 0.65)
    easel.box(x, 0.06, x + 0.24, 0.28, rgb("#6d4c35"))
    easel.box(x + 0.015, 0.075, x + 0.225, 0.265, rgb("#d5dfd2"))
    easel.blob(x + 0.12, 0.22, 0.09, 0.05, rgb("#7d9b7e"))
    _boards(easel, horizon, rgb("#a97b52"))
    sofa = rgb(rng.choice(("#4f7480", "#8f4a44", "#7a7f58", "#b98845")))
    left = rng.uniform(-0.2, 0.2)
    easel.blob(left + 0.45, horizon - 0.12, 0.5, 0.17, shade(sofa, 0.85), 0.04, 14)
    easel.box(left, horizon - 0.06, left + 0.9, horizon + 0.07, sofa)
    for i in range(2):
        easel.blob(left + 0.25 + 0.42 * i, horizon - 0.05, 0.22, 0.055, shade(sofa, 1.15), 0.05, 12)
    easel.blob(left + 0.02, horizon - 0.02, 0.09, 0.12, shade(sofa, 1.05), 0.05)
    easel.blob(left + 0.88, horizon - 0.02, 0.09, 0.12, shade(sofa, 0.95), 0.05)
    easel.blob(left + rng.uniform(0.2, 0.7), horizon - 0.1, 0.08, 0.07, rgb(rng.choice(("#e0b04f", "#d9d2c0", "#b2584a"))), 0.08, 5)
    rug = rgb(rng.choice(("#b4605a", "#57748c", "#d1c2a2")))
    easel.disc(0.5, 0.92, 0.62, 0.17, shade(rug, 0.9))
    easel.disc(0.5, 0.92, 0.55, 0.14, shade(rug, 1.12))
    easel.disc(0.5, 0.92, 0.5, 0.12, rug)
    easel.soften(0.007)


def _snow(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#a8bed3", "#e9e4e4"))
    for _ in range(9):
        x, top, w = rng.random(), horizon - rng.uniform(0.18, 0.36), rng.uniform(0.05, 0.09)
        for i in range(4):
            y = top + (horizon - top) * i / 4
            half = w * (i + 1) / 4
            easel.polygon([(x, y - 0.03), (x + half, y + 0.09), (x - half, y + 0.09)], shade(rgb("#5f7d80"), 0.9 + 0.06 * i))
            easel.polygon([(x, y - 0.03), (x + half * 0.7, y + 0.04), (x - half * 0.8, y + 0.05)], rgb("#e4ecf0"))
    easel.soften(0.009)
    easel.hill(horizon, 0.012, rgb("#dde6ef"))
    easel.hill(horizon + 0.12, 0.02, rgb("#e8eef4"))
    easel.hill(horizon + 0.26, 0.02, rgb("#f2f5f8"))
    easel.dabs(*easel.scatter(120, 0, horizon, 1, 1), _tones("#c9d8e8", "#ffffff"), length=0.04, width=0.004, spread=0.15, jitter=0.02)
    easel.soften(0.004)
    easel.dabs(*easel.scatter(90, 0, 0, 1, 0.95), _tones("#ffffff"), length=0.005, width=0.005)


def _beach(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    low = horizon + 0.03
    easel.gradient(0, horizon - 0.16, _tones("#79b4d9", "#cfe6ea"))
    easel.gradient(horizon - 0.16, low, _tones("#3f86a6", "#7cc1bf"))
    easel.dabs(*easel.scatter(70, 0, horizon - 0.15, 1, low), _tones("#a5d6d3", "#3b7c9b", "#e9f5f0"), length=0.04, width=0.003, spread=0.05)
    if rng.random() < 0.6:
        x = rng.choice((0.14, 0.85))
        easel.polygon([(x, horizon - 0.32), (x + 0.1, horizon - 0.14), (x, horizon - 0.14)], rgb("#f7f2e4"))
        easel.polygon([(x - 0.07, horizon - 0.13), (x + 0.12, horizon - 0.13), (x + 0.07, horizon - 0.1), (x - 0.04, horizon - 0.1)], rgb("#a84a3c"))
    easel.hill(low - 0.01, 0.006, rgb("#f4f4ec"))
    easel.hill(low + 0.012, 0.006, rgb("#c8ab7c"))
    easel.hill(low + 0.05, 0.01, rgb("#e0c894"))
    easel.dabs(*easel.scatter(160, 0, low + 0.05, 1, 1), _tones("#e9d4a3", "#cdb07c", "#d8bd8a"), length=0.04, width=0.006, spread=0.15, jitter=0.03)
    easel.soften(0.006)
    easel.dabs(*easel.scatter(26, 0, low + 0.08, 1, 1), _tones("#f7ece0", "#c98d7d", "#8d8378"), length=0.008, width=0.006, spread=2)


def _night_garden(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#24305c", "#3d5087", "#66709c"))
    x = rng.choice((rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.9)))
    easel.disc(x, 0.15, 0.1, 0.1, rgb("#4d5e95"))
    easel.soften(0.03)
    easel.disc(x, 0.15, 0.055, 0.055, rgb("#f3ecc8"))
    easel.dabs(*easel.scatter(40, 0, 0, 1, horizon * 0.7), _tones("#e8e6f5", "#9fb0e0"), length=0.0035, width=0.0035)
    for _ in range(6):
        easel.foliage(rng.random(), horizon - rng.uniform(0.0, 0.12), rng.uniform(0.09, 0.16), _tones("#2f4d5c", "#3b6269"), 50)
    easel.soften(0.008)
    _grass(easel, horizon, _tones("#3b625e", "#47756a", "#315654", "#5b8a77"))
    lamp = rng.choice((0.12, 0.88))
    easel.box(lamp - 0.006, horizon - 0.28, lamp + 0.006, horizon + 0.04, rgb("#20242f"))
    easel.disc(lamp, horizon - 0.3, 0.035, 0.04, rgb("#ffd98a"))
    easel.soften(0.004)
    easel.dabs(*easel.scatter(22, 0, 0.3, 1, 0.95), _tones("#fff0a0", "#ffe27a"), length=0.005, width=0.005)


def _autumn_wood(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#e9c98f", "#f2dfb4"))
    for i in range(11):
        near = i / 10
        easel.trunk(rng.random(), 0, horizon + 0.05 * near, 0.018 + 0.03 * near, shade(rgb("#7d5f50"), 1.3 - 0.55 * near))
    leaves = _tones("#c47a3c", "#d8a04a", "#b0623c", "#d2b562")
    for _ in range(7):
        easel.foliage(rng.random(), rng.uniform(0.02, 0.22), rng.uniform(0.1, 0.17), leaves, 60)
    easel.soften(0.013)
    easel.gradient(horizon, 1, _tones("#a9763f", "#8b5a32"))
    for i in range(4):
        low, high = horizon + (1 - horizon) * i / 4, horizon + (1 - horizon) * (i + 1) / 4
        easel.dabs(*easel.scatter(110, 0, low, 1, high), _tones("#b9783f", "#c48d4a", "#a5663a", "#93613a"), length=0.012 + 0.006 * i, width=0.005 + 0.003 * i, spread=2, jitter=0.05)
    easel.soften(0.006)
    easel.dabs(*easel.scatter(14, 0, 0.1, 1, 0.9), leaves, length=0.016, width=0.008, spread=2)


def _kitchen(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    tile = rgb(rng.choice(("#cfe0dc", "#e8dcc4", "#bcd0dc")))
    easel.gradient(0, horizon, [shade(tile, 1.05), shade(tile, 0.92)])
    for i in range(12):
        easel.box(i / 11, 0, i / 11 + 0.004, horizon, shade(tile, 0.88))
        easel.box(0, i / 11, 1, i / 11 + 0.004, shade(tile, 0.88))
    front = rgb(rng.choice(("#6f8f88", "#c9734f", "#46617c", "#d8c9a0")))
    easel.box(0, horizon - 0.26, 1, horizon - 0.22, rgb("#8a6141"))
    easel.box(0, horizon - 0.22, 1, horizon, front)
    for i in range(4):
        x = 0.25 * i + 0.015
        easel.box(x, horizon - 0.2, x + 0.22, horizon - 0.02, shade(front, 0.9))
        easel.box(x + 0.015, horizon - 0.185, x + 0.205, horizon - 0.035, shade(front, 1.06))
        easel.disc(x + 0.19, horizon - 0.12, 0.01, 0.01, rgb("#e0d2a6"))
    for _ in range(4):
        x, y, c = rng.random(), horizon - 0.26, rgb(rng.choice(("#b5533f", "#e6e1d4", "#d9a441", "#57786a")))
        easel.blob(x, y - 0.045, 0.035, 0.05, c, 0.05)
        easel.disc(x, y - 0.085, 0.025, 0.008, shade(c, 0.7))
    light, dark = shade(tile, 1.04), rgb(rng.choice(("#8d9aa0", "#b98d6c", "#7d8a78")))
    rows = 5
    for r in range(rows):
        y0, y1 = (horizon + (1 - horizon) * (k / rows) ** 1.4 for k in (r, r + 1))
        w0, w1 = 0.11 * (1 + 1.3 * (y0 - horizon) / (1 - horizon)), 0.11 * (1 + 1.3 * (y1 - horizon) / (1 - horizon))
        for i in range(-6, 6):
            easel.polygon([(0.5 + i * w0, y0), (0.5 + (i + 1) * w0, y0), (0.5 + (i + 1) * w1, y1), (0.5 + i * w1, y1)], light if (i + r) % 2 else dark)
    easel.soften(0.008)


def _studio(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    cloth = rgb(rng.choice(("#b9a48a", "#7f94a6", "#a88a95", "#8e9c80", "#6b6670")))
    easel.gradient(0, 1, [shade(cloth, 0.82), shade(cloth, 1.1), shade(cloth, 0.98)])
    for _ in range(3):
        easel.blob(rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.5), 0.36, 0.3, shade(cloth, rng.uniform(1.06, 1.16)))
    easel.dabs(*easel.scatter(130, 0, 0, 1, 1), [shade(cloth, 0.94), shade(cloth, 1.08)], length=0.09, width=0.016, spread=1.5, jitter=0.03)
    easel.soften(0.025)
    easel.gradient(min(0.97, horizon + 0.38), 1, [shade(cloth, 0.96), shade(cloth, 0.8)])
    easel.soften(0.02)


def _street(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#b7cbd8", "#ece1cf"))
    x = -0.05
    while x < 1:
        w, top = rng.uniform(0.16, 0.27), rng.uniform(-0.05, 0.16)
        house = rgb(rng.choice(("#c98b6b", "#d9c49a", "#a9b5a2", "#b77d74", "#8fa2b0", "#e0d3bd")))
        easel.box(x, top, x + w, horizon, house)
        easel.polygon([(x - 0.01, top), (x + w / 2, top - 0.1), (x + w + 0.01, top)], shade(house, 0.6))
        for row in range(3):
            for col in range(2):
                wx, wy = x + w * (0.16 + 0.42 * col), top + 0.05 + 0.14 * row
                easel.box(wx - 0.008, wy - 0.008, wx + w * 0.26 + 0.008, wy + 0.088, (0.93, 0.91, 0.86))
                easel.box(wx, wy, wx + w * 0.26, wy + 0.08, rgb(rng.choice(("#54626f", "#6f7d84", "#e8c77a"))))
        x += w
    for tree in (rng.uniform(0, 0.25), rng.uniform(0.75, 1)):
        easel.trunk(tree, horizon - 0.24, horizon + 0.02, 0.02, rgb("#6a5547"))
        easel.foliage(tree, horizon - 0.28, 0.1, _tones("#6f8f56", "#86a35d"), 50)
    easel.soften(0.011)
    easel.gradient(horizon, 1, _tones("#a39c94", "#8a847f"))
    rows = 9
    for r in range(rows):
        y = horizon + (1 - horizon) * (r / rows) ** 1.35
        step = 0.07 + 0.09 * (y - horizon) / (1 - horizon)
        for i in range(-1, int(1 / step) + 2):
            c = shade(rgb("#b0a79c"), rng.uniform(0.88, 1.08))
            easel.blob((i + 0.5 * (r % 2)) * step, y + 0.02, step * 0.46, 0.012 + 0.016 * r / rows, c, 0.08, 6)
    easel.soften(0.005)


def _lake(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    shore = horizon + 0.04
    easel.gradient(0, horizon, _tones("#e5a982", "#f3d3a8", "#f7e7c9"))
    for depth, colour in ((0.3, "#a3a3c2"), (0.2, "#8490b4")):
        x = -0.15
        while x < 1.1:
            w, h = rng.uniform(0.25, 0.45), depth * rng.uniform(0.7, 1.1)
            y = horizon - 0.1
            easel.polygon([(x, y), (x + w / 2, y - h), (x + w, y)], rgb(colour))
            easel.polygon([(x + w * 0.4, y - h * 0.8), (x + w / 2, y - h), (x + w * 0.6, y - h * 0.8), (x + w * 0.5, y - h * 0.7)], rgb("#efe6e2"))
            x += w * 0.6
    easel.hill(horizon - 0.12, 0.012, rgb("#5f7569"), 4)
    easel.gradient(horizon - 0.09, shore, _tones("#7f93ae", "#c3b5ab"))
    easel.dabs(*easel.scatter(60, 0, horizon - 0.08, 1, shore), _tones("#f4d9b0", "#6f86a6"), length=0.05, width=0.003, spread=0.04)
    easel.soften(0.008)
    _grass(easel, shore, _tones("#8d8a4f", "#a09b58", "#767843", "#b9a965"))
    for _ in range(12):
        easel.blob(rng.random(), rng.uniform(shore, 1), rng.uniform(0.02, 0.05), rng.uniform(0.012, 0.022), shade(rgb("#9a948c"), rng.uniform(0.8, 1.15)))
    easel.soften(0.004)


def _orchard(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#b9d6e6", "#f1ecee"))
    easel.hill(horizon - 0.06, 0.015, rgb("#a9c39a"))
    for i in range(5):
        x = (i + rng.uniform(0.2, 0.8)) / 5
        easel.trunk(x, horizon - 0.3, horizon + 0.02, 0.03, rgb("#6d5349"))
        for _ in range(3):
            easel.foliage(x + rng.uniform(-0.09, 0.09), horizon - rng.uniform(0.26, 0.46), 0.1, _tones("#f3c3d1", "#e79fb8", "#fbe6ea"), 60)
    easel.soften(0.009)
    _grass(easel, horizon, _tones("#8fb26a", "#a6c47c", "#7aa05d"), 320)
    easel.dabs(*easel.scatter(90, 0, horizon, 1, 1), _tones("#f6d2dc", "#efb0c4", "#fdf0f2"), length=0.008, width=0.005, spread=2)
    easel.soften(0.003)
    easel.dabs(*easel.scatter(16, 0, 0.05, 1, 0.9), _tones("#f9dbe4", "#f1b9cb"), length=0.01, width=0.006, spread=2)


def _attic(easel: Easel, horizon: float) -> None:
    rng = easel.rng
    easel.gradient(0, horizon, _tones("#6b4f3d", "#8a6a50"))
    for i in range(9):
        easel.box(i / 8, 0, i / 8 + 0.006, horizon, rgb("#5a4233"))
    x = rng.choice((0.12, 0.36, 0.6))
    easel.box(x - 0.02, 0.08, x + 0.3, 0.43, rgb("#4f392b"))
    easel.box(x, 0.1, x + 0.28, 0.41, rgb("#fbe6b4"))
    easel.box(x + 0.133, 0.1, x + 0.147, 0.41, rgb("#4f392b"))
    easel.box(x, 0.25, x + 0.28, 0.262, rgb("#4f392b"))
    shelf = (x + 0.5) % 1.0 - 0.08
    for row in (0.2, 0.36):
        easel.box(shelf, row, shelf + 0.34, row + 0.018, rgb("#463225"))
        at = shelf
        while at < shelf + 0.32:
            w, h = rng.uniform(0.018, 0.035), rng.uniform(0.07, 0.11)
            easel.box(at, row - h, at + w, row, rgb(rng.choice(("#8f3f36", "#3f5f6b", "#b58b45", "#5d6b48", "#d9c9a6", "#6b4660"))))
            at += w
    _boards(easel, horizon, rgb("#8f6644"))
    easel.polygon([(x + 0.02, horizon), (x + 0.26, horizon), (x + 0.52, 1), (x + 0.06, 1)], rgb("#c9a06a"))
    easel.soften(0.011)


def _blades(codes: tuple[str, ...]) -> Painter:
    """Grass in front of the paws."""

    def paint(easel: Easel, ground: float) -> None:
        xs, ys = easel.scatter(110, 0, ground + 0.01, 1, 1.03)
        easel.dabs(xs, ys, _tones(*codes), length=0.022, width=0.0035, angle=math.pi / 2, spread=0.3)

    return paint


def _drift(easel: Easel, ground: float) -> None:
    """Snow in front of the paws."""
    for _ in range(7):
        easel.blob(easel.rng.random(), ground + easel.rng.uniform(0.035, 0.06), 0.13, 0.022, (0.95, 0.965, 0.985))


def _leaves(easel: Easel, ground: float) -> None:
    xs, ys = easel.scatter(34, 0, ground + 0.005, 1, 1)
    easel.dabs(xs, ys, _tones("#c8702b", "#e0a03a", "#a8482a", "#d9bb4e"), length=0.018, width=0.009, spread=2)


def _nothing(easel: Easel, ground: float) -> None:
    """A bare floor."""


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


SCENES: tuple[Scene, ...] = (
    #     name            behind         in front of the paws                               sun                sky
    Scene("meadow",       _meadow,       _blades(("#6f9f45", "#86b552", "#4f8038")),        (1.10, 1.07, 0.98), (0.76, 0.82, 0.94)),
    Scene("living_room",  _living_room,  _nothing,                                          (1.10, 1.05, 0.95), (0.86, 0.78, 0.80)),
    Scene("snow",         _snow,         _drift,                                            (1.08, 1.08, 1.06), (0.80, 0.86, 1.04)),
    Scene("beach",        _beach,        _nothing,                                          (1.14, 1.09, 0.98), (0.84, 0.84, 0.96)),
    Scene("night_garden", _night_garden, _blades(("#3b625e", "#47756a", "#315654")),        (1.05, 1.05, 1.10), (0.72, 0.75, 0.98)),
    Scene("autumn_wood",  _autumn_wood,  _leaves,                                           (1.13, 1.03, 0.88), (0.86, 0.74, 0.74)),
    Scene("kitchen",      _kitchen,      _nothing,                                          (1.08, 1.06, 1.00), (0.82, 0.82, 0.90)),
    Scene("studio",       _studio,       _nothing,                                          (1.10, 1.07, 1.02), (0.74, 0.72, 0.80)),
    Scene("street",       _street,       _nothing,                                          (1.08, 1.05, 0.99), (0.80, 0.80, 0.92)),
    Scene("lake",         _lake,         _blades(("#8d8a4f", "#a09b58", "#767843")),        (1.14, 1.01, 0.86), (0.82, 0.74, 0.86)),
    Scene("orchard",      _orchard,      _blades(("#8fb26a", "#a6c47c", "#7aa05d")),        (1.09, 1.06, 1.02), (0.82, 0.82, 0.94)),
    Scene("attic",        _attic,        _nothing,                                          (1.10, 0.99, 0.82), (0.74, 0.64, 0.70)),
)  # fmt: skip
