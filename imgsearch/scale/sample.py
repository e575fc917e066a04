"""What a page needs to know of a whole collection on a server, measured of a sample of it, or of all of a small one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from imgsearch.collection.served.facts import Facts, SpaceFacts
from imgsearch.distance import angular_distance
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.measure.evaluation import evaluate, leave_one_out
from imgsearch.pictures.items import Items
from imgsearch.progress import Progress
from imgsearch.retrieval.metrics import Evaluation
from imgsearch.retrieval.rerank import RERANKINGS
from imgsearch.retrieval.typical import typical_row
from imgsearch.scale.dataset import Dataset
from imgsearch.vectors.calibration import Calibration, calibrate, calibrate_sample
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.table import Table, TableRow
from imgsearch.vectors.neighbors import N_NEIGHBORS, nearest_neighbors
from imgsearch.vectors.projection import can_draw_tsne, project
from imgsearch.vectors.space import Space

MOST_ASKED = 2_000
"""Items of a sample whose neighbours among all are asked for: 5 % of them are told to half a per cent."""
_CANDIDATES = 2 * (N_NEIGHBORS + 1)
"""That the table is asked for, which gives at least half as many, the item itself among them."""


def measured(facts: Facts, table: Table, sample: Sequence[TableRow], datasets: Sequence[Dataset], tell: Progress) -> Facts:
    """The facts with what is measured of a sample."""
    items = Items([row.item for row in sample])
    spaces, evaluations = {}, []
    typical = ""
    for dataset in datasets:
        name = dataset.embedder.space
        space = _space(dataset.embedder, items, np.stack([row.vectors[name] for row in sample]), tell)
        if len(sample) < facts.n_items:
            tell(0, 0, f"calibrating {name}")
            space = replace(space, calibration=_calibration(table, space, sample))
        typical = typical or items[typical_row(items, space)].item_id
        spaces[name] = _facts_of(space, sample)
        evaluations += _evaluations(items, space, tell)
    return replace(facts, typical_item=typical, spaces=spaces, evaluations=tuple(evaluations))


def _space(spec: EmbedderSpec, items: Items, embeddings: np.ndarray, tell: Progress) -> Space:
    tell(0, 0, f"finding neighbours in {spec.space}")
    index = ExactIndex(embeddings)
    neighbors = nearest_neighbors(embeddings, index)
    tell(0, 0, f"drawing the map of {spec.space}")
    projection = project(embeddings, neighbors)
    tell(0, 0, f"calibrating {spec.space}")
    labels = [item.label for item in items]
    return Space(
        name=spec.space,
        spec=spec,
        index=index,
        calibration=calibrate(embeddings, neighbors, labels, has_verdict=not spec.is_descriptor),
        embeddings=embeddings,
        neighbors=neighbors,
        projection=projection,
    )


def _calibration(table: Table, space: Space, sample: Sequence[TableRow]) -> Calibration:
    """Of a sample whose neighbours are those among all that the table has."""
    asked = sample[:MOST_ASKED]
    near, labels = [], []
    for row in asked:
        vector = row.vectors[space.name]
        ids = np.array(sorted(set(table.nearest(space.name, vector, _CANDIDATES).tolist()) - {row.id}), np.int64)
        distances = angular_distance(table.vectors(space.name, ids), vector)
        nearest = np.argsort(distances, kind="stable")[:N_NEIGHBORS]
        items = table.items(ids[nearest])
        near.append(distances[nearest])
        labels.append([items[each].label for each in ids[nearest].tolist()])
    k = min(map(len, near))
    return calibrate_sample(
        space.embeddings,
        np.stack([each[:k] for each in near]),
        [row.item.label for row in asked],
        np.array([each[:k] for each in labels]),
        has_verdict=not space.spec.is_descriptor,
    )


def _facts_of(space: Space, sample: Sequence[TableRow]) -> SpaceFacts:
    rows = space.map_rows
    xs, ys = space.places(rows).T.astype(float).round(4).tolist()
    return SpaceFacts(
        embedder=space.spec,
        mean=tuple(space.mean.tolist()),
        is_varied=space.is_varied,
        map_method="tsne" if can_draw_tsne() else "pca",
        map_rows=tuple(sample[row].id for row in rows.tolist()),
        map_xs=tuple(xs),
        map_ys=tuple(ys),
        calibration=json.dumps(space.calibration.to_json()),
    )


def _evaluations(items: Items, space: Space, tell: Progress) -> list[Evaluation]:
    """Of the re-rankings that the space has on a server, where there is no table of neighbours."""
    if max(items.label_counts.values(), default=0) < 2:
        return []
    usable = [name for name, each in RERANKINGS.items() if not each.needs_neighbors]
    return evaluate(items, space, leave_one_out(items, space), rerankings=["", *usable], progress=tell)
