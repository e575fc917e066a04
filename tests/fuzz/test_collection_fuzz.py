"""Collections: whatever happens to their bytes, the answer is right or a CollectionError."""

from __future__ import annotations

import hashlib
import json
import string
import unicodedata
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgsearch import Collection, Item, build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.collection.manifest import Manifest
from imgsearch.errors import CollectionError
from imgsearch.files.home import SOURCE_FILE
from imgsearch.pictures.items import Items
from tests.conftest import LABELS, draw_picture

pytestmark = pytest.mark.fuzz

KINDS = ("flip", "insert", "delete", "append", "cut")


@dataclass(frozen=True)
class Built:
    collection: Collection
    files: list[Path] = field(repr=False)
    answers: list[Any] = field(repr=False)


def answers(collection: Collection) -> list[Any]:
    pages = [collection.search(row=row, k=11) for row in range(len(collection.items))]
    return [[(result.item.item_id, result.distance) for result in page.results] for page in pages]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = tmp_path_factory.mktemp("built")
    for label, color in LABELS.items():
        (root / "pictures" / label).mkdir(parents=True)
        for number in range(4):
            draw_picture(color, number).save(root / "pictures" / label / f"{number}.png")
    (root / "pictures" / "bad.jpg").touch()
    specs = [embedder_spec("color_histogram")]
    collection = build_collection("discs", root / "pictures", home=root / "home", specs=specs).collection
    # Where the pictures come from is a note of this home beside the collection.
    files = sorted(path for path in collection.path.rglob("*") if path.is_file() and path.name != SOURCE_FILE)
    assert len(files) == 1 + 1 + 1 + 5 + 12
    return Built(collection, files, answers(collection))


def damaged(data: bytes, kind: str, where: float, byte: int) -> bytes:
    """The data with one byte changed, added or lost, or all from there on; the same only where that is what it was."""
    offset = int(where * (len(data) - 1))
    if kind == "flip":
        return data[:offset] + bytes([data[offset] ^ (byte or 1)]) + data[offset + 1 :]
    if kind == "insert":
        return data[:offset] + bytes([byte]) + data[offset:]
    if kind == "delete":
        return data[:offset] + data[offset + 1 :]
    return data + bytes([byte]) if kind == "append" else data[:offset]


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 19), st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 255))
def test_a_change_of_any_file_is_found_out(built: Built, which: int, kind: str, where: float, byte: int) -> None:
    path = built.files[which]
    whole = path.read_bytes()
    broken = damaged(whole, kind, where, byte)
    assert broken != whole
    path.write_bytes(broken)
    try:
        opened = Collection.open("discs", built.collection.home)
    except CollectionError:
        pass
    else:  # of thumbnails, opening looks at the size only
        assert path.suffix == ".webp"
        assert kind == "flip"
        (item,) = [item for item in opened.items if opened.thumbnail_path(item) == path]
        assert opened.verify() == [f"The thumbnail of {item.item_id!r} has changed."]
    finally:
        path.write_bytes(whole)
    restored = Collection.open("discs", built.collection.home)
    assert restored.verify() == []
    assert answers(restored) == built.answers


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("../x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def parts(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a JSON object one can put something else."""
    inner = list(value) if isinstance(value, dict) else []
    return [path, *(found for key in inner for found in parts(value[key], (*path, key)))]


def place(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    return new if not path else {**value, path[0]: place(value[path[0]], path[1:], new)}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_manifest_of_any_contents_is_read_or_refused(built: Built, data: st.DataObject) -> None:
    body = json.loads((built.collection.path / "manifest.json").read_bytes())
    del body["digest"]
    path = data.draw(st.sampled_from(parts(body)[1:]))
    changed = place(body, path, data.draw(JSON))
    plain = json.dumps(changed, indent=1, ensure_ascii=False) + "\n"
    changed["digest"] = hashlib.sha256(plain.encode()).hexdigest()
    try:
        manifest = Manifest.from_bytes((json.dumps(changed, indent=1, ensure_ascii=False) + "\n").encode())
    except CollectionError:
        return
    for entry in manifest.files:
        file = built.collection.path / entry.file
        assert file.resolve().is_relative_to(built.collection.path.resolve())


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_instead_of_a_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(CollectionError):
        Manifest.from_bytes(data)


@settings(deadline=None)
@given(title=st.text(max_size=50), pattern=st.none() | st.text(max_size=50), n_skipped=st.integers(0, 2**40))
def test_a_manifest_that_is_written_is_read(built: Built, title: str, pattern: str | None, n_skipped: int) -> None:
    manifest = replace(built.collection.manifest, title=title, label_pattern=pattern, n_skipped=n_skipped)
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


HEX = st.text(string.hexdigits[:16], min_size=64, max_size=64)
ITEMS = st.lists(
    st.builds(
        Item,
        item_id=st.text(max_size=20).map(partial(unicodedata.normalize, "NFC")),  # as all names and labels are read
        label=st.text(max_size=10).map(partial(unicodedata.normalize, "NFC")),
        width=st.integers(1, 2**31 - 1),
        height=st.integers(1, 2**31 - 1),
        bytes=st.integers(0, 2**62),
        mtime_ns=st.integers(-(2**62), 2**62),
        sha256=HEX,
        thumbnail=HEX,
        thumbnail_bytes=st.integers(0, 2**31 - 1),
    ),
    max_size=5,
)


@settings(deadline=None)
@given(ITEMS)
def test_items_that_are_written_are_read(built: Built, items: list[Item]) -> None:
    path = built.collection.home / "items.parquet"
    Items(items).write(path)
    assert list(Items.read(path, len(items))) == items


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=30) | st.integers(-100, 100).map(str) | st.just(" 1") | st.text("-0123456789", max_size=25))
@example("\udcff")
@example("a\0b")
@example("--5")
@example("9" * 5000)
@example("x" * 5000)
@example("\u0663")
def test_anything_may_be_asked_for(built: Built, what: str) -> None:
    arguments = ["query", "discs", "--json", "-k", "11", "--", what]
    result = CliRunner().invoke(cli, arguments, env={"IMGSEARCH_HOME": str(built.collection.home)})
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.exit_code in (0, 1)
    if result.exit_code == 0:
        assert len(json.loads(result.stdout)["results"]) == 11


@settings(deadline=None)
@given(st.text(max_size=70))
@example("..")
@example("weights")
def test_no_name_leads_out_of_the_home(built: Built, name: str) -> None:
    if name == "discs":
        return
    with pytest.raises(CollectionError):
        Collection.open(name, built.collection.home)


@settings(deadline=None)
@given(k=st.integers(1, 200), row=st.integers(0, 11), label=st.none() | st.sampled_from(list(LABELS)))
def test_every_page_is_sorted_and_leaves_out_the_query(built: Built, k: int, row: int, label: str | None) -> None:
    collection = built.collection
    page = collection.search(row=row, k=k, label=label)
    embeddings = np.asarray(collection.space().embeddings, np.float64)
    wanted = [other for other in range(12) if other != row and label in (None, collection.items[other].label)]
    exact = {other: float(np.linalg.norm(embeddings[other] - embeddings[row])) for other in wanted}
    expected = sorted(wanted, key=lambda other: (np.float32(exact[other]), other))[:k]
    assert [result.row for result in page.results] == expected
    assert [result.distance for result in page.results] == pytest.approx([exact[other] for other in expected], abs=1e-6)
    assert [result.rank for result in page.results] == list(range(1, len(expected) + 1))
