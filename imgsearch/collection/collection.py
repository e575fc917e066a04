"""Collections: a folder with the items, thumbnails, embeddings and indexes of a gallery; opened, checked, searched.

A collection is portable: a copy elsewhere answers without the original pictures. Opening checks manifest, items,
embeddings and indexes by hash before Annoy sees a byte of them (thumbnails by size; `verify` hashes them too), so that a
damaged copy gives an error and never a wrong answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from imgsearch.collection.manifest import Manifest
from imgsearch.collection.outline import Outline, find
from imgsearch.collection.reading import COPY_AGAIN, read_parts
from imgsearch.embedding.embedders import Embedder, load_embedder
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import (
    CollectionCorruptError,
    InvalidQueryError,
    ItemNotFoundError,
)
from imgsearch.files.disk import file_digest
from imgsearch.files.home import thumbnails_folder
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.items import Items
from imgsearch.pictures.regions import Region
from imgsearch.progress import Progress
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.retrieval.search import Query, SearchPage, checked_embeddings, search
from imgsearch.settings import DEFAULT_K
from imgsearch.vectors.engines.annoy import annoy_fault
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.space import Space


class Collection(Outline):
    """An opened collection. Immutable: a rebuild makes new files, which the next `open` sees.

    Example:
        >>> page = Collection.open("pets").search(item_id="beagle/12.jpg", k=5)
        >>> [result.item.label for result in page.results]
    """

    def __init__(self, path: Path, manifest: Manifest, items: Items, updated: str, spaces: Mapping[str, Space]) -> None:
        """Takes parts that have been checked: use `Collection.open`."""
        super().__init__(path, manifest, items, updated)
        self.spaces = spaces
        self._embedders: dict[EmbedderSpec, Embedder] = {}

    @classmethod
    def open(cls, name: str, home: Path | None = None) -> Self:
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

    @property
    def default_space(self) -> str:
        """Name of the space that is searched unless another is named: the first that was built."""
        return next(iter(self.spaces))

    @property
    def exact_spaces(self) -> list[str]:
        """Names of the spaces that are searched by comparing with every picture, since they have no index for here."""
        return [name for name, space in self.spaces.items() if space.index.is_exact]

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
            data = json.loads((self.path / entry.file).read_bytes())
            return tuple(Evaluation.from_json(each) for each in data)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            raise CollectionCorruptError(f"{entry.file} holds no evaluation.", hint=COPY_AGAIN) from exc

    def space(self, name: str | None = None) -> Space:
        """A space by name, or the default one.

        Raises:
            ItemNotFoundError: there is no such space.
        """
        name = self.default_space if name is None else name
        if name not in self.spaces:
            raise ItemNotFoundError(f"A space must be one of {', '.join(self.spaces)}. Received: {name!r}.")
        return self.spaces[name]

    def search(
        self,
        *,
        item_id: str | Sequence[str] = (),
        row: int | Sequence[int] = (),
        picture: bytes | Path | Sequence[bytes | Path] = (),
        embedding: np.ndarray | None = None,
        region: Region | None = None,
        excluded: Sequence[str] = (),
        is_part: bool = False,
        k: int = DEFAULT_K,
        label: str | None = None,
        max_distance: float | None = None,
        liked: Sequence[str] = (),
        disliked: Sequence[str] = (),
        rerank: str = "",
        effort: Effort = Effort.NORMAL,
        space: str | None = None,
    ) -> SearchPage:
        """Nearest items to what is asked with; nearest first, unless another order is asked for.

        Items, rows, pictures and embeddings may be mixed, at least one in all; several are one joint query. An item or row
        of the gallery is answered from its stored embedding and runs no network. The first picture loads the space's
        backbone into this process, which is then kept.

        Args:
            item_id, row: One or more items of the gallery; they are left out of their own results.
            picture: Bytes of a picture file, or its path, or several.
            embedding: float32 (dim,) or (m, dim), each of length 1, from the space's embedder.
            region: The part of the one item, row or picture that is asked with. Of an item it is cut from the thumbnail
                and embedded; the item is left out all the same. Defaults to the whole.
            excluded: Items that are left out besides.
            is_part: The embedding is that of a part of a picture.
            k, label, max_distance, rerank, effort: See `search.Query`.
            liked, disliked: Items to be more like, and less like.
            space: Name of the space to search. Defaults to the first one.

        Raises:
            ItemNotFoundError: no such item, row, label or space.
            InvalidQueryError: nothing to search with, an option out of range, an embedding that does not fit, or a region
                of several things.
            ImageError: a picture cannot be read.
            BackboneError: a picture cannot be embedded here.
        """
        chosen = self.space(space)
        item_ids = [item_id] if isinstance(item_id, str) else item_id
        pictures = [picture] if isinstance(picture, bytes | Path) else picture
        rows = [self.items.row_of(each) for each in item_ids] + (list(row) if isinstance(row, Sequence) else [row])
        vectors = np.empty((0, chosen.spec.dim), dtype=np.float32)
        if embedding is not None:
            vectors = checked_embeddings(np.atleast_2d(embedding), chosen.spec.dim)
        left_out = [self.items.row_of(each) for each in excluded]
        if region:
            if len(vectors) or len(rows) + len(pictures) != 1:
                raise InvalidQueryError("A region belongs to exactly one item, row or picture.")
            pictures = [*pictures, *(self.thumbnail_path(self.items[row]) for row in rows)]
            left_out, rows = left_out + rows, []
        timings: dict[str, float] = {}
        if pictures:
            embedded, timings = self._embed(chosen, pictures, region)
            vectors = np.concatenate([vectors, embedded])
        if not rows and not len(vectors):
            raise InvalidQueryError("A search needs an item_id, a row, a picture or an embedding.")
        query = Query(
            rows=tuple(rows),
            embeddings=chosen.points(vectors) if len(vectors) else None,
            excluded=tuple(left_out),
            is_part=is_part or region is not None,
            k=k,
            label=label,
            max_distance=max_distance,
            liked=tuple(self.items.row_of(each) for each in liked),
            disliked=tuple(self.items.row_of(each) for each in disliked),
            rerank=rerank,
            effort=effort,
        )
        page = search(self.items, chosen, query)
        return replace(page, timings_ms={**timings, **page.timings_ms}, thumbnails=thumbnails_folder(self.path))

    def prepare_for_pictures(self, space: str | None = None, *, progress: Progress | None = None) -> None:
        """Loads a space's embedder into this process, as else the first search with a picture does.

        Raises:
            BackboneError: it cannot be made.
        """
        self._embedder(self.space(space).spec.for_queries(), progress)

    def feature_maps(self, data: bytes, spec: EmbedderSpec, region: Region | None = None) -> FeatureMaps:
        """The feature maps of a picture file's content, made in this process, as `WorkerEmbedder` makes them in its own.

        Raises:
            ImageError: the picture cannot be read.
            BackboneError: the embedder cannot be made, or has none.
        """
        return self._embedder(spec).feature_maps(decode_image(data).pixels, region)

    def verify(self) -> list[str]:
        """Hashes every thumbnail, which opening does not.

        Returns:
            What is wrong, a sentence each; empty when all is well.
        """
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

    def _embed(
        self, space: Space, pictures: Sequence[bytes | Path], region: Region | None
    ) -> tuple[np.ndarray, dict[str, float]]:
        """float32 (n_pictures, dim of the embedder), and what decoding and embedding took, ms."""
        embedder = self._embedder(space.spec.for_queries())
        started = time.perf_counter()
        decoded = [decode_image(picture).pixels for picture in pictures]
        embedding = time.perf_counter()
        vectors = embedder.embed_prepared([embedder.prepare(pixels, region) for pixels in decoded])
        done = time.perf_counter()
        return vectors, {"decode": (embedding - started) * 1000, "embed": (done - embedding) * 1000}

    def _embedder(self, spec: EmbedderSpec, progress: Progress | None = None) -> Embedder:
        if spec not in self._embedders:
            self._embedders[spec] = load_embedder(spec, self.home, progress)
        return self._embedders[spec]


def exact_notice(collection: Collection) -> tuple[str, str] | None:
    """Which spaces are searched exactly and why, and what to do about it; None where each has an index that works here."""
    names = ", ".join(collection.exact_spaces)
    if not names:
        return None
    fault = annoy_fault()
    reason = fault.sentence if fault else "There is no index that works here."
    hint = f"Build or update gives an index; without the pictures: python -m imgsearch tune {collection.name} --apply"
    return f"Searched by comparing with every picture: {names}. {reason}", fault.hint if fault else hint
