"""The compare view: two spaces answer a query by plain distance, side by side or, on a phone, as strips; hits marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.retrieval.results import SearchPage
from imgsearch.ui import state
from imgsearch.ui.answer import Answer, answer_to, find_objects
from imgsearch.ui.parts.grid import Note, draw_grid, result_cards
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.parts.words import space_title, space_words
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape

_SIDES = ("left", "right")
_MEASURED_AT = 5


def render(collection: OpenedCollection, view: View) -> None:
    """Draws both answers."""
    if view.ask.is_by_words:
        st.info(t("words.compare"))
        _render_way_back(view)
        return
    if view.space2 is None:
        is_own = SESSION_NAME.fullmatch(collection.name)
        words = space_words(collection.description, view.space)
        st.info(t("compare.one_space_own" if is_own else "compare.one_space", space=words))
        if is_own:
            return
        st.code(_command_for_another(collection), language="sh")
        return
    spaces = (view.space, view.space2)
    # By plain distance: what is compared, and what the figures beside it are of.
    plain = replace(view.ask, rerank="", liked=(), disliked=())
    answers = [answer_to(collection, view, replace(plain, space=space)) for space in spaces]
    if answers[0] is None or answers[1] is None:  # what went wrong is said already
        return
    left, right = answers[0], answers[1]
    _render_head(collection, view, left)
    st.markdown(_summary(left, right, [escape(space_words(collection.description, space)) for space in spaces]))
    with st.container(horizontal=True, gap="medium", key="compare"):
        for side, space, answer, other in zip(_SIDES, spaces, (left, right), (right, left), strict=True):
            with st.container(key=f"compare_{side}", width="stretch", gap="small"):
                _render_side(collection, view, side, space, answer, other.page)
    st.caption(t("compare.order"))
    note = st.empty()
    note.caption(t("compare.note"))
    find_objects(collection, view, left, note.caption)


def _command_for_another(collection: OpenedCollection) -> str:
    """What gives a collection a second space."""
    if isinstance(collection, Collection):
        return f"python -m imgsearch build {collection.name} --images DIR --embedder color_histogram"
    return f"python -m imgsearch cluster load DATASET ANOTHER --to URL --name {collection.name}"


def _render_way_back(view: View) -> None:
    name = t("compare.change")
    draw_links([Link(name, view.link(view=None))], name=name, key="compare_links", is_bordered=True)


def _render_head(collection: OpenedCollection, view: View, answer: Answer) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="center", key="query"):
        for picture in answer.pictures:
            st.image(picture, alt=t("search.query_alt", name=answer.caption), width=88)
        part = f"  \n{t('compare.part')}" if answer.part else ""
        with st.container(width="stretch", gap="xxsmall"):
            st.markdown(f"**{escape(answer.caption)}**{part}")
            _render_way_back(view)


def _render_side(
    collection: OpenedCollection, view: View, side: str, space: str, answer: Answer, other: SearchPage
) -> None:
    _render_name(collection, view, side, space)
    st.caption(_measured(collection, space))
    label = answer.query_label
    ranks = {result.row: result.rank for result in other.results}
    cards = result_cards(
        answer.page.results,
        collection.name,
        label,
        lambda item_id: view.search_link(view.name, item=item_id),
        notes={
            result.row: Note(t("compare.also", rank=ranks[result.row]))
            for result in answer.page.results
            if result.row in ranks
        },
    )
    draw_grid(cards, name=t(f"compare.grid_{side}"), key=f"compare_{side}_grid", is_strip=True)


def _render_name(collection: OpenedCollection, view: View, side: str, space: str) -> None:
    """What the side compares by; a choice where there is another space to choose."""
    name, other = ("space", view.space2) if side == "left" else ("space2", view.space)
    options = [each for each in collection.spaces if each != other]
    if len(options) == 1:
        st.header(space_title(collection.description, space), anchor=False, help=t("words.technical", name=escape(space)))
        return
    st.selectbox(
        t(f"compare.{name}"),
        options,
        format_func=lambda each: space_title(collection.description, each),
        help=t("words.technical", name=escape(space)),
        **state.bound(name, space),
    )


def _measured(collection: OpenedCollection, space: str) -> str:
    """The precision that the saved evaluation found for a space, by plain distance."""
    for evaluation in collection.evaluation:
        if (evaluation.space, evaluation.rerank) == (space, ""):
            precision = evaluation.precision_at_k[_MEASURED_AT]
            words = {"value": precision.mean, "low": precision.low, "high": precision.high}
            return t("compare.measured", k=_MEASURED_AT, **words)
    return t("compare.not_measured")


def _summary(left: Answer, right: Answer, spaces: Sequence[str]) -> str:
    """How often each is right, named by what it compares by: on a phone there is no left and right."""
    rows = [{result.row for result in answer.page.results} for answer in (left, right)]
    n_common = len(rows[0] & rows[1])
    n = max(len(rows[0]), len(rows[1]))
    label = left.query_label
    if not label:
        return t("compare.common", n_common=n_common, n=n)
    hits = [sum(result.item.label == label for result in answer.page.results) for answer in (left, right)]
    words = dict(zip(("space", "space2"), spaces, strict=True))
    return t("compare.summary", left=hits[0], right=hits[1], n=n, n_common=n_common, **words)
