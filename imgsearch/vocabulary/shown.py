"""Words as people read them."""

from __future__ import annotations

from functools import cache

from imgsearch.vocabulary.keys import key_of
from imgsearch.vocabulary.table import Sense, rows, table


def shown(sense: Sense, language: str = "en") -> str:
    """What to call a sense: its Korean name where it has one and `language` is "ko", else its text."""
    if language == "ko" and (names := table().korean.get(sense.wnid)):
        return names[0]
    return sense.text


def class_name(index: int, language: str = "en") -> str:
    """What to call one of ImageNet's classes, 0 to 999, such as "Siamese cat" (284)."""
    return shown(table().of_class[index], language)


def words(language: str) -> list[tuple[str, Sense]]:
    """What to offer while somebody types, with what it means, by the alphabet: each sense once, as it is `shown`.

    Not those that nobody asks for (`not_offered.tsv`), nor what an everyday word of the same name has in it. A Korean name
    may mean something else too; what asks for exactly this is `Sense.text`.
    """
    offered = [sense for sense in table().senses.values() if not _is_left_out(sense)]
    return sorted(((shown(sense, language), sense) for sense in offered), key=lambda pair: (pair[0].lower(), pair[1].wnid))


@cache
def _never_offered() -> frozenset[str]:
    return frozenset(text for (text,) in rows("not_offered.tsv"))


def _is_left_out(sense: Sense) -> bool:
    usual = table().words.get(key_of(sense.name), ())
    within = any("+" in other.wnid and sense.wnid in other.wnid.split("+") for other in usual)
    return within or sense.text in _never_offered()
