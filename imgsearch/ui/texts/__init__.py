"""Every word that the page shows, in each language; nowhere else.

`t("search.title")`, `t("note.k", most=60)`: a key, and values for its `{braces}`. `en` and `ko` have the same keys; the Search view has files of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from numbers import Integral
from types import MappingProxyType

import streamlit as st

from imgsearch.counting import Count
from imgsearch.errors import ImgSearchError
from imgsearch.reasons import recall
from imgsearch.ui.texts import en, en_core, ko, ko_core
from imgsearch.ui.texts.markdown import escape


@dataclass(frozen=True)
class Language:
    """A language that the page speaks.

    Attributes:
        name: In itself.
        texts: Every text of the page, by its key.
        matches: Patterns of what descriptors say, and what stands for them; English is what they say.
        reasons: Codes of reasons, and a sentence for each; where there is none, the reason speaks for itself, in English.
        errors: Kinds of errors, and a sentence for each; where there is none, the error speaks for itself, in English.
        hints: Kinds of errors, and what a visitor can do about each, in place of what the error says to its builder.
        native: What Streamlit says by itself, in English, and what stands for it; `{it}` is anything, and goes along.
    """

    name: str
    texts: Mapping[str, str]
    matches: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    hints: Mapping[str, str] = field(default_factory=dict)
    native: Mapping[str, str] = field(default_factory=dict)


DEFAULT_LANGUAGE = "en"
LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        "en": Language("English", en.TEXTS, reasons=en_core.REASONS, hints=en_core.HINTS),
        "ko": Language("한국어", ko.TEXTS, ko_core.MATCHES, ko_core.REASONS, ko_core.ERRORS, native=ko_core.NATIVE),
    }
)
"""By their codes in the address."""
_OF_REASONS = {"reason", "reasons"}
"""Facts that are reasons themselves."""
_of_this_run: ContextVar[str | None] = ContextVar("_of_this_run", default=None)


def t(key: str, **values: object) -> str:
    """The text of that key in the visitor's language, with the values put in; see `Count` for what depends on a number."""
    return text(language(), key, **values)


def text(code: str, key: str, **values: object) -> str:
    """The same in the language of that code."""
    counts = {name: Count(value) if isinstance(value, Integral) else value for name, value in values.items()}
    return LANGUAGES[code].texts[key].format(**counts)


def match_words(words: str) -> str:
    """What a descriptor compares, or where, in the visitor's language: see `descriptors.Match`."""
    for pattern, ours in LANGUAGES[language()].matches.items():
        words = re.sub(pattern, ours, words)
    return words


def language() -> str:
    """The language that the address names, or the browser's, or English. Holds in callbacks and fragments too."""
    return _of_this_run.get() or _asked_language()


@contextmanager
def one_language() -> Iterator[None]:
    """Finds the language out once for all texts of the block: a page has hundreds, and asking Streamlit takes time."""
    token = _of_this_run.set(_asked_language())
    try:
        yield
    finally:
        _of_this_run.reset(token)


def reason_words(reason: str) -> str:
    """Why something cannot be used, in the visitor's language, as far as it is one of `reasons.SENTENCES`. No Markdown."""
    recalled = recall(reason)
    ours = LANGUAGES[language()].reasons
    if recalled is None or recalled[0] not in ours:
        return reason
    code, facts = recalled
    for name in _OF_REASONS & facts.keys():
        facts[name] = " ".join(map(reason_words, facts[name].replace(".; ", ".\n").split("\n")))
    return ours[code].format(**facts)


def error_words(error: ImgSearchError) -> str:
    """An error for a visitor, in Markdown: what is said of its reason, else of its kind, else its own words."""
    speaks = LANGUAGES[language()]
    reason = reason_words(error.message)
    if reason != error.message:
        return escape(reason)
    kinds = [kind.__name__ for kind in type(error).__mro__]
    for kind in kinds:
        if kind in speaks.errors:
            return speaks.errors[kind]
    hint = next((speaks.hints[kind] for kind in kinds if kind in speaks.hints), error.hint)
    return "  \n".join(escape(words) for words in (error.message, hint) if words)


def spoken(asked: str, wished: str) -> str:
    """The code of the language to speak: the one asked for, or the one that is wished for most, or English.

    Args:
        asked: A code; anything.
        wished: A locale, or a header Accept-Language.
    """
    code = wished[:2].lower()
    return next((each for each in (asked, code) if each in LANGUAGES), DEFAULT_LANGUAGE)


def _asked_language() -> str:
    # The locale comes with the first message of the browser; a client that sends none still has its headers.
    wished = st.context.locale or st.context.headers.get("Accept-Language") or ""
    return spoken(st.query_params.get("lang", ""), wished)
