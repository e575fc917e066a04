"""Turns with the worker: fair to all who wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from imgsearch.embedding.worker.turns import Turns
from imgsearch.errors import WorkerBusyError


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


class Queue:
    """Requests that come one after the other while the turn is taken, and are then served."""

    def __init__(self, most_waiting: int) -> None:
        self.turns = Turns(most_waiting)
        self.served: list[str] = []
        self.refused: list[str] = []
        self._threads: list[threading.Thread] = []

    def come(self, request: str) -> None:
        """`request`: the visitor's name, and a number."""

        def ask() -> None:
            try:
                with self.turns.turn(request[0], timeout_s=20):
                    self.served.append(request)
            except WorkerBusyError:
                self.refused.append(request)

        before = self.turns.n_waiting + len(self.refused)
        thread = threading.Thread(target=ask)
        thread.start()
        self._threads.append(thread)
        wait_until(lambda: self.turns.n_waiting + len(self.refused) > before)

    def come_while_taken(self, requests: str) -> None:
        with self.turns.turn("x", timeout_s=1):
            for request in requests.split():
                self.come(request)
        for thread in self._threads:
            thread.join()


def test_visitors_take_turns() -> None:
    queue = Queue(9)
    queue.come_while_taken("a1 a2 a3 a4 b1 c1 b2")
    assert queue.served == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]
    assert not queue.refused


def test_where_too_many_wait_the_longest_line_makes_room() -> None:
    queue = Queue(4)
    queue.come_while_taken("a1 a2 a3 a4 b1 a5 b2 c1 b3")
    assert queue.refused == ["a4", "a5", "a3", "a2", "b3"]
    assert queue.served == ["a1", "b1", "c1", "b2"]


def test_who_waits_too_long_is_refused_and_leaves_the_line() -> None:
    turns = Turns(1)
    with turns.turn("a", 1):
        with pytest.raises(WorkerBusyError, match="still being looked at"), turns.turn("b", 0.01):
            raise AssertionError
        assert turns.n_waiting == 0
    with turns.turn("b", 0.01):
        pass


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns(0)
    with pytest.raises(KeyError), turns.turn("a", 1):
        raise KeyError
    with turns.turn("b", 1), pytest.raises(WorkerBusyError, match="Too many"), turns.turn("c", 1):
        raise AssertionError
