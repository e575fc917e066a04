"""Files that a visitor hands in, laid down in a folder under names that every file system takes."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from imgsearch.errors import BuildError
from imgsearch.files import archives
from imgsearch.files.code_pages import CodePage
from imgsearch.pictures.items import nfc
from imgsearch.pictures.left_out import LeftOut

_MAX_NAME_BYTES = 200
_MAX_PARTS = 3
_MAX_ZIP_DIRECTORY_BYTES = 1 << 20
_ZIP = b"PK\x03\x04"


class Intake:
    """Lays uploads down in a folder, under names that are safe and different.

    Attributes:
        assumed: The code pages that file names in archives were read as, where those did not say it.
    """

    def __init__(self, folder: Path, left_out: LeftOut, *, locale: str, max_files: int, max_bytes: int) -> None:
        """Takes nothing yet.

        Args:
            folder: Where to.
            left_out: Told of files in archives that are passed over.
            locale: Of the visitor, see `code_pages.decode`.
            max_files, max_bytes: The most that is taken in all.
        """
        self.assumed: set[CodePage] = set()
        self._folder = folder
        self._locale = locale
        self._left_out = left_out
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._names: set[str] = set()
        self._n_bytes = 0

    def take(self, uploads: Iterable[tuple[str, bytes]]) -> None:
        for name, data in uploads:
            if data.startswith(_ZIP):
                self._unpack(data)
            else:
                place = self._place(name)
                self._count(len(data))
                file = self._folder / place
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)

    def _unpack(self, data: bytes) -> None:
        _check_zip_directory(data)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".") as stream:
            stream.write(data)
            stream.flush()
            assumed = archives.unpack(
                Path(stream.name),
                self._folder,
                place=self._place,
                passed_over=self._left_out.add,
                max_files=self._max_files,
                max_bytes=self._max_bytes - self._n_bytes,
                locale=self._locale,
            )
        self.assumed |= {assumed} if assumed else set()
        self._n_bytes = sum(file.stat().st_size for file in self._folder.rglob("*") if file.is_file())

    def _count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self._max_bytes:
            raise BuildError(f"The pictures may have at most {self._max_bytes / 2**20:.0f} MB together.")

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
            raise BuildError(f"A collection of your own can have at most {self._max_files} files, and these are more.")
        return place


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


def _check_zip_directory(data: bytes) -> None:
    """Refuses a zip file whose list of files would fill the memory: Python reads all of it before the first file."""
    end = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))  # PKWARE APPNOTE 6.3.10, 4.3.16
    size = struct.unpack_from("<I", data, end + 12)[0] if 0 <= end <= len(data) - 22 else 0
    if size > _MAX_ZIP_DIRECTORY_BYTES:  # 0xffffffff in a zip64 file
        raise BuildError("The zip file lists too many files.", hint="Choose some of the pictures, and upload those.")
