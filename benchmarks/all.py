"""Measures everything anew, one after the other: `python -m benchmarks.all [NAME ...] [--list]`.

The data is in ../shared: photos of pets, flowers and other things, and weights of mobilenet_v2. What has a result of this
very commit is not measured again, so that a run that was stopped goes on; what fails is told at the end. Each says what
moved from the result in the commit: what left its interval, and what has none and differs by more than 1 %. Collections
and logs are kept in build/benchmarks. Commit first: a result says whether the work tree was clean.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, Row, as_text, commit_of_tree

HOME = RESULTS.parents[1] / "build" / "benchmarks"
_MOST_S = 3 * 3600
"""A browser may wait for ever for what does not come."""
_PETS, _FLOWERS, _PHOTOS = (f"../shared/{name}" for name in ("pets", "flowers", "photos"))
_WEIGHTS = "--weights ../shared/weights/mobilenet_v2_imagenet_full.weights.h5"
_NOTOP = "--weights ../shared/weights/mobilenet_v2_imagenet_notop.weights.h5"
_LABELS = r"--label-pattern '(?P<label>[^/]+)_\d+\.jpg$'"
_DESCRIPTORS = (
    "--embedder color_histogram --embedder color_layout --embedder edge_histogram --embedder cedd --embedder joint"
)
_BOTH = f"--embedder mobilenet_v2 --embedder mini {_WEIGHTS}"

BUILDS = (
    f"imgsearch build pets --images {_PETS} {_LABELS} {_BOTH} {_DESCRIPTORS} --pca 128 --quiet",
    f"imgsearch build flowers --images {_FLOWERS} {_LABELS} {_BOTH} --quiet",
    f"imgsearch build photos --images {_PHOTOS} {_BOTH} --quiet",
    "imgsearch sample",
)
"""Collections that are asked, made or brought up to date first."""
RUNS = {
    "quality": "benchmarks.quality pets",
    "quality-sample": "benchmarks.quality sample",
    "descriptor_distances": f"benchmarks.descriptor_distances --images {_PETS}",
    "planted_duplicates-pets": f"benchmarks.planted_duplicates --images {_PETS}",
    "planted_duplicates-flowers": f"benchmarks.planted_duplicates --images {_FLOWERS}",
    "region_padding-mini": f"benchmarks.region_padding --images {_PETS}",
    "region_padding-mobilenet_v2": f"benchmarks.region_padding --images {_PETS} --backbone mobilenet_v2 {_NOTOP}",
    "thumbnail_gap": f"benchmarks.thumbnail_gap --images {_PETS} --backbone mobilenet_v2 {_NOTOP}",
    "words": "benchmarks.words pets flowers sample --photos photos --time pets",
    "foreign_pictures": f"benchmarks.foreign_pictures --collection pets --foreign {_PHOTOS} --list {_PHOTOS}/foreign.txt",
    "rerankings": f"benchmarks.rerankings --images {_PETS} {_LABELS}",
    "explain_truth": f"benchmarks.explain_truth --images {_PETS} --backbone mobilenet_v2 {_NOTOP}",
    "calibration_sample": "benchmarks.calibration_sample photos --foreign flowers pets",
    "objects-mini": f"benchmarks.objects pets --images {_PETS} --photos {_PHOTOS} --space mini",
    "objects-mobilenet_v2": f"benchmarks.objects pets --images {_PETS} --photos {_PHOTOS} --space mobilenet_v2",
    "objects-heavy": f"benchmarks.objects pets --images {_PETS} --photos {_PHOTOS} --space mobilenet_v2 --heavy",
    "query_latency": "benchmarks.query_latency",
    "build_throughput-mini": f"benchmarks.build_throughput --backbone mini --images {_PETS}",
    "build_throughput-mobilenet_v2": f"benchmarks.build_throughput --backbone mobilenet_v2 --images {_PETS} {_NOTOP}",
    "build_throughput-inception_v3": f"benchmarks.build_throughput --images {_PETS}",
    "build_memory-mini": "benchmarks.build_memory --backbone mini",
    "build_memory-mobilenet_v2": "benchmarks.build_memory --backbone mobilenet_v2",
    "build_memory-inception_v3": "benchmarks.build_memory",
    "engines": f"benchmarks.engines --images {_PHOTOS} {_NOTOP} --sizes 100000 1000000",
    "worker_cost": "benchmarks.worker_cost --rounds 3",
    "page_memory": "benchmarks.page_memory",
    "page_speed": "benchmarks.page_speed",
    "soak_sessions": "scripts.soak_sessions",
    "page_cost": "scripts.page_cost --clicks 100 --check 20",
    "thumbnails-pets": f"benchmarks.scale_costs --thumbnails {_PETS}",
    "thumbnails-photos": f"benchmarks.scale_costs --thumbnails {_PHOTOS}",
    "scale_costs": "benchmarks.scale_costs",  # computed of those above, so after them
    "page_processes": "benchmarks.page_processes",
}
"""By name of the result, what makes it: the quick ones first, and near their like."""
APART = {
    "cluster_embed-photos": f"benchmarks.cluster_embed --images {_PHOTOS} --pictures 4701 --repeats 2 "
    f"--embedder mobilenet_v2 {_WEIGHTS}",
    "cluster_embed-drawn": "benchmarks.cluster_embed --pictures 10000 --repeats 2",
    "cluster_embed-listing": "benchmarks.cluster_embed --listing --pictures 200000",
    "engines-milvus": f"benchmarks.engines --images {_PHOTOS} {_NOTOP} --sizes 20000 100000 300000 --milvus ADDRESS "
    "--milvus-pid PID",
    "soak": "scripts.soak all",
}
"""What is run by hand: in an environment with the extras `build` and `cluster`, beside a server, or as root."""


def moved(before: Any, after: Any, where: str = "") -> Iterator[str]:
    """What of a result left the interval that it had, and what has none and differs by more than 1 %.

    Rows are compared with those that begin alike; what was not measured before has not moved.
    """
    if isinstance(before, dict) and "low" in before:
        if not (isinstance(after, dict) and before["low"] <= after["value"] <= before["high"]):
            yield f"{where}: {as_text(before)} -> {as_text(after)}"
    elif isinstance(before, dict):
        for name in before:
            yield from moved(before[name], (after or {}).get(name), f"{where}, {name}" if where else name)
    elif isinstance(before, list) and before and isinstance(before[0], dict):
        for row in before:
            begin, same = _alike(row, after or [])
            yield from moved(row, same, f"{where}, {begin}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (a, b) in enumerate(zip(before, after, strict=True)):
            yield from moved(a, b, f"{where}, {number}")
    elif isinstance(before, int | float) and isinstance(after, dict):  # has an interval only now
        if not after["low"] <= before <= after["high"]:
            yield f"{where}: {as_text(before)} -> {as_text(after)}"
    elif isinstance(before, int | float) and isinstance(after, int | float):
        if abs(after - before) > 0.01 * abs(before):
            yield f"{where}: {as_text(before)} -> {as_text(after)}"
    elif before not in (None, []) and before != after:
        yield f"{where}: {as_text(before)} -> {as_text(after)}"


def _alike(row: Row, rows: Sequence[Row]) -> tuple[str, Row | None]:
    """What a row begins with, and the one that alone begins so too."""
    for n in (1, 2, 3):
        begin = list(row.values())[:n]
        found = [each for each in rows if list(each.values())[:n] == begin]
        if len(found) == 1:
            break
    return ", ".join(map(as_text, begin)), found[0] if len(found) == 1 else None


def read(name: str) -> dict[str, Any]:
    """A result that is there, else {}."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def committed(name: str) -> Any:
    """What was measured before, as it is in the commit; {} where it is not."""
    words = ["git", "-C", str(RESULTS), "show", f"HEAD:./{name}.json"]
    done = subprocess.run(words, capture_output=True, text=True)
    return {} if done.returncode else json.loads(done.stdout)["result"]


