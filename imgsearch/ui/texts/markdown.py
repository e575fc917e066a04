"""Anybody's text (names of files, parts of an address) among our Markdown."""

from __future__ import annotations


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()<>#+-.!|~$:&" else char for char in text if char.isprintable())
