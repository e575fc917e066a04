"""What a notebook shows for an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imgsearch import build_collection, embedder_spec
from tests.conftest import draw_picture


def test_names_are_shown_as_they_are_and_without_thumbnails_nothing(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for number in range(3):
        draw_picture((200, 0, 0), number).save(folder / f'<b>"{number}&.png')
    collection = build_collection("odd", folder, home=home, embedders=[embedder_spec("color_histogram")]).collection
    page = collection.search(row=0)
    html = page._repr_html_()
    assert html
    assert html.count("<figure") == 3
    assert "<b>" not in html
    assert 'title="&lt;b&gt;&quot;0&amp;.png"' in html
    assert replace(page, thumbnails=None)._repr_html_() is None
