"""Animals modelled from balls, and the relief (depth, normals, fur direction) that a camera sees of them.

World and camera axes: x right, y up, z towards the viewer. A ball is an ellipsoid with a frame of its own: its first
axis runs along the limb (from root to tip, the way the fur lies), the second is dorsal (up), the third lateral (left).
Every ball also carries its place on the resting animal, so that a coat pattern sticks to the body whatever the pose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Vector = NDArray[np.float64]


class Part(IntEnum):
    """Which part of the animal a pixel shows; 0 is the background."""

    TRUNK = 1
    NECK = 2
    HEAD = 3
    EAR = 4
    LEG = 5
    TAIL = 6


def vec(x: float, y: float, z: float = 0.0) -> Vector:
    """A float64 vector of shape (3,)."""
    return np.array([x, y, z], dtype=np.float64)


def unit(v: Vector) -> Vector:
    """The same direction with length 1; v must not be zero."""
    return v / math.sqrt(float(v @ v))


def cross(a: Vector, b: Vector) -> Vector:
    """Cross product of two vectors of shape (3,); many times faster than np.cross for one pair."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return vec(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)


@dataclass(frozen=True)
class Ball:
    """One ellipsoid of the sculpture.

    Args:
        centre: World position, shape (3,).
        axes: Rows are the unit axes (along, dorsal, lateral) in the world, shape (3, 3).
        radii: Half axes, shape (3,).
        rest: Position of the centre on the resting animal, shape (3,), in the axes of the part.
        extremity: 0 at the core of the body, 1 at paws, tail tip, ears and muzzle.
        fur: Length of the hair in body units.
        blend: Distance over which it melts into its neighbours, in body units.
        roundness: 1 is lit as an ellipsoid, 0 as a cylinder along the first axis (so a chain has no ribs).
    """

    centre: Vector
    axes: Vector
    radii: Vector
    part: Part
    rest: Vector
    extremity: float
    fur: float
    blend: float
    roundness: float = 1.0


@dataclass(frozen=True)
class Frame:
    """A place with a forward, up and left direction, and a unit of length."""

    origin: Vector
    forward: Vector
    up: Vector
    left: Vector
    scale: float = 1.0

    def at(self, forward: float, up: float, left: float = 0.0) -> Vector:
        """World position of the point with these coordinates."""
        return self.origin + self.scale * (forward * self.forward + up * self.up + left * self.left)

    def towards(self, forward: float, up: float, left: float = 0.0) -> Vector:
        """Unit world direction with these coordinates."""
        return unit(forward * self.forward + up * self.up + left * self.left)


def catmull_rom(points: Sequence[Vector], n: int) -> Vector:
    """n points, shape (n, d), evenly spaced in parameter on the spline through `points` (any number >= 2)."""
    p = np.asarray(points, dtype=np.float64)
    padded = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    u = np.linspace(0, len(p) - 1, n)
    i = np.minimum(u.astype(int), len(p) - 2)
    t = (u - i)[:, None]
    a, b, c, d = padded[i], padded[i + 1], padded[i + 2], padded[i + 3]
    curve: Vector = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return curve


