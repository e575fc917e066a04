"""How fast is a build, against the bare network and against the loop that small demos run?

    python -m benchmarks.build_throughput [--backbone inception_v3] [--images DIR] [--weights FILE]

Every round measures, one after the other, in an order that turns:
  bare     the plain Keras model as one tf.function, on preprocessed batches of 32 that lie ready in memory;
  build    build_collection: read, decode, thumbnail, prepare, embed, ledger; with and without writing and opening the
           collection at the end. The network is exported and loaded before (a first build pays that once);
  TensorFlow  the same build with TensorFlow in place of LiteRT;
  bfloat16 the same build with --precision bfloat16;
  loop     load_img and model.predict, one picture at a time, on a few of the pictures.
A ratio is of two numbers of one round. CPU ms a picture is the time of all cores together, which others on the machine
disturb less than the rate.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import (
    Row,
    Subject,
    arguments,
    compiled,
    gather,
    machine,
    ratios,
    report,
    spread,
    subject,
)
from imgsearch.collection import build
from imgsearch.embedding.embedder import BATCH_SIZE, Embedder
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.networks import export_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.pictures import decode
from imgsearch.settings import N_THREADS

LOOP_PICTURES = 24
NEIGHBOURS = 10


class Rounds:
    """The measurements, each with a list of seconds per picture; and the same in seconds of all cores together."""

    def __init__(self, subject: Subject, folder: Path, paths: list[Path], home: Path) -> None:
        self.subject = subject
        self.seconds: dict[str, list[float]] = {}
        self.cpu_seconds: dict[str, list[float]] = {}
        self.galleries: dict[str, np.ndarray] = {}
        self._folder, self._paths, self._home = folder, paths, home
        exported = replace(subject.spec, network=export_network(subject.spec, home, paths))
        half = replace(subject.spec, precision="bfloat16")
        self._specs = {"float32": exported, "TensorFlow": subject.spec, "bfloat16": half}
        self._embedders = LocalEmbedders(home)
        self._ready: dict[EmbedderSpec, Embedder] = {spec: self._embedders.load(spec) for spec in self._specs.values()}
        self._forward = compiled(subject.model)
        embedder = self._ready[exported]
        prepared = np.stack([embedder.prepare(decode.decode_image(path).pixels) for path in paths])
        # preprocess_input overwrites its input, so each batch is an array of its own.
        self._batches = [
            np.asarray(subject.preprocess(prepared[i : i + BATCH_SIZE].astype(np.float32)))
            for i in range(0, len(prepared), BATCH_SIZE)
        ]
        self._n_builds = 0

    def warm(self) -> None:
        for size in {len(batch) for batch in self._batches}:
            self._forward(self._batches[0][:size])
            for embedder in self._ready.values():
                shape = (self.subject.backbone.input_size,) * 2 + (3,)
                embedder.embed_prepared([np.zeros(shape, np.uint8)] * size)
        self._predict(self._paths[0])

    def bare(self) -> None:
        with self._measured("bare", len(self._paths)):
            for batch in self._batches:
                self._forward(batch)

    def build(self, how: str) -> None:
        self._n_builds += 1
        until_writing = ExitStack()

        def progress(done: int, total: int, what: str) -> None:
            if what != "embedding":
                until_writing.close()

        until_writing.enter_context(self._measured(how, len(self._paths)))
        with self._measured(f"{how}, written", len(self._paths)):
            report = build.build_collection(
                f"run-{self._n_builds}",
                self._folder,
                home=self._home,
                specs=[self._specs[how]],
                embedders=self._embedders,
                progress=progress,
            )
        assert report.n_embedded == len(self._paths)
        self.galleries[how] = np.array(report.collection.space().embeddings)

    def loop(self) -> None:
        paths = self._paths[:LOOP_PICTURES]
        with self._measured("loop", len(paths)):
            for path in paths:
                self._predict(path)

    def _predict(self, path: Path) -> Any:
        import keras

        size = self.subject.backbone.input_size
        picture = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(size, size)))
        return self.subject.model.predict(self.subject.preprocess(picture[None]), verbose=0)

    @contextmanager
    def _measured(self, name: str, n_pictures: int) -> Iterator[None]:
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        self.cpu_seconds.setdefault(name, []).append((time.process_time() - cpu_started) / n_pictures)
        self.seconds.setdefault(name, []).append((time.perf_counter() - started) / n_pictures)


def agreement(queries: np.ndarray, gallery: np.ndarray, other: np.ndarray, k: int) -> float:
    """Share of the k nearest in one gallery that are among the k nearest in the other; each picture leaves itself out."""
    shares = []
    for row, query in enumerate(queries):
        nearest = []
        for vectors in (gallery, other):
            cosines = vectors @ query
            cosines[row] = -np.inf
            nearest.append(set(np.argsort(-cosines, kind="stable")[:k].tolist()))
        shares.append(len(nearest[0] & nearest[1]) / k)
    return float(np.mean(shares))


def main() -> None:
    parser = arguments(__doc__, pictures=192, repeats=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home = Path(temporary) / "home"
        paths = gather(options.images, options.pictures, Path(temporary) / "pictures")
        print(machine())
        rounds = Rounds(subject(options.backbone, options.weights, home), Path(temporary) / "pictures", paths, home)
        rounds.warm()
        builds: list[Callable[[], None]] = [partial(rounds.build, how) for how in ("float32", "TensorFlow", "bfloat16")]
        steps = [rounds.bare, *builds, rounds.loop]
        for number in range(options.repeats):
            for step in steps[number % len(steps) :] + steps[: number % len(steps)]:
                step()
    weights = options.weights.name if options.weights else "random weights"
    size = sum(path.stat().st_size for path in paths if path.exists()) / max(1, len(paths)) / 1000
    source = f"{options.images}" if options.images else "drawn, 500 x 375"
    print(
        f"{options.backbone} ({weights}), {len(paths)} pictures ({source}{f', {size:.0f} KB' if size else ''}), "
        f"{options.repeats} rounds, {N_THREADS} decoding threads; median (least to greatest)"
    )
    seconds = rounds.seconds
    names = {
        "bare": "bare forward, batches of 32 in memory",
        "float32": "build, until the index is written",
        "float32, written": "build, whole",
        "TensorFlow": "build with TensorFlow, until the index is written",
        "TensorFlow, written": "build with TensorFlow, whole",
        "bfloat16": "build in bfloat16, until the index is written",
        "bfloat16, written": "build in bfloat16, whole",
        "loop": "loop: decode + model.predict, one by one",
    }
    rates: list[Row] = [
        {
            "what": title,
            "pictures_a_second": spread([1 / value for value in seconds[name]]),
            "by_bare": spread(ratios(seconds["bare"], seconds[name])),
            "by_loop": spread(ratios(seconds["loop"], seconds[name])),
            "cpu_ms_a_picture": 1000 * statistics.median(rounds.cpu_seconds[name]),
        }
        for name, title in names.items()
    ]
    others: list[Row] = []
    for how in ("TensorFlow", "bfloat16"):
        gain = ratios(seconds[how], seconds["float32"])
        share = agreement(rounds.galleries["float32"], rounds.galleries["float32"], rounds.galleries[how], NEIGHBOURS)
        cosine = (rounds.galleries["float32"].astype(float) * rounds.galleries[how]).sum(axis=1)
        apart = 1 - cosine.min()
        # With random weights agreement says little.
        others.append({"other": how, "speed_by_other": spread(gain), "same_of_10": float(share), "apart": float(apart)})
    report(options.save, {"pictures": len(paths), "rates": rates, "others": others})


if __name__ == "__main__":
    main()
