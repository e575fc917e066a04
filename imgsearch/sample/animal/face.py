"""Eyes, nose, mouth and whiskers, painted on the finished head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from imgsearch.sample.animal.breeds import Breed
from imgsearch.sample.animal.sculpture import Camera, Frame, Relief, Vector, cross, unit
from imgsearch.sample.palettes import RGB, Palette

INK: RGB = (0.13, 0.09, 0.09)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """Colour between a (share 0) and b (share 1)."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


def ink(colour: RGB) -> tuple[int, int, int]:
    """Floats 0..1 as the bytes that Pillow wants."""
    return round(255 * colour[0]), round(255 * colour[1]), round(255 * colour[2])


class FacePainter:
    """Draws on one canvas, in the coordinates of one head."""

    def __init__(self, image: Image.Image, relief: Relief, camera: Camera, head: Frame) -> None:
        self.pen = ImageDraw.Draw(image)
        self.zoom = image.size[0] / relief.part.shape[0]
        self.relief = relief
        self.camera = camera
        self.head = head
        self.unit_px = head.scale * camera.scale * self.zoom

    def point(self, forward: float, up: float, left: float) -> tuple[float, float]:
        """Canvas position of a point of the head, given in skull radii."""
        seen = self.camera.project(self.head.at(forward, up, left)) * self.zoom
        return float(seen[0]), float(seen[1])

    def is_visible(self, forward: float, up: float, left: float, normal: Vector) -> bool:
        """Whether the point faces the viewer and nothing is in front of it."""
        if float(self.camera.rotation()[2] @ normal) < 0.12:
            return False
        seen = self.camera.project(self.head.at(forward, up, left))
        row, column = round(float(seen[1])), round(float(seen[0]))
        size = self.relief.part.shape[0]
        if not (0 <= row < size and 0 <= column < size):
            return False
        return bool(self.relief.depth[row, column] < seen[2] + 0.3 * self.head.scale * self.camera.scale)

    def disc(
        self, centre: tuple[float, float, float], normal: Vector, outline: Sequence[tuple[float, float]], colour: RGB
    ) -> None:
        """A filled shape lying on the tangent plane at `centre`; outline in (towards the left, up), skull radii."""
        across = unit(self.head.left - (self.head.left @ normal) * normal)
        up = cross(normal, across)
        origin = self.head.at(*centre)
        points = np.stack([origin + self.head.scale * (a * across + b * up) for a, b in outline])
        self.pen.polygon((self.camera.project(points)[:, :2] * self.zoom).ravel().tolist(), fill=ink(colour))

    def line(self, points: Sequence[tuple[float, float, float]], width: float, colour: RGB) -> None:
        """A line through points of the head; width in skull radii."""
        self.pen.line(
            [self.point(*p) for p in points], fill=ink(colour), width=max(1, round(width * self.unit_px)), joint="curve"
        )


def _ellipse(rx: float, ry: float, cx: float = 0.0, cy: float = 0.0, n: int = 28) -> list[tuple[float, float]]:
    return [(cx + rx * math.cos(2 * math.pi * i / n), cy + ry * math.sin(2 * math.pi * i / n)) for i in range(n)]


def _almond(r: float, open_: float, slant: float, side: int, grow: float = 1.0) -> list[tuple[float, float]]:
    """Outline of an eye: rounder above than below, outer corner raised by `slant`."""
    outline = []
    for i in range(32):
        a = 2 * math.pi * i / 32
        x, y = math.cos(a) * grow, math.sin(a) * open_ * grow
        y *= (1 - 0.25 * abs(x) ** 3) * (1.0 if y > 0 else 0.88)
        c, s = math.cos(slant), math.sin(slant)
        outline.append((side * r * (x * c - y * s), r * (x * s + y * c)))
    return outline


