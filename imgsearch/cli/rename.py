"""The command that gives a collection another name: rename."""

from __future__ import annotations

import click

from imgsearch.cli.group import cli, json_option, print_json
from imgsearch.cli.info import describe_all
from imgsearch.collection.outline import Outline
from imgsearch.settings import get_settings
from imgsearch.supply.upkeep import rename_collection


@cli.command()
@click.argument("old")
@click.argument("new")
@json_option
def rename(old: str, new: str, as_json: bool) -> None:
    """Give the collection OLD the name NEW.

    Where its pictures come from and what visitors judged goes along; its title stays. Addresses with the old name lead to
    another collection from then on, and say so.

    \b
    Example:
      python -m imgsearch rename pets cats-and-dogs
    """
    home = get_settings().home
    rename_collection(old, new, home)
    if as_json:
        print_json(describe_all(Outline.open(new, home)))
    else:
        click.echo(f"{old} is called {new} now.")
