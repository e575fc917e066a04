"""What each re-ranking gains, with all pictures of a collection and where a label has only a few: why one is the default.

    python -m benchmarks.rerankings NAME ... [--per-label 3 4]

Leave-one-out, in every CNN space of the collections: the paired gain over the plain order in precision@1, precision@5 and
mAP, with its 95 % interval. For few pictures a label, so many are drawn of each and the others taken out of the gallery.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.common import print_table
from imgsearch import Collection
from imgsearch.measure.evaluation import ALL_RERANKINGS, evaluate, leave_one_out
from imgsearch.pictures.items import Items
from imgsearch.retrieval.metrics import Estimate
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.neighbors import nearest_neighbors
from imgsearch.vectors.space import Space

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help="collection with labels")
    parser.add_argument("--per-label", type=int, nargs="*", default=[3, 4], help="pictures drawn of each label [3 4]")
    options = parser.parse_args()
    rows = []
    for name in options.names:
        collection = Collection.open(name)
        for space in collection.spaces.values():
            if space.spec.is_descriptor:
                continue
            rows += list(_gains(f"{name}, {space.name}", "all", collection.items, space))
            for n in options.per_label:
                rows += list(_gains(f"{name}, {space.name}", str(n), *_thinned(collection.items, space, n)))
    print_table(["space", "per label", "re-ranking", "precision@1", "precision@5", "mAP"], rows)


def _gains(title: str, per_label: str, items: Items, space: Space) -> Iterator[list[str]]:
    for each in evaluate(items, space, leave_one_out(items, space), rerankings=ALL_RERANKINGS):
        if each.gain:
            gains = (each.gain.precision_at_1, each.gain.precision_at_5, each.gain.mean_average_precision)
            yield [title, per_label, each.rerank, *(_words(gain) for gain in gains)]


def _words(gain: Estimate) -> str:
    return f"{gain.mean:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"


def _thinned(items: Items, space: Space, n: int) -> tuple[Items, Space]:
    """The gallery with n pictures of each label, and its space."""
    rng = np.random.default_rng(SEED)
    chosen = np.sort(np.concatenate([rng.permutation(items.rows_with_label(label))[:n] for label in items.label_counts]))
    embeddings = np.asarray(space.embeddings[chosen])
    index = ExactIndex(embeddings)
    kept = Items([items[int(row)] for row in chosen])
    return kept, replace(space, embeddings=embeddings, index=index, neighbors=nearest_neighbors(embeddings, index))


if __name__ == "__main__":
    main()
