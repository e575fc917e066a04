"""The formats that a report comes in, by the suffix of their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from imgsearch.report.document import to_html
from imgsearch.report.report import Report
from imgsearch.report.sheet import to_png
from imgsearch.report.tables import to_csv, to_json


@dataclass(frozen=True)
class Format:
    """A kind of file: its media type, and what makes its bytes."""

    media_type: str
    make: Callable[[Report], bytes]


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "html": Format("text/html", to_html),
        "png": Format("image/png", to_png),
        "csv": Format("text/csv", to_csv),
        "json": Format("application/json", to_json),
    }
)
"""Suffix without dot -> format."""
