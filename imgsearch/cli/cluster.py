"""Commands on more pictures than one machine does: cluster embed."""

from __future__ import annotations

from pathlib import Path

import click

from imgsearch.cli.build import embedder_specs
from imgsearch.cli.group import UserPath, cli, json_option, print_json, printable, progress_bar, quiet_option
from imgsearch.counting import counted
from imgsearch.scale.embed import MOST_TOLD, embed_pictures
from imgsearch.settings import get_settings


@cli.group()
def cluster() -> None:
    """More pictures than one machine does: Ray embeds them. Needs the packages of the extra `cluster`."""


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
