"""The command that trains: distill."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from imgsearch.cli.group import UserPath, cli, json_option, print_json, printable, progress_bar, quiet_option
from imgsearch.counting import counted
from imgsearch.embedding.backbones import BACKBONES, BUNDLED_BACKBONE
from imgsearch.embedding.spec import embedder_spec
from imgsearch.embedding.training import MIN_PICTURES, STEPS, distill
from imgsearch.embedding.weights import keep_weights
from imgsearch.settings import get_settings

TEACHERS = [name for name, backbone in BACKBONES.items() if not backbone.bundled]


@cli.command("distill")
@click.option(
    "--images",
    "directory",
    type=UserPath(),
    required=True,
    help=f"Folder of at least {MIN_PICTURES} pictures, better thousands; no labels needed; only read.",
)
@click.option("--teacher", type=click.Choice(TEACHERS), required=True, help="Backbone to learn from.")
@click.option("--weights", type=UserPath(), help="HDF5 file for the teacher, instead of a download.")
@click.option("--name", required=True, help="Name of the new backbone: a-z, 0-9 and _.")
@click.option("--steps", type=click.IntRange(min=1), default=STEPS, show_default=True, help="Steps of 64 crops each.")
@json_option
@quiet_option
def distill_command(directory: Path, teacher: str, weights: Path | None, name: str, steps: int, as_json: bool) -> None:
    """Train a compact backbone for pictures like those of a folder.

    It learns to embed them as the teacher does, beginning with the weights of the bundled backbone, and is then an embedder
    like the others. A training that was stopped, even killed, goes on from its last checkpoint with the same command. At
    the end it says how near to the teacher it comes on pictures that it has not learned from; whether that serves a
    collection with labels, `evaluate` says. Where the weights of the teacher hold its classifier, the new backbone learns
    to tell the same classes, so that its collections can be asked for words.

    \b
    Examples:
      python -m imgsearch distill --images ~/birds --teacher inception_v3 --name birds_mini
      python -m imgsearch build birds --images ~/birds --embedder birds_mini
    """
    home = get_settings().home
    spec = embedder_spec(teacher, weights=keep_weights(weights, home) if weights else None)
    with progress_bar() as progress:
        done = distill(name, directory, teacher=spec, home=home, steps=steps, progress=progress)
    for skipped in done.skipped:
        click.echo(f"Left out {printable(skipped.item_id)}: {printable(skipped.reason)}", err=True)
    if as_json:
        print_json(asdict(done))
        return
    click.echo(
        f"{done.name} is ready, of {counted(done.n_learned, 'picture')}. Cosine to {teacher} on "
        f"{counted(done.n_held_out, 'other')}: {done.cosine_after:.3f}; {done.cosine_before:.3f} "
        f"with the body of {BUNDLED_BACKBONE} as it is."
    )
    if done.without_classifier:
        click.echo(f"Its collections cannot be asked for words. {done.without_classifier}", err=True)
    else:
        click.echo("Its collections can be asked for words.")
