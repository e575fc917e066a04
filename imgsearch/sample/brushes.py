"""Brushes for the scenes: dabs, blobs, hills, gradients on an 8-bit picture; positions are shares of its side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from imgsearch.sample.animal.sculpture import Array, catmull_rom
from imgsearch.sample.palettes import RGB, rgb


def shade(colour: RGB, factor: float) -> RGB:
    """Lighter (factor > 1) or darker (factor < 1), clipped to 0..1."""
    r, g, b = (min(1.0, max(0.0, c * factor)) for c in colour)
    return r, g, b


def tones(*codes: str) -> list[RGB]:
    """Several `#rrggbb` as colours."""
    return [rgb(code) for code in codes]


class Easel:
    """A square RGB picture of `size` pixels and the brushes to paint it; y = 0 is the top."""

    def __init__(self, size: int, rng: Random, image: Image.Image | None = None) -> None:
        self.size = size
        self.rng = rng
        self.numbers = np.random.default_rng(rng.randrange(1 << 30))
        self.image = Image.new("RGB", (size, size)) if image is None else image
        self.pen = ImageDraw.Draw(self.image)

    def _bytes(self, colour: RGB, jitter: float = 0.0) -> tuple[int, int, int]:
        factor = 255 * (1 + self.rng.uniform(-jitter, jitter))
        r, g, b = (min(255, max(0, round(c * factor))) for c in colour)
        return r, g, b

    def gradient(self, top: float, bottom: float, stops: Sequence[RGB]) -> None:
        """Fill the rows from top to bottom, from the first colour to the last."""
        first, last = round(top * self.size), round(bottom * self.size)
        if last <= first:
            return
        at = np.linspace(0, len(stops) - 1, last - first)
        column = np.stack([np.interp(at, range(len(stops)), [s[i] for s in stops]) for i in range(3)], axis=-1)
        strip = Image.fromarray((np.clip(column, 0, 1) * 255).astype(np.uint8)[:, None, :])
        self.image.paste(strip.resize((self.size, last - first)), (0, first))

    def polygon(self, points: Sequence[tuple[float, float]], colour: RGB) -> None:
        """Filled polygon."""
        self.pen.polygon([(x * self.size, y * self.size) for x, y in points], fill=self._bytes(colour))

    def box(self, left: float, top: float, right: float, bottom: float, colour: RGB) -> None:
        """Filled rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: RGB) -> None:
        """Filled ellipse."""
        s = self.size
        self.pen.ellipse([(x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s], fill=self._bytes(colour))

    def blob(self, x: float, y: float, rx: float, ry: float, colour: RGB, wobble: float = 0.12, n: int = 9) -> None:
        """Rounded shape with an uneven, smooth outline."""
        knots = []
        for i in range(n):
            a, r = 2 * math.pi * i / n, 1 + self.rng.uniform(-wobble, wobble)
            knots.append(np.array([x + rx * r * math.cos(a), y + ry * r * math.sin(a)]))
        outline = catmull_rom([*knots, knots[0]], 5 * n) * self.size
        self.pen.polygon(outline.ravel().tolist(), fill=self._bytes(colour))

    def hill(self, y: float, height: float, colour: RGB, waves: float = 2.0) -> None:
        """Ground from an uneven skyline at about `y` down to the bottom."""
        x = np.linspace(0, 1, 48)
        line = np.full_like(x, y)
        for k in range(1, 5):
            line += height / k * np.sin(x * waves * k * 3.1 + self.rng.uniform(0, 6.3))
        points = np.concatenate([np.stack([x, line], axis=-1), [[1, 1.01], [0, 1.01]]]) * self.size
        self.pen.polygon(points.ravel().tolist(), fill=self._bytes(colour))

    def trunk(self, x: float, top: float, bottom: float, width: float, colour: RGB) -> None:
        """A tree's trunk, a little bent, light on one side."""
        lean = self.rng.uniform(-0.03, 0.03)
        for shift, factor, w in ((0.0, 1.0, width), (-0.22 * width, 1.25, 0.3 * width)):
            above, below = x + lean + shift, x + shift
            thin, thick = w * 0.35, w * 0.6
            corners = [(above - thin, top), (above + thin, top), (below + thick, bottom), (below - thick, bottom)]
            self.polygon(corners, shade(colour, factor))

    def dabs(
        self, xs: Array, ys: Array, colours: Sequence[RGB], *, length: float, width: float, angle: float = 0.0,
        spread: float = 0.4, jitter: float = 0.1,
    ) -> None:  # fmt: skip
        """Short lens-shaped strokes at the given places (any shape (n,)), far ones (small y) first.

        Args:
            angle: Direction in radians, 0 to the right, pi/2 up; `spread`: its standard deviation.
            jitter: Standard deviation of the brightness.
        """
        order = np.argsort(ys, kind="stable")
        xs, ys = xs[order], ys[order]
        n = len(xs)
        a = self.numbers.normal(angle, spread, n)
        along = np.stack([np.cos(a), -np.sin(a)]) * (length * self.numbers.uniform(0.6, 1.3, n))
        across = np.stack([along[1], -along[0]])
        across *= width / (np.sqrt((across**2).sum(axis=0)) + 1e-9)
        centre = np.stack([xs, ys])
        corners = np.stack(
            [centre - along, centre - 0.2 * along + across, centre + along, centre - 0.2 * along - across]
        )
        chosen = np.array(colours)[self.numbers.integers(0, len(colours), n)] * self.numbers.normal(1, jitter, (n, 1))
        fills = (np.clip(chosen, 0, 1) * 255).astype(np.uint8).tolist()
        for polygon, fill in zip((corners.transpose(2, 0, 1).reshape(n, 8) * self.size).tolist(), fills, strict=True):
            self.pen.polygon(polygon, fill=tuple(fill))

    def scatter(self, n: int, left: float, top: float, right: float, bottom: float) -> tuple[Array, Array]:
        """n random places in a box: x and y, each of shape (n,)."""
        xs, ys = self.numbers.uniform(left, right, n), self.numbers.uniform(top, bottom, n)
        return xs.astype(np.float32), ys.astype(np.float32)

    def foliage(self, x: float, y: float, radius: float, colours: Sequence[RGB], n: int = 90) -> None:
        """A crown of leaves: dark below, light above."""
        self.blob(x, y, radius, radius * 0.85, shade(colours[0], 0.7), 0.2)
        xs = (x + self.numbers.normal(0, radius * 0.55, n)).astype(np.float32)
        ys = (y + self.numbers.normal(0, radius * 0.5, n)).astype(np.float32)
        low = ys > y
        for side, factor in ((low, 0.8), (~low, 1.1)):
            self.dabs(xs[side], ys[side], [shade(c, factor) for c in colours], length=0.022, width=0.011, spread=1.5)

    def soften(self, radius: float) -> None:
        """Blur everything painted so far (radius as a share of the side): what is far, is out of focus."""
        sigma = radius * self.size
        # a box blur of the same width costs a third, and its corners do not show while it is small
        blur = ImageFilter.BoxBlur(1.7 * sigma) if sigma < 4 else ImageFilter.GaussianBlur(sigma)
        self.image = self.image.filter(blur)
        self.pen = ImageDraw.Draw(self.image)
