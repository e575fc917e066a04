"""What reaches into Streamlit's private parts. Written for 1.67; a new version of Streamlit is held against this first."""

from __future__ import annotations

import gc
import re
from collections import Counter

import streamlit as st
from starlette.applications import Starlette
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

__all__ = [
    "SIGN_OUT_PATH",
    "UPLOAD_PATH",
    "DeltaGenerator",
    "UploadedFile",
    "held_bytes",
    "is_active",
    "media_url",
    "release_upload",
    "running_server",
    "session_id",
]

UPLOAD_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
"""Where the browser sends a file to; the group is the id of its session."""
SIGN_OUT_PATH = "/auth/logout"
"""Where Streamlit signs a visitor out."""


def session_id() -> str | None:
    """The id of the session that the script runs for, or None outside of one."""
    context = get_script_run_ctx()
    return context.session_id if context else None


def is_active(session_id: str) -> bool:
    """Whether the session of that id is still there."""
    return Runtime.instance().is_active_session(session_id)


def held_bytes() -> Counter[str]:
    """Session id -> bytes of uploads that Streamlit holds for it."""
    manager = st.runtime.get_instance().uploaded_file_mgr
    if not isinstance(manager, MemoryUploadedFileManager):
        return Counter()
    # Lists, since scripts in other threads take files out meanwhile.
    return Counter(
        {
            session_id: sum(len(file.data) for file in list(files.values()))
            for session_id, files in list(manager.file_storage.items())
        }
    )


def release_upload(file_id: str) -> None:
    """Takes an upload out of Streamlit's own memory, which would hold it for as long as the visitor stays."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)


def running_server() -> Starlette | None:
    """The server of `streamlit run` on a plain script, to which Streamlit hands out no reference; None without one."""
    return next((each for each in gc.get_objects() if type(each) is Starlette), None)


def media_url(data: bytes, media_type: str, place: str) -> str:
    """Where the browser gets a file that only this visitor may see, as long as each run asks for it.

    Args:
        data, media_type: Content of the file, and what it is.
        place: What it is on the page; another file for the same place replaces it.
    """
    return st.runtime.get_instance().media_file_mgr.add(data, media_type, place)
