"""Does the verdict "nothing similar in this collection" tell pictures of other things from the collection's own?

    python -m benchmarks.foreign_pictures --collection NAME --foreign DIR [--list FILE] [--cache DIR]

The collection's own pictures are asked leave-one-out, copies left out; the foreign ones as uploads are. For each space:
  AUROC         that a foreign picture stands farther from the collection than one of its own, with the 95 % interval of
                resampled pictures;
  false alarms  share of its own pictures called foreign at the stored threshold;
  detections    share of the foreign ones called so.
Of descriptors AUROC alone: their spaces give no verdict.
With a list, the pictures of the folder that it does not name are shown too ("others"): of one source with the foreign
ones, so that neither sharpness nor size of the files can tell them apart, but not of the collection's.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks import common
from benchmarks.common import Interval, Row, report
from imgsearch import Collection, decode_image
from imgsearch.embedding.embedder import BATCH_SIZE, load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.vectors.calibration import neighborhood, own_neighborhoods
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import N_NEIGHBORS, distances_between
from imgsearch.vectors.space import Space

N_RESAMPLES = 1000
SEED = 0


def main() -> None:
    options = _options()
    collection = Collection.open(options.collection)
    listed = options.list.read_text().split() if options.list else None
    files = sorted(path for path in options.foreign.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    foreign = [path for path in files if listed is None or path.name in set(listed)]
    others = [path for path in files if path not in set(foreign)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        cache = options.cache or Path(temporary)
        for space in collection.spaces.values():
            own = own_neighborhoods(_table_distances(space))
            away = _neighborhoods(space, _embed(foreign, space.spec, collection.home, cache))
            row: Row = {"space": space.name, "auroc": _with_interval(auroc, own, away)}
            row |= {"false_alarms": _share(space, own), "detections": _share(space, away)}
            if others:
                near = _neighborhoods(space, _embed(others, space.spec, collection.home, cache))
                row |= {"auroc_of_others": _with_interval(auroc, near, away), "others_called_foreign": _share(space, near)}
            rows.append(row)
    n = {"pictures": len(collection.items), "foreign": len(foreign), "others": len(others)}
    report(options.save, {**n, "spaces": rows})


def _options() -> argparse.Namespace:
    parser = common.parser(__doc__)
    parser.add_argument("--collection", required=True, help="name of a built collection")
    parser.add_argument("--foreign", type=Path, required=True, help="folder of pictures that do not belong")
    parser.add_argument("--list", type=Path, help="names of the foreign ones among them, one a line [all]")
    parser.add_argument("--cache", type=Path, help="folder that keeps the embeddings for the next run [none]")
    return parser.parse_args()


def auroc(near: np.ndarray, far: np.ndarray) -> float:
    """Chance that one of `far` is larger than one of `near`, ties counting half: the area under the ROC curve."""
    is_far = np.repeat([False, True], [len(near), len(far)])
    return float(roc_auc_score(is_far, np.concatenate([near, far])))


def _with_interval(measure: Callable[[np.ndarray, np.ndarray], float], near: np.ndarray, far: np.ndarray) -> Interval:
    rng = np.random.default_rng(SEED)
    values = [measure(rng.choice(near, len(near)), rng.choice(far, len(far))) for _ in range(N_RESAMPLES)]
    low, high = np.percentile(values, [2.5, 97.5])
    return {"value": measure(near, far), "low": float(low), "high": float(high)}


def _share(space: Space, neighborhoods: np.ndarray) -> float | None:
    verdicts = [space.calibration.verdict(float(value)) for value in neighborhoods]
    return float(np.mean([verdict.is_foreign for verdict in verdicts if verdict])) if all(verdicts) else None


def _table_distances(space: Space) -> np.ndarray:
    return distances_between(space.embeddings, np.arange(len(space.embeddings)), space.neighbors)


def _neighborhoods(space: Space, embeddings: np.ndarray) -> np.ndarray:
    exact, points = ExactIndex(space.embeddings), space.points(embeddings)
    everything = np.concatenate([space.embeddings, points])
    nearest = [exact.nearest(point, N_NEIGHBORS) for point in points]
    distances = distances_between(everything, np.arange(len(space.embeddings), len(everything)), np.stack(nearest))
    return np.array([neighborhood(each) for each in distances])


def _embed(paths: Sequence[Path], spec: EmbedderSpec, home: Path, cache: Path) -> np.ndarray:
    """float32 (n, dim): kept under a name made of the embedder and the files."""
    names = "\n".join([str(spec), *(str(path) for path in paths)])
    kept = cache / f"{hashlib.sha256(names.encode()).hexdigest()}.npy"
    if not kept.exists():
        embedder = load_embedder(spec.for_queries(), home)
        groups = [paths[start : start + BATCH_SIZE] for start in range(0, len(paths), BATCH_SIZE)]
        np.save(kept, np.concatenate([embedder.embed([decode_image(path).pixels for path in group]) for group in groups]))
    embeddings: np.ndarray = np.load(kept)
    return embeddings


if __name__ == "__main__":
    main()
