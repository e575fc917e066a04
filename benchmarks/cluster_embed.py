"""Embedding by Ray on this machine against one plain process: pictures a second, and memory an actor.

    python -m benchmarks.cluster_embed [--embedder mini] [--weights FILE] [--images DIR] [--pictures 512]
        [--repeats 2]
    python -m benchmarks.cluster_embed --listing [--pictures 200000]

In an environment with the extra `cluster`, with weights also `build`. Each is a process of its own, on all processors:
a build (read, decode, thumbnail, embed, note; not what comes after the last picture), and an actor a processor. Ray is
timed whole, with its start, and from the first shard that is done to the last, as a long run goes. Processor time
counts what was used, whoever else is at work on the machine: of the plain process while it embeds, of all of Ray's from
start to end. Memory is the peak of what is resident, shared pages among it; the plain process also holds what its
program loads for a build.

With --listing instead: what the command itself takes before anything is embedded, for a folder and a list of addresses, of
empty files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import common
from benchmarks.common import Row, gather, machine, report, resident_mib
from imgsearch import Collection
from imgsearch.files.place import Place
from imgsearch.scale.dataset import Dataset

PLAIN = """
import os, sys, time
from pathlib import Path
from benchmarks.common import resident_mib
from imgsearch import build_collection
from imgsearch.cli.build import embedder_specs
home, images, name, weights, _ = sys.argv[1:]
at, spent, peak = [], [], [0.0]
def told(done, total, what):
    if what == "embedding":
        at.append(time.perf_counter())
        spent.append(time.process_time())
        peak[0] = resident_mib(os.getpid(), "VmHWM")
build_collection("plain", Path(images), home=Path(home),
                 specs=embedder_specs([name], Path(weights) if weights else None, Path(home)), progress=told)
print(at[-1] - at[0], spent[-1] - spent[0], peak[0])
"""
RAY = """
import sys, time
from pathlib import Path
from imgsearch.cli.build import embedder_specs
from imgsearch.scale.embed import embed_pictures
home, images, name, weights, to = sys.argv[1:]
(spec,) = embedder_specs([name], Path(weights) if weights else None, Path(home))
at = []
def told(done, total, what):
    if what == "embedding":
        at.append((time.perf_counter(), done))
embed_pictures(images, spec, to, home=Path(home), progress=told)
(started, _), (first, n), (last, all_of_them) = at[0], at[1], at[-1]
print(last - started, last - first, (all_of_them - n) / all_of_them)
"""
LISTING = """
import os, sys, time
from pathlib import Path
from benchmarks.common import resident_mib
from imgsearch import embedder_spec
from imgsearch.scale import actors, embed
images, to = sys.argv[1:]
def run(job, shards, told):
    blocks = [actors.block(key, shard) for key, shard in shards.items()]
    print(time.perf_counter() - started, resident_mib(os.getpid(), "VmHWM") - before)
    sys.exit()
embed.run = run
started, before = time.perf_counter(), resident_mib(os.getpid(), "VmHWM")
embed.embed_pictures(images, embedder_spec("color_histogram"), to, home=Path(to))
"""


@dataclass
class Used:
    """What the processes of a script have used, by process: processor time, s; of actors the peak of their memory, MiB."""

    seconds: dict[int, float] = field(default_factory=dict)
    peaks: dict[int, float] = field(default_factory=dict)

    def look(self, parent: int) -> None:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                pid = int(stat.parent.name)
                if _descends(pid, parent):
                    self.seconds[pid] = sum(map(int, _fields(pid)[11:13])) / os.sysconf("SC_CLK_TCK")
                    if b"MapBatches(Actor)" in stat.with_name("cmdline").read_bytes():
                        self.peaks[pid] = resident_mib(pid, "VmHWM")
            except (OSError, ValueError):  # it has ended meanwhile
                continue


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, those after the name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _descends(pid: int, parent: int) -> bool:
    while pid > 1 and pid != parent:
        pid = int(_fields(pid)[1])
    return pid == parent


def run(script: str, *arguments: object) -> tuple[list[float], Used]:
    """What a script prints at last, and what it has used."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "RAY_ADDRESS": "local"},
    )
    used = Used()
    while True:
        try:
            output, _ = process.communicate(timeout=0.5)
            break
        except subprocess.TimeoutExpired:
            used.look(process.pid)
    if process.returncode:
        sys.exit(f"The run ended with {process.returncode}.")
    return [float(word) for word in output.split()], used


