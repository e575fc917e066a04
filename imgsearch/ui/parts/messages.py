"""Notes and errors, in the visitor's words."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import streamlit as st

from imgsearch.errors import ImgSearchError, ServerError
from imgsearch.ui.texts import error_words, t

RETRY_S = 4.0
"""Between two tries to reach a server that did not answer."""
_log = logging.getLogger(__name__)


def show_notes(notes: Iterable[str]) -> None:
    """What could not be used, a box each."""
    for note in notes:
        st.info(note, icon=":material/info:")


def show_error(error: ImgSearchError) -> None:
    """An error in the visitor's words. While a server does not answer, the page tries again by itself."""
    st.error(error_words(error), icon=":material/error:")
    if isinstance(error, ServerError):
        st.caption(t("frame.again"))
        _draw_anew_after(time.monotonic())


@st.fragment(run_every=RETRY_S)
def _draw_anew_after(shown: float) -> None:
    if time.monotonic() - shown > RETRY_S / 2:  # not in the run that says it
        st.rerun()


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
