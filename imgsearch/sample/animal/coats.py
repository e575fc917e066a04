"""Coat patterns: which tone of the palette each point of the animal wears.

A pattern returns two weights per pixel, `dark` and `light` (0..1): the coat is the base tone, mixed with dark, then
with light. Patterns read only the resting animal (part, position, extremity), so they turn and bend with the body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from imgsearch.sample.animal.breeds import Breed
from imgsearch.sample.animal.sculpture import Array, Part, Relief
from imgsearch.sample.palettes import Palette


def ramp(x: Array, low: float, high: float) -> Array:
    """Smooth step from 0 at low to 1 at high (low > high: falling)."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def wave_noise(points: Array, frequency: float, rng: Random, n_waves: int = 7) -> Array:
    """Smooth noise about in -1..1 at points of shape (3, ...): a sum of plane waves of random direction and phase."""
    total = np.zeros(points.shape[1:], np.float32)
    for _ in range(n_waves):
        k = [rng.gauss(0, 1) for _ in range(3)]
        norm = frequency * rng.uniform(0.6, 1.5) / max(sum(c * c for c in k) ** 0.5, 1e-6)
        phase = rng.uniform(0, 6.283)
        total += np.sin(
            points[0] * np.float32(k[0] * norm)
            + points[1] * np.float32(k[1] * norm)
            + points[2] * np.float32(k[2] * norm)
            + np.float32(phase)
        )
    return total * np.float32(1.6 / n_waves)


def cell_distance(points: Array, cell: float, rng: Random, jitter: float = 0.5) -> Array:
    """Distance to the nearest of points scattered one to a cell, in cells, for points of shape (3, ...).

    Looks at the 8 cells around each point, enough for jitter <= 0.5.

    Source: Worley, "A cellular texture basis function", SIGGRAPH 1996.
    """
    p = points / np.float32(cell)
    corner = np.floor(p - np.float32(0.5)).astype(np.int64)
    salt = rng.randrange(1 << 30)
    best = np.full(points.shape[1:], 9.0, np.float32)
    for i in range(8):
        at = corner + np.array([i & 1, i >> 1 & 1, i >> 2 & 1]).reshape(3, *[1] * (points.ndim - 1))
        code = (at[0] * 73856093 ^ at[1] * 19349663 ^ at[2] * 83492791) + salt
        total = np.zeros_like(best)
        for axis in range(3):
            code = (code * 1103515245 + 12345) & 0x7FFFFFFF
            offset = (code >> 8 & 0xFFFF).astype(np.float32) / 65536 - np.float32(0.5)
            total += (p[axis] - at[axis] - np.float32(0.5) - np.float32(2 * jitter) * offset) ** 2
        best = np.minimum(best, total)
    distance: Array = np.sqrt(best)
    return distance


@dataclass(frozen=True)
class Surface:
    """The visible points of the animal as flat arrays of shape (n,) or (3, n), in the words a pattern needs.

    Args:
        place: Position on the resting animal, parts far apart from each other; body units.
        along: Distance from the root of the part, body units.
        dorsal: 1 on the back .. -1 on the belly (on the head: unused).
        tip: 0 at the core .. 1 at paws, tail tip, ears, muzzle.
        face: Position in the head (forward, up, left), skull radii.
        head, ear, trunk, neck, leg, tail: 1 on that part, else 0.
        rng: Seeded source for the individual's markings.
    """

    place: Array
    along: Array
    dorsal: Array
    tip: Array
    face: Array
    head: Array
    ear: Array
    trunk: Array
    neck: Array
    leg: Array
    tail: Array
    rng: Random

    def blaze(self, width: float) -> Array:
        """White stripe up the middle of the face, and the muzzle."""
        stripe = (
            ramp(np.abs(self.face[2]), width, width * 0.5) * ramp(self.face[0], 0.1, 0.4) * ramp(self.face[1], 1.0, 0.7)
        )
        marked: Array = self.head * np.maximum(stripe, self.snout(0.62))
        return marked

    def snout(self, radius: float) -> Array:
        """The muzzle and chin: everything low and in front of the skull."""
        ahead = np.maximum(np.float32(1.0) - self.face[0], 0)
        distance = np.sqrt(ahead**2 + (0.9 * (self.face[1] + 0.42)) ** 2 + (0.8 * self.face[2]) ** 2)
        return self.head * ramp(distance, radius, radius * 0.72)

    def underside(self, edge: float) -> Array:
        """Belly, chest and throat: below `edge` on trunk and neck."""
        return (self.trunk + self.neck) * ramp(self.dorsal, edge, edge - 0.35)


