"""The command line: parse, call, print. Data goes to stdout; progress, notes and errors to stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import click
from tqdm import tqdm

from imgsearch import __version__
from imgsearch.backbones import BACKBONES, BUNDLED_BACKBONE, DEFAULT_BACKBONE
from imgsearch.build import BuildReport, Progress, build_collection
from imgsearch.collection import Collection, describe, list_collections
from imgsearch.datasets import build_sample
from imgsearch.descriptors import DESCRIPTORS
from imgsearch.embedding import LAYERS, PRECISIONS, EmbedderSpec, embedder_spec
from imgsearch.errors import BackboneUnavailableError, ImgSearchError, ItemNotFoundError, QueryError
from imgsearch.evaluation import evaluate
from imgsearch.search import SearchPage
from imgsearch.settings import DEFAULT_K, MAX_K, get_settings
from imgsearch.weights import keep_weights

_ROW = re.compile(r"-?[0-9]{1,18}")
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Group(click.Group):
    """Turns our errors into one line and a hint, exit 1; Ctrl-C into exit 130."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ImgSearchError as exc:
            _fail(exc)


def _fail(error: ImgSearchError) -> NoReturn:
    click.echo(f"Error: {printable(error.message)}", err=True)
    if error.hint:
        click.echo(f"Hint: {printable(error.hint)}", err=True)
    sys.exit(1)


