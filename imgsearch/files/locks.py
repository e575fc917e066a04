"""One process at a time: locks that a kill releases."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from imgsearch.errors import BuildError, ImgSearchError


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


@contextlib.contextmanager
def exclusive(path: Path, busy: ImgSearchError) -> Iterator[None]:
    """Keeps others away from a file or folder, whether it is there or not; raises `busy` where another process has it.

    What is locked is a file beside it, made for the purpose and removed in the end; one that a kill has left locks nothing.
    The file or folder itself may meanwhile be renamed or removed, which Windows refuses where a file in it is open.
    """
    with _lock_file(path, lambda stream: take(stream, busy)) as (_, lock):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # on Windows, where it is open; it does no harm
                lock.unlink()


@contextlib.contextmanager
def shared(path: Path) -> Iterator[None]:
    """Keeps `exclusive` away from a file or folder, and nobody else; waits for one that is at work."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with _lock_file(path, lambda stream: fcntl.flock(stream, fcntl.LOCK_SH)) as (stream, lock):
        try:
            yield
        finally:
            with contextlib.suppress(BlockingIOError):  # another one has it too
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                lock.unlink()


@contextlib.contextmanager
def _lock_file(path: Path, lock_it: Callable[[IO[Any]], None]) -> Iterator[tuple[IO[Any], Path]]:
    """The file beside a file or folder that is locked in its place: open and locked, and its path."""
    lock = path.with_name(f".{path.name}.lock")
    if not lock.parent.exists():
        lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with lock.open("ab") as stream:
            lock_it(stream)
            if _is_still(stream, lock):
                yield stream, lock
                return


def _is_still(stream: IO[Any], path: Path) -> bool:
    """Whether an open file is what is at that path: who had the lock before may have removed it in between."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


def alone(collection: Path) -> contextlib.AbstractContextManager[None]:
    """Keeps builds, and whatever else changes a collection, away from its folder. BuildError where one is running."""
    busy = BuildError("Another build of this collection is running.", hint="Wait until it is done.")
    return exclusive(collection, busy)
