"""Groups of pictures of which one is kept: cards beside each other, a group below the other, each card with a button."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.measure.duplicates import DuplicateGroup
from imgsearch.ui.parts.addresses import thumbnail_url
from imgsearch.ui.parts.component import component, follow
from imgsearch.ui.texts import t

_GROUPS = component(__file__, html="<ol class='groups'></ol>")


def group_cards(collection: Collection, number: int, group: DuplicateGroup, href: Callable[[str], str]) -> dict[str, Any]:
    """A group for `draw_groups`, its pictures in the order of the collection, so that none moves when another is kept.

    Args:
        collection: Where it was found.
        number: From 1.
        group: What is kept of it, and the others.
        href: Item id -> where a click on a picture leads.
    """
    copies = {copy.row: copy for copy in group.copies}
    cards = []
    for row in sorted(group.rows):
        item, copy = collection.items[row], copies.get(row)
        cards.append(
            {
                "id": item.item_id,
                "src": thumbnail_url(collection.name, item),
                "href": href(item.item_id),
                "size": t("duplicates.size", width=item.width, height=item.height, kb=item.bytes / 1000),
                "kind": t(f"duplicates.{copy.kind}", distance=copy.distance) if copy else "",
                "search": t("card.title", item=item.item_id),
                "kept": copy is None,
            }
        )
    return {"title": t("duplicates.group", number=number, n=len(cards)), "cards": tuple(cards)}


def draw_groups(groups: Sequence[dict[str, Any]], *, name: str, key: str, on_keep: Callable[[str], None]) -> None:
    """Draws groups.

    Args:
        groups: From `group_cards`.
        name: What a screen reader calls the list.
        key: Session key.
        on_keep: Called, before the next run, with the id of the item whose button was pressed; anybody's text.
    """

    def kept() -> None:
        item_id = st.session_state[key].get("kept")
        if isinstance(item_id, str):
            on_keep(item_id)

    data = {
        "groups": tuple(groups),
        "name": name,
        "words": (("keep", t("duplicates.keep")), ("kept", t("duplicates.kept"))),
    }
    _GROUPS(key=key, data=data, on_followed_change=lambda: follow(key), on_kept_change=kept)
