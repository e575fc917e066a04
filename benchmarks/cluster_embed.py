"""Embedding by Ray on this machine against one plain process: pictures a second, and memory an actor.

    python -m benchmarks.cluster_embed [--embedder mini] [--weights FILE] [--images DIR] [--pictures 512]
    python -m benchmarks.cluster_embed --listing [--pictures 200000]

In an environment with the extra `cluster`. Each is a process of its own, on all processors: a build (read, decode,
thumbnail, embed, note; not what comes after the last picture), and an actor a processor. Ray is timed whole, with its
start, and from the first shard that is done to the last, as a long run goes. Memory is the peak of what is resident, shared
pages among it; the plain process also holds what its program loads for a build.

With --listing instead: what the command itself takes before anything is embedded, for a folder and a list of addresses, of
empty files.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.common import gather, machine, print_table, resident_mib
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
at, peak = [], [0.0]
def told(done, total, what):
    if what == "embedding":
        at.append(time.perf_counter())
        peak[0] = resident_mib(os.getpid(), "VmHWM")
build_collection("plain", Path(images), home=Path(home),
                 specs=embedder_specs([name], Path(weights) if weights else None, Path(home)), progress=told)
print(at[-1] - at[0], at[-1] - at[0], 1.0, peak[0])
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


def run(script: str, *arguments: object) -> tuple[list[float], dict[int, float]]:
    """What a script prints at last, and peaks of memory of the actors that it had meanwhile, MiB, by process."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "RAY_ADDRESS": "local"},
    )
    peaks: dict[int, float] = {}
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, done))
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        sys.exit(f"The run ended with {process.returncode}.")
    return [float(word) for word in output.split()], peaks


def _watch(parent: int, peaks: dict[int, float], done: threading.Event) -> None:
    while not done.wait(0.5):
        for title in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                pid = int(title.parent.name)
                if b"MapBatches(Actor)" in title.read_bytes() and _descends(pid, parent):
                    peaks[pid] = resident_mib(pid, "VmHWM")
            except (OSError, ValueError):  # it has ended meanwhile
                continue


def _descends(pid: int, parent: int) -> bool:
    while pid > 1 and pid != parent:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == parent


def list_empty(n: int) -> None:
    """Prints seconds and memory of n pictures that are not read."""
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        folder, addresses = Path(temporary) / "pictures", Path(temporary) / "list.csv"
        names = [f"{number // 1000:06}/photograph_{number:09}.jpg" for number in range(n)]
        addresses.write_text("\n".join(["address,label,year", *(f"pictures/{name},beagle,1999" for name in names)]))
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
        rows = []
        for what, images in (("folder", folder), ("list of addresses", addresses)):
            (seconds, mib), _ = run(LISTING, images, Path(temporary) / "to")
            rows.append((what, f"{seconds:.1f} s", f"{mib:.0f} MiB", f"{mib * 1e6 / n:.0f} MiB"))
        print_table((f"{n} pictures", "time", "memory", "a million"), rows)


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--embedder", default="mini", help="see build [%(default)s]")
    parser.add_argument("--weights", type=Path, help="HDF5 file, for one that needs it")
    parser.add_argument("--listing", action="store_true", help="measure that instead")
    parser.add_argument("--images", type=Path, help="folder of pictures [drawn: 500 x 375 JPEGs with noise]")
    parser.add_argument("--pictures", type=int, default=512, help="at most so many [%(default)s]")
    parser.add_argument("--repeats", type=int, default=1, help="rounds, each measures everything [%(default)s]")
    options = parser.parse_args()
    print(machine())
    if options.listing:
        list_empty(options.pictures)
        return
    rows = []
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        images = Path(temporary) / "pictures"
        n = len(gather(options.images, options.pictures, images))
        for number in range(options.repeats):
            folders = [Path(temporary) / f"{name}-{number}" for name in ("home", "to")]
            (plain, _, _, peak), _ = run(PLAIN, folders[0], images, options.embedder, options.weights or "", "")
            started = time.perf_counter()
            (whole, steady, share), peaks = run(
                RAY, folders[0], images, options.embedder, options.weights or "", folders[1]
            )
            ended = time.perf_counter() - started
            rows.append(
                (
                    f"{n / plain:.1f}",
                    f"{n / whole:.1f} ({plain / whole:.2f})",
                    f"{n * share / steady:.1f} ({plain * share / steady:.2f})" if steady else "",
                    f"{ended - whole:.1f} s",
                    f"{peak:.0f} MiB",
                    ", ".join(f"{each:.0f}" for each in sorted(peaks.values())) + " MiB",
                    f"{farthest(*folders):.1g}",
                )
            )
    print(f"{options.embedder}, {n} pictures")
    print_table(
        (
            "a second, plain",
            "Ray (ratio)",
            "after its first shard (ratio)",
            "start, listing and end",
            "memory, plain",
            "memory of each actor",
            "farthest apart",
        ),
        rows,
    )


if __name__ == "__main__":
    main()
