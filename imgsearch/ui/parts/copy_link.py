"""A button that copies a link to the page, for who has nothing but a phone's address bar."""

from __future__ import annotations

from imgsearch.ui.parts.component import component
from imgsearch.ui.texts import t

_COPY_LINK = component(__file__)


def draw_copy_link(href: str) -> None:
    """Draws it.

    Args:
        href: What is copied, from `View.link`; the browser makes it absolute.
    """
    words = {name: t(f"copy.{name}") for name in ("button", "copied", "copied_spoken", "by_hand")}
    _COPY_LINK(key="copy_link", data={"href": href, **words}, width="content")
