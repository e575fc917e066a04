"""What begins and ends with the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from imgsearch.collection.collection import exact_notice
from imgsearch.errors import ImgSearchError
from imgsearch.measure.judgements import JudgementStore
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import query_log
from imgsearch.ui.server.pulling import bring_sample, pulling

_log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """See `begin` and `end`."""
    begin()
    try:
        yield
    finally:
        end()


def begin() -> None:
    """Brings the sample, or pulls what belongs here; opens the first collection, so that no visitor waits."""
    query_log.switch_on()
    bring_sample()
    pulling().start()
    resources.session_collections()  # removes what a killed server has left of visitors' pictures
    for work in (_open_first, _renew_judgements):
        threading.Thread(target=work, name=work.__name__, daemon=True).start()


def end() -> None:
    """Ends the worker, and removes visitors' pictures."""
    resources.worker().close()
    resources.session_collections().close()


def _renew_judgements() -> None:
    try:
        JudgementStore(get_settings().home).renew()
    except ImgSearchError as exc:
        _log.warning("The judgements cannot be kept: %s", exc.message)


def _open_first() -> None:
    try:
        collection = resources.open_first_collection()
        if collection and (notice := exact_notice(collection)):
            _log.warning("%s %s", *notice)
    except ImgSearchError as exc:
        _log.warning("The first collection cannot be opened: %s", exc.message)
