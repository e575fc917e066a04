"""The command that finds pictures held more than once: duplicates."""

from __future__ import annotations

import click

from imgsearch.cli.group import cli, json_option, name_in_files, print_json, printable, progress_bar, quiet_option
from imgsearch.collection.collection import Collection
from imgsearch.counting import counted
from imgsearch.distance import MAX_DISTANCE, MIN_DISTANCE
from imgsearch.measure.duplicates import DuplicateGroup, find_duplicates


@cli.command()
@name_in_files
@click.option("--space", help="Space that proposes pairs.  [default: the first]")
@click.option(
    "--threshold",
    type=click.FloatRange(MIN_DISTANCE, MAX_DISTANCE),
    help="Largest distance of a pair that the space proposes.  [default: calibrated]",
)
@json_option
@quiet_option
def duplicates(name: str, space: str | None, threshold: float | None, as_json: bool) -> None:
    """Find pictures that the collection NAME holds more than once, and say which one to keep: the largest.

    Exact copies are the same file. Near ones have thumbnails with the same details: re-encoded, resized, brightened, grey,
    mirrored, turned by quarters, or cropped by up to a tenth. Nothing is changed or removed.

    \b
    Example:
      python -m imgsearch duplicates pets
    """
    collection = Collection.open(name)
    with progress_bar("pairs") as progress:
        groups = find_duplicates(collection, space, threshold=threshold, progress=progress)
    for group in groups:
        if as_json:
            print_json(_to_json(collection, group))
        else:
            _print_group(collection, group)
    n_copies = sum(len(group.copies) for group in groups)
    n_exact = sum(copy.is_exact for group in groups for copy in group.copies)
    click.echo(
        f"{counted(n_copies, 'copy', 'copies')} of {counted(len(groups), 'picture')}; {n_exact:,} of them exact.", err=True
    )


def _to_json(collection: Collection, group: DuplicateGroup) -> dict[str, object]:
    return {
        "keep": collection.items[group.keep].item_id,
        "copies": [
            {
                "item_id": collection.items[copy.row].item_id,
                "distance": round(copy.distance, 6),
                "is_exact": copy.is_exact,
            }
            for copy in group.copies
        ],
    }


def _print_group(collection: Collection, group: DuplicateGroup) -> None:
    kept = collection.items[group.keep]
    click.echo(f"keep   {'':8}  {kept.width} x {kept.height}  {printable(kept.item_id)}")
    for copy in group.copies:
        item = collection.items[copy.row]
        click.echo(f"  {copy.kind:5}{copy.distance:8.4f}  {item.width} x {item.height}  {printable(item.item_id)}")