def chain(
    part: Part,
    points: Sequence[Vector],
    radii: Sequence[float],
    *,
    up: Vector,
    height: float = 1.0,
    width: float = 1.0,
    length: float = 1.0,
    extremity: tuple[float, float] = (0.0, 0.0),
    fur: tuple[float, float] = (0.0, 0.0),
    blend: float = 0.06,
    rest: Vector | None = None,
    step: float = 0.55,
) -> list[Ball]:
    """Balls along a spline: a limb, a tail, a trunk.

    Args:
        points: Control points in the world, root first.
        radii: One radius per control point; between them it is interpolated by the same spline.
        up: World direction that becomes the dorsal axis (made orthogonal to the spline).
        height: Factor on the dorsal radius; `width`, `length`: the same for the lateral one and along the spline.
        extremity: Value at root and tip; `fur`: hair length at root and tip.
        rest: Place of the root on the resting animal; the spline is laid out straight from it.
        step: Distance between balls as a share of the smallest radius there.
    """
    coarse = np.asarray(points)
    total = float(np.linalg.norm(np.diff(coarse, axis=0), axis=1).sum())
    n = int(np.clip(math.ceil(total / (step * max(float(np.mean(radii)), 1e-3))), 3, 40)) + 1
    spine = catmull_rom(points, n)
    girth = np.maximum(catmull_rom([np.array([r]) for r in radii], n)[:, 0], 1e-3)
    tangents = np.gradient(spine, axis=0)
    travelled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(spine, axis=0), axis=1))])
    spacing = total / (n - 1)  # a ball is never shorter than that, or a thin tip would fall into beads
    origin = vec(0, 0, 0) if rest is None else rest
    balls = []
    for i in range(n):
        along = unit(tangents[i])
        dorsal = up - (up @ along) * along
        dorsal = unit(dorsal) if float(dorsal @ dorsal) > 1e-6 else unit(cross(along, vec(0.3, 0.1, 1.0)))
        axes = np.stack([along, dorsal, cross(along, dorsal)])
        share = i / (n - 1)
        balls.append(
            Ball(
                spine[i],
                axes,
                np.array([max(girth[i] * length, 1.1 * spacing), girth[i] * height, girth[i] * width]),
                part,
                origin + vec(travelled[i], 0, 0),
                extremity[0] + share * (extremity[1] - extremity[0]),
                fur[0] + share * (fur[1] - fur[0]),
                blend,
                0.3,
            )
        )
    return balls


@dataclass(frozen=True)
class Camera:
    """Orthographic camera that looks down by `pitch` radians; `scale` pixels a body unit, `origin` pixel of world 0."""

    pitch: float
    scale: float = 1.0
    origin: tuple[float, float] = (0.0, 0.0)

    def rotation(self) -> Vector:
        """Matrix of shape (3, 3) from world to camera axes."""
        c, s = math.cos(self.pitch), math.sin(self.pitch)
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])

    def project(self, points: Vector) -> Vector:
        """World points, shape (..., 3), as (column, row, depth), depth growing towards the viewer, all in pixels."""
        seen = points @ self.rotation().T * self.scale
        return np.stack([self.origin[0] + seen[..., 0], self.origin[1] - seen[..., 1], seen[..., 2]], axis=-1)


def extent(balls: Iterable[Ball], camera: Camera) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the balls in the camera's pixels (by bounding spheres, so a little large)."""
    chosen = list(balls)
    seen = camera.project(np.stack([b.centre for b in chosen]))
    reach = np.array([float(np.sort(b.radii)[1]) for b in chosen]) * camera.scale
    return (
        float((seen[:, 0] - reach).min()),
        float((seen[:, 1] - reach).min()),
        float((seen[:, 0] + reach).max()),
        float((seen[:, 1] + reach).max()),
    )


EMPTY_DEPTH = -1e4


@dataclass(frozen=True)
class Relief:
    """What the camera sees of a sculpture: arrays of shape (size, size), or (k, size, size).

    Args:
        depth: Towards the viewer, in pixels; EMPTY_DEPTH where nothing is.
        normal: Unit normals (x right, y up, z to the viewer).
        rest: Position on the resting animal (along, dorsal, lateral), in body units.
        dorsal, lateral: Where on the round of the limb, -1..1.
        extremity, fur: Blended from the balls; fur in pixels.
        grain: Direction (column, row) in which the fur lies, not normalised.
        part: `Part` of the nearest ball, 0 for none.
        cover: Share of the pixel that is covered, 0..1.
    """

    depth: Array
    normal: Array
    rest: Array
    dorsal: Array
    lateral: Array
    extremity: Array
    fur: Array
    grain: Array
    part: NDArray[np.uint8]
    cover: Array


