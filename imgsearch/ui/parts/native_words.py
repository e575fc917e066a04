"""Streamlit's own words in the visitor's language: it knows English alone, and nothing to set it."""

from __future__ import annotations

from imgsearch.ui.parts.component import component
from imgsearch.ui.texts import LANGUAGES, language

_NATIVE_WORDS = component(__file__, html="")


def say_native_words() -> None:
    """Has the browser put our words for Streamlit's, from now on; in English, Streamlit's own again."""
    _NATIVE_WORDS(key="native_words", data={"pairs": tuple(LANGUAGES[language()].native.items())})
