"""How an animal stands, sits, lies, and where it looks: drawn from one distribution for all breeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

PoseName = Literal["sit", "stand", "walk", "lie", "portrait", "bust"]
POSES: tuple[PoseName, ...] = ("sit", "stand", "walk", "lie", "portrait", "bust")


@dataclass(frozen=True)
class Stance:
    """One pose in numbers. Angles in radians; yaw 0 looks to the right, pi/2 at the viewer, pi to the left.

    Args:
        pose: Which skeleton is used; portrait and bust are framings of a sitting animal.
        body_yaw: Direction of the trunk. `head_yaw`: direction of the face.
        head_pitch: Nose up. `head_roll`: head tilted to its left.
        camera_pitch: How far the camera looks down.
        stride: -1..1, how far the legs swing.
        tail_swing: -1..1, side to which the tail goes.
    """

    pose: PoseName
    body_yaw: float
    head_yaw: float
    head_pitch: float
    head_roll: float
    camera_pitch: float
    stride: float
    tail_swing: float

    @property
    def skeleton(self) -> Literal["sit", "stand", "lie"]:
        """Which set of joints is used."""
        if self.pose in ("stand", "walk"):
            return "stand"
        return "lie" if self.pose == "lie" else "sit"


# degrees: body yaw from..to; how far the head turns from the trunk's direction to the viewer, from..to
_TURNS: dict[PoseName, tuple[float, float, float, float]] = {
    "sit": (38, 72, 0.2, 0.8),
    "stand": (8, 36, 0.4, 0.75),
    "walk": (6, 32, 0.35, 0.7),
    "lie": (12, 45, 0.4, 0.8),
    "portrait": (48, 80, 0.1, 0.8),
    "bust": (35, 65, 0.1, 0.6),
}


def draw_stance(pose: PoseName, rng: Random) -> Stance:
    """A stance of this pose: angles drawn at random, half of them facing left."""
    low, high, least, most = _TURNS[pose]
    body = rng.uniform(low, high)
    head = body + rng.uniform(least, most) * (90 - body) + rng.uniform(-6, 6)
    if rng.random() < 0.5:
        body, head = 180 - body, 180 - head
    stride = rng.uniform(0.6, 1.0) * rng.choice((-1, 1)) if pose == "walk" else rng.uniform(-0.25, 0.25)
    return Stance(
        pose,
        math.radians(body),
        math.radians(head),
        math.radians(rng.uniform(-7, 7)),
        math.radians(rng.uniform(-9, 9)),
        math.radians(rng.uniform(7, 13)),
        stride,
        rng.uniform(-1, 1),
    )
