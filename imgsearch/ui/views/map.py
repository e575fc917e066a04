"""The map view: the whole collection in two dimensions, the query's place in it and its neighbours."""

from __future__ import annotations

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.ui.answer import Answer, answer_to
from imgsearch.ui.parts.map import Marks, draw_map
from imgsearch.ui.parts.words import space_words
from imgsearch.ui.server.map_points import MAX_MAP_POINTS
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape
from imgsearch.vectors.projection import method_for, place


def render(collection: Collection, view: View) -> None:
    """Draws the map."""
    space = collection.space(view.space)
    st.markdown(t("map.intro", space=space_words(space)))
    answer = answer_to(collection, view)
    marks = _marks(collection, view, answer) if answer else Marks()
    draw_map(collection, view.space, marks, href=view.search_link(view.name), key="map")
    if answer:
        words = "map.foreign" if answer.is_foreign else "map.query"
        st.caption(t(words, name=escape(answer.caption), n=len(answer.page.results)))
    if collection.manifest.n_items > MAX_MAP_POINTS:
        st.caption(t("map.sample", n=MAX_MAP_POINTS, n_items=collection.manifest.n_items))
    entry = collection.manifest.spaces[space.name]
    is_tsne = entry.map_method == "tsne" and method_for(space.embeddings) == "tsne"
    st.caption(t("map.note" if is_tsne else "map.note_pca"))


def _marks(collection: Collection, view: View, answer: Answer) -> Marks:
    results = sorted(answer.page.results, key=lambda result: result.distance)  # whatever their order on the other views
    rows = [result.row for result in results]
    queries = [collection.items.row_of(item.item_id) for item in answer.page.query_items]
    if not rows:
        return Marks(queries=queries)
    # An item stands where it stands; an upload has no place of its own.
    projection = collection.space(view.space).projection
    return Marks(rows, queries, place(projection, queries or rows, is_foreign=answer.is_foreign))