def printable(text: str) -> str:
    """Text in which nothing moves the cursor or breaks the line: file names may hold anything."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


@click.group(cls=_Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="imgsearch")
def cli() -> None:
    """Finds visually similar pictures: a folder of pictures becomes a collection, a picture finds its neighbours.

    Collections live in ./collections, or where IMGSEARCH_HOME says.
    """


@contextmanager
def _progress_bar() -> Iterator[Progress]:
    """A bar a stage with rate and time left on stderr, its count beginning at what an earlier build had done."""
    bars: list[tqdm[NoReturn]] = []
    stages: list[str] = []

    def show(done: int, total: int, stage: str) -> None:
        if stages[-1:] != [stage]:
            for bar in bars:
                bar.close()
            bar = tqdm(desc=stage, total=total, initial=done, unit=" pictures", file=sys.stderr, dynamic_ncols=True)
            bars[:] = [bar]
            stages.append(stage)
        bars[0].update(done - bars[0].n)

    try:
        yield show
    except KeyboardInterrupt:
        click.echo("\nStopped. The same command goes on from here.", err=True)
        sys.exit(130)
    finally:
        for bar in bars:
            bar.close()


@cli.command()
@click.argument("name")
@click.option(
    "--images", "directory", type=click.Path(path_type=Path), required=True, help="Folder of pictures; only read."
)
@click.option(
    "--embedder",
    "names",
    multiple=True,
    type=click.Choice([*BACKBONES, *DESCRIPTORS]),
    help="What to embed with; may be given several times, each makes a space.  "
    f"[default: {DEFAULT_BACKBONE}, or {BUNDLED_BACKBONE} where its weights cannot be had]",
)
@click.option("--weights", type=click.Path(path_type=Path), help="HDF5 file for the backbone, instead of a download.")
@click.option("--layer", type=click.Choice(LAYERS), default="pooled", show_default=True, help="Output to embed with.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    show_default=True,
    help="bfloat16 builds faster on processors that have it; queries always run in float32.",
)
@click.option("--title", help="Name for people.  [default: NAME]")
@click.option("--label-pattern", help="Regular expression on the item id with a group (?P<label>...).")
def build(
    name: str,
    directory: Path,
    names: tuple[str, ...],
    weights: Path | None,
    layer: str,
    precision: str,
    title: str | None,
    label_pattern: str | None,
) -> None:
    """Make or renew the collection NAME from a folder of pictures.

    Labels are the names of sub-folders, or come from a metadata.csv (file_name,label) in the folder, or from
    --label-pattern. Pictures that cannot be read are left out and listed. A build that was stopped goes on where it was;
    pictures that have not changed are not embedded again.

    \b
    Examples:
      python -m imgsearch build pets --images ~/pets/images --label-pattern '(?P<label>[^/]+)_\\d+\\.jpg$'
      python -m imgsearch build pets --images ~/pets/images --embedder color_histogram
    """
    home = get_settings().home
    is_plain = not (weights or layer != "pooled" or precision != "float32")
    is_new = name not in list_collections(home)
    specs = _specs(names or ((DEFAULT_BACKBONE,) if is_new or not is_plain else ()), weights, layer, precision, home)
    try:
        report = _build(name, directory, specs, title, label_pattern)
    except BackboneUnavailableError as exc:
        if names or not is_new or not is_plain:
            raise
        click.echo(f"{exc.message} Building with the bundled backbone, {BUNDLED_BACKBONE}, instead.", err=True)
        report = _build(name, directory, [embedder_spec(BUNDLED_BACKBONE)], title, label_pattern)
    _print_report(report)


def _build(
    name: str, directory: Path, specs: list[EmbedderSpec], title: str | None, label_pattern: str | None
) -> BuildReport:
    with _progress_bar() as progress:
        return build_collection(
            name,
            directory,
            home=get_settings().home,
            embedders=specs,
            title=title,
            label_pattern=label_pattern,
            progress=progress,
        )


def _print_report(report: BuildReport) -> None:
    if report.replaced_damaged:
        damage = printable(report.replaced_damaged)
        click.echo(f"The collection that was there could not be used and was replaced: {damage}", err=True)
    for skipped in report.skipped:
        click.echo(f"Left out {printable(skipped.item_id)}: {printable(skipped.reason)}", err=True)
    collection, manifest = report.collection, report.collection.manifest
    state = "is up to date" if report.is_unchanged else f"is ready, {report.n_embedded:,} embedded now"
    click.echo(
        f"{collection.name} {state}: {manifest.n_items:,} pictures, {len(collection.items.label_counts)} labels, "
        f"{manifest.n_skipped} left out; spaces: {', '.join(manifest.spaces)}."
    )


@cli.command()
@click.option("--if-empty", is_flag=True, help="Only when there is no collection yet.")
def sample(if_empty: bool) -> None:
    """Draw the sample gallery and build the collection `sample` from it: no download, no photographs.

    \b
    Example:
      python -m imgsearch sample
    """
    home = get_settings().home
    if if_empty and list_collections(home):
        return
    with _progress_bar() as progress:
        report = build_sample(home, progress=progress)
    _print_report(report)


def _specs(names: tuple[str, ...], weights: Path | None, layer: str, precision: str, home: Path) -> list[EmbedderSpec]:
    backbones = [name for name in names if name in BACKBONES]
    if weights and len(backbones) != 1:
        raise click.UsageError(f"--weights goes with exactly one backbone. Received: {', '.join(backbones) or 'none'}.")
    source = keep_weights(weights, home) if weights else None
    return [embedder_spec(name, layer=layer, weights=source, precision=precision) for name in names]


@cli.command()
@click.argument("name")
@click.argument("what")
@click.option("-k", "--k", default=DEFAULT_K, show_default=True, help=f"Results wanted, 1 to {MAX_K}.")
@click.option("--label", help="Only pictures with this label.")
@click.option("--space", help="Space to search.  [default: the first]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def query(name: str, what: str, k: int, label: str | None, space: str | None, as_json: bool) -> None:
    """Search the collection NAME with WHAT: an item id, a picture file, or a row number.

    An item or row is answered from its stored embedding, without TensorFlow; it is left out of its own results.

    \b
    Examples:
      python -m imgsearch query pets Egyptian_Mau_167.jpg
      python -m imgsearch query pets ~/photos/my_cat.jpg -k 5
      python -m imgsearch query pets 999 --json
    """
    collection = Collection.open(name)
    page = collection.search(**_target(collection, what), k=k, label=label, space=space)
    if as_json:
        click.echo(json.dumps(page.to_json(), ensure_ascii=False))
    else:
        _print_page(page)


def _target(collection: Collection, what: str) -> dict[str, Any]:
    """What WHAT is: an item if one is called so, else a file if there is one, else a row."""
    if what in collection.items:
        return {"item_id": what}
    if os.path.isfile(what):
        return {"picture": Path(what)}
    if _ROW.fullmatch(what):
        return {"row": int(what)}
    raise ItemNotFoundError(
        f"{what!r} is neither an item of {collection.name}, nor a file, nor a row number.",
        hint=f"Rows go from 0 to {len(collection.items) - 1}; the first item is {collection.items[0].item_id!r}.",
    )


def _print_page(page: SearchPage) -> None:
    if page.query_item:
        label = printable(page.query_item.label) or "no label"
        click.echo(f"Like {printable(page.query_item.item_id)} ({label}):", err=True)
    if page.results:
        width = max(5, *(len(printable(result.item.label)) for result in page.results))
        click.echo(f"{'rank':>4}  {'distance':>8}  {'label':<{width}}  item")
    for result in page.results:
        item = result.item
        click.echo(f"{result.rank:4}  {result.distance:8.4f}  {printable(item.label):<{width}}  {printable(item.item_id)}")
    timings = ", ".join(f"{step} {ms:.1f} ms" for step, ms in page.timings_ms.items())
    click.echo(f"Space {page.space}; {timings}. Distance: 0 the same, 1.414 unrelated, 2 opposite.", err=True)


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def list_command(as_json: bool) -> None:
    """List the collections."""
    names = list_collections()
    if not names:
        click.echo("No collections yet. Build one: python -m imgsearch build NAME --images DIR", err=True)
    for name in names:
        try:
            facts = describe(Collection.open(name))
        except ImgSearchError as exc:
            facts = {"name": name, "error": exc.message}
        if as_json:
            click.echo(json.dumps(facts, ensure_ascii=False))
        elif "error" in facts:
            click.echo(f"{name}  cannot be used: {printable(facts['error'])}")
        else:
            click.echo(f"{name}  {facts['n_items']:,} pictures, {facts['n_labels']} labels; {', '.join(facts['spaces'])}")


@cli.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(name: str, as_json: bool) -> None:
    """Say what the collection NAME is made of, and which pictures were left out."""
    collection = Collection.open(name)
    facts = {**describe(collection), "skipped": [vars(skipped) for skipped in collection.skipped]}
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
        return
    click.echo(f"{printable(facts['title'])} ({name}), built {facts['created']}")
    click.echo(f"{facts['n_items']:,} pictures, {facts['n_labels']} labels, {facts['n_skipped']} left out")
    for space, parts in facts["spaces"].items():
        weights = f", weights {parts['weights'][:12]}" if parts["weights"] else ""
        click.echo(
            f"space {space}: {parts['dim']} dimensions, {parts['layer']}, {parts['precision']}{weights}, "
            f"{parts['n_trees']} trees, {(parts['embeddings_bytes'] + parts['index_bytes']) / 2**20:.1f} MiB"
        )
    for skipped in collection.skipped:
        click.echo(f"left out {printable(skipped.item_id)}: {printable(skipped.reason)}")


@cli.command("evaluate")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines, one a space.")
def evaluate_command(name: str, as_json: bool) -> None:
    """Measure how often the nearest pictures of NAME show the same label, in every space.

    Each labelled picture asks once and is left out of its own answers. Intervals hold 95 % of the means of resampled
    queries.

    \b
    Example:
      python -m imgsearch evaluate sample
    """
    collection = Collection.open(name)
    if max(collection.items.label_counts.values(), default=0) < 2:
        raise QueryError(f"No two pictures of {name} share a label, so there is nothing to measure.")
    labels = [item.label for item in collection.items]
    results = {space_name: evaluate(space.embeddings, labels) for space_name, space in collection.spaces.items()}
    if as_json:
        for space_name, result in results.items():
            click.echo(json.dumps({"space": space_name, **asdict(result)}, ensure_ascii=False))
        return
    click.echo("| space | precision@1 | precision@5 | mAP |\n|---|---|---|---|")
    for space_name, result in results.items():
        estimates = (result.precision_at_k[1], result.precision_at_k[5], result.mean_average_precision)
        cells = (f"{each.mean:.3f} ({each.low:.3f} to {each.high:.3f})" for each in estimates)
        click.echo(f"| {space_name} | {' | '.join(cells)} |")
    for space_name, result in results.items():
        worst = ", ".join(f"{printable(label)} {value:.2f}" for label, value in list(result.per_label.items())[:3])
        click.echo(f"{space_name}: {result.n_queries:,} queries; worst labels: {worst}", err=True)


@cli.command()
@click.argument("name")
def verify(name: str) -> None:
    """Check every byte of the collection NAME; exit 1 if anything is wrong."""
    problems = Collection.open(name).verify()
    for problem in problems:
        click.echo(printable(problem))
    if problems:
        sys.exit(1)
    click.echo(f"{name} is sound.")