def carve(balls: Sequence[Ball], camera: Camera, size: int) -> Relief:
    """The relief of the balls on a square of `size` pixels, neighbours melting into each other.

    Each ball is met by the rays exactly (a quadratic per pixel), and joined to what is there with a polynomial smooth
    maximum, which blends all channels by the same weight.

    Source: polynomial smooth minimum: Inigo Quilez, "Smooth minimum", iquilezles.org/articles/smin.
    """
    depth = np.full((size, size), EMPTY_DEPTH, np.float32)
    channels = np.zeros((12, size, size), np.float32)  # normal 3, rest 3, dorsal, lateral, extremity, fur, grain 2
    part = np.zeros((size, size), np.uint8)
    cover = np.zeros((size, size), np.float32)
    turn = camera.rotation()
    centres = camera.project(np.stack([ball.centre for ball in balls]))
    for place in np.argsort(-centres[:, 2], kind="stable"):  # near ones first: of the others, less is left to do
        ball, centre = balls[place], centres[place]
        axes = ball.axes @ turn.T
        radii = ball.radii * camera.scale
        half = np.sqrt((radii**2) @ axes**2)[:2] + 1.5
        left, right = max(0, int(centre[0] - half[0])), min(size, int(centre[0] + half[0]) + 2)
        top, bottom = max(0, int(centre[1] - half[1])), min(size, int(centre[1] + half[1]) + 2)
        if left >= right or top >= bottom:
            continue
        window = (slice(top, bottom), slice(left, right))
        u = (np.arange(left, right, dtype=np.float32) - np.float32(centre[0]))[None, :]
        v = (np.float32(centre[1]) - np.arange(top, bottom, dtype=np.float32))[:, None]
        m = (axes / radii[:, None]).astype(np.float32)  # camera offsets -> unit sphere
        s = m.T @ m
        b = s[0, 2] * u + s[1, 2] * v
        c = s[0, 0] * u * u + (2 * s[0, 1] * v) * u + (s[1, 1] * v * v - 1)
        discriminant = b * b - s[2, 2] * c
        hit = discriminant > 0
        w = (np.sqrt(np.maximum(discriminant, 0)) - b) / s[2, 2]
        # 1 px of soft edge: the quadratic's value falls by about 2/radius per pixel at the rim
        edge = np.clip(0.5 + discriminant * (half.mean().astype(np.float32) / (2 * s[2, 2])), 0, 1)
        np.maximum(cover[window], edge, out=cover[window])
        new_depth = w + np.float32(centre[2])
        melt = np.float32(max(ball.blend * camera.scale, 0.5))
        old_depth = depth[window]
        weight = np.clip(0.5 + (new_depth - old_depth) * (0.5 / melt), 0, 1) * hit
        used_rows, used_columns = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
        if len(used_rows) == 0:
            continue
        inner = (slice(used_rows[0], used_rows[-1] + 1), slice(used_columns[0], used_columns[-1] + 1))
        top, left = top + int(used_rows[0]), left + int(used_columns[0])
        window = (slice(top, top + inner[0].stop - inner[0].start), slice(left, left + inner[1].stop - inner[1].start))
        u, v, w = u[:, inner[1]], v[inner[0]], w[inner]
        weight, hit, new_depth, old_depth = weight[inner], hit[inner], new_depth[inner], old_depth[inner]
        q = [m[i, 0] * u + (m[i, 1] * v + m[i, 2] * w) for i in range(3)]
        k = m * np.array([[ball.roundness], [1], [1]], np.float32)
        normal = [k[0, i] * q[0] + k[1, i] * q[1] + k[2, i] * q[2] for i in range(3)]
        shorten = 1 / (np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2) + np.float32(1e-6))
        rest, size_of, lie = ball.rest.astype(np.float32), ball.radii.astype(np.float32), axes.astype(np.float32)
        fresh = (
            *(n * shorten for n in normal),
            *(q[i] * size_of[i] + rest[i] for i in range(3)),
            q[1],
            q[2],
            np.float32(ball.extremity),
            np.float32(ball.fur * camera.scale),
            # hair lies along the limb, and out over its sides
            lie[0, 0] + 0.6 * (lie[1, 0] * q[1] + lie[2, 0] * q[2]),
            -lie[0, 1] - 0.6 * (lie[1, 1] * q[1] + lie[2, 1] * q[2]),
        )
        for channel, value in zip(channels, fresh, strict=True):
            seen = channel[window]
            seen += weight * (value - seen)
        joined = old_depth + weight * (new_depth - old_depth) + melt * weight * (1 - weight)
        depth[window] = np.where(hit, np.where(old_depth <= EMPTY_DEPTH, new_depth, joined), old_depth)
        part[window][weight > 0.5] = ball.part
    normals = channels[0:3] / (np.sqrt((channels[0:3] ** 2).sum(axis=0)) + np.float32(1e-6))
    return Relief(
        depth, normals, channels[3:6], channels[6], channels[7], channels[8], channels[9], channels[10:12], part, cover
    )
