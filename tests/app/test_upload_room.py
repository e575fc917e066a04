"""Uploads: from whom, how many bytes of one visitor and of all, with what is on its way, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from imgsearch.ui.server import internals, limits, upload_room
from imgsearch.ui.server.internals import Handshake
from imgsearch.ui.server.limits import Places
from imgsearch.ui.server.upload_room import UploadRoom

HOMES = {"a": "9.9.9.1", "a2": "9.9.9.1", "b": "9.9.9.2", "c": "9.9.9.3"}
"""Session -> the address that it comes from; those for documents count as private."""


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryUploadedFileManager]:
    """What Streamlit holds. All sessions but "x" have a place."""
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    monkeypatch.setattr(st.runtime, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=manager))
    monkeypatch.setattr(internals, "handshake", lambda session_id: Handshake(HOMES[session_id]))
    places = Places(9, lambda session_id: True)
    for session_id in HOMES:
        places.take(session_id)
    monkeypatch.setattr(limits, "_places", lambda: places)
    return manager


class Upload:
    """A file on its way: `come` sends some bytes of it, `end` is its end."""

    def __init__(self, room: UploadRoom, session_id: str, headers: dict[str, str], home: str, method: str) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sent: list[Any] = []
        scope = {
            "type": "http",
            "method": method,
            "path": f"/base/_stcore/upload_file/{session_id}/file",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (home, 1),
        }

        async def send(message: Any) -> None:
            self._sent.append(message)

        self._task = asyncio.ensure_future(room(scope, self._messages.get, send))

    async def come(self, n: int) -> Upload:
        self._messages.put_nowait({"type": "http.request", "body": bytes(n), "more_body": True})
        await _settle()
        return self

    async def end(self) -> int | None:
        """Status of the answer; None where there is none."""
        self._messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        return await self.status()

    async def status(self) -> int | None:
        await self._task
        return self._sent[0]["status"] if self._sent else None

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Server:
    """A room before a program that reads a file to its end, and keeps it where there is something to keep it in."""

    def __init__(self, most_of_one: int = 100, most_of_all: int = 150) -> None:
        self.room = UploadRoom(self._take)
        self.room.most_of_one, self.room.most_of_all = most_of_one, most_of_all
        self.n_taken = 0
        self.manager: MemoryUploadedFileManager | None = None

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        n_come = 0
        while scope["method"] == "PUT":
            message = await receive()
            n_come += len(message.get("body", b""))
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if not message["more_body"]:
                break
        self.n_taken += 1
        if self.manager:
            self.manager.add_file("a", UploadedFileRec("1", "", "", bytes(n_come)))
        await send({"type": "http.response.start", "status": 204, "headers": []})

    def begin(
        self, session_id: str, announced: str | None = "1", home: str = "", method: str = "PUT", **headers: str
    ) -> Upload:
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers |= {} if announced is None else {"content-length": announced}
        return Upload(self.room, session_id, headers, home or HOMES.get(session_id, ""), method)

    async def put(self, session_id: str, n: int, **options: Any) -> int | None:
        upload = self.begin(session_id, str(n), **options)
        await upload.come(n)
        return await upload.end()


def run(visit: Callable[[Server], Awaitable[list[Any]]]) -> list[Any]:
    async def all_of_it() -> list[Any]:
        return await visit(Server())

    return asyncio.run(all_of_it())


async def keep_60(server: Server, manager: MemoryUploadedFileManager) -> None:
    server.manager = manager
    assert await server.put("a", 60) == 204
    server.manager = None


def test_what_is_held_counts_for_the_visitor_in_all_their_sessions(manager: MemoryUploadedFileManager) -> None:
    async def visit(server: Server) -> list[Any]:
        await keep_60(server, manager)
        answers = [await server.put("a", 40), await server.put("a", 41), await server.put("a2", 40)]
        answers += [await server.put("a2", 41), await server.put("b", 90), await server.put("b", 91)]
        answers += [await server.begin("a", method="DELETE").status()]
        manager.remove_file("a", "1")
        return [*answers, await server.put("a2", 100), await server.put("a", 101)]

    assert run(visit) == [204, 413, 204, 413, 204, 413, 204, 204, 413]


def test_what_a_session_that_is_cut_off_has_handed_in_still_counts(
    manager: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def visit(server: Server) -> list[Any]:
        await keep_60(server, manager)
        monkeypatch.setattr(internals, "handshake", lambda name: Handshake(HOMES[name] if name != "a" else None))
        return [await server.put("a2", 41), await server.put("a2", 40)]

    assert run(visit) == [413, 204]


def test_bytes_that_have_come_count_and_those_that_are_announced_do_not(manager: MemoryUploadedFileManager) -> None:
    async def visit(server: Server) -> list[Any]:
        idle = [server.begin("a", "100") for _ in range(8)]
        first, second = await server.begin("a", "70").come(70), await server.begin("b", "70").come(70)
        refused = [await server.put("a2", 31), await server.put("c", 11)]
        fits = await server.put("c", 10)
        done = [await first.end(), await second.end(), await server.put("a", 100)]
        return [*refused, fits, *done, *[await upload.end() for upload in idle]]

    assert run(visit) == [413, 413, 204, 204, 204, 204, *[204] * 8]


def test_who_sends_more_than_was_announced_is_stopped_where_the_room_ends(manager: MemoryUploadedFileManager) -> None:
    async def visit(server: Server) -> list[Any]:
        upload = await (await server.begin("a", "5").come(100)).come(1)
        return [await upload.status(), server.n_taken]

    assert run(visit) == [413, 0]


@pytest.mark.parametrize(
    "options",
    [{"announced": None}, {"announced": "-1"}, {"announced": "5", "transfer_encoding": "chunked"}],
)
def test_who_does_not_say_how_much_it_is_is_refused(manager: MemoryUploadedFileManager, options: dict[str, Any]) -> None:
    async def visit(server: Server) -> list[Any]:
        return [await server.begin("a", **options).status(), server.n_taken]

    assert run(visit) == [411, 0]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_the_browser_of_a_session_with_a_place_may(manager: MemoryUploadedFileManager, method: str) -> None:
    async def visit(server: Server) -> list[Any]:
        answers = [await server.begin("x", method=method).status()]
        return [*answers, await server.begin("a", home=HOMES["b"], method=method).status(), server.n_taken]

    assert run(visit) == [403, 403, 0]


def test_an_upload_that_is_too_slow_is_given_up(
    manager: MemoryUploadedFileManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(upload_room, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(upload_room, "GRACE_S", 10.0)
    monkeypatch.setattr(upload_room, "MIN_BYTES_S", 5)

    async def visit(server: Server) -> list[Any]:
        upload = await server.begin("a", "100").come(50)  # which gives it 10 s more
        now[0] = 19.9
        await upload.come(1)
        now[0] = 20.3  # of 20.2
        await upload.come(1)
        return [await upload.status(), await server.put("a", 100)]

    assert run(visit) == [408, 204]


def test_an_upload_that_is_broken_off_is_no_error_of_ours(manager: MemoryUploadedFileManager) -> None:
    async def visit(server: Server) -> list[Any]:
        upload = await server.begin("a", "100").come(50)
        upload.leave()
        return [await upload.status(), await server.put("a", 100)]

    assert run(visit) == [None, 204]
