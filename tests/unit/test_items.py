"""The table of items."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgsearch.errors import ItemNotFoundError
from imgsearch.pictures.items import Item, Items, names_in_nfc

ITEM = Item("red/0.png", "red", 80, 60, 1234, 1_700_000_000_123_456_789, "a" * 64, "b" * 64, 99)
ODD_NAMES = [
    'it\'s "quoted".png',
    "line\nbreak\r.png",
    "\U0001f408 \u00e9\u0301.png",
    "\\xff.png",
    "nul\0.png",
    "\u2028.png",
    "",
]


def items_with_labels(*labels: str) -> Items:
    return Items([replace(ITEM, item_id=f"{row}.png", label=label) for row, label in enumerate(labels)])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    items = [ITEM, *(replace(ITEM, item_id=name, label=name, width=2**31 - 1, bytes=2**40) for name in ODD_NAMES)]
    Items(items).write(tmp_path / "items.parquet")
    assert list(Items.read(tmp_path / "items.parquet", len(items))) == items


def test_equal_items_give_equal_bytes(tmp_path: Path) -> None:
    items_with_labels("x", "y", "").write(tmp_path / "a")
    items_with_labels("x", "y", "").write(tmp_path / "b")
    items_with_labels("x", "y", "z").write(tmp_path / "c")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_an_error_of_writing_names_no_path(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:  # noqa: PT011  what the build maps
        items_with_labels("x").write(tmp_path / "missing" / "items.parquet")
    assert caught.value.strerror == "No such file or directory"


def test_items_are_found_by_row_and_by_id() -> None:
    items = items_with_labels("x", "y", "x")
    assert len(items) == 3
    assert items[1].label == "y"
    assert [items.row_of(f"{row}.png") for row in range(3)] == [0, 1, 2]
    assert "2.png" in items
    assert "3.png" not in items


def test_an_unknown_item_is_named() -> None:
    with pytest.raises(ItemNotFoundError, match=r"called 'gone\.png'"):
        items_with_labels("x").row_of("gone.png")


NFC, NFD = "caf\u00e9.jpg", "cafe\u0301.jpg"


def test_items_and_labels_are_found_in_whatever_form_they_are_written() -> None:
    items = Items([replace(ITEM, item_id=NFC, label="\uac00\uc744")])
    for name in (NFC, NFD):
        assert (items.find(name), items.row_of(name), name in items) == (NFC, 0, True)
    assert items.find("cafe.jpg") is None
    assert items.rows_with_label("\u1100\u1161\u110b\u1173\u11af").tolist() == [0]


def test_what_an_earlier_version_wrote_in_another_form_comes_out_in_nfc(tmp_path: Path) -> None:
    Items([replace(ITEM, item_id=NFD, label="e\u0301")]).write(tmp_path / "items.parquet")
    (item,) = Items.read(tmp_path / "items.parquet", 1)
    assert (item.item_id, item.label) == (NFC, "\u00e9")


def test_names_that_differ_only_in_their_form_are_all_kept(tmp_path: Path) -> None:
    assert names_in_nfc([NFD, NFC, "e\u0301"]) == {NFD: NFD, NFC: NFC, "e\u0301": "\u00e9"}
    # u with diaeresis and macron: composed wholly, in part, and not at all; the wholly composed one is not there
    assert names_in_nfc(["u\u0308\u0304", "\u00fc\u0304"]) == {"u\u0308\u0304": "\u01d6", "\u00fc\u0304": "\u00fc\u0304"}
    Items([replace(ITEM, item_id=NFD), replace(ITEM, item_id=NFC)]).write(tmp_path / "items.parquet")
    items = Items.read(tmp_path / "items.parquet", 2)
    assert [items.row_of(NFD), items.row_of(NFC)] == [0, 1]


def test_label_counts_leave_out_items_without_label() -> None:
    assert list(items_with_labels("b", "a", "", "b").label_counts.items()) == [("a", 1), ("b", 2)]


def test_rows_with_a_label_ascend() -> None:
    assert items_with_labels("b", "a", "", "b").rows_with_label("b").tolist() == [0, 3]


def test_an_unknown_label_is_answered_with_those_there_are() -> None:
    with pytest.raises(ItemNotFoundError, match="label 'c'") as caught:
        items_with_labels("b", "a", "").rows_with_label("c")
    assert caught.value.hint == "Labels are: a, b."


def test_of_many_labels_the_first_twenty_are_listed() -> None:
    with pytest.raises(ItemNotFoundError) as caught:
        items_with_labels(*(f"{n:02}" for n in range(23))).rows_with_label("x")
    assert caught.value.hint == f"Labels are: {', '.join(f'{n:02}' for n in range(20))} and 3 more."


def test_a_gallery_without_labels_says_so() -> None:
    with pytest.raises(ItemNotFoundError) as caught:
        items_with_labels("", "").rows_with_label("x")
    assert caught.value.hint == "Its pictures have no labels."
