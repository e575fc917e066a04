"""A space: all embeddings of a gallery by one embedder, perhaps reduced by PCA, and what belongs to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from imgsearch.embedding.classifier import Classifier
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError, InvalidQueryError
from imgsearch.vectors.calibration import Calibration
from imgsearch.vectors.engines import DEFAULT_ENGINE, get_engine
from imgsearch.vectors.engines.face import Params, VectorIndex
from imgsearch.vectors.projection import method_for
from imgsearch.vectors.transform import Transform

MAX_MAP_POINTS = 20_000
"""Larger collections show a sample: more points would hide each other, and cost seconds on a phone."""
_SAMPLE_FOR_MEAN = 4_096
_SEED = 0


@dataclass(frozen=True)
class SpaceRecipe:
    """All that is needed to make a space again, but for the pictures.

    Attributes:
        embedder: What makes the embeddings.
        pca: Dimensions kept by principal component analysis, 0 for all of the embedder's.
        whiten: Whether the kept components are divided by their standard deviations. Spaces that earlier versions made so
            are kept, and no new ones made.
        engine: Name of the engine of its index.
        params: What that is told; what is left out gets the engine's defaults.
    """

    embedder: EmbedderSpec
    pca: int = 0
    whiten: bool = False
    engine: str = DEFAULT_ENGINE
    params: Params = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.pca <= self.embedder.dim or (self.whiten and not self.pca):
            raise BuildError(
                f"PCA of {self.embedder.space} must keep 1 to {self.embedder.dim} dimensions. Received: {self.pca}."
            )
        object.__setattr__(self, "params", get_engine(self.engine).checked(self.params))

    @property
    def name(self) -> str:
        """Name of the space: "mobilenet_v2", "mobilenet_v2-pca256", "mobilenet_v2-white256"."""
        if not self.pca:
            return self.embedder.space
        return f"{self.embedder.space}-{'white' if self.whiten else 'pca'}{self.pca}"

    @property
    def dim(self) -> int:
        """Length of a vector of the space."""
        return self.pca or self.embedder.dim


@dataclass(frozen=True, kw_only=True)
class OpenedSpace(ABC):
    """A space as search, re-ranking and the page know it, wherever its vectors lie.

    Attributes:
        name: Its name in the collection.
        spec: What made the embeddings.
        index: Over them.
        calibration: What a distance means here.
        transform: From the embedder's vectors to this space's; None where they are the same.
        classifier: What tells classes from the embeddings; None where there is none.
        neighbors: int32 (n_items, k): the nearest other items of each, nearest first; None where nobody keeps such a table.
        class_values: float16 (1000, n_items): row c is the probability of class c of ImageNet for every item, by the
            classifier; usually memory-mapped. None where there is no classifier, and where nobody keeps them.
    """

    name: str
    spec: EmbedderSpec
    index: VectorIndex
    calibration: Calibration
    transform: Transform | None = None
    classifier: Classifier | None = None
    neighbors: np.ndarray | None = None
    class_values: np.ndarray | None = None

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of its vectors."""

    @property
    @abstractmethod
    def mean(self) -> np.ndarray:
        """float64 (dim,): the average of its vectors, or of some thousands of them."""

    @property
    @abstractmethod
    def map_rows(self) -> np.ndarray:
        """int64, ascending: the items that a map shows, of many a sample."""

    @property
    @abstractmethod
    def is_varied(self) -> bool:
        """Whether enough of its items are different for a map that is more than their first two components."""

    @abstractmethod
    def vectors(self, rows: Sequence[int] | np.ndarray | int) -> np.ndarray:
        """Those of some items: rows in an array of any shape (...,) -> float32 (..., dim), of length 1."""

    @abstractmethod
    def places(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Places of some items on the map: float32 (n, 2) in [0, 1]; not a number where an item has none."""

    def points_of(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """int64 (n,): which of the `map_rows` each row is, -1 where the map does not show it."""
        rows = np.asarray(rows, dtype=np.int64)
        points = np.minimum(np.searchsorted(self.map_rows, rows), len(self.map_rows) - 1)
        return np.where(self.map_rows[points] == rows, points, -1)

    def as_points(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors that somebody hands in, of the embedder or of this space, in this space: float32 (m, dim).

        Args:
            vectors: float (m, dim of the embedder or of the space), each of length 1. Where both have as many values, they
                are taken as the space's own.

        Raises:
            InvalidQueryError: they have another shape or length, or are not finite.
        """
        checked = np.asarray(vectors, dtype=np.float32)
        dims = dict.fromkeys((self.dim, self.spec.dim))
        if checked.ndim != 2 or checked.shape[1] not in dims:
            raise InvalidQueryError(
                f"An embedding must have {' or '.join(map(str, dims))} values. Received: an array of shape {checked.shape}."
            )
        lengths = np.linalg.norm(checked.astype(np.float64), axis=1)
        if not (np.isfinite(checked).all() and (np.abs(lengths - 1.0) <= 1e-3).all()):
            raise InvalidQueryError("An embedding must be finite and of length 1.")
        return checked if checked.shape[1] == self.dim else self.points(checked)

    def points(self, embeddings: np.ndarray) -> np.ndarray:
        """The embedder's vectors in this space: float32 (n, dim of the embedder) -> float32 (n, dim), rows of length 1."""
        return self.transform.apply(embeddings) if self.transform else embeddings


@dataclass(frozen=True, kw_only=True)
class Space(OpenedSpace):
    """All embeddings of a gallery by one embedder in memory, or mapped into it, and an index over them.

    Attributes:
        embeddings: float32 (n_items, dim), rows of length 1, usually memory-mapped. Read only.
        neighbors: See `OpenedSpace`; there always is one.
        projection: float32 (n_items, 2) in [0, 1]: places on the map.
    """

    embeddings: np.ndarray
    neighbors: np.ndarray
    projection: np.ndarray

    @property
    def dim(self) -> int:
        """See `OpenedSpace.dim`."""
        return int(self.embeddings.shape[1])

    @cached_property
    def mean(self) -> np.ndarray:
        """See `OpenedSpace.mean`: of large collections, of 4,096 evenly spaced ones."""
        mean: np.ndarray = self.embeddings[:: -(-len(self.embeddings) // _SAMPLE_FOR_MEAN)].mean(axis=0, dtype=np.float64)
        return mean

    @cached_property
    def map_rows(self) -> np.ndarray:
        """See `OpenedSpace.map_rows`."""
        n = len(self.embeddings)
        if n <= MAX_MAP_POINTS:
            return np.arange(n)
        return np.sort(np.random.default_rng(_SEED).choice(n, MAX_MAP_POINTS, replace=False))

    def places(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """See `OpenedSpace.places`: every item has one."""
        return np.asarray(self.projection[np.asarray(rows, dtype=np.int64)])

    @property
    def is_varied(self) -> bool:
        """See `OpenedSpace.is_varied`."""
        return method_for(self.embeddings) == "tsne"

    def vectors(self, rows: Sequence[int] | np.ndarray | int) -> np.ndarray:
        """See `OpenedSpace.vectors`."""
        return np.asarray(self.embeddings[np.asarray(rows, dtype=np.int64)])
