"""Uploads on their way into the server's memory: only from those who may see the page, and no more than there is room for.

Streamlit limits the size of a file, but not how many there are nor how long they take, and holds all of them until the
session ends. What is counted is what has come, not what was announced.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch.settings import get_settings
from imgsearch.ui.server import internals, limits, visitors
from imgsearch.ui.server.limits import MAX_QUERY_PICTURES

FULL_VISITORS = 4
"""So many may have handed in all that one may."""
GRACE_S = 10.0
MIN_BYTES_S = 16_384
"""An upload that is slower than this, after its time of grace, is given up: 10 MB may take ten minutes."""
_TOO_SLOW = 408
_log = logging.getLogger(__name__)


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class UploadRoom:
    """ASGI middleware that refuses uploads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        settings = get_settings()
        self.most_of_one = (settings.max_own_mb + MAX_QUERY_PICTURES * settings.max_upload_mb) * 2**20
        self.most_of_all = FULL_VISITORS * self.most_of_one
        self._coming: Counter[str] = Counter()  # visitor -> bytes that have come, of uploads that are not complete
        self._visitors: dict[str, str] = {}  # session id -> who has uploaded there: the session may be cut off meanwhile

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        upload = internals.UPLOAD_PATH.search(scope["path"]) if scope["type"] == "http" else None
        if upload is None or scope["method"] not in ("PUT", "DELETE"):
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def send_once(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._take(HTTPConnection(scope), upload[1], receive, send_once)
        except _Refused as refused:
            if not has_begun:
                # Else the server reads on and drops what comes: a browser that may not finish sees no answer at all.
                headers = {"Connection": "close"} if refused.status == _TOO_SLOW else {}
                await PlainTextResponse(refused.reason, refused.status, headers)(scope, receive, send)
        except ClientDisconnect:
            _log.info("An upload was broken off.")

    async def _take(self, connection: HTTPConnection, session_id: str, receive: Receive, send: Send) -> None:
        if not (limits.holds_place(session_id) and visitors.owns(connection, session_id)):
            raise _Refused(403, "This is not the session of this browser")
        if connection.scope["method"] == "DELETE":
            await self._app(connection.scope, receive, send)
            return
        announced = connection.headers.get("Content-Length", "")
        if not announced.isdecimal() or "Transfer-Encoding" in connection.headers:  # every browser says how long it is
            raise _Refused(411, "The length is missing")
        visitor = self._visitors[session_id] = visitors.of_request(connection, session_id)
        self._check(visitor, int(announced))
        began = time.monotonic()
        n_come = 0

        async def counted() -> Message:
            nonlocal n_come
            left = began + GRACE_S + n_come / MIN_BYTES_S - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), left)
            except TimeoutError:
                raise _Refused(_TOO_SLOW, "The upload is too slow") from None
            n = len(message.get("body", b""))
            self._check(visitor, n)
            n_come += n
            self._coming[visitor] += n
            return message

        try:
            await self._app(connection.scope, counted, send)
        finally:
            self._coming[visitor] -= n_come
            self._coming += Counter()  # drops what is zero
            self._forget_ended()

    def _check(self, visitor: str, n_more: int) -> None:
        """Refuses bytes for which there is no room."""
        held = self._coming.copy()
        for session_id, n in internals.held_bytes().items():
            held[self._visitors.get(session_id, session_id)] += n
        if held[visitor] + n_more > self.most_of_one or held.total() + n_more > self.most_of_all:
            raise _Refused(413, "There is no room for this file")

    def _forget_ended(self) -> None:
        held = internals.held_bytes()
        self._visitors = {each: who for each, who in self._visitors.items() if held[each] or self._coming[who]}
