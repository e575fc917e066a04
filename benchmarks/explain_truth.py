"""Is an explanation true? Hiding the places that it calls important must cost similarity.

    python -m benchmarks.explain_truth --images DIR [--backbone mobilenet_v2 --weights FILE]

Each picture is the query once; the result is its nearest neighbour, or one further away. Of the positions of the query's
feature maps, the fifth with the highest values is filled with the picture's mean colour, and the query embedded again.
What is lost of the similarity is compared with what hiding as many positions at random costs (mean of 5 draws), for
  centred    the map that is drawn: towards the result, from the collection's mean;
  raw        the terms of the cosine themselves;
  length     raw, less what a position adds to the length by which the vector is divided (the cosine's gradient);
  other      a centred map towards some other picture of the collection: what any map finds, whatever the result;
  coldest    the fifth with the lowest centred values.
Intervals hold 95 % of the means of resampled queries.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks import common
from benchmarks.common import Interval, Row, machine, report
from imgsearch.embedding.embedder import Embedder, load_embedder
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import embedder_spec
from imgsearch.embedding.weights import keep_weights
from imgsearch.measure.explain import similarity_map
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region

HIDDEN_SHARE = 0.2
N_RANDOM = 5
N_RESAMPLES = 2_000
WHOLE = Region(0, 0, 1, 1)
"""Of a prepared picture: the network sees it as it is."""


class Pictures:
    """The gallery, prepared, and everything of it that does not depend on the result."""

    def __init__(self, embedder: Embedder, paths: Sequence[Path]) -> None:
        self.embedder = embedder
        self.prepared = [embedder.prepare(decode_image(path).pixels) for path in paths]
        self.embeddings = embedder.embed_prepared(self.prepared)
        self.maps = [embedder.feature_maps(pixels, WHOLE) for pixels in self.prepared]
        self.mean = self.embeddings.mean(axis=0, dtype=np.float64)
        self.similarities = self.embeddings @ self.embeddings.T

    def neighbours(self, rank: int) -> np.ndarray:
        """Row of each picture's neighbour of that rank, 1 for the nearest; int64 (n,)."""
        others = self.similarities - 3 * np.eye(len(self.prepared))
        rows: np.ndarray = np.argsort(-others, axis=1, kind="stable")[:, rank - 1]
        return rows

    def drops(self, results: np.ndarray, hidden: Sequence[np.ndarray]) -> np.ndarray:
        """What hiding costs each query: float (n,), similarity to its result before, less that after."""
        pixels = [hide(pixels, mask) for pixels, mask in zip(self.prepared, hidden, strict=True)]
        after = (self.embedder.embed_prepared(pixels) * self.embeddings[results]).sum(axis=1)
        lost: np.ndarray = self.similarities[np.arange(len(results)), results] - after
        return lost


def hide(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The positions of a mask (rows, columns) filled with the picture's mean colour."""
    size = len(pixels)
    places = [(np.arange(size) * n) // size for n in mask.shape]
    return np.where(mask[np.ix_(*places)][..., None], pixels.mean(axis=(0, 1)).round().astype(np.uint8), pixels)


def highest(values: np.ndarray) -> np.ndarray:
    """Mask of the fifth of the positions with the highest values."""
    mask = np.zeros(values.size, bool)
    mask[np.argsort(-values, axis=None, kind="stable")[: round(values.size * HIDDEN_SHARE)]] = True
    return mask.reshape(values.shape)


def masks(
    maps: FeatureMaps, query: np.ndarray, result: np.ndarray, other: np.ndarray, mean: np.ndarray
) -> list[np.ndarray]:
    """What each way to explain hides, in the order of the docstring."""
    found = similarity_map(maps, result, mean)
    return [
        highest(found.centred),
        highest(found.contributions),
        highest(maps.values @ (result - (result @ query) * query)),
        highest(similarity_map(maps, other, mean).centred),
        highest(-found.centred),
    ]


def interval(values: np.ndarray, rng: np.random.Generator) -> Interval:
    """Mean, with the 95 % interval by bootstrap."""
    means = values[rng.integers(0, len(values), (N_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def measure(pictures: Pictures, rank: int) -> list[Row]:
    """A row for each way to explain."""
    rng = np.random.default_rng(rank)
    results = pictures.neighbours(rank)
    random_drops, chosen = [], []
    for maps, query, result in zip(pictures.maps, pictures.embeddings, pictures.embeddings[results], strict=True):
        other = pictures.embeddings[rng.integers(len(pictures.embeddings))]
        chosen.append(masks(maps, query, result, other, pictures.mean))
    for _ in range(N_RANDOM):
        drawn = [highest(rng.random(mask.shape)) for (mask, *_) in chosen]
        random_drops.append(pictures.drops(results, drawn))
    random_drop = np.mean(random_drops, axis=0)
    rows: list[Row] = []
    for name, hidden in zip(("centred", "raw", "length", "other", "coldest"), zip(*chosen, strict=True), strict=True):
        drop = pictures.drops(results, hidden)
        gain = drop - random_drop
        rows.append(
            {
                "hidden": name,
                "rank": rank,
                "lost": float(drop.mean()),
                "lost_at_random": float(random_drop.mean()),
                "more": interval(gain, rng),
                "queries_that_lose_more": float((gain > 0).mean()),
            }
        )
    return rows


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--backbone", default="mini", help="row of imgsearch.embedding.backbones [%(default)s]")
    parser.add_argument("--weights", type=Path, help="HDF5 file; the bundled backbone needs none")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 5, 20], help="which neighbours [1 5 20]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        home = Path(temporary)
        weights = keep_weights(options.weights, home) if options.weights else None
        embedder = load_embedder(embedder_spec(options.backbone, weights=weights), home)
    pictures = Pictures(embedder, sorted(options.images.glob("*.jpg")))
    rows, columns = pictures.maps[0].values.shape[:2]
    print(machine())
    lost = [row for rank in options.ranks for row in measure(pictures, rank)]
    report(options.save, {"pictures": len(pictures.prepared), "positions": [rows, columns], "hidden": lost})


if __name__ == "__main__":
    main()
