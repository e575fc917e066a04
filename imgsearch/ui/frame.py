"""What every view stands in: the bar of links, the title, the choice of a collection, notes. And the table of views."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.errors import ImgSearchError
from imgsearch.ui import resources, sign_in, state
from imgsearch.ui.answer import found_in, part_to_ask
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.parts.messages import show_error, show_notes
from imgsearch.ui.parts.native_words import say_native_words
from imgsearch.ui.parts.words import asked_words, collection_words, conditions_words
from imgsearch.ui.server import access
from imgsearch.ui.server.delivery.previews import page_title
from imgsearch.ui.server.limits import has_place, keep_pace
from imgsearch.ui.server.pulling import pulling
from imgsearch.ui.state import Frame, View
from imgsearch.ui.texts import LANGUAGES, language, t
from imgsearch.ui.views import about, compare, map, quality
from imgsearch.ui.views.collections import own_pictures, under_way
from imgsearch.ui.views.collections import view as collections
from imgsearch.ui.views.duplicates import view as duplicates
from imgsearch.ui.views.search import view as search

# Not st.navigation: in Streamlit 1.67 st.page_link does not write the address when only its parameters differ and opens no
# new tab on Ctrl-click, and Back after st.switch_page has the parameters of the view that it led to.
VIEWS: dict[str, Callable[[OpenedCollection, View], None]] = {
    state.SEARCH: search.render,
    "compare": compare.render,
    "map": map.render,
    "duplicates": duplicates.render,
    "quality": quality.render,
    "collections": collections.render,
    "about": about.render,
}
"""Name in the address -> what draws it, in the order of the bar. Its texts are `nav.<name>` and `<name>.title`."""


def render() -> None:
    """Draws the view that the address names."""
    keep_pace()
    if not access.may_enter():
        sign_in.render()
        return
    if not has_place():
        st.title("imgsearch", anchor=False)
        st.info(t("frame.full"), icon=":material/groups:")
        return
    names = resources.collection_names()
    if not names:
        _render_empty()
        return
    own_pictures.collect()
    own = own_pictures.name()
    names += [own] if own else []
    frame = state.read_frame(VIEWS, names)
    try:
        collection = resources.open_collection(frame.collection)
        view = state.read_view(frame, collection, resources.example_queries(frame.collection))
    except ImgSearchError as exc:
        st.set_page_config(page_title=f"{t(f'nav.{frame.name}')} · imgsearch")
        _render_top(frame, names)  # the way to the other collections
        if VIEWS[frame.name] is collections.render:
            collections.render(None, frame)  # which says it too
        else:
            show_error(exc)
        return
    st.set_page_config(page_title=page_title(collection, _title_words(collection, view)))
    _render_top(view, names)
    show_notes((*state.take_notes(), *view.notes))
    VIEWS[view.name](collection, view)


def _title_words(collection: OpenedCollection, view: View) -> list[str]:
    """What tells a page from others in the bar of tabs: what it is asked with, on views that show an answer."""
    words = [] if view.name == state.SEARCH else [t(f"nav.{view.name}")]
    if view.name not in (state.SEARCH, "compare"):
        return words
    ask = view.ask
    conditions = [text for text, _ in conditions_words(collection, ask)]
    if ask.is_by_words:
        return [*words, asked_words(collection, ask), *conditions]
    asked = ", ".join((*ask.items, *[t("title.upload")] * bool(view.uploads)))
    if view.example:
        asked = t("title.example", name=view.example)
    part = part_to_ask(view, found_in(collection, view))
    return [*words, t("title.part", name=asked) if part else asked, *conditions]


def _render_top(frame: Frame, names: list[str]) -> None:
    _render_links(frame)
    _render_head(frame, names)
    if VIEWS[frame.name] is not collections.render:  # which says it in the place where it was asked for
        under_way.render(frame)


def _render_links(frame: Frame) -> None:
    links = [
        Link(t(f"nav.{name}"), frame.link(view=None if name == state.SEARCH else name), is_current=name == frame.name)
        for name in VIEWS
    ]
    links += [
        Link(each.name, frame.link(lang=code), language=code) for code, each in LANGUAGES.items() if code != language()
    ]
    if access.is_required():
        links.append(sign_in.way_out())
    query = state.link({name: frame.params.get(name, []) for name in (*state.PICTURES, *state.WORDS)})
    say_native_words()
    draw_links(links, name=t("nav.name"), key="nav", page=f"{frame.name} {frame.collection}", query=query)


def _render_head(frame: Frame, names: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="head"):
        st.title(t(f"{frame.name}.title"), anchor=False, width="content")
        if len(names) > 1:
            st.selectbox(
                t("frame.collection"),
                names,
                format_func=collection_words,
                label_visibility="collapsed",
                width=220,
                **state.bound("collection", frame.collection, **dict.fromkeys(state.OF_A_COLLECTION)),
            )


def _render_empty() -> None:
    st.title("imgsearch", anchor=False)
    if not pulling().is_over:
        _render_pulling()
        return
    if pulling().has_failed:
        st.error(t("frame.pull_failed"), icon=":material/error:")
    st.info(t("frame.no_collection"), icon=":material/photo_library:")
    st.markdown(t("frame.build_one"))
    st.code("python -m imgsearch build NAME --images DIR\npython -m imgsearch sample", language="sh")


@st.fragment(run_every=1.0)
def _render_pulling() -> None:
    work = pulling()
    if work.is_over:
        st.rerun()
    text = t("frame.pulling", done=work.done / 2**20, total=work.total / 2**20)
    st.progress(min(1.0, work.done / work.total) if work.total else 0.0, text)
