"""The worker's program: `python -m imgsearch.embedding.worker.program HOME`.

Requests come on stdin; answers leave on a private copy of stdout, since TensorFlow prints to the public one. It ends when
its input ends.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from imgsearch.embedding.embedders import Embedder, load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.protocol import Answer, read_message, write_message
from imgsearch.errors import ImgSearchError
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region
from imgsearch.pictures.scaling import make_preview

MAX_MODELS = 2


class Worker:
    """Answers requests one by one, and keeps the last backbones it used."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._embedders: OrderedDict[EmbedderSpec, Embedder] = OrderedDict()

    def answer(self, header: Mapping[str, Any], body: bytes) -> Answer:
        try:
            embedder = self._embedder(EmbedderSpec.from_json(header["spec"]))
            if header["task"] == "load":
                return {}, []
            region = Region.parse(header["region"]) if header["region"] else None
            task = {"embed": _embed, "feature_maps": _feature_maps}[header["task"]]
            return task(embedder, body, region)
        except ImgSearchError as exc:
            return {"error": type(exc).__name__, "message": exc.message, "hint": exc.hint}, []
        except Exception:  # a defect of ours must cost one request, not the worker; the log says what it was
            traceback.print_exc()
            return {"error": "WorkerError", "message": "The picture could not be looked at.", "hint": None}, []

    def _embedder(self, spec: EmbedderSpec) -> Embedder:
        if spec.is_descriptor:  # has nothing to load, and must not push out a backbone
            return load_embedder(spec, self._home)
        if spec not in self._embedders:
            while len(self._embedders) >= MAX_MODELS:
                self._embedders.popitem(last=False)
            self._embedders[spec] = load_embedder(spec, self._home)
        self._embedders.move_to_end(spec)
        return self._embedders[spec]


def _embed(embedder: Embedder, body: bytes, region: Region | None) -> Answer:
    started = time.perf_counter()
    picture = decode_image(body)
    decoded = time.perf_counter()
    (embedding,) = embedder.embed_prepared([embedder.prepare(picture.pixels, region)])
    embedded = time.perf_counter()
    timings = {"decode": (decoded - started) * 1000, "embed": (embedded - decoded) * 1000}
    facts = {"width": picture.width, "height": picture.height, "timings_ms": timings}
    return facts, [_to_bytes(embedding), make_preview(picture.pixels)]


def _feature_maps(embedder: Embedder, body: bytes, region: Region | None) -> Answer:
    maps = embedder.feature_maps(decode_image(body).pixels, region)
    facts = {"grid": maps.values.shape[:2], "window": astuple(maps.window)}
    return facts, [_to_bytes(maps.values), _to_bytes(maps.offset)]


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
