"""Zip and tar archives of pictures, made by anyone: unpacked so that nothing comes to lie outside of the target."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import IO

from imgsearch.errors import BuildError
from imgsearch.files.code_pages import CodePage, decode
from imgsearch.files.home import FILLED_FILE, LEFT_OUT_FILE
from imgsearch.progress import ByteProgress
from imgsearch.reasons import say
from imgsearch.settings import MAX_PICTURE_BYTES

MAX_FILES = 200_000
MAX_BYTES = 1 << 36
MAX_FILE_BYTES = MAX_PICTURE_BYTES + 1
"""Longer than any picture may be: the build will say that it is too large."""
_END_OF_TIME = 1 << 33
"""s since 1970, in the year 2242: what every file system and 64 bits of ns can hold."""
_MIN_HEADER_BYTES = 1 << 20
_HEADER_BYTES_PER_FILE = 512
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of other methods Python's reader gives out what a few bytes become as one piece, whatever is asked for."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMPRESSED: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),  # type: ignore[dict-item, return-value]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
"""How a compressed tar begins -> what reads it."""


class Kind(Enum):
    """What an archive may be."""

    ZIP = "zip"
    TAR = "tar"
    COMPRESSED_TAR = "compressed tar"


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
    kinds: Collection[Kind] = tuple(Kind),
    place: Callable[[str], str | None] = lambda name: name,
    passed_over: Callable[[str, str], None] = lambda name, reason: None,
    max_files: int = MAX_FILES,
    max_bytes: int = MAX_BYTES,
    max_file_bytes: int = MAX_FILE_BYTES,
    encoding: str | None = None,
    locale: str | None = None,
    progress: ByteProgress | None = None,
) -> CodePage | None:
    """Unpacks the plain files of an archive, with their times. Links, devices and hidden files are passed over.

    Args:
        archive: Zip or tar, the latter also compressed with gzip, bzip2 or xz; told by its content.
        folder: Where to; made if it is not there.
        kinds: What it may be.
        place: Name in the archive -> path below the folder, or None to pass it over.
        passed_over: Told the name of each file that is passed over for another reason, and that reason in a few words;
            not of what is debris.
        max_files, max_bytes: What is taken in all.
        max_file_bytes: Of a longer file no more is unpacked.
        encoding: Of the names of which the archive does not say that they are UTF-8. Defaults to what `code_pages.decode`
            says of all of them in a zip file, with `locale`, and to UTF-8 in a tar file.
        progress: Told how far it is.

    Returns:
        The code page that was assumed for the names; None where they say what they are, or somebody did.

    Raises:
        BuildError: the encoding is none, or does not fit the names; it is no archive of these kinds, is damaged, encrypted,
            holds or lists too much, has a name that leads out of it, or is a zip that is not deflated.
        OSError: its contents cannot be written.
    """
    n_files, n_bytes, size = 0, 0, archive.stat().st_size
    folder.mkdir(parents=True, exist_ok=True)
    _check_encoding(encoding)
    max_header_bytes = max(_MIN_HEADER_BYTES, max_files * _HEADER_BYTES_PER_FILE)
    with archive.open("rb") as stream, _members(stream, kinds, max_header_bytes, encoding, locale) as (members, assumed):
        for member in members:
            if member.open is None:
                passed_over(member.name, say("link"))
                continue
            name = _checked(member.name)
            if is_debris(name):
                continue
            if any(part.startswith(".") for part in name.parts):
                passed_over(name.as_posix(), say("hidden_file"))
                continue
            placed = place(name.as_posix())
            if placed is None:
                continue
            n_files += 1
            if n_files > max_files:
                raise BuildError(say("archive_files", most=max_files))
            target = folder / placed
            n_bytes += _copy(member.open, member.name, target, min(max_file_bytes, max_bytes - n_bytes + 1))
            if n_bytes > max_bytes:
                raise BuildError(say("archive_bytes", most=max_bytes))
            time = member.mtime if 0 <= member.mtime < _END_OF_TIME else 0  # an archive may say anything, also "nan"
            os.utime(target, (time, time))
            if progress:
                progress(stream.tell(), size)
    return assumed


def _check_encoding(encoding: str | None) -> None:
    try:
        is_usable = encoding is None or b"a/1.jpg".decode(encoding) == "a/1.jpg"
    except (LookupError, ValueError):
        is_usable = False
    if not is_usable:
        raise BuildError(f"The encoding must be one of file names, such as cp949 or utf-8. Received: {encoding!r}.")


def _checked(name: str) -> PurePosixPath:
    """A member's name as a path that stays inside. Backslashes separate too: some programs on Windows write them."""
    path = PurePosixPath(name.replace("\\", "/"))
    is_drive = bool(path.parts) and ":" in path.parts[0]
    if path.is_absolute() or is_drive or ".." in path.parts or "\0" in name or not path.parts:
        raise BuildError(say("archive_way_out", name=name[:100]))
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
            raise BuildError(say("archive_twice", name=name[:100])) from None
        n_bytes = 0
        while n_bytes < limit:
            with _archive_errors():
                chunk = source.read(min(limit - n_bytes, 1 << 20))
            if not chunk:
                break
            stream.write(chunk)
            n_bytes += len(chunk)
    return n_bytes


