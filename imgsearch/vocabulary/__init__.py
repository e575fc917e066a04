"""Words that a network with ImageNet's classes can be asked for. Read when they are first needed."""

from __future__ import annotations

from imgsearch.vocabulary.find import find_senses, suggest
from imgsearch.vocabulary.shown import class_name, shown, words
from imgsearch.vocabulary.table import Sense

__all__ = ["Sense", "class_name", "find_senses", "shown", "suggest", "words"]
