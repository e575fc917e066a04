"""The command that searches: query."""

from __future__ import annotations

from pathlib import Path

import click

from imgsearch.cli.group import UserPath, cli, json_option, print_json, printable, progress_bar, quiet_option, worker_of
from imgsearch.collection.served.address import open_collection
from imgsearch.counting import counted
from imgsearch.pictures.regions import Region
from imgsearch.report import FORMATS, Report
from imgsearch.retrieval.ask import AUTO, Ask, sort_out
from imgsearch.retrieval.objects import Objects
from imgsearch.retrieval.rerank import DEFAULT_RERANKING, RERANKINGS, default_reranking
from imgsearch.retrieval.results import SearchPage
from imgsearch.retrieval.search import AnnRecall, ann_recall_at_k
from imgsearch.settings import DEFAULT_K, MAX_K
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.space import OpenedSpace

_NO_RERANKING = "none"
_WIDTH = 10


def _check_format(ctx: click.Context, param: click.Parameter, file: Path | None) -> Path | None:
    """Before the search, which may take a while to load its model."""
    if file and file.suffix.lower()[1:] not in FORMATS:
        suffixes = ", ".join(f".{suffix}" for suffix in FORMATS)
        raise click.BadParameter(f"The file must end in one of {suffixes}. Received: {file.name!r}.", ctx, param)
    return file


@cli.command()
@click.argument("name")
@click.argument("what", nargs=-1)
@click.option(
    "--words",
    multiple=True,
    help="What the results are to show: a label, or a word that the network learned. With WHAT, only those; without, the "
    "best first. May be given several times.",
)
@click.option("--not", "not_words", multiple=True, help="What they must not show; may be given several times.")
@click.option("-k", "--k", default=DEFAULT_K, show_default=True, help=f"Results wanted, 1 to {MAX_K}.")
@click.option(
    "--region",
    help=f"Only this part of it: left,top,right,bottom as fractions of its size; or {AUTO}: the part that is clearly "
    "nearer than the whole, if there is one.",
)
@click.option("--label", help="Only pictures with this label.")
@click.option("--max-distance", type=float, help="Only pictures at most this far away, 0 to 2.")
@click.option("--like", "liked", multiple=True, help="An item to be more like; may be given several times.")
@click.option("--unlike", "disliked", multiple=True, help="An item to be less like; may be given several times.")
@click.option(
    "--without-copies",
    is_flag=True,
    help="Leave out near-copies of WHAT, and of results before them, as `duplicates` finds them.",
)
@click.option("--space", help="Space to search.  [default: the first]")
@click.option(
    "--rerank",
    type=click.Choice([_NO_RERANKING, *RERANKINGS]),
    help=f"Way to a better order.  [default: {DEFAULT_RERANKING} for CNNs, {_NO_RERANKING} for descriptors]",
)
@click.option(
    "--effort",
    type=click.Choice([str(effort) for effort in Effort]),
    default=str(Effort.NORMAL),
    show_default=True,
    help="How hard the index looks; exact compares with every picture.",
)
@click.option("--recall", is_flag=True, help="Say how much of the exact answer the index found, and both times.")
@json_option
@quiet_option
@click.option(
    "--report",
    type=UserPath(dir_okay=False),
    callback=_check_format,
    help="Write the answer and what was asked to a file as well: a page that needs no network (.html), a contact sheet "
    "(.png), .csv or .json.",
)
def query(
    name: str,
    what: tuple[str, ...],
    words: tuple[str, ...],
    not_words: tuple[str, ...],
    k: int,
    region: str | None,
    label: str | None,
    max_distance: float | None,
    liked: tuple[str, ...],
    disliked: tuple[str, ...],
    without_copies: bool,
    space: str | None,
    rerank: str | None,
    effort: str,
    recall: bool,
    as_json: bool,
    report: Path | None,
) -> None:
    """Search the collection NAME with WHAT: an item id, a picture file, or a row number; several are asked with as one.

    Or search it by words, which no picture is needed for, nor any network: `info` says how many it can be asked for. Of a
    word that means two things, such as "crane", --words "crane (wading bird)" asks for one of them.

    An item or row is answered from its stored embedding, without TensorFlow; it is left out of its own results. A region
    of it is cut from its thumbnail and embedded. Distances are plain whatever the order is by.

    With --region auto, --json holds under "objects" what was found: parts that can be asked with, the nearest first, and
    how near the whole and each of them is.

    \b
    Examples:
      python -m imgsearch query pets Egyptian_Mau_167.jpg
      python -m imgsearch query pets ~/photos/my_cat.jpg -k 5
      python -m imgsearch query pets beagle_128.jpg --region 0.1,0.2,0.5,0.6
      python -m imgsearch query pets ~/photos/living_room.jpg --region auto
      python -m imgsearch query pets beagle_128.jpg beagle_131.jpg --unlike basset_hound_9.jpg
      python -m imgsearch query pets --words terrier
      python -m imgsearch query pets beagle_128.jpg --words terrier --not "yorkshire terrier"
      python -m imgsearch query pets 999 --json
      python -m imgsearch query pets ~/photos/my_cat.jpg --report cat.html
    """
    if not (what or words):
        raise click.UsageError("Say what to search with: WHAT or --words.")
    if recall and not what:
        raise click.UsageError("--recall needs WHAT: words alone are answered without an index.")
    collection = open_collection(name)
    items, pictures = sort_out(what, collection.items)
    chosen = collection.space(space)
    ask = Ask(
        items=tuple(items),
        pictures=tuple(pictures),
        words=words,
        not_words=not_words,
        region=AUTO if region == AUTO else Region.parse(region) if region else None,
        space=space,
        k=k,
        label=label,
        max_distance=max_distance,
        liked=liked,
        disliked=disliked,
        without_copies=without_copies,
        rerank=_reranking(chosen if what else None, rerank),
        effort=Effort(effort),
    )
    with worker_of(collection) as worker:
        if (pictures or region) and worker is None:
            with progress_bar() as progress:
                collection.embedders.load(chosen.spec.for_queries(), progress)
        page = collection.search(ask, embedders=worker, previews=report is not None)
    if as_json:
        print_json(page.to_json())
    else:
        _print_page(page)
    if recall:
        _print_recall(ann_recall_at_k(collection.items, chosen, page))
    if report:
        _write_report(Report(collection, page), report)


