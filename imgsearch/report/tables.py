"""A report for programs and spreadsheets: JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from typing import Any

from imgsearch.report.report import Report
from imgsearch.search import SearchResult

_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001  spreadsheets take the wide ones too

_ITEM_COLUMNS = ("item_id", "label", "width", "height")


def to_json(report: Report) -> bytes:
    """`SearchPage.to_json` with the collection's name and the time, UTF-8."""
    head = {"collection": report.collection.name, "made": report.made.isoformat(timespec="seconds")}
    return (json.dumps({**head, **report.page.to_json()}, ensure_ascii=False, indent=1) + "\n").encode()


def to_csv(report: Report) -> bytes:
    """One line a result under a line of names, as RFC 4180 has it: commas, quotes where needed, CRLF.

    Each line says which query it answers, so that files can be put below each other. UTF-8 with a byte order mark: without
    one, spreadsheets on Windows read names that are not English as nonsense; what reads no mark takes it with the encoding
    "utf-8-sig". A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, CSV injection).
    """
    page = report.page
    query = {
        "collection": report.collection.name,
        "space": page.space,
        "query": " ".join(item.item_id for item in report.query_items),
    }
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, [*query, *_columns()])
    writer.writeheader()
    for result in page.results:
        row = {**query, **_row(result)}
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return file.getvalue().encode("utf-8-sig")


def _columns() -> list[str]:
    """Every field of a result, its item spread out."""
    names = [[*_ITEM_COLUMNS] if field.name == "item" else [field.name] for field in fields(SearchResult)]
    return [name for group in names for name in group]


def _row(result: SearchResult) -> dict[str, Any]:
    return {name: getattr(result.item if name in _ITEM_COLUMNS else result, name) for name in _columns()}


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value
