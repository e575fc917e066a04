"""The worker's program: `python -m imgsearch.embedding.worker.program HOME`.

Requests come on stdin; answers leave on a private copy of stdout, since TensorFlow prints to the public one. It ends when
its input ends.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from imgsearch.embedding.embedders import Embedded, Wanted, embed_all
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.protocol import Answer, read_message, write_message
from imgsearch.errors import ImgSearchError
from imgsearch.pictures.regions import Region

MAX_MODELS = 2


class Worker:
    """Answers requests one by one, and keeps the last backbones it used."""

    def __init__(self, home: Path) -> None:
        self._embedders = LocalEmbedders(home, most_kept=MAX_MODELS)

    def answer(self, header: Mapping[str, Any], body: bytes) -> Answer:
        try:
            specs = [EmbedderSpec.from_json(spec) for spec in header["specs"]]
            regions = [Region.parse(region) if region else None for region in header["regions"]]
            match header["task"]:
                case "load":
                    self._embedders.load(specs[0])
                    return {}, []
                case "feature_maps":
                    return _maps(self._embedders.feature_maps(body, specs[0], regions))
                case "embed_parts":
                    return {}, [_to_bytes(self._embedders.embed_parts(body, specs[0], regions))]
                case "embed":
                    (region,) = regions
                    wanted = Wanted(body, specs, region, preview=header["preview"], thumbnail=header["thumbnail"])
                    (embedded,) = embed_all(self._embedders, [wanted])
                    return _embedded(embedded)
            raise ValueError("not a task")
        except ImgSearchError as exc:
            return {"error": type(exc).__name__, "message": exc.message, "hint": exc.hint}, []
        except Exception:  # a defect of ours must cost one request, not the worker; the log says what it was
            traceback.print_exc()
            return {"error": "WorkerError", "message": "The picture could not be looked at.", "hint": None}, []


def _embedded(embedded: Embedded) -> Answer:
    facts = {"width": embedded.width, "height": embedded.height, "timings_ms": embedded.timings_ms}
    return facts, [*map(_to_bytes, embedded.vectors.values()), embedded.preview, embedded.thumbnail]


def _maps(of_regions: Sequence[FeatureMaps]) -> Answer:
    facts = {
        "grids": [maps.values.shape[:2] for maps in of_regions],
        "windows": [astuple(maps.window) for maps in of_regions],
    }
    return facts, [_to_bytes(part) for maps in of_regions for part in (maps.values, maps.offset)]


def _to_bytes(array: np.ndarray) -> bytes:
    return array.astype("<f4").tobytes()


def main(home: Path) -> None:
    """Serves until the input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # from here on, whatever anyone prints goes to the log
    worker = Worker(home)
    while (request := read_message(sys.stdin.buffer)) is not None:
        header, (body,) = request
        write_message(answers, *worker.answer(header, body))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
