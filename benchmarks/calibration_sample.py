"""What does a calibration say that is measured on a sample, as `cluster load` does, and what one of the whole collection?

    python -m benchmarks.calibration_sample NAME [--space mini] [--foreign NAME ...] [--samples N ...] [--labels SPACE]

NAME is a built collection. A tenth of its pictures are taken away, to come as uploads; the others are the gallery, which is
searched whole. For each size ten samples are drawn; a row has means over them, and the most that one is off from what all
say. Of a sample the neighbours are those in the gallery, as loading has them, or, for comparison, those in the sample
("apart"):

  foreign         share of the uploads, and of the pictures of other collections, that are called foreign; of the uploads
                  it should be 0.05;
  percentile      of the distances of the uploads' 10 nearest;
  p_same_label    of the same; where the collection has no labels, the class that the space of --labels takes each for;
  near            below which distance two may be copies.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.common import Row, parser, report
from imgsearch.collection.collection import Collection
from imgsearch.vectors.calibration import NEIGHBORHOOD, Calibration, calibrate, calibrate_sample, neighborhood
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import distances_between, nearest_neighbors

DRAWS = 10


def main() -> None:
    options = _options()
    collection = Collection.open(options.name)
    vectors = np.asarray(collection.spaces[options.space].embeddings)
    labels = np.array([item.label for item in collection.items])
    if not any(labels):
        values = collection.spaces[options.labels].class_values
        assert values is not None
        labels = np.asarray(values).argmax(axis=0).astype(str)
    order = np.random.default_rng(0).permutation(len(vectors))
    away, kept = order[: len(order) // 10], order[len(order) // 10 :]
    gallery, own_labels = vectors[kept], labels[kept]
    others = {name: np.asarray(Collection.open(name).spaces[options.space].embeddings) for name in options.foreign}
    found = {name: _nearest(gallery, queries) for name, queries in {"own": vectors[away], **others}.items()}
    distances = {name: near for name, (near, _) in found.items()}
    was_same = (own_labels[found["own"][1]] == labels[away][:, None]).mean()
    whole = np.array(_said(_calibrated(gallery, own_labels), distances))
    neighbors = nearest_neighbors(gallery, ExactIndex(gallery))
    nearest = distances_between(gallery, np.arange(len(gallery)), neighbors)
    columns = [*(f"{name}_foreign" for name in found), "percentile", "p_same_label", "near"]
    rows = [_row("all", columns, whole, np.zeros(len(columns)))]
    for size in options.samples:
        draws = [np.random.default_rng(seed).choice(len(gallery), size, replace=False) for seed in range(DRAWS)]
        apart = [_calibrated(gallery[draw], own_labels[draw]) for draw in draws]
        named = [(own_labels[draw].tolist(), own_labels[neighbors[draw]]) for draw in draws]
        among_all = [calibrate_sample(gallery[d], nearest[d], *labels) for d, labels in zip(draws, named, strict=True)]
        for kind, found_of in (("", among_all), (", apart", apart)):
            said = np.array([_said(each, distances) for each in found_of])
            rows.append(_row(f"{size:,}{kind}", columns, said.mean(axis=0), np.abs(said - whole).max(axis=0)))
    counts = {"pictures": len(gallery), "uploads": len(away), "space": options.space}
    report(options.save, {**counts, "same_label": float(was_same), "samples": rows})


def _options() -> argparse.Namespace:
    made = parser(__doc__)
    made.add_argument("name", help="a built collection")
    made.add_argument("--space", default="mini", help="[%(default)s]")
    made.add_argument("--foreign", nargs="*", default=[], metavar="NAME", help="collections that are asked for besides")
    made.add_argument("--samples", type=int, nargs="*", default=[500, 1_000, 2_000], metavar="N", help="[%(default)s]")
    made.add_argument("--labels", default="mobilenet_v2", metavar="SPACE", help="[%(default)s]")
    return made.parse_args()


def _row(measured_on: str, columns: Sequence[str], means: np.ndarray, off: np.ndarray) -> Row:
    most_off = {f"{name}_off": most for name, most in zip(columns, off.tolist(), strict=True)}
    return {"measured_on": measured_on, **dict(zip(columns, means.tolist(), strict=True)), **most_off}


def _nearest(gallery: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances and rows of the nearest in the gallery: float32 and int64 (n, NEIGHBORHOOD)."""
    exact = ExactIndex(gallery)
    rows = np.stack([exact.nearest(query, NEIGHBORHOOD) for query in queries])
    both = np.concatenate([gallery, queries])
    return distances_between(both, np.arange(len(gallery), len(both)), rows), rows


def _calibrated(vectors: np.ndarray, labels: np.ndarray) -> Calibration:
    return calibrate(vectors, nearest_neighbors(vectors, ExactIndex(vectors)), labels.tolist())


def _said(calibration: Calibration, distances: Mapping[str, np.ndarray]) -> Sequence[float]:
    """What the lines of the table have."""
    verdicts = {name: [calibration.verdict(neighborhood(near)) for near in each] for name, each in distances.items()}
    foreign = [float(np.mean([verdict.is_foreign for verdict in each if verdict])) for each in verdicts.values()]
    percentiles = [calibration.percentile(float(distance)) for distance in distances["own"].ravel()]
    same = [calibration.p_same_label(float(d), neighborhood(near)) or 0.0 for near in distances["own"] for d in near]
    return [*foreign, float(np.mean(percentiles)), float(np.mean(same)), calibration.near]


if __name__ == "__main__":
    main()
