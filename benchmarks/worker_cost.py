"""What an upload costs by backbone: start-up of the worker, its memory, and the time from bytes to embedding.

    python -m benchmarks.worker_cost

Side by side for the bundled backbone, mobilenet_v2 and inception_v3. Time and memory do not depend on the values of the
weights, so
the two that cannot be bundled run with random ones. Ratios are to the first row.
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import machine, resident_mib, subject
from imgsearch.embedding.backbones import get_backbone
from imgsearch.embedding.embedders import Wanted
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.embedding.worker.client import WorkerClient

BACKBONES = ("mini", "mobilenet_v2", "inception_v3")
N_UPLOADS = 20


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


def spec_for(name: str, home: Path) -> EmbedderSpec:
    """The backbone with its bundled weights, or with random ones kept in the home."""
    return embedder_spec(name) if get_backbone(name).bundled else subject(name, None, home).spec


def median_ms(worker: WorkerClient, data: bytes, spec: EmbedderSpec) -> float:
    """Median time of an upload, ms, after one to warm up."""
    times = []
    for _ in range(N_UPLOADS + 1):
        started = time.perf_counter()
        worker.embed(Wanted(data, [spec], preview=True))
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times[1:])


def measure(name: str, home: Path) -> tuple[float, float, float, float]:
    """Start-up in s, memory in MiB, and ms an upload of a small and of a 12-megapixel picture."""
    spec = spec_for(name, home)
    worker = WorkerClient(home, timeout_s=300, queue=1)
    try:
        started = time.perf_counter()
        worker.load(spec)
        start_s = time.perf_counter() - started
        small = median_ms(worker, photo(500, 375), spec)
        large = median_ms(worker, photo(4000, 3000), spec)
        return start_s, resident_mib(worker.pid or 0), small, large
    finally:
        worker.close()


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(machine() + "\n")
    print("| backbone | start of the worker | memory | upload of 0.2 MP | upload of 12 MP |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        rows = {name: measure(name, Path(folder)) for name in BACKBONES}
    first = rows[BACKBONES[0]]
    for name, row in rows.items():
        ratios = [f"{value / base:.1f} x" for value, base in zip(row, first, strict=True)]
        cells = (f"{row[0]:.1f} s", f"{row[1]:.0f} MiB", f"{row[2]:.0f} ms", f"{row[3]:.0f} ms")
        print(f"| {name} | " + " | ".join(f"{cell} ({ratio})" for cell, ratio in zip(cells, ratios, strict=True)) + " |")


if __name__ == "__main__":
    main()
