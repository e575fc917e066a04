"""The root command: its errors, its progress bar, how it prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click
from tqdm import tqdm

from imgsearch.collection.collection import Collection, exact_notice
from imgsearch.errors import ImgSearchError
from imgsearch.progress import Progress
from imgsearch.version import __version__

_STAGES_IN_BYTES = ("downloading", "unpacking")
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


def print_exact(collection: Collection) -> None:
    """Says to stderr which spaces are searched without an index, if any are, and why."""
    if notice := exact_notice(collection):
        click.echo(f"{notice[0]}\nHint: {notice[1]}", err=True)


@click.group(cls=_Group, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="imgsearch")
def cli() -> None:
    """Finds visually similar pictures: a folder of pictures becomes a collection, a picture finds its neighbours.

    Collections live in ./collections, or where IMGSEARCH_HOME says.
    """


@contextmanager
def progress_bar(unit: str = "pictures") -> Iterator[Progress]:
    """A bar a stage with rate and time left on stderr, its count beginning at what an earlier build had done."""
    bars: list[tqdm[NoReturn]] = []
    stages: list[str] = []

    def show(done: int, total: int, stage: str) -> None:
        if stages[-1:] != [stage]:
            for bar in bars:
                bar.close()
            is_of_bytes = stage.split(" ")[0] in _STAGES_IN_BYTES
            bar = tqdm(
                desc=stage,
                total=total or None,
                initial=done,
                unit="B" if is_of_bytes else f" {unit}",
                unit_scale=is_of_bytes,
                file=sys.stderr,
                dynamic_ncols=True,
            )
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
