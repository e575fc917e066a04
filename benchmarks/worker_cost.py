"""What an upload costs by backbone and by what runs it: start of the worker, its memory, the time from bytes to embedding.

    python -m benchmarks.worker_cost [--rounds 5]

LiteRT and TensorFlow, alternately in every round, each in a new worker. Time and memory do not depend on the values of the
weights, so all run with random ones. Ratios are LiteRT's to TensorFlow's of the same round. Objects are looked for among
7,349 random vectors, as many as the Oxford-IIIT Pet dataset has pictures.
"""

from __future__ import annotations

import io
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.common import Row, machine, ratios, report, resident_mib, spread, subject
from imgsearch.distance import normalize
from imgsearch.embedding.embedders import Wanted
from imgsearch.embedding.networks import export_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.retrieval.objects import find_objects
from imgsearch.vectors.calibration import calibrate
from imgsearch.vectors.engines import DEFAULT_ENGINE, get_engine
from imgsearch.vectors.space import Space

BACKBONES = ("mini", "mobilenet_v2", "inception_v3")
N_UPLOADS = 20
N_SEARCHES = 5
N_ITEMS = 7_349
MEASURES = (
    "start to the first embedding, s",
    "resident memory, MiB",
    "peak memory, MiB",
    "upload of 0.2 MP, ms",
    "upload of 12 MP, ms",
    "objects in a photo of 0.3 MP, ms",
)


def photo(width: int, height: int) -> bytes:
    """A JPEG with the detail of a photo: smooth noise at several scales."""
    rng = np.random.default_rng(width)
    pixels = np.zeros((height, width, 3), np.float32)
    for cells in (4, 16, 64, 256):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        pixels += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 4
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def median_ms(worker: WorkerClient, data: bytes, spec: EmbedderSpec) -> float:
    """Median time of an upload, ms, after one to warm up."""
    times = []
    for _ in range(N_UPLOADS + 1):
        started = time.perf_counter()
        worker.embed(Wanted(data, [spec], preview=True))
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def random_space(spec: EmbedderSpec, folder: Path) -> Space:
    """A space of random vectors, with the usual index over them."""
    rng = np.random.default_rng(0)
    vectors = normalize(rng.normal(size=(N_ITEMS, spec.dim)).astype(np.float32))
    neighbors = rng.integers(0, N_ITEMS, (N_ITEMS, 20), np.int32)
    engine = get_engine(DEFAULT_ENGINE)
    params = engine.checked({})
    engine.build(vectors, folder / f"{spec.name}.index", params)
    index = engine.open(folder / f"{spec.name}.index", vectors, params)
    calibration = calibrate(vectors, neighbors, [""] * N_ITEMS)
    return Space(
        name=spec.space,
        spec=spec,
        embeddings=vectors,
        index=index,
        neighbors=neighbors,
        projection=np.zeros((N_ITEMS, 2), np.float32),
        calibration=calibration,
    )


def objects_ms(worker: WorkerClient, space: Space) -> float:
    """Median time of a search for objects, ms, as the page asks for it."""
    looked = worker.embed(Wanted(photo(640, 480), [space.spec], preview=True))
    times = []
    for _ in range(N_SEARCHES + 1):
        started = time.perf_counter()
        find_objects(space, WorkerEmbedders(worker), looked.preview, (640, 480), looked.vectors[space.spec])
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def measure(spec: EmbedderSpec, home: Path, small: bytes, large: bytes, space: Space) -> list[float]:
    """See `MEASURES`."""
    worker = WorkerClient(home, timeout_s=300, queue=1)
    try:
        started = time.perf_counter()
        worker.embed(Wanted(small, [spec], preview=True))
        start_s = time.perf_counter() - started
        small_ms, large_ms = median_ms(worker, small, spec), median_ms(worker, large, spec)
        assert worker.pid
        memory = resident_mib(worker.pid), resident_mib(worker.pid, "VmHWM")
        return [start_s, *memory, small_ms, large_ms, objects_ms(worker, replace(space, spec=spec))]
    finally:
        worker.close()


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    small, large = photo(500, 375), photo(4000, 3000)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in BACKBONES:
            by_tensorflow = subject(name, None, home).spec
            by_litert = replace(by_tensorflow, network=export_network(by_tensorflow, home, []))
            space = random_space(by_litert, home)
            rounds: dict[EmbedderSpec, list[list[float]]] = {by_litert: [], by_tensorflow: []}
            for number in range(options.rounds):
                for spec in list(rounds)[:: 1 if number % 2 else -1]:
                    rounds[spec].append(measure(spec, home, small, large, space))
            columns = [zip(*measured, strict=True) for measured in (rounds[by_litert], rounds[by_tensorflow])]
            for title, litert, tensorflow in zip(MEASURES, *columns, strict=True):
                row: Row = {"backbone": name, "measure": title, "litert": spread(litert), "tensorflow": spread(tensorflow)}
                rows.append({**row, "ratio": spread(ratios(litert, tensorflow))})
    report(options.save, {"rounds": options.rounds, "workers": rows})


if __name__ == "__main__":
    main()
