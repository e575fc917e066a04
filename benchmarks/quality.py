"""How good are the answers, and what do index and re-ranking cost? Leave-one-out, by labels, every space of a collection.

    python -m benchmarks.quality NAME [--rerank augmentation-expansion]

What `python -m imgsearch evaluate NAME` measures, with each space's dimensions, the size of its index, and the time of a
query by that of comparing with everything (see `Evaluation`). Intervals: 95 %, bootstrap over queries.
"""

from __future__ import annotations

from benchmarks import common
from benchmarks.common import Row, machine, report
from imgsearch.collection.collection import Collection
from imgsearch.measure.evaluation import chance_precision, evaluate_collection, query_time_ratio
from imgsearch.retrieval.metrics import Estimate


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("name", metavar="NAME", help="a built collection with labels")
    parser.add_argument("--rerank", nargs="*", default=["augmentation-expansion"], help="re-rankings [%(default)s]")
    options = parser.parse_args()
    print(machine())
    collection = Collection.open(options.name)
    evaluations = evaluate_collection(collection, rerankings=["", *options.rerank])
    rows: list[Row] = []
    for each in evaluations:
        space, index = collection.space(each.space), collection.manifest.spaces[each.space].index
        rows.append(
            {
                "space": each.space,
                "rerank": each.rerank or "none",
                "precision_at_1": _interval(each.precision_at_k[1]),
                "precision_at_5": _interval(each.precision_at_k[5]),
                "mean_average_precision": _interval(each.mean_average_precision),
                "dimensions": space.dim,
                "index_mib": (index.size if index else 0) / 2**20,
                "query_by_exact": query_time_ratio(collection.items, space, each.rerank),
            }
        )
    n = {"pictures": len(collection.items), "labels": len(collection.items.label_counts)}
    report(options.save, {**n, "chance": chance_precision(collection.items, evaluations[0], 5), "spaces": rows})


def _interval(estimate: Estimate) -> common.Interval:
    return {"value": estimate.mean, "low": estimate.low, "high": estimate.high}


if __name__ == "__main__":
    main()
