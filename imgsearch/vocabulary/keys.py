"""When two ways of writing a word are the same."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

MOST_CHARACTERS = 80
"""Longest text that can be a word."""
_MOST_WORDS = 5
_LEFT_OUT = str.maketrans("", "", "'\u2019\u02bc`.")
_NO_LETTERS = re.compile(r"[\W_]+")
_ARTICLE = re.compile(r"(?:an?|the) ")
_ENDINGS = (
    ("ies", "y"),
    ("men", "man"),
    *((ending + "es", ending) for ending in ("s", "x", "z", "ch", "sh")),
    ("s", ""),
)
"""How plurals end, and what of. Source: WordNet's manual, morphy(7), whose rule for "ses" is for "buses" too."""


def key_of(text: str) -> str:
    """The same for all ways of writing a word: small letters without accents, words with a blank between.

    Korean comes out composed, whatever keyboard it was typed with.
    """
    small = text.casefold()
    if not small.isascii():
        apart = unicodedata.normalize("NFKD", small)
        small = unicodedata.normalize("NFC", "".join(sign for sign in apart if not unicodedata.combining(sign)))
    return _NO_LETTERS.sub(" ", small.translate(_LEFT_OUT)).strip()


def compact(key: str) -> str:
    """A key without blanks: "hot dog" is "hotdog"."""
    return key.replace(" ", "")


def in_any_order(key: str) -> str:
    """A key for all orders of its words: "terrier scottish" is "scottish terrier"."""
    return " ".join(sorted(key.split()))


def readings(key: str, plurals: dict[str, str]) -> Iterator[str]:
    """What a key may stand for, itself first: without its article, and in the singular.

    Args:
        key: As of `key_of`.
        plurals: Those that no rule gives.
    """
    for each in dict.fromkeys((key, _ARTICLE.sub("", key, count=1) if _ARTICLE.match(key) else key)):
        yield each
        words = each.split()
        if len(words) <= _MOST_WORDS:
            # The last word first: that is the noun.
            forms = [list(_singulars(word, plurals)) for word in reversed(words)]
            yield from (" ".join(reversed(found)) for found in itertools.islice(itertools.product(*forms), 1, None))


def _singulars(word: str, plurals: dict[str, str]) -> Iterator[str]:
    yield word
    if word in plurals:
        yield plurals[word]
    if len(word) > 3 and not word.endswith("ss"):
        yield from (word.removesuffix(plural) + end for plural, end in _ENDINGS if word.endswith(plural))
    if len(word) > 1 and word.endswith("들"):
        yield word.removesuffix("들")
