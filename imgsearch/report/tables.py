"""A report for programs and spreadsheets: JSON and CSV."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

from imgsearch.files import spreadsheet
from imgsearch.report.asked import asked_values
from imgsearch.report.report import Report
from imgsearch.retrieval.results import SearchResult

_ITEM_COLUMNS = ("item_id", "label", "width", "height")


def to_json(report: Report) -> bytes:
    """`SearchPage.to_json` with the collection's name, the time, the link and what was asked, UTF-8."""
    head = {
        "collection": report.collection.name,
        "made": _made(report),
        "link": report.link or None,
        "asked": asked_values(report),
    }
    return (json.dumps({**head, **report.page.to_json()}, ensure_ascii=False, indent=1) + "\n").encode()


def to_csv(report: Report) -> bytes:
    """One line a result, for spreadsheets: see `spreadsheet.to_csv`.

    Each line says which query it answers, so that files can be put below each other.
    """
    page = report.page
    query = {
        "collection": report.collection.name,
        "space": page.space,
        "query": " ".join(item.item_id for item in report.query_items),
        "n_from_outside": len(report.previews),
        **{f"asked_{name}": _cell(value) for name, value in asked_values(report).items()},
        "made": _made(report),
        "link": report.link,
    }
    return spreadsheet.to_csv([*query, *_columns()], ({**query, **_row(result)} for result in page.results))


def _made(report: Report) -> str:
    return report.made.isoformat(timespec="seconds")


def _cell(value: object) -> object:
    """A list as one cell, and nothing for what is not known."""
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else value


def _columns() -> list[str]:
    """Every field of a result, its item spread out."""
    names = [[*_ITEM_COLUMNS] if field.name == "item" else [field.name] for field in fields(SearchResult)]
    return [name for group in names for name in group]


def _row(result: SearchResult) -> dict[str, Any]:
    values = {name: getattr(result.item if name in _ITEM_COLUMNS else result, name) for name in _columns()}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}
