"""The command that finds the cheapest index that is good enough: tune."""

from __future__ import annotations

from dataclasses import asdict

import click

from imgsearch.cli.group import cli, json_option, name_in_files, print_json, progress_bar, quiet_option
from imgsearch.collection.collection import Collection
from imgsearch.errors import QueryError
from imgsearch.measure.tuning import TARGET_RECALL, Setting, Tuning, apply_setting
from imgsearch.measure.tuning import tune as measure
from imgsearch.vectors.engines import ENGINES


@cli.command()
@name_in_files
@click.option("--space", help="Space to tune.  [default: the first]")
@click.option(
    "--engine",
    "engines",
    type=click.Choice(list(ENGINES)),
    multiple=True,
    help="Engine to try; may be given several times.  [default: all]",
)
@click.option("--apply", "is_applied", is_flag=True, help="Give the space an index of the recommended setting.")
@json_option
@quiet_option
def tune(name: str, space: str | None, engines: tuple[str, ...], is_applied: bool, as_json: bool) -> None:
    """Measure which engine finds how much of the exact answer in NAME, at what cost, and which to take.

    Recall is the share of the 10 nearest pictures that the index returns, mean over up to 200 queries. The cheapest
    setting that reaches 0.99 is recommended: the one that compares a query with the fewest pictures, which is the same on
    every run as its time is not; of two, the one with the smaller file. Where none spares three quarters of the
    comparisons, no index is worthwhile, and comparing with every picture is recommended.

    \b
    Examples:
      python -m imgsearch tune pets
      python -m imgsearch tune pets --space mobilenet_v2-pca256 --engine annoy --apply
    """
    collection = Collection.open(name)
    chosen = collection.space(space)
    if len(collection.items) < 2:
        raise QueryError(f"Tuning needs at least 2 pictures. Received: {len(collection.items)}.")
    with progress_bar(unit="indexes") as progress:
        tuning = measure(chosen, engines or tuple(ENGINES), progress=progress)
    for engine, fault in tuning.faults.items():
        click.echo(f"{ENGINES[engine].label} is left out: {fault.sentence}", err=True)
    if as_json:
        recommended = asdict(tuning.recommended) if tuning.recommended else None
        print_json({"space": chosen.name, "settings": list(map(asdict, tuning.settings)), "recommended": recommended})
    else:
        _print_table(tuning)
    if tuning.recommended is None:
        click.echo(f"No setting reaches a recall of {TARGET_RECALL}: leave the space as it is, or ask exactly.", err=True)
        return
    click.echo(f"Recommended: {_words(tuning.recommended)}, recall {tuning.recommended.recall:.3f}.", err=True)
    if is_applied:
        apply_setting(collection, chosen.name, tuning.recommended)
        click.echo(f"{chosen.name} is searched so now.", err=True)


def _print_table(tuning: Tuning) -> None:
    click.echo(
        "| index | recall@10 | compared with | time / exact | size / vectors | build, s |\n|---|---|---|---|---|---|"
    )
    for setting in tuning.settings:
        mark = " *" if setting == tuning.recommended else ""
        click.echo(
            f"| {_words(setting)} | {setting.recall:.3f}{mark} | {setting.n_compared:,.0f} | {setting.time_ratio:.2f} "
            f"| {setting.size_ratio:.2f} | {setting.build_ms / 1000:.1f} |"
        )


def _words(setting: Setting) -> str:
    return ENGINES[setting.engine].words(setting.params)