def _write_report(report: Report, file: Path) -> None:
    data = FORMATS[file.suffix.lower()[1:]].make(report)
    try:
        file.write_bytes(data)
    except OSError as exc:
        raise click.FileError(str(file), exc.strerror) from exc
    click.echo(f"Wrote {printable(str(file))}.", err=True)


def _reranking(space: OpenedSpace | None, name: str | None) -> str:
    """Its name, "" for none; without a space, which words alone need none of, none is usual."""
    if name is None:
        return default_reranking(space) if space else ""
    return "" if name == _NO_RERANKING else name


def _print_page(page: SearchPage) -> None:
    asked = [f"showing {printable(word)}" for word in page.ask.words] if page.ask else []
    asked += [f"not showing {printable(word)}" for word in page.ask.not_words] if page.ask else []
    if asked:
        click.echo(f"Pictures {', '.join(asked)}:", err=True)
    if page.n_shown == 0:
        click.echo("No picture here shows it.", err=True)
    for item in page.query_items:
        click.echo(f"Like {printable(item.item_id)} ({printable(item.label) or 'no label'}):", err=True)
    if page.objects:
        click.echo(_found(page.objects), err=True)
    if page.foreign:
        rate = f"About {page.foreign.false_alarm_rate:.0%} of the pictures that do belong here get this message too."
        click.echo(f"Nothing similar in this collection: the nearest pictures are far away. {rate}", err=True)
    is_moved = [result.distance is not None and result.rank_before != result.rank for result in page.results]
    if page.results:
        head = "distance" if page.n_shown is None else "looks like"
        width = max(5, *(len(printable(result.item.label)) for result in page.results))
        click.echo(f"{'rank':>4}  {'was  ' if any(is_moved) else ''}{head:>{_WIDTH}}  {'label':<{width}}  item")
    for result in page.results:
        item = result.item
        was = f"{result.rank_before or '-':>3}  " if any(is_moved) else ""
        number = result.number if result.distance is None else f"{result.distance:.4f}"
        label = f"{printable(item.label):<{width}}"
        click.echo(f"{result.rank:4}  {was}{number:>{_WIDTH}}  {label}  {printable(item.item_id)}")
    timings = ", ".join(f"{step} {ms:.1f} ms" for step, ms in page.timings_ms.items())
    if page.n_copies:
        click.echo(f"Left out: {counted(page.n_copies, 'near-copy', 'near-copies')}.", err=True)
    if page.n_shown is not None:
        known = f"Classifier of {page.space}" if page.space else "Labels"
        click.echo(f"{known}; {counted(page.n_shown, 'picture')} in all; {timings}. 100%: labelled so.", err=True)
        return
    order = RERANKINGS[page.rerank].title.lower() if page.rerank else "distance"
    click.echo(f"Space {page.space}, by {order}; {timings}. Distance: 0 the same, 1.414 unrelated, 2 opposite.", err=True)


def _found(objects: Objects) -> str:
    if not objects.parts:
        return "Asked with the whole picture: no part of it is clearly nearer. Any part can be named with --region."
    chosen, *others = (str(part.region) for part in objects.parts)
    return f"Asked with the part {chosen}." + (f" Others that could be: {'; '.join(others)}." if others else "")


def _print_recall(recall: AnnRecall) -> None:
    click.echo(
        f"The index found {recall.recall:.0%} of the exact {recall.k} nearest in {recall.index_ms:.1f} ms; comparing with "
        f"every picture took {recall.exact_ms:.1f} ms.",
        err=True,
    )
