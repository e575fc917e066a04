"""A collection on a server: opened by its address, searched there, and shown as any other."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

from imgsearch.collection.face.description import Description, SpaceDescription
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.served.facts import Facts
from imgsearch.collection.served.gallery import ServedItems
from imgsearch.collection.served.space import ServedSpace
from imgsearch.collection.sweep import hold_network
from imgsearch.embedding.networks import keep_network
from imgsearch.errors import BuildError, CollectionCorruptError, ServerError
from imgsearch.files.place import Place, thumbnail_place
from imgsearch.pictures.items import Item, Skipped
from imgsearch.reasons import say
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.vectors.calibration import Calibration
from imgsearch.vectors.engines.milvus import INDEX
from imgsearch.vectors.engines.table import Table, TableIndex
from imgsearch.vectors.space import OpenedSpace

_FLOAT32 = 4


class ServedCollection(OpenedCollection):
    """An opened collection on a server. What it knows of it as a whole is what was committed when it was opened."""

    def __init__(self, table: Table, state: str, facts: Facts, home: Path) -> None:
        """Use `ServedCollection.open`."""
        self.table, self.facts, self.name, self.updated = table, facts, table.name, facts.updated
        self._state, self._home = state, home
        self._items = ServedItems(table, facts)

    @classmethod
    def open(cls, table: Table, home: Path) -> Self:
        """Opens what a load has committed; networks that its spaces name are brought to the home.

        Raises:
            CollectionNotFoundError: the server has none of that name.
            ServerError: the server does not answer, or the first load has not ended.
            IncompatibleCollectionError: it was made by something else, or another version.
        """
        state = table.state()
        if not state:
            raise ServerError(say("server_loading", n=table.count()))
        facts = Facts.from_bytes(table.facts(state))
        for space, dataset in zip(facts.spaces.values(), facts.datasets, strict=True):
            # Where a network cannot be had, uploads need TensorFlow, which is said, and the rest goes on.
            with contextlib.suppress(BuildError, OSError):
                keep_network(space.embedder, home, Place.at(dataset))
                hold_network(space.embedder, home)
        return cls(table, state, facts, home)

    @property
    def home(self) -> Path:
        """See `Described.home`."""
        return self._home

    @property
    def items(self) -> ServedItems:
        """See `Described.items`."""
        return self._items

    @property
    def skipped(self) -> Sequence[Skipped]:
        """See `Described.skipped`."""
        return self.facts.skipped

    @property
    def evaluation(self) -> tuple[Evaluation, ...]:
        """See `OpenedCollection.evaluation`."""
        return self.facts.evaluations

    @property
    def typical_item(self) -> str:
        """See `OpenedCollection.typical_item`."""
        return self.facts.typical_item

    @cached_property
    def description(self) -> Description:
        """See `Described.description`."""
        it = self.facts
        return Description(
            title=it.title,
            source=it.source,
            license=it.license,
            n_items=it.n_items,
            n_skipped=it.n_skipped,
            n_bytes=sum(self._bytes_of(space) for space in it.spaces),
            thumbnails_bytes=0,
            has_evaluation=bool(it.evaluations),
            digest=self._state,
            spaces={
                name: SpaceDescription(
                    embedder=space.embedder,
                    dim=space.embedder.dim,
                    pca=0,
                    whiten=False,
                    engine="milvus",
                    params=INDEX,
                    engine_label="Milvus",
                    is_indexed=True,
                    index=f"Milvus (HNSW, M {INDEX['M']})",
                    n_bytes=self._bytes_of(name),
                    embeddings_bytes=self._bytes_of(name),
                    index_bytes=0,
                    class_values_bytes=0,
                    map_method=space.map_method,
                    digest=self._state,
                )
                for name, space in it.spaces.items()
            },
        )

    def _bytes_of(self, space: str) -> int:
        return self.facts.n_items * self.facts.spaces[space].embedder.dim * _FLOAT32

    @cached_property
    def spaces(self) -> Mapping[str, OpenedSpace]:
        """See `OpenedCollection.spaces`."""
        return {
            name: ServedSpace(
                name=name,
                spec=facts.embedder,
                index=TableIndex(self.table, name, self.facts.n_items),
                calibration=Calibration.from_json(json.loads(facts.calibration)),
                table=self.table,
                facts=facts,
            )
            for name, facts in self.facts.spaces.items()
        }

    def thumbnail(self, item: Item) -> bytes:
        """See `Described.thumbnail`."""
        return self.thumbnail_of(item.thumbnail)

    def thumbnail_of(self, digest: str) -> bytes:
        """A thumbnail by its digest, from where the dataset lies.

        Raises:
            CollectionCorruptError: it cannot be read.
        """
        try:
            content = thumbnail_place(Place.at(self.facts.datasets[0]), digest).read()
        except BuildError as exc:  # which names the place
            raise CollectionCorruptError("A thumbnail of the collection cannot be read.") from exc
        if content is None:
            raise CollectionCorruptError("A thumbnail of the collection is missing.")
        return content
