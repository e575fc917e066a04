"""A visitor's own pictures as a collection of this session only: one, and one that is being made."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import streamlit as st

from imgsearch.embedding.classifier import Classifier
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildBusyError
from imgsearch.reasons import say
from imgsearch.ui import resources, state
from imgsearch.ui.server import visitors
from imgsearch.ui.server.internals import UploadedFile, release_upload
from imgsearch.ui.server.limits import MAX_BUILDS, build_window_s, may_build
from imgsearch.ui.texts import language, t
from imgsearch.ui.views.collections.making import Making

_KEY = "own"


class Own:
    """What a session has of its own.

    Attributes:
        name: Of the collection that is there, "" where there is none.
        making: The one that is being made, or None.
        is_news: Whether a collection has become ready that the visitor has not seen yet.
        error: Why the last one could not be made, until the visitor has put it away.
    """

    def __init__(self) -> None:
        """Nothing."""
        self.key = secrets.token_hex(8)
        self.name = ""
        self.making: Making | None = None
        self.is_news = False
        self.error: Exception | None = None

    def leave(self) -> None:
        """Says that the visitor has gone."""
        resources.session_collections().leave(self.name)
        if self.making:
            self.making.leave()


@st.cache_resource(scope="session", show_spinner=False, on_release=Own.leave)
def _watched(key: str, _own: Own) -> Own:
    """The same, which is told when the session ends: Streamlit then releases what it cached for it."""
    return _own


def own() -> Own:
    """What this session has. What has become ready since is taken over by `collect`."""
    mine: Own = st.session_state.setdefault(_KEY, Own())
    _watched(mine.key, mine)
    if mine.making:
        mine.making.use()
    if mine.name and not resources.session_collections().use(mine.name):
        mine.name = ""
    return mine


def name() -> str | None:
    """Name of this session's collection, for `resources.open_collection`; None where it has none, or none any more."""
    return own().name or None


def start(
    files: Sequence[UploadedFile],
    specs: Sequence[EmbedderSpec],
    title: str,
    classifiers: Mapping[EmbedderSpec, Classifier],
) -> None:
    """Begins to make this session's collection of uploads, which will take the place of the one it has.

    What goes wrong is left in `Own.error`, and the one that was there stays.

    Args:
        files: Pictures and zip files; they are taken out of Streamlit's memory, whatever becomes of them.
        specs: What to embed with.
        title: For people.
        classifiers: See `SessionCollections.build`.
    """
    mine = own()
    uploads = [(file.name, file.getvalue()) for file in files]
    for file in files:
        release_upload(file.file_id)
    if mine.making:
        return
    mine.error = None
    if not may_build():
        mine.error = BuildBusyError(
            say("own_in_a_time", most=MAX_BUILDS, minutes=build_window_s() / 60), hint="Try again later."
        )
        return
    visitor, collections = visitors.this(), resources.session_collections()
    build = partial(
        collections.build,
        _emptied(uploads),
        embedders=resources.embedders(visitor),
        specs=specs,
        title=title,
        classifiers=classifiers,
        locale=language(),
        owner=visitor,
    )
    mine.making = Making(
        lambda progress, stop: build(progress=progress, stop=stop),
        remove=collections.remove,
        grace_s=collections.limits.grace_s,
    )


def collect() -> None:
    """Takes over what has become ready: the visitor is led to it who still waits for it, or had the one before it open."""
    mine = own()
    making = mine.making
    if making is None or not making.is_over:
        return
    mine.making = None
    mine.error = making.error
    if making.collection is None:
        if not making.error:
            st.toast(t("collections.own_cancelled"), icon=":material/block:")
        return
    before = mine.name
    forget()
    mine.name = making.collection.name
    mine.is_news = True
    is_waited_for = st.query_params.get("view") == "collections"
    if is_waited_for or (before and st.query_params.get("collection") == before):
        elsewhere = {"view": None} if is_waited_for else {}
        state.go(collection=mine.name, **dict.fromkeys(state.OF_A_COLLECTION), **elsewhere)


def forget() -> None:
    """Removes this session's collection, if it has one."""
    mine = own()
    resources.session_collections().remove(mine.name)
    mine.name, mine.is_news = "", False


def _emptied(uploads: list[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Hands them out one by one, and holds none that was."""
    while uploads:
        yield uploads.pop(0)
