"""The command that checks every byte of a collection: verify."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.group import cli, print_exact, printable
from imgsearch.collection.collection import Collection


@cli.command()
@click.argument("name")
def verify(name: str) -> None:
    """Check every byte of the collection NAME; exit 1 if anything is wrong."""
    collection = Collection.open(name)
    problems = collection.verify()
    for problem in problems:
        click.echo(printable(problem))
    if problems:
        sys.exit(1)
    click.echo(f"{name} is sound.")
    print_exact(collection)
