"""How do engines compare: what they find, how fast, and what their index costs?

    python -m benchmarks.engines --images DIR [--weights FILE] [--sizes N ...] [--work DIR]
        [--milvus http://HOST:PORT [--milvus-pid PID]]

On vectors made of photographs as `benchmarks/engine_vectors.py` says: 7,400 of 2,048 dimensions and 100,000 of 256, or
other numbers of them; with 1,000,000 it takes an hour. A last table shows that those made up are about as hard to search in
as the real ones. Every index is built in a process of its own, in one thread. Queries are items, and asked as a search
asks: for 101 candidates, the item itself left out, the others put in order by exact distance.

With a Milvus server the same vectors are loaded into it, as a table of their own that is dropped in the end, and asked
there, at each effort; a query then includes the way to the server and back, of ids alone. In place of what a build costs
a second table has how long loading took, and waiting for the index after that, and what memory the server has, where it
is a process of this machine.

  recall@10      share of the 10 nearest others that are found, mean over queries; what is as near counts as found;
  first right    share of queries whose first place is right;
  query / exact  time of a query, one at a time, by that of comparing with everything just before or after; median. They
                 take turns, each with another query: what one finds in the processor's caches, others left there;
  ms             its median: what others do on the machine is in it;
  build          seconds, and by Annoy's;
  index / raw    size of the file by that of the vectors;
  memory / raw   most resident memory of the build beyond what its process had before, by the size of the vectors. They are
                 mapped into memory and read, which counts as 1.

Vectors are kept in the work folder and not made twice. Indexes are not kept.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.common import Row, machine, parser, report, resident_mib
from benchmarks.engine_on_server import Loaded, loaded_table
from benchmarks.engine_vectors import CROPS, nearest_others, order, shape, with_256, with_2048, write_resampled
from imgsearch.distance import angular_distance
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Params, VectorIndex

K = 10
N_CANDIDATES = 101
N_QUERIES = 500
N_WIDE = 7_400
N_PHOTOS = -(-N_WIDE // CROPS)
N_MADE_UP = 100_000


@dataclass(frozen=True)
class Index:
    """An index to build, and what to tell it each time it is asked: see `Engine.params`."""

    engine: str
    params: Params
    asked: Sequence[Params]

    def settings(self) -> list[dict[str, int]]:
        """All parameters, for each way of asking."""
        return [ENGINES[self.engine].checked({**self.params, **asked}) for asked in self.asked]


@dataclass(frozen=True)
class Cost:
    """What a build took."""

    seconds: float
    index_bytes: int
    memory_bytes: float


ANNOY = Index("annoy", {"n_trees": 50}, [{"search_k": 5_000 * depth} for depth in (1, 2, 3, 4, 8)])
HNSW = Index("hnsw", {}, [{"expansion_search": kept} for kept in (100, 200, 400)])
FEWER_LINKS = replace(HNSW, params={"connectivity": 16})
INDEXES = (ANNOY, HNSW, FEWER_LINKS)


def build_apart(index: Index, vectors: Path, path: Path) -> Cost:
    """Builds in a new process, of an .npy file."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_build_and_measure, index, vectors, path).result()


def _build_and_measure(index: Index, vectors: Path, path: Path) -> Cost:
    engine, params = ENGINES[index.engine], ENGINES[index.engine].checked(index.params)
    engine.build(np.eye(8, dtype=np.float32), path, params)  # loads the library
    rows = np.load(vectors, mmap_mode="r")
    Path("/proc/self/clear_refs").write_text("5")  # what was most until now is forgotten
    before, started = resident_mib(os.getpid()), time.perf_counter()
    engine.build(rows, path, params)
    seconds = time.perf_counter() - started
    return Cost(seconds, path.stat().st_size, (resident_mib(os.getpid(), "VmHWM") - before) * 2**20)


