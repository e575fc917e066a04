"""The root command: its errors, how far slow work is, how it prints."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from tqdm import tqdm

from imgsearch.collection.face.opened import OpenedCollection, exact_notice, tensorflow_notice
from imgsearch.collection.served.address import served_addresses
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.collection.source import came_as_package
from imgsearch.embedding.networks import is_bundled, needs_tensorflow
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.errors import CollectionError, ImgSearchError
from imgsearch.progress import Progress
from imgsearch.settings import get_settings
from imgsearch.version import __version__

_STAGES_IN_BYTES = ("downloading", "unpacking")
LINE_EVERY_S = 30.0
"""Between two lines of one stage in a log."""
_QUIET = "imgsearch.quiet"
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


class UserPath(click.Path):
    """A path as a `Path`, with `~` expanded also where no shell does it, as in --images=~/pets."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(dir_okay=dir_okay, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See click.Path."""
        return super().convert(os.path.expanduser(value), param, ctx)


def printable(text: str) -> str:
    """Text in which nothing moves the cursor or breaks the line: file names may hold anything."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def print_notices(collection: OpenedCollection) -> None:
    """Says to stderr which spaces are searched without an index, and which embed uploads without a network, and why."""
    for notice in filter(None, (exact_notice(collection), tensorflow_notice(collection))):
        click.echo(f"{notice[0]}\nHint: {notice[1]}", err=True)


@contextmanager
def worker_of(collection: OpenedCollection) -> Iterator[WorkerEmbedders | None]:
    """A worker that looks at pictures for a collection whose network came from elsewhere; None where this process may.

    What somebody else's network makes of a process then costs one answer.
    """
    is_foreign = isinstance(collection, ServedCollection) or came_as_package(collection.name, collection.home)
    specs = [entry.embedder for entry in collection.description.spaces.values()]
    brought = [spec for spec in specs if spec.network and not is_bundled(spec.network)]
    if not is_foreign or all(needs_tensorflow(spec, collection.home) for spec in brought):
        yield None
        return
    client = WorkerClient(collection.home, timeout_s=get_settings().worker_timeout_s, queue=1)
    try:
        yield WorkerEmbedders(client)
    finally:
        client.close()


@click.group(cls=_Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="imgsearch")
def cli() -> None:
    """Finds visually similar pictures: a folder of pictures becomes a collection, a picture finds its neighbours.

    Collections live in ./collections, or where IMGSEARCH_HOME says.

    With --json a command prints its result as JSON, one object a line: one where there is one result, one each where there
    are several. A collection that was made, renewed, brought or renamed is printed as `info` prints it. Names ending in
    _bytes and _ms tell the unit. What is no result, such as progress, notes and errors, goes to stderr as plain text; exit
    0 is success, 1 an error, 2 a command that is wrong.
    """


def _be_quiet(ctx: click.Context, param: click.Parameter, is_quiet: bool) -> None:
    ctx.meta[_QUIET] = is_quiet


quiet_option = click.option(
    "-q", "--quiet", is_flag=True, expose_value=False, callback=_be_quiet, help="Do not say how far it is."
)


def _in_files(ctx: click.Context, param: click.Parameter, name: str) -> str:
    if address := served_addresses().get(name):
        raise CollectionError(f"{address} is a collection on a server, and this command is for collections in files.")
    return name


name_in_files = click.argument("name", callback=_in_files)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, one object a line.")


def print_json(result: Mapping[str, Any]) -> None:
    """One object, on one line of stdout."""
    click.echo(json.dumps(result, ensure_ascii=False))


@contextmanager
def progress_bar(unit: str = "pictures") -> Iterator[Progress]:
    """Shows on stderr how far slow work is: bars on a terminal, lines in a log, nothing with --quiet. Safe for threads."""
    shown = _shown_by(unit)
    lock = threading.Lock()

    def show(done: int, total: int, stage: str) -> None:
        with lock:
            shown.show(done, total, stage)

    try:
        yield show
    except KeyboardInterrupt:
        click.echo("\nStopped. The same command goes on from here.", err=True)
        sys.exit(130)
    finally:
        shown.close()


def _shown_by(unit: str) -> _Bars | _Lines | _Nothing:
    context = click.get_current_context(silent=True)
    if context and context.meta.get(_QUIET):
        return _Nothing()
    return _Bars(unit) if sys.stderr.isatty() else _Lines(unit)


class _Nothing:
    def show(self, done: int, total: int, stage: str) -> None:
        pass

    def close(self) -> None:
        pass


class _Bars:
    """A bar a stage with rate and time left, its count beginning at what an earlier build had done."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._stage = ""
        self._bar: tqdm[NoReturn] | None = None

    def show(self, done: int, total: int, stage: str) -> None:
        if self._bar is None or stage != self._stage:
            self.close()
            is_of_bytes = _is_of_bytes(stage)
            self._stage = stage
            self._bar = tqdm(
                desc=stage,
                total=total or None,
                initial=done,
                unit="B" if is_of_bytes else f" {self._unit}",
                unit_scale=is_of_bytes,
                file=sys.stderr,
                dynamic_ncols=True,
            )
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.leave = self._bar.n > self._bar.initial  # what another stage came before leaves no bar
            self._bar.close()


class _Lines:
    """For a log: a line when a stage begins, when it is done, and every LINE_EVERY_S seconds in between, with the pace."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._stage = ""
        self._line = ""
        self._began, self._next = 0.0, 0.0  # on the monotonic clock
        self._first = 0  # how far the stage was when it began

    def show(self, done: int, total: int, stage: str) -> None:
        is_new, is_done, now = stage != self._stage, 0 < total <= done, time.monotonic()
        if is_new:
            self._began, self._first = now, done
        if is_new or is_done or now >= self._next:
            pace = "" if is_done else self._pace(now, done, total)
            self._print(f"{stage}: {self._amount(done, total, stage)}{pace}" if total else stage)
            self._stage, self._next = stage, now + LINE_EVERY_S

    def _print(self, line: str) -> None:
        if line != self._line:
            click.echo(printable(line), err=True)
        self._line = line

    def _pace(self, now: float, done: int, total: int) -> str:
        """How fast a stage has been, of pictures, and when it ends if it goes on so; "" where nothing is done yet."""
        if done <= self._first or now <= self._began:
            return ""
        rate = (done - self._first) / (now - self._began)
        of_pictures = "" if _is_of_bytes(self._stage) else f", {rate:.1f} a second"
        return f"{of_pictures}, {tqdm.format_interval((total - done) / rate)} left"

    def _amount(self, done: int, total: int, stage: str) -> str:
        if _is_of_bytes(stage):
            return f"{done / 2**20:,.1f} of {total / 2**20:,.1f} MiB"
        return f"{done:,} of {total:,} {self._unit}"

    def close(self) -> None:
        pass


def _is_of_bytes(stage: str) -> bool:
    return stage.split(" ")[0] in _STAGES_IN_BYTES