Weights = tuple[Array, Array]
Rule = Callable[[Surface], Weights]


def _zero(s: Surface) -> Array:
    return np.zeros_like(s.tip)


def _solid(s: Surface) -> Weights:
    return 0.25 * s.ear, 0.2 * s.underside(-0.2)


def _shaded(s: Surface) -> Weights:
    dark = 0.4 * s.tail * s.tip + 0.5 * s.ear + 0.55 * s.snout(0.75) + 0.3 * s.trunk * ramp(s.dorsal, 0.2, 0.9)
    return dark, 0.75 * s.neck * ramp(s.dorsal, 0.5, -0.4) + 0.5 * s.underside(0.1) + 0.3 * s.head * ramp(
        s.face[1], -0.1, -0.6
    )


def _points(s: Surface) -> Weights:
    from_muzzle = np.sqrt((s.face[0] - 1.0) ** 2 + (s.face[1] + 0.15) ** 2 + (0.95 * s.face[2]) ** 2)
    dark = (
        s.head * ramp(from_muzzle, 1.15, 0.6) + s.ear + s.leg * ramp(s.tip, 0.35, 0.8) + s.tail * ramp(s.tip, 0.15, 0.4)
    )
    return dark, (0.92 - 0.35 * s.trunk * ramp(s.dorsal, 0.2, 1.0)) * (1 - np.clip(dark, 0, 1))


def _tabby(s: Surface) -> Weights:
    wobble = wave_noise(s.place, 9, s.rng)
    bands = ramp(np.sin(s.along * 34 + 1.6 * wobble), -0.15, 0.5)
    rings = ramp(np.sin(s.along * 40 + 0.8 * wobble), -0.1, 0.5)
    brow = ramp(np.cos(s.face[2] * 11), 0.0, 0.6) * ramp(s.face[1], 0.3, 0.5) * ramp(s.face[0], 0.05, 0.3)
    cheek = ramp(np.sin(s.face[1] * 15 - s.face[0] * 5 + 1), 0.1, 0.6) * ramp(np.abs(s.face[2]), 0.5, 0.7)
    dark = (s.trunk * bands * ramp(s.dorsal, -0.75, -0.2) + s.trunk * ramp(s.dorsal, 0.75, 0.95)
            + s.neck * bands * ramp(s.dorsal, -0.1, 0.3) + (s.leg + s.tail) * rings
            + s.head * np.maximum(brow, cheek) + 0.5 * s.ear)  # fmt: skip
    light = (
        0.85 * s.snout(0.7)
        + 0.8 * s.underside(-0.35)
        + 0.6 * s.neck * ramp(s.dorsal, 0.0, -0.5)
        + 0.6 * s.leg * ramp(s.tip, 0.88, 0.97)
    )
    return 0.9 * dark * (1 - np.clip(light, 0, 1)), light


def _rosettes(s: Surface) -> Weights:
    d = cell_distance(s.place * np.array([0.8, 1, 1], np.float32)[:, None], 0.13, s.rng, 0.32)
    ring = ramp(d, 0.2, 0.26) * ramp(d, 0.5, 0.43)
    heart = 0.4 * ramp(d, 0.3, 0.22)
    rings = ramp(np.sin(s.along * 36), 0.0, 0.5)
    brow = ramp(np.cos(s.face[2] * 13), 0.2, 0.7) * ramp(s.face[1], 0.3, 0.5)
    dots = ramp(cell_distance(s.face, 0.3, s.rng, 0.4), 0.4, 0.3) * ramp(s.face[0], 0.5, 0.2)
    dark = (s.head * dots + (s.trunk + s.neck) * (ring + heart) * ramp(s.dorsal, -0.9, -0.5)
            + s.leg * np.maximum(ring * (s.tip < 0.5), rings)
            + s.tail * np.maximum(rings, ramp(s.tip, 0.8, 0.9)) + s.head * brow + 0.4 * s.ear)  # fmt: skip
    ground = 0.35 * (s.trunk + s.leg + s.neck) * (1 - np.clip(dark, 0, 1))
    return dark, 0.8 * s.snout(0.66) + 0.6 * s.underside(-0.5) * (1 - ring) + ground


def _calico(s: Surface) -> Weights:
    first, second = wave_noise(s.place, 8.5, s.rng), wave_noise(s.place, 8.5, s.rng)
    ginger, black = ramp(first, 0.02, 0.1), ramp(second, 0.22, 0.3)
    white = (1 - ginger) * (1 - black)
    white = np.maximum(white, np.maximum(s.blaze(0.16), s.leg * ramp(s.tip, 0.5, 0.6)))
    return black, white


