"""What each re-ranking gains and loses, by how much of the plain order stays in front: why one is the default.

    python -m benchmarks.rerankings --images DIR [--label-pattern P] [--embedder mini] [--weights FILE] [--per-label 3 4]

Each of 20 random splits takes two pictures of every label out of the gallery, whose table of neighbours is built of the
rest. For each re-ranking and each rule, the mean over the splits, and from one standard deviation below to one above:
  half size, centre crop, grey  how often the same picture comes first: 100 pictures of the gallery are asked for by a JPEG
                                of half the size at quality 30, by the middle 70 % of width and height, and in grey;
  precision@5, mAP              of the pictures taken out, as gain over the order of the distances.
The rules say what of the plain order stays in front: its first, always or where its distance is at most so many times the
next; or up to three, as far as there is such a step. For few pictures a label, the others leave the gallery.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import common
from benchmarks.common import Row, report
from benchmarks.planted_duplicates import CHANGES, cropped
from imgsearch import decode_image, embedder_spec
from imgsearch.distance import angular_distance
from imgsearch.embedding.embedder import BATCH_SIZE, load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import keep_weights
from imgsearch.pictures import folder
from imgsearch.retrieval.metrics import average_precision
from imgsearch.retrieval.rerank import N_NEAREST, RERANKINGS, Candidates
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import nearest_neighbors

SEED = 0
N_QUERIES = 2
N_FOUND_AGAIN = 100
PLAIN = "by distance"
RULES = {
    "nothing": (0, 1.0),
    "first at 0.8": (1, 0.8),
    "first at 0.9": (1, 0.9),
    "first at 0.95": (1, 0.95),
    "up to 3 at 0.9": (3, 0.9),
    "first": (1, 1.0),
}
"""What may stay in front: so many at most, the last of them at that share of the next distance or less."""


def half_size(image: Image.Image) -> Image.Image:
    """Half as wide and high, as JPEG at quality 30."""
    data = io.BytesIO()
    CHANGES["half the size"](image).save(data, "JPEG", quality=30)
    return Image.open(data)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half size": half_size,
    "centre crop": lambda image: cropped(image, 0.3),
    "grey": CHANGES["grey"],
}


@dataclass(frozen=True)
class Split:
    """A gallery, and what asks it.

    Attributes:
        gallery: int64 (n_items,), numbers of the pictures in it.
        neighbors: Its table, see `nearest_neighbors`.
        queries: Numbers of the pictures that were taken out.
        again: Positions in the gallery of those that are asked for by an edit.
    """

    gallery: np.ndarray
    neighbors: np.ndarray
    queries: Sequence[int]
    again: Sequence[int]


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home = Path(temporary)
        files = folder.scan(options.images, exclude=home)
        weights = keep_weights(options.weights, home) if options.weights else None
        vectors = _embed(embedder_spec(options.embedder, weights=weights), [file.path for file in files], home)
    label_of = folder.labeller(options.images, options.label_pattern)
    labels = np.array([label_of(file.item_id) for file in files])
    rows: list[Row] = []
    for kept in (None, *options.per_label):
        splits = [_split(vectors["original"], labels, kept, SEED + number) for number in range(options.splits)]
        measured = [_measure(vectors, labels, split) for split in splits]
        rows += [{"per_label": str(kept or "all"), **row} for row in _table(measured)]
    report(options.save, {"pictures": len(files), "labels": len(set(labels)), "rerankings": rows})


def _options() -> argparse.Namespace:
    parser = common.parser(__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures with labels")
    parser.add_argument("--label-pattern", help="as of `imgsearch build` [labels are sub-folders or in metadata.csv]")
    parser.add_argument("--embedder", default="mini", help="[%(default)s]")
    parser.add_argument("--weights", type=Path, help="HDF5 file [the embedder's own]")
    parser.add_argument("--per-label", type=int, nargs="*", default=[], help="gallery pictures of each label [all]")
    parser.add_argument("--splits", type=int, default=20, help="random splits [%(default)s]")
    return parser.parse_args()


def _embed(spec: EmbedderSpec, paths: Sequence[Path], home: Path) -> dict[str, np.ndarray]:
    """ "original" and each edit -> float32 (n, dim)."""
    embedder = load_embedder(spec, home)
    changes = {"original": lambda image: image, **EDITS}
    vectors: dict[str, list[np.ndarray]] = {name: [] for name in changes}
    for start in range(0, len(paths), BATCH_SIZE):
        images = [Image.fromarray(decode_image(path).pixels) for path in paths[start : start + BATCH_SIZE]]
        for name, change in changes.items():
            vectors[name].append(embedder.embed([np.asarray(change(image).convert("RGB")) for image in images]))
    return {name: np.concatenate(batches) for name, batches in vectors.items()}


def _split(embeddings: np.ndarray, labels: np.ndarray, kept: int | None, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    gallery = np.sort(np.concatenate([numbers[N_QUERIES:][:kept] for numbers in drawn]))
    own = embeddings[gallery]
    again = rng.choice(len(gallery), min(N_FOUND_AGAIN, len(gallery)), replace=False)
    queries = np.concatenate([numbers[:N_QUERIES] for numbers in drawn])
    return Split(gallery, nearest_neighbors(own, ExactIndex(own)), queries.tolist(), again.tolist())


def _measure(vectors: Mapping[str, np.ndarray], labels: np.ndarray, split: Split) -> dict[tuple[str, str], np.ndarray]:
    """Re-ranking and rule -> float64 (5,): what the columns of the table say of one split."""
    embeddings = vectors["original"][split.gallery]
    of_gallery = labels[split.gallery]
    found: dict[tuple[str, str], list[list[float]]] = {}
    for number, edit in enumerate(EDITS):
        for position in split.again:
            for key, order in _orders(embeddings, split.neighbors, vectors[edit][split.gallery[position]]):
                found.setdefault(key, [[] for _ in (*EDITS, "precision", "mAP")])[number].append(order[0] == position)
    for query in split.queries:
        for key, order in _orders(embeddings, split.neighbors, vectors["original"][query]):
            is_relevant = of_gallery[order] == labels[query]
            found[key][-2].append(is_relevant[:5].mean())
            found[key][-1].append(average_precision(is_relevant, int(is_relevant.sum())))
    return {key: np.array([np.mean(values) for values in columns]) for key, columns in found.items()}


def _orders(
    embeddings: np.ndarray, neighbors: np.ndarray, query: np.ndarray
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """The plain order, then each re-ranking's under each rule: int64 (n_items,)."""
    distances = angular_distance(embeddings, query)
    plain = np.argsort(distances, kind="stable")
    yield (PLAIN, ""), plain
    candidates = Candidates(query, plain, plain[:N_NEAREST], embeddings.__getitem__, neighbors)
    for name in RERANKINGS:
        if name == "diverse":  # lowers precision on purpose
            continue
        order = RERANKINGS[name].reorder(candidates)
        for rule, (most, share) in RULES.items():
            near = distances[plain[: most + 1]]
            steps = np.flatnonzero(near[:-1] <= share * near[1:])
            front = plain[: steps[-1] + 1 if len(steps) else 0]
            yield (name, rule), np.concatenate([front, order[~np.isin(order, front)]])


def _table(measured: Sequence[Mapping[tuple[str, str], np.ndarray]]) -> Iterator[Row]:
    plain = np.array([values[PLAIN, ""] for values in measured])  # (n_splits, 5)
    for name, rule in measured[0]:
        values = np.array([each[name, rule] for each in measured])
        if name != PLAIN:
            values[:, -2:] -= plain[:, -2:]
        row: Row = {"rerank": name, "in_front": rule}
        columns = (*(edit.replace(" ", "_") for edit in EDITS), "precision_at_5", "mean_average_precision")
        for column, mean, deviation in zip(columns, values.mean(axis=0), values.std(axis=0), strict=True):
            row[column] = {"value": float(mean), "low": float(mean - deviation), "high": float(mean + deviation)}
        yield row


if __name__ == "__main__":
    main()
