"""What things are called where one is chosen or named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from imgsearch.collection.session import SESSION_NAME
from imgsearch.ui.texts import t
from imgsearch.vectors.space import Space


def unique_words(words: Mapping[str, str]) -> Callable[[str], str]:
    """Option -> what a select box shows for it: its words, or itself where another option has the same words.

    Streamlit sends the words back, so equal ones would choose the wrong option.
    """
    times = Counter(words.values())
    return lambda option: words[option] if times[words[option]] == 1 else option


def collection_words(name: str) -> str:
    """What a collection is called where one is chosen."""
    return t("collections.own") if SESSION_NAME.fullmatch(name) else name


def space_words(space: Space) -> str:
    """What a space compares by, for people: `CNN (mini)`, `descriptor (color_histogram)`."""
    return t("words.descriptor" if space.spec.is_descriptor else "words.cnn", name=space.name)


def rerank_words(name: str) -> str:
    """What a re-ranking is called, for people; "" is none."""
    return t(f"rerank.{name or 'none'}")
