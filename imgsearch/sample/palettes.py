"""Coat palettes: natural families of colour that any breed may wear, so that colour says nothing about the breed."""

from __future__ import annotations

from dataclasses import dataclass

RGB = tuple[float, float, float]


def rgb(code: str) -> RGB:
    """`#rrggbb` as three floats in 0..1."""
    return int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255


@dataclass(frozen=True)
class Palette:
    """A coat: middle, dark and light tone, bare skin (nose, inner ear), and the iris."""

    name: str
    base: RGB
    dark: RGB
    light: RGB
    skin: RGB
    iris: RGB


PALETTES: tuple[Palette, ...] = tuple(
    Palette(name, *(rgb(code) for code in codes))
    for name, *codes in (
        # name      base       dark       light      skin       iris
        ("ginger", "#cf7f3c", "#702f17", "#f6e3c6", "#d98d80", "#b9892b"),
        ("cocoa", "#8a5f45", "#3b2118", "#e8d3b9", "#b17a6c", "#7d9a52"),
        ("slate", "#77828f", "#323a45", "#dfe3e6", "#8b8791", "#c98f2e"),
        ("honey", "#d8ae6a", "#6f4722", "#fbf0d8", "#c98577", "#5d86a8"),
        ("soot", "#57514f", "#211f22", "#ddd5cb", "#7d6a68", "#a9b04a"),
        ("silver", "#b3b3b1", "#43474e", "#f5f4f0", "#d39b98", "#6fa3b8"),
        ("lilac", "#b39a98", "#58424f", "#f1e4de", "#c88f92", "#c7a13a"),
        ("mahogany", "#93452c", "#3a1613", "#f0d5b5", "#a8675a", "#9a7b2f"),
    )
)
