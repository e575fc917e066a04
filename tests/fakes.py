"""Embedders that tests hand in: real descriptors, what was asked of them, and whatever is to go wrong; Ray likewise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from imgsearch.embedding.embedders import WHOLE, Embedded, Outcome, Regions, Source, Wanted, read
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import ImageError, WorkerError
from imgsearch.pictures.regions import Region
from imgsearch.scale.actors import Actor, Job, block


class FakeEmbedders:
    """See `Embedders`: one picture after the other, in this process.

    Attributes:
        contents: Contents of the pictures it was given.
        asked: What each was to be embedded with, and its region; nothing for those that are only decoded.
    """

    def __init__(
        self,
        fail: Callable[[bytes], ImageError | WorkerError | None] = lambda content: None,
        maps: Callable[[bytes, Region | None], FeatureMaps] | None = None,
    ) -> None:
        """fail: What goes wrong with a picture of that content; it may raise too. maps: Feature maps of a picture."""
        self.contents: list[bytes] = []
        self.asked: list[tuple[EmbedderSpec, Region | None]] = []
        self._fail = fail
        self._maps = maps
        self._local = LocalEmbedders(Path("unused"))

    @property
    def n_embedded(self) -> int:
        """Vectors that were made."""
        return len(self.asked)

    def forget(self) -> None:
        """Begins anew to note what it is asked."""
        self.contents, self.asked = [], []

    def embed(self, wanted: Iterable[Wanted]) -> Iterator[Outcome]:
        for each in wanted:
            content = _content(each.source)
            self.contents.append(content)
            if error := self._fail(content):
                yield error
                continue
            (outcome,) = self._local.embed([replace(each, source=content)])
            if isinstance(outcome, Embedded):
                self.asked += [(spec, each.region) for spec in outcome.vectors]
            yield outcome

    def feature_maps(self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        assert self._maps
        self.asked += [(spec, region) for region in regions]
        return [self._maps(_content(source), region) for region in regions]

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        content = _content(source)
        if error := self._fail(content):
            raise error
        self.asked += [(spec, region) for region in regions]
        return self._local.embed_parts(content, spec, regions)


def _content(source: Source) -> bytes:
    data = read(source)
    assert isinstance(data, bytes)
    return data


def embed_here(job: Job, shards: Mapping[str, pa.Table], told: Callable[[int], None]) -> None:
    """For `scale.embed.run`: shards are embedded in this process, one after the other, without Ray."""
    actor = Actor(job)
    for key, shard in shards.items():
        told(actor(block(key, shard)).column("pictures")[0].as_py())
