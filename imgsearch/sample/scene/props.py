"""Things that lie about: a ball, a flower pot, yarn, a basket, a cushion, a box. Drawn for any breed alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

from imgsearch.sample.brushes import Easel, shade
from imgsearch.sample.palettes import RGB, rgb

# second to fourth argument: middle and foot of the thing, and its width; shares of the picture's side
Prop = Callable[[Easel, float, float, float], None]
_PAINTS: tuple[RGB, ...] = tuple(
    rgb(code) for code in ("#c2503f", "#3f7f8c", "#d9a53f", "#7a8f52", "#8a5a86", "#d8cdb8", "#4f6aa0")
)


def _paint(rng: Random) -> RGB:
    return rng.choice(_PAINTS)


def _round(easel: Easel, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
    """A body lit from above: rings from dark to light, moving up."""
    for i in range(8):
        t = i / 8
        easel.disc(x - 0.12 * rx * t, y - 0.3 * ry * t, rx * (1 - t), ry * (1 - t), shade(colour, 0.66 + 0.62 * t))


def _ground(easel: Easel, x: float, y: float, width: float) -> None:
    """Where the thing stands: a thin dark edge under it."""
    easel.disc(x, y, 0.56 * width, 0.1 * width, (0.24, 0.2, 0.2))


def _ball(easel: Easel, x: float, y: float, width: float) -> None:
    colour, r = _paint(easel.rng), width * 0.42
    _ground(easel, x, y, width * 0.8)
    _round(easel, x, y - r, r, r, colour)
    for i in range(9):
        a = math.pi * (0.2 + 0.6 * i / 8)
        easel.disc(x + r * 0.9 * math.cos(a), y - r * (0.62 + 0.5 * math.sin(a)), r * 0.1, r * 0.1, (0.95, 0.92, 0.85))


def _yarn(easel: Easel, x: float, y: float, width: float) -> None:
    colour, r = _paint(easel.rng), width * 0.4
    _ground(easel, x, y, width * 0.8)
    _round(easel, x, y - r, r, r, colour)
    s = easel.size
    for i in range(14):
        tilt, reach = easel.rng.uniform(0.25, 0.95), r * easel.rng.uniform(0.55, 0.98)
        ink = shade(colour, easel.rng.choice((0.7, 1.3)))
        fill = tuple(round(255 * c) for c in ink)
        box = [(x - reach) * s, (y - r - reach * tilt) * s, (x + reach) * s, (y - r + reach * tilt) * s]
        easel.pen.arc(box, 30 * i, 30 * i + 120, fill=fill, width=max(2, round(0.003 * s)))


def _pot(easel: Easel, x: float, y: float, width: float) -> None:
    clay, w = rgb("#b8694a"), width * 0.36
    _ground(easel, x, y, width * 0.7)
    for i in range(8):
        t = i / 8
        c = shade(clay, 0.7 + 0.5 * math.sin(math.pi * (0.15 + 0.6 * t)))
        left, right = x - w + 2 * w * t, x - w + 2 * w * (t + 0.13)
        easel.polygon(
            [(left, y - 1.5 * w), (right, y - 1.5 * w), (x + (right - x) * 0.72, y), (x + (left - x) * 0.72, y)], c
        )
    easel.box(x - 1.1 * w, y - 1.75 * w, x + 1.1 * w, y - 1.42 * w, shade(clay, 0.98))
    leaves = [rgb("#4f7f45"), rgb("#6c9a52")]
    easel.foliage(x, y - 2.3 * w, 1.15 * w, leaves, 40)
    bloom = _paint(easel.rng)
    for _ in range(9):
        bx, by = x + easel.rng.uniform(-1.1, 1.1) * w, y - easel.rng.uniform(1.8, 3.2) * w
        easel.disc(bx, by, 0.2 * w, 0.2 * w, shade(bloom, 1.1))
        easel.disc(bx, by, 0.07 * w, 0.07 * w, (0.96, 0.86, 0.5))


def _basket(easel: Easel, x: float, y: float, width: float) -> None:
    cane, w = rgb("#b08a54"), width * 0.55
    _ground(easel, x, y, width * 1.05)
    easel.disc(x, y - 0.62 * w, w, 0.24 * w, shade(cane, 0.6))
    for row in range(4):
        for i in range(9):
            t = (i + 0.5) / 9
            c = shade(cane, (0.8 + 0.35 * math.sin(math.pi * t)) * (1.0 if (i + row) % 2 else 0.84))
            easel.blob(
                x - w + 2 * w * t,
                y - 0.52 * w + 0.15 * w * row + 0.08 * w * math.sin(math.pi * t),
                0.12 * w,
                0.085 * w,
                c,
                0.05,
                6,
            )
    easel.blob(x, y - 0.66 * w, 0.8 * w, 0.15 * w, shade(_paint(easel.rng), 1.05), 0.08)


def _cushion(easel: Easel, x: float, y: float, width: float) -> None:
    colour = _paint(easel.rng)
    _ground(easel, x, y, width * 1.1)
    easel.blob(x, y - 0.2 * width, 0.6 * width, 0.22 * width, shade(colour, 0.78), 0.05, 8)
    easel.blob(x - 0.02 * width, y - 0.24 * width, 0.54 * width, 0.16 * width, colour, 0.05, 8)
    easel.blob(x - 0.06 * width, y - 0.28 * width, 0.4 * width, 0.08 * width, shade(colour, 1.15), 0.05, 8)


def _box(easel: Easel, x: float, y: float, width: float) -> None:
    card, w = rgb("#b98f62"), width * 0.5
    _ground(easel, x, y, width)
    easel.box(x - w, y - 1.1 * w, x + w, y, card)
    easel.polygon(
        [(x - w, y - 1.1 * w), (x + w, y - 1.1 * w), (x + 0.8 * w, y - 1.4 * w), (x - 0.8 * w, y - 1.4 * w)],
        shade(card, 0.55),
    )
    easel.polygon(
        [(x - w, y - 1.1 * w), (x - 1.5 * w, y - 0.95 * w), (x - 1.3 * w, y - 1.3 * w), (x - 0.8 * w, y - 1.4 * w)],
        shade(card, 1.12),
    )
    easel.box(x - 0.08 * w, y - 1.1 * w, x + 0.08 * w, y, shade(card, 1.15))


PROPS: tuple[Prop, ...] = (_ball, _yarn, _pot, _basket, _cushion, _box)


def place_prop(easel: Easel, ground: float) -> None:
    """One thing beside the animal, a little behind its paws; `ground`: row of the paws, share of the height."""
    rng = easel.rng
    x = rng.choice((rng.uniform(0.08, 0.2), rng.uniform(0.8, 0.92)))
    rng.choice(PROPS)(easel, x, ground - rng.uniform(0.04, 0.09), rng.uniform(0.13, 0.18))


def clutter(easel: Easel, ground: float, n: int) -> None:
    """n things all over the floor, far ones first; `ground`: row of the nearest."""
    rng = easel.rng
    for i in range(n):
        row = ground - 0.27 * (1 - i / n)
        rng.choice(PROPS)(easel, rng.uniform(0.03, 0.97), row, rng.uniform(0.09, 0.14) * (0.65 + 0.6 * i / n))
