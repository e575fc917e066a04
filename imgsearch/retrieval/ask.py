"""The question: what is asked with, and how. The address, the command line and Python each say it with this."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from imgsearch.distance import MAX_DISTANCE
from imgsearch.embedding.embedders import Source
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.pictures.gallery import Gallery
from imgsearch.pictures.items import Item
from imgsearch.pictures.regions import Region
from imgsearch.pictures.rgb import to_rgb
from imgsearch.retrieval.rerank import RERANKINGS
from imgsearch.settings import DEFAULT_K, MAX_K
from imgsearch.vectors.engines.face import Effort

PictureLike = str | Path | bytes | np.ndarray | Image.Image
"""A picture as people have it: the path of a file, its content, uint8 (height, width, 3) upright RGB, or Pillow's."""
What = PictureLike | Integral | int
"""What is asked with. Text is the id of an item, where there is one of that name, else the path of a picture file, else a
row; a number is a row."""
AUTO: Literal["auto"] = "auto"
"""Asks for the region to be found, see `objects`."""
MAX_WORDS = 5
"""Taken of each kind."""
_ROW = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ask:
    """What is asked, with at least one item, picture, embedding or word; several pictures are asked with as one, see
    `joint_query`.

    Attributes:
        items: Ids of items of the gallery. They are left out of the answer, by row and not by distance.
        pictures: Pictures from outside.
        embeddings: float32 (m, dim), each of length 1: vectors of the space, or of its embedder.
        words: What the results are to show, each word a label or what a network learned, see `words`. Alone, they are
            ordered by how much they look like it; with a picture, by distance among those that show it.
        not_words: What they must not show. Not alone.
        region: The part of the one item or picture that is asked with. Of an item it is cut from the thumbnail and
            embedded; the item is left out all the same. AUTO: the part that is clearly nearer than the whole, if there is
            one, see `objects`. Defaults to the whole.
        space: Name of the space to search. Defaults to the collection's first one.
        k: Results wanted, 1 to 200. Fewer come back from a smaller gallery.
        label: Only items with this label. Defaults to all.
        max_distance: Only items at most this far from the query, in [0, 2]. Defaults to all.
        liked, disliked: Ids of items that the answer should be more like, and less like: see `expansion.rocchio`. They
            change the order, not the distances shown. The disliked ones are left out.
        without_copies: Whether near-copies are left out: of what is asked with, and of results before them. See `copies`.
        rerank: A name of `rerank.RERANKINGS`, "" for the order of the distances.
        effort: How hard the engine looks.

    Example:
        >>> question = Ask(items="red/1.png", disliked="red/0.png", k=2)
        >>> discs = Collection.open("discs")
        >>> page = discs.search(question)
        >>> [result.item.item_id for result in page.results]
        ['red/2.png', 'red/3.png']
    """

    items: tuple[str, ...] = ()
    pictures: tuple[Source, ...] = ()
    embeddings: np.ndarray | None = None
    words: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    region: Region | Literal["auto"] | None = None
    space: str | None = None
    k: int = DEFAULT_K
    label: str | None = None
    max_distance: float | None = None
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    without_copies: bool = False
    rerank: str = ""
    effort: Effort = Effort.NORMAL

    def __post_init__(self) -> None:
        for name in ("items", "words", "not_words", "liked", "disliked"):  # one, a list or a tuple, as people write them
            names = getattr(self, name)
            object.__setattr__(self, name, (names,) if isinstance(names, str) else tuple(names))
        if self.effort not in set(Effort):
            raise InvalidQueryError(f"An effort must be one of {', '.join(Effort)}. Received: {self.effort!r}.")
        object.__setattr__(self, "effort", Effort(self.effort))
        n_embeddings = 0 if self.embeddings is None else len(self.embeddings)
        if not (self.region is None or self.region == AUTO or isinstance(self.region, Region)):
            raise InvalidQueryError(f"A region must be a Region, {AUTO!r} or None. Received: {self.region!r}.")
        if self.region and (n_embeddings or len(self.items) + len(self.pictures) != 1):
            raise InvalidQueryError("A region belongs to exactly one item, row or picture.")
        if max(len(self.words), len(self.not_words)) > MAX_WORDS:
            raise InvalidQueryError(f"A search takes at most {MAX_WORDS} words, and {MAX_WORDS} that are not to be shown.")
        if not (self.items or self.pictures or n_embeddings):
            self._check_words_alone()
        if not 1 <= self.k <= MAX_K:
            raise InvalidQueryError(f"k must be between 1 and {MAX_K}. Received: k={self.k}.")
        if self.max_distance is not None and not 0 <= self.max_distance <= MAX_DISTANCE:
            raise InvalidQueryError(f"max_distance must be between 0 and {MAX_DISTANCE:g}. Received: {self.max_distance}.")
        if self.rerank and self.rerank not in RERANKINGS:
            raise InvalidQueryError(f"A re-ranking must be one of {', '.join(RERANKINGS)}. Received: {self.rerank!r}.")

    def _check_words_alone(self) -> None:
        if not self.words:
            raise InvalidQueryError("A search needs an item_id, a row, a picture, an embedding or words.")
        given = [name for name in ("liked", "disliked", "region", "without_copies", "rerank") if getattr(self, name)]
        given += [] if self.max_distance is None else ["max_distance"]
        if given:
            raise InvalidQueryError(f"Words alone have no distances, which {' and '.join(given)} would change.")

    @property
    def is_by_words(self) -> bool:
        """Whether words alone are asked with."""
        return not (self.items or self.pictures or (self.embeddings is not None and len(self.embeddings)))

    @property
    def part(self) -> Region | None:
        """The part that is asked with, once it is found if it was to be: None for the whole."""
        assert self.region != AUTO
        return self.region

    @property
    def whole_items(self) -> tuple[str, ...]:
        """The items that are asked with as they are stored: all, or none where there is a region."""
        return () if self.part else self.items