def paint_face(
    image: Image.Image, relief: Relief, camera: Camera, head: Frame, breed: Breed, palette: Palette, rng: Random,
    light_x: float,
) -> None:  # fmt: skip
    """Paint the face on the canvas, in place; `light_x`: x of the direction to the light, for the highlights."""
    brush = FacePainter(image, relief, camera, head)
    h = breed.head
    cat = breed.species == "cat"
    end = 0.62 + h.muzzle
    for side in (1, -1):
        _eye(brush, breed, palette, side, light_x)
    _brow(brush, breed, palette)

    # nose
    tip = (end + 0.27, -h.drop - 0.02 + h.muzzle_depth * 0.62, 0.0)
    normal = head.towards(0.85, 0.5)
    nose = mix(palette.skin, palette.dark, 0.1) if cat else mix(INK, palette.dark, 0.35)
    if brush.is_visible(*tip, head.towards(1, 0.3)):
        n = h.nose
        shape = [(-1.0, 0.55), (-0.6, 0.78), (0.0, 0.72), (0.6, 0.78), (1.0, 0.55), (0.95, 0.15),
                 (0.45, -0.45), (0.0, -0.75), (-0.45, -0.45), (-0.95, 0.15)]  # fmt: skip
        plump = 1.0 if cat else 1.15
        brush.disc(tip, normal, [(a * n * 1.08, b * n * plump * 1.06) for a, b in shape], mix(nose, INK, 0.5))
        brush.disc(tip, normal, [(a * n * 0.96, b * n * plump * 0.92) for a, b in shape], nose)
        brush.disc(
            tip,
            normal,
            _ellipse(n * 0.4, n * 0.16, math.copysign(n * 0.15, light_x), n * 0.48),
            mix(nose, (1, 1, 1), 0.45),
        )
        for side in (1, -1):
            brush.disc(tip, normal, _ellipse(n * 0.2, n * 0.15, side * n * 0.45, -n * 0.02), mix(nose, INK, 0.75))
    _mouth(brush, breed, palette)
    if cat and not breed.coat.skin:
        _whiskers(brush, breed, end, rng)


def _mouth(brush: FacePainter, breed: Breed, palette: Palette) -> None:
    """The groove under the nose, and the lips: round the tip of the muzzle, and back along a long one."""
    h, view = breed.head, brush.camera.rotation()[2]
    end, low = 0.62 + h.muzzle, -h.drop - 0.12 - h.muzzle_depth * 0.55
    shade = mix(palette.dark, INK, 0.55)
    if float(view @ brush.head.forward) > 0.3:
        brush.line([(end + 0.36, -h.drop - 0.1 + h.muzzle_depth * 0.4, 0), (end + 0.38, low + 0.06, 0)], 0.036, shade)
    back = 0.12 + 0.7 * max(0.0, h.muzzle - 0.4)
    for side in (1, -1):
        lip = []
        for i in range(10):
            t = i / 9
            a = min(1.0, t * 1.5) * math.pi / 2
            if float(view @ brush.head.towards(math.cos(a), 0, side * math.sin(a) + 1e-3)) < 0.1:
                continue  # round the corner
            sag = 0.13 * math.sin(math.pi * min(t * 1.3, 1)) + h.flews * 0.25 * math.sin(math.pi * t)
            lip.append(
                (end + 0.36 * math.cos(a) - back * max(0.0, 3 * t - 2), low + 0.07 - sag + 0.24 * max(0.0, t - 0.6),
                 side * h.muzzle_width * 1.12 * math.sin(a))
            )  # fmt: skip
        if len(lip) > 2:
            brush.line(lip, 0.045, shade)


