"""What views draw with: the picture grid, links, notes, the error boundary. Draw only."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Collection as Names
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import streamlit as st

from imgsearch.collection import Collection
from imgsearch.distance import closeness
from imgsearch.errors import ImgSearchError
from imgsearch.items import Item, short_name
from imgsearch.metrics import Estimate
from imgsearch.search import SearchResult
from imgsearch.session_collections import SESSION_NAME
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.space import Space
from imgsearch.ui import access, server, state
from imgsearch.ui.map_points import map_digest
from imgsearch.ui.texts import error_words, language, t

_ASSETS = Path(__file__).with_name("assets")
ICON = _ASSETS / "icon.svg"
_EAGER = 6
_log = logging.getLogger(__name__)


def component(name: str, assets: str, *, html: str) -> Any:
    """A component of our own: `assets/<assets>.css` and `.js` after `common`, in a shadow root. Call it where it is drawn.

    Args:
        name: Its name for Streamlit, made once a process.
        assets: Stem of its files.
        html: What it begins with.
    """
    css, js = (
        "".join((_ASSETS / f"{stem}.{kind}").read_text(encoding="utf-8") for stem in ("common", assets))
        for kind in ("css", "js")
    )
    return st.components.v2.component(name, html=html, css=css, js=js)


_GRID = component("imgsearch_grid", "grid", html="<ul class='grid'></ul>")
_BARS = component("imgsearch_bars", "bars", html="<ul class='bars'></ul>")
_LINKS = component("imgsearch_links", "links", html="<nav></nav>")


def thumbnail_url(collection: str, item: Item) -> str:
    """Where the browser gets an item's thumbnail."""
    return f"{_base_path()}{server.THUMBNAIL_ROUTE}/{collection}/{item.thumbnail}.webp{access.key(collection)}"


def thumbnail_pattern(collection: str) -> str:
    """The same for any item, with {} in place of its digest."""
    return f"{_base_path()}{server.THUMBNAIL_ROUTE}/{collection}/{{}}.webp{access.key(collection)}"


def map_url(collection: Collection, space: str) -> str:
    """Where the browser gets the points of a map."""
    key = access.key(collection.name)
    return f"{_base_path()}{server.MAP_ROUTE}/{collection.name}/{space}/{map_digest(collection, space)}.json{key}"


def picture_url(data: bytes, place: str) -> str:
    """Where the browser gets a JPEG that only this visitor may see, as long as each run asks for it.

    Args:
        data: Content of the file.
        place: What it is on the page; another picture for the same place replaces it.
    """
    return st.runtime.get_instance().media_file_mgr.add(data, "image/jpeg", place)


def example_url(name: str) -> str:
    """Where the browser gets an example query."""
    return f"{_base_path()}{server.EXAMPLE_ROUTE}/{name}{access.key(SAMPLE_COLLECTION)}"


def sign_out_url() -> str:
    """Where Streamlit signs a visitor out."""
    return f"{_base_path()}/auth/logout"


def _base_path() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return "/" + base if base else ""


def unique_words(words: Mapping[str, str]) -> Callable[[str], str]:
    """Option -> what a select box shows for it: its words, or itself where another option has the same words.

    Streamlit sends the words back, so equal ones would choose the wrong option.
    """
    times = Counter(words.values())
    return lambda option: words[option] if times[words[option]] == 1 else option


def collection_words(name: str) -> str:
    """What a collection is called where one is chosen."""
    return t("collections.own") if SESSION_NAME.fullmatch(name) else name


def space_words(space: Space) -> str:
    """What a space compares by, for people: `CNN (mini)`, `descriptor (color_histogram)`."""
    return t("words.descriptor" if space.spec.is_descriptor else "words.cnn", name=space.name)


def rerank_words(name: str) -> str:
    """What a re-ranking is called, for people; "" is none."""
    return t(f"rerank.{name or 'none'}")


@dataclass(frozen=True)
class Note:
    """A few words more on a card.

    Attributes:
        text: As they are seen.
        spoken: As they are read out, where that is different.
    """

    text: str
    spoken: str = ""


