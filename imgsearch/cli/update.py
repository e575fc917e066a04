"""The command that brings a collection up to date: update."""

from __future__ import annotations

import click

from imgsearch.cli.build import print_report
from imgsearch.cli.group import cli, json_option, progress_bar, quiet_option
from imgsearch.settings import get_settings
from imgsearch.supply.sources import update_collection


@cli.command()
@click.argument("name")
@json_option
@quiet_option
def update(name: str, as_json: bool) -> None:
    """Bring the collection NAME up to date with the place its pictures came from.

    New pictures are added, those that are gone are dropped, changed ones are embedded again. A page that is running shows
    the old state until the new one is complete, then that.

    Where the pictures cannot be had, what needs none of them is added if it is missing: indexes, networks, which answer
    uploads without TensorFlow, and class values, which answer questions in words.
    """
    with progress_bar() as progress:
        report = update_collection(name, get_settings().home, progress=progress)
    print_report(report, as_json)
