"""From a breed and a stance to the balls of the sculpture and the landmarks of the face."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imgsearch.sample.animal.breeds import Breed
from imgsearch.sample.animal.heads import ears, skull
from imgsearch.sample.animal.poses import Stance
from imgsearch.sample.animal.sculpture import Ball, Frame, Part, Vector, chain, cross, unit, vec

UP = vec(0, 1, 0)


def _heading(yaw: float) -> Vector:
    """Horizontal unit vector of a yaw."""
    return vec(math.cos(yaw), 0, math.sin(yaw))


@dataclass(frozen=True)
class Model:
    """The sculpture of one animal: balls, frame of the head (unit: skull radius), and where it stands."""

    balls: tuple[Ball, ...]
    head: Frame
    paws: tuple[Vector, ...]


@dataclass(frozen=True)
class _Joints:
    """Skeleton of one stance in the frame of the body; every tuple runs from the root on."""

    spine: tuple[Vector, ...]  # chest first, rump last
    girths: tuple[float, ...]
    front: tuple[tuple[Vector, ...], ...]
    hind: tuple[tuple[Vector, ...], ...]
    neck: Vector  # direction in which the neck leaves the chest
    rise: float  # 1: the tail can hang free, 0: it lies on the ground


def _standing(breed: Breed, stance: Stance, at: Frame) -> _Joints:
    b = breed.body
    half, top = b.length / 2, b.legs + 1.75 * b.chest
    spine = (
        at.at(half, top - b.chest),
        at.at(half * 0.45, top - b.chest),
        at.at(-half * 0.35, top - 0.02 - b.waist),
        at.at(-half, top - 0.02 - b.rump),
    )
    swing = stance.stride * (0.12 + 0.34 * b.legs)
    front, hind = [], []
    for side in (1, -1):
        out = side * b.chest * b.width * 0.62
        s = swing * side
        lift = max(0.0, s) * 0.25
        front.append(
            (
                at.at(half * 0.92, b.legs + b.chest * 0.75, out),
                at.at(half * 0.84 + s * 0.1, b.legs * 0.92, out),
                at.at(half * 0.88 + s * 0.6, b.legs * 0.42 + lift, out),
                at.at(half * 0.9 + s, b.bone * 1.1 + lift * 0.5, out),
            )
        )
        out = side * b.rump * b.width * 0.62
        s = -swing * side
        lift = max(0.0, s) * 0.2
        hind.append(
            (
                at.at(-half * 0.95, top - b.rump * 1.1, out),
                at.at(-half * 0.82 + s * 0.25, b.legs * 0.78, out * 1.1),
                at.at(-half * 1.0 - 0.2 * b.legs + s * 0.7, b.legs * 0.42 + lift, out),
                at.at(-half * 0.98 + s, b.bone * 1.1 + lift * 0.5, out),
            )
        )
    slope = 0.75 + 1.1 * b.legs
    return _Joints(
        spine, (b.chest, b.chest * 1.02, b.waist, b.rump), tuple(front), tuple(hind), at.towards(0.75, slope), 1
    )


def _sitting(breed: Breed, stance: Stance, at: Frame) -> _Joints:
    b = breed.body
    height = b.legs + b.chest * 1.05
    rump_y = b.rump * 0.95
    run = math.sqrt(max((0.82 * b.length) ** 2 - (height - rump_y) ** 2, (0.42 * b.length) ** 2))
    chest_x = run * 0.45
    rump_x = chest_x - run
    spine = (
        at.at(chest_x, height + b.chest * 0.25),
        at.at(chest_x - run * 0.18, height - b.chest * 0.25),
        at.at(chest_x - run * 0.6, (height + rump_y) / 2 - 0.02),
        at.at(rump_x, rump_y),
    )
    front, hind = [], []
    for side in (1, -1):
        out = side * b.chest * b.width * 0.5
        s = stance.stride * 0.1 * side
        front.append(
            (
                at.at(chest_x + b.chest * 0.1, height - b.chest * 0.05, out * 1.15),
                at.at(chest_x + b.chest * 0.25, height * 0.62, out * 1.1),
                at.at(chest_x + b.chest * 0.35 + s * 0.5, height * 0.3, out),
                at.at(chest_x + b.chest * 0.4 + s, b.bone * 1.1, out),
            )
        )
        out = side * (b.rump * b.width * 0.8)
        reach = 0.4 * b.length * 0.5 + b.legs * 0.35
        hind.append(
            (
                at.at(rump_x + b.rump * 0.2, rump_y * 1.1, out * 0.8),
                at.at(rump_x + reach * 0.8, rump_y * 1.15, out * 1.15),
                at.at(rump_x + reach * 0.55, b.bone * 1.3, out * 1.25),
                at.at(rump_x + reach * 1.25, b.bone * 1.0, out * 1.25),
            )
        )
    return _Joints(
        spine,
        (b.chest * 0.92, b.chest, b.waist * 1.1, b.rump * 1.02),
        tuple(front),
        tuple(hind),
        at.towards(0.42, 1.0),
        0,
    )


def _lying(breed: Breed, stance: Stance, at: Frame) -> _Joints:
    b = breed.body
    half = b.length / 2
    spine = (
        at.at(half, b.chest * 1.2),
        at.at(half * 0.4, b.chest * 1.02),
        at.at(-half * 0.4, b.waist * 1.02),
        at.at(-half, b.rump * 0.95),
    )
    front, hind = [], []
    reach = 0.2 + 0.5 * b.legs
    for side in (1, -1):
        out = side * b.chest * b.width * 0.62
        s = stance.stride * side * 0.25
        front.append(
            (
                at.at(half * 0.95, b.chest * 0.85, out),
                at.at(half * 0.8, b.bone * 1.8, out * 1.15),
                at.at(half * 0.85 + reach * 0.55 + s, b.bone * 1.15, out * 1.05),
                at.at(half * 0.85 + reach + s, b.bone, out),
            )
        )
        out = side * b.rump * b.width * 0.85
        hind.append(
            (
                at.at(-half * 0.95, b.rump * 1.0, out * 0.8),
                at.at(-half * 0.95 + reach * 0.75, b.rump * 0.95, out * 1.1),
                at.at(-half * 0.95 + reach * 0.3, b.bone * 1.2, out * 1.25),
                at.at(-half * 0.95 + reach * 0.95, b.bone, out * 1.25),
            )
        )
    return _Joints(
        spine, (b.chest * 0.98, b.chest, b.waist * 1.05, b.rump), tuple(front), tuple(hind), at.towards(0.55, 1.0), 0
    )


def _legs(breed: Breed, joints: _Joints, at: Frame) -> tuple[list[Ball], list[Vector]]:
    b, coat = breed.body, breed.coat
    balls: list[Ball] = []
    paws: list[Vector] = []
    for legs, thick in ((joints.hind, b.rump * 0.62), (joints.front, b.chest * 0.42)):
        for leg in legs:
            knee = (thick + b.bone) * 0.55
            radii = (thick, knee * 1.15 if legs is joints.hind else knee, b.bone * 1.02, b.bone * 0.98)
            balls += chain(
                Part.LEG, leg, radii, up=at.forward, extremity=(0.1, 0.95), fur=(coat.body, coat.legs), blend=0.05,
                rest=vec(0, 0, float((leg[0] - at.origin) @ at.left)), step=0.68,
            )  # fmt: skip
            paw = leg[-1] + at.forward * b.bone * 0.55
            balls.append(
                Ball(
                    vec(paw[0], max(paw[1] - b.bone * 0.15, b.bone * 0.8), paw[2]),
                    np.stack([at.forward, at.up, at.left]), np.array([1.5, 0.92, 1.18]) * b.bone, Part.LEG,
                    vec(0.9, 0, 0), 1.0, coat.legs, 0.03,
                )
            )  # fmt: skip
            paws.append(leg[-1])
            if coat.curl > 0.5:  # a poodle's cuffs
                balls.append(
                    Ball(leg[-1] + UP * b.bone * 1.7, np.stack([UP, at.forward, at.left]),
                         np.array([1.7, 1.6, 1.6]) * b.bone, Part.LEG, vec(0.5, 0, 0), 0.8, coat.legs, 0.02)
                )  # fmt: skip
    return balls, paws


_TAILS: dict[str, tuple[tuple[float, float, float], ...]] = {
    # (backward, up, sideways) along the tail in tail lengths, for an animal on its feet
    "slim": ((0, 0, 0), (0.3, 0.0, 0), (0.55, 0.1, 0.03), (0.72, 0.38, 0.06), (0.68, 0.68, 0.1)),
    "plush": ((0, 0, 0), (0.28, 0.02, 0), (0.6, -0.08, 0.05), (0.95, 0.02, 0.1)),
    "plume": ((0, 0, 0), (0.16, 0.38, 0), (-0.08, 0.72, 0.02), (-0.46, 0.66, 0.06), (-0.64, 0.4, 0.1)),
    "curl": (
        (0, 0, 0),
        (0.1, 0.3, 0.02),
        (-0.16, 0.5, 0.1),
        (-0.4, 0.3, 0.2),
        (-0.26, 0.06, 0.28),
        (-0.08, 0.16, 0.36),
    ),
    "sabre": ((0, 0, 0), (0.2, 0.32, 0), (0.26, 0.66, 0), (0.12, 0.98, 0.02)),
    "whip": ((0, 0, 0), (0.3, -0.03, 0), (0.65, 0.06, 0.05), (0.96, 0.34, 0.1)),
    "low": ((0, 0, 0), (0.16, -0.25, 0), (0.2, -0.55, 0.04), (0.4, -0.78, 0.1)),
    "stub": ((0, 0, 0), (0.5, 0.3, 0), (1.0, 0.5, 0)),
    "pompon": ((0, 0, 0), (0.08, 0.4, 0), (0.06, 0.75, 0), (0.02, 1.0, 0)),
}
_CARRIED_HIGH = ("plume", "curl", "sabre", "pompon", "stub")


def _tail(breed: Breed, joints: _Joints, stance: Stance, at: Frame) -> list[Ball]:
    tail = breed.tail
    root = joints.spine[-1] - at.forward * breed.body.rump * 0.8 + at.up * breed.body.rump * 0.35
    side = 1.0 if stance.tail_swing >= 0 else -1.0
    if joints.rise or tail.kind in _CARRIED_HIGH:
        path = [
            root
            + tail.length * (-back * at.forward + up * at.up + (sideways + 0.25 * stance.tail_swing * back) * at.left)
            for back, up, sideways in _TAILS[tail.kind]
        ]
        path = [vec(p[0], max(p[1], tail.tip), p[2]) for p in path]
    else:  # on the ground, round the animal
        ground = max(tail.root, tail.tip) * 0.9
        root = vec(root[0], max(root[1] * 0.6, ground), root[2])
        reach = breed.body.rump * 1.5
        path = [root] + [
            vec(q[0], ground, q[2])
            for q in (
                root + at.forward * -0.16 * tail.length + at.left * side * 0.2 * tail.length,
                root + at.forward * 0.1 * tail.length + at.left * side * (reach + 0.12 * tail.length),
                root + at.forward * 0.5 * tail.length + at.left * side * (reach + 0.16 * tail.length),
            )
        ]
    radii = [tail.root + (tail.tip - tail.root) * i / (len(path) - 1) for i in range(len(path))]
    if tail.kind in ("plume", "plush"):
        radii = [r * f for r, f in zip(radii, (0.8, *[1.15] * (len(path) - 2), 0.55), strict=True)]
    if tail.kind == "pompon":
        radii = [tail.root, tail.root, tail.root * 1.2, tail.tip]
    return chain(
        Part.TAIL,
        path,
        radii,
        up=at.left,
        extremity=(0.2, 1.0),
        fur=(breed.coat.tail * 0.6, breed.coat.tail),
        blend=0.03,
    )


def build(breed: Breed, stance: Stance) -> Model:
    """The animal of this breed in this stance, standing on the plane y = 0, trunk over the origin."""
    b, h, coat = breed.body, breed.head, breed.coat
    heading = _heading(stance.body_yaw)
    at = Frame(vec(0, 0, 0), heading, UP, cross(UP, heading))
    skeleton = {"stand": _standing, "sit": _sitting, "lie": _lying}[stance.skeleton]
    joints = skeleton(breed, stance, at)

    look = _heading(stance.head_yaw)
    forward = unit(look * math.cos(stance.head_pitch) + UP * math.sin(stance.head_pitch))
    flat_left = cross(UP, look)
    flat_up = cross(forward, flat_left)
    up = flat_up * math.cos(stance.head_roll) + flat_left * math.sin(stance.head_roll)
    left = cross(up, forward)

    chest = joints.spine[0]
    nape = chest + joints.neck * b.chest * 0.55
    crown = nape + joints.neck * b.neck
    centre = crown + 0.35 * h.size * up + 0.3 * h.size * forward
    head = Frame(centre, forward, up, left, h.size)

    balls = _tail(breed, joints, stance, at)
    balls += chain(
        Part.TRUNK, joints.spine, joints.girths, up=UP, width=b.width, fur=(coat.body, coat.body), blend=0.1, step=0.5
    )
    legs, paws = _legs(breed, joints, at)
    balls += legs
    balls += chain(
        Part.NECK,
        [chest + 0.1 * b.chest * UP, nape + heading * b.chest * 0.05, crown, centre - 0.1 * h.size * forward],
        [b.chest * 0.82, max(b.girth * 1.25, b.chest * 0.6), b.girth, min(b.girth, h.size * 0.85)],
        up=-at.forward, fur=(coat.ruff, coat.ruff), blend=0.1, step=0.38,
    )  # fmt: skip
    balls += skull(breed, head)
    balls += ears(breed, head)
    return Model(tuple(balls), head, tuple(paws))
