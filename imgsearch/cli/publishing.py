"""Commands that bring collections elsewhere: pack, pull."""

from __future__ import annotations

from pathlib import Path

import click

from imgsearch.cli.group import cli, printable, progress_bar
from imgsearch.settings import get_settings
from imgsearch.supply.publish import SUFFIX, pack, pull


@cli.command("pack")
@click.argument("name")
@click.option("-o", "--output", type=click.Path(path_type=Path), help=f"The file to write.  [default: NAME{SUFFIX}]")
@click.option("--with-weights", is_flag=True, help="Also the weights given with --weights, so that uploads work there.")
def pack_command(name: str, output: Path | None, with_weights: bool) -> None:
    """Write the collection NAME into one file: thumbnails, vectors and indexes, not the original pictures.

    The same collection gives the same bytes. Put the file where it can be downloaded, and pull it from there.

    \b
    Example:
      python -m imgsearch pack pets
    """
    packed = pack(name, get_settings().home, output or Path(f"{name}{SUFFIX}"), with_weights=with_weights)
    for space in packed.downloaded_weights:
        click.echo(f"The weights of {space} are not in it: Keras downloads them where a picture is uploaded.", err=True)
    click.echo(f"{packed.size / 2**20:.1f} MiB; to pull it: python -m imgsearch pull URL#sha256={packed.sha256}", err=True)
    click.echo(f"{packed.path}#sha256={packed.sha256}")


@cli.command("pull")
@click.argument("package")
@click.option("--name", help="What to call the collection here.  [default: the name it was packed with]")
def pull_command(package: str, name: str | None) -> None:
    """Bring a collection that was packed: PACKAGE is URL#sha256=DIGEST, or a file.

    Every byte is checked before the collection is listed. A download that was stopped goes on where it was.

    \b
    Example:
      python -m imgsearch pull https://example.org/pets.imgsearch.tar#sha256=DIGEST
    """
    with progress_bar() as progress:
        collection = pull(package, get_settings().home, name=name, progress=progress)
    click.echo(f"{collection.name} is here: {printable(collection.manifest.title)}, {len(collection.items):,} pictures.")
