"""What one visitor, and all of them together, may ask of a public page. Pure but for the functions at the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import streamlit as st

from imgsearch.collection.session import SessionLimits
from imgsearch.settings import get_settings
from imgsearch.ui.server import internals

WINDOW_S = 60.0
MAX_BUILDS = 3
MAX_QUERY_PICTURES = 5
"""Pictures that can be searched with together."""
_UPLOADS = "upload_rate"
_BUILDS = "build_rate"


class Rate:
    """At most so many events in any window of time.

    Example:
        >>> rate = Rate(2, now=iter([0, 1, 2, 61]).__next__)
        >>> [rate.take() for _ in range(4)]
        [True, True, False, True]
    """

    def __init__(self, most: int, *, window_s: float = WINDOW_S, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._window_s = window_s
        self._now = now
        self._times: deque[float] = deque()

    def take(self) -> bool:
        """Whether one more event is within the limit; if so, it counts."""
        now = self._now()
        while self._times and self._times[0] <= now - self._window_s:
            self._times.popleft()
        if len(self._times) >= self._most:
            return False
        self._times.append(now)
        return True


class Places:
    """Places for so many sessions; a place is free again when its session is over. Safe for threads."""

    def __init__(self, most: int, is_active: Callable[[str], bool]) -> None:
        """`is_active` tells whether the session of an id is still there; it is asked only when all places are taken."""
        self._most = most
        self._is_active = is_active
        self._taken: set[str] = set()
        self._lock = threading.Lock()

    def take(self, session_id: str) -> bool:
        """Whether the session has a place, or gets one now."""
        with self._lock:
            if session_id not in self._taken and len(self._taken) >= self._most:
                self._taken = {taken for taken in self._taken if self._is_active(taken)}
                if len(self._taken) >= self._most:
                    return False
            self._taken.add(session_id)
            return True


@st.cache_resource(show_spinner=False)
def _places() -> Places:
    return Places(get_settings().max_sessions, internals.is_active)


def has_place() -> bool:
    """Whether this visitor may use the page, or it is full."""
    session_id = internals.session_id()
    return session_id is None or _places().take(session_id)


def may_upload() -> bool:
    """Whether this visitor may hand in one more picture now; if so, it counts."""
    rate: Rate = st.session_state.setdefault(_UPLOADS, Rate(get_settings().uploads_per_minute))
    return rate.take()


def may_build() -> bool:
    """Whether this visitor may make one more collection now; if so, it counts."""
    rate: Rate = st.session_state.setdefault(_BUILDS, Rate(MAX_BUILDS, window_s=build_window_s()))
    return rate.take()


def build_window_s() -> float:
    """In so many seconds a visitor may make MAX_BUILDS collections: as long as one takes picture by picture."""
    return WINDOW_S * SessionLimits.max_pictures / get_settings().uploads_per_minute
