"""The command that finds the cheapest index that is good enough: tune."""

from __future__ import annotations

from dataclasses import asdict

import click

from imgsearch.cli.group import cli, json_option, print_json, progress_bar, quiet_option
from imgsearch.collection.collection import Collection
from imgsearch.counting import counted
from imgsearch.errors import QueryError
from imgsearch.measure.tuning import TARGET_RECALL, Setting, Tuning, apply_setting
from imgsearch.measure.tuning import tune as measure


@cli.command()
@click.argument("name")
@click.option("--space", help="Space to tune.  [default: the first]")
@click.option("--apply", "is_applied", is_flag=True, help="Give the space an index of the recommended setting.")
@json_option
@quiet_option
def tune(name: str, space: str | None, is_applied: bool, as_json: bool) -> None:
    """Measure how much of the exact answer the index of NAME finds, for more and fewer trees and nodes.

    Recall is the share of the 10 nearest pictures that the index returns, mean over up to 200 queries. The cheapest
    setting that reaches 0.99 is recommended: fewest nodes looked at (search_k), then fewest trees.

    \b
    Examples:
      python -m imgsearch tune pets
      python -m imgsearch tune pets --space mobilenet_v2-pca256 --apply
    """
    collection = Collection.open(name)
    chosen = collection.space(space)
    if len(collection.items) < 2:
        raise QueryError(f"Tuning needs at least 2 pictures. Received: {len(collection.items)}.")
    with progress_bar(unit="indexes") as progress:
        tuning = measure(collection.items, chosen, progress=progress)
    if as_json:
        print_json({"space": chosen.name, **asdict(tuning)})
    else:
        _print_table(tuning)
    if tuning.recommended is None:
        click.echo(f"No setting reaches a recall of {TARGET_RECALL}: leave the space as it is, or ask exactly.", err=True)
        return
    click.echo(f"Recommended: {_words(tuning.recommended)}.", err=True)
    if tuning.exact_ms <= tuning.recommended.query_ms:
        click.echo("Comparing with every picture was no slower here: the gallery is small.", err=True)
    if is_applied:
        apply_setting(collection, chosen.name, tuning.recommended)
        click.echo(f"{chosen.name} has an index of that setting now.", err=True)


def _print_table(tuning: Tuning) -> None:
    click.echo("| n_trees | search_k | recall@10 | query, ms | / exact | index, MiB |\n|---|---|---|---|---|---|")
    for setting in tuning.settings:
        mark = " *" if setting == tuning.recommended else ""
        click.echo(
            f"| {setting.n_trees} | {setting.search_k} | {setting.recall:.3f}{mark} | {setting.query_ms:.2f} "
            f"| {setting.query_ms / tuning.exact_ms:.2f} | {setting.index_bytes / 2**20:.1f} |"
        )
    click.echo(f"| exact | | 1.000 | {tuning.exact_ms:.2f} | 1.00 | 0 |")


def _words(setting: Setting) -> str:
    return f"{counted(setting.n_trees, 'tree')} and search_k {setting.search_k}, recall {setting.recall:.3f}"
