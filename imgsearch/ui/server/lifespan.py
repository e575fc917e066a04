"""What begins and ends with the server."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from imgsearch.collection.face.opened import exact_notice, tensorflow_notice
from imgsearch.embedding.networks import needs_tensorflow
from imgsearch.errors import ImgSearchError
from imgsearch.measure.judgements import JudgementStore
from imgsearch.settings import Settings, get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import query_log
from imgsearch.ui.server.pulling import bring_sample, pulling

_log = logging.getLogger(__name__)


def check_settings() -> None:
    """Ends the program where a variable of its environment will not do, and says what it must be.

    Without that the server starts, and answers every request with an error. What was read is not kept: Streamlit adds the
    variables of secrets.toml later.

    Raises:
        SystemExit: with that message.
    """
    try:
        Settings.from_mapping(os.environ)
    except ImgSearchError as exc:
        sys.exit(f"Error: {exc}")


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """See `begin` and `end`."""
    begin()
    try:
        yield
    finally:
        end()


def begin() -> None:
    """Brings the sample, or pulls what belongs here; starts the worker, opens the first collection: no visitor waits."""
    query_log.switch_on()
    bring_sample()
    pulling().start()
    resources.session_collections()  # removes what a killed server has left of visitors' pictures
    for work, failure in (
        (_start_worker, "The worker cannot be started"),
        (_open_first, "The first collection cannot be opened"),
        (_renew_judgements, "The judgements cannot be kept"),
    ):
        threading.Thread(target=_try, args=(work, failure), name=work.__name__, daemon=True).start()


def end() -> None:
    """Ends the worker, and removes visitors' pictures."""
    resources.worker().close()
    resources.session_collections().close()


def _try(work: Callable[[], None], failure: str) -> None:
    """What fails now is tried again when a visitor needs it, who is then told."""
    try:
        work()
    except ImgSearchError as exc:
        _log.warning("%s: %s", failure, exc.message)


def _start_worker() -> None:
    resources.worker().start()


def _renew_judgements() -> None:
    JudgementStore(get_settings().home).renew()


def _open_first() -> None:
    try:
        collection = resources.open_first_collection()
    finally:
        # Streamlit collects garbage after every run, which takes longer the more is loaded; this stays anyway.
        gc.collect()
        gc.freeze()
    if collection is None:
        return
    for notice in filter(None, (exact_notice(collection), tensorflow_notice(collection))):
        _log.warning("%s %s", *notice)
    spec = collection.space().spec.for_queries()
    if not needs_tensorflow(spec, collection.home):  # TensorFlow, and its gigabyte, only where somebody uploads
        resources.worker().load(spec)
