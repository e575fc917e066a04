"""The one way from a picture to its embedding: what is wanted, what comes of it, and the face of who does it.

Whoever searches, builds or explains is handed an `Embedders`: `LocalEmbedders` in this process, the page's worker, or a
fake in a test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import ImageError, WorkerError
from imgsearch.pictures.decode import DEFAULT_LIMITS, read_file
from imgsearch.pictures.regions import Region

Source = bytes | Path | Callable[[], bytes] | np.ndarray
"""A picture: the content of its file, the path of that, what fetches it, or uint8 (height, width, 3) upright RGB.

What fetches is called in a thread where there are threads, and raises an ImageError where the picture cannot be used.
"""

Regions = Sequence[Region | None]
"""Parts of a picture; None is the whole."""
WHOLE: Regions = (None,)

ByContent = Callable[[str], Sequence[EmbedderSpec] | None]
"""Sha256 of a file's content -> what to embed it with; None where it need not even be decoded."""


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is wanted of one picture.

    Attributes:
        source: The picture.
        specs: What to embed it with; where that depends on its content, how. Then it is asked in threads, and the picture
            must not be pixels.
        region: The part of it to embed; None for the whole. Previews and thumbnails show the whole.
        preview, thumbnail: Whether those are wanted, see `Embedded`.
    """

    source: Source
    specs: Sequence[EmbedderSpec] | ByContent
    region: Region | None = None
    preview: bool = False
    thumbnail: bool = False

    def chosen(self, content: bytes | np.ndarray) -> tuple[str, Sequence[EmbedderSpec] | None]:
        """Sha256 of the content, "" where nothing depends on it, and what to embed it with, see `ByContent`."""
        if not callable(self.specs):
            return "", self.specs
        assert isinstance(content, bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        return sha256, self.specs(sha256)


@dataclass(frozen=True, eq=False)
class Embedded:
    """What came of one picture.

    Attributes:
        width, height: Upright size of the original, px; 0 where it was not decoded, see `ByContent`.
        vectors: For each embedder float32 (dim,), of length 1.
        sha256: Of the file's content, where what to embed it with depended on that; else "".
        preview: The picture upright and encoded anew (a JPEG, long side at most 1,024 px), safe to show; b"" unless wanted.
        thumbnail: A WebP, short side 320 px; b"" unless wanted.
        timings_ms: "decode" and "embed", ms. Loading a network for the first time is in neither.
    """

    width: int
    height: int
    vectors: Mapping[EmbedderSpec, np.ndarray]
    sha256: str = ""
    preview: bytes = b""
    thumbnail: bytes = b""
    timings_ms: Mapping[str, float] = field(default_factory=dict)


Outcome = Embedded | ImageError | WorkerError
"""What came of a picture, or why it cannot be used."""


class Embedders(Protocol):
    """Decodes and embeds pictures."""

    def embed(self, wanted: Iterable[Wanted]) -> Iterator[Outcome]:
        """What came of each, in the order given; of one that cannot be used its error, and the others go on.

        Raises:
            BackboneError: an embedder cannot be made.
        """
        ...

    def feature_maps(self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        """The parts of an embedding that belong to positions, of each region of one picture: see `Embedder.feature_maps`.

        Raises:
            ImageError: the picture cannot be read.
            BackboneError: the embedder cannot be made, or has none.
            WorkerError: a worker could not answer.
        """
        ...

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        """Several regions of one picture, which is decoded once: float32 (n, dim), each row of length 1, in that order.

        Raises:
            ImageError: the picture cannot be read.
            BackboneError: the embedder cannot be made.
            WorkerError: a worker could not answer.
        """
        ...


def read(source: Source) -> bytes | np.ndarray:
    """Content of a picture's file, or pixels as they are.

    Raises:
        ImageError: the file cannot be read, or is too large.
    """
    if callable(source):
        return source()
    return read_file(source, DEFAULT_LIMITS.max_bytes) if isinstance(source, Path) else source


def embed_all(embedders: Embedders, wanted: Iterable[Wanted]) -> list[Embedded]:
    """What came of each, where nothing will do but all.

    Raises:
        ImageError, WorkerError: the first picture that cannot be used.
        BackboneError: an embedder cannot be made.
    """
    done = []
    for outcome in embedders.embed(wanted):
        if not isinstance(outcome, Embedded):
            raise outcome
        done.append(outcome)
    return done
