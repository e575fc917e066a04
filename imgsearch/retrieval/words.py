"""What words find: pictures that a network with a classifier takes for what a word means, and those labelled with it.

The worth of a picture for a word is the sum of the probabilities of the classes that the word stands for. No network runs:
class values are stored with a space. Distances between pictures say nothing about words, so these have a verdict of their
own: whether any picture reaches `least_worth`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imgsearch.embedding.backbones import N_CLASSES
from imgsearch.errors import UnknownWordError
from imgsearch.pictures.gallery import Gallery
from imgsearch.pictures.items import Rows, label_words, nfc, row_numbers
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.results import SearchPage, SearchResult
from imgsearch.vectors.space import OpenedSpace
from imgsearch.vocabulary import Sense, find_senses, suggest, words
from imgsearch.vocabulary.keys import key_of

SHOWS = 0.2
"""Share of the way from chance to certainty from which a picture shows what a word means, see `least_worth`.

Chosen by `python -m benchmarks.words`; how often it is wrong that some picture shows a word, or that none does:
docs/measurements.md, Words.
"""
_SUREST = 0.9999
"""Worth that a result has at most without the label: only a label is certain."""
_N_SUGGESTED = 3
_MOST_QUOTED = 40
_BOTH = 0.5
"""As SHOWS, for what both of two pictures look like."""


def least_worth(n_classes: int, sureness: float = SHOWS) -> float:
    """Worth from which a picture shows a word for so many classes.

    That is `sureness` of what is left above chance, as in Cohen 1960, A Coefficient of Agreement for Nominal Scales: a
    network that has no idea what it sees gives 0.4 to "animal", for which 398 of the 1,000 classes stand.
    """
    chance = n_classes / N_CLASSES
    return chance + sureness * (1 - chance)


@dataclass(frozen=True)
class Meaning:
    """What a word stands for in a gallery.

    Attributes:
        text: The word, as it was asked for.
        label: The label of the gallery that it is; None where it is none.
        senses: What it means to the network, the most usual first; several where it means several things. Empty where it
            is no word that the network learned, and where the gallery has no class values.
    """

    text: str
    label: str | None
    senses: tuple[Sense, ...] = ()

    @property
    def classes(self) -> list[int]:
        """The classes that it stands for in any of its senses, ascending."""
        return sorted({index for sense in self.senses for index in sense.classes})

    @property
    def least_worth(self) -> float:
        """Worth from which a picture shows it, see `least_worth`."""
        return least_worth(len(self.classes))


class Words:
    """The words that a gallery can be asked for. Safe for threads."""

    def __init__(self, items: Gallery, space: OpenedSpace | None) -> None:
        """Args:
        items: The gallery.
        space: One with class values; None where there is none, and labels are the only words.
        """
        self._items = items
        self.space = space
        self._values = space.class_values if space else None
        # None is negative, so that their bits have their order. Not a memmap, whose rows take longer to make.
        self._bits = None if self._values is None else np.asarray(self._values).view(np.uint16)
        self._labels = {key_of(label): label for label in reversed(list(items.label_counts))}

    def meaning(self, text: str) -> Meaning:
        """What a word stands for here.

        Raises:
            UnknownWordError: it is neither a label, nor a word that the network learned; also where it may be one, but the
                gallery has no class values.
        """
        name = nfc(text)
        label = name if name in self._items.label_counts else self._labels.get(key_of(text) or name)
        senses = tuple(find_senses(text)) if self._values is not None else ()
        if label is None and not senses:
            raise _unknown(text, has_classes=self._values is not None)
        return Meaning(text, label, senses)

    def worths(self, text: str) -> np.ndarray:
        """float32 (n,): the worth of each picture for a word, in [0, 1], by the network alone: 0 where it has no say.

        Raises:
            UnknownWordError: see `meaning`.
        """
        return self._worths(self.meaning(text).classes)

    def shows(self, text: str) -> np.ndarray:
        """bool (n,): whether a picture shows what a word means: by its label, or by its worth.

        Raises:
            UnknownWordError: see `meaning`.
        """
        return self._seen(text).shows

    def rows_showing(self, texts: Iterable[str], unlike: Iterable[str], label: str | None = None) -> Rows:
        """The pictures that show all of the first words and none of the others, and have the label if one is given.

        Raises:
            UnknownWordError: see `meaning`.
            ItemNotFoundError: no picture has the label.
        """
        if self._values is None:
            return self._labelled(texts, unlike, label)
        return self._rows(map(self._seen, texts), unlike, label)

    def search(self, ask: Ask) -> SearchPage:
        """The pictures that show what words mean, best first: labelled with the first of them, then by worth, ties by row.

        The worth for several words is the least of them.

        Raises:
            UnknownWordError: see `meaning`.
            ItemNotFoundError: no picture has the label that is asked for.
        """
        started = time.perf_counter()
        results, n_shown = self._found_by_labels(ask) if self._values is None else self._found(ask)
        return SearchPage(
            space=self.space.name if self.space else "",
            results=results,
            n_shown=n_shown,
            n_candidates=len(self._items),
            timings_ms={"search": (time.perf_counter() - started) * 1000},
            ask=ask,
        )

    def _found_by_labels(self, ask: Ask) -> tuple[tuple[SearchResult, ...], int]:
        """See `search`: the best k, and how many there are."""
        rows = self._labelled(ask.words, ask.not_words, ask.label)
        found = enumerate(self._items.page(rows, 0, ask.k), start=1)
        results = (SearchResult(rank, self._items.row_of(item.item_id), item, worth=1.0) for rank, item in found)
        return tuple(results), self._items.count(rows)

    def _found(self, ask: Ask) -> tuple[tuple[SearchResult, ...], int]:
        """The same by worth."""
        seen = [self._seen(text) for text in ask.words]
        rows = self._rows(seen, ask.not_words, ask.label)
        worths = np.min([each.worths[rows] for each in seen], axis=0)
        is_labelled = np.all([each.is_labelled[rows] for each in seen], axis=0)
        best = np.lexsort((-worths, ~is_labelled))[: ask.k]  # stable, and the rows are in order
        results = tuple(
            SearchResult(
                rank=rank, row=int(rows[at]), item=item, worth=1.0 if is_labelled[at] else min(float(worths[at]), _SUREST)
            )
            for rank, (at, item) in enumerate(zip(best, self._items.at(rows[best]), strict=True), start=1)
        )
        return results, len(rows)

    @cached_property
    def answerable(self) -> frozenset[str]:
        """`wnid` of each sense that some picture shows, by its worth."""
        if self._bits is None:
            return frozenset()
        # (1000,): of each class, the picture that is most like it.
        most = self._bits.max(axis=1).view(np.float16).astype(np.float32)
        found = set()
        for _, sense in words("en"):
            of_classes = most[list(sense.classes)]
            # Only between the two bounds do the pictures have to be looked at.
            least = least_worth(len(of_classes))
            if of_classes.max() >= least or (of_classes.sum() >= least and self._worths(sense.classes).max() >= least):
                found.add(sense.wnid)
        return frozenset(found)

    def offered(self, language: str) -> list[str]:
        """What can be asked for, for completion: the labels, then other words that some picture shows, in that language."""
        labels = [label_words(label) for label in self._items.label_counts]
        taken = {key_of(label) for label in labels}
        others = [text for text, sense in words(language) if sense.wnid in self.answerable]
        return labels + [text for text in others if key_of(text) not in taken]

    def in_common(self, one: np.ndarray, other: np.ndarray) -> Sense | None:
        """What both of two pictures look like most narrowly; None where they look like nothing in common.

        Args:
            one, other: float (1000,), the probabilities of each, see `of_row`.
        """
        both = [
            (len(sense.classes), -min(worths), sense)
            for _, sense in words("en")
            if min(worths := [float(each[list(sense.classes)].sum()) for each in (one, other)])
            >= least_worth(len(sense.classes), _BOTH)
        ]
        return min(both, key=lambda each: each[:2])[2] if both else None

    def of_row(self, row: int) -> np.ndarray | None:
        """float32 (1000,): the probabilities of the classes for a picture; None where there are no class values."""
        if self._values is None:
            return None
        return np.array(self._values[:, row], np.float32)

    def _seen(self, text: str) -> _Seen:
        meaning = self.meaning(text)
        is_labelled = np.zeros(len(self._items), bool)
        if meaning.label is not None:
            is_labelled[self._rows_with(meaning.label)] = True
        return _Seen(self._worths(meaning.classes), is_labelled, meaning.least_worth)

    def _labelled(self, texts: Iterable[str], unlike: Iterable[str], label: str | None) -> Rows:
        """See `rows_showing`, where labels are the only words."""
        of, not_of = ([self.meaning(text).label for text in each] for each in (texts, unlike))
        labels = [*of, *([] if label is None else [label])]
        return self._items.where([each for each in labels if each], [each for each in not_of if each])

    def _rows_with(self, label: str) -> np.ndarray:
        """int64: those with a label. Whoever keeps class values has rows in memory, too."""
        return row_numbers(self._items.where([label]))

    def _rows(self, seen: Iterable[_Seen], unlike: Iterable[str], label: str | None) -> np.ndarray:
        """See `rows_showing`."""
        is_left = np.ones(len(self._items), bool)
        for each in seen:
            is_left &= each.shows
        for text in unlike:
            is_left &= ~self._seen(text).shows
        rows = np.flatnonzero(is_left)
        return rows if label is None else np.intersect1d(rows, self._rows_with(label))

    def _worths(self, classes: Sequence[int]) -> np.ndarray:
        total = np.zeros(len(self._items), np.float32)
        if self._bits is None:
            return total
        # NumPy turns float16 into float32 one by one, which takes nearly all of a query by a word of many classes. The bits
        # of one, moved to the places of the other, are 2 ** -112 of its value; sums are exact as before.
        bits = np.empty(len(total), np.uint32)
        values = bits.view(np.float32)
        for index in classes:
            np.left_shift(self._bits[index], 13, out=bits, dtype=np.uint32)
            total += values
        total *= np.float32(2.0**112)
        return np.minimum(total, 1.0, out=total)


@dataclass(frozen=True)
class _Seen:
    """What a word says of each picture.

    Attributes:
        worths: float32 (n,), see `Words.worths`.
        is_labelled: bool (n,): whether the word is its label.
        least: See `Meaning.least_worth`.
    """

    worths: np.ndarray
    is_labelled: np.ndarray
    least: float

    @property
    def shows(self) -> np.ndarray:
        """bool (n,), see `Words.shows`."""
        return self.is_labelled | (self.worths >= self.least)


def _unknown(text: str, *, has_classes: bool) -> UnknownWordError:
    quoted = text[:_MOST_QUOTED]
    if not has_classes:
        return UnknownWordError(
            f"The words of this collection are its labels, and {quoted!r} is none of them.",
            hint="python -m imgsearch update NAME adds words, where the weights of a network have a classifier.",
        )
    near = suggest(text, _N_SUGGESTED)
    hint = f"Did you mean {', '.join(near)}?" if near else "Ask for a kind of thing, such as an animal, or with a picture."
    return UnknownWordError(f"{quoted!r} is not a word that this network learned.", hint=hint)
