"""Room for uploads: of one visitor and of all, with what is on its way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from starlette.types import Receive, Scope, Send
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from imgsearch.ui.server.upload_room import UploadRoom


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> MemoryUploadedFileManager:
    """What Streamlit holds."""
    manager = MemoryUploadedFileManager("/_stcore/upload_file")
    monkeypatch.setattr(st.runtime, "get_instance", lambda: SimpleNamespace(uploaded_file_mgr=manager))
    return manager


class Visitors:
    """Put files; the program behind the room takes them in when `go` is set."""

    def __init__(self) -> None:
        self.room = UploadRoom(self._take)
        self.room.most_of_one, self.room.most_of_all = 100, 150
        self.go = asyncio.Event()
        self.n_taken = 0

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.go.wait()
        self.n_taken += 1
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def put(self, session_id: str, size: int | None, method: str = "PUT") -> int:
        path = f"/base/_stcore/upload_file/{session_id}/file"
        headers = [] if size is None else [(b"content-length", str(size).encode())]
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": "http.request"}

        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        await self.room(scope, receive, send)
        return int(sent[0]["status"])


def test_what_is_held_counts(manager: MemoryUploadedFileManager) -> None:
    async def visit() -> list[int]:
        visitors = Visitors()
        visitors.go.set()
        manager.add_file("a", UploadedFileRec("1", "", "", bytes(60)))
        answers = [await visitors.put("a", 40), await visitors.put("a", 41)]
        answers += [await visitors.put("b", 90), await visitors.put("b", 91), await visitors.put("a", 99, "DELETE")]
        manager.remove_file("a", "1")
        return [*answers, await visitors.put("a", 100), await visitors.put("a", 101)]

    assert asyncio.run(visit()) == [204, 413, 204, 413, 204, 204, 413]


def test_what_is_on_its_way_counts(manager: MemoryUploadedFileManager) -> None:
    async def visit() -> list[int]:
        visitors = Visitors()
        coming = [asyncio.ensure_future(visitors.put(name, 70)) for name in ("a", "b")]
        await asyncio.sleep(0)
        refused = [await visitors.put("a", 31), await visitors.put("c", 11)]
        visitors.go.set()
        return [*refused, *await asyncio.gather(*coming), await visitors.put("a", 100)]

    assert asyncio.run(visit()) == [413, 413, 204, 204, 204]


def test_who_does_not_say_how_much_it_is_is_refused(manager: MemoryUploadedFileManager) -> None:
    async def visit() -> tuple[int, int]:
        visitors = Visitors()
        visitors.go.set()
        return await visitors.put("a", None), visitors.n_taken

    assert asyncio.run(visit()) == (411, 0)
