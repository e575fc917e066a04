"""Zip and tar archives of pictures, made by anyone: unpacked so that nothing comes to lie outside of the target."""

from __future__ import annotations

import contextlib
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import IO

from imgsearch.errors import BuildError
from imgsearch.files.home import FILLED_FILE, LEFT_OUT_FILE
from imgsearch.progress import ByteProgress
from imgsearch.settings import MAX_PICTURE_BYTES

MAX_FILES = 200_000
MAX_BYTES = 1 << 36
MAX_FILE_BYTES = MAX_PICTURE_BYTES + 1
"""Longer than any picture may be: the build will say that it is too large."""
_END_OF_TIME = 1 << 33
"""s since 1970, in the year 2242: what every file system and 64 bits of ns can hold."""


_DEBRIS = frozenset(("__macosx", ".ds_store", "thumbs.db", "desktop.ini", FILLED_FILE, LEFT_OUT_FILE))


@dataclass(frozen=True)
class _Member:
    """A file in an archive: its name there, its time of change (s since 1970), and what opens it if it is plain."""

    name: str
    mtime: float
    open: Callable[[], IO[bytes]] | None


def is_debris(path: PurePath) -> bool:
    """Whether it is what macOS, Windows or this program leave among pictures: nobody asks what became of it."""
    return any(part.lower() in _DEBRIS or part.startswith("._") for part in path.parts)


def unpack(
    archive: Path,
    folder: Path,
    *,
    place: Callable[[str], str | None] = lambda name: name,
    passed_over: Callable[[str, str], None] = lambda name, reason: None,
    max_files: int = MAX_FILES,
    max_bytes: int = MAX_BYTES,
    max_file_bytes: int = MAX_FILE_BYTES,
    progress: ByteProgress | None = None,
) -> None:
    """Unpacks the plain files of an archive, with their times. Links, devices and hidden files are passed over.

    Args:
        archive: Zip or tar, the latter also compressed with gzip, bzip2 or xz; told by its content.
        folder: Where to; made if it is not there.
        place: Name in the archive -> path below the folder, or None to pass it over.
        passed_over: Told the name of each file that is passed over for another reason, and that reason in a few words;
            not of what is debris.
        max_files, max_bytes: What is taken in all.
        max_file_bytes: Of a longer file no more is unpacked.
        progress: Told how far it is.

    Raises:
        BuildError: it is no archive, is damaged or encrypted, holds too much, or has a name that leads out of it.
        OSError: its contents cannot be written.
    """
    n_files, n_bytes, size = 0, 0, archive.stat().st_size
    folder.mkdir(parents=True, exist_ok=True)
    with archive.open("rb") as stream, _members(stream) as members:
        for member in members:
            if member.open is None:
                passed_over(member.name, "A link or something else that is no plain file")
                continue
            name = _checked(member.name)
            if is_debris(name):
                continue
            if any(part.startswith(".") for part in name.parts):
                passed_over(name.as_posix(), "A hidden file")
                continue
            placed = place(name.as_posix())
            if placed is None:
                continue
            n_files += 1
            if n_files > max_files:
                raise BuildError(f"An archive may hold at most {max_files:,} files, and this one holds more.")
            target = folder / placed
            n_bytes += _copy(member.open, member.name, target, min(max_file_bytes, max_bytes - n_bytes + 1))
            if n_bytes > max_bytes:
                raise BuildError(f"An archive may hold at most {max_bytes:,} bytes when unpacked, and this one holds more.")
            time = member.mtime if 0 <= member.mtime < _END_OF_TIME else 0  # an archive may say anything, also "nan"
            os.utime(target, (time, time))
            if progress:
                progress(stream.tell(), size)


def _checked(name: str) -> PurePosixPath:
    """A member's name as a path that stays inside. Backslashes separate too: some programs on Windows write them."""
    path = PurePosixPath(name.replace("\\", "/"))
    is_drive = bool(path.parts) and ":" in path.parts[0]
    if path.is_absolute() or is_drive or ".." in path.parts or "\0" in name or not path.parts:
        raise BuildError(f"The archive holds a file whose name leads out of it: {name[:100]!r}.")
    return path


def _copy(open_member: Callable[[], IO[bytes]], name: str, target: Path, limit: int) -> int:
    """Copies at most that many bytes of a member; returns how many there were."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        with _archive_errors():
            source = stack.enter_context(open_member())
        try:
            stream = stack.enter_context(target.open("xb"))
        except FileExistsError:
            raise BuildError(f"The archive holds two files called {name[:100]!r}.") from None
        n_bytes = 0
        while n_bytes < limit:
            with _archive_errors():
                chunk = source.read(min(limit - n_bytes, 1 << 20))
            if not chunk:
                break
            stream.write(chunk)
            n_bytes += len(chunk)
    return n_bytes


@contextlib.contextmanager
def _members(stream: IO[bytes]) -> Iterator[Iterator[_Member]]:
    """The plain files of an archive. Tar is tried first: one whose last file is a zip would pass for a zip too."""
    with contextlib.ExitStack() as stack:
        with _archive_errors():
            if tarfile.is_tarfile(stream):
                members = _tar_members(stack.enter_context(tarfile.open(fileobj=stream)))
            else:
                members = _zip_members(stack.enter_context(zipfile.ZipFile(stream)))
        yield _without_foreign_errors(members)


def _without_foreign_errors(members: Iterator[_Member]) -> Iterator[_Member]:
    while True:
        with _archive_errors():
            member = next(members, None)
        if member is None:
            return
        yield member


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    def opened(member: tarfile.TarInfo) -> IO[bytes]:
        stream = archive.extractfile(member)
        assert stream
        return stream

    for member in archive:
        if not member.isdir():
            yield _Member(member.name, member.mtime, partial(opened, member) if member.isreg() else None)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for member in archive.infolist():
        mode = member.external_attr >> 16  # of Unix; 0 where the archive was made elsewhere
        if member.is_dir() or stat.S_IFMT(mode) == stat.S_IFDIR:
            continue
        is_plain = stat.S_IFMT(mode) in (0, stat.S_IFREG)
        try:
            mtime = datetime(*member.date_time, tzinfo=UTC).timestamp()
        except ValueError:  # the 31st of February
            mtime = 0.0
        yield _Member(member.filename, mtime, partial(archive.open, member) if is_plain else None)


@contextlib.contextmanager
def _archive_errors() -> Iterator[None]:
    """What tarfile, zipfile and the decompressors raise."""
    try:
        yield
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        struct.error,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
        AssertionError,
    ) as exc:
        raise BuildError(
            "The archive must be a whole zip or tar file, and is damaged or something else.", hint="Copy it again."
        ) from exc
    except (RuntimeError, NotImplementedError) as exc:
        raise BuildError(
            "The archive is encrypted or compressed in a way that is not read here.",
            hint="Unpack it yourself and give the folder.",
        ) from exc
