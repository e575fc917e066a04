"""Streamlit's scripts and styles, compressed once each: Streamlit leaves that to a proxy, which not every host has."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch.ui.server import internals

_LEVEL = 6
"""Of zlib. 9 takes half as long again and saves 0.3 % of Streamlit's files."""
_GZIP = re.compile(r"(?:^|[,\s])gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[^,]*)?(?:,|$)", re.IGNORECASE)


class CompressedFiles:
    """ASGI middleware that sends Streamlit's scripts and styles compressed with gzip to who takes that.

    They are compressed when they are first asked for and kept: at most all of them, some megabytes. Whether they
    have changed and how long they may be kept is still what Streamlit says.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files = internals.text_files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_asked_for = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        path = self._files.get(scope["path"]) if is_asked_for else None
        if path is None:
            await self._app(scope, receive, send)
            return
        is_compressed = takes_gzip(scope) and "Range" not in Headers(scope=scope)
        body: bytes | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers.add_vary_header("Accept-Encoding")
                if is_compressed and "ETag" in headers:  # other bytes than those that it stands for (RFC 9110, 8.8.1)
                    headers["ETag"] = "W/" + headers["ETag"].removeprefix("W/")
                if is_compressed and message["status"] == 200:
                    body = await run_in_threadpool(_compressed, path)
                    headers["Content-Encoding"] = "gzip"
                    headers["Content-Length"] = str(len(body))
                    del headers["Accept-Ranges"]
            elif body is not None and scope["method"] == "GET":
                message = {**message, "body": body}
            await send(message)

        # Streamlit is asked for the headers alone: it need not read the file.
        await self._app({**scope, "method": "HEAD"} if is_compressed else scope, receive, send_compressed)


def takes_gzip(scope: Scope) -> bool:
    """Whether who sent a request takes an answer that is compressed with gzip."""
    return bool(_GZIP.search(Headers(scope=scope).get("Accept-Encoding", "")))


def compress(data: bytes) -> bytes:
    """Bytes compressed with gzip; the same bytes give the same."""
    return gzip.compress(data, _LEVEL, mtime=0)


@cache
def _compressed(path: Path) -> bytes:
    return compress(path.read_bytes())
