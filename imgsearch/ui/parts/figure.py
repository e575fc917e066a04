"""What happens with a picture, in steps: the figure of the about view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgsearch.ui.parts.component import component

_FIGURE = component(__file__, html="<ol class='figure'></ol>")


def draw_figure(steps: Sequence[dict[str, Any]], *, name: str, key: str) -> None:
    """Draws the steps side by side.

    Args:
        steps: Each with `title` and `text`, and with what it shows: a `picture` (URL), a `network` ("cnn" or "descriptor"),
            `bars` (values of a vector), or `points` with the `query` and what was `found` among them.
        name: What a screen reader calls the list.
        key: Session key.
    """
    _FIGURE(key=key, data={"name": name, "steps": tuple(steps)})
