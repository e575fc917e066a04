"""What begins and ends with the server."""

from __future__ import annotations

import gc
import logging
import os
import runpy
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from imgsearch import Collection
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.client import WorkerClient
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import lifespan
from tests.app.test_page import page, results

pytestmark = pytest.mark.usefixtures("no_leftovers")


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    gc.unfreeze()
    resources.session_collections.clear()
    yield
    lifespan.end()
    resources.session_collections.clear()
    gc.unfreeze()
    queries = logging.getLogger("imgsearch.queries")  # which the beginning switches on
    for handler in list(queries.handlers):
        queries.removeHandler(handler)
    queries.setLevel(logging.NOTSET)
    queries.propagate = True


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_worker_runs_from_the_first_moment_to_the_last(collection: Collection) -> None:
    assert resources.worker().pid is None
    lifespan.begin()
    wait_until(lambda: resources.worker().pid)
    pid = resources.worker().pid
    assert pid
    lifespan.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_worker_that_cannot_be_started_keeps_no_page_from_opening(
    collection: Collection, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resources, "WorkerClient", partial(WorkerClient, command=(str(home / "missing"),)))
    resources.worker.clear()
    lifespan.begin()
    wait_until(lambda: "The worker cannot be started: The program" in caplog.text)
    assert len(results(page())) == 11


def test_what_is_loaded_when_the_first_collection_was_tried_is_left_out_of_the_collection_of_garbage(home: Path) -> None:
    (home / "broken").mkdir(parents=True)
    (home / "broken" / "manifest.json").write_text("{}")
    assert gc.get_freeze_count() == 0
    lifespan.begin()
    wait_until(lambda: gc.get_freeze_count() > 10_000)


def test_the_network_of_the_first_collection_is_loaded_unless_it_takes_tensorflow(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[EmbedderSpec] = []
    monkeypatch.setattr(WorkerClient, "load", lambda client, spec: loaded.append(spec))
    lifespan.begin()
    wait_until(lambda: loaded)
    assert loaded == [collection.space().spec]
    loaded.clear()
    monkeypatch.setattr(lifespan, "needs_tensorflow", lambda spec, home: True)
    lifespan._open_first()
    assert loaded == []


def test_a_setting_that_will_not_do_ends_the_server_before_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Path(__file__).resolve().parents[2] / "app.py"
    with monkeypatch.context() as environment:
        environment.setenv("IMGSEARCH_MAX_UPLOAD_MB", "0")
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(app), run_name="app")  # as a server imports it
    assert caught.value.code == "Error: IMGSEARCH_MAX_UPLOAD_MB must be a whole number from 1 to 999999999. Received: '0'."


def test_settings_that_are_checked_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    lifespan.check_settings()
    monkeypatch.setenv("IMGSEARCH_MAX_UPLOAD_MB", "7")  # as Streamlit does with what stands in secrets.toml
    assert get_settings().max_upload_mb == 7
