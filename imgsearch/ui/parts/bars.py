"""Values as bars below each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgsearch.retrieval.metrics import Estimate
from imgsearch.ui.parts.component import component, follow

_BARS = component(__file__, html="<ul class='bars'></ul>")


@dataclass(frozen=True)
class Bar:
    """A value from 0 to 1 to be drawn.

    Attributes:
        name: What it is the value of.
        estimate: The value, with its interval where one is known.
        text: The value in words.
        href: Where a click leads, from `View.link`; "" for nowhere.
        title: What the click does.
        is_current: Whether it belongs to what is shown.
        chance: What chance would give, marked on the bar; None where that is not known.
    """

    name: str
    estimate: Estimate | float
    text: str
    href: str = ""
    title: str = ""
    is_current: bool = False
    chance: float | None = None


def draw_bars(rows: Sequence[Bar], *, name: str, key: str) -> None:
    """Draws values as bars below each other; a click on one goes where its link leads.

    Args:
        rows: What to draw.
        name: What a screen reader calls the list.
        key: Session key.
    """
    drawn = []
    for row in rows:
        known = row.estimate
        numbers = vars(known) if isinstance(known, Estimate) else {"mean": known, "low": None, "high": None}
        drawn.append(
            {
                "name": row.name,
                "value": numbers["mean"],
                "low": numbers["low"],
                "high": numbers["high"],
                "text": row.text,
                "href": row.href,
                "title": row.title,
                "current": row.is_current,
                "chance": row.chance,
            }
        )
    _BARS(key=key, data={"rows": tuple(drawn), "name": name}, on_followed_change=lambda: follow(key))
