"""Makes the documents that say again what the program says itself: `python -m scripts.make_documents`.

docs/commands.md is the help of every command, as click prints it; docs/settings.md is the docstring of `Settings`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from imgsearch.cli import cli
from imgsearch.settings import Settings

DOCS = Path(__file__).resolve().parents[1] / "docs"
PROGRAM = "python -m imgsearch"
WIDTH = 110
"""Of a line of help."""
COMMANDS = """\
# Commands

What every command takes, as `python -m imgsearch COMMAND --help` prints it. This page is made of these texts by
`python -m scripts.make_documents`. How the commands go together: [your own pictures](collections.md).

| command | |
|---|---|
{rows}
"""
SETTINGS = """\
# Settings

What an installation can set: variables of the environment, read once, when the program starts. An empty one counts as none,
numbers are whole and at least 1, and a value that will not do is refused with what it must be. What bounds a public page:
[SECURITY](../SECURITY.md#limits). This page is made of the docstring of `Settings` (`imgsearch/settings.py`) by
`python -m scripts.make_documents`.

| variable | default | |
|---|---|---|
{rows}
"""


def documents() -> dict[str, str]:
    """The text of each, by its name in docs/."""
    return {"commands.md": commands(), "settings.md": settings()}


def commands() -> str:
    """The help of every command, and one table of them all."""
    pages = list(_pages(click.Context(cli, info_name=PROGRAM, terminal_width=WIDTH, **cli.context_settings)))
    rows = [f"| [`{name}`](#{name.replace(' ', '-')}) | {_escaped(said)} |" for name, said, _ in pages if name]
    parts = [COMMANDS.format(rows="\n".join(rows))]
    parts += [f"## {name or PROGRAM}\n\n```text\n{text}\n```\n" for name, _, text in pages]
    return "\n".join(parts)


def settings() -> str:
    """Every field of `Settings`: its variable, its default, and what its docstring says."""
    said = _attributes(inspect.getdoc(Settings) or "")
    rows = [f"| `{_variable(each.name)}` | {_default(each.default)} | {said[each.name]} |" for each in fields(Settings)]
    return SETTINGS.format(rows="\n".join(rows))


def _pages(context: click.Context) -> Iterator[tuple[str, str, str]]:
    """Name ("" for the program itself), first sentence and help, of a command and of those below it."""
    command = context.command
    name = context.command_path.removeprefix(PROGRAM).strip()
    yield name, command.get_short_help_str(limit=1000), command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _pages(click.Context(command.commands[below], info_name=below, parent=context))


def _attributes(doc: str) -> dict[str, str]:
    """What a docstring's section Attributes says of each, on one line, without its variable and its default."""
    section = doc.partition("\nAttributes:\n")[2]
    found = re.findall(r"^    (\w+): IMGSEARCH_\w+, (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    texts = {name: " ".join(text.split()).rpartition(" Defaults to ")[0] for name, text in found}
    return {name: _escaped(text[:1].upper() + text[1:]) for name, text in texts.items()}


def _variable(name: str) -> str:
    return f"IMGSEARCH_{name.upper()}"


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if value in ("", ()):
        return "none"
    return f"./{value}" if isinstance(value, Path) else str(value)


def _escaped(text: str) -> str:
    """For a cell of a table."""
    return text.replace("|", "\\|")


def main() -> None:
    """Writes them."""
    for name, text in documents().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}: {len(text.splitlines())} lines")


if __name__ == "__main__":
    main()
