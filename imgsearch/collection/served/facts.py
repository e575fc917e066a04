"""What is known of a collection on a server as a whole, kept beside its rows: made by a load, read when it is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, IncompatibleCollectionError
from imgsearch.pictures.items import Skipped
from imgsearch.reasons import say
from imgsearch.records import read
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.vectors.projection import Method

FORMAT_VERSION = 1
LANDMARK_EVERY = 4_096
"""Items between two landmarks."""


@dataclass(frozen=True)
class SpaceFacts:
    """Of a space.

    Attributes:
        embedder: What made its vectors.
        mean: The average of those of the sample.
        is_varied, map_method: See `OpenedSpace` and `SpaceEntry`.
        map_rows, map_xs, map_ys: Ids of the items on the map, ascending, and where they stand.
        calibration: See `Calibration.to_json`.
    """

    embedder: EmbedderSpec
    mean: tuple[float, ...]
    is_varied: bool
    map_method: Method
    map_rows: tuple[int, ...]
    map_xs: tuple[float, ...]
    map_ys: tuple[float, ...]
    calibration: str


@dataclass(frozen=True)
class Facts:
    """Of a collection.

    Attributes:
        title, source, license: See `Manifest`.
        updated: UTC time of the load, ISO 8601.
        datasets: Addresses that it was loaded from, one a space.
        n_items, n_skipped: Pictures in it, and what was left out of the first dataset.
        n_sampled: Items that calibrations, maps and evaluations come from: those with the smallest ids.
        n_measured: Items that there were when those were measured.
        sampled: A digest of those and of what embedded them.
        skipped: Some of what was left out.
        typical_item: See `typical.typical_row`.
        label_counts: Number of items of each label, labels in alphabetical order.
        landmarks: By label, and "" for all: every LANDMARK_EVERY-th id, where there are so many.
        spaces: By name, the default first.
        evaluations: What was measured; empty where no two pictures share a label.
    """

    title: str
    source: str
    license: str
    updated: str
    datasets: tuple[str, ...]
    n_items: int
    n_skipped: int
    n_sampled: int
    n_measured: int
    sampled: str
    skipped: tuple[Skipped, ...]
    typical_item: str
    label_counts: Mapping[str, int]
    landmarks: Mapping[str, tuple[int, ...]]
    spaces: Mapping[str, SpaceFacts]
    evaluations: tuple[Evaluation, ...]

    def to_bytes(self) -> bytes:
        """As JSON, UTF-8; the same facts give the same bytes."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Facts:
        """The opposite of `to_bytes`.

        Raises:
            IncompatibleCollectionError: they are of another version, or name an embedder that is not known here.
        """
        try:
            body: dict[str, Any] = json.loads(data)
            if body.pop("format_version") != FORMAT_VERSION:
                raise ValueError("of another version")
            return read(cls, body)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            hint = "Load it again: python -m imgsearch cluster load"
            raise IncompatibleCollectionError(say("server_other"), hint=hint) from exc
        except BackboneError as exc:
            raise IncompatibleCollectionError(f"The collection cannot be served here. {exc.message}") from exc
