"""What a collection is, in the same words for one of files and for one on a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.pictures.gallery import Gallery
from imgsearch.pictures.items import Item, Skipped
from imgsearch.vectors.engines.face import Params
from imgsearch.vectors.projection import Method


@dataclass(frozen=True)
class SpaceDescription:
    """What a space is.

    Attributes:
        embedder: What makes its embeddings.
        dim: Length of its vectors.
        pca, whiten: See `SpaceRecipe`.
        engine, params: What finds the nearest, and what that was told.
        engine_label: What people call the engine.
        is_indexed: Whether it has made an index.
        index: What that is, in a few words; "" where there is none, and there should be.
        n_bytes: Size of all that belongs to it, as far as that is known.
        embeddings_bytes, index_bytes, class_values_bytes: Of these.
        map_method: How its map was to be drawn.
        digest: Changes with its embeddings, its map and its class values.
    """

    embedder: EmbedderSpec
    dim: int
    pca: int
    whiten: bool
    engine: str
    params: Params
    engine_label: str
    is_indexed: bool
    index: str
    n_bytes: int
    embeddings_bytes: int
    index_bytes: int
    class_values_bytes: int
    map_method: Method
    digest: str


@dataclass(frozen=True)
class Description:
    """What a collection is.

    Attributes:
        title, source, license: See `Manifest`.
        n_items, n_skipped: Pictures in the gallery, and files left out.
        n_bytes, thumbnails_bytes: Size of all that belongs to it, and of its thumbnails, as far as that is known.
        has_evaluation: Whether its answers were measured.
        digest: Changes with its items.
        spaces: By name, the default first.
    """

    title: str
    source: str
    license: str
    n_items: int
    n_skipped: int
    n_bytes: int
    thumbnails_bytes: int
    has_evaluation: bool
    digest: str
    spaces: Mapping[str, SpaceDescription]


class Described(ABC):
    """A collection that can be described, whether or not it is open for searches.

    Attributes:
        name: Its name.
        updated: UTC time at which this state of it came to where it is, ISO 8601.
    """

    name: str
    updated: str

    @property
    @abstractmethod
    def home(self) -> Path:
        """The folder of collections that it lies in, or whose networks and weights it uses."""

    @property
    @abstractmethod
    def description(self) -> Description:
        """What it is."""

    @property
    @abstractmethod
    def items(self) -> Gallery:
        """The pictures that are searched."""

    @property
    @abstractmethod
    def skipped(self) -> Sequence[Skipped]:
        """What was left out of it, or the first of that."""

    @abstractmethod
    def thumbnail(self, item: Item) -> bytes:
        """An item's thumbnail: a WebP file, short side 320 px.

        Raises:
            CollectionError: it cannot be read.
        """
