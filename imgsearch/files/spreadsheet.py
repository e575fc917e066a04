"""Tables for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  spreadsheets take the wide ones too


def to_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """One line a row under a line of names, as RFC 4180 has it: commas, quotes where needed, CRLF.

    UTF-8 with a byte order mark: without one, spreadsheets on Windows read names that are not English as nonsense; what
    reads no mark takes it with the encoding "utf-8-sig". A text that a spreadsheet would take for a formula gets an
    apostrophe in front (OWASP, CSV injection).

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
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value
