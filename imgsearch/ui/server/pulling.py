"""What comes when the server starts: the collections of IMGSEARCH_COLLECTIONS, in the background; or the sample."""

from __future__ import annotations

import logging
import threading

import streamlit as st

from imgsearch.collection.served.address import is_server_address
from imgsearch.errors import ImgSearchError
from imgsearch.files.home import list_collections
from imgsearch.settings import get_settings
from imgsearch.supply.publish import ensure_collections
from imgsearch.supply.sample import install_sample

_log = logging.getLogger(__name__)


class Pulling:
    """The work and how far it is; shared by all visitors.

    Attributes:
        done, total: Bytes of the package that is downloaded now; total is 0 where the server does not say.
        is_over: Whether all has been tried.
        has_failed: Whether a collection could not be had; the log says why.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.is_over = all(map(is_server_address, get_settings().collections))
        self.has_failed = False
        self._lock = threading.Lock()
        self._has_begun = self.is_over

    def start(self) -> None:
        """Begins, unless it has begun before."""
        with self._lock:
            if self._has_begun:
                return
            self._has_begun = True
        threading.Thread(target=self._pull, name="pull-collections", daemon=True).start()

    def _pull(self) -> None:
        try:
            problems = ensure_collections(get_settings(), self._tell)
            self.has_failed = bool(problems)
            for problem in problems:
                _log.error("A collection could not be pulled: %s", problem.message)
        except BaseException:
            self.has_failed = True
            raise
        finally:
            self.is_over = True

    def _tell(self, done: int, total: int, what: str) -> None:
        self.done, self.total = done, total


@st.cache_resource(show_spinner=False)
def pulling() -> Pulling:
    """The one of this server."""
    return Pulling()


def bring_sample() -> None:
    """Where there is nothing to show and nothing to pull, the sample: it takes less than a second, so the server waits."""
    settings = get_settings()
    try:
        if not settings.collections and not list_collections(settings.home):
            install_sample(settings.home)
    except ImgSearchError as exc:
        _log.warning("The sample cannot be brought: %s", exc.message)
