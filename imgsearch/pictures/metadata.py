"""The table of labels that may lie in a folder of pictures: metadata.csv, as spreadsheets of any language write it."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imgsearch.errors import BuildError
from imgsearch.files import code_pages
from imgsearch.files.code_pages import CodePage
from imgsearch.pictures.items import nfc
from imgsearch.reasons import say

METADATA_FILE = "metadata.csv"
_COLUMNS = frozenset(("file_name", "label"))
_DELIMITERS = ",;\t"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_HINT = "Save it as UTF-8 with the columns file_name and label; in Excel: Save As, CSV UTF-8."


@dataclass(frozen=True)
class Metadata:
    """What a metadata file says.

    Attributes:
        labels: By item id, in NFC as both are; "" where a row has none.
        assumed: The code page it was read as, None where it is Unicode.
    """

    labels: Mapping[str, str]
    assumed: CodePage | None


def read_metadata(path: Path, *, locale: str | None = None) -> Metadata:
    """Reads a table with the columns file_name and label, and perhaps others.

    Text is UTF-8, or UTF-16 where it begins with its mark, else what `code_pages.decode` takes it for. Values are separated
    by the first of comma, semicolon and tab that gives both columns.

    Args:
        path: The file.
        locale: See `code_pages.decode`.

    Raises:
        BuildError: it is no such table.
    """
    try:
        data = path.read_bytes()
        text, assumed = _text(data, locale)
        for delimiter in _DELIMITERS:
            rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
            if set(rows.fieldnames or ()) >= _COLUMNS:
                labels = {_name(row): nfc(row["label"] or "").strip() for row in rows if row["file_name"]}
                return Metadata(labels, assumed)
        columns = ", ".join(csv.DictReader(io.StringIO(text, newline="")).fieldnames or ())
    except (OSError, UnicodeError, csv.Error) as exc:
        raise BuildError(say("table", table=METADATA_FILE, why=exc), hint=_HINT) from exc
    raise BuildError(
        say("table_columns", table=METADATA_FILE, columns=columns),
        hint=f"{_HINT} Take the file away to use the names of sub-folders as labels, or give --label-pattern.",
    )


def _text(data: bytes, locale: str | None) -> tuple[str, CodePage | None]:
    if data.startswith(_UTF_16):
        return data.decode("utf-16"), None
    (text,), assumed = code_pages.decode([data.removeprefix(codecs.BOM_UTF8)], locale=locale)
    return text, assumed


def _name(row: Mapping[str, str]) -> str:
    return nfc(row["file_name"].replace("\\", "/").removeprefix("./"))
