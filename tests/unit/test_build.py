"""Builds: what they make, what they do not do twice, and what is left when they are stopped."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from imgsearch import BuildReport, Collection, build_collection, list_collections
from imgsearch.collection import build, survey
from imgsearch.collection.face.opened import exact_notice
from imgsearch.collection.ledger import Ledger
from imgsearch.collection.sweep import SWEEP_AFTER_S, sweep
from imgsearch.embedding import embedder, local, spec
from imgsearch.embedding.descriptors import DESCRIPTORS, Descriptor
from imgsearch.embedding.embedder import DescriptorEmbedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import (
    BackboneError,
    BackboneUnavailableError,
    BuildError,
    CollectionError,
    IncompatibleCollectionError,
)
from imgsearch.files.disk import disk_errors
from imgsearch.files.locks import alone
from imgsearch.pictures import items
from imgsearch.pictures.items import Items
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.annoy import AnnoyIndex
from tests.conftest import crashing, draw_picture
from tests.fakes import FakeEmbedders

ROOT = Path(__file__).resolve().parents[2]
LABELS_IN_KOREAN = {"red": "빨간색", "green": "초록색", "blue": "파란색"}
HISTOGRAM = EmbedderSpec("color_histogram")
needs_posix_names = pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")


@pytest.fixture
def counts() -> FakeEmbedders:
    """Embedders that keep what they were asked for."""
    return FakeEmbedders()


def know(monkeypatch: pytest.MonkeyPatch, descriptors: Mapping[str, Descriptor]) -> None:
    """Makes these the descriptors that there are."""
    for module in (spec, embedder):
        monkeypatch.setattr(module, "DESCRIPTORS", descriptors)


@pytest.fixture
def mean_color(monkeypatch: pytest.MonkeyPatch) -> EmbedderSpec:
    """A second descriptor, of 3 dimensions."""
    row = Descriptor("mean_color", lambda x: x.mean(axis=(0, 1)).astype(np.float32), 3, 8, "none", lambda a, b: [])
    know(monkeypatch, {**DESCRIPTORS, "mean_color": row})
    return EmbedderSpec("mean_color")


def make(pictures: Path, home: Path, **options: Any) -> BuildReport:
    return build_collection("discs", pictures, home=home, **{"specs": [HISTOGRAM], **options})


def ids(report: BuildReport) -> list[str]:
    return [item.item_id for item in report.collection.items]


def labels(report: BuildReport) -> dict[str, str]:
    return {item.item_id: item.label for item in report.collection.items}


def listing(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Time, mode and content of everything below a folder."""
    found = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (status.st_mtime_ns, status.st_mode, content)
    return found


def answers(collection: Collection) -> list[Any]:
    pages = [collection.search(row=row, k=11) for row in range(len(collection.items))]
    return [[(result.item.item_id, result.distance) for result in page.results] for page in pages]


# --- what is made


def test_a_folder_becomes_a_collection(pictures: Path, home: Path) -> None:
    report = make(pictures, home, title="Discs")
    assert ids(report) == [f"{label}/{n}.png" for label in ("blue", "green", "red") for n in range(4)]
    assert report.collection.items.label_counts == {"blue": 4, "green": 4, "red": 4}
    assert (report.n_embedded, report.skipped, report.is_unchanged, report.replaced_damaged) == (12, [], False, None)
    assert report.collection.manifest.title == "Discs"
    assert list(report.collection.spaces) == ["color_histogram"]
    assert report.collection.verify() == []
    assert list_collections(home) == ["discs"]
    assert not (home / "discs" / "build.sqlite").exists()


def test_the_stored_embeddings_are_those_of_the_embedder(pictures: Path, home: Path) -> None:
    collection = make(pictures, home).collection
    embedder = DescriptorEmbedder(DESCRIPTORS["color_histogram"])
    drawn = [np.asarray(Image.open(pictures / item.item_id).convert("RGB")) for item in collection.items]
    assert np.array_equal(collection.space().embeddings, embedder.embed(drawn))


def test_an_item_holds_the_digest_of_its_file(pictures: Path, home: Path) -> None:
    for item in make(pictures, home).collection.items:
        path = pictures / item.item_id
        assert item.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (item.bytes, item.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)


def test_two_builds_of_the_same_pictures_give_the_same_files(pictures: Path, home: Path) -> None:
    first = make(pictures, home).collection
    second = build_collection("again", pictures, home=home, specs=[HISTOGRAM]).collection
    assert first.manifest.files == second.manifest.files


def test_a_gallery_of_one_picture_is_built(pictures: Path, home: Path) -> None:
    shutil.rmtree(pictures / "green")
    shutil.rmtree(pictures / "blue")
    for number in (1, 2, 3):
        (pictures / "red" / f"{number}.png").unlink()
    collection = make(pictures, home).collection
    assert collection.search(row=0).results == ()
    page = collection.search(picture=pictures / "red" / "0.png")
    assert [(result.item.item_id, result.distance) for result in page.results] == [("red/0.png", 0.0)]


def test_nothing_is_written_among_the_pictures(pictures: Path, home: Path) -> None:
    (pictures / "bad.jpg").write_text("no picture")
    (pictures / "metadata.csv").write_text("file_name,label\nred/0.png,x\n")
    before = listing(pictures)
    make(pictures, home)
    make(pictures, home, title="again")
    with pytest.raises(BuildError):
        make(pictures, home, label_pattern="(?P<label>nothing)")
    assert listing(pictures) == before


