"""Whether a visitor's own pictures will be answered at once."""

from __future__ import annotations

import streamlit as st

from imgsearch.ui.resources import WarmUp
from imgsearch.ui.texts import error_words, t


def show_readiness(warm_up: WarmUp) -> None:
    """Says it on a line that stays, and changes when it is so far."""
    if warm_up.error:
        st.caption(f":material/error: {t('search.no_uploads', reason=error_words(warm_up.error))}")
        return
    if warm_up.is_over or not warm_up.is_wanted:
        st.caption(f":material/check_circle: {t('search.ready' if warm_up.is_wanted else 'search.ready_later')}")
        return

    @st.fragment(run_every=1.0)
    def wait() -> None:
        if warm_up.is_over:
            st.rerun()  # the whole page, once, without this fragment: it would go on asking every second
        st.caption(f":material/hourglass_top: {t('search.getting_ready')}")

    wait()
