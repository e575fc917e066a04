"""The map view: the whole collection in two dimensions, the query's place in it, and beside it the answer."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.ui.answer import Answer, answer_to
from imgsearch.ui.parts.addresses import picture_url
from imgsearch.ui.parts.grid import draw_grid, result_cards
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.parts.map import Marks, draw_map
from imgsearch.ui.parts.words import asked_words, space_words
from imgsearch.ui.server.map_points import names_on_map
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape
from imgsearch.vectors.projection import place


def render(collection: OpenedCollection, view: View) -> None:
    """Draws the map."""
    space = collection.space(view.space)
    st.markdown(t("map.intro", space=escape(space_words(collection.description, space.name))))
    with st.container(key="map_row"):
        left, right = st.container(key="map_side"), st.container(key="map_answer", gap="small")
    with right:
        answer = answer_to(collection, view)
        if answer:
            _render_answer(collection, view, answer)
    marks = _marks(collection, view, answer) if answer else Marks()
    with left:
        draw_map(collection, view.space, marks, href=view.search_link(view.name), key="map")
    if answer and answer.words:
        st.caption(t("words.map"))
    elif answer:
        st.caption(t("map.foreign" if answer.is_foreign else "map.marks"))
    n_shown, n_items = len(space.map_rows), len(collection.items)
    if n_shown < n_items:
        st.caption(t("map.sample", n=n_shown, n_items=n_items))
    if names_on_map(collection, space.name):
        st.caption(t("map_words.note"))
    entry = collection.description.spaces[space.name]
    is_tsne = entry.map_method == "tsne" and space.is_varied
    st.caption(t("map.note" if is_tsne else "map.note_pca"))


def _render_answer(collection: OpenedCollection, view: View, answer: Answer) -> None:
    words = asked_words(collection, view.ask) if answer.words else ""
    title = t("search.foreign_results" if answer.is_foreign else "search.results")
    st.header(t("words.title", n=answer.page.n_shown) if words else title, anchor=False)
    st.caption(t("map.query", name=escape(words or answer.caption)))
    draw_links([Link(t("map.open"), view.link(view=None))], name=t("map.open"), key="map_links", is_bordered=True)
    cards = result_cards(
        answer.page.results,
        collection.name,
        answer.query_label,
        lambda item_id: view.search_link(view.name, item=item_id),
    )
    draw_grid(
        cards,
        name=t("words.grid" if words else "search.results_grid"),
        key="map_grid",
        is_strip=True,
        is_calm=answer.is_foreign,
    )


def _marks(collection: OpenedCollection, view: View, answer: Answer) -> Marks:
    nearest = [result.row for result in sorted(answer.page.results, key=lambda result: result.distance or 0)]
    queries = [collection.items.row_of(item.item_id) for item in answer.items]
    if answer.words:  # which stand nowhere
        return Marks([result.row for result in answer.page.results])
    if not nearest:
        return Marks(queries=queries)
    # An item stands where it stands; an upload has no place of its own.
    standing = queries or nearest
    placed = place(standing, collection.space(view.space).places(standing), is_foreign=answer.is_foreign)
    outside = next((picture.content for picture in answer.asked if not picture.item), b"")
    return Marks(
        [result.row for result in answer.page.results],
        queries,
        placed and replace(placed, rows=tuple(nearest)),
        picture_url(outside, "map_query") if outside else "",
    )
