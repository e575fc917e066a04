"""Collections: a folder with the items, thumbnails, embeddings and indexes of a gallery; opened, checked, searched.

A collection is portable: a copy elsewhere answers without the original pictures. Opening checks manifest, items,
embeddings and indexes by hash before Annoy sees a byte of them (thumbnails by size; `verify` hashes them too), so that a
damaged copy gives an error and never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.outline import Outline, find
from imgsearch.collection.reading import COPY_AGAIN, read_parts
from imgsearch.embedding.networks import find_network
from imgsearch.errors import BackboneError, CollectionCorruptError
from imgsearch.files.disk import file_digest
from imgsearch.pictures.items import Items
from imgsearch.records import parse
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.retrieval.typical import typical_row
from imgsearch.vectors.space import Space


class Collection(Outline, OpenedCollection):
    """An opened collection. Immutable: a rebuild makes new files, which the next `open` sees."""

    def __init__(self, path: Path, manifest: Manifest, items: Items, updated: str, spaces: Mapping[str, Space]) -> None:
        """Takes parts that have been checked: use `Collection.open`."""
        super().__init__(path, manifest, items, updated)
        self._spaces = spaces

    @property
    def spaces(self) -> Mapping[str, Space]:
        """See `OpenedCollection.spaces`."""
        return self._spaces

    def space(self, name: str | None = None) -> Space:
        """See `OpenedCollection.space`."""
        super().space(name)  # raises where there is none
        return self.spaces[self.default_space if name is None else name]

    @classmethod
    def open(cls, name: str, home: Path | str | None = None) -> Self:
        """Opens and checks a collection.

        Args:
            name: Its name in the home.
            home: The folder of collections. Defaults to IMGSEARCH_HOME.

        Raises:
            CollectionNotFoundError: there is none of that name.
            CollectionCorruptError: a file of it is missing, cut short or changed.
            IncompatibleCollectionError: it is of another version, or needs an embedder that is not known here.
        """
        path, manifest, updated = find(name, home)
        items, spaces = read_parts(path, manifest)
        return cls(path, manifest, items, updated, spaces)

    @cached_property
    def typical_item(self) -> str:
        """Id of the item to ask with where nobody has chosen one, see `typical.typical_row`."""
        return self.items[typical_row(self.items, self.space())].item_id

    @cached_property
    def evaluation(self) -> tuple[Evaluation, ...]:
        """What `evaluation.save_evaluation` kept: one for each space and re-ranking; empty where nothing was kept.

        Raises:
            CollectionCorruptError: the file does not hold an evaluation.
        """
        entry = self.manifest.evaluation
        if entry is None:
            return ()
        try:
            return parse(tuple[Evaluation, ...], (self.path / entry.file).read_bytes())
        except ValueError as exc:
            raise CollectionCorruptError(f"{entry.file} holds no evaluation.", hint=COPY_AGAIN) from exc

    def verify(self) -> list[str]:
        """Hashes what opening does not: every thumbnail, and the networks that the spaces name.

        Returns:
            What is wrong, a sentence each; empty when all is well.
        """
        problems = self.changed_thumbnails()
        for spec in dict.fromkeys(entry.embedder for entry in self.manifest.spaces.values() if entry.embedder.network):
            try:
                if find_network(spec, self.home) is None:
                    problems.append(f"The network of {spec.space} is missing.")
            except BackboneError as exc:
                problems.append(exc.message)
        return problems

    def changed_thumbnails(self) -> list[str]:
        """The same for the thumbnails alone."""
        problems = []
        for item in self.items:
            try:
                if file_digest(self.thumbnail_path(item)) != item.thumbnail:
                    problems.append(f"The thumbnail of {item.item_id!r} has changed.")
            except FileNotFoundError:
                problems.append(f"The thumbnail of {item.item_id!r} is missing.")
            except OSError as exc:
                problems.append(f"The thumbnail of {item.item_id!r} cannot be read ({exc.strerror}).")
        return problems
