"""The words that a collection can be asked for, as a file that the browser keeps: for completion, and examples."""

from __future__ import annotations

import hashlib
import json
from weakref import WeakKeyDictionary

import numpy as np

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.pictures.items import label_words
from imgsearch.retrieval.words import least_worth
from imgsearch.ui.resources import word_quality
from imgsearch.version import __version__
from imgsearch.vocabulary import Sense, shown, words

N_EXAMPLES = 3
_MOST_LOOKED_AT = 5000
"""Pictures by which examples are chosen: spread evenly over a larger collection."""
_known: WeakKeyDictionary[OpenedCollection, dict[str, tuple[str, ...]]] = WeakKeyDictionary()
"""Examples by language, as long as a collection is open."""


def words_digest(collection: OpenedCollection) -> str:
    """What the file depends on, as a name for it: hexadecimal, 64 characters."""
    it, space = collection.description, collection.word_space
    parts = (__version__, it.digest, it.spaces[space.name].digest if space else "")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def word_list(collection: OpenedCollection, language: str) -> bytes:
    """The file: a JSON object with all `words` that can be asked for, the labels first, and `examples` of them."""
    listed = {"words": collection.words.offered(language), "examples": word_examples(collection, language)}
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":")).encode()


def word_examples(collection: OpenedCollection, language: str) -> tuple[str, ...]:
    """Words that a collection answers well.

    Labels that the network finds best by their names, as far as that can be measured, and something wider; then what many
    pictures show, and the most usual labels.
    """
    known = _known.setdefault(collection, {})
    if language not in known:
        known[language] = _examples(collection, language)
    return known[language]


def _examples(collection: OpenedCollection, language: str) -> tuple[str, ...]:
    counts = collection.items.label_counts
    best = [each for each in reversed(word_quality(collection)) if not each.is_weak][: N_EXAMPLES - 1]
    labels = [each.label for each in best] or sorted(counts, key=lambda label: -counts[label])
    taken = {sense for each in best for sense in each.senses}
    wider = [shown(sense, language) for sense in _most_shown(collection) if sense not in taken]
    return tuple(dict.fromkeys([*map(label_words, labels), *wider]))[:N_EXAMPLES]


def _most_shown(collection: OpenedCollection) -> list[Sense]:
    """Words that together cover much and each at most half of the pictures, so that they tell some from others.

    Of those that have a name in each language, which are the commonest; of others where those are too few.
    """
    space, answerable = collection.word_space, collection.words.answerable
    if space is None or space.class_values is None:
        return []
    values = space.class_values[:, :: -(-len(collection.items) // _MOST_LOOKED_AT)]
    senses = [sense for _, sense in words("en") if sense.wnid in answerable]
    shows = {
        sense: values[list(sense.classes)].sum(axis=0, dtype=np.float32) >= least_worth(len(sense.classes))
        for sense in senses
    }
    most = max(1, values.shape[1] // 2)
    telling = [sense for sense in senses if 0 < np.count_nonzero(shows[sense]) <= most]
    common = [sense for sense in telling if _is_common(sense)]
    candidates = common if len(common) >= N_EXAMPLES else telling
    chosen: list[Sense] = []
    is_covered = np.zeros(values.shape[1], bool)
    while candidates and len(chosen) < N_EXAMPLES:
        best = max(candidates, key=lambda sense: np.count_nonzero(shows[sense] & ~is_covered))
        is_covered |= shows[best]
        chosen.append(best)
        candidates = [sense for sense in candidates if sense is not best]
    return chosen


def _is_common(sense: Sense) -> bool:
    return shown(sense, "ko") != sense.text
