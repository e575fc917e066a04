"""An answer: what was found, what was asked, and how it is handed on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imgsearch.embedding.embedders import Embedded
from imgsearch.pictures.items import Item
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.notebook import cards_html
from imgsearch.retrieval.objects import Objects
from imgsearch.vectors.calibration import Verdict


@dataclass(frozen=True)
class SearchResult:
    """One answer.

    Attributes:
        rank: 1 for the first.
        row, item: Which item it is.
        distance: Angular distance to the query in [0, 2]; smaller is closer. Whatever the order is by, this is the plain
            distance. None where words alone are asked with.
        similarity: Cosine in [-1, 1]; larger is closer. None where there is no distance.
        rank_before: Its rank by plain distance, without re-ranking and feedback; None where it became a candidate only
            by feedback, and where words alone are asked with.
        is_copy: Its file is that of a query item, byte for byte.
        percentile: Per cent of the pairs of items of the collection that are nearer to each other than it is to the query.
            None where there is no distance.
        is_same_label: Whether its label is the one that the query's items share; None where one of the two is not known.
        p_same_label: Share of the results at such a distance that have the label of what is asked with, by calibration.
            None where that label is known, for parts, several pictures and a foreign one, and where labels are too few.
        worth: How much it looks like what the words mean, in [0, 1], 1 where it is labelled with them; None where words
            alone are not what is asked with. See `words`.
    """

    rank: int
    row: int
    item: Item
    distance: float | None = None
    similarity: float | None = None
    rank_before: int | None = None
    is_copy: bool = False
    percentile: float | None = None
    is_same_label: bool | None = None
    p_same_label: float | None = None
    worth: float | None = None

    @property
    def nearness(self) -> float:
        """What a bar shows, in [0, 1]: the worth, where words are asked with; else of the percentile a third for each
        factor of ten.

        0 where all pairs are nearer, 1/3 where one in ten is, 2/3 for one in a hundred, 1 from one in a thousand on.
        Results are among the nearest few per cent, so that a share as such would fill nearly all of every bar.
        """
        if self.percentile is None:
            return self.worth or 0.0
        return min(1.0, -math.log10(max(self.percentile / 100, 0.001)) / 3)

    @property
    def number(self) -> str:
        """What is written on it: the distance to three decimals; of words alone the worth in per cent."""
        if self.distance is not None:
            return f"{self.distance:.3f}"
        return "100%" if self.worth == 1 else f"{min(self.worth or 0, 0.99):.0%}"  # what is not certain is not written so

    @property
    def nearer_than(self) -> float | None:
        """Per cent of the pairs of items of the collection that are not nearer than it is to the query, to be read.

        Whole numbers; a decimal where it matters, above 99; and never all of them. None where there is no distance.
        """
        if self.percentile is None:
            return None
        share = 100 - self.percentile
        return min(round(share, 1), 99.9) if share > 99 else round(share)

    def to_json(self) -> dict[str, Any]:
        """The result as a flat JSON object."""
        return {
            "rank": self.rank,
            "rank_before": self.rank_before,
            "row": self.row,
            "item_id": self.item.item_id,
            "label": self.item.label,
            "distance": _rounded(self.distance, 6),
            "similarity": _rounded(self.similarity, 6),
            "is_copy": self.is_copy,
            "percentile": _rounded(self.percentile, 3),
            "is_same_label": self.is_same_label,
            "p_same_label": _rounded(self.p_same_label, 4),
            "worth": _rounded(self.worth, 4),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


@dataclass(frozen=True)
class SearchPage:
    """The answer to a query.

    Attributes:
        space: Name of the space it comes from; "" where labels alone answer words.
        results: Best first: by distance, ties by row, unless `rerank` or feedback gave another order.
        query_items: The items asked with as a whole.
        part_of: The item a region of which is asked with, or None.
        pictures: What came from outside, and of an item its region, as they were embedded; with previews where those were
            wanted.
        rerank: Name of the re-ranking, "" for none.
        verdict: Whether the collection holds anything like the query; None where it holds nothing else, and in a space of
            descriptors, which cannot tell.
        objects: What was found in the query picture, where that was asked for; `ask.region` is then what was chosen.
        n_shown: How many items show what the words mean that alone are asked with, whatever k is; None where there is more
            to the question.
        n_candidates: Items whose distance, or worth, was computed.
        n_copies: Near-copies that were left out, where that was asked for.
        timings_ms: What each step took, ms, which adds up to the whole: for pictures "decode" and "embed", where objects
            were to be found "find", then "search" and, where there was one, "rerank".
        ask: What was asked, for asking on (see `ann_recall_at_k`); None in a page made by hand.
        vectors: float32 (number of things asked with, dim): what each is in the space; items first.
        thumbnail: Item -> the content of its thumbnail, for a notebook; None in a page made by hand.
    """

    space: str
    results: tuple[SearchResult, ...]
    query_items: tuple[Item, ...] = ()
    part_of: Item | None = None
    pictures: tuple[Embedded, ...] = field(default=(), repr=False)
    rerank: str = ""
    verdict: Verdict | None = None
    objects: Objects | None = None
    n_shown: int | None = None
    n_candidates: int = 0
    n_copies: int = 0
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    ask: Ask | None = field(default=None, repr=False, compare=False)
    vectors: np.ndarray | None = field(default=None, repr=False, compare=False)
    thumbnail: Callable[[Item], bytes] | None = field(default=None, repr=False, compare=False)

    @property
    def foreign(self) -> Verdict | None:
        """The verdict that nothing is like what came from outside; else None. What is in the collection is like itself."""
        is_from_outside = not (self.query_items or self.part_of)
        return self.verdict if self.verdict and self.verdict.is_foreign and is_from_outside else None

    @property
    def part(self) -> Region | None:
        """The part that was asked with; None for the whole, and in a page made by hand."""
        return self.ask.part if self.ask else None

    def _repr_html_(self) -> str | None:
        """What a notebook shows: the query and the results as cards."""
        if self.thumbnail is None:
            return None
        cards = [(item, "query") for item in self.query_items]
        cards += [(result.item, f"{result.rank}. {result.number}") for result in self.results]
        return cards_html(cards, self.thumbnail)

    def to_pandas(self) -> Any:
        """The results as a pandas.DataFrame: a row each, in their order, with the names of `SearchResult.to_json`."""
        import pandas

        return pandas.DataFrame([result.to_json() for result in self.results])

    def to_json(self) -> dict[str, Any]:
        """The page as a JSON object, results as flat objects."""
        return {
            "space": self.space,
            "words": list(self.ask.words) if self.ask else [],
            "not_words": list(self.ask.not_words) if self.ask else [],
            "query_item_ids": [item.item_id for item in self.query_items],
            "region": str(self.part) if self.part else None,
            "objects": self.objects.to_json() if self.objects else None,
            "rerank": self.rerank,
            "is_foreign": self.verdict.is_foreign if self.verdict else None,
            "n_shown": self.n_shown,
            "n_candidates": self.n_candidates,
            "n_copies": self.n_copies,
            "timings_ms": {step: round(ms, 2) for step, ms in self.timings_ms.items()},
            "results": [result.to_json() for result in self.results],
        }
