"""The command that measures how good the answers are: evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from imgsearch.cli.group import (
    UserPath,
    cli,
    json_option,
    name_in_files,
    print_json,
    printable,
    progress_bar,
    quiet_option,
    worker_of,
)
from imgsearch.collection.collection import Collection
from imgsearch.counting import counted
from imgsearch.measure.evaluation import (
    ALL_RERANKINGS,
    evaluate_collection,
    evaluate_folder,
    query_time_ratio,
    save_evaluation,
)
from imgsearch.measure.words import WordQuality, word_quality
from imgsearch.retrieval.metrics import Estimate, Evaluation
from imgsearch.retrieval.rerank import RERANKINGS

_HEADER = "| space | re-ranking | precision@1 | precision@5 | mAP | dimensions | index | query time (exact: 1) |"
_N_WORST = 3
_N_CONFUSED = 3


@cli.command("evaluate")
@name_in_files
@click.option(
    "--rerank",
    "names",
    multiple=True,
    type=click.Choice([*RERANKINGS]),
    help="Re-ranking to measure beside the plain order; may be given several times.  [default: all]",
)
@click.option(
    "--queries",
    type=UserPath(),
    help="Folder of labelled pictures that ask instead of those of NAME; they are embedded anew.",
)
@click.option("--label-pattern", help="Where the labels of --queries come from.  [default: as NAME was built]")
@json_option
@quiet_option
def evaluate_command(
    name: str, names: tuple[str, ...], queries: Path | None, label_pattern: str | None, as_json: bool
) -> None:
    """Measure how often the nearest pictures of NAME show the same label, in every space and with every re-ranking.

    Each labelled picture asks once and is left out of its own answers, or those of a folder ask with --queries. Intervals
    hold 95 % of the means of resampled queries. The time of a query is given relative to one that compares with every
    picture. Without options the result is kept with the collection, for the page to show. Where labels are words that a
    network here learned, a last line says how well their names alone find them.

    \b
    Examples:
      python -m imgsearch evaluate sample
      python -m imgsearch evaluate pets --rerank augmentation
      python -m imgsearch evaluate pets --queries ~/photos/my_pets --json
    """
    if label_pattern is not None and queries is None:
        raise click.UsageError("--label-pattern goes with --queries.")
    collection = Collection.open(name)
    rerankings = ("", *names) if names else ALL_RERANKINGS
    with progress_bar("queries") as progress:
        if queries is None:
            evaluations = evaluate_collection(collection, rerankings=rerankings, progress=progress)
        else:
            with worker_of(collection) as worker:
                evaluations, skipped = evaluate_folder(
                    collection,
                    queries,
                    label_pattern=label_pattern,
                    rerankings=rerankings,
                    embedders=worker,
                    progress=progress,
                )
            for each in skipped:
                click.echo(f"Left out {printable(each.item_id)}: {printable(each.reason)}", err=True)
    _print(collection, evaluations, word_quality(collection) if queries is None else (), as_json)
    if queries is None and not names:
        save_evaluation(collection, evaluations)


def _print(collection: Collection, evaluations: Sequence[Evaluation], words: Sequence[WordQuality], as_json: bool) -> None:
    if not as_json:
        click.echo(_HEADER + "\n|" + "---|" * (_HEADER.count("|") - 1))
    for it in evaluations:
        space = collection.space(it.space)
        index = collection.manifest.spaces[it.space].index
        index_bytes = index.size if index else 0
        dim = space.dim
        ratio = query_time_ratio(collection.items, space, it.rerank)
        if as_json:
            facts: dict[str, Any] = {"dim": dim, "index_bytes": index_bytes, "time_ratio": round(ratio, 3)}
            if space is collection.word_space and not it.rerank:
                facts["words"] = [_word_facts(each) for each in words]
            print_json({**it.to_json(), **facts})
            continue
        measures = (it.precision_at_k[1], it.precision_at_k[5], it.mean_average_precision)
        cells = " | ".join(_cell(each) for each in measures)
        click.echo(
            f"| {it.space} | {it.rerank or 'none'} | {cells} | {dim} | {index_bytes / 2**20:.1f} MiB | {ratio:.2f} |"
        )
    for it in evaluations:
        if it.rerank:
            continue
        worst = ", ".join(f"{printable(each.label)} {each.precision_at_k[5]:.2f}" for each in it.per_label[:_N_WORST])
        click.echo(
            f"{it.space}: {counted(it.n_queries, 'query', 'queries')}, {it.n_skipped:,} left out; worst: {worst}", err=True
        )
        for each in it.confused[:_N_CONFUSED]:
            click.echo(
                f"  {printable(each.label)} found {printable(each.other)} {counted(each.count, 'time')}, "
                f"as with {printable(each.examples[0])}",
                err=True,
            )
    if words:
        click.echo(_word_line(collection, words), err=True)


def _word_line(collection: Collection, words: Sequence[WordQuality]) -> str:
    """How well a network finds labels by their names, in one line."""
    assert collection.word_space  # else there are none
    mean = {
        name: sum(getattr(each, name) for each in words) / len(words)
        for name in ("average_precision", "precision_at_5", "chance")
    }
    worst = ", ".join(f"{printable(each.label)} {each.average_precision:.2f}" for each in words[:_N_WORST])
    return (
        f"words: {counted(len(words), 'label')} that {collection.word_space.name} knows by name: "
        f"mAP {mean['average_precision']:.3f}, "
        f"precision@5 {mean['precision_at_5']:.3f} (by chance {mean['chance']:.3f}); worst: {worst}"
    )


def _word_facts(quality: WordQuality) -> dict[str, Any]:
    return {**asdict(quality), "senses": [sense.text for sense in quality.senses]}


def _cell(estimate: Estimate) -> str:
    return f"{estimate.mean:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