def measure(title: str, file: Path, indexes: Sequence[Index], loaded: Loaded | None = None) -> list[Row]:
    """A row for comparing with everything, for each depth of each index, and for each effort of a server.

    Args:
        title: What the rows begin with.
        file: .npy file of float32 (n, dim) rows of length 1.
        indexes: What to build and ask.
        loaded: A server's table of the same rows.
    """
    vectors = np.asarray(np.load(file, mmap_mode="r"))
    ways: list[tuple[str, Cost | None, VectorIndex]] = [("exact", None, ExactIndex(vectors))]
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        for number, index in enumerate(indexes):
            print(f"{title}: building {index.engine} {dict(index.params)}", file=sys.stderr, flush=True)
            path = Path(folder) / str(number)
            cost = build_apart(index, file, path)
            engine = ENGINES[index.engine]
            ways += [(engine.words(each), cost, engine.open(path, vectors, each)) for each in index.settings()]
        ways += [(name, None, asked) for name, asked in loaded.ways] if loaded else []
        rng = np.random.default_rng(1)
        queries = rng.choice(len(vectors), N_QUERIES, replace=False)
        truths = [nearest_others(vectors, row, K) for row in queries]
        seconds = np.empty((N_QUERIES, len(ways)))
        found = np.empty((N_QUERIES, len(ways), 2))
        for number in range(N_QUERIES):
            # Each way another query: what one has looked at, the next would find in the processor's caches.
            for way in rng.permutation(len(ways)):
                query = (number + way) % N_QUERIES
                row, truth = queries[query], truths[query]
                started = time.perf_counter()
                rows = ways[way][2].nearest(vectors[row], N_CANDIDATES)
                seconds[number, way] = time.perf_counter() - started
                distances = np.sort(angular_distance(vectors[rows[rows != row]], vectors[row]))[:K]
                found[number, way] = (distances <= truth[-1]).sum() / K, distances[0] <= truth[0]
    recall, first = found.mean(axis=0).T
    by_exact = np.median(seconds / seconds[:, :1], axis=0)
    ms = 1_000 * np.median(seconds, axis=0)
    annoy_s = next((cost.seconds for _, cost, _ in ways if cost), 0.0)
    return [
        {
            "vectors": title,
            "index": name,
            "recall_at_10": float(recall[i]),
            "first_right": float(first[i]),
            "query_by_exact": float(by_exact[i]),
            "query_ms": float(ms[i]),
            "build_s": cost and cost.seconds,
            "build_by_annoy": cost and cost.seconds / annoy_s,
            "index_by_raw": cost and cost.index_bytes / vectors.nbytes,
            "memory_by_raw": cost and cost.memory_bytes / vectors.nbytes,
        }
        for i, (name, cost, _) in enumerate(ways)
    ]


def main() -> None:
    options = _options()
    paths = order(options.images)
    if len(paths) < N_PHOTOS:
        sys.exit(f"--images must be a folder of {N_PHOTOS:,} pictures or more. Received: {len(paths):,}.")
    options.work.mkdir(parents=True, exist_ok=True)
    print(machine())
    if not options.milvus:
        print("Milvus is left out: --milvus says where a server is.")
    wide = np.load(with_2048(paths[:N_PHOTOS], options.work, options.weights))[:N_WIDE]
    narrow = np.load(with_256(paths, options.work))
    shapes = [{"vectors": f"{len(narrow):,} x 256, real", **shape(narrow)}]
    if too_few := [n for n in options.sizes if n < len(narrow)]:
        sys.exit(f"--sizes must be {len(narrow):,} or more, of so many photographs. Received: {too_few[0]:,}.")
    rows: list[Row] = []
    loads: list[Row] = []
    for n in (0, *options.sizes):
        with tempfile.TemporaryDirectory(dir=options.work) as folder:
            file = Path(folder) / "vectors.npy"
            if n:
                write_resampled(narrow, n, file)
            else:
                np.save(file, wide)
            vectors = np.asarray(np.load(file, mmap_mode="r"))
            title = f"{len(vectors):,} x {vectors.shape[1]:,}"
            shapes.append({"vectors": f"{title}, {'resampled' if n else 'real'}", **shape(vectors)})
            server = loaded_table(vectors, options.milvus, options.milvus_pid) if options.milvus else nullcontext()
            with server as loaded:
                rows += measure(title, file, INDEXES, loaded)
            loads += [{"vectors": title, **loaded.cost}] if loaded else []
    report(options.save, {"indexes": rows, "shapes": shapes, **({"loads": loads} if loads else {})})


def _options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("--images", type=Path, required=True, help=f"folder of {N_PHOTOS:,} photographs or more")
    made.add_argument("--weights", type=Path, help="HDF5 file of mobilenet_v2 [downloaded]")
    sizes = "numbers of vectors of 256 dimensions [%(default)s]"
    made.add_argument("--sizes", type=int, nargs="*", metavar="N", default=[N_MADE_UP], help=sizes)
    work = Path(tempfile.gettempdir()) / "imgsearch-engines"
    made.add_argument("--work", type=Path, default=work, help="folder for vectors and indexes [%(default)s]")
    made.add_argument("--milvus", metavar="ADDRESS", help="http://HOST:PORT of a Milvus server [left out]")
    made.add_argument("--milvus-pid", type=int, metavar="PID", help="of its process, to say what memory it has [not said]")
    return made.parse_args()


if __name__ == "__main__":
    main()
