"""Words as people read them."""

from __future__ import annotations

from imgsearch.vocabulary.table import Sense, table


def shown(sense: Sense, language: str = "en") -> str:
    """What to call a sense: its Korean name where it has one and `language` is "ko", else its text."""
    if language == "ko" and (names := table().korean.get(sense.wnid)):
        return names[0]
    return sense.text


def class_name(index: int, language: str = "en") -> str:
    """What to call one of ImageNet's classes, 0 to 999, such as "Siamese cat" (284)."""
    return shown(table().of_class[index], language)


def words(language: str) -> list[tuple[str, Sense]]:
    """All that is worth typing, with what it means: each sense once, by its `shown` name."""
    return sorted(((shown(sense, language), sense) for sense in table().senses.values()), key=lambda pair: pair[0].lower())
