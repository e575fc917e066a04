"""How to search: what is found and in which order, and how the index found it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.distance import MAX_DISTANCE
from imgsearch.pictures.items import label_words
from imgsearch.retrieval.rerank import rerankings_of
from imgsearch.retrieval.search import ann_recall_at_k
from imgsearch.ui import state
from imgsearch.ui.answer import Answer
from imgsearch.ui.parts.words import rerank_words, space_title, unique_words
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.search.words import render_narrowing
from imgsearch.vectors.engines.face import Effort

_WIDTH = 260
_DISTANCES = [n / 50 for n in range(5, 76)]


def render_refine(collection: OpenedCollection, view: View) -> None:
    """Draws the controls, closed: then there are none, since each would be drawn anew with every click."""
    with st.expander(t("search.refine"), icon=":material/tune:", on_change="rerun", key="refine") as expander:
        if expander.open:
            _render_controls(collection, view)


def _render_controls(collection: OpenedCollection, view: View) -> None:
    ask = view.ask
    with st.container(horizontal=True, gap="medium", vertical_alignment="top"):
        st.slider(t("search.k"), 1, state.MAX_PAGE_K, width=_WIDTH, **state.bound("k", ask.k))
        if not ask.is_by_words:
            _render_distances(collection, view)
        labels = [state.ALL_LABELS, *collection.items.label_counts]
        if len(labels) > 1:
            st.selectbox(
                t("search.label"),
                labels,
                format_func=label_options(labels),
                width=_WIDTH,
                **state.bound("label", ask.label or state.ALL_LABELS),
            )
        render_narrowing(collection, view, _WIDTH)


def _render_distances(collection: OpenedCollection, view: View) -> None:
    """Draws what changes distances, and their order."""
    ask = view.ask
    max_distance = MAX_DISTANCE if ask.max_distance is None else ask.max_distance
    st.select_slider(
        t("search.max_distance"),
        sorted({*_DISTANCES, max_distance, MAX_DISTANCE}),
        format_func=lambda value: t("search.any") if value == MAX_DISTANCE else f"{value:g}",
        width=_WIDTH,
        help=t("search.max_distance_help"),
        **state.bound("max_distance", max_distance, absent=MAX_DISTANCE),
    )
    st.selectbox(
        t("search.space"),
        list(collection.spaces),
        format_func=lambda name: space_title(collection.description, name),
        width=_WIDTH,
        help=f"{t('search.space_help')} {t('words.technical', name=escape(view.space))}",
        **state.bound("space", view.space),
    )
    with st.container(width=_WIDTH, gap="xsmall"):
        st.selectbox(
            t("search.rerank"),
            [state.NO_RERANKING, *rerankings_of(collection.space(view.space))],
            format_func=rerank_words,
            **state.bound("rerank", ask.rerank or state.NO_RERANKING),
        )
        st.caption(t(f"rerank.{ask.rerank or 'none'}_help"))
        if collection.space(view.space).neighbors is None:
            st.caption(t("rerank.without_neighbors"))


def render_found(collection: OpenedCollection, view: View, answer: Answer) -> None:
    """Draws how the index found the answer, against comparing with everything: closed, and measured when it is opened."""
    ask = view.ask
    with st.expander(t("found.title"), icon=":material/account_tree:", on_change="rerun", key="found") as expander:
        if not expander.open:
            return
        space = collection.space(view.space)
        n = len(collection.items)
        if space.index.is_exact:
            st.markdown(t("found.no_index", n=n))
            return
        if ask.words or ask.not_words:
            st.markdown(t("found.words", n=answer.page.n_candidates))
            return
        if ask.label and not space.index.is_asked_for_some:
            st.markdown(t("found.label", n=collection.items.label_counts[ask.label]))
            return
        recall = ann_recall_at_k(collection.items, space, answer.page)
        st.markdown(
            t(
                "found.recall",
                found=round(recall.recall * recall.k),
                k=recall.k,
                n=n,
                index_ms=recall.index_ms,
                exact_ms=recall.exact_ms,
            )
        )
        st.segmented_control(
            t("found.effort"),
            list(Effort),
            format_func=lambda effort: t(f"found.effort_{effort}"),
            required=True,
            help=t("found.effort_help"),
            **state.bound("effort", ask.effort, absent=Effort.NORMAL),
        )
        st.caption(t("found.note"))


def label_options(labels: Sequence[str]) -> Callable[[str], str]:
    """Label -> what a select box shows for it."""
    return unique_words({label: label_words(label) or t("words.all_labels") for label in labels})
