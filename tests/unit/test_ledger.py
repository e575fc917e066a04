"""The notes of a build."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgsearch.collection.ledger import Ledger
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.files.home import NOTES_FILE
from imgsearch.pictures.items import Item

ITEM = Item("red/\U0001f408\n.png", "red", 80, 60, 1234, 1_700_000_000_123_456_789, "a" * 64, "b" * 64, 99)
SPEC = EmbedderSpec("color_histogram")
OTHER = EmbedderSpec("inception_v3", weights="imagenet")
VECTOR = np.array([0.6, -0.8], np.float32)


def test_what_is_added_is_there_after_it_was_closed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ITEM], {SPEC: {ITEM.sha256: VECTOR}, OTHER: {"c" * 64: -VECTOR}})
    ledger.close()
    ledger = Ledger(tmp_path)
    assert ledger.items() == {ITEM.item_id: ITEM}
    assert ledger.embedded(SPEC) == {"a" * 64}
    assert ledger.embedded(OTHER) == {"c" * 64}
    assert ledger.embedding("a" * 64, SPEC).tolist() == VECTOR.tolist()
    assert ledger.embedding("c" * 64, OTHER).tolist() == (-VECTOR).tolist()


def test_embedders_that_differ_in_anything_are_told_apart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([], {OTHER: {"a" * 64: VECTOR}})
    for other in (replace(OTHER, precision="bfloat16"), replace(OTHER, layer="logits"), replace(OTHER, weights="0" * 64)):
        assert ledger.embedded(other) == set()


def test_the_later_note_counts(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ITEM], {})
    ledger.add([replace(ITEM, bytes=5)], {})
    assert ledger.items() == {ITEM.item_id: replace(ITEM, bytes=5)}


def test_a_missing_embedding_is_a_key_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        Ledger(tmp_path).embedding("a" * 64, SPEC)


def test_what_fails_half_way_is_not_there_at_all(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(AttributeError):
        ledger.add([ITEM], {SPEC: {"a" * 64: None}})  # type: ignore[dict-item]
    assert ledger.items() == {}


def test_a_finished_ledger_is_removed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add([ITEM], {})
    ledger.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def filled(folder: Path) -> Path:
    ledger = Ledger(folder)
    ledger.add([replace(ITEM, item_id=f"{n}.png") for n in range(300)], {SPEC: {f"{n:064}": VECTOR for n in range(300)}})
    ledger.close()
    return folder / NOTES_FILE


@pytest.mark.parametrize("damage", ["not a database", "zeros in the middle", "cut short"])
def test_damaged_notes_are_begun_again(tmp_path: Path, damage: str) -> None:
    path = filled(tmp_path)
    data = path.read_bytes()
    half = len(data) // 2
    path.write_bytes(
        {
            "not a database": b"text" * 2000,
            "zeros in the middle": data[:4096] + bytes(len(data) - 4096),
            "cut short": data[:half],
        }[damage]
    )
    (tmp_path / f"{NOTES_FILE}-journal").write_bytes(b"of the damaged one")
    ledger = Ledger(tmp_path)
    assert ledger.items() == {}
    assert ledger.embedded(SPEC) == set()
    ledger.add([ITEM], {SPEC: {ITEM.sha256: VECTOR}})
    ledger.close()
    assert Ledger(tmp_path).items() == {ITEM.item_id: ITEM}


def test_notes_with_other_fields_are_passed_over(tmp_path: Path) -> None:
    path = filled(tmp_path)
    db = sqlite3.connect(path)
    record = json.dumps({"item_id": "0.png", "colour": "red"})
    db.execute("UPDATE items SET record = ? WHERE item_id = '0.png'", (record,))
    db.commit()
    db.close()
    assert len(Ledger(tmp_path).items()) == 299
