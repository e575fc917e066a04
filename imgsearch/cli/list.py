"""The command that lists the collections: list."""

from __future__ import annotations

from typing import Any

import click

from imgsearch.cli.group import cli, json_option, print_json, printable
from imgsearch.collection.outline import Outline, describe
from imgsearch.collection.served.address import open_collection, served_addresses
from imgsearch.counting import counted
from imgsearch.errors import ImgSearchError
from imgsearch.files.home import list_collections


@cli.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List the collections."""
    served = served_addresses()
    names = sorted({*list_collections(), *served})
    if not names:
        click.echo("No collections yet. Build one: python -m imgsearch build NAME --images DIR", err=True)
    for name in names:
        try:
            facts = describe(open_collection(name) if name in served else Outline.open(name))
        except ImgSearchError as exc:
            facts = {"name": name, "error": exc.message}
        if as_json:
            print_json(facts)
        elif "error" in facts:
            click.echo(f"{name}  cannot be used: {printable(facts['error'])}")
        else:
            counts = f"{counted(facts['n_items'], 'picture')}, {counted(facts['n_labels'], 'label')}"
            click.echo(f"{name}  {counts}; {', '.join(map(_words, facts['spaces'].items()))}")


def _words(space: tuple[str, dict[str, Any]]) -> str:
    name, facts = space
    return f"{name} (uploads need TensorFlow)" if facts["needs_tensorflow"] else name
