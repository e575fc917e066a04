"""The query picture, on which a part can be marked: a component of our own. Draw only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import streamlit as st

from imgsearch.errors import InvalidQueryError
from imgsearch.pictures.regions import Region
from imgsearch.ui.parts.component import component
from imgsearch.ui.texts import t

_PICKER = component(__file__)
_SIDES = ("left", "top", "right", "bottom")
_WORDS = ("name", "hint", "instructions", "whole", "smaller", "larger", "unmarked", "find")


def region_picker(
    source: str,
    *,
    alt: str,
    size: tuple[int, int],
    region: Region | None,
    key: str,
    on_mark: Callable[[Region | None], None],
    suggested: Sequence[Region] = (),
    on_find: Callable[[], None] | None = None,
    max_height: str = "20rem",
) -> None:
    """Draws a picture on which a part can be marked: by dragging, by a tap, or with the keys, or one that is suggested.

    Args:
        source: The picture: a URL of this server or a data URL.
        alt: What it shows.
        size: Its width and height, of which only the ratio counts: room is kept before the picture is there.
        region: What is marked now; None for the whole picture.
        key: Session key.
        on_mark: Called, before the next run, with what has been marked when a gesture is over; None for the whole picture.
        suggested: Parts that are suggested, numbered from 1.
        on_find: Called, before the next run, when parts are to be found. None where they cannot be, or have been.
        max_height: CSS length.
    """

    def marked() -> None:
        region = _region(st.session_state[key].get("marked"))
        if region:
            on_mark(None if region == Region(0, 0, 1, 1) else region)

    def found() -> None:
        if on_find and st.session_state[key].get("found"):
            on_find()

    width, height = size
    words = {name: t(f"region.{name}") for name in _WORDS}
    words["suggested"] = t("region.suggested", number="{number}")
    words["marked"] = t("region.marked", **{side: f"{{{side}}}" for side in _SIDES})  # filled in where it is marked
    _PICKER(
        key=key,
        data={
            "src": source,
            "alt": alt,
            "ratio": round(width / height, 4),
            "max_height": max_height,
            "box": tuple(asdict(region).items()) if region else None,
            "suggested": tuple(tuple(asdict(each).items()) for each in suggested),
            "can_find": on_find is not None,
            "words": tuple(words.items()),
        },
        on_marked_change=marked,
        on_found_change=found,
    )


def _region(value: object) -> Region | None:
    """What the browser sent, or None where that is no region: anybody can send anything."""
    if not isinstance(value, Mapping):
        return None
    try:
        return Region(*(value[side] for side in _SIDES))
    except (InvalidQueryError, KeyError, TypeError, ValueError, OverflowError):
        return None
