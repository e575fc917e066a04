"""Scripts and styles of Streamlit: compressed once for who takes that, and otherwise as Streamlit sends them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from streamlit.file_util import get_static_dir
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes

from imgsearch.ui.server.delivery import compression
from imgsearch.ui.server.delivery.compression import CompressedFiles

STATIC = Path(get_static_dir())
SCRIPT = next((STATIC / "static" / "js").glob("index.*.js"))
STYLE = next((STATIC / "static" / "css").glob("index.*.css"))
FONT = next((STATIC / "static" / "media").glob("*.woff2"))
BROWSER = {"Accept-Encoding": "gzip, deflate, br, zstd"}


def ask(path: str, headers: Mapping[str, str], method: str = "GET") -> tuple[httpx.Headers, int, bytes]:
    """Headers, status and raw bytes of an answer."""

    async def answer() -> tuple[httpx.Headers, int, bytes]:
        app = CompressedFiles(Starlette(routes=create_streamlit_static_assets_routes("")))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
            client.headers.clear()
            async with client.stream(method, path, headers=headers) as response:
                raw = b"".join([chunk async for chunk in response.aiter_raw()])
                return response.headers, response.status_code, raw

    return asyncio.run(answer())


def address(path: Path) -> str:
    return "/" + path.relative_to(STATIC).as_posix()


@pytest.mark.parametrize("path", [SCRIPT, STYLE])
def test_a_browser_gets_a_third_of_the_bytes_and_may_keep_them_as_long(path: Path) -> None:
    plain, _, _ = ask(address(path), {})
    headers, status, body = ask(address(path), BROWSER)
    assert (status, gzip.decompress(body)) == (200, path.read_bytes())
    assert len(body) < path.stat().st_size / 3
    assert headers["Content-Length"] == str(len(body))
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == plain["Vary"] == "Accept-Encoding"
    assert headers["ETag"] == f"W/{plain['ETag']}"
    for name in ("Content-Type", "Cache-Control", "Last-Modified"):
        assert headers[name] == plain[name]
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "br, gzip; q=0.0", "xgzip", "br"])
def test_who_takes_no_gzip_gets_the_file(accepted: str | None) -> None:
    headers, status, body = ask(address(STYLE), {} if accepted is None else {"Accept-Encoding": accepted})
    assert (status, body) == (200, STYLE.read_bytes())
    assert "Content-Encoding" not in headers
    assert not headers["ETag"].startswith("W/")


@pytest.mark.parametrize("accepted", ["gzip", "GZIP", "br;q=1.0,gzip;q=0.05", "deflate , gzip ; q=1"])
def test_who_takes_gzip_in_any_spelling_gets_it(accepted: str) -> None:
    assert ask(address(STYLE), {"Accept-Encoding": accepted})[0]["Content-Encoding"] == "gzip"


def test_what_a_browser_has_is_not_sent_again() -> None:
    headers, _, _ = ask(address(STYLE), BROWSER)
    again, status, body = ask(address(STYLE), {**BROWSER, "If-None-Match": headers["ETag"]})
    assert (status, body) == (304, b"")
    assert again["ETag"] == headers["ETag"]
    assert again["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in again


def test_a_head_is_answered_as_a_get_without_its_body() -> None:
    headers, _, _ = ask(address(STYLE), BROWSER)
    head, status, body = ask(address(STYLE), BROWSER, "HEAD")
    assert (status, body) == (200, b"")
    assert head == headers


def test_a_part_of_a_file_is_a_part_of_the_file_itself() -> None:
    headers, status, body = ask(address(STYLE), {**BROWSER, "Range": "bytes=10-19"})
    assert (status, body) == (206, STYLE.read_bytes()[10:20])
    assert "Content-Encoding" not in headers


@pytest.mark.parametrize("path", [address(FONT), "/favicon.png", "/static/js/nothing.js", "/static/js/../../index.html"])
def test_nothing_else_is_touched(path: str) -> None:
    headers, _, _ = ask(path, BROWSER)
    assert "Content-Encoding" not in headers
    assert "Vary" not in headers


def test_a_file_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    monkeypatch.setattr(compression, "compress", lambda data: times.append(len(data)) or b"")
    compression._compressed.cache_clear()
    try:
        for _ in range(3):
            ask(address(STYLE), BROWSER)
    finally:
        compression._compressed.cache_clear()
    assert times == [STYLE.stat().st_size]
