"""What two descriptors have in common, as a list of bars with colours."""

from __future__ import annotations

from collections.abc import Sequence

from imgsearch.ui.parts.component import component

_MATCHES = component(__file__, html="<ol></ol>")


def draw_matches(rows: Sequence[dict[str, object]], *, name: str, key: str) -> None:
    """Draws the list.

    Args:
        rows: Each with `colors` (CSS), `what` and `detail` in words, its `share` as it is read, and the `width` of its bar
            in percent.
        name: What a screen reader calls the list.
        key: Session key.
    """
    _MATCHES(key=key, data={"rows": tuple(rows), "name": name})
