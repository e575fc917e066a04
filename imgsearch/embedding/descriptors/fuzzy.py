"""Colours with names: 24 fuzzy classes of HSV, as CEDD counts them.

Source: Chatzichristofis and Boutalis 2008, CEDD, section 2: a fuzzy system of 10 colours, then one that splits each of
the 7 with a hue into light, plain and dark. The numbers, which the paper only draws, are those that LIRE publishes.
"""

from __future__ import annotations

import colorsys

import numpy as np

from imgsearch.embedding.descriptors.descriptor import RGB

# Where one class turns into the next: it fades out from the first to the second value as the next one fades in.
# Hue in degrees, saturation and value 0 to 255.
_HUES = ((5, 10), (35, 50), (70, 85), (150, 165), (195, 205), (265, 280), (315, 330))  # red, orange, ... magenta, red
_SATURATIONS = ((10, 75),)  # grey, colourful
_VALUES = ((10, 75), (180, 220))  # black, medium, bright
_SHADES = ((68, 188),)  # of saturation and of value: low, high

HUE_NAMES = ("red", "orange", "yellow", "green", "cyan", "blue", "magenta")
COLORS = ("white", "grey", "black", *(f"{shade}{hue}" for hue in HUE_NAMES for shade in ("light ", "", "dark ")))
"""Names of the 24 classes, in the order of their memberships."""


def _typical(name: str) -> RGB:
    greys = {"white": 255, "grey": 128, "black": 0}
    if name in greys:
        return (greys[name],) * 3
    *shade, hue = name.split()
    degrees = dict(zip(HUE_NAMES, (0, 22, 60, 118, 180, 235, 298), strict=True))[hue]
    saturation, value = {"light": (0.3, 1.0), "dark": (0.8, 0.4)}.get("".join(shade), (0.9, 0.9))
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(degrees / 360, saturation, value))
    return red, green, blue


TYPICAL_COLORS: tuple[RGB, ...] = tuple(_typical(name) for name in COLORS)
"""A colour from the middle of each class, to draw it."""


def fuzzy_colors(rgb: np.ndarray) -> np.ndarray:
    """How much colours belong to each of the 24 classes.

    Args:
        rgb: Array of shape (..., 3), 0 to 255.

    Returns:
        float64 array of shape (..., 24), each in [0, 1], at least one above 0. A rule holds as much as the least of its
        conditions, so the 24 do not always add up to 1.
    """
    hue, saturation, value = hsv(np.asarray(rgb, np.float64) / 255)
    saturation, value = saturation * 255, value * 255
    hues = _memberships(hue * 360, _HUES)  # (..., 8): red at both ends
    greyish, colorful = np.moveaxis(_memberships(saturation, _SATURATIONS), -1, 0)[..., None]  # (..., 1) each
    dark, medium, bright = np.moveaxis(_memberships(value, _VALUES), -1, 0)[..., None]

    def rule(*conditions: np.ndarray) -> np.ndarray:
        least: np.ndarray = np.minimum.reduce(np.broadcast_arrays(*conditions))
        return least

    white = rule(hues, greyish, bright).sum(-1)
    grey = rule(hues, greyish, medium).sum(-1)
    black = (rule(hues, greyish, dark) + rule(hues, colorful, dark)).sum(-1)
    colors = rule(hues, colorful, medium) + rule(hues, colorful, bright)  # (..., 8)
    colors = np.concatenate([colors[..., :1] + colors[..., 7:], colors[..., 1:7]], axis=-1)  # (..., 7)

    pale, deep = np.moveaxis(_memberships(saturation, _SHADES), -1, 0)
    dim, full = np.moveaxis(_memberships(value, _SHADES), -1, 0)
    shades = np.stack([rule(pale, full), rule(deep, full), rule(pale, dim) + rule(deep, dim)], axis=-1)  # (..., 3)
    shaded = colors[..., :, None] * shades[..., None, :]  # (..., 7, 3)
    return np.concatenate([np.stack([white, grey, black], axis=-1), shaded.reshape(*shaded.shape[:-2], 21)], axis=-1)


def hsv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue, saturation and value, as `colorsys.rgb_to_hsv` has them but for many colours: each (...), in [0, 1].

    Args:
        rgb: Floating-point array of shape (..., 3), in [0, 1]. The hue of a grey is 0.

    Source: Smith 1978, Color gamut transform pairs, SIGGRAPH.
    """
    red, green, blue = np.moveaxis(rgb, -1, 0)
    value = rgb.max(axis=-1)
    spread = value - rgb.min(axis=-1)
    divisor = np.where(spread == 0, 1, spread)
    # Of a colour that has its largest part twice, either formula gives the same but for the last digit.
    sixths = np.select(
        [spread == 0, blue == value, green == value],
        [0, 4 + (red - green) / divisor, 2 + (blue - red) / divisor],
        (green - blue) / divisor,
    )
    return sixths / 6 % 1, spread / np.where(value == 0, 1, value), value


def color_names(*groups: np.ndarray) -> list[str]:
    """Name of the class that each of n colours belongs to most: (n, 3), 0 to 255 -> n names.

    Of several groups the names of the first colours, of the second colours and so on are joined: "red" where they are the
    same, else "red / orange".
    """
    names = [[COLORS[number] for number in fuzzy_colors(rgb).argmax(axis=-1)] for rgb in groups]
    return [" / ".join(dict.fromkeys(each)) for each in zip(*names, strict=True)]


def _memberships(values: np.ndarray, crossings: tuple[tuple[float, float], ...]) -> np.ndarray:
    """(...) -> (..., n + 1): trapezoids that meet in n crossings and add up to 1."""
    reached = [np.clip((values - start) / (end - start), 0, 1) for start, end in crossings]
    edges = [np.ones_like(values), *reached, np.zeros_like(values)]
    return np.stack([edges[i] - edges[i + 1] for i in range(len(crossings) + 1)], axis=-1)
