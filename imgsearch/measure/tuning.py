"""Which index settings are enough: recall, time and size over n_trees and search_k, and the cheapest that will do."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft
from imgsearch.errors import QueryError
from imgsearch.files.disk import disk_errors
from imgsearch.files.locks import alone
from imgsearch.pictures.items import Items
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.search import search
from imgsearch.vectors.engines.annoy import AnnoyIndex, annoy_fault
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.space import Space

TARGET_RECALL = 0.99
K = 10
N_TREES_TRIED = (5, 10, 25, 50, 100)
SEARCH_K_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of Annoy's own default for search_k."""
N_QUERIES = 200
_SEED = 0


@dataclass(frozen=True)
class Setting:
    """What one setting of the index reaches.

    Attributes:
        n_trees, search_k: See `space.SpaceSpec`.
        recall: ann_recall_at_k for k = 10: share of the exact 10 nearest others that is found, mean over queries.
        query_ms: Median time of a query, ms, re-scoring included.
        index_bytes: Size of the index file.
    """

    n_trees: int
    search_k: int
    recall: float
    query_ms: float
    index_bytes: int


@dataclass(frozen=True)
class Tuning:
    """A table of settings.

    Attributes:
        settings: What was tried, by n_trees and then search_k.
        exact_ms: Median time of a query that compares with every vector, ms.
        recommended: The setting to take, or None where none reaches the target.
    """

    settings: Sequence[Setting]
    exact_ms: float
    recommended: Setting | None


def tune(items: Items, space: Space, *, progress: Callable[[int, int, str], None] | None = None) -> Tuning:
    """Builds an index for each number of trees and searches with it at each search_k, items of the gallery as queries.

    Args:
        items: The gallery, of at least two.
        space: Whose index to tune; its own index is not touched.
        progress: Told how many indexes of how many are measured.

    Raises:
        QueryError: annoy cannot be used here.
    """
    if fault := annoy_fault():
        raise QueryError(f"{fault.sentence} There are no settings to measure.", hint=fault.hint)
    n = len(space.embeddings)
    queries = np.sort(np.random.default_rng(_SEED).choice(n, min(N_QUERIES, n), replace=False))
    truth, exact_ms = _answers(items, replace(space, index=ExactIndex(space.embeddings)), queries)
    settings = []
    with tempfile.TemporaryDirectory() as folder, disk_errors():
        for done, n_trees in enumerate(N_TREES_TRIED):
            if progress:
                progress(done, len(N_TREES_TRIED), "measuring indexes")
            path = Path(folder) / f"{n_trees}.ann"
            AnnoyIndex.build(space.embeddings, path, n_trees=n_trees)
            for factor in SEARCH_K_FACTORS:
                search_k = max(1, round(factor * n_trees * 100))
                index = AnnoyIndex(path, space.embeddings, search_k=search_k)
                found, query_ms = _answers(items, replace(space, index=index), queries)
                recall = float(np.mean([len(rows & exact) / len(exact) for rows, exact in zip(found, truth, strict=True)]))
                settings.append(Setting(n_trees, search_k, recall, query_ms, path.stat().st_size))
    return Tuning(settings, exact_ms, recommend(settings))


def recommend(settings: Sequence[Setting]) -> Setting | None:
    """The cheapest setting that reaches the target: fewest nodes looked at, then fewest trees.

    Nodes and not milliseconds, since those are the same on every run; a query's time grows with them.
    """
    enough = [setting for setting in settings if setting.recall >= TARGET_RECALL]
    return min(enough, key=lambda setting: (setting.search_k, setting.n_trees), default=None)


def apply_setting(collection: Collection, space: str, setting: Setting) -> Collection:
    """Gives a space of the collection an index of that setting, and leaves everything else; returns it opened anew.

    Raises:
        BuildError: a build of this collection is running, or the disk is full.
    """
    with disk_errors(), alone(collection.path):
        collection = Collection.open(collection.name, collection.home)
        draft = Draft.of(collection)
        spec = replace(draft.specs[space], n_trees=setting.n_trees, search_k=setting.search_k)
        replace(draft, specs={**draft.specs, space: spec}).renew(collection)
    return Collection.open(collection.name, collection.home)


def _answers(items: Items, space: Space, queries: np.ndarray) -> tuple[list[set[int]], float]:
    """Rows of the K nearest others of each query, and the median time of a search, ms."""
    pages = [search(items, space, Ask(items=(items[int(row)].item_id,), k=K)) for row in queries]
    rows = [{result.row for result in page.results} for page in pages]
    return rows, float(np.median([page.timings_ms["search"] for page in pages]))
