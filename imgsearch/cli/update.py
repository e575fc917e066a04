"""The command that brings a collection up to date: update."""

from __future__ import annotations

import click

from imgsearch.cli.build import print_report
from imgsearch.cli.cluster import print_loaded
from imgsearch.cli.group import cli, json_option, progress_bar, quiet_option
from imgsearch.collection.served.address import served_addresses
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.scale.load import load_datasets
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

    A collection on a server is loaded again from the datasets that it came from: what is new in them is written, and what
    is gone removed.
    """
    if address := served_addresses().get(name):
        with progress_bar() as progress:
            collection = ServedCollection.open(address.table, get_settings().home)
            loaded = load_datasets(collection.facts.datasets, address.table, progress=progress)
        print_loaded(loaded, address, as_json)
        return
    with progress_bar() as progress:
        report = update_collection(name, get_settings().home, progress=progress)
    print_report(report, as_json)