def run(command: str, log: Path) -> bool:
    """Whether it ended well, and in time; what it said is in the log."""
    words, environment = [sys.executable, "-m", *shlex.split(command)], {**os.environ, "IMGSEARCH_HOME": str(HOME)}
    with log.open("w", encoding="utf-8") as file:
        try:
            return not subprocess.run(words, stdout=file, stderr=file, env=environment, timeout=_MOST_S).returncode
        except subprocess.TimeoutExpired:
            file.write(f"Stopped after {_MOST_S} s.\n")
            return False


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(RUNS)} [all]")
    parser.add_argument("--list", action="store_true", help="say what there is and how long it took, and measure nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(RUNS):
        parser.error(f"NAME must be one of {', '.join(RUNS)}. Received: {', '.join(sorted(unknown))}.")
    if options.list:
        for name, command in (RUNS | APART).items():
            print(f"{as_text(read(name).get('seconds')) or '?':>6} s  {name}: python -m {command} --save {name}")
        return
    if missing := [each for each in (_PETS, _FLOWERS, _PHOTOS) if not Path(each).is_dir()]:
        parser.error(f"{missing[0]} must be a folder of pictures: docs/measurements.md says which. Received: none there.")
    HOME.mkdir(parents=True, exist_ok=True)
    commit, is_clean = commit_of_tree()
    failed = [each for number, each in enumerate(BUILDS) if not run(each, HOME / f"build-{number}.log")]
    for name in options.names or RUNS:
        done = read(name)
        if (done.get("commit"), done.get("is_clean"), is_clean) == (commit, True, True):
            print(f"{name}: was of this commit")
        elif run(f"{RUNS[name]} --save {name}", HOME / f"{name}.log"):
            print(f"{name}: {read(name)['seconds']} s")
        else:
            failed.append(name)
        for line in moved(committed(name), read(name).get("result")):
            print(f"    {line}", flush=True)
    if failed:
        sys.exit(f"Failed, see {HOME}/*.log: {', '.join(failed)}")


if __name__ == "__main__":
    main()