def test_a_home_inside_the_folder_is_not_taken_for_pictures(pictures: Path) -> None:
    home = pictures / "collections"
    assert len(ids(make(pictures, home))) == 12
    again = make(pictures, home)
    assert (len(ids(again)), again.is_unchanged) == (12, True)


@pytest.mark.parametrize("inside", [".", "discs", "discs/thumbnails"])
def test_pictures_inside_of_the_collection_are_refused(pictures: Path, home: Path, inside: str) -> None:
    make(pictures, home)
    before = listing(home)
    with pytest.raises(BuildError, match="must lie outside of the collection"):
        make(home / inside, home)
    assert listing(home) == before


def test_pictures_beside_the_collection_in_the_home_are_fine(pictures: Path, home: Path) -> None:
    home.mkdir()
    shutil.copytree(pictures, home / "my-pictures")
    assert len(ids(make(home / "my-pictures", home))) == 12


# --- labels


def test_labels_come_from_a_pattern(pictures: Path, home: Path) -> None:
    report = make(pictures, home, label_pattern=r"^(?P<label>.).*[01]\.png$")
    assert labels(report)["red/1.png"] == "r"
    assert labels(report)["red/2.png"] == ""
    assert report.collection.items.label_counts == {"b": 2, "g": 2, "r": 2}


def test_a_rebuild_uses_the_pattern_again(pictures: Path, home: Path) -> None:
    make(pictures, home, label_pattern=r"(?P<label>\d)\.png$")
    draw_picture((1, 2, 3), 1).save(pictures / "9.png")
    report = make(pictures, home)
    assert report.collection.items.label_counts == {"0": 3, "1": 3, "2": 3, "3": 3, "9": 1}


def test_labels_come_from_metadata(pictures: Path, home: Path) -> None:
    (pictures / "metadata.csv").write_text("file_name,label\nred/0.png,warm\nblue/0.png,cold\n")
    assert make(pictures, home).collection.items.label_counts == {"cold": 1, "warm": 1}


