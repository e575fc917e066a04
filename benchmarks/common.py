"""What the benchmarks share: pictures, a model with weights, clocks and tables."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imgsearch.embedding.backbones import Backbone, get_backbone
from imgsearch.embedding.embedder import Embedder, load_embedder
from imgsearch.embedding.network import build_model, import_keras
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.embedding.weights import keep_weights
from imgsearch.processors import n_processors


def arguments(description: str | None, *, pictures: int, repeats: int) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="inception_v3", help="row of imgsearch.embedding.backbones [%(default)s]")
    parser.add_argument("--weights", type=Path, help="HDF5 file [random weights: speed does not depend on them]")
    parser.add_argument("--images", type=Path, help="folder of pictures [drawn: 500 x 375 JPEGs with noise]")
    parser.add_argument("--pictures", type=int, default=pictures, help="at most so many [%(default)s]")
    parser.add_argument("--repeats", type=int, default=repeats, help="rounds, each measures everything [%(default)s]")
    return parser


def one_backbone(description: str | None) -> tuple[argparse.Namespace, Embedder]:
    """What a benchmark of quality takes, `images` and `backbone` among it, and the embedder of that name."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--backbone", default="mini", help="row of imgsearch.embedding.backbones [%(default)s]")
    parser.add_argument("--weights", type=Path, help="HDF5 file; the bundled backbone needs none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home = Path(temporary)
        weights = keep_weights(options.weights, home) if options.weights else None
        return options, load_embedder(embedder_spec(options.backbone, weights=weights), home)


def machine() -> str:
    """Processor, cores, load and versions, in a line."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), processor)
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
        processor += " with " + ", ".join(f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in flags)
    except OSError:
        pass
    names = ("tensorflow-cpu", "tensorflow", "keras", "numpy", "pillow")
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except ModuleNotFoundError:
            continue
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{processor}; {n_processors()} cores, {load}; Python {platform.python_version()}, {', '.join(found)}"


def gather(images: Path | None, n: int, into: Path) -> list[Path]:
    """Up to n picture files in a folder of their own: links to those of `images`, or pictures drawn here."""
    into.mkdir()
    if images is None:
        return [_draw(into / f"{number:05}.jpg", number) for number in range(n)]
    found = [path for path in sorted(images.rglob("*")) if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")][:n]
    if not found:
        sys.exit(f"No pictures in {images}.")
    for number, path in enumerate(found):
        (into / f"{number:05}-{path.name}").symlink_to(path.resolve())
    return sorted(into.iterdir())


def _draw(path: Path, seed: int) -> Path:
    """A JPEG that costs as much as a photograph: soft colours, edges and grain; 500 x 375 px, about 80 KB."""
    rng = np.random.default_rng(seed)
    soft = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((500, 375), Image.Resampling.BICUBIC)
    hard = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).resize((500, 375), Image.Resampling.NEAREST)
    pixels = 0.7 * np.asarray(soft, np.float32) + 0.25 * np.asarray(hard, np.float32) + rng.normal(0, 9, (375, 500, 3))
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=90)
    return path


@dataclass(frozen=True)
class Subject:
    """A backbone, the weights kept in a home, and a plain Keras model of the same weights."""

    backbone: Backbone
    spec: EmbedderSpec
    model: Any
    preprocess: Callable[[np.ndarray], np.ndarray]


def subject(name: str, weights: Path | None, home: Path) -> Subject:
    """Makes the model and keeps its weights."""
    backbone = get_backbone(name)
    keras = import_keras()
    model = build_model(backbone, "pooled")
    if weights is None:
        home.mkdir(parents=True, exist_ok=True)
        weights = home / "random.weights.h5"
        model.save_weights(weights)
    digest = keep_weights(weights, home)
    model.load_weights(weights)
    preprocess = getattr(keras.applications, backbone.module).preprocess_input
    return Subject(backbone, EmbedderSpec(name, weights=digest), model, preprocess)


def compiled(model: Any) -> Callable[[Any], np.ndarray]:
    """The plain Keras model as one tf.function: what a careful program without imgsearch would call."""
    import tensorflow as tf

    _, height, width, channels = model.input_shape
    signature = tf.TensorSpec([None, height, width, channels], tf.float32)
    function = tf.function(lambda batch: model(batch, training=False), input_signature=[signature])
    return lambda batch: np.asarray(function(batch))


def resident_mib(pid: int, field: str = "VmRSS") -> float:
    """Resident memory of a process, MiB: now, or the most it had ("VmHWM")."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"no {field} of process {pid}")


@contextmanager
def clock(into: list[float]) -> Iterator[None]:
    """Appends the seconds that the block takes."""
    started = time.perf_counter()
    yield
    into.append(time.perf_counter() - started)


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Median (least to greatest)."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def middle(values: Sequence[float], form: str = ".2f") -> str:
    """Median (tenth to ninetieth percentile): single queries have outliers when others use the machine."""
    low, high = np.percentile(values, [10, 90])
    return spread([low, float(np.median(values)), high], form)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Quotients of what was measured in the same round: what slows the whole machine falls out."""
    return [a / b for a, b in zip(above, below, strict=True)]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for first, *others in (head, ["-" * width for width in widths], *rows):
        print("  ".join([f"{first:<{widths[0]}}", *(f"{x:>{w}}" for x, w in zip(others, widths[1:], strict=True))]))
