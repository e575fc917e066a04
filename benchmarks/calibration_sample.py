"""What does a calibration say that is measured on a sample, as `cluster load` does, and what one of the whole collection?

    python -m benchmarks.calibration_sample NAME [--space mini] [--foreign NAME ...] [--samples N ...] [--labels SPACE]

NAME is a built collection. A tenth of its pictures are taken away, to come as uploads; the others are the gallery, which
is searched whole. For each size ten samples are drawn; a line has means over them, and the most that one is off. Of a
sample the neighbours are those in the gallery, as loading has them, or, for comparison, those in the sample ("apart"):

  own foreign     share of the uploads that are called foreign, 0.05 as it should be;
  NAME foreign    share of the pictures of another collection that are;
  percentile      of the distances of the uploads' 10 nearest;
  P(same label)   of the same, and how often the label was the same; where the collection has no labels, the class that
                  the space of --labels takes each for;
  near            below which distance two may be copies.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.common import print_table
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
    print(f"{options.name}, {options.space}: {len(gallery):,} pictures, {len(away):,} uploads; same label {was_same:.3f}\n")
    whole = np.array(_said(_calibrated(gallery, own_labels), distances))
    neighbors = nearest_neighbors(gallery, ExactIndex(gallery))
    nearest = distances_between(gallery, np.arange(len(gallery)), neighbors)
    rows = [["all", *(f"{value:.3f}" for value in whole)]]
    for size in options.samples:
        draws = [np.random.default_rng(seed).choice(len(gallery), size, replace=False) for seed in range(DRAWS)]
        apart = [_calibrated(gallery[draw], own_labels[draw]) for draw in draws]
        named = [(own_labels[draw].tolist(), own_labels[neighbors[draw]]) for draw in draws]
        among_all = [calibrate_sample(gallery[d], nearest[d], *labels) for d, labels in zip(draws, named, strict=True)]
        for kind, found_of in (("", among_all), (", apart", apart)):
            said = np.array([_said(each, distances) for each in found_of])
            off = np.abs(said - whole).max(axis=0)
            cells = [f"{mean:.3f} (off by {most:.3f})" for mean, most in zip(said.mean(axis=0), off, strict=True)]
            rows.append([f"{size:,}{kind}", *cells])
    print_table(["measured on", *(f"{name} foreign" for name in found), "percentile", "P(same label)", "near"], rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a built collection")
    parser.add_argument("--space", default="mini", help="[%(default)s]")
    parser.add_argument("--foreign", nargs="*", default=[], metavar="NAME", help="collections that are asked for besides")
    parser.add_argument("--samples", type=int, nargs="*", default=[500, 1_000, 2_000], metavar="N", help="[%(default)s]")
    parser.add_argument("--labels", default="mobilenet_v2", metavar="SPACE", help="[%(default)s]")
    return parser.parse_args()


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
