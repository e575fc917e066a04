"""A field for a word, which completes it while it is typed from what the collection can be asked for."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.ui.parts.addresses import words_url
from imgsearch.ui.parts.component import component, follow
from imgsearch.ui.texts import language, t

_INPUT = component(__file__)


def word_input(
    collection: OpenedCollection,
    *,
    label: str,
    placeholder: str,
    key: str,
    on_ask: Callable[[str], None],
    value: str = "",
    query: str = "",
    example_href: str = "",
    is_tight: bool = False,
) -> None:
    """Draws the field. The browser gets the words by a URL of their own, when it first needs them.

    Args:
        collection: What is asked.
        label: What the field is called.
        placeholder: What stands in it while it is empty.
        key: Session key.
        on_ask: Called, before the next run, with what was typed, whatever that is, or chosen.
        value: What stands in it.
        query: What the page is asked with: when that is something else, the field gets its value anew.
        example_href: Address to which `words=` is added for examples beside the field; "" for none.
        is_tight: Whether the label is only read out where there is little room: then the placeholder has to say it.
    """
    data = {
        "url": words_url(collection, language()),
        "label": label,
        "placeholder": placeholder,
        "value": value,
        "query": query,
        "tight": is_tight,
        "exampleHref": example_href,
        "examplesName": t("words.examples"),
        "found": t("words.found", n="{n}"),
        "none": t("words.none_found"),
    }

    def asked() -> None:
        text = st.session_state[key].get("asked")  # anybody can send anything
        if isinstance(text, str) and text.strip():
            on_ask(text.strip())

    _INPUT(key=key, data=data, on_asked_change=asked, on_followed_change=lambda: follow(key))
