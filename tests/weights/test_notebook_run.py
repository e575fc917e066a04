"""The example notebook, cell by cell, on a small gallery."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from imgsearch import SearchPage
from imgsearch.supply import datasets

pytestmark = pytest.mark.weights

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "image_search.ipynb"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Runs a cell as a notebook does; returns the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None  # type: ignore[attr-defined]


def test_the_notebook_runs_and_shows_its_answers(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        datasets, "draw_gallery", lambda folder, **options: shutil.copytree(pictures, folder, dirs_exist_ok=True)
    )
    monkeypatch.setattr(datasets, "draw_queries", lambda folder: None)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    assert shown[1] == "12 pictures, 3 labels, 12 embedded now"
    pages = [value for value in shown if isinstance(value, SearchPage)]
    assert [page.space for page in pages] == ["mini", "color_histogram", "mini"]
    html = pages[0]._repr_html_()
    assert html
    assert html.count('src="data:image/webp;base64,UklGR') == 9  # the query and eight results
    assert ">query<br>green</figcaption>" in html
    assert str(home.parent) not in html
    assert shown[5][0] == (1, "green", pytest.approx(0, abs=0.01))
    assert capsys.readouterr().out.count("precision@5") == 4