def result_cards(
    results: Sequence[SearchResult],
    collection: str,
    query_label: str,
    href: Callable[[str], str],
    notes: Mapping[int, Note] = MappingProxyType({}),
    liked: Names[str] = (),
) -> list[dict[str, Any]]:
    """Cards of search results, for `grid`: with rank, distance, and a mark where the label is the query's.

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
        shown = f"{result.distance:.3f}" + (f", {note.text}" if note else "")
        description = t(words, rank=result.rank, name=name, shown=shown)
        cards.append(
            {
                "id": result.item.item_id,
                "src": thumbnail_url(collection, result.item),
                "href": href(result.item.item_id),
                "label": name,
                "title": t("card.title", item=result.item.item_id),
                "description": f"{description} ({note.spoken})" if note and note.spoken else description,
                "rank": result.rank,
                "same": is_same,
                "distance": f"{result.distance:.3f}",
                "closeness": round(100 * closeness(result.distance), 1),
                "note": note.text if note else "",
                "liked": result.item.item_id in liked,
                "eager": result.rank <= _EAGER,
            }
        )
    return cards


def gallery_cards(
    items: Sequence[Item], collection: str, current: Names[str], href: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Cards of gallery pictures, for `grid`; those that are searched with are marked."""
    return [
        {
            "id": item.item_id,
            "src": thumbnail_url(collection, item),
            "href": href(item.item_id),
            "label": short_name(item),
            "title": t("card.title", item=item.item_id),
            "description": t("card.gallery", name=short_name(item)),
            "current": item.item_id in current,
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
            "title": t("card.example_title"),
            "description": t("card.example", number=number),
            "current": name == current,
            "eager": True,
        }
        for number, name in enumerate(names, start=1)
    ]


ACTIONS = ("why", "dislike", "like")
"""What can be done with a result, in the order of the buttons on its card."""


def grid(
    cards: Sequence[dict[str, Any]],
    *,
    name: str,
    key: str,
    is_compact: bool = False,
    is_calm: bool = False,
    on_action: Callable[[str, str], None] | None = None,
) -> None:
    """Draws cards; a click on one goes where its link leads.

    Args:
        cards: From `result_cards`, `gallery_cards` or `example_cards`.
        name: What a screen reader calls the grid.
        key: Session key; a name that ends in `_grid` is waited for by the browser tests.
        is_compact: Small pictures without words.
        is_calm: Pictures stand back: they are no good answer.
        on_action: Called, before the next run, with one of ACTIONS and the id of the card whose button was pressed. Where
            there is none, cards have no buttons.
    """
    # A tuple: of a list, Streamlit would ask pandas whether it is a table, and import it (0.4 s) before the first paint.
    data = {"items": tuple(cards), "name": name, "compact": is_compact, "calm": is_calm}
    # Filled in where a button is made: `{name}` is the card's.
    data["actions"] = tuple((action, t(f"card.{action}", name="{name}")) for action in ACTIONS) if on_action else None

    def acted() -> None:
        value = st.session_state[key].get("acted")  # anybody can send anything
        if on_action and isinstance(value, Mapping) and value.get("action") in ACTIONS and isinstance(value.get("id"), str):
            on_action(value["action"], value["id"])

    _GRID(key=key, data=data, on_followed_change=lambda: follow(key), on_acted_change=acted)


@dataclass(frozen=True)
class Link:
    """A link within the page.

    Attributes:
        text: What is seen of it.
        href: From `View.link`.
        is_current: Whether it leads to what is shown.
        language: The language that it is written in and leads to, where that is another one; such a link stands apart.
        on_follow: What a click does, before the next run, instead of going there within the page.
    """

    text: str
    href: str
    is_current: bool = False
    language: str | None = None
    on_follow: Callable[[], None] | None = None


def links(links: Sequence[Link], *, name: str, key: str, is_bordered: bool = False) -> None:
    """Draws a row of links, which scrolls where there is no room for all.

    Args:
        links: What to draw.
        name: What a screen reader calls the row.
        key: Session key.
        is_bordered: Each in a box, where what is around it does not say that it can be clicked.
    """
    items = tuple(
        {"text": link.text, "href": link.href, "current": link.is_current, "language": link.language} for link in links
    )
    data = {"links": items, "name": name, "language": language(), "bordered": is_bordered}
    deeds = {link.href: link.on_follow for link in links if link.on_follow}
    _LINKS(key=key, data=data, on_followed_change=lambda: follow(key, deeds))


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
    """

    name: str
    estimate: Estimate | float
    text: str
    href: str = ""
    title: str = ""
    is_current: bool = False


def bars(rows: Sequence[Bar], *, name: str, key: str) -> None:
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
            }
        )
    _BARS(key=key, data={"rows": tuple(drawn), "name": name}, on_followed_change=lambda: follow(key))


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


def show_notes(notes: Iterable[str]) -> None:
    """What could not be used, a box each."""
    for note in notes:
        st.info(note, icon=":material/info:")


def show_error(error: ImgSearchError) -> None:
    """An error in the visitor's words."""
    st.error(error_words(error), icon=":material/error:")


@contextmanager
def error_boundary() -> Iterator[None]:
    """Errors become words; what nobody foresaw goes to the log and only says that it happened."""
    try:
        yield
    except ImgSearchError as exc:
        show_error(exc)
    except Exception:
        _log.exception("the page failed")
        st.error(t("frame.failed"), icon=":material/error:")
