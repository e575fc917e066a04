"""The search view: a query picture, its nearest neighbours, and the gallery to pick the next one from."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
    """Draws the view that the address describes."""
    names = resources.collection_names()
    if not names:
        _render_empty()
        return
    name, name_note = state.collection_name(names)
    collection = resources.open_collection(name)
    examples = resources.example_queries(name)
    view = state.read_view(collection, examples)
    defaults = state.defaults_for(collection, names[0])

    _render_head(collection, names, view)
    for note in filter(None, (name_note, state.take_note(), *view.notes)):
        st.info(note, icon=":material/info:")
    # Drawn from top to bottom, so that nothing that is on the screen is pushed down by what comes later.
    answer = _answer(collection, view, examples)
    with st.container(horizontal=True, gap="medium", vertical_alignment="top", key="query"):
        _render_query(view, defaults, answer, examples)
    warm_up = resources.warm_up(collection.space(view.space).spec.for_queries())
    _render_warm_up(warm_up)
    _render_refine(collection, view)
    if answer:
        _render_results(collection, view, defaults, answer)
    _render_gallery(collection, view, defaults)
    warm_up.start()  # last, so that the first answer is on the screen before the worker takes the processor


def _answer(collection: Collection, view: View, examples: Mapping[str, Path]) -> _Answer | None:
    """The one call of this view; what goes wrong with a picture is said and leaves the rest of the page standing."""
    label = view.label or None
    if view.item is not None:
        page = collection.search(item_id=view.item, k=view.k, label=label, space=view.space)
        assert page.query_item
        url = components.thumbnail_url(collection.name, page.query_item)
        return _Answer(page, url, components.short_name(page.query_item))
    spec = collection.space(view.space).spec.for_queries()
    try:
        with st.spinner("Looking at the picture…", show_time=True):
            data = examples[view.example].read_bytes() if view.example else state.upload_bytes(view.upload or "")
            embedded = resources.embed_upload(data, spec)
        page = collection.search(embedding=embedded.embedding, k=view.k, label=label, space=view.space)
    except ImgSearchError as exc:
        components.show_error(exc)
        return None
    page = replace(page, timings_ms={**embedded.timings_ms, **page.timings_ms})
    return _Answer(page, embedded.preview, "An example from outside" if view.example else "Your picture")


def _render_empty() -> None:
    st.title("imgsearch", anchor=False)
    st.info("There is no collection here yet.", icon=":material/photo_library:")
    st.markdown("Build one from a folder of pictures, or draw the sample, then reload this page:")
    st.code("python -m imgsearch build NAME --images DIR\npython -m imgsearch sample", language="sh")


def _render_head(collection: Collection, names: list[str], view: View) -> None:
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
    compared_by = components.space_words(collection.space(view.space).spec)
    if collection.name == SAMPLE_COLLECTION:
        st.caption(
            f"{len(collection.items):,} cats and dogs drawn by code, compared by {compared_by}. For Inception V3 and "
            "photographs such as the Oxford-IIIT Pet dataset: `python -m imgsearch build pets --images DIR`"
        )
    else:
        title = _escape(collection.manifest.title)
        st.caption(f"{title}: {len(collection.items):,} pictures, compared by {compared_by}.")


def _render_query(view: View, defaults: View, answer: _Answer | None, examples: Mapping[str, Path]) -> None:
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
        if examples:
            cards = components.example_cards(
                examples, view.example, lambda name: state.address(view, defaults, item=None, upload=None, example=name)
            )
            components.grid(cards, name="Examples to try", key=state.EXAMPLES_GRID, on_pick=_pick_example, is_compact=True)


def _render_warm_up(warm_up: resources.WarmUp) -> None:
    """Says whether uploads will be answered at once, on a line that stays."""
    if warm_up.error:
        st.caption(f":material/error: Your own pictures cannot be searched with here. {_escape(warm_up.error.message)}")
        return
    if warm_up.is_over:
        st.caption(":material/check_circle: Ready for your own pictures.")
        return

    @st.fragment(run_every=1.0)
    def wait() -> None:
        if warm_up.is_over:
            st.rerun()  # the whole page, once, without this fragment: it would go on asking every second
        st.caption(":material/hourglass_top: Getting ready for your own pictures…")

    wait()


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
            format_func=components.unique_words(
                {name: components.space_words(space.spec) for name, space in collection.spaces.items()}
            ),
            width=260,
            help="A CNN compares what is in the picture; a descriptor compares colours or edges.",
        )
        labels = [state.ALL_LABELS, *collection.items.label_counts]
        if len(labels) > 1:
            state.set_widget(state.LABEL_SELECT, view.label)
            st.selectbox(
                "Only results of",
                labels,
                key=state.LABEL_SELECT,
                on_change=_follow(state.LABEL_SELECT, "label"),
                format_func=_label_options(labels),
                width=260,
            )


def _render_results(collection: Collection, view: View, defaults: View, answer: _Answer) -> None:
    st.header("Most similar", anchor=False)
    item = answer.page.query_item
    query_label = item.label if item else ""
    cards = components.result_cards(answer.page.results, collection.name, query_label, _item_link(view, defaults))
    components.grid(cards, name="Most similar pictures", key=state.RESULTS_GRID, on_pick=_pick)
    if not cards:
        st.info("There is nothing else to compare with in this collection.", icon=":material/info:")
    steps = " · ".join(f"{step} {ms:.0f} ms" for step, ms in answer.page.timings_ms.items())
    st.caption(
        "Distance: 0 is the same picture, 1.41 has nothing in common"
        + (", ✓ marks the query's label" if query_label else "")
        + f". {len(collection.items):,} pictures searched: {steps}."
    )
    if view.upload and answer.page.results:
        nearest = _item_link(view, defaults)(answer.page.results[0].item.item_id)
        st.caption(f"A link cannot hold your picture. To share, copy [the link of the nearest one]({nearest}).")


def _render_gallery(collection: Collection, view: View, defaults: View) -> None:
    st.header("Search with another picture", anchor=False)
    counts = collection.items.label_counts
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery_controls"):
        if counts:
            state.set_widget(state.BROWSE_SELECT, view.browse)
            labels = [state.ALL_LABELS, *counts]
            st.selectbox(
                "Show",
                labels,
                key=state.BROWSE_SELECT,
                on_change=_browse,
                format_func=_label_options(labels),
                width=220,
            )
        st.button(
            "Surprise me", key=state.RANDOM_BUTTON, icon=":material/shuffle:", on_click=_pick_random, args=(collection,)
        )
    rows = collection.items.rows_with_label(view.browse) if view.browse else range(len(collection.items))
    first = (view.page - 1) * state.GALLERY_PAGE_SIZE
    shown = [collection.items[int(row)] for row in rows[first : first + state.GALLERY_PAGE_SIZE]]
    cards = components.gallery_cards(shown, collection.name, view.item, _item_link(view, defaults))
    components.grid(cards, name="Pictures of the collection", key=state.GALLERY_GRID, on_pick=_pick)
    n_pages = -(-len(rows) // state.GALLERY_PAGE_SIZE)
    if n_pages > 1:
        state.set_widget(state.GALLERY_PAGE, view.page)
        st.pagination(n_pages, key=state.GALLERY_PAGE, on_change=_follow(state.GALLERY_PAGE, "page"))


def _item_link(view: View, defaults: View) -> Callable[[str], str]:
    """Item id -> the address that searches with that item and leaves the rest as it is."""
    return lambda item_id: state.address(view, defaults, item=item_id, upload=None, example=None)


def _label_options(labels: Sequence[str]) -> Callable[[str], str]:
    return components.unique_words({label: components.label_words(label) or "all labels" for label in labels})


def _escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()<>#+-.!|~$:&" else char for char in text if char.isprintable())


def _follow(key: str, name: str) -> Callable[[], None]:
    """A callback that writes a widget's value to the address."""
    return lambda: state.go(**{name: st.session_state[key]})


def _change_collection() -> None:
    changed = st.session_state[state.COLLECTION_SELECT]
    state.go(collection=changed, space="", item="", upload="", example="", label="", browse="", page="")


def _browse() -> None:
    state.go(browse=st.session_state[state.BROWSE_SELECT], page="")


def _pick(item_id: str) -> None:
    state.go(item=item_id, upload="", example="")


def _pick_example(name: str) -> None:
    state.go(item="", upload="", example=name)


def _pick_random(collection: Collection) -> None:
    _pick(collection.items[random.randrange(len(collection.items))].item_id)


def _take_upload() -> None:
    upload = st.session_state[state.uploader_key()]
    if upload is None:
        return
    max_mb = get_settings().max_upload_mb
    if upload.size > max_mb * 2**20:
        state.leave_note(f"The picture has {upload.size / 2**20:.1f} MB; at most {max_mb} are taken.")
        return
    state.go(item="", upload=state.keep_upload(upload.getvalue()), example="")
    state.release_file(upload.file_id)
