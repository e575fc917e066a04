"""Tables for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

_FORMULA_SIGNS = frozenset("=+-@")
_AFTER_A_SEPARATOR = re.compile(r"(?<=[;\t\r\n])")
"""Where some spreadsheets begin another cell: where the comma is the decimal mark, they part a line at semicolons."""


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """One line a row under a line of names, as RFC 4180 has it: commas, quotes where needed, CRLF.

    UTF-8 with a byte order mark: without one, spreadsheets on Windows read names that are not English as nonsense; what
    reads no mark takes it with the encoding "utf-8-sig". What a spreadsheet would take for a formula gets an apostrophe
    in front (OWASP, CSV injection): also behind blanks, marks without width and quotes, and where it begins another cell.

    Args:
        columns: Names, in the order of the columns.
        rows: Column -> value; each has all of them.
    """
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return file.getvalue().encode("utf-8-sig")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    pieces = _AFTER_A_SEPARATOR.split(value)
    cell = "".join(f"'{piece}" if _is_formula(piece) else piece for piece in pieces)
    return f"'{cell}" if cell.startswith(("\t", "\r", "\n")) else cell


def _is_formula(text: str) -> bool:
    """Whether the first thing to be seen is a sign that formulas begin with; spreadsheets take the wide ones too."""
    for char in text:
        if unicodedata.normalize("NFKC", char) in _FORMULA_SIGNS:
            return True
        if char.isprintable() and not char.isspace() and char != '"':
            return False
    return False
