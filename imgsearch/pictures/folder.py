"""A folder of pictures before it is a gallery: which files there are, what they are called, how they are labelled."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from imgsearch.counting import Count
from imgsearch.errors import BuildError
from imgsearch.files.archives import is_debris
from imgsearch.pictures.decode import PICTURE_SUFFIXES, READ_FORMATS, looks_like_image
from imgsearch.pictures.items import Skipped, names_in_nfc, nfc
from imgsearch.pictures.left_out import LeftOut
from imgsearch.pictures.metadata import METADATA_FILE, Metadata, read_metadata
from imgsearch.reasons import say

_SNIFF_BYTES = 64
_ARCHIVE_SUFFIXES = frozenset(
    (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".lzh", ".alz", ".egg")
)
_LAST_NS = 2**63 - 1  # in the year 2262; a file may be of a later one, a table of items not


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file that may be a picture.

    Attributes:
        item_id: Path relative to the folder, with forward slashes, in NFC (see `items.names_in_nfc`); bytes that are not
            UTF-8 as backslash escapes.
        path: Where it is, called as it is called there.
        bytes, mtime_ns: Its size and its time of change, ns since 1970.
    """

    item_id: str
    path: Path
    bytes: int
    mtime_ns: int


def check_folder(directory: Path) -> None:
    """BuildError where there is no such folder."""
    if not directory.is_dir():
        raise BuildError(f"The pictures must be in a folder. Received: {str(directory)!r}, which is none.")


def scan(directory: Path, *, exclude: Path, left_out: LeftOut | None = None) -> list[PictureFile]:
    """The picture files below a folder, by item id.

    A file counts when its content begins like a picture or its name ends like one's, so that a text called `.jpg` is
    reported one by one and a `.txt` is not. Hidden files and folders, and links to folders (they may lead in circles), are
    passed over.

    Args:
        directory: The folder.
        exclude: A folder that is left out if it lies inside: the home, whose thumbnails are pictures too.
        left_out: Told of all files that do not count, but for metadata.csv and what systems leave behind.

    Raises:
        BuildError: there is no such folder, it cannot be read, or it has no picture files.
    """
    check_folder(directory)
    left_out = left_out or LeftOut()
    files: dict[str, PictureFile] = {}
    for path, reason in _walk(directory, exclude.resolve()):
        name = os.fsencode(path.relative_to(directory).as_posix()).decode("utf-8", "backslashreplace")
        if not reason and name in files:
            reason = say("same_name")
        if reason:
            left_out.add(name, reason)
        else:
            files[name] = _picture_file(name, path)
    called = names_in_nfc(files)
    files = {called[name]: replace(file, item_id=called[name]) for name, file in files.items()}
    if not files:
        raise no_pictures(f"in {str(directory)!r}", left_out)
    return [files[item_id] for item_id in sorted(files)]


def no_pictures(where: str, left_out: LeftOut) -> BuildError:
    """What to raise where none were found, `where` being a few words such as "in 'cats.zip'"."""
    found = left_out.summary()
    return BuildError(
        say("no_pictures_but", where=where, found=found) if found else say("no_pictures", where=where),
        hint=f"Known formats: {READ_FORMATS}, also in sub-folders.",
    )


def none_usable(n_files: int, skipped: Iterable[Skipped]) -> BuildError:
    """What to raise where there are pictures, and each was left out."""
    reasons = "; ".join(sorted({each.reason for each in skipped})[:3])
    return BuildError(say("one_unusable" if n_files == 1 else "none_usable", n=n_files, reasons=reasons))


def _walk(directory: Path, exclude: Path) -> Iterator[tuple[Path, str]]:
    """What there is and why it is no picture, "" where it may be one; folders only where they are not looked into."""

    def fail(error: OSError) -> None:
        raise BuildError(f"A folder cannot be read: {error.filename!r} ({error.strerror}).")

    for folder, subfolders, names in os.walk(directory, onerror=fail):
        entered = []
        for name in sorted(subfolders):
            path = Path(folder, name)
            if is_debris(PurePath(name)) or path.resolve() == exclude:
                continue
            if name.startswith(".") or path.is_symlink():
                yield path, say("hidden_folder" if name.startswith(".") else "linked_folder")
            else:
                entered.append(name)
        subfolders[:] = entered
        for name in sorted(names):
            path = Path(folder, name)
            if not is_debris(PurePath(name)) and path != directory / METADATA_FILE:
                yield path, _why_not(path)


