"""Writes what documents say of measurements: `python -m benchmarks.documents`.

Each file of benchmarks/templates, which is where its document is in docs/, is text with places for values of
benchmarks/results, which `str.format` fills:

    {thumbnail_gap[parts][50 %][same_of_10]:.1f}                 a value: file, table, row by what it begins with, column
    {quality[spaces][mini, none][precision_at_1]:.3f}            a row by more of what it begins with
    for thumbnail_gap[parts]: | {part} | {median_gap:.2f} |      a line for each row of a table, filled with its columns

A value with an interval becomes `0.67 (0.64 to 0.70)`. `for runs:` has a row for each file, with the command that made it.
A place without a value is an error, so that nothing stays that is measured no more. README.md has its part between
`<!-- figures -->` and `<!-- /figures -->`.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, as_text

ROOT = RESULTS.parents[1]
TEMPLATES = RESULTS.parent / "templates"
_FOR = re.compile(r"for (\S.*?): (\|.*)")
_FIGURES = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)


class Table(list[dict[str, Any]]):
    """Rows that are found by what they begin with."""

    def __getitem__(self, key: Any) -> Any:
        found = [row for row in self if str(key) in accumulate(map(as_text, row.values()), "{}, {}".format)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} rows begin with {key!r}")
        return found[0]


class Figures(string.Formatter):
    """`str.format` with the values of results."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return as_text(value, format_spec)


def read_results() -> dict[str, Any]:
    """By name what was measured; and `runs`, a row for each file."""
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    told = ("date", "commit", "machine")
    runs = [
        {"name": name, "made_by": _made_by(file), **{each: file[each] for each in told}} for name, file in files.items()
    ]
    return {**{name: _with_tables(file["result"]) for name, file in files.items()}, "runs": Table(runs)}


def _made_by(file: Mapping[str, Any]) -> str:
    command = f"`{file['command']}`" if file.get("command") else ""
    return "; ".join(part for part in (file.get("origin"), file.get("source"), command) if part)


def _with_tables(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_tables(part) for name, part in value.items()}
    is_table = isinstance(value, list) and value and isinstance(value[0], dict)
    return Table(value) if is_table else value


def render(template: str, results: Mapping[str, Any]) -> str:
    """A template with its places filled.

    Raises:
        ValueError: a place has no value; says which.
    """
    figures = Figures()
    lines = []
    for number, line in enumerate(template.split("\n"), 1):
        try:
            repeated = _FOR.fullmatch(line)
            if repeated:
                rows: Sequence[Mapping[str, Any]] = figures.get_field(repeated[1], (), results)[0]
                lines += [figures.vformat(repeated[2], (), row) for row in rows]
            else:
                lines.append(figures.vformat(line, (), results))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"Line {number} of a template: {type(error).__name__} {error}\n{line}") from error
    return "\n".join(lines)


def documents(results: Mapping[str, Any]) -> dict[Path, str]:
    """What each generated document is to say, by path."""
    templates = {path.relative_to(TEMPLATES).as_posix(): path for path in sorted(TEMPLATES.rglob("*.md"))}
    texts = {name: render(path.read_text(encoding="utf-8"), results) for name, path in templates.items()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = texts.pop("readme_figures.md")
    made = {ROOT / "docs" / name: text for name, text in texts.items()}
    return {**made, ROOT / "README.md": _FIGURES.sub(lambda found: f"{found[1]}{block}{found[2]}", readme)}


def main() -> None:
    """Writes them."""
    for path, text in documents(read_results()).items():
        is_new = not path.exists() or path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {'written' if is_new else 'as it was'}")


if __name__ == "__main__":
    main()
