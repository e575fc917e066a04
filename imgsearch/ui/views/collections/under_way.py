"""How far a visitor's own collection is, wherever the visitor is: a bar, and when it is ready a way to it."""

from __future__ import annotations

import math

import streamlit as st

from imgsearch.errors import ImgSearchError
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.parts.messages import show_error
from imgsearch.ui.state import Frame
from imgsearch.ui.texts import t
from imgsearch.ui.views.collections import own_pictures
from imgsearch.ui.views.collections.card import collection_link
from imgsearch.ui.views.collections.making import Making

_MINUTE_S = 60
_STEP_S = 5
"""A guess is told in so many seconds: what changes with every look says more than is known."""


def render(frame: Frame) -> None:
    """Draws what there is to say; nothing where that is nothing."""
    own = own_pictures.own()
    if own.name == frame.collection:
        own.is_news = False
    if own.making:
        _render_making()
    elif own.error:
        with st.container(horizontal=True, vertical_alignment="center", key="own_failed"):
            show_error(own.error) if isinstance(own.error, ImgSearchError) else st.error(t("frame.failed"))
            st.button(t("collections.own_close"), key="own_close", type="tertiary", on_click=_put_away)
    elif own.is_news:
        with st.container(horizontal=True, vertical_alignment="center", border=True, key="own_ready"):
            st.markdown(f":material/check_circle: {t('collections.own_ready')}", width="content")
            link = Link(t("collections.search"), collection_link(own.name, frame))
            draw_links([link], name=t("collections.own"), key="own_ready_link", is_bordered=True)
            st.button(t("collections.own_close"), key="own_close", type="tertiary", on_click=_put_away)


@st.fragment(run_every=1.0)
def _render_making() -> None:
    making = own_pictures.own().making
    if making is None or making.is_over:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="own_making"):
        st.progress(making.share, _words(making))
        st.button(
            t("collections.own_cancel"),
            key="own_cancel",
            icon=":material/close:",
            on_click=making.stop,
            disabled=making.is_stopping,
        )


def _words(making: Making) -> str:
    if making.is_stopping:
        return t("collections.own_stopping")
    if not making.total:
        return t("collections.own_reading")
    words = t(
        "collections.own_looking" if making.is_looking else "collections.own_arranging",
        done=making.done,
        total=making.total,
    )
    left_s = making.left_s
    if left_s is None:
        return words
    if left_s > _MINUTE_S:
        return f"{words} · {t('collections.own_left_minutes', n=math.ceil(left_s / _MINUTE_S))}"
    return f"{words} · {t('collections.own_left_seconds', n=_STEP_S * max(1, math.ceil(left_s / _STEP_S)))}"


def _put_away() -> None:
    own = own_pictures.own()
    own.error, own.is_news = None, False
