"""Places indoors.

Every painter fills the picture; `horizon` is where the ground begins, as a share of the height.
"""

from __future__ import annotations

from imgsearch.sample.brushes import Easel, shade, tones
from imgsearch.sample.palettes import RGB, rgb


def boards(easel: Easel, top: float, colour: RGB) -> None:
    """A wooden floor running to the back."""
    easel.gradient(top, 1, [shade(colour, 0.86), shade(colour, 1.06)])
    for i in range(-9, 20):
        x = i / 10 + easel.rng.uniform(-0.008, 0.008)
        spread = 0.5 + (x - 0.5) * 2.1
        easel.polygon([(x, top), (x + 0.003, top), (spread + 0.008, 1), (spread, 1)], shade(colour, 0.78))
    xs, ys = easel.scatter(90, 0, top, 1, 1)
    easel.dabs(xs, ys, [shade(colour, 0.92), shade(colour, 1.1)], length=0.05, width=0.003, spread=0.12, jitter=0.04)


def living_room(easel: Easel, horizon: float) -> None:
    """A sofa, a picture, a rug."""
    rng = easel.rng
    wall = rgb(rng.choice(("#d9c7a8", "#a9b8a4", "#c9a594", "#93a7b5")))
    easel.gradient(0, horizon, [shade(wall, 1.08), shade(wall, 0.9)])
    x = rng.uniform(0.1, 0.65)
    easel.box(x, 0.06, x + 0.24, 0.28, rgb("#6d4c35"))
    easel.box(x + 0.015, 0.075, x + 0.225, 0.265, rgb("#d5dfd2"))
    easel.blob(x + 0.12, 0.22, 0.09, 0.05, rgb("#7d9b7e"))
    boards(easel, horizon, rgb("#a97b52"))
    sofa = rgb(rng.choice(("#4f7480", "#8f4a44", "#7a7f58", "#b98845")))
    left = rng.uniform(-0.2, 0.2)
    easel.blob(left + 0.45, horizon - 0.12, 0.5, 0.17, shade(sofa, 0.85), 0.04, 14)
    easel.box(left, horizon - 0.06, left + 0.9, horizon + 0.07, sofa)
    for i in range(2):
        easel.blob(left + 0.25 + 0.42 * i, horizon - 0.05, 0.22, 0.055, shade(sofa, 1.15), 0.05, 12)
    easel.blob(left + 0.02, horizon - 0.02, 0.09, 0.12, shade(sofa, 1.05), 0.05)
    easel.blob(left + 0.88, horizon - 0.02, 0.09, 0.12, shade(sofa, 0.95), 0.05)
    easel.blob(
        left + rng.uniform(0.2, 0.7),
        horizon - 0.1,
        0.08,
        0.07,
        rgb(rng.choice(("#e0b04f", "#d9d2c0", "#b2584a"))),
        0.08,
        5,
    )
    rug = rgb(rng.choice(("#b4605a", "#57748c", "#d1c2a2")))
    easel.disc(0.5, 0.92, 0.62, 0.17, shade(rug, 0.9))
    easel.disc(0.5, 0.92, 0.55, 0.14, shade(rug, 1.12))
    easel.disc(0.5, 0.92, 0.5, 0.12, rug)
    easel.soften(0.007)


def kitchen(easel: Easel, horizon: float) -> None:
    """Tiles, cupboards and a chequered floor."""
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
            easel.polygon(
                [(0.5 + i * w0, y0), (0.5 + (i + 1) * w0, y0), (0.5 + (i + 1) * w1, y1), (0.5 + i * w1, y1)],
                light if (i + r) % 2 else dark,
            )
    easel.soften(0.008)


def studio(easel: Easel, horizon: float) -> None:
    """A photographer's backdrop."""
    rng = easel.rng
    cloth = rgb(rng.choice(("#b9a48a", "#7f94a6", "#a88a95", "#8e9c80", "#6b6670")))
    easel.gradient(0, 1, [shade(cloth, 0.82), shade(cloth, 1.1), shade(cloth, 0.98)])
    for _ in range(3):
        easel.blob(rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.5), 0.36, 0.3, shade(cloth, rng.uniform(1.06, 1.16)))
    easel.dabs(
        *easel.scatter(130, 0, 0, 1, 1),
        [shade(cloth, 0.94), shade(cloth, 1.08)],
        length=0.09,
        width=0.016,
        spread=1.5,
        jitter=0.03,
    )
    easel.soften(0.025)
    easel.gradient(min(0.97, horizon + 0.38), 1, [shade(cloth, 0.96), shade(cloth, 0.8)])
    easel.soften(0.02)


def attic(easel: Easel, horizon: float) -> None:
    """A window under the roof, and books."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#6b4f3d", "#8a6a50"))
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
            easel.box(
                at,
                row - h,
                at + w,
                row,
                rgb(rng.choice(("#8f3f36", "#3f5f6b", "#b58b45", "#5d6b48", "#d9c9a6", "#6b4660"))),
            )
            at += w
    boards(easel, horizon, rgb("#8f6644"))
    easel.polygon([(x + 0.02, horizon), (x + 0.26, horizon), (x + 0.52, 1), (x + 0.06, 1)], rgb("#c9a06a"))
    easel.soften(0.011)
