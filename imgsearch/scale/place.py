"""Where files lie, on this machine or in an object store: what pyarrow's file systems reach, by address.

Credentials come from the environment (AWS_ACCESS_KEY_ID and its like) and never from an address; no message shows the part
of an address that could hold one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from imgsearch.errors import BuildError
from imgsearch.files.disk import write_atomically

_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_MAY_HOLD_CREDENTIALS = re.compile(r"[^:]+:/*[^@?#]*:[^@?#]*@|(s3|gs|gcs|https?):/*[^/?#]*@", re.IGNORECASE)
_AWS_ERROR = re.compile(r"AWS Error ([A-Z_]+)")


@dataclass(frozen=True)
class Place:
    """A file or folder, which need not be there. What cannot be read, written or removed raises a BuildError.

    Attributes:
        filesystem: What reaches it; travels to other machines without credentials.
        path: Where it is there, without a slash at its end.
        shown: Its address as it may be shown and written down.
    """

    filesystem: fs.FileSystem
    path: str
    shown: str

    @classmethod
    def at(cls, address: str) -> Place:
        """The place of a path (`~` is expanded) or a URI.

        Raises:
            BuildError: it is neither, it holds credentials, or nothing here reads such a URI.
        """
        if not _HAS_SCHEME.match(address):
            path = str(Path(address).expanduser().absolute())
            return cls(fs.LocalFileSystem(), path, path)
        if _MAY_HOLD_CREDENTIALS.match(address):
            raise BuildError(
                "An address must not hold credentials, and this one has an @ where they stand.",
                hint="Give them in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        shown = re.split(r"[?#]", address, maxsplit=1)[0].rstrip("/")
        try:
            filesystem, path = fs.FileSystem.from_uri(address)
        except (pa.ArrowException, OSError, ImportError) as exc:
            raise BuildError(
                f"A place must be a path or an address such as s3://bucket/folder. Received: {shown!r}, which cannot be "
                f"opened ({_code(exc)}).",
                hint="What can be read is what pyarrow.fs.FileSystem.from_uri takes.",
            ) from exc
        return cls(filesystem, path.rstrip("/") or "/", shown)

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine, or of one that all machines of a cluster have mounted."""
        return bool(self.filesystem.type_name == "local")

    @property
    def parent(self) -> Place:
        """The folder that it is in."""
        return replace(self, path=self.path.rpartition("/")[0] or "/", shown=self.shown.rpartition("/")[0])

    def __truediv__(self, name: str) -> Place:
        """What lies below it, by a relative path."""
        return replace(self, path=f"{self.path.rstrip('/')}/{name}", shown=f"{self.shown}/{name}")

    def holds(self, other: Place) -> bool:
        """Whether another place is this one or lies in it."""
        return bool(self.filesystem.equals(other.filesystem)) and f"{other.path}/".startswith(f"{self.path}/")

    def files(self) -> list[fs.FileInfo]:
        """All files below it, in sub-folders too; none where it is not there."""
        with store_errors(f"{self.shown} cannot be read"), suppress(FileNotFoundError):
            found = self.filesystem.get_file_info(fs.FileSelector(self.path, recursive=True))
            return [each for each in found if each.is_file]
        return []

    def read(self) -> bytes | None:
        """Its content; None where there is no such file."""
        with store_errors(f"{self.shown} cannot be read"):
            try:
                with self.filesystem.open_input_stream(self.path) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

    def write(self, content: bytes | pa.Buffer) -> None:
        """Makes the file, or replaces it, whole or not at all: object stores show one when it is closed."""
        with store_errors(f"{self.shown} cannot be written"):
            if self.is_local:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
                write_atomically(Path(self.path), bytes(content))
            else:
                with self.filesystem.open_output_stream(self.path) as stream:
                    stream.write(content)

    def remove(self) -> None:
        """Removes the file, if it is there."""
        with store_errors(f"{self.shown} cannot be removed"), suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path)


@contextmanager
def store_errors(what: str) -> Iterator[None]:
    """What a file system does, as an error that begins with `what`; its own words may show paths and more."""
    try:
        yield
    except (OSError, pa.ArrowException, UnicodeError) as exc:
        raise BuildError(
            f"{what} ({_code(exc)}).",
            hint="What was done is kept, and the same command goes on. Credentials, region and endpoint of an object store "
            "come from the environment, here and on the machines of a cluster.",
        ) from exc


def _code(exc: Exception) -> str:
    """A few words of what went wrong: of an object store its code, of a disk the system's words."""
    if match := _AWS_ERROR.search(str(exc)):
        return match[1]
    return os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else type(exc).__name__
