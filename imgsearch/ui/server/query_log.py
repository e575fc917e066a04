"""One line a query in the log of the server: what kind it was and how long it took. No picture, no name, no address."""

from __future__ import annotations

import logging
import sys

from imgsearch.collection.session import SESSION_NAME
from imgsearch.retrieval.results import SearchPage

_log = logging.getLogger("imgsearch.queries")


def switch_on() -> None:
    """Lets the lines go to stderr, where Streamlit's own go; once is enough."""
    if not _log.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        _log.addHandler(handler)
        _log.setLevel(logging.INFO)
        _log.propagate = False


def log_query(collection: str, page: SearchPage) -> None:
    """Writes the line of one answered query."""
    times = " ".join(f"{step}_ms={ms:.1f}" for step, ms in page.timings_ms.items())
    _log.info(
        "query collection=%s space=%s items=%d uploads=%d results=%d %s",
        "own" if SESSION_NAME.fullmatch(collection) else collection,
        page.space,
        len(page.query_items),
        len(page.pictures),
        len(page.results),
        times,
    )