class _Bounded(io.RawIOBase):
    """A stream of which no more than so many bytes are read at once.

    The list of a zip file and the long headers of a tar file are read in one piece each, of a size that the file says. So
    the bound holds for whatever the reader goes by, and not for what somebody else has made of the file before.
    """

    def __init__(self, stream: IO[bytes], most: int) -> None:
        super().__init__()
        self._stream = stream
        self._most = most

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._most + 1 if size < 0 else size) if size <= self._most else None
        if data is None or len(data) > self._most:
            raise BuildError(say("archive_list"), hint="Take some of the pictures, or give a folder.")
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


@contextlib.contextmanager
def _members(
    stream: IO[bytes], kinds: Collection[Kind], max_header_bytes: int, encoding: str | None, locale: str | None
) -> Iterator[tuple[Iterator[_Member], CodePage | None]]:
    """The files of an archive, and the code page assumed for their names."""
    start = stream.read(8)
    stream.seek(0)
    opener = next((opener for mark, opener in _COMPRESSED.items() if start.startswith(mark)), None)
    kind = Kind.ZIP if start.startswith(_ZIP) else Kind.COMPRESSED_TAR if opener else Kind.TAR
    if kind not in kinds:
        allowed = " or ".join(each.value for each in kinds)
        raise BuildError(f"The archive must be a {allowed} file. Received: something else.")
    with contextlib.ExitStack() as stack:
        assumed = None
        with _archive_errors():
            if kind is Kind.ZIP:
                archive = stack.enter_context(zipfile.ZipFile(_Bounded(stream, max_header_bytes)))
                names, assumed = _zip_names(archive.infolist(), encoding, locale)
                members = _zip_members(archive, names)
            else:
                plain = _Bounded(stack.enter_context(opener(stream)) if opener else stream, max_header_bytes)
                tar = stack.enter_context(tarfile.open(fileobj=plain, mode="r:", encoding=encoding or "utf-8"))
                members = _tar_members(tar)
        yield _without_foreign_errors(members), assumed


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

    while (member := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # it would keep all of them
        if not member.isdir():
            yield _Member(member.name, member.mtime, partial(opened, member) if member.isreg() else None)


def _zip_names(
    members: Sequence[zipfile.ZipInfo], encoding: str | None, locale: str | None
) -> tuple[list[str], CodePage | None]:
    """Names of a zip file's members, and the code page assumed for those that do not say what they are."""
    known = [_known_name(member) for member in members]
    raw = [_raw_name(member) for member, name in zip(members, known, strict=True) if name is None]
    assumed = None
    if encoding is None:
        decoded, assumed = decode(raw, locale=locale)
    else:
        try:
            decoded = [name.decode(encoding) for name in raw]
        except UnicodeDecodeError as exc:
            name = str(exc.object)[:100]
            raise BuildError(
                f"The encoding must be that of all names in the archive, as {encoding} is not of {name}."
            ) from exc
    rest = iter(decoded)
    return [next(rest) if name is None else name for name in known], assumed


def _raw_name(member: zipfile.ZipInfo) -> bytes:
    return member.orig_filename.encode("cp437").partition(b"\0")[0]  # what zipfile decoded it with


def _known_name(member: zipfile.ZipInfo) -> str | None:
    """The name of a member, None where nothing says how it is encoded. Source: PKWARE APPNOTE 6.3.10, 4.4.4 and 4.6.9."""
    if member.flag_bits & 0x800:
        return member.filename
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field = extra[4 : 4 + size]
        # A second name, in UTF-8, which holds if it was written for the first one.
        if kind == 0x7075 and field[:1] == b"\x01" and field[1:5] == struct.pack("<I", zlib.crc32(_raw_name(member))):
            return field[5:].decode(errors="replace")
        extra = extra[4 + size :]
    return member.filename if member.filename.isascii() else None


def _zip_members(archive: zipfile.ZipFile, names: Sequence[str]) -> Iterator[_Member]:
    for member, name in zip(archive.infolist(), names, strict=True):
        mode = member.external_attr >> 16  # of Unix; 0 where the archive was made elsewhere
        if member.is_dir() or stat.S_IFMT(mode) == stat.S_IFDIR:
            continue
        is_plain = stat.S_IFMT(mode) in (0, stat.S_IFREG)
        try:
            mtime = datetime(*member.date_time, tzinfo=UTC).timestamp()
        except ValueError:  # the 31st of February
            mtime = 0.0
        if is_plain and member.compress_type not in _ZIP_METHODS:
            raise BuildError(
                say("archive_method", name=name[:100], method=member.compress_type),
                hint="Zip the pictures again in the usual way, or unpack them yourself and give the folder.",
            )
        yield _Member(name, mtime, partial(archive.open, member) if is_plain else None)


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
        raise BuildError(say("archive_damaged"), hint="Copy it again.") from exc
    except (RuntimeError, NotImplementedError) as exc:
        raise BuildError(
            say("archive_closed"),
            hint="Unpack it yourself and give the folder.",
        ) from exc
