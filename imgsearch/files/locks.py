"""One process at a time: locks that a kill releases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from imgsearch.errors import ImgSearchError


def take(stream: IO[Any], busy: ImgSearchError) -> None:
    """Locks an open file until it is closed; raises `busy` where another process has it. Does nothing on Windows."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise busy from None


@contextmanager
def exclusive(path: Path, busy: ImgSearchError) -> Iterator[None]:
    """Locks a file made for the purpose, which stays: to remove it would take the lock from who waits for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as stream:
        take(stream, busy)
        yield
