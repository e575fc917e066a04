"""A component of our own: a script and a style beside the module that draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import streamlit as st

from imgsearch.ui import state

_COMMON = Path(__file__).with_name("common")


def component(module: str, *, html: str | None = None, scripts: Sequence[str] = ()) -> Any:
    """A component, in a shadow root of its own. Call it where it is drawn.

    Args:
        module: `__file__` of the module that draws it: the `.css` and `.js` of that name, after those of `common`, are its
            style and script, and the name is what Streamlit knows it by, made once a process.
        html: What it begins with. Defaults to the `.html` of that name.
        scripts: Names of further scripts beside it, which stand in front of its own.
    """
    stem = Path(module).with_suffix("")
    css = "".join(_read(path, ".css") for path in (_COMMON, stem))
    js = "".join(_read(path, ".js") for path in (_COMMON, *map(stem.with_name, scripts), stem))
    return st.components.v2.component(
        f"imgsearch_{stem.name}", html=_read(stem, ".html") if html is None else html, css=css, js=js
    )


def _read(stem: Path, suffix: str) -> str:
    return stem.with_suffix(suffix).read_text(encoding="utf-8")


def follow(key: str, deeds: Mapping[str, Callable[[], None]] = MappingProxyType({})) -> None:
    """Goes where a link of a component leads that was clicked: its trigger `followed`, from before the run.

    Args:
        key: Session key of the component.
        deeds: Href -> what is done instead.
    """
    href = st.session_state[key].get("followed")
    if isinstance(href, str) and href in deeds:
        deeds[href]()
    elif isinstance(href, str):
        state.follow(href)
