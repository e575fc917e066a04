"""The one call behind every view that searches: the address's query -> an answer, pictures embedded on the way."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.embedding.worker.client import EmbeddedPicture
from imgsearch.errors import ImgSearchError
from imgsearch.pictures.items import Item, shared_label, short_name
from imgsearch.retrieval.search import SearchPage
from imgsearch.ui import resources, state
from imgsearch.ui.parts.addresses import thumbnail_url
from imgsearch.ui.parts.messages import show_error
from imgsearch.ui.server import looking
from imgsearch.ui.server.internals import DeltaGenerator
from imgsearch.ui.server.query_log import log_query
from imgsearch.ui.state import Query, View
from imgsearch.ui.texts import t


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
        vectors: float32 (number of those, dim of the space), what each of them, or its region, is in the space.
    """

    page: SearchPage
    asked: tuple[QueryPicture, ...]
    vectors: np.ndarray

    @property
    def pictures(self) -> list[str | bytes]:
        """What was searched with, to show."""
        return [picture.shown for picture in self.asked]

    @property
    def previews(self) -> list[bytes]:
        """Those of them that are no items."""
        return [picture.content for picture in self.asked if picture.content]

    @property
    def items(self) -> tuple[Item, ...]:
        """Those of them that are items."""
        return tuple(picture.item for picture in self.asked if picture.item)

    @property
    def caption(self) -> str:
        """The query in words."""
        return caption(self.asked)

    @property
    def is_foreign(self) -> bool:
        """Whether nothing in the collection is like what came from outside. What is in the collection is like itself."""
        return bool(self.page.verdict and self.page.verdict.is_foreign and not self.items)

    @property
    def query_label(self) -> str:
        """The label that all items of the query share, or ""."""
        return shared_label(self.items)


def ask(collection: Collection, view: View, *, waiting: DeltaGenerator | None = None, **options: object) -> Answer | None:
    """Searches; what goes wrong with a picture is said on the page, and None comes back.

    Args:
        collection: Where to search.
        view: What the address asks for.
        waiting: Where to show that a picture is being looked at. Defaults to here.
        options: Arguments of `Collection.search` to use instead of the address's, such as `space`.
    """
    query = view.query
    wanted = {**query.options, **options}
    space = collection.space(wanted["space"])
    is_part_of_item = bool(query.region and query.items)
    try:
        with waiting or nullcontext():
            embedded = _embed(collection, query, space.name)
        embeddings = np.stack([picture.embedding for picture in embedded]) if embedded else None
        whole = () if is_part_of_item else query.items
        left_out = query.items if is_part_of_item else ()
        is_part = bool(query.region)
        page = collection.search(item_id=whole, embedding=embeddings, excluded=left_out, is_part=is_part, **wanted)
    except ImgSearchError as exc:
        show_error(exc)
        return None
    timings = {step: sum(picture.timings_ms[step] for picture in embedded) for step in ("decode", "embed") if embedded}
    page = replace(page, timings_ms={**timings, **page.timings_ms})
    log_query(collection.name, page, n_uploads=len(embedded))
    name = t("search.example" if query.example else "search.your_picture")
    outside = [
        QueryPicture(name, each.width, each.height, content=each.preview) for each in embedded if not is_part_of_item
    ]
    vectors = np.asarray(space.embeddings[[collection.items.row_of(item_id) for item_id in whole]])
    if embeddings is not None:
        vectors = np.concatenate([vectors, space.points(embeddings)])
    return Answer(page, (*asked_items(collection, query), *outside), vectors)


def asked_items(collection: Collection, query: Query) -> tuple[QueryPicture, ...]:
    """The items of a query, which are known before there is an answer."""
    items = [collection.items[collection.items.row_of(item_id)] for item_id in query.items]
    return tuple(
        QueryPicture(short_name(item), item.width, item.height, item, thumbnail_url(collection.name, item))
        for item in items
    )


def caption(asked: Sequence[QueryPicture]) -> str:
    """What is searched with, in words."""
    return t("search.several", n=len(asked)) if len(asked) > 1 else asked[0].name


def _embed(collection: Collection, query: Query, space: str) -> list[EmbeddedPicture]:
    """What the worker has to look at: uploads, an example, or a part of an item. Stored vectors need no worker."""
    if query.example:
        pictures = [resources.example_queries(collection.name)[query.example].read_bytes()]
    elif query.region and query.items:
        item = collection.items[collection.items.row_of(query.items[0])]
        pictures = [collection.thumbnail_path(item).read_bytes()]
    else:
        pictures = [state.upload_bytes(upload) for upload in query.uploads]
    if not pictures:
        return []
    spec = collection.space(space).spec.for_queries()
    with st.spinner(t("search.looking"), show_time=True):
        return [looking.embed_picture(data, spec, query.region) for data in pictures]
