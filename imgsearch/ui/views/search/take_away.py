"""The answer as files: made when they are asked for, never before."""

from __future__ import annotations

import re
from functools import partial

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.report import FORMATS, Report
from imgsearch.retrieval.results import SearchPage
from imgsearch.settings import get_settings
from imgsearch.ui.texts import language, t

_ICONS = {
    "html": ":material/article:",
    "png": ":material/grid_view:",
    "csv": ":material/table:",
    "json": ":material/data_object:",
}


def take_away(collection: OpenedCollection, page: SearchPage, link: str) -> None:
    """Draws a button that opens the files an answer can be had as.

    Args:
        collection: What was searched.
        page: What was asked and found.
        link: Leads to it, from `View.link`; "" where no link can hold it.
    """
    url = get_settings().url  # without it nobody here knows where the page is seen
    report = Report(collection, page, link=f"{url}/{link}" if url and link else "", language=language())
    with st.popover(t("take.title"), icon=":material/download:", on_change="rerun", key="take_away") as popover:
        if not popover.open:
            return
        for suffix, kind in FORMATS.items():
            st.download_button(
                t(f"take.{suffix}"),
                partial(kind.make, report),
                file_name=f"{_stem(report)}.{suffix}",
                mime=kind.media_type,
                key=f"take_{suffix}",
                help=t(f"take.{suffix}_help"),
                on_click="ignore",
                icon=_ICONS[suffix],
                width="stretch",
            )


def _stem(report: Report) -> str:
    """A name that every system takes, with what tells one download from the next."""
    names = [item.item_id.rsplit("/", 1)[-1].rsplit(".", 1)[0] for item in report.query_items]
    names += report.page.ask.words if report.page.ask else ()
    words = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(["imgsearch", report.collection.name, *names])).strip("-")
    return words[:80]
