"""Heads: skull, muzzle, cheeks, lips and ears of a breed, in the frame of the head (unit: skull radius)."""

from __future__ import annotations

import math

import numpy as np

from imgsearch.sample.animal.breeds import Breed
from imgsearch.sample.animal.sculpture import Ball, Frame, Part, chain


def ears(breed: Breed, head: Frame) -> list[Ball]:
    e, h = breed.ears, breed.head
    balls: list[Ball] = []
    for side in (1, -1):
        a = e.spread
        top, out = h.height * math.cos(a), h.width * math.sin(a)
        w, n = e.width, e.length
        hair = (breed.coat.ears, breed.coat.ears + e.tuft * h.size * 0.12)
        if e.kind == "pricked":
            lean = a * 0.62
            aim = (math.cos(lean), math.sin(lean))
            path = [
                (-0.12 - 0.06 * t, top * 0.72 + n * t * aim[0], out * 0.78 + n * t * aim[1])
                for t in (0, 0.35, 0.7, 1.0)
            ]
            radii = (w * 0.82, w * 0.8, w * 0.48, w * 0.17)
            front, flat = (0.9, 0.15, 0.42), 0.2
        elif e.kind == "folded":
            path = [(-0.05, top * 0.85, out * 0.85), (0.0, top * 0.98, out * 0.98),
                    (0.28, top * 0.98 - 0.05, out * 1.05), (0.3 + 0.5 * n, top * 0.9 - 0.45 * n, out)]  # fmt: skip
            radii = (w * 0.6, w * 0.75, w * 0.62, 0.1)
            front, flat = (0.5, 0.85, 0.2), 0.22
        elif e.kind == "button":
            path = [(-0.1, top * 0.9 + 0.2, out * 0.78), (0.12, top * 0.92 + 0.3, out * 0.98),
                    (0.4, top * 0.8 + 0.05, out * 1.06), (0.5, top * 0.8 - n * 0.62, out * 1.1)]  # fmt: skip
            radii = (w * 0.8, w * 0.95, w * 0.8, 0.1)
            front, flat = (0.6, 0.6, 0.5), 0.22
        elif e.kind == "rose":
            path = [(-0.3, top * 0.7, out * 0.85), (-0.5, top * 1.05, out + 0.14), (-0.85, top * 0.8, out + 0.24),
                    (-0.75 - n * 0.8, top - 0.45, out + 0.12)]  # fmt: skip
            radii = (w * 0.8, w * 0.9, w * 0.7, 0.06)
            front, flat = (0.2, 0.6, 0.75), 0.3
        else:  # drop
            path = [(-0.15, top + 0.2, out * 0.86), (-0.12, top + 0.02, out + 0.14), (-0.04, top - n * 0.48, out + 0.2),
                    (0.03, top - n * 0.98, out + 0.12)]  # fmt: skip
            radii = (w * 0.6, w * 0.82, w * 1.08, w * 0.5)
            front, flat = (0.62, 0.1, 0.78), 0.2
        balls += chain(
            Part.EAR,
            [head.at(forward, up, left * side) for forward, up, left in path],
            [r * head.scale for r in radii],
            up=head.towards(front[0], front[1], front[2] * side),
            height=flat, length=1.0 if e.kind == "pricked" else 0.55,
            extremity=(0.75, 1.0), fur=hair, blend=0.12 * head.scale, step=0.4,
        )  # fmt: skip
    return balls


def skull(breed: Breed, head: Frame) -> list[Ball]:
    h, coat = breed.head, breed.coat
    axes = np.stack([-head.forward, head.up, head.left])
    balls: list[Ball] = []

    def add(
        forward: float, up: float, left: float, radii: tuple[float, float, float], *, extremity: float, blend: float
    ) -> None:
        for side in (1, -1) if left else (1,):
            balls.append(
                Ball(
                    head.at(forward, up, side * left), axes, np.array(radii) * head.scale, Part.HEAD,
                    np.array([-forward, up, side * left]) * head.scale, extremity,
                    coat.head * (1 - 0.75 * extremity), blend * head.scale,
                )
            )  # fmt: skip

    add(0, 0.05, 0, (1.0, h.height, h.width), extremity=0.1, blend=0.3)
    add(0.12, -0.32, h.width * 0.55, (h.cheeks, h.cheeks * 0.95, h.cheeks), extremity=0.15, blend=0.35)
    steps = 3 + round(h.muzzle * 3)
    end = 0.62 + h.muzzle
    for i in range(steps):
        t = i / (steps - 1)
        girth = 1 - 0.12 * t
        wide = h.muzzle_width * 1.18 * girth + (1 - t) * 0.12
        deep = h.muzzle_depth * 1.12 * girth + (1 - t) * 0.14
        add(0.5 + (end - 0.5) * t, -h.drop - 0.06 * t, 0, (0.36, deep, wide), extremity=0.35 + 0.65 * t, blend=0.22)
    lips = h.muzzle_width * 0.56
    add(end + 0.02, -h.drop - 0.12, lips, (0.34, h.muzzle_depth * 0.72, lips * 1.12), extremity=1, blend=0.08)
    if h.flews:
        add(
            end - 0.16, -h.drop - 0.16 - h.flews * 0.3, lips * 1.15, (0.42, 0.24 + h.flews * 0.42, lips * 0.95),
            extremity=0.9, blend=0.2,
        )  # fmt: skip
    add(end - 0.12, -h.drop - h.muzzle_depth * 0.95, 0, (0.26, 0.2, h.muzzle_width * 0.62), extremity=0.95, blend=0.1)
    if coat.curl > 0.5:  # topknot
        add(-0.05, h.height * 0.85, 0, (0.82, 0.62, h.width * 0.98), extremity=0, blend=0.1)
    return balls
