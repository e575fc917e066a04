"""What the benchmarks share: pictures, a model with weights, clocks, tables, and how a result is kept.

A result is data: tables, which are lists of rows, a row a dictionary that begins with what it is of; and single values,
by name. Names say the unit. A value with an interval is an `Interval`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
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

RESULTS = Path(__file__).parent / "results"
_MADE_HERE = (":!benchmarks/results", ":!benchmarks/templates", ":!docs", ":!README.md")
_PACKAGES = ("tensorflow-cpu", "tensorflow", "keras", "ai-edge-litert", "numpy", "pillow", "annoy", "usearch", "streamlit")
_MOST_OF_A_LINE = 300
_STARTED = time.perf_counter()

Row = dict[str, Any]
Interval = dict[str, float]
"""`value`, and from `low` to `high` what it may as well have been."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes: see `report`."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--save", metavar="NAME", help="write the result to benchmarks/results/NAME.json")
    if "--save" in sys.argv:
        commit_of_tree()
    return made


def arguments(description: str | None, *, pictures: int, repeats: int) -> argparse.ArgumentParser:
    """The same with what those of speed take."""
    made = parser(description)
    made.add_argument("--backbone", default="inception_v3", help="row of imgsearch.embedding.backbones [%(default)s]")
    made.add_argument("--weights", type=Path, help="HDF5 file [random weights: speed does not depend on them]")
    made.add_argument("--images", type=Path, help="folder of pictures [drawn: 500 x 375 JPEGs with noise]")
    made.add_argument("--pictures", type=int, default=pictures, help="at most so many [%(default)s]")
    made.add_argument("--repeats", type=int, default=repeats, help="rounds, each measures everything [%(default)s]")
    return made


def one_backbone(description: str | None) -> tuple[argparse.Namespace, Embedder]:
    """What a benchmark of quality takes, `images` and `backbone` among it, and the embedder of that name."""
    made = parser(description)
    made.add_argument("--images", type=Path, required=True, help="folder of pictures")
    made.add_argument("--backbone", default="mini", help="row of imgsearch.embedding.backbones [%(default)s]")
    made.add_argument("--weights", type=Path, help="HDF5 file; the bundled backbone needs none")
    options = made.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home = Path(temporary)
        weights = keep_weights(options.weights, home) if options.weights else None
        return options, load_embedder(embedder_spec(options.backbone, weights=weights), home)


def processor() -> str:
    """Processor, the instructions of it that matter here, and cores."""
    name, flags = platform.processor() or platform.machine(), list[str]()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
        flags = next((line.split() for line in lines if line.startswith("flags")), [])
    except OSError:
        pass
    has = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return f"{name}{' with ' + ', '.join(has) if has else ''}; {n_processors()} cores"


def versions() -> dict[str, str]:
    """Of Python and of the packages that compute."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> str:
    """Processor, load and versions, in a line."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{processor()}{load}; {', '.join(f'{name} {number}' for name, number in versions().items())}"


def report(name: str | None, result: Mapping[str, Any]) -> None:
    """Prints a result, and with a name keeps it."""
    for title, value in result.items():
        print_result(title, value)
    if name:
        save_result(name, result)


def save_result(name: str, result: Mapping[str, Any]) -> None:
    """Writes benchmarks/results/NAME.json: the result, and what it was measured with, when and how.

    `python -m benchmarks.documents` then brings it into the documents.
    """
    main = sys.modules["__main__"].__spec__
    words = sys.argv[1:]
    if "--save" in words:
        at = words.index("--save")
        del words[at : at + 2]
    commit, is_clean = commit_of_tree()
    about = {
        "command": shlex.join(["python", "-m", main.name if main else sys.argv[0], *words]),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit,
        "is_clean": is_clean,
        "machine": processor(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(),
        "seconds": round(time.perf_counter() - _STARTED),
    }
    rounded = json.loads(json.dumps(result), parse_float=lambda digits: float(f"{float(digits):.6g}"))
    (RESULTS / f"{name}.json").write_text(folded({**about, "result": rounded}) + "\n", encoding="utf-8")


def folded(value: Any, margin: str = "\n") -> str:
    """JSON with a line for each part that fits in one, so that a difference shows which row has changed."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _MOST_OF_A_LINE or not isinstance(value, dict | list):
        return text
    names = [f"{json.dumps(name)}: " for name in value] if isinstance(value, dict) else [""] * len(value)
    parts = value.values() if isinstance(value, dict) else value
    lines = [name + folded(part, margin + " ") for name, part in zip(names, parts, strict=True)]
    return f"{text[0]}{margin} {f',{margin} '.join(lines)}{margin}{text[-1]}"


@cache
def commit_of_tree() -> tuple[str, bool]:
    """The commit when first asked, and whether nothing was changed since it but results and what is made of them."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(RESULTS.parents[1]), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return git("rev-parse", "--short=10", "HEAD"), not git("status", "--porcelain", "--", ".", *_MADE_HERE)


def picture_files(folder: Path) -> list[Path]:
    """Those of a folder and of what is below it, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def gather(images: Path | None, n: int, into: Path) -> list[Path]:
    """Up to n picture files in a folder of their own: links to those of `images`, or pictures drawn here."""
    into.mkdir()
    if images is None:
        return [_draw(into / f"{number:05}.jpg", number) for number in range(n)]
    found = picture_files(images)[:n]
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


def spread(values: Sequence[float]) -> Interval:
    """Median, from least to greatest."""
    return {"value": statistics.median(values), "low": min(values), "high": max(values)}


def middle(values: Sequence[float]) -> Interval:
    """Median, from tenth to ninetieth percentile: single queries have outliers when others use the machine."""
    low, value, high = (float(each) for each in np.percentile(values, [10, 50, 90]))
    return {"value": value, "low": low, "high": high}


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Quotients of what was measured in the same round: what slows the whole machine falls out."""
    return [a / b for a, b in zip(above, below, strict=True)]


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for first, *others in (head, ["-" * width for width in widths], *rows):
        print("  ".join([f"{first:<{widths[0]}}", *(f"{x:>{w}}" for x, w in zip(others, widths[1:], strict=True))]))


def as_text(value: Any, form: str = "") -> str:
    """A value of a result as documents have it: the format holds for each number in it; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        median, low, high = (as_text(value[name], form) for name in ("value", "low", "high"))
        return f"{median} ({low} to {high})"
    if isinstance(value, list | tuple):
        return ", ".join(as_text(each, form) for each in value)
    if isinstance(value, float | int):
        return format(value, form or (",d" if isinstance(value, int) else ".4g")).replace("%", " %")
    return format(value, form)


def print_result(title: str, value: Any) -> None:
    """A part of a result: a table, several by name, or a value."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        print(f"\n{title}")
        print_table(list(value[0]), [[as_text(cell) for cell in row.values()] for row in value])
    elif isinstance(value, Mapping) and "low" not in value:
        for name, part in value.items():
            print_result(f"{title}, {name}", part)
    else:
        print(f"{title}: {as_text(value)}")
