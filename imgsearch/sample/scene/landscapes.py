"""Places out of doors.

Every painter fills the picture; `horizon` is where the ground begins, as a share of the height.
"""

from __future__ import annotations

import math

from imgsearch.sample.brushes import Easel, shade, tones
from imgsearch.sample.palettes import RGB, rgb


def grass(easel: Easel, top: float, colours: list[RGB], n: int = 420) -> None:
    """A lawn in perspective: blades grow towards the viewer."""
    easel.gradient(top, 1, [shade(colours[0], 1.08), shade(colours[0], 0.82)])
    for i in range(4):
        low, high = top + (1 - top) * i / 4, top + (1 - top) * (i + 1) / 4
        easel.dabs(
            *easel.scatter(n // 4, 0, low, 1, high), colours, length=0.012 + 0.012 * i, width=0.003 + 0.0015 * i,
            angle=math.pi / 2, spread=0.35,
        )  # fmt: skip


def meadow(easel: Easel, horizon: float) -> None:
    """A meadow under summer clouds."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#8fc0e0", "#d8ebee"))
    for _ in range(4):
        x, y = rng.random(), rng.uniform(0.06, 0.3)
        for _ in range(5):
            easel.blob(x + rng.uniform(-0.1, 0.1), y + rng.uniform(-0.015, 0.02), 0.07, 0.03, (0.97, 0.97, 0.95))
    easel.hill(horizon - 0.09, 0.03, rgb("#8db596"))
    easel.hill(horizon - 0.03, 0.02, rgb("#79a765"))
    for _ in range(4):
        easel.foliage(rng.random(), horizon - 0.06, rng.uniform(0.05, 0.09), tones("#4f8350", "#6a9c58"), 40)
    easel.soften(0.008)
    grass(easel, horizon, tones("#6f9f45", "#86b552", "#5c8d40", "#a1c463"))
    easel.dabs(
        *easel.scatter(46, 0, horizon + 0.03, 1, 1), tones("#f6e36a", "#f4f0e6", "#e59ab5"), length=0.007, width=0.007
    )


def snow(easel: Easel, horizon: float) -> None:
    """Firs and snow, still falling."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#a8bed3", "#e9e4e4"))
    for _ in range(9):
        x, top, w = rng.random(), horizon - rng.uniform(0.18, 0.36), rng.uniform(0.05, 0.09)
        for i in range(4):
            y = top + (horizon - top) * i / 4
            half = w * (i + 1) / 4
            easel.polygon(
                [(x, y - 0.03), (x + half, y + 0.09), (x - half, y + 0.09)], shade(rgb("#5f7d80"), 0.9 + 0.06 * i)
            )
            easel.polygon([(x, y - 0.03), (x + half * 0.7, y + 0.04), (x - half * 0.8, y + 0.05)], rgb("#e4ecf0"))
    easel.soften(0.009)
    easel.hill(horizon, 0.012, rgb("#dde6ef"))
    easel.hill(horizon + 0.12, 0.02, rgb("#e8eef4"))
    easel.hill(horizon + 0.26, 0.02, rgb("#f2f5f8"))
    easel.dabs(
        *easel.scatter(120, 0, horizon, 1, 1),
        tones("#c9d8e8", "#ffffff"),
        length=0.04,
        width=0.004,
        spread=0.15,
        jitter=0.02,
    )
    easel.soften(0.004)
    easel.dabs(*easel.scatter(90, 0, 0, 1, 0.95), tones("#ffffff"), length=0.005, width=0.005)


