"""A row of links within the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imgsearch.ui.parts.component import component, follow
from imgsearch.ui.texts import language

_LINKS = component(__file__, html="<nav></nav>")


@dataclass(frozen=True)
class Link:
    """A link within the page.

    Attributes:
        text: What is seen of it.
        href: From `View.link`.
        is_current: Whether it leads to what is shown.
        language: The language that it is written in and leads to, where that is another one; such a link stands apart.
        spoken: What is read out of it, where that is not its text; begins with what is seen.
        on_follow: What a click does, before the next run, instead of going there within the page.
    """

    text: str
    href: str
    is_current: bool = False
    language: str | None = None
    spoken: str = ""
    on_follow: Callable[[], None] | None = None


def draw_links(
    links: Sequence[Link],
    *,
    name: str,
    key: str,
    is_bordered: bool = False,
    is_choice: bool = False,
    page: str = "",
    query: str = "",
) -> None:
    """Draws a row of links, which scrolls where there is no room for all.

    Args:
        links: What to draw.
        name: What a screen reader calls the row.
        key: Session key.
        is_bordered: Each in a box, where what is around it does not say that it can be clicked.
        is_choice: The same, where none of them is what most will want.
        page: What the page is, where the row is the page's: when that is another one, the page is shown from its top.
        query: What the page is asked with: when that is something else, its picture comes into sight.
    """
    items = tuple(
        {
            "text": link.text,
            "spoken": link.spoken,
            "href": link.href,
            "current": link.is_current,
            "language": link.language,
        }
        for link in links
    )
    data = {
        "links": items,
        "name": name,
        "language": language(),
        "bordered": is_bordered or is_choice,
        "choice": is_choice,
        "page": page,
        "query": query,
    }
    deeds = {link.href: link.on_follow for link in links if link.on_follow}
    _LINKS(key=key, data=data, on_followed_change=lambda: follow(key, deeds))
