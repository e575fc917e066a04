"""Fair turns with something that only one can use at a time.

Visitors take turns, and the requests of one stand in a line of their own: who asks for much waits for it, and nobody else
does (Nagle, "On Packet Switches With Infinite Storage", RFC 970, section 6).
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from imgsearch.errors import WorkerBusyError


class _Ticket:
    """A request that waits: its event is set when it is its turn, or when it must make room."""

    def __init__(self) -> None:
        self.is_decided = threading.Event()
        self.has_turn = False


class Turns:
    """Safe for threads."""

    def __init__(self, most_waiting: int) -> None:
        """Nobody has the turn yet. `most_waiting`: requests that may wait for it, of all visitors together."""
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._is_taken = False
        self._lines: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        """Visitor -> what waits; the first visitor is next, and goes to the end for it."""

    @property
    def n_waiting(self) -> int:
        """Requests that wait now."""
        return sum(map(len, self._lines.values()))

    @contextmanager
    def turn(self, visitor: str, timeout_s: float) -> Iterator[None]:
        """Waits for the turn, and has it for as long as the block runs.

        Where too many wait, those of the visitor with the longest line make room: the last of them is refused, if that
        line stays as long as that of who comes.

        Args:
            visitor: Who asks, by any name.
            timeout_s: Longest time to wait, s.

        Raises:
            WorkerBusyError: too many wait, or it took too long.
        """
        ticket = self._stand_in_line(visitor)
        ticket.is_decided.wait(timeout_s)
        with self._lock:
            if not ticket.has_turn and not ticket.is_decided.is_set():
                self._leave(visitor, ticket)
                raise WorkerBusyError("Other pictures are still being looked at.", hint="Try again in a moment.")
        if not ticket.has_turn:
            raise _too_many()
        try:
            yield
        finally:
            self._pass_on()

    def _stand_in_line(self, visitor: str) -> _Ticket:
        ticket = _Ticket()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                self._give(ticket)
                return ticket
            if self.n_waiting >= self._most_waiting:
                self._make_room(visitor)
            self._lines.setdefault(visitor, deque()).append(ticket)
        return ticket

    def _make_room(self, visitor: str) -> None:
        longest = max(self._lines, key=lambda name: len(self._lines[name]), default=visitor)
        if len(self._lines.get(longest, ())) <= len(self._lines.get(visitor, ())) + 1:
            raise _too_many()
        last = self._lines[longest][-1]
        self._leave(longest, last)
        last.is_decided.set()

    def _leave(self, visitor: str, ticket: _Ticket) -> None:
        self._lines[visitor].remove(ticket)
        if not self._lines[visitor]:
            del self._lines[visitor]

    def _pass_on(self) -> None:
        with self._lock:
            if not self._lines:
                self._is_taken = False
                return
            visitor, line = next(iter(self._lines.items()))
            ticket = line[0]
            self._lines.move_to_end(visitor)
            self._leave(visitor, ticket)
            self._give(ticket)

    @staticmethod
    def _give(ticket: _Ticket) -> None:
        ticket.has_turn = True
        ticket.is_decided.set()


def _too_many() -> WorkerBusyError:
    return WorkerBusyError("Too many pictures are being looked at just now.", hint="Try again in a moment.")
