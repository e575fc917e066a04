"""What a search found, to take away: table, contact sheet, and a page for those who were not in the room."""

from imgsearch.report.formats import FORMATS, Format
from imgsearch.report.report import Report
from imgsearch.report.texts import LANGUAGES

__all__ = ["FORMATS", "LANGUAGES", "Format", "Report"]
