"""Cards of pictures, and the grid that they stand in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import streamlit as st

from imgsearch.pictures.items import Item, short_name
from imgsearch.retrieval.results import SearchResult
from imgsearch.ui.parts.addresses import example_url, small_thumbnail_url, thumbnail_url
from imgsearch.ui.parts.component import component, follow
from imgsearch.ui.texts import t

_EAGER = 6
_GRID = component(__file__, html="<ul class='grid'></ul>")


@dataclass(frozen=True)
class Note:
    """A few words more on a card.

    Attributes:
        text: As they are seen.
        spoken: As they are read out, where that is different.
        is_short: Whether there is room for them beside the distance, so that a card is no higher for them.
    """

    text: str
    spoken: str = ""
    is_short: bool = False


def result_cards(
    results: Sequence[SearchResult],
    collection: str,
    query_label: str,
    href: Callable[[str], str],
    notes: Mapping[int, Note] = MappingProxyType({}),
    liked: Names[str] = (),
) -> list[dict[str, Any]]:
    """Cards of search results, for `draw_grid`: with rank, distance, a bar that says how near that is among the
    pairs of pictures here (of words alone: with the worth, and a bar of that), and a mark where the label is the query's.

    In place of the distance of a copy of the query, held here or handed in from outside, stands that it is the same.

    Args:
        results: To show, in their order.
        collection: Its name.
        query_label: What all items of the query show, "" where that is not one thing.
        href: Item id -> where a click leads.
        notes: Row -> a few words more for its card.
        liked: Item ids of those that the answer is steered towards.
    """
    cards = []
    for result in results:
        name = short_name(result.item)
        is_same = bool(query_label) and result.item.label == query_label
        # Begins with what is seen on the card, in that order: who speaks to the browser says what they see.
        words = "card.result_same_label" if is_same else "card.result"
        note = notes.get(result.row)
        distance = result.number
        if result.is_copy or (result.distance is not None and not float(distance)):
            distance = t("card.same_picture")
        shown = distance + (f", {note.text}" if note else "")
        description = t(words, rank=result.rank, name=name, shown=shown)
        cards.append(
            {
                "id": result.item.item_id,
                "src": thumbnail_url(collection, result.item),
                "small": small_thumbnail_url(collection, result.item),
                "href": href(result.item.item_id),
                "label": name,
                "title": _title(result),
                "description": f"{description} ({note.spoken})" if note and note.spoken else description,
                "rank": result.rank,
                "same": is_same,
                "distance": distance,
                "nearness": round(100 * result.nearness, 1),
                "note": note.text if note else "",
                "short": bool(note and note.is_short),
                "liked": result.item.item_id in liked,
                "eager": result.rank <= _EAGER,
            }
        )
    return cards


def _title(result: SearchResult) -> str:
    if result.nearer_than is None:
        return t("words.card_title", item=result.item.item_id, worth=result.number)
    return t("card.result_title", item=result.item.item_id, share=f"{result.nearer_than:g}")


def gallery_cards(
    items: Sequence[Item], collection: str, current: Names[str], href: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Cards of gallery pictures, for `draw_grid`; those that are searched with are marked."""
    return [
        {
            "id": item.item_id,
            "src": thumbnail_url(collection, item),
            "small": small_thumbnail_url(collection, item),
            "href": href(item.item_id),
            "label": short_name(item),
            "title": t("card.title", item=item.item_id),
            "description": t("card.gallery", name=short_name(item)),
            "current": item.item_id in current,
        }
        for item in items
    ]


def example_cards(names: Iterable[str], current: str | None, href: Callable[[str], str]) -> list[dict[str, Any]]:
    """Cards of example queries, for a compact `draw_grid`."""
    return [
        {
            "id": name,
            "src": example_url(name),
            "href": href(name),
            "label": "",
            "title": t("card.example_title"),
            "description": t("card.example", number=number),
            "current": name == current,
            "eager": True,
        }
        for number, name in enumerate(names, start=1)
    ]


ACTIONS = ("why", "dislike", "like")
"""What can be done with a result, in the order of the buttons on its card."""


def draw_grid(
    cards: Sequence[dict[str, Any]],
    *,
    name: str,
    key: str,
    is_compact: bool = False,
    is_strip: bool = False,
    is_calm: bool = False,
    on_action: Callable[[str, str], None] | None = None,
) -> None:
    """Draws cards; a click on one goes where its link leads.

    Args:
        cards: From `result_cards`, `gallery_cards` or `example_cards`.
        name: What a screen reader calls the grid.
        key: Session key; a name that ends in `_grid` is waited for by the browser tests.
        is_compact: Small pictures without words.
        is_strip: One row that scrolls, on a phone.
        is_calm: Pictures stand back: they are no good answer.
        on_action: Called, before the next run, with one of ACTIONS and the id of the card whose button was pressed. Where
            there is none, cards have no buttons.
    """
    # A tuple: of a list, Streamlit would ask pandas whether it is a table, and import it before the first paint.
    data = {"items": tuple(cards), "name": name, "compact": is_compact, "strip": is_strip, "calm": is_calm}
    # Filled in where a button is made: `{name}` is the card's.
    data["actions"] = tuple((action, t(f"card.{action}", name="{name}")) for action in ACTIONS) if on_action else None

    def acted() -> None:
        value = st.session_state[key].get("acted")  # anybody can send anything
        if on_action and isinstance(value, Mapping) and value.get("action") in ACTIONS and isinstance(value.get("id"), str):
            on_action(value["action"], value["id"])

    _GRID(key=key, data=data, on_followed_change=lambda: follow(key), on_acted_change=acted)
