"""The command that checks every byte of a collection: verify."""

from __future__ import annotations

import sys

import click

from imgsearch.cli.group import cli, json_option, name_in_files, print_json, print_notices, printable
from imgsearch.collection.collection import Collection


@cli.command()
@name_in_files
@json_option
def verify(name: str, as_json: bool) -> None:
    """Check every byte of the collection NAME, and of its networks; exit 1 if anything is wrong."""
    collection = Collection.open(name)
    problems = collection.verify()
    if as_json:
        print_json({"name": name, "problems": problems})
    else:
        click.echo("\n".join(map(printable, problems)) or f"{name} is sound.")
    print_notices(collection)
    if problems:
        sys.exit(1)
