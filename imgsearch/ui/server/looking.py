"""Pictures that the worker looks at for a visitor: each counts, visitors take turns, and what was embedded is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import streamlit as st

from imgsearch.embedding.embedders import WHOLE, Embedded, Outcome, Regions, Source, Wanted, embed_all, read
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import ImageError, WorkerError, WorkerLimitError
from imgsearch.pictures.regions import Region
from imgsearch.reasons import say
from imgsearch.retrieval.objects import Objects
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import limits, visitors

MAX_EMBEDDED_PICTURES = 32
PARTS_AT_ONCE = 8
"""Parts of a picture in one request: others want the worker too, and the visitor may want something else."""
_EMBEDDED = "embedded"
_FOUND = "objects"
_K = TypeVar("_K")
_V = TypeVar("_V")
_Key = tuple[int, int, tuple[EmbedderSpec, ...], Region | None]


@dataclass(frozen=True)
class Found:
    """What was found in a query picture.

    Attributes:
        objects: Its parts.
        is_foreign: Whether nothing in the collection is like the whole of it.
    """

    objects: Objects
    is_foreign: bool


def keep_found(key: Hashable, found: Found) -> None:
    """Keeps what was found while the page is open, the last few only."""
    _keep(_kept_found(), key, found)


def found_before(key: Hashable) -> Found | None:
    """What was kept."""
    return _kept_found().get(key)


def _keep(kept: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    """Puts it last, and lets go of the first ones where they are too many."""
    kept[key] = value
    while len(kept) > MAX_EMBEDDED_PICTURES:
        kept.popitem(last=False)


def _kept_found() -> OrderedDict[Hashable, Found]:
    return st.session_state.setdefault(_FOUND, OrderedDict())  # type: ignore[no-any-return]


@dataclass(frozen=True)
class VisitorEmbedders:
    """See `Embedders`: the worker, for this visitor. What it made of a picture is kept while the page is open.

    Attributes:
        before: Called before each request that looks at parts. What it raises ends the search for objects: Streamlit does
            where something is drawn, once the visitor wants something else.
        unusable: The pictures that it could not use so far, and why.
    """

    before: Callable[[], object] = lambda: None
    unusable: list[tuple[Source, ImageError]] = field(default_factory=list)

    def embed(self, wanted: Iterable[Wanted]) -> Iterator[Outcome]:
        """See `Embedders.embed`; WorkerLimitError where too many were looked at for this visitor in the last minute."""
        for each in wanted:
            try:
                yield self._embed(each)
            except WorkerError as exc:
                yield exc
            except ImageError as exc:
                self.unusable.append((each.source, exc))
                yield exc

    def _embed(self, wanted: Wanted) -> Embedded:
        kept: OrderedDict[_Key, Embedded] = st.session_state.setdefault(_EMBEDDED, OrderedDict())
        data = read(wanted.source)
        assert isinstance(data, bytes)
        assert not callable(wanted.specs)
        # Bytes know their hash once it was asked for (64 bits, with a secret of this process), so that an upload, which the
        # session holds, is hashed once. The key itself must not hold it: uploads are forgotten before this.
        key = (hash(data), len(data), tuple(wanted.specs), wanted.region)
        if key not in kept:
            count_look()
            (embedded,) = embed_all(resources.embedders(visitors.this()), [replace(wanted, source=data)])
            _keep(kept, key, embedded)
        kept.move_to_end(key)
        return kept[key]

    def feature_maps(self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        """See `Embedders.feature_maps`. WorkerLimitError as for `embed`."""
        self.before()
        count_look()
        return resources.embedders(visitors.this()).feature_maps(source, spec, regions)

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        """See `Embedders.embed_parts`. Does not count: the search for objects that asks for it has."""
        vectors = []
        for first in range(0, len(regions), PARTS_AT_ONCE):
            self.before()
            parts = regions[first : first + PARTS_AT_ONCE]
            vectors.append(resources.embedders(visitors.this()).embed_parts(source, spec, parts))
        return np.concatenate(vectors)


def count_look() -> None:
    """Counts a look at a picture.

    Raises:
        WorkerLimitError: there were too many for this visitor in the last minute.
    """
    if not limits.may_look():
        most = get_settings().uploads_per_minute
        raise WorkerLimitError(say("look_too_often", most=most), hint="Try again in a moment.")