def _tuxedo(s: Surface) -> Weights:
    light = s.blaze(0.24) + s.leg * ramp(s.tip, 0.62, 0.7) + s.underside(-0.35) + s.neck * ramp(s.dorsal, 0.25, 0.05)
    return _zero(s) + 0.85, light


def _van(s: Surface) -> Weights:
    cloak = ramp(wave_noise(s.place, 4.0, s.rng) + 0.9 * s.dorsal, 0.0, 0.2)
    light = (
        (1 - cloak) * (s.trunk + s.leg)
        + s.blaze(0.22)
        + s.neck * ramp(s.dorsal, 0.75, 0.4)
        + s.leg * ramp(s.tip, 0.3, 0.4)
    )
    light = light + s.tail * ramp(s.tip, 0.75, 0.85)
    around_eye = np.sqrt((s.face[1] - 0.1) ** 2 + (np.abs(s.face[2]) - 0.5) ** 2)
    return 0.75 * s.ear + 0.75 * s.head * ramp(around_eye, 0.5, 0.3) * ramp(s.face[0], 0.2, 0.5), light


def _saddle(s: Surface) -> Weights:
    wobble = 0.18 * wave_noise(s.place, 8, s.rng)
    dark = s.trunk * ramp(s.dorsal + wobble, -0.15, 0.05) * ramp(s.along, 0.02, 0.1) + s.tail * ramp(s.tip, 0.75, 0.65)
    light = (
        s.blaze(0.16) + s.leg * ramp(s.tip + wobble, 0.42, 0.55) + s.underside(-0.5) + s.tail * ramp(s.tip, 0.66, 0.78)
    )
    return dark, light + s.neck * ramp(s.dorsal + wobble, -0.15, -0.4)


def _mask(s: Surface) -> Weights:
    around_eye = np.sqrt((s.face[1] - 0.1) ** 2 + (np.abs(s.face[2]) - 0.52) ** 2)
    dark = 1.1 * s.snout(0.98) + s.ear + 0.85 * s.head * ramp(around_eye, 0.5, 0.3) * ramp(s.face[0], 0.3, 0.6)
    return dark, (0.55 - 0.2 * s.tip) * (1 - np.clip(dark, 0, 1))


def _bib(s: Surface) -> Weights:
    wobble = 0.1 * wave_noise(s.place, 7, s.rng)
    light = (
        s.blaze(0.15)
        + s.leg * ramp(s.tip + wobble, 0.25, 0.4)
        + s.underside(-0.4)
        + s.neck * ramp(s.dorsal + wobble, 0.5, 0.25)
    )
    return 0.3 * s.trunk * ramp(s.dorsal, 0.5, 1) + 0.25 * s.ear, light


def _tan_points(s: Surface) -> Weights:
    brow = np.sqrt((s.face[1] - 0.45) ** 2 + (np.abs(s.face[2]) - 0.4) ** 2)
    tan = s.snout(0.8) * ramp(s.face[1] + 0.45 - 0.25 * np.abs(s.face[2]), 0.3, 0.1) + s.head * ramp(
        brow, 0.2, 0.1
    ) * ramp(s.face[0], 0.3, 0.5)
    tan = tan + s.leg * ramp(s.tip, 0.5, 0.65) + (s.neck + s.trunk) * ramp(s.dorsal, -0.6, -0.8)
    return 1 - np.clip(tan, 0, 1), 0.1 * tan


def _wolf(s: Surface) -> Weights:
    jag = 0.22 * wave_noise(s.place, 22, s.rng)
    cap = s.head * ramp(
        s.face[1] + 0.35 * np.abs(s.face[2]) - 0.55 * ramp(np.abs(s.face[2]), 0.16, 0.0) * -1 + 0.4 * jag, 0.42, 0.55
    )
    ridge = s.head * ramp(np.abs(s.face[2]), 0.14, 0.06) * ramp(s.face[1], -0.2, 0.1)
    dark = (
        cap
        + ridge
        + s.ear
        + (s.trunk + s.neck) * ramp(s.dorsal + jag, -0.05, 0.15)
        + s.tail * ramp(s.dorsal + jag, -0.1, 0.2)
    )
    dark = dark + s.leg * ramp(s.tip + 0.3 * jag, 0.35, 0.2)
    return 0.92 * dark, 0.95 * (1 - np.clip(dark, 0, 1))


