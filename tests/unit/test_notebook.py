"""What a notebook shows for an answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imgsearch import build_collection, embedder_spec
from imgsearch.supply import datasets
from tests.conftest import draw_picture

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "image_search.ipynb"


def test_the_example_draws_what_is_missing_in_the_home_that_is_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(datasets, "draw_gallery", lambda folder, **options: drawn.append(folder))
    monkeypatch.setattr(datasets, "draw_queries", lambda folder: None)
    (home / "sample-pictures").mkdir(parents=True)  # of a drawing that was stopped
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    exec("".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code")), names)
    assert drawn == [names["pictures"]] == [home / "sample-pictures"]


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
