"""Notes and errors, in the visitor's words."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import streamlit as st

from imgsearch.errors import ImgSearchError
from imgsearch.ui.texts import error_words, t

_log = logging.getLogger(__name__)


def show_notes(notes: Iterable[str]) -> None:
    """What could not be used, a box each."""
    for note in notes:
        st.info(note, icon=":material/info:")


def show_error(error: ImgSearchError) -> None:
    """An error in the visitor's words."""
    st.error(error_words(error), icon=":material/error:")


@contextmanager
def error_boundary() -> Iterator[None]:
    """Errors become words; what nobody foresaw goes to the log and only says that it happened."""
    try:
        yield
    except ImgSearchError as exc:
        show_error(exc)
    except Exception:
        _log.exception("the page failed")
        st.error(t("frame.failed"), icon=":material/error:")
