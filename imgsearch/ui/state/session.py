"""What an address cannot hold: the bytes of uploads, and notes from one run to the next. Each visitor's own."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

import streamlit as st

MAX_UPLOADS_KEPT = 8

_UPLOADS = "uploads"
_UPLOADER_ROUND = "uploader_round"
_NOTES = "notes"


class _Upload(NamedTuple):
    """A file that the visitor handed in, and what they call it."""

    data: bytes
    name: str


def uploader_key(name: str) -> str:
    """Key of an uploader or camera; another one after `empty_uploaders`, so that the next upload counts as new."""
    return f"{name}_{st.session_state.get(_UPLOADER_ROUND, 0)}"


def keep_upload(data: bytes, name: str = "") -> str:
    """Keeps an upload for this session, the last few only, and returns its id. `name`: of the visitor's file."""
    upload_id = hashlib.sha256(data).hexdigest()[:16]
    uploads = _uploads()
    uploads[upload_id] = _Upload(data, name)
    uploads.move_to_end(upload_id)
    while len(uploads) > MAX_UPLOADS_KEPT:
        uploads.popitem(last=False)
    return upload_id


def empty_uploaders() -> None:
    """Makes uploaders and cameras new in the next run."""
    st.session_state[_UPLOADER_ROUND] = st.session_state.get(_UPLOADER_ROUND, 0) + 1


def upload_bytes(upload_id: str) -> bytes:
    """Content of an upload that this session holds."""
    return _uploads()[upload_id].data


def upload_name(upload_id: str) -> str:
    """What the visitor calls an upload that this session holds, "" where that is not known. Anybody's text."""
    return _uploads()[upload_id].name


def forget_upload(upload_id: str) -> None:
    """Holds an upload no longer."""
    del _uploads()[upload_id]


def has_upload(upload_id: str) -> bool:
    """Whether this session holds that upload."""
    return upload_id in _uploads()


def leave_note(text: str) -> None:
    """A note for the next run, from a callback."""
    st.session_state.setdefault(_NOTES, []).append(text)


def take_notes() -> list[str]:
    """The notes that callbacks left, once."""
    return st.session_state.pop(_NOTES, [])  # type: ignore[no-any-return]


def _uploads() -> OrderedDict[str, _Upload]:
    return st.session_state.setdefault(_UPLOADS, OrderedDict())  # type: ignore[no-any-return]
