"""What things are called where one is chosen or named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from imgsearch.collection.face.description import Description
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import UnknownWordError
from imgsearch.pictures.items import label_words
from imgsearch.retrieval.ask import Ask
from imgsearch.ui.texts import language, t
from imgsearch.vocabulary import shown

_MAX_SHOWN = 64
"""Characters of a word that is not known."""


def unique_words(words: Mapping[str, str]) -> Callable[[str], str]:
    """Option -> what a select box shows for it: its words, or itself where another option has the same words.

    Streamlit sends the words back, so equal ones would choose the wrong option.
    """
    times = Counter(words.values())
    return lambda option: words[option] if times[words[option]] == 1 else option


def collection_words(name: str) -> str:
    """What a collection is called where one is chosen."""
    return t("collections.own") if SESSION_NAME.fullmatch(name) else name


def space_words(description: Description, name: str) -> str:
    """What a space compares by, for people, as in a sentence: `CNN features`, `colours`.

    With its name, `CNN features (mini)`, where another space of the collection would have the same words.
    """
    words = {each: _kind_words(entry.embedder) for each, entry in description.spaces.items()}
    return words[name] if [*words.values()].count(words[name]) == 1 else f"{words[name]} ({name})"


def space_title(description: Description, name: str) -> str:
    """The same where it stands alone: `Colours`."""
    words = space_words(description, name)
    return words[0].upper() + words[1:]


def full_space_title(description: Description, name: str) -> str:
    """The same with the name that the space has for its builder: `Colours (color_histogram)`."""
    title = space_title(description, name)
    return title if title.endswith(f" ({name})") else f"{title} ({name})"


def _kind_words(spec: EmbedderSpec) -> str:
    return t(f"words.by_{spec.name if spec.is_descriptor else 'cnn'}")


def rerank_words(name: str) -> str:
    """What a re-ranking is called, for people; "" is none."""
    return t(f"rerank.{name or 'none'}")


def word_shown(collection: OpenedCollection, word: str) -> str:
    """A word that is asked for, in the visitor's language; as it was typed where that may mean more. No Markdown."""
    try:
        meaning = collection.words.meaning(word)
    except UnknownWordError:
        return word[:_MAX_SHOWN]
    if meaning.label is not None:
        return label_words(meaning.label)
    return shown(meaning.senses[0], language()) if [sense.text for sense in meaning.senses] == [word] else word


def asked_words(collection: OpenedCollection, ask: Ask) -> str:
    """The words that are asked for, the same way."""
    return ", ".join(word_shown(collection, word) for word in ask.words)


def conditions_words(collection: OpenedCollection, ask: Ask) -> list[tuple[str, dict[str, list[str]]]]:
    """What results have to show and not to show: `only: terrier`, no Markdown, and the address's change without it."""
    words = {"words": () if ask.is_by_words else ask.words, "not": ask.not_words}
    keys = {"words": "words.only", "not": "words.not"}
    return [
        (t(keys[name], word=word_shown(collection, word)), {name: [each for each in given if each != word]})
        for name, given in words.items()
        for word in given
    ]
