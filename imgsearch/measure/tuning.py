"""Which engine, and what to tell it: what each finds, costs and takes, and the cheapest that finds enough."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft
from imgsearch.distance import by_distance
from imgsearch.errors import QueryError
from imgsearch.files.disk import disk_errors
from imgsearch.files.locks import alone
from imgsearch.retrieval.search import MIN_CANDIDATES
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import Fault, Params, VectorIndex
from imgsearch.vectors.space import Space

TARGET_RECALL = 0.99
WORTHWHILE = 0.25
"""An index pays that compares with at most this share of the vectors: it jumps about in memory, and each takes longer."""
K = 10
N_QUERIES = 200
_SEED = 0


@dataclass(frozen=True)
class Setting:
    """What an engine reaches that is told something.

    Attributes:
        engine, params: See `space.SpaceRecipe`.
        recall: ann_recall_at_k for k = 10: share of the exact 10 nearest others that is found, mean over queries.
        n_compared: With how many vectors a query is compared, mean over queries: see `VectorIndex.n_compared`.
        time_ratio: Median time of a query, exact distances included, as a share of that of comparing with every vector.
        size_ratio: Size of the file, as a share of that of the vectors.
        build_ms: Time to build the file, ms.
    """

    engine: str
    params: Params
    recall: float
    n_compared: float
    time_ratio: float
    size_ratio: float
    build_ms: float


@dataclass(frozen=True)
class Tuning:
    """A table of settings.

    Attributes:
        settings: What was tried, an engine after another.
        recommended: The setting to take, or None where none reaches the target.
        faults: Why engines were left out that cannot be used here, by name.
    """

    settings: Sequence[Setting]
    recommended: Setting | None
    faults: Mapping[str, Fault]


def tune(
    space: Space, engines: Sequence[str] = tuple(ENGINES), *, progress: Callable[[int, int, str], None] | None = None
) -> Tuning:
    """Builds indexes of a space, each in a file of its own, and asks them with items of the gallery.

    Args:
        space: Whose vectors to index, at least two; its own index is not touched.
        engines: Names of those to compare.
        progress: Told how many indexes of how many are measured.

    Raises:
        QueryError: no engine can be used here but that which compares with everything.
    """
    faults = {name: fault for name in engines if (fault := ENGINES[name].fault())}
    usable = [ENGINES[name] for name in engines if name not in faults]
    if faults and all(engine.is_exact for engine in usable):
        fault = next(iter(faults.values()))
        raise QueryError(f"{fault.sentence} There are no settings to measure.", hint=fault.hint)
    embeddings = space.embeddings
    n = len(embeddings)
    queries = np.sort(np.random.default_rng(_SEED).choice(n, min(N_QUERIES, n), replace=False))
    _answers(embeddings, ExactIndex(embeddings), queries)  # so that the vectors are in memory for what is measured now
    truth, exact_s = _answers(embeddings, ExactIndex(embeddings), queries)
    files = [
        (engine, list(settings))
        for engine in usable
        for _, settings in groupby(map(engine.checked, engine.grid(n)), key=engine.file_params)
    ]
    settings = []
    with tempfile.TemporaryDirectory() as folder, disk_errors():
        for done, (engine, tried) in enumerate(files):
            if progress:
                progress(done, len(files), "measuring indexes")
            path = Path(folder) / f"index{engine.suffix}"
            started = time.perf_counter()
            engine.build(embeddings, path, tried[0])
            build_ms = (time.perf_counter() - started) * 1000
            size_ratio = path.stat().st_size / embeddings.nbytes
            for params in tried:
                index = engine.open(path, embeddings, params)
                found, query_s = _answers(embeddings, index, queries)
                recall = np.mean([len(rows & exact) / len(exact) for rows, exact in zip(found, truth, strict=True)])
                n_compared = np.mean([index.n_compared(embeddings[row], MIN_CANDIDATES) for row in queries])
                cost = {"time_ratio": query_s / exact_s, "size_ratio": size_ratio, "build_ms": build_ms}
                settings.append(Setting(engine.name, params, float(recall), float(n_compared), **cost))
            del index  # which may hold the file
            path.unlink()
    return Tuning(settings, recommend(settings), faults)


def recommend(settings: Sequence[Setting]) -> Setting | None:
    """The cheapest setting that reaches the target: compared with fewest vectors, then the smallest file.

    Vectors and not milliseconds, since those are the same on every run; a query's time grows with them. Comparing with all
    of them, where it is among the settings, is recommended instead of an index that is not worthwhile.
    """
    enough = [setting for setting in settings if setting.recall >= TARGET_RECALL]
    cheapest = min(enough, key=lambda setting: (setting.n_compared, setting.size_ratio), default=None)
    exact = next((setting for setting in settings if ENGINES[setting.engine].is_exact), None)
    is_worthwhile = exact is None or cheapest is None or cheapest.n_compared <= WORTHWHILE * exact.n_compared
    return cheapest if is_worthwhile else exact


def apply_setting(collection: Collection, space: str, setting: Setting) -> Collection:
    """Gives a space of the collection an index of that setting, and leaves everything else; returns it opened anew.

    Raises:
        BuildError: a build of this collection is running, or the disk is full.
    """
    with disk_errors(), alone(collection.path):
        collection = Collection.open(collection.name, collection.home)
        draft = Draft.of(collection)
        recipe = replace(draft.recipes[space], engine=setting.engine, params=setting.params)
        replace(draft, recipes={**draft.recipes, space: recipe}).renew(collection)
    return Collection.open(collection.name, collection.home)


def _answers(embeddings: np.ndarray, index: VectorIndex, queries: np.ndarray) -> tuple[list[set[int]], float]:
    """Rows of the K nearest others of each query, and the median time that takes, s."""
    answers, times = [], []
    for row in queries:
        started = time.perf_counter()
        rows = index.nearest(embeddings[row], MIN_CANDIDATES)
        rows = rows[rows != row]
        answers.append(set(by_distance(rows, embeddings[rows], embeddings[row])[0][:K].tolist()))
        times.append(time.perf_counter() - started)
    return answers, float(np.median(times))
