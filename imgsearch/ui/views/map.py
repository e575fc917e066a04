"""The map view: the whole collection in two dimensions, the query's place in it and its neighbours."""

from __future__ import annotations

from typing import Any

import streamlit as st

from imgsearch.collection import Collection
from imgsearch.projection import place
from imgsearch.session_collections import SESSION_NAME
from imgsearch.ui import components, state
from imgsearch.ui.answer import Answer, ask
from imgsearch.ui.map_points import MAX_MAP_POINTS
from imgsearch.ui.markdown import escape
from imgsearch.ui.state import View
from imgsearch.ui.texts import t

_HTML = """
<div class="map">
  <canvas tabindex="0" role="application"></canvas>
  <div class="tools"></div>
  <div class="tip" hidden></div>
  <div class="state" role="status"></div>
</div>
<div class="labels" role="group"></div>
<div class="spoken" aria-live="polite"></div>
"""
_KEY = "map"
_MAP = components.component("imgsearch_map", "map", html=_HTML)


def render(collection: Collection, view: View) -> None:
    """Draws the map."""
    space = collection.space(view.query.space)
    st.markdown(t("map.intro", space=components.space_words(space)))
    answer = ask(collection, view)
    _MAP(key=_KEY, data=_data(collection, view, answer), on_followed_change=lambda: components.follow(_KEY))
    if answer:
        words = "map.foreign" if answer.is_foreign else "map.query"
        st.caption(t(words, name=escape(answer.caption), n=len(answer.page.results)))
    if collection.manifest.n_items > MAX_MAP_POINTS:
        st.caption(t("map.sample", n=MAX_MAP_POINTS, n_items=collection.manifest.n_items))
    st.caption(t("map.note_own" if SESSION_NAME.fullmatch(collection.name) else "map.note"))


def _data(collection: Collection, view: View, answer: Answer | None) -> dict[str, Any]:
    rows = [result.row for result in answer.page.results] if answer else []
    queries = [collection.items.row_of(item.item_id) for item in answer.page.query_items] if answer else []
    spot = None
    if answer and rows:
        # An item stands where it stands; an upload has no place of its own.
        near = place(collection.space(view.query.space).projection, queries or rows, is_foreign=answer.is_foreign)
        spot = tuple({"x": near.x, "y": near.y, "rows": tuple(rows), "faded": near.is_faded}.items())
    return {
        "url": components.map_url(collection, view.query.space),
        "thumbnails": components.thumbnail_pattern(collection.name),
        "href": view.search_link(view.name),
        "results": tuple(rows),
        "queries": tuple(queries),
        "place": spot,
        "most": state.MAX_QUERY_PICTURES,
        "name": t("map.name"),
        "instructions": t("map.instructions"),
        "loading": t("map.loading"),
        "failed": t("map.failed"),
        "words": (
            ("zoomIn", t("map.zoom_in")),
            ("zoomOut", t("map.zoom_out")),
            ("all", t("map.all")),
            ("labels", t("map.labels")),
        ),
    }