def _eye(brush: FacePainter, breed: Breed, palette: Palette, side: int, light_x: float) -> None:
    h, head = breed.head, brush.head
    cat = breed.species == "cat"
    x, y = h.eye_apart * h.width, h.eye_height + 0.05
    front = math.sqrt(max(0.05, 1 - (x / h.width) ** 2 - ((y - 0.05) / h.height) ** 2))
    centre = (front, y, side * x)
    surface = head.towards(front, 0.12, side * x / h.width**2)
    if not brush.is_visible(*centre, surface):
        return
    normal = unit(surface + 0.7 * head.forward)  # flatter than the skull, so the far eye stays readable
    r = h.eye
    open_ = (0.86 if cat else 0.9) - 0.25 * max(0.0, -h.slant)
    rim = mix(palette.dark, INK, 0.75)
    iris = palette.iris if cat else mix(palette.iris, (0.25, 0.13, 0.07), 0.72)
    brush.disc(centre, normal, _almond(r, open_, h.slant, side, 1.2), rim)
    brush.disc(centre, normal, _almond(r, open_, h.slant, side), mix(iris, INK, 0.35))
    inner = _almond(r * 0.9, open_, h.slant, side)
    brush.disc(centre, normal, [(a, b - 0.08 * r) for a, b in inner], iris)
    glow = _ellipse(r * 0.55, r * 0.4, 0, -0.36 * r)
    brush.disc(centre, normal, glow, mix(iris, (1, 0.98, 0.85), 0.32))
    pupil = (0.4, 0.74) if cat else (0.58, 0.6)
    brush.disc(centre, normal, _ellipse(pupil[0] * r, pupil[1] * r * open_, 0, 0.02 * r), (0.05, 0.04, 0.05))
    to_light = math.copysign(1.0, light_x)
    brush.disc(centre, normal, _ellipse(0.24 * r, 0.22 * r, 0.3 * r * to_light, 0.36 * r), (1, 1, 1))
    brush.disc(centre, normal, _ellipse(0.1 * r, 0.1 * r, -0.3 * r * to_light, -0.36 * r), (0.88, 0.92, 0.98))
    lid = [p for p in _almond(r, open_, h.slant, side, 1.1) if p[1] > -0.1 * r]
    lid.sort(key=lambda p: p[0])
    across = unit(head.left - (head.left @ normal) * normal)
    up = cross(normal, across)
    origin = head.at(*centre)
    points = np.stack([origin + head.scale * (a * across + b * up) for a, b in lid])
    brush.pen.line(
        (brush.camera.project(points)[:, :2] * brush.zoom).ravel().tolist(), fill=ink(rim),
        width=max(2, round(0.06 * brush.unit_px)), joint="curve",
    )  # fmt: skip


def _brow(brush: FacePainter, breed: Breed, palette: Palette) -> None:
    """Folds of the brow of a wrinkled breed."""
    h = breed.head
    if not h.wrinkles:
        return
    shade = mix(palette.dark, INK, 0.3)
    for up, wide, dip in ((0.4, 0.34, 0.1), (0.56, 0.4, 0.12), (0.24, 0.22, 0.1))[: 1 + round(2 * h.wrinkles)]:
        points = []
        for i in range(9):
            left = wide * h.width * (i / 4 - 1)
            y = up + dip * (abs(i / 4 - 1) ** 2) - 0.06
            points.append((math.sqrt(max(0.02, 1 - (left / h.width) ** 2 - (y / h.height) ** 2)), y, left))
        if brush.is_visible(*points[4], brush.head.towards(1, 0.3)):
            brush.line(points, 0.03 * h.wrinkles, shade)


def _whiskers(brush: FacePainter, breed: Breed, end: float, rng: Random) -> None:
    h = breed.head
    for side in (1, -1):
        if not brush.is_visible(end + 0.1, -h.drop - 0.1, side * h.muzzle_width, brush.head.towards(0.5, 0, side)):
            continue
        for lift in (0.2, 0.02, -0.16):
            reach = rng.uniform(0.75, 1.0)
            points = [
                (
                    end + 0.15 - 0.35 * t,
                    -h.drop - 0.08 + lift * (0.4 + 1.4 * t) - 0.22 * t * t,
                    side * (h.muzzle_width * 0.8 + reach * t),
                )
                for t in (0, 0.25, 0.5, 0.75, 1)
            ]
            brush.line(points, 0.012, (0.96, 0.95, 0.92))