def test_rows_without_pictures_and_pictures_without_rows_are_told(pictures: Path, home: Path) -> None:
    rows = ["red/0.png,warm", "red/1.png,", "gone.png,warm", "red/9.png,warm", "bad.png,warm", ",warm"]
    (pictures / "bad.png").touch()
    (pictures / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    report = make(pictures, home)
    no_picture = "metadata.csv has a row for it, but there is no such picture."
    assert [(each.item_id, each.reason) for each in report.skipped] == [
        ("bad.png", "The file is empty."),
        ("gone.png", no_picture),
        ("red/9.png", no_picture),
    ]
    nameless = [f"blue/{n}.png" for n in range(4)] + [f"green/{n}.png" for n in range(4)] + ["red/2.png", "red/3.png"]
    assert report.remarks == [f"metadata.csv has no row for 10 of the pictures, which get no label: {', '.join(nameless)}"]


def test_what_metadata_was_read_as_is_told(pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    rows = [f"{color}/{n}.png,{label}" for color, label in LABELS_IN_KOREAN.items() for n in range(4)]
    (pictures / "metadata.csv").write_bytes("\n".join(["file_name,label", *rows]).encode("cp949"))
    report = make(pictures, home)
    assert report.collection.items.label_counts == dict.fromkeys(sorted(LABELS_IN_KOREAN.values()), 4)
    assert report.remarks == ["metadata.csv is not UTF-8 and was read as cp949 (Korean)."]


def test_metadata_that_labels_nothing_is_an_error(pictures: Path, home: Path) -> None:
    (pictures / "metadata.csv").write_text("file_name,label\nelsewhere.png,warm\n")
    with pytest.raises(BuildError, match=r"metadata.csv must give labels to some of the 12 pictures, and gives none"):
        make(pictures, home)


def test_a_collection_of_another_version_is_not_replaced(collection: Collection, home: Path, pictures: Path) -> None:
    file = home / "discs" / "manifest.json"
    body = json.loads(file.read_bytes())
    del body["digest"]
    body["format_version"] = 4
    text = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    newer = (json.dumps({**body, "digest": digest}, indent=1, ensure_ascii=False) + "\n").encode()
    file.write_bytes(newer)
    with pytest.raises(IncompatibleCollectionError, match="format version 4"):
        build_collection("discs", pictures, home=home)
    assert file.read_bytes() == newer


def test_a_pattern_that_matches_nothing_is_an_error_and_changes_nothing(pictures: Path, home: Path) -> None:
    make(pictures, home)
    before = listing(home / "discs" / "spaces")
    with pytest.raises(BuildError, match="must give labels to some of the 12 pictures, and gives none") as caught:
        make(pictures, home, label_pattern="(?P<label>_)")
    assert "The first item id is 'blue/0.png'" in caught.value.message
    assert listing(home / "discs" / "spaces") == before
    assert labels(make(pictures, home))["red/0.png"] == "red"


@pytest.mark.parametrize("pattern", ["(", "(x)"])
def test_a_pattern_that_cannot_be_used_is_an_error(pictures: Path, home: Path, pattern: str) -> None:
    with pytest.raises(BuildError, match="label pattern must"):
        make(pictures, home, label_pattern=pattern)
    assert list_collections(home) == []


def test_labels_alone_can_change(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    make(pictures, home, embedders=counts)
    counts.forget()
    report = make(pictures, home, embedders=counts, label_pattern=r"(?P<label>\d)\.png$")
    assert labels(report)["red/3.png"] == "3"
    assert (report.is_unchanged, report.n_embedded, counts.n_embedded) == (False, 0, 0)


def test_the_title_alone_can_change_and_is_kept(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    assert make(pictures, home, embedders=counts).collection.manifest.title == "discs"
    counts.forget()
    report = make(pictures, home, embedders=counts, title="\U0001f408 'cats'\n")
    assert (report.is_unchanged, counts.n_embedded) == (False, 0)
    again = make(pictures, home, embedders=counts)
    assert again.is_unchanged
    assert again.collection.manifest.title == "\U0001f408 'cats'\n"


@pytest.mark.parametrize("option", ["title", "label_pattern"])
@pytest.mark.parametrize("text", ["\udcff", "(?P<label>x)" + "y" * 5000])
def test_text_that_a_manifest_cannot_hold_is_refused(pictures: Path, home: Path, option: str, text: str) -> None:
    make(pictures, home)
    with pytest.raises(BuildError, match=r"must (be UTF-8 text|have at most 4,096 bytes)"):
        make(pictures, home, **{option: text})
    assert make(pictures, home).is_unchanged


# --- names in another normal form


def in_form(form: Literal["NFC", "NFD"], folder: Path) -> Path:
    """Four pictures with labels in a folder of that form."""
    for number, name in enumerate(("café", "가을", "naïve", "über")):
        path = folder / unicodedata.normalize(form, f"강아지/{name}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_picture((200, 60 * number, 0), number).save(path)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return folder


@needs_posix_names
def test_a_folder_whose_names_change_their_form_is_the_same(tmp_path: Path, home: Path, counts: FakeEmbedders) -> None:
    first = make(in_form("NFD", tmp_path / "of-a-mac"), home, embedders=counts)
    assert set(labels(first)) == {f"강아지/{name}.png" for name in ("café", "가을", "naïve", "über")}
    assert set(labels(first).values()) == {"강아지"}
    counts.forget()
    assert make(in_form("NFC", tmp_path / "of-others"), home, embedders=counts).is_unchanged
    assert counts.n_embedded == 0


@needs_posix_names
def test_a_collection_with_decomposed_names_opens_is_asked_and_is_up_to_date(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = in_form("NFD", tmp_path / "of-a-mac")
    with monkeypatch.context() as earlier:  # as it was before names became NFC
        for module in (build.folder, items):
            earlier.setattr(module, "names_in_nfc", lambda names: {name: name for name in names})
            earlier.setattr(module, "nfc", lambda text: text)
        old = make(folder, home)
        assert not any(unicodedata.is_normalized("NFC", text) for text in labels(old))
    collection = Collection.open("discs", home)
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "강아지/café.png")
        page = collection.search(item_id=name, label=unicodedata.normalize(form, "강아지"), k=3)
        assert page.query_items[0].item_id == "강아지/café.png"
        assert len(page.results) == 3
    assert make(folder, home).n_embedded == 0


# --- pictures that cannot be used


@needs_posix_names
def test_bad_pictures_are_left_out_written_down_and_counted(pictures: Path, home: Path) -> None:
    good = (pictures / "red" / "0.png").read_bytes()
    (pictures / "text.jpg").write_text("no picture")
    (pictures / "empty.png").touch()
    (pictures / "cut.png").write_bytes(good[: len(good) // 2])
    (pictures / "dangling.png").symlink_to("gone")
    (pictures / "loop.png").symlink_to("loop.png")
    report = make(pictures, home)
    assert [skipped.item_id for skipped in report.skipped] == [
        "cut.png",
        "dangling.png",
        "empty.png",
        "loop.png",
        "text.jpg",
    ]
    reasons = {skipped.item_id: skipped.reason for skipped in report.skipped}
    assert reasons["empty.png"] == "The file is empty."
    assert "not a picture" in reasons["text.jpg"]
    assert all(str(pictures) not in reason for reason in reasons.values())
    assert len(ids(report)) == report.collection.manifest.n_items == 12
    assert report.collection.manifest.n_skipped == 5
    assert Collection.open("discs", home).skipped == report.skipped


def test_raw_files_are_left_out_with_what_to_do(pictures: Path, home: Path) -> None:
    (pictures / "DSC_0001.NEF").write_bytes(b"II*\0\x08\0\0\0" + bytes(99))
    (pictures / "IMG_0001.CR3").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99))
    assert [(skipped.item_id, skipped.reason) for skipped in make(pictures, home).skipped] == [
        ("DSC_0001.NEF", "The picture is a RAW file of a camera: export it as JPEG."),
        ("IMG_0001.CR3", "The picture is a RAW file of a camera: export it as JPEG."),
    ]


def test_left_out_pictures_are_tried_again(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    (pictures / "bad.png").write_text("not yet")
    make(pictures, home, embedders=counts)
    assert make(pictures, home, embedders=counts).is_unchanged
    draw_picture((9, 9, 200), 2).save(pictures / "bad.png")
    counts.forget()
    report = make(pictures, home, embedders=counts)
    assert (report.skipped, len(ids(report)), counts.n_embedded) == ([], 13, 1)


def test_the_list_of_left_out_pictures_alone_can_change(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    (pictures / "bad.png").touch()
    make(pictures, home, embedders=counts)
    counts.forget()
    (pictures / "bad.png").write_text("another reason")
    (skipped,) = make(pictures, home, embedders=counts).collection.skipped
    assert "not a picture" in skipped.reason
    (pictures / "bad.png").unlink()
    report = make(pictures, home, embedders=counts)
    assert (report.is_unchanged, report.collection.manifest.n_skipped, report.collection.skipped) == (False, 0, [])
    assert counts.n_embedded == 0


def test_a_picture_that_turned_bad_is_left_out(pictures: Path, home: Path) -> None:
    make(pictures, home)
    (pictures / "red" / "0.png").write_text("overwritten")
    report = make(pictures, home)
    assert [skipped.item_id for skipped in report.skipped] == ["red/0.png"]
    assert "red/0.png" not in report.collection.items


def test_a_picture_that_goes_during_the_build_is_left_out(pictures: Path, home: Path) -> None:
    def progress(done: int, total: int, what: str) -> None:
        (pictures / "red" / "0.png").unlink(missing_ok=True)

    report = make(pictures, home, progress=progress)
    assert [(skipped.item_id, skipped.reason) for skipped in report.skipped] == [
        ("red/0.png", "The file is not there any more.")
    ]


def test_a_folder_with_only_bad_pictures_is_an_error_that_says_why(tmp_path: Path, home: Path) -> None:
    (tmp_path / "bad").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "bad" / name).touch()
    with pytest.raises(BuildError, match=r"None of the 2 pictures can be used: The file is empty\."):
        make(tmp_path / "bad", home)
    assert list_collections(home) == []


@needs_posix_names
def test_names_may_hold_anything(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    names = ['it\'s "a".png', "line\nbreak.png", "\U0001f408.png", "UPPER.PNG", "no-suffix", "-k", "wrong.txt"]
    for number, name in enumerate(names):
        draw_picture((200, 20 * number, 0), 1).save(folder / name, "PNG")
    draw_picture((0, 0, 200), 1).save(folder / os.fsdecode(b"latin-\xe9.png"), "PNG")
    report = make(folder, home)
    assert sorted(ids(report)) == sorted([*names, "latin-\\xe9.png"])
    assert make(folder, home).is_unchanged
    for name in ids(report):
        assert len(report.collection.search(item_id=name, k=7).results) == 7


# --- what is not done twice


def test_a_second_build_of_unchanged_pictures_does_nothing(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    (pictures / "bad.png").write_text("no picture")
    make(pictures, home, embedders=counts)
    before = {path: facts for path, facts in listing(home).items() if Path(path).is_file()}
    counts.forget()
    report = make(pictures, home, embedders=counts)
    assert (report.is_unchanged, report.n_embedded) == (True, 0)
    assert counts.asked == []
    assert {path: facts for path, facts in listing(home).items() if Path(path).is_file()} == before


def test_an_embedder_that_cannot_be_made_is_tried_once(pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        tries.append(args)
        raise BackboneUnavailableError("No weights.")

    tries: list[Any] = []
    monkeypatch.setattr(local, "load_embedder", fail)
    monkeypatch.setattr(local, "N_THREADS", 4)
    with pytest.raises(BackboneUnavailableError, match=r"No weights\."):
        make(pictures, home)
    assert len(tries) == 1


def test_the_embedders_need_not_be_named_again(pictures: Path, home: Path) -> None:
    make(pictures, home)
    assert build_collection("discs", pictures, home=home).is_unchanged


def test_a_picture_from_the_far_future_is_built_and_known_again(pictures: Path, home: Path) -> None:
    os.utime(pictures / "red" / "0.png", (15_000_000_000, 15_000_000_000))  # the year 2445; 64 bits of ns end in 2262
    assert (pictures / "red" / "0.png").stat().st_mtime_ns > 2**62
    assert make(pictures, home).n_embedded == 12
    assert make(pictures, home).is_unchanged


def test_a_touched_picture_is_not_embedded_again(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    make(pictures, home, embedders=counts)
    os.utime(pictures / "red" / "0.png", ns=(5, 5))
    counts.forget()
    report = make(pictures, home, embedders=counts)
    assert report.collection.items[report.collection.items.row_of("red/0.png")].mtime_ns == 5
    assert (report.n_embedded, counts.asked) == (0, [])
    assert make(pictures, home, embedders=counts).is_unchanged


def test_only_changed_and_added_pictures_are_embedded(pictures: Path, home: Path, counts: FakeEmbedders) -> None:
    first = make(pictures, home, embedders=counts)
    draw_picture((10, 200, 200), 3).save(pictures / "red" / "1.png")
    draw_picture((200, 200, 10), 3).save(pictures / "new.png")
    (pictures / "blue" / "3.png").unlink()
    (pictures / "green" / "0.png").rename(pictures / "green" / "renamed.png")
    counts.forget()
    report = make(pictures, home, embedders=counts)
    assert (report.n_embedded, counts.n_embedded) == (2, 2)
    expected = (set(ids(first)) - {"blue/3.png", "green/0.png"}) | {"new.png", "green/renamed.png"}
    assert set(ids(report)) == expected
    fresh = build_collection("fresh", pictures, home=home, specs=[HISTOGRAM]).collection
    assert answers(report.collection) == answers(fresh)
    assert np.array_equal(report.collection.space().embeddings, fresh.space().embeddings)


@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("is_local", [False, True])
def test_copies_are_embedded_once_and_stay(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int, is_local: bool
) -> None:
    for module, name in ((survey, "_BATCH"), (local, "BATCH_SIZE")):
        monkeypatch.setattr(module, name, batch_size)
    n_embedded = 0

    def counted(self: DescriptorEmbedder, batch: Sequence[np.ndarray]) -> np.ndarray:
        nonlocal n_embedded
        n_embedded += len(batch)
        return embed(self, batch)

    embed = DescriptorEmbedder.embed_prepared
    monkeypatch.setattr(DescriptorEmbedder, "embed_prepared", counted)
    counts = None if is_local else FakeEmbedders()
    for name in ("copy.png", "red/copy.png"):
        shutil.copy(pictures / "blue" / "2.png", pictures / name)
    report = make(pictures, home, embedders=counts)
    assert (len(ids(report)), n_embedded) == (14, 12)
    page = report.collection.search(item_id="copy.png", k=3)
    assert [(result.item.item_id, result.distance) for result in page.results[:2]] == [
        ("blue/2.png", 0.0),
        ("red/copy.png", 0.0),
    ]
    assert page.results[2].distance > 0
    assert make(pictures, home, embedders=counts).is_unchanged


def test_a_further_embedder_adds_a_space_and_keeps_the_first(
    pictures: Path, home: Path, counts: FakeEmbedders, mean_color: EmbedderSpec
) -> None:
    first = make(pictures, home, embedders=counts).collection
    counts.forget()
    report = make(pictures, home, embedders=counts, specs=[mean_color])
    assert list(report.collection.spaces) == ["color_histogram", "mean_color"]
    assert report.collection.default_space == "color_histogram"
    assert counts.n_embedded == 12
    assert answers(report.collection) == answers(first)
    assert report.collection.manifest.spaces["color_histogram"] == first.manifest.spaces["color_histogram"]
    assert report.collection.space("mean_color").embeddings.shape == (12, 3)
    page = report.collection.search(item_id="red/3.png", k=1, space="mean_color")
    assert (page.space, page.results[0].item.item_id) == ("mean_color", "red/2.png")
    counts.forget()
    assert make(pictures, home, embedders=counts, specs=[mean_color, HISTOGRAM]).is_unchanged
    draw_picture((200, 200, 10), 3).save(pictures / "new.png")
    assert build_collection("discs", pictures, home=home, embedders=counts).n_embedded == 1
    assert counts.n_embedded == 2  # one picture, two embedders


@pytest.mark.parametrize(("first", "then"), [(None, "exact"), ("exact", "annoy")])
def test_another_engine_is_taken_without_embedding_and_kept(
    pictures: Path, home: Path, counts: FakeEmbedders, first: str | None, then: str
) -> None:
    before = make(pictures, home, embedders=counts, engine=first).collection.manifest.spaces["color_histogram"]
    assert before.engine == (first or "annoy")
    counts.forget()
    report = make(pictures, home, embedders=counts, engine=then)
    assert (report.is_unchanged, counts.n_embedded) == (False, 0)
    assert make(pictures, home).is_unchanged
    space = report.collection.manifest.spaces["color_histogram"]
    assert (space.engine, space.index is None) == (then, then == "exact")
    assert report.collection.space().index.is_exact == (then == "exact")
    assert report.collection.exact_spaces == []  # an index is missing where it is meant to be there
    assert exact_notice(report.collection) is None


def test_an_engine_that_is_not_there_is_refused_and_leaves_nothing(pictures: Path, home: Path) -> None:
    with pytest.raises(BuildError, match="An engine must be one of exact, annoy"):
        make(pictures, home, engine="faiss")
    assert list_collections(home) == []


def test_progress_counts_up_to_the_number_of_pictures(pictures: Path, home: Path) -> None:
    (pictures / "bad.png").touch()
    calls: list[tuple[int, int]] = []
    make(pictures, home, progress=lambda done, total, what: calls.append((done, total)))
    assert calls[0] == (0, 13)
    assert calls[-1] == (13, 13)
    assert calls == sorted(calls)
    calls.clear()
    make(pictures, home, progress=lambda done, total, what: calls.append((done, total)))
    assert calls[0] == (12, 13)  # the bad one is tried again


# --- a collection that is there already


def damage_items(collection: Collection) -> None:
    (collection.path / collection.manifest.items.file).write_bytes(b"")


def lose_thumbnail(collection: Collection) -> None:
    collection.thumbnail_path(collection.items[0]).unlink()


@pytest.mark.parametrize("damage", [damage_items, lose_thumbnail])
def test_a_damaged_collection_is_rebuilt_as_it_was_and_said_so(
    pictures: Path, home: Path, mean_color: EmbedderSpec, damage: Callable[[Collection], None]
) -> None:
    pattern = r"(?P<label>\d)\.png$"
    collection = make(pictures, home, specs=[HISTOGRAM, mean_color], title="Discs", label_pattern=pattern).collection
    damage(collection)
    report = build_collection("discs", pictures, home=home)
    assert report.replaced_damaged
    assert report.n_embedded == 12
    assert report.collection.manifest.title == "Discs"
    assert report.collection.manifest.label_pattern == pattern
    assert list(report.collection.spaces) == ["color_histogram", "mean_color"]
    assert report.collection.verify() == []
    assert build_collection("discs", pictures, home=home).replaced_damaged is None


def test_a_damaged_manifest_is_replaced(pictures: Path, home: Path) -> None:
    manifest = make(pictures, home).collection.path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    report = make(pictures, home)
    assert report.replaced_damaged == "The collection's manifest is damaged: it does not match its own digest."
    assert report.collection.verify() == []


def test_a_page_that_has_the_old_collection_open_keeps_its_files(pictures: Path, home: Path) -> None:
    opened = make(pictures, home).collection
    long_ago = time.time() - 2 * SWEEP_AFTER_S
    for path in opened.path.rglob("*"):
        os.utime(path, (long_ago, long_ago))  # built hours before
    draw_picture((10, 200, 200), 3).save(pictures / "red" / "1.png")
    make(pictures, home)
    assert opened.verify() == []
    assert opened.skipped == []
    assert all((opened.path / entry.file).is_file() for entry in opened.manifest.files)


def test_what_no_manifest_names_is_swept_after_a_time_of_grace(pictures: Path, home: Path) -> None:
    old = make(pictures, home).collection
    draw_picture((10, 200, 200), 3).save(pictures / "red" / "1.png")
    new = make(pictures, home).collection
    old_only = {entry.file for entry in old.manifest.files} - {entry.file for entry in new.manifest.files}
    old_thumbnail = old.thumbnail_path(old.items[old.items.row_of("red/1.png")])
    assert {Path(file).name.split("-")[0] for file in old_only} >= {"items", "embeddings", "index"}
    long_ago = time.time() - 2 * SWEEP_AFTER_S
    (new.path / "thumbnails" / ".left.tmp").touch()
    for path in new.path.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    newest = make(pictures, home, title="swept").collection
    assert [file for file in old_only if (old.path / file).exists()] == []
    assert not old_thumbnail.exists()
    assert not (new.path / "thumbnails" / ".left.tmp").exists()
    assert newest.verify() == []
    assert Collection.open("discs", home).manifest.title == "swept"


def test_the_notes_of_a_build_that_was_cut_off_are_not_swept(collection: Collection) -> None:
    notes = [collection.path / name for name in ("build.sqlite", "build.sqlite-journal")]
    for file in notes:
        file.touch()
        os.utime(file, (1, 1))
    sweep(collection)
    assert [file for file in notes if file.exists()] == notes


def test_a_sweep_that_fails_does_not_fail_the_build(pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make(pictures, home).collection
    (old.path / "left.tmp").touch()
    os.utime(old.path / "left.tmp", (0, 0))
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "left.tmp":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert make(pictures, home, title="new").collection.manifest.title == "new"


# --- where annoy cannot be used


def test_where_annoy_crashes_a_collection_is_built_without_an_index(pictures: Path, home: Path, tmp_path: Path) -> None:
    indexed = make(pictures, tmp_path / "indexed").collection
    with crashing():
        built = make(pictures, home).collection
        assert make(pictures, home).is_unchanged
    assert list(built.path.rglob("*.ann")) == []
    with_index, without = indexed.manifest.spaces["color_histogram"], built.manifest.spaces["color_histogram"]
    assert with_index.index is not None
    assert replace(with_index, index=None) == without
    expected, page = (each.search(item_id="red/0.png", k=11) for each in (indexed, built))
    assert [(each.row, each.distance) for each in page.results] == [(each.row, each.distance) for each in expected.results]


@pytest.mark.parametrize("n_more", [0, 1])
def test_the_next_build_where_annoy_works_adds_the_index_and_embeds_nothing_anew(
    pictures: Path, home: Path, counts: FakeEmbedders, n_more: int
) -> None:
    with crashing():
        make(pictures, home, embedders=counts, pca=4)
    counts.forget()
    if n_more:
        draw_picture((90, 200, 10), 2).save(pictures / "red" / "new.png")
    report = make(pictures, home, embedders=counts)
    assert not report.is_unchanged
    assert (report.n_embedded, counts.n_embedded) == (n_more, n_more)
    for name, space in report.collection.manifest.spaces.items():
        assert space.index is not None
        assert (report.collection.path / space.index.file).is_file()
        assert isinstance(report.collection.space(name).index, AnnoyIndex)
    assert make(pictures, home, embedders=counts).is_unchanged


def test_where_annoy_crashes_the_index_that_is_there_is_kept_while_it_is_true(pictures: Path, home: Path) -> None:
    before = make(pictures, home).collection.manifest.spaces["color_histogram"]
    with crashing():
        assert make(pictures, home).is_unchanged
        assert make(pictures, home, title="new").collection.manifest.spaces["color_histogram"] == before
        (pictures / "red" / "0.png").unlink()
        assert make(pictures, home).collection.manifest.spaces["color_histogram"].index is None


# --- two at once


def test_two_builds_at_once_are_refused(pictures: Path, home: Path) -> None:
    refusals: list[BuildError] = []

    def progress(done: int, total: int, what: str) -> None:
        if not refusals:
            with pytest.raises(BuildError, match="Another build of this collection is running") as caught:
                make(pictures, home)
            refusals.append(caught.value)

    assert len(ids(make(pictures, home, progress=progress))) == 12
    assert len(refusals) == 1


def test_two_collections_can_be_built_at_once(pictures: Path, home: Path) -> None:
    others: list[BuildReport] = []

    def progress(done: int, total: int, what: str) -> None:
        if not others:
            others.append(build_collection("other", pictures, home=home, specs=[HISTOGRAM]))

    make(pictures, home, progress=progress)
    assert list_collections(home) == ["discs", "other"]


def test_a_space_that_another_build_has_just_added_is_kept(
    pictures: Path, home: Path, mean_color: EmbedderSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(pictures, home)

    def late(folder: Path) -> AbstractContextManager[None]:
        monkeypatch.undo()
        know(monkeypatch, known)
        make(pictures, home, specs=[mean_color])  # done just before this one gets its turn
        return alone(folder)

    known = embedder.DESCRIPTORS
    monkeypatch.setattr(build, "alone", late)
    report = make(pictures, home, title="late")
    assert list(report.collection.spaces) == ["color_histogram", "mean_color"]


# --- stopped builds


def test_what_was_embedded_before_an_error_is_not_embedded_again(pictures: Path, home: Path) -> None:
    def fail(content: bytes) -> None:
        if len(embedders.contents) == 9:
            raise BackboneError("Enough.")

    embedders = FakeEmbedders(fail)
    with pytest.raises(BackboneError, match=r"Enough\."):
        make(pictures, home, embedders=embedders)
    assert list_collections(home) == []
    calls: list[int] = []
    again = FakeEmbedders()
    make(pictures, home, embedders=again, progress=lambda done, total, what: calls.append(done))
    assert (embedders.n_embedded, again.n_embedded, calls[0]) == (8, 4, 8)


def test_a_first_build_that_fails_leaves_nothing(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "text.jpg").write_text("no picture")
    with pytest.raises(BuildError, match="The only picture cannot"):
        make(tmp_path / "bad", home)
    # The last one has embedded all of them (with another embedder of so many dimensions) before it fails.
    monkeypatch.setattr(local, "load_embedder", lambda *_, **__: DescriptorEmbedder(DESCRIPTORS["color_histogram"]))
    for options in ({"label_pattern": "(?P<label>x)"}, {"pca": 12, "specs": [spec.embedder_spec("mini")]}):
        with pytest.raises(BuildError, match=r"must give labels|needs more than 12 pictures"):
            make(pictures, home, **options)

    def fail(content: bytes) -> None:
        raise BackboneError("None.")

    with pytest.raises(BackboneError, match=r"None\."):
        make(pictures, home, embedders=FakeEmbedders(fail))
    assert list(home.iterdir()) == []


def test_a_mistake_does_not_cost_what_a_killed_build_has_done(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(done: int, total: int, what: str) -> None:
        if what.startswith("indexing"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(pictures, home, progress=interrupt)
    with pytest.raises(BuildError, match="must give labels"):
        make(pictures, home, label_pattern="(?P<label>x)")
    assert make(pictures, home).n_embedded == 0


DRIVER = """
import os, shutil, signal, sys
from pathlib import Path
from imgsearch.collection import build, ledger, survey
from imgsearch.embedding import local
from imgsearch.embedding.spec import embedder_spec
from imgsearch.pictures import items
from imgsearch.vectors.engines import ENGINES
import pyarrow.compute  # here once, and not in every child

pictures, template, homes = map(Path, sys.argv[1:])
survey._BATCH = local.BATCH_SIZE = 2
ENGINES["annoy"].fault()
left = 0

def tick():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def killing(owner, name):
    function = getattr(owner, name)
    def replacement(*args, **options):
        tick()
        return function(*args, **options)
    setattr(owner, name, replacement)

add = ledger.Ledger.add
def noting(self, items, embeddings):
    tick()
    items = list(items)
    add(self, items, embeddings)
    noted = sum(len(vectors) for vectors in embeddings.values())
    with open(f"{home}.noted", "a") as stream:
        stream.write("x" * noted)
    tick()

ledger.Ledger.add = noting
for owner, name in ((os, "replace"), (os, "unlink"), (items.Items, "write"), (ENGINES["annoy"], "build"),
                    (ledger.Ledger, "close"), (build, "retire"), (build, "sweep")):
    killing(owner, name)

for n in range(1, 500):
    home = homes / f"{n:03}"
    if template.exists():
        shutil.copytree(template, home)
    child = os.fork()
    if child == 0:
        left = n
        build.build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        sys.exit(0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, status
sys.exit("never finished")
"""


def kill_at_every_step(pictures: Path, template: Path, homes: Path) -> list[tuple[Path, int]]:
    """Homes after a build was killed at its first, second, ... step, the last one not; and pictures noted by then."""
    homes.mkdir()
    arguments = [sys.executable, "-c", DRIVER, str(pictures), str(template), str(homes)]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    killed = []
    for home in sorted(path for path in homes.iterdir() if path.is_dir()):
        noted = homes / f"{home.name}.noted"
        # Another thread may kill the build between the ledger's commit and the driver's own count of it.
        n_noted = max(len(noted.read_text()) if noted.exists() else 0, n_in_ledger(home / "discs" / "build.sqlite"))
        killed.append((home, n_noted))
    return killed


def n_in_ledger(path: Path) -> int:
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'embeddings'").fetchone()[0]
        return int(db.execute("SELECT count(*) FROM embeddings").fetchone()[0]) if tables else 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_first_build_killed_at_any_step_goes_on_where_it_was(
    pictures: Path, home: Path, tmp_path: Path, counts: FakeEmbedders
) -> None:
    shutil.rmtree(pictures / "green")
    for label in ("red", "blue"):
        (pictures / label / "0.png").unlink()  # six are left
    reference = make(pictures, home, embedders=counts).collection
    killed = kill_at_every_step(pictures, tmp_path / "none", tmp_path / "homes")
    assert len(killed) > 15
    assert {noted for _, noted in killed} == {0, 2, 4, 6}
    states = set()
    for left, noted in killed:
        names = list_collections(left)
        states.add(bool(names))
        if names:
            assert answers(Collection.open("discs", left)) == answers(reference)
        counts.forget()
        report = make(pictures, left, embedders=counts)
        assert counts.n_embedded == 6 - noted, left.name
        assert report.replaced_damaged is None
        assert report.collection.manifest.files == reference.manifest.files
        assert report.collection.verify() == []
    assert states == {True, False}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_later_build_killed_at_any_step_leaves_the_old_or_the_new(
    pictures: Path, home: Path, tmp_path: Path, counts: FakeEmbedders
) -> None:
    old = make(pictures, home, embedders=counts).collection
    shutil.copytree(home, tmp_path / "template")
    for number in range(3):
        draw_picture((10, 200, 40 * number), 3).save(pictures / f"new-{number}.png")
    draw_picture((200, 200, 10), 3).save(pictures / "red" / "1.png")
    (pictures / "blue" / "3.png").unlink()
    (pictures / "bad.png").touch()
    new = build_collection("new", pictures, home=home, specs=[HISTOGRAM]).collection
    killed = kill_at_every_step(pictures, tmp_path / "template", tmp_path / "homes")
    assert len(killed) > 15
    assert {noted for _, noted in killed} == {0, 2, 4}
    contents = []
    for left, noted in killed:
        found = Collection.open("discs", left)
        assert found.verify() == []
        contents.append(found.manifest.files)
        counts.forget()
        report = make(pictures, left, embedders=counts)
        assert counts.n_embedded == 4 - noted, left.name
        assert report.collection.manifest.files == new.manifest.files
        assert report.collection.verify() == []
    n_old = contents.count(old.manifest.files)
    assert 0 < n_old < len(contents)
    assert contents == [old.manifest.files] * n_old + [new.manifest.files] * (len(contents) - n_old)


# --- full disks

FULL = OSError(errno.ENOSPC, "Kein Platz")


def full_database() -> sqlite3.OperationalError:
    """What SQLite raises, with its code."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("PRAGMA max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            db.execute("CREATE TABLE t (x)")
    caught.value.args = ("kein Platz",)
    return caught.value


WRITES: list[tuple[Any, str, BaseException]] = [
    (os, "fsync", FULL),
    (os, "replace", FULL),
    (Items, "write", FULL),
    (ENGINES["annoy"], "build", FULL),
    (np.lib.format, "write_array_header_1_0", FULL),
    (Ledger, "add", full_database()),
]


@pytest.mark.parametrize(("owner", "name", "error"), WRITES, ids=[name for _, name, _ in WRITES])
def test_a_full_disk_leaves_the_old_collection_and_can_be_made_good(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, error: BaseException
) -> None:
    old = make(pictures, home).collection
    draw_picture((200, 200, 10), 3).save(pictures / "new.png")
    function = getattr(owner, name)
    for n_good in range(20):
        calls = 0

        def fail(*args: Any, n_good: int = n_good, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > n_good:
                raise error
            return function(*args, **options)

        monkeypatch.setattr(owner, name, fail)
        error_message = ""
        try:
            report = make(pictures, home)
        except BuildError as caught:
            error_message = caught.message
        monkeypatch.setattr(owner, name, function)
        if not error_message:
            break
        assert error_message == "The disk is full."
        kept = Collection.open("discs", home)
        assert kept.manifest == old.manifest
        assert kept.verify() == []
        assert [path.name for path in kept.path.rglob("*.tmp")] == []  # a full disk is not kept full
    assert n_good > 0
    assert len(ids(report)) == 13


def test_a_disk_that_is_really_full_is_named_and_room_helps(pictures: Path, small_disk: Callable[..., Path]) -> None:
    sizes = range(4, 320, 24)
    failures = []
    for kib in sizes:
        home = small_disk(kib) / "home"
        try:
            collection = make(pictures, home).collection
        except BuildError as caught:
            failures.append(caught.message)
            assert list_collections(home) == []
            small_disk(2000, anew=False)
            collection = make(pictures, home).collection
        assert collection.verify() == []
    assert failures == ["The disk is full."] * len(failures)
    assert 5 < len(failures) < len(sizes)


@pytest.mark.parametrize(
    "error",
    [
        OSError("Unable to open: full of beans (13)"),
        OSError(errno.EACCES, "No space left on device"),
        sqlite3.OperationalError("the disk is full"),
    ],
)
def test_what_only_sounds_like_a_full_disk_is_none(error: Exception) -> None:
    with pytest.raises(BuildError, match="The collection cannot be written: ") as caught, disk_errors():
        raise error
    assert str(error.args[-1]) in caught.value.message


@pytest.mark.parametrize("kind", ["file", "read-only"])
def test_a_home_that_cannot_be_written_is_an_error_without_its_path(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "file":
        home.touch()
    else:

        def refuse(path: Path, *args: Any, **options: Any) -> None:
            raise OSError(errno.EROFS, "Read-only file system", str(path))

        monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        BuildError, match=r"The collection cannot be written: (Not a directory|Read-only file system)"
    ) as caught:
        make(pictures, home)
    assert str(home) not in caught.value.message


def test_a_bad_name_is_refused_before_anything_is_done(pictures: Path, home: Path) -> None:
    with pytest.raises(CollectionError, match="must be 1 to 63 lower-case letters"):
        build_collection("../discs", pictures, home=home, specs=[HISTOGRAM])
    assert not home.exists()
