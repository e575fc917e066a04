"""What views draw with: the picture grid, the query picture, the error boundary. Draw only."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from imgsearch.embedding import EmbedderSpec
from imgsearch.errors import ImgSearchError
from imgsearch.items import Item
from imgsearch.search import SearchResult
from imgsearch.ui import server

UNRELATED = 2**0.5
"""Distance of two vectors at a right angle: nothing in common."""

_ASSETS = Path(__file__).with_name("assets")
ICON = _ASSETS / "icon.svg"
_EAGER = 6
_log = logging.getLogger(__name__)

_GRID = st.components.v2.component(
    "imgsearch_grid",
    html="<ul class='grid'></ul>",
    css=(_ASSETS / "grid.css").read_text(encoding="utf-8"),
    js=(_ASSETS / "grid.js").read_text(encoding="utf-8"),
)


def thumbnail_url(collection: str, item: Item) -> str:
    """Where the browser gets an item's thumbnail."""
    return f"{_base_path()}{server.THUMBNAIL_ROUTE}/{collection}/{item.thumbnail}.webp"


def example_url(name: str) -> str:
    """Where the browser gets an example query."""
    return f"{_base_path()}{server.EXAMPLE_ROUTE}/{name}"


def _base_path() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return "/" + base if base else ""


def label_words(label: str) -> str:
    """A label as people write it: `Egyptian_Mau` -> `Egyptian Mau`."""
    return label.replace("_", " ").strip()


def unique_words(words: Mapping[str, str]) -> Callable[[str], str]:
    """Option -> what a select box shows for it: its words, or itself where another option has the same words.

    Streamlit sends the words back, so equal ones would choose the wrong option.
    """
    times = Counter(words.values())
    return lambda option: words[option] if times[words[option]] == 1 else option


def space_words(spec: EmbedderSpec) -> str:
    """What a space compares by, for people: `CNN (mini)`, `descriptor (color_histogram)`."""
    return f"{'descriptor' if spec.is_descriptor else 'CNN'} ({spec.space})"


def short_name(item: Item) -> str:
    """What to call an item in a line of text."""
    return label_words(item.label) or item.item_id.rsplit("/", 1)[-1]


def result_cards(
    results: Sequence[SearchResult], collection: str, query_label: str, href: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Cards of search results, for `grid`: with rank, distance, and a mark where the label is the query's."""
    cards = []
    for result in results:
        name = short_name(result.item)
        is_same = bool(query_label) and result.item.label == query_label
        cards.append(
            {
                "id": result.item.item_id,
                "src": thumbnail_url(collection, result.item),
                "href": href(result.item.item_id),
                "label": name,
                "title": f"{result.item.item_id}: search with this picture",
                # Begins with what is seen on the card, in that order: who speaks to the browser says what they see.
                "description": f"{result.rank}. {name}, {result.distance:.3f} away{', same label' if is_same else ''}: "
                "search with this picture",
                "rank": result.rank,
                "same": is_same,
                "distance": f"{result.distance:.3f}",
                "closeness": round(100 * max(0.0, 1 - result.distance / UNRELATED), 1),
                "eager": result.rank <= _EAGER,
            }
        )
    return cards


def gallery_cards(
    items: Sequence[Item], collection: str, current: str | None, href: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Cards of gallery pictures, for `grid`; the query is marked."""
    return [
        {
            "id": item.item_id,
            "src": thumbnail_url(collection, item),
            "href": href(item.item_id),
            "label": short_name(item),
            "title": f"{item.item_id}: search with this picture",
            "description": f"{short_name(item)}: search with this picture",
            "current": item.item_id == current,
        }
        for item in items
    ]


def example_cards(names: Iterable[str], current: str | None, href: Callable[[str], str]) -> list[dict[str, Any]]:
    """Cards of example queries, for a compact `grid`."""
    return [
        {
            "id": name,
            "src": example_url(name),
            "href": href(name),
            "label": "",
            "title": "Try this picture, which is not in the collection",
            "description": f"Example {number}: search with this picture",
            "current": name == current,
            "eager": True,
        }
        for number, name in enumerate(names, start=1)
    ]


def grid(
    cards: Sequence[dict[str, Any]], *, name: str, key: str, on_pick: Callable[[str], None], is_compact: bool = False
) -> None:
    """Draws cards.

    Args:
        cards: From `result_cards` or `gallery_cards`.
        name: What a screen reader calls the grid.
        key: Session key.
        on_pick: Called with the item id of a clicked card, before the next run.
        is_compact: Small pictures without words.
    """

    def picked() -> None:
        item_id = st.session_state[key].get("picked")
        if isinstance(item_id, str):
            on_pick(item_id)

    # A tuple: of a list, Streamlit would ask pandas whether it is a table, and import it (0.4 s) before the first paint.
    _GRID(key=key, data={"items": tuple(cards), "name": name, "compact": is_compact}, on_picked_change=picked)


def show_error(error: ImgSearchError) -> None:
    """An error in the visitor's words."""
    st.error(error.message + (f"  \n{error.hint}" if error.hint else ""), icon=":material/error:")


@contextmanager
def error_boundary() -> Iterator[None]:
    """Errors become words; what nobody foresaw goes to the log and only says that it happened."""
    try:
        yield
    except ImgSearchError as exc:
        show_error(exc)
    except Exception:
        _log.exception("the page failed")
        st.error("Something went wrong here. It has been noted; reloading the page may help.", icon=":material/error:")
