"""The newest entry of CHANGELOG.md is the version, and it names every format that is kept, with its number."""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

from imgsearch import __version__
from imgsearch.collection import manifest
from imgsearch.collection.served import facts
from imgsearch.measure import judgements
from imgsearch.scale import dataset

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)", TEXT, re.MULTILINE)
FORMATS = {
    "manifest of a collection": manifest.FORMAT_VERSION,
    "dataset of `cluster embed`": dataset.FORMAT_VERSION,
    "facts of a collection on a server": facts.FORMAT_VERSION,
    "judgements": judgements.SCHEMA_VERSION,
}


def row(name: str) -> list[str]:
    """The cells of the table of formats, without the name: where the number is, the numbers, what is read."""
    (cells,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", TEXT, re.MULTILINE)
    return [cell.strip() for cell in cells.split(" | ")]


def test_the_newest_entry_is_the_version_and_the_others_go_down_to_the_first() -> None:
    versions = [tuple(map(int, version.split("."))) for version, _ in ENTRIES]
    assert ENTRIES[0][0] == __version__
    assert versions == sorted(set(versions), reverse=True)
    days = [date.fromisoformat(day) for _, day in ENTRIES]
    assert days == sorted(days, reverse=True)
    headings = [line for line in TEXT.splitlines() if line.startswith("## ")]
    assert len(headings) == len(ENTRIES) + 1  # that of the formats


def test_every_number_of_a_format_has_the_version_that_brought_it() -> None:
    for name, number in FORMATS.items():
        numbers = row(name)[1]
        named = [int(each) for each in re.findall(r"(?<![\d.])\d+(?![\d.])", numbers)]
        assert named == list(range(1, number + 1)), name
        since = re.findall(r"since (\d+\.\d+\.\d+)", numbers)
        assert since
        assert {*since} <= {version for version, _ in ENTRIES}, name


def test_what_is_read_of_manifests_is_what_the_code_reads() -> None:
    read = row("manifest of a collection")[2]
    assert read == f"{' and '.join(map(str, manifest.READ_VERSIONS))}; a build makes {manifest.FORMAT_VERSION} of 1"
    assert manifest.OUTDATED_VERSIONS == (1,)


def test_no_format_has_a_number_that_is_not_in_the_table() -> None:
    numbered = []
    for path in sorted((ROOT / "imgsearch").rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and type(node.value.value) is int:
                numbered += [path.stem for name in node.targets if ast.unparse(name).endswith("_VERSION")]
    assert sorted(numbered) == ["dataset", "facts", "judgements", "manifest"]
