"""The command that makes or renews a collection: build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from imgsearch.cli.group import UserPath, cli, json_option, print_json, print_notices, printable, progress_bar, quiet_option
from imgsearch.cli.info import describe_all
from imgsearch.collection.build import BuildReport, build_collection
from imgsearch.collection.draft import plain_maps
from imgsearch.collection.source import Source
from imgsearch.counting import counted
from imgsearch.embedding.backbones import BACKBONES, BUNDLED_BACKBONE, DEFAULT_BACKBONE
from imgsearch.embedding.descriptors import DESCRIPTORS
from imgsearch.embedding.spec import LAYERS, PRECISIONS, EmbedderSpec, embedder_spec
from imgsearch.embedding.weights import keep_weights
from imgsearch.errors import BackboneUnavailableError
from imgsearch.files.home import list_collections
from imgsearch.settings import get_settings
from imgsearch.supply.datasets import DATASETS
from imgsearch.supply.sources import discarding, prepare
from imgsearch.vectors.engines import DEFAULT_ENGINE, ENGINES

_MOST_LEFT_OUT = 50
_CLASSIFIER_MB = " and ".join(
    f"{BACKBONES[name].classifier_bytes / 1e6:.1f} MB for {name}" for name in ("mobilenet_v2", DEFAULT_BACKBONE)
)


@cli.command()
@click.argument("name")
@click.option("--images", type=UserPath(), help="Folder, zip or tar file of pictures; only read.")
@click.option(
    "--encoding",
    default="",
    help="How the file names in an archive are encoded that does not say it, such as cp949 or cp932.  [default: told by "
    "what decodes, for Korean, Japanese, Chinese and Western European]",
)
@click.option("--dataset", type=click.Choice(list(DATASETS)), help="Dataset to download, instead of --images.")
@click.option(
    "--archive",
    "archives",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File of the dataset that was downloaded by hand, or a folder with several; may be given several times. Checked "
    "against the official digests; what is missing is downloaded.",
)
@click.option(
    "--embedder",
    "names",
    multiple=True,
    help=f"What to embed with: {', '.join((*BACKBONES, *DESCRIPTORS))}, or a name given to distill; may be given several "
    f"times, each makes a space.  [default: {DEFAULT_BACKBONE}, or {BUNDLED_BACKBONE} where its weights cannot be had]",
)
@click.option(
    "--weights",
    type=UserPath(),
    help="HDF5 file for the one backbone that needs it, instead of a download. What is downloaded holds the classifier, "
    f"without which a space cannot be asked for words: {_CLASSIFIER_MB}.",
)
@click.option("--layer", type=click.Choice(LAYERS), default="pooled", show_default=True, help="Output to embed with.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="bfloat16 builds faster on processors with instructions for it (AMX-BF16, AVX512-BF16), and on no others; queries "
    "always run in float32.",
)
@click.option(
    "--pca",
    type=click.IntRange(min=1),
    help="Add a space of so many principal components of each backbone's: a smaller, faster index.",
)
@click.option(
    "--engine",
    type=click.Choice(list(ENGINES)),
    help=f"What every space is searched with; tune says which to take.  [default: what it has, else {DEFAULT_ENGINE}]",
)
@click.option("--title", help="Name for people.  [default: NAME]")
@click.option("--source", help="Where the pictures come from, for people.")
@click.option("--license", help="Under which terms they may be used, for people.")
@click.option("--label-pattern", help="Regular expression on the item id with a group (?P<label>...).")
@json_option
@quiet_option
def build(
    name: str,
    images: Path | None,
    encoding: str,
    dataset: str | None,
    archives: tuple[Path, ...],
    names: tuple[str, ...],
    weights: Path | None,
    layer: str,
    precision: str,
    pca: int | None,
    engine: str | None,
    title: str | None,
    source: str | None,
    license: str | None,
    label_pattern: str | None,
    as_json: bool,
) -> None:
    """Make or renew the collection NAME from a folder or archive of pictures, or from a dataset.

    Labels are the names of sub-folders, or come from a metadata.csv (file_name,label) in the folder, or from
    --label-pattern. What cannot be used is left out and listed, many files of a kind in one line. A build that was stopped
    goes on where it was; pictures that have not changed are not embedded again. Archives and datasets are unpacked into the
    folder of collections.

    \b
    Examples:
      python -m imgsearch build pets --images ~/pets/images --label-pattern '(?P<label>[^/]+)_\\d+\\.jpg$'
      python -m imgsearch build pets --images ~/pets/images --embedder color_histogram
      python -m imgsearch build holidays --images ~/Downloads/holidays.zip
      python -m imgsearch build pets --dataset oxford_iiit_pet
      python -m imgsearch build pets --dataset oxford_iiit_pet --archive ~/Downloads/images.tar.gz \\
        --archive ~/Downloads/annotations.tar.gz
    """
    if (images is None) == (dataset is None):
        raise click.UsageError("build needs exactly one of --images and --dataset.")
    home = get_settings().home
    is_plain = not (weights or layer != "pooled" or precision != "float32")
    is_new = name not in list_collections(home)
    specs = embedder_specs(
        names or ((DEFAULT_BACKBONE,) if is_new or not is_plain else ()), weights, home, layer=layer, precision=precision
    )
    if archives and not dataset:
        raise click.UsageError("--archive goes with --dataset; an archive of your own pictures goes to --images.")
    origin = Source.of(images, encoding) if images else Source("dataset", str(dataset))
    if encoding and origin.kind != "archive":
        raise click.UsageError("--encoding goes with a zip or tar file.")
    with progress_bar() as progress:
        prepared = prepare(origin, name, home, archives=archives, progress=progress)
    options: dict[str, Any] = {
        "title": title or prepared.title,
        "source": source if source is not None else prepared.source,
        "license": license if license is not None else prepared.license,
        "label_pattern": label_pattern,
        "left_out": prepared.left_out,
        "origin": origin,
        "remarks": prepared.remarks,
        "pca": pca,
        "engine": engine,
    }
    with discarding(origin, name, home):
        try:
            report = _build(name, prepared.directory, specs, **options)
        except BackboneUnavailableError as exc:
            if names or not is_new or not is_plain:
                raise
            click.echo(f"{exc.message} Building with the bundled backbone, {BUNDLED_BACKBONE}, instead.", err=True)
            report = _build(name, prepared.directory, [embedder_spec(BUNDLED_BACKBONE)], **options)
    print_report(report, as_json)


def _build(name: str, directory: Path, specs: list[EmbedderSpec], **options: Any) -> BuildReport:
    with progress_bar() as progress:
        return build_collection(name, directory, home=get_settings().home, specs=specs, progress=progress, **options)


def print_report(report: BuildReport, as_json: bool) -> None:
    """What a build did: what was left out to stderr, one line or object, and to stderr what has no index or network."""
    if report.replaced_damaged:
        damage = printable(report.replaced_damaged)
        click.echo(f"The collection that was there could not be used and was replaced: {damage}", err=True)
    collection, manifest = report.collection, report.collection.manifest
    for remark in report.remarks:
        click.echo(printable(remark), err=True)
    for skipped in report.skipped[:_MOST_LEFT_OUT]:
        click.echo(f"Left out {printable(skipped.item_id)}: {printable(skipped.reason)}", err=True)
    if len(report.skipped) > _MOST_LEFT_OUT:
        click.echo(f"All that was left out is listed by: python -m imgsearch info {collection.name}", err=True)
    print_notices(collection)
    if plain := plain_maps(collection):
        click.echo(f"Without scikit-learn, the map shows principal components: {', '.join(plain)}.", err=True)
        click.echo("Hint: pip install scikit-learn, then build or update again.", err=True)
    if as_json:
        done = {
            "is_unchanged": report.is_unchanged,
            "n_embedded": report.n_embedded,
            "device": report.device,
            "remarks": list(report.remarks),
        }
        print_json({**describe_all(collection), **done})
        return
    where = f" on the {report.device}" if report.device and report.n_embedded else ""
    state = "is up to date" if report.is_unchanged else f"is ready, {report.n_embedded:,} embedded now{where}"
    click.echo(
        f"{collection.name} {state}: {counted(manifest.n_items, 'picture')}, "
        f"{counted(len(collection.items.label_counts), 'label')}, "
        f"{manifest.n_skipped:,} left out; spaces: {', '.join(manifest.spaces)}."
    )


def embedder_specs(
    names: Sequence[str], weights: Path | None, home: Path, *, layer: str = "pooled", precision: str = "float32"
) -> list[EmbedderSpec]:
    """What each name stands for; a weights file is for the one backbone that has no weights of its own."""
    takers = [name for name in names if name in BACKBONES and not BACKBONES[name].bundled]
    takers = takers or [name for name in names if name in BACKBONES]  # other weights for the bundled one, on purpose
    if weights and len(takers) != 1:
        raise click.UsageError(
            f"--weights goes with exactly one backbone that needs a file. Received: {', '.join(takers) or 'none'}."
        )
    digest = keep_weights(weights, home) if weights else None
    return [
        embedder_spec(name, layer=layer, weights=digest if name in takers else None, precision=precision, home=home)
        for name in names
    ]
