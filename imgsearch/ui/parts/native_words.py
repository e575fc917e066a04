"""Streamlit's own words in the visitor's language: it knows English alone, and nothing to set it."""

from __future__ import annotations

import streamlit as st

from imgsearch.ui.parts.component import component
from imgsearch.ui.texts import LANGUAGES, language

_NATIVE_WORDS = component(__file__, html="")
_HAS_SAID = "native_words_said"


def say_native_words() -> None:
    """Has the browser put our words for Streamlit's, from now on; in English, Streamlit's own again."""
    pairs = tuple(LANGUAGES[language()].native.items())
    if pairs:
        st.session_state[_HAS_SAID] = True
    elif _HAS_SAID not in st.session_state:  # then there is nothing to take back
        return
    _NATIVE_WORDS(key="native_words", data={"pairs": pairs})
