"""What a typed word means."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable
from functools import cache

from imgsearch.vocabulary.keys import MOST_CHARACTERS, compact, in_any_order, key_of, readings
from imgsearch.vocabulary.table import Sense, table

_ALIKE = 0.8
"""Least similarity of what is suggested. Source: `difflib.SequenceMatcher`, 1 for the same letters in the same order."""
_FEWEST_LETTERS = 4
"""Of a shorter word, too many others are only a letter away."""


def find_senses(text: str) -> list[Sense]:
    """What a word means, the most usual first; [] where it is no word that is known.

    English, with or without its article, in the singular or plural, with blanks or hyphens, in any order; everyday words
    (`everyday.tsv`); Korean. A `Sense.text`, such as "crane (wading bird)", is exactly that one.
    """
    if len(text) > MOST_CHARACTERS:
        return []
    words, plurals = table().words, table().plurals
    ways: list[tuple[Callable[[str], str], dict[str, tuple[Sense, ...]]]] = [
        (str, words),
        (compact, _words_by(compact)),
        (in_any_order, _words_by(in_any_order)),
    ]
    for way, known in ways:
        for reading in readings(key_of(text), plurals):
            if found := known.get(way(reading)):
                return list(found)
    return []


def suggest(text: str, n: int) -> list[str]:
    """At most `n` known words that are written nearly like an unknown one, the nearest first; [] where none is."""
    key = _letters(key_of(text)) if len(text) <= MOST_CHARACTERS else ""
    if len(key) < _FEWEST_LETTERS or n < 1:
        return []
    near = [each for each in _written() if each[0] == key[0] and abs(len(each) - len(key)) <= 2]
    alike = [_written()[each] for each in difflib.get_close_matches(key, near, len(near) or 1, _ALIKE)]
    one_of_each = {table().words[key_of(each)]: each for each in reversed(alike)}
    return [each for each in alike if each in one_of_each.values()][:n]


@cache
def _words_by(way: Callable[[str], str]) -> dict[str, tuple[Sense, ...]]:
    """The words of the table, written in another way; the first of those that become the same."""
    by: dict[str, tuple[Sense, ...]] = {}
    for key, senses in table().words.items():
        by.setdefault(way(key), senses)
    return by


@cache
def _written() -> dict[str, str]:
    """How to write each word, by its letters."""
    return {_letters(key): written for key, written in table().spelled.items()}


def _letters(key: str) -> str:
    """Korean in letters instead of syllables, so that one wrong letter counts as one."""
    return unicodedata.normalize("NFD", key)
