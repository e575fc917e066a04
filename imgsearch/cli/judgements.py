"""Commands on what people said of results: judgements export."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from imgsearch.cli.group import cli
from imgsearch.measure.judgements import JudgementStore, to_csv
from imgsearch.settings import get_settings


@cli.group()
def judgements() -> None:
    """Likes and dislikes that visitors gave, where IMGSEARCH_KEEP_JUDGEMENTS=1 keeps them."""


@judgements.command("export")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines instead of CSV.")
def export_command(as_json: bool) -> None:
    """Print all judgements, oldest first.

    \b
    Example:
      python -m imgsearch judgements export > judgements.csv
    """
    kept = JudgementStore(get_settings().home).all()
    if as_json:
        for each in kept:
            click.echo(json.dumps(asdict(each), ensure_ascii=False))
    else:
        click.echo(to_csv(kept), nl=False)