def _patches(s: Surface) -> Weights:
    patch = ramp(wave_noise(s.place, 5.0, s.rng) + 0.35 * s.dorsal, 0.1, 0.2)
    dark = 0.85 * patch * s.trunk * ramp(wave_noise(s.place, 3.0, s.rng), -0.1, 0.1)
    light = (1 - patch) * (s.trunk + s.neck) + s.leg + s.blaze(0.2) + s.tail * ramp(s.tip, 0.6, 0.7)
    return dark, light


def _spots(s: Surface) -> Weights:
    d = cell_distance(s.place, 0.1, s.rng, 0.45)
    small = cell_distance(s.place, 0.06, s.rng, 0.45)
    spot = np.where(s.head + s.leg > 0, ramp(small, 0.33, 0.26), ramp(d, 0.36, 0.3)).astype(np.float32)
    dark = np.maximum(spot, 0.8 * s.ear)
    return dark, 1 - dark


def _brindle(s: Surface) -> Weights:
    wobble = wave_noise(s.place, 12, s.rng)
    stripes = ramp(np.sin(s.along * 95 + 4.0 * wobble), -0.2, 0.9) * ramp(wave_noise(s.place, 30, s.rng), -0.6, 0.0)
    dark = 0.42 * stripes * (s.trunk + s.leg * (s.tip < 0.7) + s.tail) + 0.4 * s.ear + 0.5 * s.snout(0.8)
    return dark, 0.9 * (s.trunk + s.neck) * ramp(s.dorsal, -0.55, -0.8) + 0.8 * s.leg * ramp(s.tip, 0.85, 0.92)


RULES: dict[str, Rule] = {
    "solid": _solid, "shaded": _shaded, "points": _points, "tabby": _tabby, "rosettes": _rosettes, "calico": _calico,
    "tuxedo": _tuxedo, "van": _van, "saddle": _saddle, "mask": _mask, "bib": _bib, "tan_points": _tan_points,
    "wolf": _wolf, "patches": _patches, "spots": _spots, "brindle": _brindle,
}  # fmt: skip


def dye(relief: Relief, breed: Breed, palette: Palette, rng: Random) -> Array:
    """Colour of the animal before any light falls on it: shape (size, size, 3), 0..1; black where no animal is."""
    shown = relief.part > 0
    part = relief.part[shown]
    rest, dorsal, lateral = relief.rest[:, shown], relief.dorsal[shown], relief.lateral[shown]
    one = {p: (part == p).astype(np.float32) for p in Part}
    shift = np.zeros((7, 3), np.float32)
    shift[Part.NECK], shift[Part.HEAD], shift[Part.LEG], shift[Part.TAIL] = (
        (-0.3, 0, 0),
        (-0.9, 0.3, 0),
        (0, 3, 0),
        (0, -3, 0),
    )
    surface = Surface(
        rest + shift[part].T, rest[0], dorsal, relief.extremity[shown],
        rest * np.array([-1, 1, 1], np.float32)[:, None] / np.float32(breed.head.size),
        one[Part.HEAD], one[Part.EAR], one[Part.TRUNK], one[Part.NECK], one[Part.LEG], one[Part.TAIL], rng,
    )  # fmt: skip
    dark, light = RULES[breed.coat.pattern](surface)
    tone = {name: np.array(getattr(palette, name), np.float32)[:, None] for name in ("base", "dark", "light", "skin")}
    colour = tone["base"] + np.zeros_like(rest)
    colour += np.clip(dark, 0, 1) * (tone["dark"] - colour)
    colour += np.clip(light, 0, 1) * (tone["light"] - colour)
    if breed.coat.skin:
        colour += np.float32(0.4) * (tone["skin"] - colour)
        folds = np.sin(surface.along * 60 + 2 * wave_noise(surface.place, 8, rng))
        colour *= 1 - 0.09 * ramp(folds, 0.5, 1.0) * (
            surface.neck + surface.trunk * ramp(surface.along, 0.35, 0.1) + surface.leg * 0.6
        )
    if breed.ears.kind == "pricked":
        inside = surface.ear * ramp(dorsal, 0.25, 0.6) * ramp(np.abs(lateral), 0.8, 0.5)
        colour += 0.75 * inside * (tone["skin"] * np.float32(0.92) - colour)
    colour *= 1 + 0.06 * wave_noise(surface.place, 5, rng)
    out = np.zeros((*relief.part.shape, 3), np.float32)
    out[shown] = colour.T
    return np.clip(out, 0, 1)
