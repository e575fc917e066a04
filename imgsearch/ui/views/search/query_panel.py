"""What is searched with: the picture, on which a part can be marked, or words, and the ways to ask with something else."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import AUTO
from imgsearch.settings import get_settings
from imgsearch.ui import resources, state
from imgsearch.ui.answer import Answer, QueryPicture, asked_items, caption, found_in, part_to_ask
from imgsearch.ui.parts.addresses import picture_url
from imgsearch.ui.parts.grid import draw_grid, example_cards
from imgsearch.ui.parts.query.region_picker import region_picker
from imgsearch.ui.parts.query.uploads import help_uploader
from imgsearch.ui.parts.words import asked_words
from imgsearch.ui.server.internals import UploadedFile, release_upload
from imgsearch.ui.server.limits import MAX_QUERY_PICTURES
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.search.words import render_word_input

_MAX_PICTURE_HEIGHT = "9.5rem"
_SHOWN = "query_shown"


class QueryPanel:
    """The panel, drawn as far as it can be without an answer: items are known at once, uploads once they were embedded."""

    def __init__(self, collection: OpenedCollection, view: View) -> None:
        """Draws it."""
        self._collection = collection
        self._view = view
        with st.container(horizontal=True, gap="medium", vertical_alignment="top", key="query"):
            with st.container(width=240, key="query_picture", gap="small"):
                self._picture = st.container()
            with st.container(key="query_words", width="stretch", gap="xsmall"):
                self._words = st.container()
                with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="hand_in"):
                    _render_uploader()
                    _render_camera()
                    render_word_input(collection, view)
                help_uploader(uploader="uploader_", most_mb=get_settings().max_upload_mb, key="uploads_on_their_way")
                _render_examples(collection, view)
        self._is_complete = not (view.uploads or view.example)
        if view.ask.is_by_words:
            self._show_words()
        elif self._is_complete:
            self._show(asked_items(collection, view.ask))
        elif st.session_state.get(_SHOWN) != self._asked:  # a picture that is asked about again, by a part, stays
            self._show_awaited()

    def complete(self, answer: Answer | None) -> None:
        """Draws what was missing; nothing where there is no answer."""
        if self._is_complete:
            return
        if answer:
            self._show(answer.asked)
        else:
            st.session_state.pop(_SHOWN, None)
            self._picture.empty()

    @property
    def _asked(self) -> tuple[tuple[str, ...], str | None]:
        """What tells one picture from outside from the next."""
        return self._view.uploads, self._view.example

    def _show_awaited(self) -> None:
        """Says that the picture is on its way: the one before it would stay until there is an answer."""
        self._picture, self._words = self._picture.empty(), self._words.empty()  # to be drawn over
        with self._picture.container(key="query_awaited", vertical_alignment="center"):
            st.caption(f":material/hourglass_top: {t('search.awaited')}", text_alignment="center")
        self._say(t("search.example" if self._view.example else "search.your_picture"))

    def _show_words(self) -> None:
        st.session_state[_SHOWN] = self._asked
        words = escape(asked_words(self._collection, self._view.ask))
        with self._picture.container(key="query_as_words", vertical_alignment="center"):
            st.markdown(t("words.quoted", words=words), text_alignment="center")
        self._words.markdown(f":small[{t('words.asking', n=len(self._view.ask.words))}]  \n**{words}**")

    def _show(self, asked: Sequence[QueryPicture]) -> None:
        st.session_state[_SHOWN] = self._asked
        name = caption(asked)
        self._say(name, [picture.item.item_id for picture in asked if picture.item], is_several=len(asked) > 1)
        alt = t("search.query_alt", name=name)
        with self._picture:
            if len(asked) == 1:
                self._show_one(asked[0], alt)
                return
            with st.container(horizontal=True, gap="xsmall", key="query_pictures"):
                for picture in asked:
                    st.image(picture.shown, alt=alt, width=71)

    def _say(self, name: str, item_ids: Sequence[str] = (), *, is_several: bool = False) -> None:
        """Says what is happening: that these pictures are searched with."""
        words = t("search.asking_several" if is_several else "search.asking")
        ids = " ".join(f":small[{escape(item_id)}]" for item_id in item_ids)
        self._words.markdown(f":small[{words}]  \n**{escape(name)}** {ids}")

    def _show_one(self, picture: QueryPicture, alt: str) -> None:
        found = found_in(self._collection, self._view)
        can_find = self._collection.space(self._view.space).calibration.has_verdict
        region_picker(
            picture.url or picture_url(picture.content, "query_picture"),
            alt=alt,
            size=(picture.width, picture.height),
            region=part_to_ask(self._view, found),
            key="region_picker",
            on_mark=self._mark,
            suggested=[part.region for part in found.objects.parts] if found else [],
            on_find=None if found or self._view.ask.region == AUTO or not can_find else _find,
            max_height=_MAX_PICTURE_HEIGHT,
        )

    def _mark(self, region: Region | None) -> None:
        whole = None if self._view.ask.items else state.WHOLE
        state.go(region=str(region) if region else whole)


def _find() -> None:
    state.go(region=AUTO)


def _render_camera() -> None:
    with st.popover(t("search.camera"), icon=":material/photo_camera:", on_change="rerun", key="camera") as popover:
        if popover.open:  # the browser asks for the camera as soon as there is an input
            key = state.uploader_key("photo")
            st.camera_input(
                t("search.camera_label"),
                key=key,
                on_change=_take_photo,
                args=(key,),
                # Else the widget's width is asked for, which is 0 at first: the camera starts at its largest, and anew
                # with the true width a second later, and what is taken in between is lost.
                resolution="720p",
                help=t("search.camera_help"),
            )


def _render_uploader() -> None:
    max_mb = get_settings().max_upload_mb
    key = state.uploader_key("uploader")
    st.file_uploader(
        t("search.upload"),
        key=key,
        accept_multiple_files=True,
        on_change=_take_uploads,
        args=(key,),  # its own: what comes before the page has drawn the next uploader is still handed to the last one
        max_upload_size=max_mb,
        help=t("search.upload_help", mb=max_mb),
    )


def _render_examples(collection: OpenedCollection, view: View) -> None:
    examples = resources.example_queries(collection.name)
    if examples:
        cards = example_cards(examples, view.example, lambda name: view.search_link(example=name))
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="examples"):
            st.caption(t("search.examples_hint"), width="content")
            with st.container(width="stretch"):
                draw_grid(cards, name=t("search.examples"), key="examples_grid", is_compact=True)


def _take_uploads(key: str) -> None:
    _take(st.session_state[key])


def _take_photo(key: str) -> None:
    photo = st.session_state[key]
    st.session_state["camera"] = False  # the popover
    _take([photo] if photo else [])


def _take(files: Sequence[UploadedFile]) -> None:
    """Keeps what a visitor handed in, and searches with it."""
    # An uploader that is not drawn anew yet also names what was taken from it before, as Streamlit's `DeletedFile`.
    files = [file for file in files if isinstance(file, UploadedFile)]
    max_mb = get_settings().max_upload_mb
    small_enough = [file for file in files if file.size <= max_mb * 2**20]
    for file in files:
        if file not in small_enough:
            mb = f"{file.size / 2**20:.1f}"
            state.leave_note(t("uploads.too_large", name=escape(file.name), mb=mb, most=max_mb))
    if len(small_enough) > MAX_QUERY_PICTURES:
        state.leave_note(t("note.too_many", most=MAX_QUERY_PICTURES))
    uploads = [state.keep_upload(file.getvalue(), file.name) for file in small_enough[:MAX_QUERY_PICTURES]]
    for file in files:
        release_upload(file.file_id)
    state.empty_uploaders()
    if uploads:
        state.search(upload=uploads)
