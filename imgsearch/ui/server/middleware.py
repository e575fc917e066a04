"""What wraps every request: security headers, closed doors, the page's style, room for uploads."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch.settings import get_settings
from imgsearch.ui.server import internals
from imgsearch.ui.server.delivery.compression import CompressedFiles
from imgsearch.ui.server.upload_room import UploadRoom

_STYLE = Path(__file__).with_name("page.css")
_SCRIPT_IN_PAGE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)

# Nothing is loaded from anywhere else, and no script runs that stands in a page but Streamlit's own. Streamlit imports the
# scripts of components from blobs, and writes styles as it goes.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' {scripts} blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data:; "  # data: is what Streamlit makes of a photo before it sends it
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
}


class SecurityHeaders:
    """ASGI middleware that adds the headers above to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        words = {"frames": get_settings().frame_ancestors, "scripts": " ".join(_script_hashes(internals.index_page()))}
        self._headers = [(name.lower().encode(), value.format(**words).encode()) for name, value in _HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in self._headers if name not in present),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class ClosedMetrics:
    """ASGI middleware that answers 404 where Streamlit would tell everybody its metrics, unless a setting opens them.

    A route cannot do that: Streamlit keeps its own paths for itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._is_open = get_settings().metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_closed = scope["type"] == "http" and scope["path"].rstrip("/").endswith(internals.METRICS_PATH)
        app = PlainTextResponse("Not found", 404) if is_closed and not self._is_open else self._app
        await app(scope, receive, send)


class PageStyle:
    """ASGI middleware that puts our style into the head of Streamlit's index.html.

    Sent with the script's elements it would come after them, and what it keeps room for would jump.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._style = b"<style>" + _STYLE.read_bytes() + b"</style></head>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def send_styled(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                if not _is_html(message):
                    await send(message)
            elif not _is_html(start):
                await send(message)
            else:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                styled = body.replace(b"</head>", self._style, 1)
                # The validators are those of Streamlit's file: they do not change with our style.
                dropped = (b"content-length", b"etag", b"last-modified")
                headers = [header for header in start["headers"] if header[0].lower() not in dropped]
                await send({**start, "headers": [*headers, (b"content-length", str(len(styled)).encode())]})
                await send({"type": "http.response.body", "body": styled})

        await self._app(scope, receive, send_styled if scope["type"] == "http" and scope["method"] == "GET" else send)


def _script_hashes(page: bytes) -> Iterator[str]:
    """What allows the scripts that stand in a page, and no other one (W3C, Content Security Policy Level 3)."""
    for script in _SCRIPT_IN_PAGE.finditer(page):
        yield f"'sha256-{base64.b64encode(hashlib.sha256(script[1]).digest()).decode()}'"


def _is_html(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start.get("headers", [])
    )


def middleware() -> list[Middleware]:
    """What wraps every request."""
    wraps = (SecurityHeaders, ClosedMetrics, CompressedFiles, PageStyle, UploadRoom)
    return [Middleware(each) for each in wraps]