def _why_not(path: Path) -> str:
    """Why a file does not count as a picture, "" where it does."""
    suffix = path.suffix.lower()
    if path.name.startswith("."):
        return say("hidden_file")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return say("not_plain")
        if suffix in PICTURE_SUFFIXES:
            return ""
        with path.open("rb") as stream:
            is_picture = looks_like_image(stream.read(_SNIFF_BYTES))
    except OSError:
        return "" if suffix in PICTURE_SUFFIXES else say("unreadable")
    if is_picture:
        return ""
    if suffix in _ARCHIVE_SUFFIXES:
        return say("packed")
    return say("no_picture")


def _picture_file(item_id: str, path: Path) -> PictureFile:
    try:
        status = path.stat()
    except OSError:
        return PictureFile(item_id, path, 0, 0)  # decoding it will say what is wrong
    return PictureFile(item_id, path, status.st_size, min(status.st_mtime_ns, _LAST_NS))


@dataclass(frozen=True)
class Labeller:
    """How items get their labels: called with an item id, it says the label, "" where there is none. All is NFC.

    Attributes:
        of: The same for names that are NFC.
        metadata: The table that labels come from; None where they come from elsewhere.
        pattern: The regular expression that they come from, likewise.
    """

    of: Callable[[str], str]
    metadata: Metadata | None = None
    pattern: str | None = None

    def __call__(self, item_id: str) -> str:
        return self.of(nfc(item_id))

    def check(self, names: Sequence[str]) -> None:
        """BuildError where a pattern or a table, given on purpose, labels none of the items, of which there are some."""
        given = METADATA_FILE if self.metadata else f"label pattern {self.pattern!r}" if self.pattern is not None else ""
        if given and not any(map(self, names)):
            raise BuildError(
                f"The {given} must give labels to {Count(len(names)):the picture|some of the {len(names):,} pictures}, "
                f"and gives none. The first item id is {names[0]!r}."
            )

    def without_row(self, names: Iterable[str]) -> list[str]:
        """Those of the items that the table does not name."""
        return [name for name in names if self.metadata and nfc(name) not in self.metadata.labels]

    def without_picture(self, names: Iterable[str]) -> list[Skipped]:
        """What the table names and what is not among the items."""
        labels = self.metadata.labels if self.metadata else {}
        gone = sorted(labels.keys() - {nfc(name) for name in names})
        return [Skipped(name, say("no_such_picture", table=METADATA_FILE)) for name in gone]


def labeller(directory: Path, pattern: str | None, *, locale: str | None = None) -> Labeller:
    """The labels of a folder: by the pattern if there is one, else by metadata.csv if there is one, else by sub-folder.

    Args:
        directory: The folder of pictures.
        pattern: Regular expression, searched for in the item id, with a named group `label`.
        locale: Of who asks, see `code_pages.decode`.

    Raises:
        BuildError: the pattern or the metadata file is not usable.
    """
    if pattern is not None:
        return Labeller(_by_pattern(nfc(pattern)), pattern=pattern)
    if not (directory / METADATA_FILE).is_file():
        return Labeller(_by_folder)
    metadata = read_metadata(directory / METADATA_FILE, locale=locale)
    return Labeller(lambda item_id: metadata.labels.get(item_id, ""), metadata)


def _by_folder(item_id: str) -> str:
    return item_id.split("/")[-2] if "/" in item_id else ""


def _by_pattern(pattern: str) -> Callable[[str], str]:
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        raise BuildError(f"The label pattern must be a regular expression. Received: {pattern!r} ({exc}).") from exc
    if "label" not in compiled.groupindex:
        raise BuildError(
            f"The label pattern must have a group called label. Received: {pattern!r}.",
            hint=r"For names such as Egyptian_Mau_167.jpg: --label-pattern '(?P<label>[^/]+)_\d+\.jpg$'",
        )

    def label(item_id: str) -> str:
        match = compiled.search(item_id)
        return (match["label"] or "") if match else ""

    return label
