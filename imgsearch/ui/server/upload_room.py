"""Room for uploads in the server's memory: so much for a visitor, and so much for all of them.

Streamlit limits the size of a file, but not how many there are, and holds all of them until the session ends.
"""

from __future__ import annotations

from collections import Counter

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from imgsearch.settings import get_settings
from imgsearch.ui.server import internals
from imgsearch.ui.server.limits import MAX_QUERY_PICTURES

_FULL_VISITORS = 4


class UploadRoom:
    """ASGI middleware that refuses an upload for which there is no room."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        settings = get_settings()
        self.most_of_one = (settings.max_own_mb + MAX_QUERY_PICTURES * settings.max_upload_mb) * 2**20
        self.most_of_all = _FULL_VISITORS * self.most_of_one
        self._coming: Counter[str] = Counter()  # session id -> bytes on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_put = scope["type"] == "http" and scope["method"] == "PUT"
        upload = internals.UPLOAD_PATH.search(scope["path"]) if is_put else None
        if upload is None:
            await self._app(scope, receive, send)
            return
        session_id = upload[1]
        size = dict(scope["headers"]).get(b"content-length", b"")
        if not size.isdigit():  # every browser says how long it is
            await PlainTextResponse("The length is missing", 411)(scope, receive, send)
            return
        if not self._has_room(session_id, int(size)):
            await PlainTextResponse("There is no room for this file", 413)(scope, receive, send)
            return
        self._coming[session_id] += int(size)
        try:
            await self._app(scope, receive, send)
        finally:
            self._coming[session_id] -= int(size)
            if not self._coming[session_id]:
                del self._coming[session_id]

    def _has_room(self, session_id: str, size: int) -> bool:
        held = internals.held_bytes() + self._coming
        return held[session_id] + size <= self.most_of_one and held.total() + size <= self.most_of_all
