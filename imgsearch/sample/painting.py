"""Painting the relief: light, fur, outline; everything that turns a sculpture into gouache."""

from __future__ import annotations

import math
from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from imgsearch.sample.animal.anatomy import Model
from imgsearch.sample.animal.sculpture import EMPTY_DEPTH, Array, Camera, Part, Relief, vec
from imgsearch.sample.palettes import RGB

Index = NDArray[np.intp]

HAZE = np.float32(0.14)  # how far a scene fades towards its mean colour


def blur(field: Array, radius: float) -> Array:
    """About a Gaussian blur of a 2-D array (two box blurs); radius is the standard deviation in pixels.

    In NumPy, since Pillow blurs only 8-bit pictures.
    """
    reach = max(1, round(radius * 1.22))
    for _ in range(2):
        for _ in range(2):
            padded = np.pad(field, ((reach + 1, reach), (0, 0)), mode="edge")
            total = np.cumsum(padded, axis=0)
            field = np.ascontiguousarray((total[2 * reach + 1 :] - total[: -2 * reach - 1]).T) * np.float32(
                1 / (2 * reach + 1)
            )
    return field


def _smudge(field: Array, radius: float) -> Array:
    """Gaussian blur of values 0..1, to a precision of 1/255; radius in pixels."""
    pixels = Image.fromarray((field * np.float32(255)).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(pixels, dtype=np.float32) * np.float32(1 / 255)


def enlarge(field: Array, size: int) -> NDArray[np.uint8]:
    """Values 0..1 of shape (n, n) or (n, n, 3) as bytes, enlarged to `size` pixels a side."""
    pixels = Image.fromarray((np.clip(field, 0, 1) * 255).astype(np.uint8))
    return np.array(pixels.resize((size, size), Image.Resampling.BILINEAR))


def light_up(relief: Relief, colour: Array, light: RGB, sun: RGB, sky: RGB) -> Array:
    """The dyed relief in daylight: soft, slightly stepped light, cool shadows, darker where parts meet.

    Args:
        colour: Shape (size, size, 3), 0..1. `light`: direction to the light.
        sun: Tint of the lit side. `sky`: tint of the shadows; both about 1.
    """
    shown = relief.part > 0
    to_light = np.array(light, np.float32) / np.float32(math.sqrt(sum(c * c for c in light)))
    lambert = np.tensordot(to_light, relief.normal, axes=1)
    lit = np.clip(0.5 + 0.62 * lambert, 0, 1)
    lit = lit + 0.035 * np.sin(lit * 2 * math.pi * 4)  # a hint of brushed steps
    low, high = float(relief.depth[shown].min()), float(relief.depth[shown].max()) + 1
    depth = np.where(shown, (relief.depth - low) / (high - low), 0)  # 0..1, so that Pillow can blur it as bytes
    around = _smudge(depth, 7) / np.maximum(_smudge(shown.astype(np.float32), 7), 0.01)
    hollow = np.clip((around - depth) * ((high - low) / 42), 0, 0.55)
    rim = np.clip(1 - relief.normal[2], 0, 1) ** 3 * np.clip(lambert + 0.2, 0, 1)
    shadow = np.array(sky, np.float32) * np.float32(0.5)
    bright = np.array(sun, np.float32)
    amount = np.clip(lit - hollow, 0, 1)[..., None]
    out = colour * (shadow + amount * (bright - shadow)) + (0.16 * rim)[..., None] * bright
    return np.asarray(np.clip(out, 0, 1), dtype=np.float32)


def lie_of_hair(relief: Relief, curl: float, rng: Random) -> Array:
    """Unit direction (column, row) in which the hair lies; with gravity, and swirls where it is curly."""
    gx, gy = relief.grain[0], relief.grain[1] + np.float32(0.35)
    norm = np.sqrt(gx * gx + gy * gy) + 1e-4
    gx, gy = gx / norm, gy / norm
    if curl:
        noise = np.random.default_rng(rng.randrange(1 << 30)).standard_normal((2, *gx.shape)).astype(np.float32)
        swirl = np.stack([blur(noise[0], 3.2), blur(noise[1], 3.2)]) * np.float32(14 * curl)
        gx, gy = gx * (1 - 0.7 * curl) + swirl[0], gy * (1 - 0.7 * curl) + swirl[1]
        norm = np.sqrt(gx * gx + gy * gy) + 1e-4
        gx, gy = gx / norm, gy / norm
    return np.stack([gx, gy])


MARGIN = 72  # noise is wider than the picture by this, so that each picture can cut out a place of its own


@cache
def _hair_noise(size: int) -> Array:
    """Fine and coarse noise mixed, for a picture of this size."""
    side = size + MARGIN
    noise = np.random.default_rng(0).standard_normal((side, side)).astype(np.float32)
    return noise + np.float32(1.6) * blur(noise, 1.6)


def comb(rows: Index, columns: Index, relief: Relief, grain: Array, zoom: int, rng: Random) -> Array:
    """Brightness of the hair at the given canvas pixels, shape (n,), about 1: noise smeared along the lie of the fur.

    Args:
        rows, columns: Pixels of a canvas that is `zoom` times as large as the relief, each of shape (n,).
        grain: Direction of the hair from `lie_of_hair`.

    Source: Cabral and Leedom, "Imaging vector fields using line integral convolution", SIGGRAPH 1993.
    """
    noise = _hair_noise(relief.part.shape[0] * zoom)
    place = rows // zoom * relief.part.shape[1] + columns // zoom
    fur = np.take(relief.fur, place) * np.float32(zoom)
    reach = np.clip(fur * np.float32(0.09), 0.9, 2.2)
    step_x, step_y = np.take(grain[0], place) * reach, np.take(grain[1], place) * reach
    # start inside the noise by more than the longest smear, so that no index leaves it
    x = columns.astype(np.float32) + np.float32(12 + rng.randrange(48))
    y = rows.astype(np.float32) + np.float32(12 + rng.randrange(48))
    flat, stride = noise.ravel(), noise.shape[1]
    smeared = np.zeros(len(rows), np.float32)
    for k in range(-4, 5):
        smeared += np.take(flat, (y + step_y * k).astype(np.int32) * stride + (x + step_x * k).astype(np.int32))
    strength = np.where(fur > 0.3, np.clip(0.006 + fur * 0.0026, 0, 0.055), 0.004).astype(np.float32)
    return np.asarray(1 + strength * smeared, dtype=np.float32)


def tufts(image: Image.Image, relief: Relief, grain: Array, lit: Array, curl: float, rng: Random) -> None:
    """Draw hairs over the contours and into long fur, in place, far ones first.

    Args:
        image: RGB canvas, a multiple of the relief's size.
        grain: Direction of the hair from `lie_of_hair`. `lit`: the lit colours at the relief's size.
    """
    zoom = image.size[0] / relief.part.shape[0]
    size = relief.part.shape[0]
    shown = relief.part > 0
    depth = np.where(shown, relief.depth, EMPTY_DEPTH)
    edge = np.zeros((size, size), bool)  # the nearer side of every step in depth
    for nearer, farther in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[1:], np.s_[:-1]),
    ):
        edge[nearer] |= depth[nearer] - depth[farther] > 7
    draw_random = np.random.default_rng(rng.randrange(1 << 30))
    chance = draw_random.random((size, size), dtype=np.float32)
    furry = shown & (relief.fur > 0.8)
    outline = furry & edge & (chance < np.clip(3.6 / np.sqrt(relief.fur + 0.1), 0.25, 0.95))
    inner = furry & ~edge & (relief.fur > 4) & (chance < np.clip(relief.fur * (0.005 + 0.005 * curl), 0, 0.075))
    rows, columns = np.nonzero(outline | inner)
    order = np.argsort(depth[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    is_edge = edge[rows, columns]
    out = np.stack([relief.normal[0, rows, columns], -relief.normal[1, rows, columns]])  # off the body
    out /= np.sqrt((out**2).sum(axis=0)) + 1e-3
    fur = relief.fur[rows, columns]
    aim = 0.75 * grain[:, rows, columns] + np.where(is_edge, 0.75, 0.0) * out
    aim += draw_random.normal(0, 0.22, aim.shape)
    aim /= np.sqrt((aim**2).sum(axis=0)) + 1e-3
    length = fur * draw_random.uniform(0.35, 1.05, len(rows)) * np.where(is_edge, 0.95, 0.75)
    shade = draw_random.normal(1.0, 0.06, len(rows)) + np.where(
        is_edge, 0.0, draw_random.choice((-0.05, 0.07), len(rows))
    )
    colours = np.clip(lit[rows, columns] * shade[:, None] * 255, 0, 255).astype(np.uint8)
    start = np.stack([columns, rows]) + 0.5 - aim * (0.35 * length)
    tip = start + aim * length * 1.25
    tip[1] += 0.12 * length
    bend = (start + tip) / 2 + np.stack([-aim[1], aim[0]]) * (0.1 * length * draw_random.choice((-1, 1), len(rows)))
    wide = np.clip(0.5 + 0.07 * length, 0.55, 1.3)
    across = np.stack([-aim[1], aim[0]]) * wide
    corners = np.stack([start - across, bend - 0.6 * across, tip, bend + 0.6 * across, start + across]) * zoom
    pen = ImageDraw.Draw(image)
    if curl > 0.5:
        curls = np.stack([start + aim * (0.5 * length), (0.24 * length + 0.8) * np.ones_like(start)]) * zoom
        low, high = curls[0] - curls[1], curls[0] + curls[1]
        dark = (colours * 0.8).astype(np.uint8)
        for box, colour, rim in zip(
            np.concatenate([low, high]).T.tolist(), colours.tolist(), dark.tolist(), strict=True
        ):
            pen.ellipse(box, fill=tuple(colour))
            pen.arc(box, 20, 200, fill=tuple(rim), width=2)
        return
    for polygon, colour in zip(
        corners.transpose(2, 0, 1).reshape(len(rows), 10).tolist(), colours.tolist(), strict=True
    ):
        pen.polygon(polygon, fill=tuple(colour))


def brushed(image: Image.Image, rng: Random) -> Array:
    """The picture as floats 0..1: paler than the animal in front of it, edges broken up as by a bristle brush."""
    pixels = np.asarray(image)
    size = pixels.shape[0]
    wave = _brush_noise(size)[:, rng.randrange(MARGIN) :, rng.randrange(MARGIN) :][:, :size, :size]
    rows = np.clip(np.arange(size)[:, None] + wave[0], 0, size - 1).astype(np.int32)
    columns = np.clip(np.arange(size)[None, :] + wave[1], 0, size - 1).astype(np.int32)
    moved: Array = np.take(pixels.reshape(-1, 3), rows * size + columns, axis=0).astype(np.float32)
    moved += HAZE * (pixels.mean(axis=(0, 1), dtype=np.float32) - moved)
    moved *= ((1 + 0.022 * wave[0]) / 255)[..., None]
    return moved


@cache
def _brush_noise(size: int) -> Array:
    """Displacements of a pixel or two, shape (2, n, n), for a picture of this size."""
    noise = np.random.default_rng(1).standard_normal((2, size + MARGIN, size + MARGIN)).astype(np.float32)
    out = np.stack([blur(noise[0], 4), blur(noise[1], 4)])
    return np.asarray(1.15 * out / out.std(), dtype=np.float32)


def cast_shadow(model: Model, camera: Camera, size: int, light_x: float) -> Array:
    """Strength 0..1 of the shadow that the animal throws on the ground, shape (size, size)."""
    image = Image.new("L", (size, size))
    pen = ImageDraw.Draw(image)
    flat = math.sin(camera.pitch)
    for ball in model.balls:
        if ball.part in (Part.EAR, Part.HEAD):
            continue
        height = float(ball.centre[1])
        x, y, _ = camera.project(vec(ball.centre[0] - light_x * 0.55 * height, 0, ball.centre[2] - 0.25 * height))
        reach = float(ball.radii[1]) * camera.scale
        pen.ellipse([x - reach, y - max(reach * flat * 1.5, 2), x + reach, y + max(reach * flat * 1.5, 2)], fill=255)
    image = image.filter(ImageFilter.GaussianBlur(size / 90))
    return np.asarray(image, dtype=np.float32) * np.float32(1 / 255)


def on_paper(image: Image.Image, rng: Random) -> Image.Image:
    """The finished picture on rough paper, corners a little darker."""
    size = image.size[0]
    grain = _hair_noise(size)[rng.randrange(MARGIN) :, rng.randrange(MARGIN) :][:size, :size]
    across = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    factor = (1 + 0.011 * grain) * (1.02 - 0.1 * np.clip(across[:, None] + across - 0.5, 0, 2))
    pixels = np.asarray(image, dtype=np.float32) * factor[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
