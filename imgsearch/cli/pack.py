"""The command that makes a package of a collection: pack."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from imgsearch.cli.group import UserPath, cli, json_option, name_in_files, print_json
from imgsearch.settings import get_settings
from imgsearch.supply.publish import SUFFIX, pack


@cli.command("pack")
@name_in_files
@click.option("-o", "--output", type=UserPath(), help=f"The file to write.  [default: NAME{SUFFIX}]")
@click.option("--with-weights", is_flag=True, help="Also the weights given with --weights, which only TensorFlow needs.")
@json_option
def pack_command(name: str, output: Path | None, with_weights: bool, as_json: bool) -> None:
    """Write the collection NAME into one file: thumbnails, vectors and networks, not the original pictures.

    The same pictures, built by the same versions on one machine, give the same bytes. Put the file where it can be
    downloaded, and pull it from there.

    \b
    Example:
      python -m imgsearch pack pets
    """
    packed = pack(name, get_settings().home, output or Path(f"{name}{SUFFIX}"), with_weights=with_weights)
    if as_json:
        print_json({**asdict(packed), "path": str(packed.path)})
        return
    if packed.without_network:
        spaces = ", ".join(packed.without_network)
        click.echo(f"Uploads need TensorFlow where it is pulled, for {spaces}: there is no network here.", err=True)
        click.echo(f"Hint: python -m imgsearch update {name} adds one; then pack it again.", err=True)
    for space in packed.downloaded_weights:
        click.echo(f"The weights of {space} are not in it: they are downloaded where a picture is uploaded.", err=True)
    click.echo(f"{packed.size / 2**20:.1f} MiB; to pull it: python -m imgsearch pull URL#sha256={packed.sha256}", err=True)
    click.echo(f"{packed.path}#sha256={packed.sha256}")
