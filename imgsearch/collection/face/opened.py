"""A collection that is open, wherever it lies: what it is, and its answers."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from numbers import Integral
from typing import Any

import numpy as np

from imgsearch.collection.face.description import Described
from imgsearch.embedding import runtime
from imgsearch.embedding.classifier import Classifier
from imgsearch.embedding.embedders import Embedders, Wanted, embed_all
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.networks import needs_tensorflow
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.items import Item
from imgsearch.retrieval.ask import AUTO, Ask, PictureLike, What, as_source, sort_out
from imgsearch.retrieval.copies import Looks
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.retrieval.objects import Objects, find_objects
from imgsearch.retrieval.results import SearchPage
from imgsearch.retrieval.same_picture import Look, Small
from imgsearch.retrieval.search import search
from imgsearch.retrieval.words import Words
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.space import OpenedSpace

_N_SMALL = 2048
"""Pictures of a collection whose copies were looked for that are kept small, 3 KB each."""


class OpenedCollection(Described):
    """What `Collection`, in files, and `ServedCollection`, on a server, have in common. Immutable."""

    @property
    @abstractmethod
    def spaces(self) -> Mapping[str, OpenedSpace]:
        """What the items are searched in, by name; the first is the default."""

    @property
    @abstractmethod
    def evaluation(self) -> tuple[Evaluation, ...]:
        """What was measured of its answers, one for each space and re-ranking; empty where nothing was."""

    @property
    @abstractmethod
    def typical_item(self) -> str:
        """Id of the item to ask with where nobody has chosen one, see `typical.typical_row`."""

    @property
    def default_space(self) -> str:
        """Name of the space that is searched unless another is named: the first that was built."""
        return next(iter(self.spaces))

    @property
    def word_space(self) -> OpenedSpace | None:
        """The space that is asked for words: the default one if it has class values, else the first that has."""
        return next((space for space in self.spaces.values() if space.class_values is not None), None)

    @property
    def exact_spaces(self) -> list[str]:
        """Names of the spaces that are searched by comparing with every picture, since they have no index for here."""
        engines = {name: entry.engine for name, entry in self.description.spaces.items()}
        return [name for name, space in self.spaces.items() if space.index.is_exact and not ENGINES[engines[name]].is_exact]

    @cached_property
    def classifiers(self) -> dict[EmbedderSpec, Classifier]:
        """What tells classes from embeddings, by plain embedder at full precision, for others of the same."""
        spaces = self.spaces.values()
        return {space.spec.for_queries().plain: space.classifier for space in spaces if space.classifier}

    def space(self, name: str | None = None) -> OpenedSpace:
        """A space by name, or the default one.

        Raises:
            ItemNotFoundError: there is no such space.
        """
        name = self.default_space if name is None else name
        if name not in self.spaces:
            raise ItemNotFoundError(f"A space must be one of {', '.join(self.spaces)}. Received: {name!r}.")
        return self.spaces[name]

    def item(self, item_id: str) -> Item:
        """An item by its name, as `Gallery.find` takes it.

        Raises:
            ItemNotFoundError: there is none of that name.
        """
        (item,) = self.items.at([self.items.row_of(item_id)])
        return item

    def search(
        self,
        *what: Ask | What,
        item_id: str | Sequence[str] = (),
        row: Integral | int | Sequence[Integral | int] = (),
        picture: PictureLike | Sequence[PictureLike] = (),
        embedding: np.ndarray | None = None,
        embedders: Embedders | None = None,
        previews: bool = False,
        **options: Any,
    ) -> SearchPage:
        """Nearest items to what is asked with; nearest first, unless another order is asked for.

        Items, rows, pictures and embeddings may be mixed, at least one in all; several are one joint query. An item or row
        of the gallery is answered from its stored embedding and runs no network, and so are words. The first picture loads
        the space's backbone into this process, which is then kept.

        Example:
            >>> discs = Collection.open("discs")
            >>> def found(page): return [result.item.item_id for result in page.results]
            >>> found(discs.search("red/1.png", k=2))
            ['red/0.png', 'red/2.png']
            >>> found(discs.search(0, k=2))  # by its row
            ['blue/1.png', 'blue/2.png']
            >>> found(discs.search("red/1.png", "blue/1.png", k=2))  # both together
            ['blue/0.png', 'red/0.png']
            >>> red = PIL.Image.new("RGB", (80, 60), (220, 40, 40))
            >>> found(discs.search(red, k=2, label="red"))
            ['red/3.png', 'red/2.png']
            >>> found(discs.search("red/3.png", region=Region(0.4, 0.4, 0.6, 0.6), k=1))
            ['red/2.png']
            >>> discs.search(red, region="auto", k=1).objects.chosen  # all of it is red: no part is nearer
            >>> discs.search(red, k=2).to_pandas()["label"].tolist()
            ['red', 'red']
            >>> found(discs.search(words="red", k=2))  # a label; or whatever a network with a classifier knows
            ['red/0.png', 'red/1.png']
            >>> found(discs.search("red/1.png", not_words="red", k=1))
            ['blue/0.png']

        Args:
            what: An `Ask` alone, or see `ask.What`; several are asked with as one.
            item_id, row, picture: The same, where it is to be clear what is meant; one or more of each.
            embedding: float32 (dim,) or (m, dim), each of length 1: vectors of the space, or of its embedder.
            embedders: Who looks at pictures. Defaults to this process, also where a package brought the network that runs
                then: hand in `WorkerEmbedders` for one that you do not trust.
            previews: Whether the answer is to hold previews of pictures from outside.
            options: How to search: the other fields of `Ask`.

        Raises:
            ItemNotFoundError: no such item, row, label or space.
            UnknownWordError: neither a label nor a word that a network here learned.
            InvalidQueryError: nothing to search with, an option out of range, an embedding that does not fit, or a region
                of several things.
            ImageError: a picture cannot be read.
            BackboneError, WorkerError: a picture cannot be embedded here.
        """
        ask = what[0] if len(what) == 1 and isinstance(what[0], Ask) else None
        items, pictures = sort_out(() if ask else what, self.items)
        items += [item_id] if isinstance(item_id, str) else item_id
        rows = [row] if isinstance(row, Integral | int) else row
        items += [item.item_id for item in self.items.at(map(int, rows))]
        pictures += map(as_source, [picture] if isinstance(picture, PictureLike) else picture)
        vectors = None if embedding is None else np.atleast_2d(embedding)
        if ask is None:
            ask = Ask(items=tuple(items), pictures=tuple(pictures), embeddings=vectors, **options)
        elif items or pictures or vectors is not None or options:
            raise TypeError("An Ask says all that is asked: give it alone, or `dataclasses.replace` some of it.")
        return self._answer(ask, embedders or self.embedders, previews)

    @cached_property
    def words(self) -> Words:
        """What can be asked for in words."""
        return Words(self.items, self.word_space)

    def find_objects(self, page: SearchPage, embedders: Embedders | None = None) -> Objects:
        """Looks for parts of a query picture that are clearly nearer than all of it: see `objects.find_objects`.

        Args:
            page: The answer to the whole of one item, or of one picture, with its preview.
            embedders: Who looks at it. Defaults to this process.

        Raises:
            InvalidQueryError: something else was asked.
            BackboneError, WorkerError: it cannot be looked at.
        """
        if len(page.query_items) + len(page.pictures) != 1 or page.vectors is None:
            raise InvalidQueryError("Objects can be found in exactly one item, row or picture.")
        asked = page.query_items[0] if page.query_items else page.pictures[0]
        # Small, and upright whatever it was: quick to send and to decode several times.
        picture = self.thumbnail(asked) if isinstance(asked, Item) else asked.preview
        left_out = [self.items.row_of(item.item_id) for item in page.query_items]
        space, size = self.space(page.space), (asked.width, asked.height)
        return find_objects(space, embedders or self.embedders, picture, size, page.vectors[0], left_out)

    def _answer(self, ask: Ask, embedders: Embedders, previews: bool) -> SearchPage:
        if ask.is_by_words:
            return replace(self.words.search(ask), thumbnail=self.thumbnail)
        if ask.region != AUTO:
            return self._answer_found(ask, embedders, previews)
        whole = self._answer_found(replace(ask, region=None), embedders, previews=True)
        started = time.perf_counter()
        objects = self.find_objects(whole, embedders)
        timings = {"find": (time.perf_counter() - started) * 1000}
        pages = [whole]
        if objects.chosen:
            pages.append(self._answer_found(replace(ask, region=objects.chosen), embedders, previews))
        for page in pages:
            for step, ms in page.timings_ms.items():
                timings[step] = timings.get(step, 0.0) + ms
        return replace(pages[-1], objects=objects, timings_ms=timings)

    def _answer_found(self, ask: Ask, embedders: Embedders, previews: bool) -> SearchPage:
        space = self.space(ask.space)
        outside = [] if ask.embeddings is None else [space.as_points(ask.embeddings)]
        sources = list(ask.pictures)
        if ask.part:
            sources += [self.thumbnail(self.item(item_id)) for item_id in ask.items]
        spec = space.spec.for_queries()
        has_previews = previews or ask.without_copies
        embedded = embed_all(embedders, [Wanted(each, [spec], ask.part, preview=has_previews) for each in sources])
        if embedded:
            outside.append(space.points(np.stack([picture.vectors[spec] for picture in embedded])))
        looks = None
        if ask.without_copies:
            shown = [decode_image(each.preview).pixels for each in embedded[: len(ask.pictures)]]
            looks = Looks(self._look, [Look.at(Small.of(pixels)) for pixels in shown])
        page = search(self.items, space, ask, np.concatenate(outside) if outside else None, looks, self.words)
        timings = {step: sum(each.timings_ms[step] for each in embedded) for step in ("decode", "embed") if embedded}
        return replace(
            page,
            pictures=tuple(embedded),
            timings_ms={**timings, **page.timings_ms},
            thumbnail=self.thumbnail,
        )

    def _look(self, row: int) -> Look:
        (item,) = self.items.at([row])
        return Look.at(self._small(item))

    @cached_property
    def _small(self) -> Callable[[Item], Small]:
        return lru_cache(_N_SMALL)(lambda item: Small.of(decode_image(self.thumbnail(item)).pixels))

    @cached_property
    def embedders(self) -> LocalEmbedders:
        """Who looks at pictures in this process; nothing is loaded before the first one."""
        return LocalEmbedders(self.home)


def tensorflow_notice(collection: OpenedCollection) -> tuple[str, str] | None:
    """Which spaces only TensorFlow can embed uploads for and why, and what to do about it; None where there is none."""
    spaces = collection.description.spaces.items()
    names = [name for name, entry in spaces if needs_tensorflow(entry.embedder, collection.home)]
    if not names:
        return None
    reason, hint = "Their networks are not here.", f"python -m imgsearch update {collection.name} adds them."
    if not runtime.is_available():
        reason, hint = "LiteRT is not installed.", "Install ai-edge-litert, where there is one for this system."
    return f"Uploads need TensorFlow: {', '.join(names)}. {reason}", hint


def exact_notice(collection: OpenedCollection) -> tuple[str, str] | None:
    """Which spaces are searched exactly and why, and what to do about it; None where each has an index that works here."""
    names = collection.exact_spaces
    if not names:
        return None
    faults = [ENGINES[collection.description.spaces[name].engine].fault() for name in names]
    fault = next(filter(None, faults), None)
    reason = fault.sentence if fault else "There is no index that works here."
    hint = f"Build or update gives an index; without the pictures: python -m imgsearch tune {collection.name} --apply"
    return f"Searched by comparing with every picture: {', '.join(names)}. {reason}", fault.hint if fault else hint