def list_empty(n: int) -> Row:
    """Seconds and memory of n pictures that are not read."""
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        folder, addresses = Path(temporary) / "pictures", Path(temporary) / "list.csv"
        names = [f"{number // 1000:06}/photograph_{number:09}.jpg" for number in range(n)]
        addresses.write_text("\n".join(["address,label,year", *(f"pictures/{name},beagle,1999" for name in names)]))
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        rows: list[Row] = []
        for what, images in (("folder", folder), ("list of addresses", addresses)):
            (seconds, mib), _ = run(LISTING, images, Path(temporary) / "to")
            rows.append({"what": what, "seconds": seconds, "mib": mib, "gib_of_a_million": mib * 1e6 / n / 1024})
        return {"pictures": n, "listing": rows}


def farthest(home: Path, to: Path) -> float:
    """The largest difference of a value of an embedding to that of the build, of all rows, which must be the same."""
    collection, dataset = Collection.open("plain", home), Dataset.read(Place.at(str(to)))
    (space,) = collection.spaces.values()
    assert dataset
    assert dataset.n_items == len(collection.items)
    found = 0.0
    for batch in dataset.rows(Place.at(str(to))):
        rows = [collection.items.row_of(name) for name in batch.column("item_id").to_pylist()]
        embeddings = batch.column("embedding").flatten().to_numpy().reshape(len(rows), dataset.dim)
        found = max(found, float(np.abs(embeddings - space.embeddings[rows]).max(initial=0)))
    return found


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--embedder", default="mini", help="see build [%(default)s]")
    parser.add_argument("--weights", type=Path, help="HDF5 file, for one that needs it")
    parser.add_argument("--listing", action="store_true", help="measure that instead")
    parser.add_argument("--images", type=Path, help="folder of pictures [drawn: 500 x 375 JPEGs with noise]")
    parser.add_argument("--pictures", type=int, default=512, help="at most so many [%(default)s]")
    parser.add_argument("--repeats", type=int, default=1, help="rounds, each measures everything [%(default)s]")
    options = parser.parse_args()
    print(machine())
    if options.listing:
        report(options.save, list_empty(options.pictures))
        return
    rounds: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        images = Path(temporary) / "pictures"
        n = len(gather(options.images, options.pictures, images))
        for number in range(options.repeats):
            folders = [Path(temporary) / f"{name}-{number}" for name in ("home", "to")]
            (plain, spent, peak), _ = run(PLAIN, folders[0], images, options.embedder, options.weights or "", "")
            started = time.perf_counter()
            (whole, steady, share), used = run(RAY, folders[0], images, options.embedder, options.weights or "", folders[1])
            ended = time.perf_counter() - started
            rounds.append(
                {
                    "plain_a_second": n / plain,
                    "ray_by_plain": plain / whole,
                    "ray_by_plain_after_its_first_shard": plain * share / steady if steady else None,
                    "start_listing_and_end_s": ended - whole,
                    "plain_cpu_ms": 1000 * spent / n,
                    "actors_cpu_ms": 1000 * sum(used.seconds[pid] for pid in used.peaks) / n,
                    "ray_cpu_ms": 1000 * sum(used.seconds.values()) / n,
                    "plain_mib": peak,
                    "actor_mib": max(used.peaks.values()),
                    "farthest": farthest(*folders),
                }
            )
    by_round = {name: [each[name] for each in rounds] for name in rounds[0]}
    report(options.save, {"embedder": options.embedder, "pictures": n, **by_round})


if __name__ == "__main__":
    main()