def beach(easel: Easel, horizon: float) -> None:
    """Sand and sea, now and then a sail."""
    rng = easel.rng
    low = horizon + 0.03
    easel.gradient(0, horizon - 0.16, tones("#79b4d9", "#cfe6ea"))
    easel.gradient(horizon - 0.16, low, tones("#3f86a6", "#7cc1bf"))
    easel.dabs(
        *easel.scatter(70, 0, horizon - 0.15, 1, low),
        tones("#a5d6d3", "#3b7c9b", "#e9f5f0"),
        length=0.04,
        width=0.003,
        spread=0.05,
    )
    if rng.random() < 0.6:
        x = rng.choice((0.14, 0.85))
        easel.polygon([(x, horizon - 0.32), (x + 0.1, horizon - 0.14), (x, horizon - 0.14)], rgb("#f7f2e4"))
        easel.polygon(
            [
                (x - 0.07, horizon - 0.13),
                (x + 0.12, horizon - 0.13),
                (x + 0.07, horizon - 0.1),
                (x - 0.04, horizon - 0.1),
            ],
            rgb("#a84a3c"),
        )
    easel.hill(low - 0.01, 0.006, rgb("#f4f4ec"))
    easel.hill(low + 0.012, 0.006, rgb("#c8ab7c"))
    easel.hill(low + 0.05, 0.01, rgb("#e0c894"))
    easel.dabs(
        *easel.scatter(160, 0, low + 0.05, 1, 1),
        tones("#e9d4a3", "#cdb07c", "#d8bd8a"),
        length=0.04,
        width=0.006,
        spread=0.15,
        jitter=0.03,
    )
    easel.soften(0.006)
    easel.dabs(
        *easel.scatter(26, 0, low + 0.08, 1, 1),
        tones("#f7ece0", "#c98d7d", "#8d8378"),
        length=0.008,
        width=0.006,
        spread=2,
    )


def night_garden(easel: Easel, horizon: float) -> None:
    """A garden with moon, lamp and fireflies."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#24305c", "#3d5087", "#66709c"))
    x = rng.choice((rng.uniform(0.1, 0.3), rng.uniform(0.7, 0.9)))
    easel.disc(x, 0.15, 0.1, 0.1, rgb("#4d5e95"))
    easel.soften(0.03)
    easel.disc(x, 0.15, 0.055, 0.055, rgb("#f3ecc8"))
    easel.dabs(*easel.scatter(40, 0, 0, 1, horizon * 0.7), tones("#e8e6f5", "#9fb0e0"), length=0.0035, width=0.0035)
    for _ in range(6):
        easel.foliage(
            rng.random(), horizon - rng.uniform(0.0, 0.12), rng.uniform(0.09, 0.16), tones("#2f4d5c", "#3b6269"), 50
        )
    easel.soften(0.008)
    grass(easel, horizon, tones("#3b625e", "#47756a", "#315654", "#5b8a77"))
    lamp = rng.choice((0.12, 0.88))
    easel.box(lamp - 0.006, horizon - 0.28, lamp + 0.006, horizon + 0.04, rgb("#20242f"))
    easel.disc(lamp, horizon - 0.3, 0.035, 0.04, rgb("#ffd98a"))
    easel.soften(0.004)
    easel.dabs(*easel.scatter(22, 0, 0.3, 1, 0.95), tones("#fff0a0", "#ffe27a"), length=0.005, width=0.005)


def autumn_wood(easel: Easel, horizon: float) -> None:
    """A wood in October."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#e9c98f", "#f2dfb4"))
    for i in range(11):
        near = i / 10
        easel.trunk(
            rng.random(), 0, horizon + 0.05 * near, 0.018 + 0.03 * near, shade(rgb("#7d5f50"), 1.3 - 0.55 * near)
        )
    leaves = tones("#c47a3c", "#d8a04a", "#b0623c", "#d2b562")
    for _ in range(7):
        easel.foliage(rng.random(), rng.uniform(0.02, 0.22), rng.uniform(0.1, 0.17), leaves, 60)
    easel.soften(0.013)
    easel.gradient(horizon, 1, tones("#a9763f", "#8b5a32"))
    for i in range(4):
        low, high = horizon + (1 - horizon) * i / 4, horizon + (1 - horizon) * (i + 1) / 4
        easel.dabs(
            *easel.scatter(110, 0, low, 1, high),
            tones("#b9783f", "#c48d4a", "#a5663a", "#93613a"),
            length=0.012 + 0.006 * i,
            width=0.005 + 0.003 * i,
            spread=2,
            jitter=0.05,
        )
    easel.soften(0.006)
    easel.dabs(*easel.scatter(14, 0, 0.1, 1, 0.9), leaves, length=0.016, width=0.008, spread=2)


