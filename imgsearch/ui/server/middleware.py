"""What wraps every request: security headers, closed doors, what is compressed, the page's head, room for uploads."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator

from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch.settings import get_settings
from imgsearch.ui.server import internals
from imgsearch.ui.server.delivery.compression import CompressedFiles
from imgsearch.ui.server.delivery.fonts import CutFonts
from imgsearch.ui.server.delivery.head import PageHead
from imgsearch.ui.server.upload_room import UploadRoom

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


def _script_hashes(page: bytes) -> Iterator[str]:
    """What allows the scripts that stand in a page, and no other one (W3C, Content Security Policy Level 3)."""
    for script in _SCRIPT_IN_PAGE.finditer(page):
        yield f"'sha256-{base64.b64encode(hashlib.sha256(script[1]).digest()).decode()}'"


def middleware() -> list[Middleware]:
    """What wraps every request."""
    wraps = (SecurityHeaders, ClosedMetrics, CompressedFiles, CutFonts, PageHead, UploadRoom)
    return [Middleware(each) for each in wraps]
