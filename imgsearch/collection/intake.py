"""Files that a visitor hands in, laid down in a folder under names that every file system takes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from imgsearch.errors import BuildError
from imgsearch.files import archives
from imgsearch.files.archives import Kind
from imgsearch.files.confined import Died, confined
from imgsearch.pictures.items import nfc
from imgsearch.reasons import say

_MAX_NAME_BYTES = 200
_MAX_PARTS = 3
_ZIP = b"PK\x03\x04"
_MEMORY_BYTES = 256 << 20
_CPU_S = 60


class Taken(NamedTuple):
    """What was laid down beside pictures.

    Attributes:
        assumed: The code pages that file names in archives were read as, where those did not say it.
        passed_over: Name and reason of each file of an archive that was passed over.
    """

    assumed: list[str]
    passed_over: list[tuple[str, str]]


def take(uploads: Iterable[tuple[str, bytes]], folder: Path, *, locale: str, max_files: int, max_bytes: int) -> Taken:
    """Lays uploads down in a folder, under names that are safe and different; what is in zip files, in a child with bounds.

    Args:
        uploads: Name and content of each file.
        folder: Where to, an empty one.
        locale: Of the visitor, see `code_pages.decode`.
        max_files, max_bytes: The most that is taken in all.

    Raises:
        BuildError: they are too many or too large, or a zip file will not do.
    """
    names: list[str] = []
    has_zip, n_bytes = False, 0
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as given:
        for name, data in uploads:
            n_bytes += len(data)
            if n_bytes > max_bytes:
                raise _too_large(max_bytes)
            (Path(given) / str(len(names))).write_bytes(data)
            names.append(name)
            has_zip |= data.startswith(_ZIP)
        arguments = (given, names, str(folder), locale, max_files, max_bytes)
        if not has_zip:
            return take_here(*arguments)
        try:
            taken = confined(f"{__name__}:take_here", *arguments, memory_bytes=_MEMORY_BYTES, cpu_s=_CPU_S)
        except Died:
            raise BuildError(
                say("archive_cost"),
                hint="Choose some of the pictures, and upload those.",
            ) from None
        return Taken(*taken)


def take_here(given: str, names: Sequence[str], folder: str, locale: str, max_files: int, max_bytes: int) -> Taken:
    """See `take`; of files that are called by their numbers in the folder `given`."""
    intake = _Intake(Path(folder), locale=locale, max_files=max_files, max_bytes=max_bytes)
    for number, name in enumerate(names):
        intake.take(Path(given) / str(number), name)
    return Taken(sorted(intake.assumed), intake.passed_over)


class _Intake:
    """Lays files down under names that are safe and different."""

    def __init__(self, folder: Path, *, locale: str, max_files: int, max_bytes: int) -> None:
        self.assumed: set[str] = set()
        self.passed_over: list[tuple[str, str]] = []
        self._folder = folder
        self._locale = locale
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._names: set[str] = set()
        self._places: list[str] = []
        self._n_bytes = 0

    def take(self, file: Path, name: str) -> None:
        with file.open("rb") as stream:
            is_zip = stream.read(len(_ZIP)) == _ZIP
        if is_zip:
            self._unpack(file)
            return
        place = self._folder / self._place(name)
        self._count(file.stat().st_size)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)

    def _unpack(self, file: Path) -> None:
        assumed = archives.unpack(
            file,
            self._folder,
            kinds={Kind.ZIP},
            place=self._place,
            passed_over=lambda name, reason: self.passed_over.append((name, reason)),
            max_files=self._max_files,
            max_bytes=self._max_bytes - self._n_bytes,
            locale=self._locale,
        )
        self.assumed |= {assumed.name} if assumed else set()
        self._n_bytes = sum((self._folder / place).stat().st_size for place in self._places)

    def _count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self._max_bytes:
            raise _too_large(self._max_bytes)

    def _place(self, name: str) -> str:
        """Where a file goes: its own name without what could lead elsewhere, and with a number if it is taken."""
        parts = [_plain(part) for part in PurePosixPath(name.replace("\\", "/")).parts]
        parts = [part for part in parts if part][-_MAX_PARTS:] or ["picture"]
        folder, path = "/".join(parts[:-1]), PurePosixPath(parts[-1])
        n = 1
        while (place := f"{folder}/{_numbered(path, n)}".lstrip("/")).casefold() in self._names:
            n += 1
        self._names.add(place.casefold())
        if len(self._names) > self._max_files:
            raise BuildError(say("own_files", most=self._max_files))
        self._places.append(place)
        return place


def _too_large(max_bytes: int) -> BuildError:
    return BuildError(say("own_bytes", most=max_bytes / 2**20))


def _numbered(path: PurePosixPath, n: int) -> str:
    return path.name if n == 1 else f"{path.stem} ({n}){path.suffix}"


def _plain(part: str) -> str:
    """A part of a path that every file system takes; hidden names come into sight, and ".." becomes nothing."""
    text = "".join(char for char in nfc(part) if char.isprintable() and char not in '<>:"|?*/').strip(". ")
    suffix = PurePosixPath(text).suffix
    room = _MAX_NAME_BYTES - len(suffix.encode())
    if len(text.encode()) <= _MAX_NAME_BYTES or room < 1:
        return text.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    return text.encode()[:room].decode(errors="ignore").strip(". ") + suffix
