"""The command that takes a collection away: remove."""

from __future__ import annotations

import click

from imgsearch.cli.group import cli, json_option, name_in_files, print_json, printable
from imgsearch.collection.outline import Outline
from imgsearch.counting import counted
from imgsearch.errors import CollectionError
from imgsearch.files.home import collection_path
from imgsearch.settings import get_settings
from imgsearch.supply.upkeep import remove_collection


@cli.command()
@name_in_files
@click.option("--yes", is_flag=True, help="Do not ask before.")
@json_option
def remove(name: str, yes: bool, as_json: bool) -> None:
    """Remove the collection NAME, after asking; also what is left of a build that failed.

    The pictures that it was built from stay where they are, but for those that were unpacked from an archive of its own;
    weights, datasets and what visitors judged stay too. A page that is running no longer shows it.

    \b
    Example:
      python -m imgsearch remove pets
    """
    home = get_settings().home
    if not yes and collection_path(name, home).is_dir():
        click.confirm(f"Remove {_words(name)}?", abort=True, err=True)
    remove_collection(name, home)
    if as_json:
        print_json({"name": name, "is_removed": True})
    else:
        click.echo(f"{name} is removed.")


def _words(name: str) -> str:
    try:
        outline = Outline.open(name)
    except CollectionError:
        return f"{name}, which cannot be opened"
    return f"{name} ({printable(outline.manifest.title)}, {counted(len(outline.items), 'picture')})"
