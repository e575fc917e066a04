"""Files written whole or not at all, their digests, and what the disk does, in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from imgsearch.errors import BuildError, CollectionError

DIGEST = re.compile(r"[0-9a-f]{64}")
FULL = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of errors that say that a disk has no more room, or none for this user."""


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool = False) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file at the end of the block, whole, or not at all; see `write_atomically`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            if sync:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Writes a file that is there whole or not at all; `sync` waits until it is on the disk."""
    with replacing(path, sync=sync) as stream:
        stream.write(data)


@contextlib.contextmanager
def disk_errors(what: str = "collection") -> Iterator[None]:
    """What the disk does to the writing of a collection, or of something else, in words."""
    try:
        yield
    except OSError as exc:
        if isinstance(exc, CollectionError):  # CollectionNotFoundError is a FileNotFoundError too
            raise
        if exc.errno in FULL:
            raise disk_is_full() from exc
        raise _disk_error(f"The {what} cannot be written: {exc.strerror or exc}.", "mend that") from exc
    except sqlite3.OperationalError as exc:
        if getattr(exc, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:  # errors of Python's own have no code
            raise disk_is_full() from exc
        raise _disk_error(f"The {what} cannot be written: {exc}.", "mend that") from exc


def disk_is_full() -> BuildError:
    """What is said where there is no more room."""
    return _disk_error("The disk is full.", "make room")


def _disk_error(message: str, remedy: str) -> BuildError:
    hint = f"What was there before is unharmed, and what was done is kept: {remedy}, and run the same command again."
    return BuildError(message, hint=hint)


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Digest of a file's bytes in lower-case hexadecimal digits: 64 of them for sha256."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
