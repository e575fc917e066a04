"""The command that brings a package here: pull."""

from __future__ import annotations

import click

from imgsearch.cli.group import cli, json_option, print_json, print_notices, printable, progress_bar, quiet_option
from imgsearch.cli.info import describe_all
from imgsearch.counting import counted
from imgsearch.settings import get_settings
from imgsearch.supply.publish import pull


@cli.command("pull")
@click.argument("package")
@click.option("--name", help="What to call the collection here.  [default: the name it was packed with]")
@json_option
@quiet_option
def pull_command(package: str, name: str | None, as_json: bool) -> None:
    """Bring a collection that was packed: PACKAGE is URL#sha256=DIGEST, or a file.

    Every byte is checked before the collection is listed. A download that was stopped goes on where it was.

    \b
    Example:
      python -m imgsearch pull https://example.org/pets.imgsearch.tar#sha256=DIGEST
    """
    with progress_bar() as progress:
        collection = pull(package, get_settings().home, name=name, progress=progress)
    print_notices(collection)
    if as_json:
        print_json(describe_all(collection))
        return
    click.echo(
        f"{collection.name} is here: {printable(collection.manifest.title)}, {counted(len(collection.items), 'picture')}."
    )
