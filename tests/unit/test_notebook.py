"""What a notebook shows for an answer, and the one that is kept as an example."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from imgsearch import Collection, SearchPage, build_collection, embedder_spec, list_collections
from tests.conftest import draw_picture

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "image_search.ipynb"


def run_cells(notebook: dict[str, Any]) -> Iterator[Any]:
    """Runs the code of a notebook cell by cell, and gives what each would show: the value of its last line."""
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            tree = ast.parse("".join(cell["source"]))
            shown = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, str(NOTEBOOK), "exec"), names)
            yield eval(compile(ast.Expression(shown.value), str(NOTEBOOK), "eval"), names) if shown else None


def labels(page: SearchPage) -> list[str]:
    return [result.item.label or "" for result in page.results]


@pytest.mark.slow
def test_the_example_goes_from_a_fresh_home_to_words_on_the_sample(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(NOTEBOOK.parent)  # as Jupyter does
    shown = list(run_cells(json.loads(NOTEBOOK.read_text(encoding="utf-8"))))
    assert Path.cwd() == NOTEBOOK.parents[1]  # where the package is, and the home if none is set
    assert list_collections(home) == ["sample"]
    pages = [each for each in shown if isinstance(each, SearchPage)]
    assert all(page._repr_html_() for page in pages)
    neighbors, outside, whole, found, by_colors, by_word, narrowed = pages
    (item,) = neighbors.query_items
    assert item == Collection.open("sample", home).items.at([999 % 456])[0]
    assert labels(neighbors) == [item.label] * 6
    assert labels(outside) == ["Siamese"] * 6
    assert labels(whole).count("Maine_Coon") < 3 < labels(found).count("Maine_Coon")
    assert found.part
    assert by_colors.space == "color_histogram"
    assert by_colors.query_items == neighbors.query_items
    assert item.label not in labels(by_colors)
    assert set(labels(by_word)) == {"Maine_Coon"}  # the one tabby of the breeds
    assert all(result.distance for result in narrowed.results)
    assert item.label not in labels(narrowed)
    assert labels(narrowed)[:2] == ["Scottish_Fold"] * 2  # the breed most like it
    pictures = [each.size for each in shown if isinstance(each, PIL.Image.Image)]
    assert pictures[:2] == [(320, 320), (640, 480)]
    assert 0 < pictures[2][0] < 320  # the part
    said = capsys.readouterr().out
    assert "456 pictures, 19 labels" in said
    assert "mini: precision@5 0.889" in said


def test_the_example_is_kept_without_what_it_showed() -> None:
    """A run's pictures would be a megabyte in every commit of it."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell["outputs"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_names_are_shown_as_they_are_and_without_thumbnails_nothing(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for number in range(3):
        draw_picture((200, 0, 0), number).save(folder / f'<b>"{number}&.png')
    collection = build_collection("odd", folder, home=home, specs=[embedder_spec("color_histogram")]).collection
    page = collection.search(row=0)
    html = page._repr_html_()
    assert html
    assert html.count("<figure") == 3
    assert "<b>" not in html
    assert 'title="&lt;b&gt;&quot;0&amp;.png"' in html
    assert replace(page, thumbnail=None)._repr_html_() is None
