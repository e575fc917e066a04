"""Documents say what was measured: each figure comes from a result, each result says where it comes from."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import all as everything
from benchmarks import common, documents

FILES = sorted(common.RESULTS.glob("*.json"))
RESULT = {
    "gap": {
        "n": 1234,
        "parts": [
            {"part": "50 %", "rerank": "none", "gap": {"value": 0.5, "low": 0.25, "high": 0.75}, "of": None},
            {"part": "50 %", "rerank": "all", "gap": [0.125, 1.0], "of": 0.5},
        ],
    }
}


@pytest.fixture
def results() -> dict[str, object]:
    return {name: documents._with_tables(result) for name, result in RESULT.items()}


def test_the_documents_say_what_the_results_do() -> None:
    for path, text in documents.documents(documents.read_results()).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m benchmarks.documents"


def test_a_value_is_found_by_table_row_and_column(results: dict[str, object]) -> None:
    assert documents.render("{gap[n]} of {gap[parts][50 %, none][gap]:.2f}", results) == "1,234 of 0.50 (0.25 to 0.75)"
    assert documents.render("{gap[parts][50 %, all][gap]:.1%}", results) == "12.5 %, 100.0 %"


def test_a_line_is_repeated_for_each_row_and_nothing_stands_for_what_was_not_measured(results: dict[str, object]) -> None:
    text = documents.render("| a | b |\nfor gap[parts]: | {rerank} | {of:.2f} |\nend", results)
    assert text == "| a | b |\n| none |  |\n| all | 0.50 |\nend"


@pytest.mark.parametrize(
    "place", ["{other[n]}", "{gap[m]}", "{gap[parts][50 %][gap]}", "{gap[parts][9 %][gap]}", "{gap[n]:q}"]
)
def test_a_place_without_a_value_or_with_two_is_an_error_that_names_its_line(
    place: str, results: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="Line 2 of a template"):
        documents.render(f"text\n{place}", results)


def test_a_line_for_each_row_of_nothing_is_an_error(results: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Line 1"):
        documents.render("for gap[other]: | {part} |", results)


def test_the_readme_has_its_figures_between_two_marks_and_keeps_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    made = documents.documents(documents.read_results())
    begin, block, end = re.split(r"<!-- /?figures -->\n", made[tmp_path / "README.md"])
    assert (begin, end) == ("before\n", "after\n")
    assert block == documents.render((documents.TEMPLATES / "readme_figures.md").read_text(), documents.read_results())
    assert len(block.splitlines()) == 2 + 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_result_says_where_it_comes_from(path: Path) -> None:
    file = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", file["date"])
    assert file["machine"]
    assert file["result"]
    if file.get("origin") == "external":
        assert file["source"]
    else:
        assert file["commit"]
        assert file["is_clean"]
        assert (common.RESULTS.parents[1] / f"{file['command'].split()[2].replace('.', '/')}.py").is_file()


def test_every_result_stands_in_a_document() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in documents.TEMPLATES.rglob("*.md"))
    assert [path.stem for path in FILES if f"{path.stem}[" not in texts] == []


def test_what_is_run_anew_are_benchmarks_that_take_what_they_are_given() -> None:
    for name, command in (everything.RUNS | everything.APART).items():
        module, *_ = command.split()
        text = (common.RESULTS.parents[1] / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert "report(" in text, name


def test_what_left_its_interval_has_moved_and_what_has_none_if_it_differs_by_more_than_one_percent() -> None:
    interval = {"value": 2.0, "low": 1.0, "high": 3.0}
    before = {"a": interval, "b": interval, "c": 100, "d": 100, "e": None, "f": [0.5, 0.5], "g": 2, "h": 4}
    before["none"] = []
    after = {"a": {**interval, "value": 3.1}, "b": {**interval, "value": 2.9}, "c": 101, "d": 102, "e": 5, "f": [0.5, 0.6]}
    after |= {"g": interval, "h": interval, "none": [{"of": "x", "n": 1}]}
    assert list(everything.moved(before, after)) == [
        "a: 2 (1 to 3) -> 3.1 (1 to 3)",
        "d: 100 -> 102",
        "f, 1: 0.5 -> 0.6",
        "h: 4 -> 2 (1 to 3)",
    ]


def test_rows_are_compared_with_those_that_begin_alike_wherever_they_stand() -> None:
    before = {"rows": [{"of": "x", "k": 1, "n": 1.0}, {"of": "x", "k": 5, "n": 1.0}, {"of": "y", "k": 5, "n": 1.0}]}
    after = {"rows": [{"of": "z", "k": 5, "n": 9.0}, {"of": "x", "k": 5, "n": 2.0}, {"of": "x", "k": 1, "n": 1.0}]}
    assert list(everything.moved(before, after)) == [
        "rows, x, 5, n: 1 -> 2",
        "rows, y, 5, 1, of: y -> ",
        "rows, y, 5, 1, k: 5 -> ",
        "rows, y, 5, 1, n: 1 -> ",
    ]


def test_a_result_has_a_line_for_each_row_that_fits_in_one() -> None:
    rows = [{"part": "x" * 200, "n": number} for number in range(3)]
    text = common.folded({"rows": rows, "empty": [], "name": "한" * 400})
    assert json.loads(text) == {"rows": rows, "empty": [], "name": "한" * 400}
    assert [json.loads(line.strip(" ,")) for line in text.splitlines() if "xxx" in line] == rows


def test_a_benchmark_keeps_its_result_with_the_command_that_made_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from benchmarks import common; common.RESULTS = pathlib.Path(sys.argv.pop());"
        "sys.argv[1:] = ['--k', '2', '--save', 'x']; common.commit_of_tree = lambda: ('abc', True);"
        "common.report('x', {'rows': [{'part': 'whole', 's': common.spread([1, 3, 2])}]})"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    file = json.loads((tmp_path / "x.json").read_text())
    assert file["result"] == {"rows": [{"part": "whole", "s": {"value": 2, "low": 1, "high": 3}}]}
    assert (file["commit"], file["is_clean"]) == ("abc", True)
    assert file["command"].endswith("--k 2")
    assert "2 (1 to 3)" in done.stdout
