"""What every format of a report is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.pictures.items import Item, shared_label
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.results import SearchPage
from imgsearch.vectors.space import OpenedSpace


@dataclass(frozen=True)
class Report:
    """An answer, and what is said about it.

    Attributes:
        collection, page: What was searched, and what was found there.
        link: Whole address of the answer, or "" where none can hold it.
        language: "en" or "ko"; tables and JSON are the same in both.
        made: When.
    """

    collection: OpenedCollection
    page: SearchPage
    link: str = ""
    language: str = "en"
    made: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def space(self) -> OpenedSpace:
        """The space that was searched; the default one where labels alone answer words."""
        return self.collection.space(self.page.space or None)

    @property
    def is_by_words(self) -> bool:
        """Whether words alone were asked with, so that results have no distances."""
        return self.page.ask is not None and self.page.ask.is_by_words

    @property
    def query_items(self) -> tuple[Item, ...]:
        """The items that were asked with, or a region of one."""
        return (*self.page.query_items, *([self.page.part_of] if self.page.part_of else []))

    @property
    def region(self) -> Region | None:
        """The part of the one query picture that was asked with; None for the whole."""
        return self.page.part

    @property
    def previews(self) -> list[bytes]:
        """Query pictures that are no items of the collection, each a JPEG."""
        return [] if self.page.part_of else [picture.preview for picture in self.page.pictures]

    @property
    def query_label(self) -> str:
        """The label that all of them share, or ""."""
        return shared_label(self.query_items)

    def query_pictures(self) -> list[bytes]:
        """What was asked with, as picture files: thumbnails of items, then previews.

        Raises:
            CollectionCorruptError: see `thumbnail`.
        """
        return [*(self.thumbnail(item) for item in self.query_items), *self.previews]

    def thumbnail(self, item: Item) -> bytes:
        """An item's thumbnail, a WebP file.

        Raises:
            CollectionCorruptError: it cannot be read.
        """
        return self.collection.thumbnail(item)
