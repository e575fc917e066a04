"""The first start of a host that is told to pull its collections."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, list_collections
from imgsearch.files import download
from imgsearch.settings import get_settings
from imgsearch.supply.publish import pack
from imgsearch.ui import resources
from imgsearch.ui.server import routes
from imgsearch.ui.server.pulling import bring_sample, pulling
from tests.http_server import FileServer, serving


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    yield
    resources.worker().close()
    for cached in (resources._open, resources.worker, pulling):
        cached.clear()


@pytest.fixture
def host(collection: Collection, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server with a package of the collection; this process becomes a host with an empty home that is told to pull it."""
    packed = pack("discs", home, tmp_path / "discs.tar")
    monkeypatch.setattr(download, "PAUSE_S", 0)
    with serving({"/discs.tar": packed.path.read_bytes()}) as files:
        monkeypatch.setenv("IMGSEARCH_HOME", str(tmp_path / "host"))
        monkeypatch.setenv("IMGSEARCH_COLLECTIONS", f"{files.url('/discs.tar')}#sha256={packed.sha256}")
        get_settings.cache_clear()
        pulling.clear()
        yield files


def page() -> AppTest:
    at = AppTest.from_file(str(routes.SCRIPT), default_timeout=60).run()
    assert not at.exception
    return at


def wait_until_over() -> None:
    deadline = time.monotonic() + 30
    while not pulling().is_over:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_page_shows_how_far_the_pull_is_then_the_collection(host: FileServer) -> None:
    host.manner = "drip"
    pulling().start()
    pulling().start()
    while not pulling().total:
        time.sleep(0.01)
    bar = page().get("progress")[0]
    assert "The pictures are on their way here: 0.0 of 0." in bar.proto.text
    host.manner = "well"  # for the next request; this one is cut off
    host.is_over.set()
    wait_until_over()
    assert len(host.requests) == 2
    at = page()
    assert not at.get("progress")
    assert not at.error
    assert at.title[0].value == "Find similar pictures"


def test_a_pull_that_fails_is_said_and_the_log_says_why(host: FileServer, caplog: pytest.LogCaptureFixture) -> None:
    host.manner = 404
    pulling().start()
    wait_until_over()
    at = page()
    assert "could not be fetched" in at.error[0].value
    assert "127.0.0.1: it answered 404" in caplog.text


def test_without_the_setting_nothing_is_pulled(home: Path) -> None:
    pulling.clear()
    assert pulling().is_over
    assert not page().error


def test_a_page_with_nothing_to_show_and_nothing_to_pull_begins_with_the_sample(home: Path) -> None:
    bring_sample()
    assert list_collections(home) == ["sample"]
    at = page()
    assert not at.error
    assert at.title[0].value == "Find similar pictures"
    assert len(resources.example_queries("sample")) == 6


def test_a_page_with_a_collection_and_one_that_is_told_to_pull_get_no_sample(
    collection: Collection, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_sample()
    assert list_collections(home) == ["discs"]
    monkeypatch.setenv("IMGSEARCH_HOME", str(tmp_path / "host"))
    monkeypatch.setenv("IMGSEARCH_COLLECTIONS", f"https://example.org/pets.tar#sha256={'0' * 64}")
    get_settings.cache_clear()
    bring_sample()
    assert list_collections(tmp_path / "host") == []


def test_a_page_starts_where_the_sample_cannot_be_brought(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    home.write_text("no folder")
    bring_sample()
    assert "The sample cannot be brought: The collection cannot be written: " in caplog.text


def test_health_says_whether_all_is_here(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def health() -> tuple[int, object]:
        answer = asyncio.run(routes.health(Request({"type": "http"})))
        return answer.status_code, json.loads(bytes(answer.body))

    pulling.clear()
    assert health() == (200, {"status": "ok"})
    pulling().is_over = False
    assert health() == (200, {"status": "getting ready"})
    monkeypatch.setattr(resources, "open_first_collection", lambda: None)
    assert health() == (503, {"status": "getting ready"})
    pulling.clear()
    assert health() == (503, {"status": "no collection"})
