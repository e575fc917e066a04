"""The command that says what a collection is made of: info."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from imgsearch.cli.group import cli, json_option, print_json, print_notices, printable
from imgsearch.collection.collection import Collection
from imgsearch.collection.face.description import Described
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.outline import describe
from imgsearch.collection.served.address import open_collection
from imgsearch.counting import counted


@cli.command()
@click.argument("name")
@json_option
def info(name: str, as_json: bool) -> None:
    """Say what the collection NAME is made of, and which pictures were left out."""
    collection = open_collection(name)
    facts = {**describe_all(collection), "n_words": len(collection.words.offered("en"))}
    if as_json:
        print_json(facts)
        return
    click.echo(f"{printable(facts['title'])} ({name}), updated {facts['updated']}")
    for line in (facts["source"] and f"Source: {facts['source']}", facts["license"] and f"License: {facts['license']}"):
        if line:
            click.echo(printable(line))
    click.echo(
        f"{counted(facts['n_items'], 'picture')}, {counted(facts['n_labels'], 'label')}, {facts['n_skipped']} left out"
    )
    for space, parts in facts["spaces"].items():
        weights = f", weights {parts['weights'][:12]}" if parts["weights"] else ""
        index = parts["index"] or "no index"
        click.echo(
            f"space {space}: {counted(parts['dim'], 'dimension')}, {parts['layer']}, {parts['precision']}{weights}, "
            f"{index}, {(parts['embeddings_bytes'] + parts['index_bytes']) / 2**20:.1f} MiB"
            + (", class values" if parts["class_values_bytes"] else "")
            + (", uploads need TensorFlow" if parts["needs_tensorflow"] else "")
        )
    click.echo(_words_line(collection, facts["n_words"]))
    print_notices(collection)
    for skipped in collection.skipped:
        click.echo(f"left out {printable(skipped.item_id)}: {printable(skipped.reason)}")


def _words_line(collection: OpenedCollection, n_words: int) -> str:
    """How many words pictures can be asked for by."""
    if collection.word_space:
        return f"{counted(n_words, 'word')} can be asked for, by {collection.word_space.name}"
    what = f"only its {counted(n_words, 'label')} can be asked for" if n_words else "none can be asked for"
    if not isinstance(collection, Collection):  # a server keeps no class values
        return f"words: {what}"
    return f"words: {what}. python -m imgsearch update {collection.name} adds others, where a network has a classifier."


def describe_all(collection: Described) -> dict[str, Any]:
    """What `--json` prints of a collection, also after what makes or brings one: see `describe`, and what was left out."""
    return {**describe(collection), "skipped": [asdict(skipped) for skipped in collection.skipped]}