def street(easel: Easel, horizon: float) -> None:
    """Houses and cobbles of an old town."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#b7cbd8", "#ece1cf"))
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
        easel.foliage(tree, horizon - 0.28, 0.1, tones("#6f8f56", "#86a35d"), 50)
    easel.soften(0.011)
    easel.gradient(horizon, 1, tones("#a39c94", "#8a847f"))
    rows = 9
    for r in range(rows):
        y = horizon + (1 - horizon) * (r / rows) ** 1.35
        step = 0.07 + 0.09 * (y - horizon) / (1 - horizon)
        for i in range(-1, int(1 / step) + 2):
            c = shade(rgb("#b0a79c"), rng.uniform(0.88, 1.08))
            easel.blob((i + 0.5 * (r % 2)) * step, y + 0.02, step * 0.46, 0.012 + 0.016 * r / rows, c, 0.08, 6)
    easel.soften(0.005)


def lake(easel: Easel, horizon: float) -> None:
    """A mountain lake in the evening."""
    rng = easel.rng
    shore = horizon + 0.04
    easel.gradient(0, horizon, tones("#e5a982", "#f3d3a8", "#f7e7c9"))
    for depth, colour in ((0.3, "#a3a3c2"), (0.2, "#8490b4")):
        x = -0.15
        while x < 1.1:
            w, h = rng.uniform(0.25, 0.45), depth * rng.uniform(0.7, 1.1)
            y = horizon - 0.1
            easel.polygon([(x, y), (x + w / 2, y - h), (x + w, y)], rgb(colour))
            easel.polygon(
                [
                    (x + w * 0.4, y - h * 0.8),
                    (x + w / 2, y - h),
                    (x + w * 0.6, y - h * 0.8),
                    (x + w * 0.5, y - h * 0.7),
                ],
                rgb("#efe6e2"),
            )
            x += w * 0.6
    easel.hill(horizon - 0.12, 0.012, rgb("#5f7569"), 4)
    easel.gradient(horizon - 0.09, shore, tones("#7f93ae", "#c3b5ab"))
    easel.dabs(
        *easel.scatter(60, 0, horizon - 0.08, 1, shore),
        tones("#f4d9b0", "#6f86a6"),
        length=0.05,
        width=0.003,
        spread=0.04,
    )
    easel.soften(0.008)
    grass(easel, shore, tones("#8d8a4f", "#a09b58", "#767843", "#b9a965"))
    for _ in range(12):
        easel.blob(
            rng.random(),
            rng.uniform(shore, 1),
            rng.uniform(0.02, 0.05),
            rng.uniform(0.012, 0.022),
            shade(rgb("#9a948c"), rng.uniform(0.8, 1.15)),
        )
    easel.soften(0.004)


def orchard(easel: Easel, horizon: float) -> None:
    """Fruit trees in blossom."""
    rng = easel.rng
    easel.gradient(0, horizon, tones("#b9d6e6", "#f1ecee"))
    easel.hill(horizon - 0.06, 0.015, rgb("#a9c39a"))
    for i in range(5):
        x = (i + rng.uniform(0.2, 0.8)) / 5
        easel.trunk(x, horizon - 0.3, horizon + 0.02, 0.03, rgb("#6d5349"))
        for _ in range(3):
            easel.foliage(
                x + rng.uniform(-0.09, 0.09),
                horizon - rng.uniform(0.26, 0.46),
                0.1,
                tones("#f3c3d1", "#e79fb8", "#fbe6ea"),
                60,
            )
    easel.soften(0.009)
    grass(easel, horizon, tones("#8fb26a", "#a6c47c", "#7aa05d"), 320)
    easel.dabs(
        *easel.scatter(90, 0, horizon, 1, 1),
        tones("#f6d2dc", "#efb0c4", "#fdf0f2"),
        length=0.008,
        width=0.005,
        spread=2,
    )
    easel.soften(0.003)
    easel.dabs(*easel.scatter(16, 0, 0.05, 1, 0.9), tones("#f9dbe4", "#f1b9cb"), length=0.01, width=0.006, spread=2)
