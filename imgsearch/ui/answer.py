"""The one call behind every view that searches: the address's query -> an answer, pictures embedded on the way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.embedding.embedders import Source
from imgsearch.errors import ImageError, ImgSearchError
from imgsearch.pictures.items import Item, shared_label, short_name
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import AUTO, Ask
from imgsearch.retrieval.results import SearchPage
from imgsearch.ui import state
from imgsearch.ui.parts.addresses import thumbnail_url
from imgsearch.ui.parts.messages import show_error
from imgsearch.ui.server.internals import DeltaGenerator
from imgsearch.ui.server.looking import Found, VisitorEmbedders, count_look, found_before, keep_found
from imgsearch.ui.server.query_log import log_query
from imgsearch.ui.state import View
from imgsearch.ui.texts import error_words, t
from imgsearch.ui.texts.markdown import escape

_MAX_NAME = 64


@dataclass(frozen=True)
class QueryPicture:
    """One of the pictures that are searched with: an item, or an upload or example.

    Attributes:
        name: What to call it.
        width, height: Size of the original, px.
        item: The item; None for an upload or example.
        url: Of an item's thumbnail; "" for an upload or example.
        content: Preview of an upload or example, a JPEG; b"" for an item.
    """

    name: str
    width: int
    height: int
    item: Item | None = None
    url: str = ""
    content: bytes = b""

    @property
    def shown(self) -> str | bytes:
        """The whole picture, as `st.image` takes it."""
        return self.url or self.content


@dataclass(frozen=True, eq=False)
class Answer:
    """What a query gave.

    Attributes:
        page: The results.
        asked: What was searched with: items, then uploads or an example.
        found: What was found in the picture before; None where it was not, or not to be, looked for.
    """

    page: SearchPage
    asked: tuple[QueryPicture, ...]
    found: Found | None = None

    @property
    def part(self) -> Region | None:
        """The part that was searched with; None for the whole."""
        return self.page.part

    @property
    def vectors(self) -> np.ndarray:
        """float32 (number of pictures asked with, dim of the space): what each of them, or its region, is in the space."""
        assert self.page.vectors is not None  # a search gives them
        return self.page.vectors

    @property
    def pictures(self) -> list[str | bytes]:
        """What was searched with, to show."""
        return [picture.shown for picture in self.asked]

    @property
    def items(self) -> tuple[Item, ...]:
        """Those of them that are items."""
        return tuple(picture.item for picture in self.asked if picture.item)

    @property
    def caption(self) -> str:
        """The query in words."""
        return caption(self.asked) if self.asked else ", ".join(self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """The words that alone are searched with; none where there is a picture."""
        ask = self.page.ask
        return ask.words if ask and ask.is_by_words else ()

    @property
    def is_foreign(self) -> bool:
        """Whether nothing in the collection is like what came from outside. What is in the collection is like itself."""
        return self.page.foreign is not None

    @property
    def query_label(self) -> str:
        """The label that all items of the query share, or ""."""
        return shared_label(self.items)


def answer_to(
    collection: OpenedCollection, view: View, ask: Ask | None = None, *, waiting: DeltaGenerator | None = None
) -> Answer | None:
    """Searches; what goes wrong is said on the page, and None comes back.

    Where some of several pictures cannot be used, the address is left with the others, those are searched with, and a note
    says which it was: this run ends.

    Args:
        collection: Where to search.
        view: What the address asks for.
        ask: What to ask instead, with the same pictures.
        waiting: Where to show that a picture is being looked at. Defaults to here.
    """
    ask = ask or view.ask
    found = found_in(collection, view)
    ask = replace(ask, region=part_to_ask(view, found))
    has_to_look = bool(ask.pictures or ask.region)  # stored vectors need no worker
    try:
        with waiting or nullcontext(), st.spinner(t("search.looking"), show_time=True) if has_to_look else nullcontext():
            page, unusable = _search(collection, ask)
    except ImgSearchError as exc:
        show_error(exc)
        return None
    uploads = dict(zip(view.ask.pictures, view.uploads, strict=False))  # none where an example is searched with
    reasons = {uploads.get(source, ""): _reason(uploads.get(source, ""), error) for source, error in unusable.items()}
    if page is None:
        for reason in reasons.values():
            st.error(reason, icon=":material/error:")
        return None
    if reasons:
        for upload, reason in reasons.items():
            state.leave_note(reason)
            state.forget_upload(upload)
        state.go(upload=[upload for upload in view.uploads if upload not in reasons])
        st.rerun()
    log_query(collection.name, page)
    name = t("search.example" if view.example else "search.your_picture")
    outside = () if page.part_of else page.pictures
    asked = [QueryPicture(name, each.width, each.height, content=each.preview) for each in outside]
    return Answer(page, (*asked_items(collection, ask), *asked), found)


def found_in(collection: OpenedCollection, view: View) -> Found | None:
    """What was found in the query picture before, by the view's space; None where nobody has looked."""
    return found_before(_key(collection, view))


def part_to_ask(view: View, found: Found | None) -> Region | None:
    """The part that the view asks with; where it is to be found, the whole until it is."""
    if view.ask.region == AUTO:
        return found.objects.chosen if found else None
    return view.ask.region


def _key(collection: OpenedCollection, view: View) -> Hashable:
    # Of uploads only the hash, as in `VisitorEmbedders`: they are forgotten before this.
    return collection.name, collection.updated, view.space, view.ask.items, tuple(map(hash, view.ask.pictures))


def find_objects(collection: OpenedCollection, view: View, answer: Answer, say: Callable[[str], object]) -> None:
    """Looks for objects in the query picture where that is to be done, once the answer to all of it is on the screen.

    Where parts are found, the page is drawn anew with them. It ends when the visitor goes on.

    Args:
        collection, view: What was searched.
        answer: The answer, to the whole picture.
        say: Shows in words how that goes.
    """
    if view.ask.region != AUTO or answer.found:
        return
    looking = VisitorEmbedders(before=lambda: say(t("objects.looking")))
    try:
        count_look()
        objects = collection.find_objects(answer.page, looking)
    except ImgSearchError as exc:
        say(t("objects.failed", reason=error_words(exc)))
        return
    keep_found(_key(collection, view), Found(objects, answer.is_foreign))
    st.rerun()


def _search(collection: OpenedCollection, ask: Ask) -> tuple[SearchPage | None, Mapping[Source, ImageError]]:
    """The answer for those pictures that can be used, None where there is none, and what is wrong with the others."""
    embedders = VisitorEmbedders()
    while True:
        try:
            page = collection.search(ask, embedders=embedders, previews=True)
            return page, dict(embedders.unusable)
        except ImageError:
            unusable = [source for source, _ in embedders.unusable]
            rest = tuple(each for each in ask.pictures if each not in unusable)
            if not (rest or ask.whole_items):
                return None, dict(embedders.unusable)
            ask = replace(ask, pictures=rest)


def _reason(upload: str, error: ImageError) -> str:
    name = state.upload_name(upload) if upload else ""
    return t("search.unusable", name=escape(name[-_MAX_NAME:]), reason=error_words(error)) if name else error_words(error)


def asked_items(collection: OpenedCollection, ask: Ask) -> tuple[QueryPicture, ...]:
    """The items of a query, which are known before there is an answer."""
    items = map(collection.item, ask.items)
    return tuple(
        QueryPicture(short_name(item), item.width, item.height, item, thumbnail_url(collection.name, item))
        for item in items
    )


def caption(asked: Sequence[QueryPicture]) -> str:
    """What is searched with, in words."""
    return t("search.several", n=len(asked)) if len(asked) > 1 else asked[0].name
