"""Commands on more pictures than one machine does: cluster embed, cluster load, cluster drop."""

from __future__ import annotations

from pathlib import Path

import click

from imgsearch.cli.build import embedder_specs
from imgsearch.cli.group import UserPath, cli, json_option, print_json, printable, progress_bar, quiet_option
from imgsearch.collection.served.address import ServerAddress
from imgsearch.counting import counted
from imgsearch.scale.embed import MOST_TOLD, embed_pictures
from imgsearch.scale.load import LoadReport, load_datasets
from imgsearch.settings import get_settings


@cli.group()
def cluster() -> None:
    """More pictures than one machine does: Ray embeds them, Milvus searches. Needs the packages of the extra `cluster`."""


@cluster.command("embed")
@click.option(
    "--images",
    required=True,
    help="Path or address of a folder of pictures, such as s3://bucket/pets, or of a Parquet or CSV file with a column "
    "address, and perhaps item_id, label and others, which become attributes; only read.",
)
@click.option("--embedder", required=True, help="What to embed with: see build.")
@click.option(
    "--weights", type=UserPath(), help="HDF5 file for a backbone that needs it, instead of a download; needed here alone."
)
@click.option(
    "--to", required=True, help="Path or address of the folder for the result; all machines of the cluster must reach it."
)
@click.option("--label-pattern", help="Regular expression on the item id with a group (?P<label>...).")
@json_option
@quiet_option
def embed(images: str, embedder: str, weights: Path | None, to: str, label_pattern: str | None, as_json: bool) -> None:
    """Embed pictures with Ray into Parquet files and thumbnails, for `cluster load`.

    Runs on the cluster that RAY_ADDRESS names, else on the processors of this machine. Credentials, region and endpoint of
    an object store are taken from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
    AWS_ENDPOINT_URL and so on), here and on the machines of the cluster. Labels are told as by build. A run that was
    stopped, even killed, goes on where it was with the same command; of pictures that came, went or changed, only those
    shards are embedded again that they are in. What cannot be used is in the skipped table, with the reason.

    \b
    Examples:
      python -m imgsearch cluster embed --images s3://pets/photos --embedder mini --to s3://pets/mini
      python -m imgsearch cluster embed --images pets.parquet --embedder mobilenet_v2 --weights mobilenet_v2.weights.h5 \\
        --to /mnt/shared/pets
    """
    home = get_settings().home
    (spec,) = embedder_specs([embedder], weights, home)
    with progress_bar() as progress:
        report = embed_pictures(images, spec, to, home=home, label_pattern=label_pattern, progress=progress)
    dataset = report.dataset
    for skipped in report.skipped[:MOST_TOLD]:
        click.echo(f"Left out {printable(skipped.item_id)}: {printable(skipped.reason)}", err=True)
    if as_json:
        print_json(
            {
                "place": report.place,
                "embedder": dataset.embedder.space,
                "dim": dataset.dim,
                "n_items": dataset.n_items,
                "n_skipped": dataset.n_skipped,
                "n_shards": len(dataset.shards),
                "n_embedded": report.n_embedded,
            }
        )
        return
    click.echo(
        f"{printable(report.place)} is ready, {report.n_embedded:,} embedded now: {counted(dataset.n_items, 'picture')} in "
        f"{counted(len(dataset.shards), 'shard')}, {dataset.n_skipped:,} left out."
    )


_to_server = click.option(
    "--to", "uri", required=True, help="Address of a Milvus server, http://HOST:19530; the token is IMGSEARCH_MILVUS_TOKEN."
)
_name = click.option("--name", required=True, help="Name of the collection on the server, as of any other.")


@cluster.command("load")
@click.argument("datasets", nargs=-1, required=True)
@_to_server
@_name
@click.option("--title", default="", help="Title for people.  [default: as before, at first the name]")
@click.option("--source", default="", help="Where the pictures come from, for people.")
@click.option("--license", default="", help="Under which terms they are, for people.")
@json_option
@quiet_option
def load(datasets: tuple[str, ...], uri: str, name: str, title: str, source: str, license: str, as_json: bool) -> None:
    """Load DATASETS, which `cluster embed` made of the same pictures, into a collection on a Milvus server.

    Each dataset becomes a space of the collection; the first is searched unless another is chosen. A load that was stopped,
    even killed, goes on with the same command; with a dataset that has changed since, it writes what is new and takes away
    what is gone, and a page that is running shows that at once. `update` does that by the name of the collection alone.

    The page and the other commands find the collection by its address, IMGSEARCH_COLLECTIONS=milvus://HOST:19530/NAME.
    They take thumbnails, and networks, from where the first dataset lies.

    \b
    Examples:
      python -m imgsearch cluster load s3://pets/mini --to http://milvus:19530 --name pets
      python -m imgsearch cluster load s3://pets/mini s3://pets/color_histogram --to http://milvus:19530 --name pets
    """
    address = ServerAddress.at(uri, name)
    with progress_bar() as progress:
        report = load_datasets(datasets, address.table, title=title, source=source, license=license, progress=progress)
    print_loaded(report, address, as_json)


def print_loaded(report: LoadReport, address: ServerAddress, as_json: bool) -> None:
    """Says what came of a load."""
    facts = report.facts
    if as_json:
        print_json(
            {
                "address": str(address),
                "n_items": facts.n_items,
                "n_labels": len(facts.label_counts),
                "n_skipped": facts.n_skipped,
                "n_sampled": facts.n_sampled,
                "n_written": report.n_written,
                "n_deleted": report.n_deleted,
                "n_apart": report.n_apart,
                "spaces": list(facts.spaces),
            }
        )
        return
    apart = f" {counted(report.n_apart, 'picture')} not in all of the datasets." if report.n_apart else ""
    click.echo(
        f"{address.name} is ready: {counted(facts.n_items, 'picture')}, {counted(len(facts.label_counts), 'label')}, "
        f"{report.n_written:,} written now, {report.n_deleted:,} removed; spaces: {', '.join(facts.spaces)}.{apart}"
    )
    click.echo(f"To search it: IMGSEARCH_COLLECTIONS={address}", err=True)


@cluster.command("drop")
@_to_server
@_name
@click.option("--yes", is_flag=True, help="Do not ask before.")
def drop(uri: str, name: str, yes: bool) -> None:
    """Remove a collection from a Milvus server, after asking. The datasets that it was loaded from stay.

    \b
    Example:
      python -m imgsearch cluster drop --to http://milvus:19530 --name pets
    """
    address = ServerAddress.at(uri, name)
    if not yes:
        click.confirm(f"Remove {address} with all its rows?", abort=True, err=True)
    address.table.drop()
    click.echo(f"{address} is removed.")
