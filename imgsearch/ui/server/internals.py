"""What reaches into Streamlit's private parts. Written for 1.67; a new version of Streamlit is held against this first."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from streamlit.delta_generator import DeltaGenerator
from streamlit.file_util import get_static_dir
from streamlit.runtime import Runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile
from streamlit.url_util import make_url_path
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string
from streamlit.web.server.starlette.starlette_server_config import XSRF_COOKIE_NAME

__all__ = [
    "METRICS_PATH",
    "SIGN_OUT_PATH",
    "UPLOAD_PATH",
    "DeltaGenerator",
    "Handshake",
    "UploadedFile",
    "browser_token",
    "font_path",
    "handshake",
    "held_bytes",
    "index_page",
    "is_active",
    "media_url",
    "release_upload",
    "running_server",
    "session_id",
    "text_files",
]

UPLOAD_PATH = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")
"""Where the browser sends a file to; the group is the id of its session."""
METRICS_PATH = "/_stcore/metrics"
"""Where Streamlit tells everybody how many sessions there are; behind `server.baseUrlPath`, if there is one."""
SIGN_OUT_PATH = "/auth/logout"
"""Where Streamlit signs a visitor out."""


def index_page() -> bytes:
    """The HTML that every visit begins with."""
    return Path(get_static_dir(), "index.html").read_bytes()


def text_files() -> dict[str, Path]:
    """Streamlit's scripts and styles: the path of each in an address, and its file."""
    folder = Path(get_static_dir(), "static")
    return {_address(path): path for kind in ("js", "css") for path in (folder / kind).iterdir()}


def font_path(name: str) -> str:
    """The path of one of Streamlit's fonts in an address, which holds a digest of it."""
    (path,) = Path(get_static_dir(), "static", "media").glob(f"{name}.*.woff2")
    return _address(path)


def _address(path: Path) -> str:
    base = make_url_path(str(st.get_option("server.baseUrlPath") or ""), "").rstrip("/")
    return f"{base}/{path.relative_to(get_static_dir()).as_posix()}"


def session_id() -> str | None:
    """The id of the session that the script runs for, or None outside of one."""
    context = get_script_run_ctx()
    return context.session_id if context else None


def is_active(session_id: str) -> bool:
    """Whether the session of that id is still there."""
    return Runtime.instance().is_active_session(session_id)


@dataclass(frozen=True)
class Handshake:
    """What a session's browser said when it connected.

    Attributes:
        peer: The address that the connection comes from, or None where there is none.
        headers, cookies: Those of the request.
    """

    peer: str | None = None
    headers: Headers = field(default_factory=Headers)
    cookies: Mapping[str, str] = field(default_factory=dict)


def handshake(session_id: str) -> Handshake:
    """How a session began, or came back last; empty where it is not connected."""
    client = Runtime.instance().get_client(session_id) if Runtime.exists() else None
    context = client.client_context if client else None
    return Handshake(context.remote_ip, Headers(dict(context.headers)), context.cookies) if context else Handshake()


def browser_token(cookies: Mapping[str, str]) -> bytes | None:
    """What Streamlit has given a browser to tell its requests from those of other sites, or None where it sends nothing."""
    return decode_xsrf_token_string(cookies.get(XSRF_COOKIE_NAME, ""))[0]


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
