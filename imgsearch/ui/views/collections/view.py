"""The collections view: what there is, whether it opens, and a collection of the visitor's own pictures."""

from __future__ import annotations

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.served.address import served_addresses
from imgsearch.collection.session import SESSION_NAME, SessionLimits
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.errors import ImgSearchError
from imgsearch.pictures.decode import READ_FORMATS
from imgsearch.settings import get_settings
from imgsearch.ui import resources, state
from imgsearch.ui.state import Frame
from imgsearch.ui.texts import error_words, t
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.collections import own_pictures, under_way
from imgsearch.ui.views.collections.card import overview, render_card

_WIDTH = 860  # px
_DESCRIPTOR = "color_histogram"


def render(collection: OpenedCollection | None, frame: Frame) -> None:
    """Draws all of them.

    Args:
        collection: The one that the address names; None where it cannot be opened.
        frame: What the address says.
    """
    names = resources.collection_names()
    collection = collection or _first_that_opens(names)
    with st.container(width=_WIDTH, gap="medium"):
        if collection:
            with st.container(border=True, key="own"):
                _render_own(collection, frame)
        for name in names:
            with st.container(border=True, key=f"collection_{name}"):
                _render_collection(name, frame)


def _first_that_opens(names: list[str]) -> OpenedCollection | None:
    for name in names:
        try:
            return resources.open_collection(name)
        except ImgSearchError:
            continue
    return None


def embedders(collection: OpenedCollection) -> list[EmbedderSpec]:
    """What own pictures are compared by: as those of the collection, and where that is a CNN by a descriptor beside it."""
    specs = [space.spec.for_queries() for space in collection.spaces.values()]
    descriptors = [spec for spec in specs if spec.is_descriptor] or [embedder_spec(_DESCRIPTOR)]
    return specs[:1] if specs[0].is_descriptor else [specs[0], descriptors[0]]


def _render_collection(name: str, frame: Frame) -> None:
    try:
        shown = overview(name)
    except ImgSearchError as exc:
        st.header(escape(name), anchor=False)
        st.error(t("collections.broken", reason=error_words(exc)), icon=":material/error:")
        return
    render_card(shown, frame)
    if name in served_addresses():
        st.caption(f":material/check_circle: {t('collections.served')}")
    elif not SESSION_NAME.fullmatch(name):
        st.caption(f":material/check_circle: {t('collections.sound')}")


def _render_own(collection: OpenedCollection, frame: Frame) -> None:
    own = own_pictures.own()
    name = own.name
    if name:
        _render_collection(name, frame)
        remarks = resources.session_collections().remarks(name)
        if remarks.encodings:
            st.caption(t("collections.own_encoding", names=", ".join(remarks.encodings)))
        if remarks.n_without_row:
            st.caption(t("collections.own_without_row", n=remarks.n_without_row))
        st.caption(f":material/lock: {t('collections.own_private')}")
        st.button(
            t("collections.own_delete"), key="own_delete", icon=":material/delete:", on_click=_forget, args=(frame, name)
        )
        under_way.render(frame)
        if not own.making:
            with st.expander(t("collections.own_again")):
                _render_form(collection)
    else:
        st.header(t("collections.own"), anchor=False)
        limits = {"n": SessionLimits.max_pictures, "mb": get_settings().max_own_mb}
        st.markdown(t("collections.own_intro", **limits))
        under_way.render(frame)
        if not own.making:
            _render_form(collection)


def _render_form(collection: OpenedCollection) -> None:
    with st.form(key="own_form", clear_on_submit=True, border=False):
        files = st.file_uploader(
            t("collections.own_upload"),
            key="own_files",
            accept_multiple_files=True,
            max_upload_size=min(get_settings().max_own_mb, int(st.get_option("server.maxUploadSize"))),
            help=t("collections.own_upload_help", formats=READ_FORMATS),
        )
        is_asked = st.form_submit_button(t("collections.own_make"), key="own_make", icon=":material/auto_awesome_mosaic:")
    if not is_asked:
        return
    if not files:
        st.info(t("collections.own_nothing"), icon=":material/info:")
        return
    own_pictures.start(files, embedders(collection), t("collections.own"), collection.classifiers)
    st.rerun()


def _forget(frame: Frame, name: str) -> None:
    own_pictures.forget()
    if frame.collection == name:
        state.go(collection=None, **dict.fromkeys(state.OF_A_COLLECTION))
