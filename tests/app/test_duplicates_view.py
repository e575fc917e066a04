"""The duplicates view: groups that a process of its own finds, the ones to keep, the list, and what can go wrong."""

from __future__ import annotations

import csv
import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.measure.duplicates import find_duplicates, keep_instead, to_csv
from imgsearch.ui.views.duplicates import finding
from tests.app.test_page import page
from tests.conftest import draw_picture

pytestmark = pytest.mark.usefixtures("no_leftovers")


@pytest.fixture(autouse=True)
def _nothing_was_found() -> Iterator[None]:
    finding._finding.clear()
    yield
    finding._finding.clear()


def found(**params: str | list[str]) -> AppTest:
    """The view, once the work is over."""
    collection = Collection.open("discs")
    assert finding.find(collection).wait(60)
    return page(view="duplicates", **params)


def groups(at: AppTest) -> list[list[dict[str, Any]]]:
    """The cards of each group."""
    given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    return [group["cards"] for data in given if "groups" in data for group in data["groups"]]


def test_groups_are_those_of_the_command_with_the_one_to_keep_marked(collection: Collection) -> None:
    expected = find_duplicates(collection)
    assert expected  # else this shows nothing
    cards = groups(found())
    assert [[card["id"] for card in group] for group in cards] == [
        sorted(collection.items[row].item_id for row in group.rows) for group in expected
    ]
    assert [[card["id"] for card in group if card["kept"]] for group in cards] == [
        [collection.items[group.keep].item_id] for group in expected
    ]


def test_it_is_said_how_far_the_work_is_and_it_is_done_once_for_all_visitors(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[finding.Finding] = []
    is_enough = threading.Event()

    def run(self: finding.Finding) -> None:
        begun.append(self)
        self.done, self.total, self.what = 3, 12, "looking at pictures"
        is_enough.wait(60)
        self.groups = ()

    monkeypatch.setattr(finding.Finding, "_run", run)
    work = finding.find(collection)
    while not work.what:
        time.sleep(0.01)
    for _ in range(2):  # visitors
        (bar,) = page(view="duplicates").get("progress")
        assert (bar.proto.text, bar.proto.value) == ("Looking for copies: 3 of 12 pictures looked at…", 25)
    is_enough.set()
    assert work.wait(60)
    assert "held more than once: 12 were" in page(view="duplicates").info[0].value
    assert begun == [work]


def test_another_one_is_kept_in_its_group_alone_and_the_address_says_so(collection: Collection) -> None:
    first = find_duplicates(collection)[0]
    kept, other = collection.items[first.keep].item_id, collection.items[first.copies[0].row].item_id
    before = groups(found())
    after = groups(found(keep=other))
    assert [card["id"] for card in after[0] if card["kept"]] == [other]
    kept_of_others = [[[card["kept"] for card in group] for group in every[1:]] for every in (before, after)]
    assert kept_of_others[0] == kept_of_others[1] != []
    assert [card["id"] for card in after[0]] == [card["id"] for card in before[0]]  # none has moved
    assert {card["kind"] == "" for card in after[0] if card["id"] == kept} == {False}
    assert all(f"keep={other.replace('/', '%2F')}" in card["href"] for card in after[0])


def test_what_is_no_picture_is_not_kept_and_that_is_said(collection: Collection) -> None:
    at = found(keep=["no/such.png"])
    assert any("“no/such.png”" in note.value for note in at.info)
    assert groups(at) == groups(found())
    many = [f"{label}/{number}.png" for label in ("red", "green") for number in range(4)]
    assert not found(keep=many).exception


def test_a_collection_without_copies_says_so(home: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    draw_picture((220, 40, 40), 0).save(tmp_path / "two" / "disc.png")
    Image.linear_gradient("L").resize((80, 60)).save(tmp_path / "two" / "gradient.png")
    build_collection("discs", tmp_path / "two", home=home, specs=[embedder_spec("color_histogram")])
    at = found()
    assert "No picture of this collection is held more than once: 2 were looked at." in at.info[0].value
    assert groups(at) == []


def test_work_that_fails_gets_words_and_is_tried_anew(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/bin/false")  # a process that ends at once
        work = finding.find(collection)
        assert work.wait(60)
        at = page(view="duplicates")
        assert "Looking for duplicates has failed" in at.error[0].value
        assert str(Path.cwd()) not in at.error[0].value
    assert groups(found())


def test_a_damaged_collection_is_said_in_our_words(collection: Collection) -> None:
    for thumbnail in (collection.path / "thumbnails").iterdir():
        thumbnail.write_bytes(b"x" * thumbnail.stat().st_size)  # opening looks at sizes
    work = finding.find(collection)
    assert work.wait(60)
    assert work.groups is None
    assert "not a picture" in str(work.error)


def test_the_list_has_a_line_for_each_picture_of_a_group(collection: Collection) -> None:
    items = list(collection.items)
    first, *others = find_duplicates(collection)
    row = first.copies[0].row
    marked = [keep_instead(items, collection.space().embeddings, first, row), *others]
    lines = list(csv.DictReader(io.StringIO(to_csv(items, marked).decode("utf-8-sig"))))
    assert len(lines) == sum(len(group.rows) for group in marked)
    assert [line["kind"] for line in lines[:2]] == ["keep", "near"]
    assert (lines[0]["item_id"], lines[1]["item_id"]) == (items[row].item_id, items[first.keep].item_id)
    assert float(lines[1]["distance"]) == pytest.approx(first.copies[0].distance, abs=1e-6)
    assert {line["group"] for line in lines} == {str(number + 1) for number in range(len(marked))}
    assert (lines[0]["width"], lines[0]["height"], lines[0]["bytes"]) == ("80", "60", str(items[row].bytes))