def sort_out(what: Iterable[object], items: Gallery) -> tuple[list[str], list[Source]]:
    """What each is, see `What`: the ids of items, and pictures from outside, each in the order given.

    Raises:
        ItemNotFoundError: it is neither an item of the gallery, nor a file, nor a row.
        InvalidQueryError: see `as_source`.
    """
    item_ids: list[str] = []
    pictures: list[Source] = []
    for each in what:
        if isinstance(each, Integral | int):
            item_ids.append(_at(items, int(each)).item_id)
        elif not isinstance(each, str):
            pictures.append(as_source(each))
        elif items.find(each):
            item_ids.append(each)
        elif os.path.isfile(os.path.expanduser(each)):
            pictures.append(as_source(each))
        elif _ROW.fullmatch(each):
            item_ids.append(_at(items, int(each)).item_id)
        else:
            (first,) = items.page(None, 0, 1)
            raise ItemNotFoundError(
                f"{each!r} is neither an item of the collection, nor a file, nor a row number.",
                hint=f"The first of its {len(items):,} items is {first.item_id!r}, in row {items.row_of(first.item_id)}.",
            )
    return item_ids, pictures


def _at(items: Gallery, row: int) -> Item:
    (item,) = items.at([row])
    return item


def as_source(picture: object) -> Source:
    """A picture, see `PictureLike`, as embedders take it.

    Raises:
        InvalidQueryError: it is no picture: an array of another shape or kind, or something else.
    """
    if isinstance(picture, str):
        return Path(os.path.expanduser(picture))
    if isinstance(picture, Image.Image):
        return to_rgb(ImageOps.exif_transpose(picture), 1)
    if isinstance(picture, np.ndarray):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise InvalidQueryError(
                "An array must be a picture, uint8 of shape (height, width, 3). "
                f"Received: {picture.dtype} of shape {picture.shape}."
            )
        return picture
    if isinstance(picture, Path | bytes):
        return picture
    raise InvalidQueryError(
        f"A picture must be a path, bytes, an array or a Pillow image. Received: {type(picture).__name__}."
    )
