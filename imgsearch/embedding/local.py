"""Embedding in this process: pictures decoded in threads, ahead of the network, which takes them in batches."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

from imgsearch.embedding.embedder import BATCH_SIZE, Embedder, load_embedder
from imgsearch.embedding.embedders import WHOLE, Embedded, Regions, Source, Wanted, read
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, ImageError
from imgsearch.pictures.decode import Picture, decode_image
from imgsearch.pictures.scaling import make_preview, make_thumbnail
from imgsearch.progress import Progress
from imgsearch.settings import N_THREADS

AHEAD = 3 * BATCH_SIZE
"""Pictures that may wait, decoded, for the network; bounds the memory."""


class LocalEmbedders:
    """See `Embedders`. Networks are loaded when they are first needed, and kept. Safe for threads."""

    def __init__(
        self,
        home: Path,
        progress: Progress | None = None,
        *,
        most_kept: int | None = None,
        by_tensorflow: bool = False,
        n_threads: int = N_THREADS,
        n_processors: int | None = None,
    ) -> None:
        """Loads nothing yet.

        Args:
            home: The folder of collections, for weights.
            progress: Told how far a download of weights is.
            most_kept: Networks kept at a time, those used last. Defaults to all.
            by_tensorflow: Whether TensorFlow runs them, also those that were exported.
            n_threads: Pictures that are read and decoded at a time.
            n_processors: How many LiteRT may use. Defaults to all that this process may.
        """
        self._home = home
        self._progress = progress
        self._most_kept = most_kept
        self._by_tensorflow = by_tensorflow
        self._n_processors = n_processors
        self.n_threads = n_threads
        self._kept: OrderedDict[EmbedderSpec, Embedder] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, spec: EmbedderSpec, progress: Progress | None = None) -> Embedder:
        """The embedder that a spec describes, made if it is not there yet.

        Args:
            spec: What to make.
            progress: Told how far a download of weights is, instead of who is usually told.

        Raises:
            BackboneError: it cannot be made.
        """
        if spec.is_descriptor:  # has nothing to load, and must not push out a network
            return load_embedder(spec, self._home)
        with self._lock:
            if spec not in self._kept:
                while self._most_kept and len(self._kept) >= self._most_kept:
                    self._kept.popitem(last=False)
                self._kept[spec] = load_embedder(
                    spec,
                    self._home,
                    progress or self._progress,
                    by_tensorflow=self._by_tensorflow,
                    n_processors=self._n_processors,
                )
            self._kept.move_to_end(spec)
            return self._kept[spec]

    def embed(self, wanted: Iterable[Wanted]) -> Iterator[Embedded | ImageError]:
        """See `Embedders.embed`."""
        run = _Run(self)
        batch: list[_Looked | ImageError] = []
        for outcome in run.look_ahead(wanted):
            batch.append(outcome)
            if len(batch) == BATCH_SIZE:
                yield from run.finish(batch)
                batch = []
        yield from run.finish(batch)

    def feature_maps(self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        """See `Embedders.feature_maps`."""
        pixels = _decode(read(source)).pixels
        embedder = self.load(spec)
        return [embedder.feature_maps(pixels, region) for region in regions]

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        """See `Embedders.embed_parts`."""
        pixels = _decode(read(source)).pixels
        embedder = self.load(spec)
        # One by one: LiteRT is as quick with each on all processors, and needs no interpreter more for it.
        rows = [embedder.embed_prepared([embedder.prepare(pixels, region)]) for region in regions]
        return np.concatenate(rows) if rows else np.empty((0, spec.dim), np.float32)


@dataclass(frozen=True, eq=False)
class _Looked:
    """A picture after the threads are done with it: what is known of it, and its input for each embedder."""

    facts: Embedded
    inputs: Mapping[EmbedderSpec, np.ndarray]


class _Run:
    """One call of `LocalEmbedders.embed`."""

    def __init__(self, embedders: LocalEmbedders) -> None:
        self._embedders = embedders
        self._failure: BackboneError | None = None
        self._lock = threading.Lock()

    def look_ahead(self, wanted: Iterable[Wanted]) -> Iterator[_Looked | ImageError]:
        """Outcomes in the order given, some being worked on ahead."""
        coming = iter(wanted)
        first = list(islice(coming, 2))
        if len(first) < 2:  # alone it needs no threads, which would take a millisecond
            yield from map(self._look, first)
            return
        with ThreadPoolExecutor(self._embedders.n_threads) as pool:
            waiting: deque[Future[_Looked | ImageError]] = deque()
            try:
                for each in chain(first, coming):
                    waiting.append(pool.submit(self._look, each))
                    if len(waiting) >= AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def finish(self, batch: Sequence[_Looked | ImageError]) -> Iterator[Embedded | ImageError]:
        """Lets the networks see a batch."""
        specs = dict.fromkeys(spec for each in batch if isinstance(each, _Looked) for spec in each.inputs)
        vectors: dict[int, dict[EmbedderSpec, np.ndarray]] = {}
        embed_ms: dict[int, float] = {}
        for spec in specs:
            inputs = {
                number: each.inputs[spec]
                for number, each in enumerate(batch)
                if isinstance(each, _Looked) and spec in each.inputs
            }
            embedder = self._embedders.load(spec)
            started = time.perf_counter()
            rows = embedder.embed_prepared(list(inputs.values()))
            took_ms = (time.perf_counter() - started) * 1000 / len(inputs)
            for number, row in zip(inputs, rows, strict=True):
                vectors.setdefault(number, {})[spec] = row
                embed_ms[number] = embed_ms.get(number, 0.0) + took_ms
        for number, each in enumerate(batch):
            if isinstance(each, _Looked):
                timings = {
                    step: ms + (embed_ms.get(number, 0.0) if step == "embed" else 0.0)
                    for step, ms in each.facts.timings_ms.items()
                }
                yield replace(each.facts, vectors=vectors.get(number, {}), timings_ms=timings)
            else:
                yield each

    def _look(self, wanted: Wanted) -> _Looked | ImageError:
        """Reads, decodes, prepares. Runs in the threads."""
        started = time.perf_counter()
        try:
            content = read(wanted.source)
            sha256, specs = wanted.chosen(content)
            if specs is None:
                return _Looked(Embedded(0, 0, {}, sha256), {})
            picture = _decode(content)
        except ImageError as exc:
            return exc
        decoded = time.perf_counter()
        embedders = {spec: self._load(spec) for spec in specs}
        loaded = time.perf_counter()
        inputs = {spec: embedder.prepare(picture.pixels, wanted.region) for spec, embedder in embedders.items()}
        prepared = time.perf_counter()
        facts = Embedded(
            picture.width,
            picture.height,
            {},
            sha256,
            preview=make_preview(picture.pixels) if wanted.preview else b"",
            thumbnail=make_thumbnail(picture.pixels) if wanted.thumbnail else b"",
            timings_ms={"decode": (decoded - started) * 1000, "embed": (prepared - loaded) * 1000},
        )
        return _Looked(facts, inputs)

    def _load(self, spec: EmbedderSpec) -> Embedder:
        """What cannot be made is not tried again by the other threads, which all wait for it here."""
        with self._lock:
            if self._failure:
                raise self._failure
            try:
                return self._embedders.load(spec)
            except BackboneError as exc:
                self._failure = exc
                raise


def _decode(content: bytes | np.ndarray) -> Picture:
    if isinstance(content, bytes):
        return decode_image(content)
    height, width = content.shape[:2]
    return Picture(content, width, height, "")
