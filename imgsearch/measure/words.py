"""How well words find what they mean, where the labels of a collection are words that the network learned.

The network alone is measured: what finds a label is its classes, never the label itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.pictures.items import row_numbers
from imgsearch.retrieval.metrics import average_precision
from imgsearch.vocabulary import Sense

K = 5
WEAK = 0.5
"""Average precision below which a word is weak in a collection."""
_FEWEST = 2
"""Pictures with a label, as of those that a picture is measured with."""


@dataclass(frozen=True)
class WordQuality:
    """What asking for a label by its name finds.

    Attributes:
        label: The label.
        senses: What it means to the network.
        average_precision: Of all pictures by their worth; relevant is what has the label, and of equal worth comes last.
        precision_at_5: Share of pictures with the label among the 5 first; 5 stays 5 where there are fewer.
        n: Pictures with the label.
        chance: Their share of all pictures: what either measure is by chance, about.
    """

    label: str
    senses: tuple[Sense, ...]
    average_precision: float
    precision_at_5: float
    n: int
    chance: float

    @property
    def is_weak(self) -> bool:
        """Whether the network hardly finds here what the word means."""
        return self.average_precision < WEAK


def word_quality(collection: OpenedCollection) -> tuple[WordQuality, ...]:
    """The quality of each label that is a word of the network and that two pictures share, the worst first.

    Empty where no label is, and without class values. No network runs.
    """
    words, items = collection.words, collection.items
    found = []
    for label, n in items.label_counts.items():
        senses = words.meaning(label).senses
        if n < _FEWEST or not senses:
            continue
        is_relevant = np.zeros(len(items), bool)
        is_relevant[row_numbers(items.where([label]))] = True
        order = np.lexsort((is_relevant, -words.worths(label)))
        in_order = is_relevant[order]
        precision = float(in_order[:K].sum()) / K
        found.append(WordQuality(label, senses, average_precision(in_order, n), precision, n, n / len(items)))
    return tuple(sorted(found, key=lambda each: (each.average_precision, each.label)))


def weak_words(quality: Sequence[WordQuality]) -> frozenset[str]:
    """What is weak here: labels, and the `wnid` of what each of them alone means. See `WordQuality.is_weak`."""
    weak = [each for each in quality if each.is_weak]
    return frozenset([each.label for each in weak] + [each.senses[0].wnid for each in weak if len(each.senses) == 1])
