"""What the address asks for, checked against what there is. Every value of an address is anybody's text."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.distance import MAX_DISTANCE
from imgsearch.embedding.embedders import Source
from imgsearch.errors import ImgSearchError, UnknownWordError
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import AUTO, MAX_WORDS, Ask
from imgsearch.retrieval.rerank import default_reranking, rerankings_of
from imgsearch.ui.server.limits import MAX_QUERY_PICTURES
from imgsearch.ui.state import address, session
from imgsearch.ui.texts import LANGUAGES
from imgsearch.vectors.engines.face import Effort

SEARCH = "search"
"""Name of the view of an empty address."""
MAX_PAGE_K = 60
DEFAULT_K = 12  # fills whole rows of 2, 3, 4, 6 and 12, the columns that a grid may have
GALLERY_PAGE_SIZE = 24
MAX_JUDGED = 20
MAX_KEPT = 200
MAX_GROUP_PAGES = 9999
MAX_WORD = 200
"""Characters: labels may be longer than words, and every link of a page holds them."""
ALL_LABELS = ""
WHOLE: Literal["whole"] = "whole"
"""The region of an address that asks for the whole of a picture from outside, which is else looked through for objects."""
NO_RERANKING = "none"
"""Asks for the order of the distances where a re-ranking is the default."""


@dataclass(frozen=True)
class Frame:
    """What can be read of an address before its collection is open.

    Attributes:
        name: The view.
        collection: Name of the collection.
        params: The parameters that links carry on: what was good and is not the default.
        notes: What in the address could not be used, in Markdown.
    """

    name: str
    collection: str
    params: dict[str, list[str]]
    notes: tuple[str, ...]

    def link(self, **changes: address.Value) -> str:
        """An address like this one with some parameters changed: `view.link(k=5)`."""
        return address.link(self.params, **changes)

    def search_link(self, view: str | None = None, **pictures: address.Value) -> str:
        """An address that searches with something else and leaves the rest as it is: `view.search_link(item="cat.jpg")`.

        Args:
            view: Name of the view that it leads to; None for Search.
            pictures: What is searched with instead.
        """
        return address.link(self.params, view=view, **{**dict.fromkeys(address.OF_A_QUERY), **pictures})

    def words_link(self, *words: str) -> str:
        """An address that searches with words alone and leaves the rest as it is."""
        changes = {**dict.fromkeys((*address.OF_A_QUERY, *address.WORDS)), "words": words}
        return address.link(self.params, view=None, **changes)


@dataclass(frozen=True)
class View(Frame):
    """What the address asks for.

    Attributes:
        ask: The search, its pictures and label among it.
        uploads: Ids of the uploads that are searched with.
        example: Name of the example query that is searched with, alone; None for none. Without
            any picture, the words of `ask` are searched with.
        space2: The space that Compare sets beside the query's; None where the collection has only one.
        browse: Only gallery pictures with this label; "" for all.
        page: Page of the gallery, from 1.
        keep: Item ids of pictures that are to be kept in place of those that Duplicates proposes.
        group_page: Page of Duplicates, from 1.
        why: Item id of the result whose likeness is asked about, or None. No link carries it on.
    """

    ask: Ask
    uploads: tuple[str, ...]
    example: str | None
    space2: str | None
    browse: str
    page: int
    keep: tuple[str, ...]
    group_page: int
    why: str | None

    @property
    def space(self) -> str:
        """Name of the space that is searched."""
        assert self.ask.space is not None  # whoever reads the address names one
        return self.ask.space

    def search_link(self, view: str | None = None, **pictures: address.Value) -> str:
        """See `Frame.search_link`. Words that are asked with alone are what is searched with before, and are left."""
        left = dict.fromkeys(address.WORDS) if self.ask.is_by_words else {}
        return super().search_link(view, **{**left, **pictures})


def read_frame(views: Names[str], collections: list[str]) -> Frame:
    """Reads language, view and collection.

    Args:
        views: Names of the views that there are.
        collections: Names of the collections, at least one; the first is the default.
    """
    reader = address.Reader()
    reader.one("lang", address.choice(LANGUAGES), None)  # `texts.language` reads it; here it is kept for links
    name = reader.one("view", address.choice(views), SEARCH)
    # A name that is nobody's any more is no slip of who follows the link.
    was_own = SESSION_NAME.fullmatch(reader.asked("collection")) and reader.asked("collection") not in collections
    if was_own:
        reader.note("note.own_collection", default=collections[0])
    collection = reader.one("collection", address.choice(collections), collections[0], is_noted=not was_own)
    return Frame(name, collection, reader.params, tuple(reader.notes))


def read_view(frame: Frame, collection: OpenedCollection, examples: Mapping[str, Path]) -> View:
    """Reads the rest; whatever is nonsense becomes the default, with a note.

    Args:
        frame: What has been read already.
        collection: The one that the frame names.
        examples: The example queries that there are, by name.
    """
    reader = address.Reader(frame.params, frame.notes)
    labels = collection.items.label_counts
    items, uploads, example = _read_pictures(reader, collection, examples)
    space = reader.one("space", address.choice(collection.spaces), collection.default_space)
    held = [examples[example]] if example else [session.upload_bytes(upload) for upload in uploads]
    ask = _read_ask(reader, collection, space, items, tuple(held))
    browse = reader.one("browse", address.choice(labels), ALL_LABELS, is_noted=False)
    n_browsed = labels[browse] if browse else len(collection.items)
    page = reader.one("page", address.whole_number(1, -(-n_browsed // GALLERY_PAGE_SIZE)), 1, is_noted=False)
    others = [name for name in collection.spaces if name != space]
    # What a CNN is compared with is a descriptor, where there is one.
    others.sort(key=lambda name: not collection.spaces[name].spec.is_descriptor)
    space2 = reader.one("space2", address.choice(others), others[0] if others else None)
    keep = reader.many("keep", collection.items.find, most=MAX_KEPT, too_many="note.too_many_kept")
    group_page = reader.one("group_page", address.whole_number(1, MAX_GROUP_PAGES), 1, is_noted=False)
    why = reader.one("why", collection.items.find, None)
    reader.params.pop("why", None)
    return View(
        frame.name,
        frame.collection,
        reader.params,
        tuple(reader.notes),
        ask=ask,
        uploads=uploads,
        example=example,
        space2=space2,
        browse=browse,
        page=page,
        keep=keep,
        group_page=group_page,
        why=why,
    )


def _read_ask(
    reader: address.Reader, collection: OpenedCollection, space: str, items: tuple[str, ...], pictures: tuple[Source, ...]
) -> Ask:
    default = default_reranking(collection.space(space)) or NO_RERANKING
    rerank = reader.one("rerank", address.choice((NO_RERANKING, *rerankings_of(collection.space(space)))), default)
    known = partial(_known_word, collection)
    plain = Ask(
        items=items,
        pictures=pictures,
        # Alone they are the question, which gets an answer whether they are known or not.
        words=reader.many("words", known if items or pictures else _word, most=MAX_WORDS, too_many="note.too_many_words"),
        not_words=reader.many("not", known, most=MAX_WORDS, too_many="note.too_many_words"),
        space=space,
        k=reader.one("k", address.whole_number(1, MAX_PAGE_K), DEFAULT_K, most=MAX_PAGE_K),
        label=reader.one("label", address.choice(collection.items.label_counts), None),
    )
    # Of words alone there are no distances, and nothing that changes them: links keep it for the next picture.
    max_distance = reader.one("max_distance", address.decimal(0, MAX_DISTANCE), None, most=f"{MAX_DISTANCE:g}")
    without_copies = reader.one("without_copies", {"1": True}.get, False, is_noted=False)
    effort = Effort(reader.one("effort", address.choice(Effort), str(Effort.NORMAL)))
    if plain.is_by_words:
        return plain
    asked_region = reader.one("region", _region, None)
    if asked_region and len(items) + len(pictures) > 1:
        reader.drop("region", note="note.region_of_many")
        asked_region = None
    # Of a picture from outside nobody knows what is in it; what is in the collection is mostly a picture of one thing.
    is_to_find = len(pictures) == 1 and not items and collection.space(space).calibration.has_verdict
    region = asked_region or (AUTO if is_to_find else None)
    liked = reader.many("liked", collection.items.find, most=MAX_JUDGED)
    disliked = reader.many("disliked", collection.items.find, most=MAX_JUDGED)
    return replace(
        plain,
        region=None if region == WHOLE else region,
        liked=liked,
        disliked=tuple(item for item in disliked if item not in liked),
        max_distance=max_distance,
        without_copies=without_copies,
        rerank="" if rerank == NO_RERANKING else rerank,
        effort=effort,
    )


def _read_pictures(
    reader: address.Reader, collection: OpenedCollection, examples: Names[str]
) -> tuple[tuple[str, ...], tuple[str, ...], str | None]:
    items = reader.many("item", collection.items.find, most=MAX_QUERY_PICTURES)
    uploads = reader.many("upload", lambda each: each if session.has_upload(each) else None, most=MAX_QUERY_PICTURES)
    if items or uploads:
        return items, uploads, None
    example = reader.one("example", address.choice(examples), None)
    if example:
        return (), (), example
    if any(map(_word, reader.all("words"))):
        return (), (), None
    return (collection.typical_item,), (), None


def _word(text: str) -> str | None:
    """A word as it is asked for, whether it is known or not."""
    text = text.strip()
    return text if 0 < len(text) <= MAX_WORD else None


def _known_word(collection: OpenedCollection, text: str) -> str | None:
    """A word that the collection can be asked for."""
    word = _word(text)
    try:
        return word and collection.words.meaning(word).text
    except UnknownWordError:
        return None


def _region(text: str) -> Region | Literal["auto", "whole"] | None:
    if text == AUTO:
        return AUTO
    if text == WHOLE:
        return WHOLE
    try:
        return Region.parse(text)
    except ImgSearchError:
        return None
