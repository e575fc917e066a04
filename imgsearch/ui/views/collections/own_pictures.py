"""A visitor's own pictures as a collection of this session only."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildBusyError
from imgsearch.progress import Progress
from imgsearch.ui import resources
from imgsearch.ui.server import visitors
from imgsearch.ui.server.internals import UploadedFile, release_upload
from imgsearch.ui.server.limits import MAX_BUILDS, build_window_s, may_build
from imgsearch.ui.texts import language

_KEY = "own_collection"


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda visit: visit.end())
def _visit(name: str) -> _Visit:
    return _Visit(name)


class _Visit:
    """Ends when the session does: Streamlit then releases what it cached for it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def end(self) -> None:
        resources.session_collections().leave(self._name)


def build(files: Sequence[UploadedFile], specs: Sequence[EmbedderSpec], title: str, progress: Progress) -> Collection:
    """Makes this session's collection of uploads, in place of the one it has.

    Args:
        files: Pictures and zip files; they are taken out of Streamlit's memory, whatever becomes of them.
        specs: What to embed with.
        title: For people.
        progress: Told how far it is.

    Raises:
        BuildBusyError: this visitor has made too many in a short time.
        ImgSearchError: see `SessionCollections.build`; the one that was there stays.
    """
    uploads = ((file.name, file.getvalue()) for file in files)
    try:
        if not may_build():
            raise BuildBusyError(
                f"At most {MAX_BUILDS} collections can be made in {build_window_s() / 60:.0f} minutes.",
                hint="Try again later.",
            )
        visitor = visitors.this()
        collection = resources.session_collections().build(
            uploads,
            embedders=resources.embedders(visitor),
            specs=specs,
            title=title,
            locale=language(),
            owner=visitor,
            progress=progress,
        )
    finally:
        for file in files:
            release_upload(file.file_id)
    forget()
    st.session_state[_KEY] = collection.name
    return collection


def name() -> str | None:
    """Name of this session's collection, for `resources.open_collection`; None where it has none, or none any more."""
    kept = st.session_state.get(_KEY)
    if kept is None or not resources.session_collections().use(kept):
        return None
    _visit(kept)
    return str(kept)


def forget() -> None:
    """Removes this session's collection, if it has one."""
    resources.session_collections().remove(st.session_state.pop(_KEY, ""))
