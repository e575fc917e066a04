"""Commands on what people said of results: judgements export."""

from __future__ import annotations

from dataclasses import asdict

import click

from imgsearch.cli.group import cli, json_option, print_json
from imgsearch.measure.judgements import JudgementStore, to_csv
from imgsearch.settings import get_settings


@cli.group()
def judgements() -> None:
    """Likes and dislikes that visitors gave, where IMGSEARCH_KEEP_JUDGEMENTS=1 keeps them."""


@judgements.command("export")
@json_option
def export_command(as_json: bool) -> None:
    """Print all judgements, oldest first.

    \b
    Example:
      python -m imgsearch judgements export > judgements.csv
    """
    kept = JudgementStore(get_settings().home).all()
    if as_json:
        for each in kept:
            print_json(asdict(each))
    else:
        click.echo(to_csv(kept), nl=False)
