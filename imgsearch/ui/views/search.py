"""The search view: a query picture, its nearest neighbours, and the gallery to pick the next one from."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from imgsearch.collection import Collection
from imgsearch.errors import ImgSearchError
from imgsearch.search import SearchPage
from imgsearch.settings import SAMPLE_COLLECTION, get_settings
from imgsearch.ui import components, resources, state
from imgsearch.ui.state import View


@dataclass(frozen=True)
class _Answer:
    page: SearchPage
    picture: str | bytes
    caption: str


def render() -> None:
    names = resources.collection_names()
    if not names:
        _render_empty()
        return
    name, name_note = state.collection_name(names)
    collection = resources.open_collection(name)
    view = state.read_view(collection)
    defaults = state.defaults_for(collection, names[0])
    _render_head(collection, names)
    for note in filter(None, (name_note, state.take_note(), *view.notes)):
        st.info(note, icon=":material/info:")
    query_place = st.container(horizontal=True, gap="medium", vertical_alignment="top", key="query")
    _render_refine(collection, view)
    answer = _answer(collection, view)
    with query_place:
        _render_query(collection, answer)
    if answer:
        _render_results(collection, view, defaults, answer)
    _render_gallery(collection, view, defaults)


def _answer(collection: Collection, view: View) -> _Answer | None:
    """The one call of this view; what goes wrong with an upload is said and leaves the rest of the page standing."""
    options = {"k": view.k, "label": view.label or None, "space": view.space}
    if view.item is not None:
        page = collection.search(item_id=view.item, **options)  # type: ignore[arg-type]
        assert page.query_item
        picture = components.thumbnail_url(collection.name, page.query_item)
        return _Answer(page, picture, components.short_name(page.query_item))
    assert view.upload
    spec = collection.space(view.space).spec.for_queries()
    try:
        with st.spinner("Looking at your picture…", show_time=True):
            embedded = resources.embed_upload(state.upload_bytes(view.upload), spec)
        page = collection.search(embedding=embedded.embedding, **options)  # type: ignore[arg-type]
    except ImgSearchError as exc:
        components.show_error(exc)
        return None
    page = replace(page, timings_ms={**embedded.timings_ms, **page.timings_ms})
    return _Answer(page, embedded.preview, "Your picture")


def _render_empty() -> None:
    st.title("imgsearch")
    st.info("There is no collection here yet.", icon=":material/photo_library:")
    st.markdown("Build one from a folder of pictures, then reload this page:")
    st.code("python -m imgsearch build NAME --images DIR", language="sh")


def _render_head(collection: Collection, names: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="head"):
        st.title("Find similar pictures", anchor=False, width="content")
        if len(names) > 1:
            state.set_widget(state.COLLECTION_SELECT, collection.name)
            st.selectbox(
                "Collection",
                names,
                key=state.COLLECTION_SELECT,
                label_visibility="collapsed",
                width=220,
                on_change=_change_collection,
            )
    if collection.name == SAMPLE_COLLECTION:
        st.caption(
            "A sample of animals drawn by code. For photographs: "
            "`python -m imgsearch build pets --images DIR` embeds a folder of yours with Inception V3."
        )


def _render_query(collection: Collection, answer: _Answer | None) -> None:
    if answer:
        with st.container(width=150, key="query_picture"):
            st.image(answer.picture, alt=f"The query: {answer.caption}", width="stretch")
    with st.container(key="query_words", width="stretch", gap="small"):
        if answer:
            item = answer.page.query_item
            st.markdown(f"**{_escape(answer.caption)}**" + (f"  \n:small[{_escape(item.item_id)}]" if item else ""))
        max_mb = get_settings().max_upload_mb
        st.file_uploader(
            "Search with your own picture",
            key=state.uploader_key(),
            on_change=_take_upload,
            max_upload_size=max_mb,
            help=f"Drop a picture here, choose one, or click the button and paste. Up to {max_mb} MB; it is looked at and "
            "forgotten when you leave.",
        )


def _render_refine(collection: Collection, view: View) -> None:
    with st.expander("Refine", icon=":material/tune:"), st.container(horizontal=True, gap="medium"):
        state.set_widget(state.K_SLIDER, view.k)
        st.slider("Results", 1, state.MAX_PAGE_K, key=state.K_SLIDER, on_change=_follow(state.K_SLIDER, "k"), width=260)
        state.set_widget(state.SPACE_SELECT, view.space)
        st.selectbox(
            "Compare by",
            list(collection.spaces),
            key=state.SPACE_SELECT,
            on_change=_follow(state.SPACE_SELECT, "space"),
            width=240,
            help="The network or descriptor whose embeddings are compared.",
        )
        labels = [state.ALL_LABELS, *collection.items.label_counts]
        if len(labels) > 1:
            state.set_widget(state.LABEL_SELECT, view.label)
            st.selectbox(
                "Only pictures of",
                labels,
                key=state.LABEL_SELECT,
                on_change=_follow(state.LABEL_SELECT, "label"),
                format_func=_label_option,
                width=240,
            )


def _render_results(collection: Collection, view: View, defaults: View, answer: _Answer) -> None:
    st.subheader("Most similar", anchor=False)
    item = answer.page.query_item
    cards = components.result_cards(
        answer.page.results,
        collection.name,
        item.label if item else "",
        lambda item_id: state.address(view, defaults, item=item_id, upload=None),
    )
    components.grid(cards, name="Most similar pictures", key=state.RESULTS_GRID, on_pick=_pick)
    if not cards:
        st.info("There is nothing else to compare with in this collection.")
    steps = " · ".join(f"{step} {ms:.0f} ms" for step, ms in answer.page.timings_ms.items())
    st.caption(
        f"Distance: 0 is the same picture, 1.41 has nothing in common. {answer.page.space} on "
        f"{len(collection.items):,} pictures: {steps}"
    )
    if view.upload and answer.page.results:
        nearest = state.address(view, defaults, item=answer.page.results[0].item.item_id, upload=None)
        st.caption(
            f"A link cannot hold your picture. To share a result, copy [the link of its nearest picture]({nearest})."
        )


def _render_gallery(collection: Collection, view: View, defaults: View) -> None:
    st.subheader("Search with another picture", anchor=False)
    counts = collection.items.label_counts
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery_controls"):
        if counts:
            state.set_widget(state.BROWSE_SELECT, view.browse)
            st.selectbox(
                "Show pictures of",
                [state.ALL_LABELS, *counts],
                key=state.BROWSE_SELECT,
                on_change=_browse,
                format_func=_label_option,
                width=240,
            )
        st.button(
            "Surprise me", key=state.RANDOM_BUTTON, icon=":material/shuffle:", on_click=_pick_random, args=(collection,)
        )
    rows = collection.items.rows_with_label(view.browse) if view.browse else range(len(collection.items))
    first = (view.page - 1) * state.GALLERY_PAGE_SIZE
    shown = [collection.items[int(row)] for row in rows[first : first + state.GALLERY_PAGE_SIZE]]
    cards = components.gallery_cards(
        shown, collection.name, view.item, lambda item_id: state.address(view, defaults, item=item_id, upload=None)
    )
    components.grid(cards, name="Pictures of the collection", key=state.GALLERY_GRID, on_pick=_pick)
    n_pages = -(-len(rows) // state.GALLERY_PAGE_SIZE)
    if n_pages > 1:
        state.set_widget(state.GALLERY_PAGE, view.page)
        st.pagination(n_pages, key=state.GALLERY_PAGE, on_change=_follow(state.GALLERY_PAGE, "page"))


def _label_option(label: str) -> str:
    return components.label_words(label) if label else "all labels"


def _escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()<>#+-.!|~$:&" else char for char in text if char.isprintable())


def _follow(key: str, name: str) -> Callable[[], None]:
    """A callback that writes a widget's value to the address."""
    return lambda: state.go(**{name: st.session_state[key]})


def _change_collection() -> None:
    state.go(
        collection=st.session_state[state.COLLECTION_SELECT], space="", item="", upload="", label="", browse="", page=""
    )


def _browse() -> None:
    state.go(browse=st.session_state[state.BROWSE_SELECT], page="")


def _pick(item_id: str) -> None:
    state.go(item=item_id, upload="")


def _pick_random(collection: Collection) -> None:
    _pick(random.choice(collection.items).item_id)


def _take_upload() -> None:
    upload = st.session_state[state.uploader_key()]
    if upload is None:
        return
    max_mb = get_settings().max_upload_mb
    if upload.size > max_mb * 2**20:
        state.leave_note(f"The picture has {upload.size / 2**20:.1f} MB; at most {max_mb} are taken.")
        return
    state.go(upload=state.keep_upload(upload.getvalue()), item="")
