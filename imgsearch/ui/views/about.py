"""The about view: what happens with a picture, what compares the pictures, where they come from, what it cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.networks import needs_tensorflow
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.settings import SAMPLE_COLLECTION, get_settings
from imgsearch.ui.parts.addresses import thumbnail_url
from imgsearch.ui.parts.figure import draw_figure
from imgsearch.ui.state import View
from imgsearch.ui.texts import language, t
from imgsearch.ui.texts.markdown import escape
from imgsearch.vectors.space import OpenedSpace

_N_BARS = 48
_N_NEAREST = 3
_N_POINTS = 40
_TEXT_WIDTH = 760  # px; longer lines are hard to read


def render(collection: OpenedCollection, view: View) -> None:
    """Draws what there is to know."""
    space = collection.space(view.space)
    st.markdown(t("about.intro"), width=_TEXT_WIDTH)
    draw_figure(_steps(collection, space, view), name=t("about.figure"), key="figure")
    with st.container(width=_TEXT_WIDTH):
        st.markdown(t("about.distance"))
        _render_spaces(collection)
        _render_words(collection)
        _render_data(collection)
        st.header(t("about.limits"), anchor=False)
        st.markdown(t("about.limits_text"))
        st.header(t("about.software"), anchor=False)
        st.markdown(t("about.software_text"))


def _steps(collection: OpenedCollection, space: OpenedSpace, view: View) -> list[dict[str, Any]]:
    """The four steps of the figure, with a real picture, its real vector and its real neighbours."""
    items = [item_id for item_id in view.ask.items if _stands(collection, space, item_id)] or [collection.typical_item]
    page = collection.search(item_id=items[0], k=_N_NEAREST, space=space.name)
    (item,) = page.query_items
    row = collection.items.row_of(item.item_id)
    spec = space.spec
    vector = space.vectors(row)
    kind = _kind(spec)
    nearest = "about.nearest_exact" if space.index.is_exact else "about.nearest_index"
    engine = collection.description.spaces[space.name].engine_label
    places = space.places(space.map_rows)
    (stands,) = space.places([row])
    around = np.argsort(np.linalg.norm(places - stands, axis=1), kind="stable")[:_N_POINTS]
    at = space.places([result.row for result in page.results])
    is_placed = ~np.isnan(at).any(axis=1)
    shown = np.unique(np.concatenate([places[around], at[is_placed]]), axis=0)
    return [
        {
            "title": t("about.picture"),
            "text": t("about.squashed_text" if spec.is_descriptor else "about.cropped_text", size=spec.input_size),
            "picture": thumbnail_url(collection.name, item),
        },
        {"title": t(f"about.{kind}"), "text": t(f"about.{kind}_text", name=spec.own or spec.name), "network": kind},
        {
            "title": t("about.vector"),
            "text": t("about.vector_text", dim=len(vector), shown=min(_N_BARS, len(vector))),
            "bars": tuple(round(float(value), 4) for value in vector[:_N_BARS]),
        },
        {
            "title": t("about.nearest"),
            "text": t(nearest, n=len(collection.items), engine=engine),
            "points": tuple(map(_place, shown)),
            "query": _place(stands),
            "found": tuple(
                {
                    "at": _place(place),
                    "src": thumbnail_url(collection.name, result.item),
                    "words": f"{result.distance:.3f}",
                }
                for result, place, is_there in zip(page.results, at, is_placed, strict=True)
                if is_there
            ),
        },
    ]


def _stands(collection: OpenedCollection, space: OpenedSpace, item_id: str) -> bool:
    """Whether an item has a place on the map."""
    return not np.isnan(space.places([collection.items.row_of(item_id)])).any()


def _kind(spec: EmbedderSpec) -> str:
    """Which of these makes the vectors: "descriptor", "taught" (learnt from another CNN), "logits" or "cnn"."""
    if spec.is_descriptor:
        return "descriptor"
    if spec.is_bundled:
        return "taught"
    return "logits" if spec.layer == "logits" else "cnn"


def _place(point: np.ndarray) -> tuple[float, float]:
    """float32 (2,) in [0, 1] for the browser."""
    return round(float(point[0]), 4), round(float(point[1]), 4)


def _render_spaces(collection: OpenedCollection) -> None:
    st.header(t("about.backbones"), anchor=False)
    st.markdown(t("about.backbones_intro"))
    for space in collection.spaces.values():
        st.markdown(_space_row(space))
    used = {space.spec.name for space in collection.spaces.values()}
    others = ", ".join(escape(name) for name, row in BACKBONES.items() if name not in used and not row.bundled)
    if others:
        st.caption(t("about.other_backbones", names=others))


def _space_row(space: OpenedSpace) -> str:
    """What a space does with a picture, and where that comes from, in Markdown."""
    spec = space.spec
    numbers = t("about.numbers", size=spec.input_size, dim=space.dim)
    reduced = t("collections.reduced", dim=spec.dim) if space.transform else ""
    terms = t("about.descriptor") if spec.is_descriptor else escape(spec.weights_license)
    if spec.own:
        terms = t("about.own_weights", license=terms)
    tensorflow = t("about.needs_tensorflow") if needs_tensorflow(spec, get_settings().home) else ""
    return f"**{escape(space.name)}** · {numbers}{reduced}{tensorflow}  \n{spec.reference}  \n:small[{terms}]"


def _render_words(collection: OpenedCollection) -> None:
    st.header(t("about_words.title"), anchor=False)
    st.markdown(t("about_words.text"))
    n_words = len(collection.words.offered(language()))
    if space := collection.word_space:
        st.markdown(t("about_words.count", n=n_words, name=escape(space.spec.own or space.spec.name)))
        return
    st.markdown(t("about_words.labels", n=n_words) if n_words else t("about_words.none"))
    if not SESSION_NAME.fullmatch(collection.name):
        st.markdown(t("about_words.builder"))
        st.code(f"python -m imgsearch update {collection.name}", language="sh")


def _render_data(collection: OpenedCollection) -> None:
    st.header(t("about.data"), anchor=False)
    description = collection.description
    if collection.name == SAMPLE_COLLECTION:
        st.markdown(t("about.data_sample", n=description.n_items))
    else:
        labels = collection.items.label_counts
        st.markdown(t("about.data_own", title=escape(description.title), n=description.n_items, n_labels=len(labels)))
        if description.n_skipped:
            st.markdown(t("about.left_out", n=description.n_skipped))
        if description.source:
            st.markdown(t("about.data_source", source=escape(description.source)))
        if description.license:
            st.markdown(t("about.data_license", license=escape(description.license)))
    st.markdown(t("about.data_reference"))
    st.markdown(t("about.privacy"))
