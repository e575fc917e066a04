"""What one visitor, and all of them together, may ask of a public page. Pure but for the functions at the end."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

import streamlit as st

from imgsearch.collection.session import SessionLimits
from imgsearch.settings import get_settings
from imgsearch.ui.server import internals, visitors

WINDOW_S = 60.0
MAX_BUILDS = 3
MAX_JUDGEMENTS = 500
"""Judgements of one visitor that are kept in an hour."""
RUNS_PER_S, RUNS_AT_ONCE = 10.0, 30
MAX_WAIT_S = 5.0
MAX_QUERY_PICTURES = 5
"""Pictures that can be searched with together."""
IDLE_S = 1800.0
"""Who has done nothing for so long makes room for others, s."""


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

    def is_over(self) -> bool:
        """Whether nothing has happened for a whole window."""
        return not self._times or self._times[-1] <= self._now() - self._window_s


class Rates:
    """A rate for each visitor. Safe for threads."""

    def __init__(self, most: int, *, window_s: float = WINDOW_S, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._window_s = window_s
        self._now = now
        self._rates: OrderedDict[str, Rate] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, visitor: str) -> bool:
        """See `Rate.take`."""
        with self._lock:
            rate = self._rates.setdefault(visitor, Rate(self._most, window_s=self._window_s, now=self._now))
            self._rates.move_to_end(visitor)
            is_within = rate.take()
            while self._rates and next(iter(self._rates.values())).is_over():  # visitors who have long gone
                self._rates.popitem(last=False)
            return is_within


class Pace:
    """So many runs a second for each visitor, on average; who is faster waits. Safe for threads.

    Every click runs the page's script, in the one process that serves all visitors.
    """

    def __init__(self, per_s: float, burst: int, *, now: Callable[[], float] = time.monotonic) -> None:
        """`burst`: runs that may come at once after a pause."""
        self._step_s = 1 / per_s
        self._burst_s = burst / per_s
        self._now = now
        self._next: OrderedDict[str, float] = OrderedDict()  # visitor -> when the runs so far were due
        self._lock = threading.Lock()

    def wait_s(self, visitor: str) -> float:
        """How long the run that begins now has to wait, s; it counts."""
        with self._lock:
            now = self._now()
            due = max(self._next.get(visitor, 0.0), now - self._burst_s) + self._step_s
            self._next[visitor] = due
            self._next.move_to_end(visitor)
            while next(iter(self._next.values())) < now - self._burst_s:  # visitors who have long gone
                self._next.popitem(last=False)
            return max(0.0, due - now)


class Places:
    """Places for so many sessions, and so many for each visitor. Safe for threads.

    A place is free again when its session is over, or when it was not used for a while and others want it.
    """

    def __init__(
        self,
        most: int,
        is_active: Callable[[str], bool],
        *,
        most_of_one: int | None = None,
        idle_s: float = IDLE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nobody is there yet.

        Args:
            most, most_of_one: Places in all, and of one visitor; the latter defaults to all.
            is_active: Whether the session of an id is still there. Asked only when places are wanted.
            idle_s: A place that was not used for so long is given away, s.
            now: The clock.
        """
        self._most = most
        self._most_of_one = most if most_of_one is None else most_of_one
        self._is_active = is_active
        self._idle_s = idle_s
        self._now = now
        self._taken: dict[str, tuple[str, float]] = {}  # session id -> visitor, time of the last use
        self._lock = threading.Lock()

    def take(self, session_id: str, visitor: str = "") -> bool:
        """Whether the session has a place, or gets one now."""
        with self._lock:
            if session_id not in self._taken and not self._has_room(visitor):
                self._free()
                if not self._has_room(visitor):
                    return False
            self._taken[session_id] = visitor, self._now()
            return True

    def holds(self, session_id: str) -> bool:
        """Whether the session has a place."""
        return session_id in self._taken

    def _has_room(self, visitor: str) -> bool:
        n_of_one = sum(taken == visitor for taken, _ in self._taken.values())
        return len(self._taken) < self._most and n_of_one < self._most_of_one

    def _free(self) -> None:
        used_since = self._now() - self._idle_s
        self._taken = {
            session_id: (visitor, used)
            for session_id, (visitor, used) in self._taken.items()
            if used > used_since and self._is_active(session_id)
        }


@st.cache_resource(show_spinner=False)
def _places() -> Places:
    settings = get_settings()
    return Places(settings.max_sessions, internals.is_active, most_of_one=settings.max_sessions_of_one)


@st.cache_resource(show_spinner=False)
def _pace() -> Pace:
    return Pace(RUNS_PER_S, RUNS_AT_ONCE)


def keep_pace() -> None:
    """Lets this visitor wait who clicks faster than anybody can."""
    time.sleep(min(_pace().wait_s(visitors.this()), MAX_WAIT_S))


@st.cache_resource(show_spinner=False)
def _looks() -> Rates:
    return Rates(get_settings().uploads_per_minute)


@st.cache_resource(show_spinner=False)
def _builds() -> Rates:
    return Rates(MAX_BUILDS, window_s=build_window_s())


@st.cache_resource(show_spinner=False)
def _judgements() -> Rates:
    return Rates(MAX_JUDGEMENTS, window_s=3600.0)


def has_place() -> bool:
    """Whether this visitor may use the page, or it is full."""
    session_id = internals.session_id()
    return session_id is None or _places().take(session_id, visitors.of_session(session_id))


def holds_place(session_id: str) -> bool:
    """Whether the page is drawn for that session: who must sign in has done so, and there was a place."""
    return _places().holds(session_id)


def may_look() -> bool:
    """Whether one more picture may be looked at for this visitor now, for whatever reason; if so, it counts."""
    return _looks().take(visitors.this())


def may_build() -> bool:
    """Whether this visitor may make one more collection now; if so, it counts."""
    return _builds().take(visitors.this())


def may_keep_judgement() -> bool:
    """Whether one more judgement of this visitor is kept in the home; if so, it counts."""
    return _judgements().take(visitors.this())


def build_window_s() -> float:
    """In so many seconds a visitor may make MAX_BUILDS collections: as long as one takes picture by picture."""
    return WINDOW_S * SessionLimits.max_pictures / get_settings().uploads_per_minute
