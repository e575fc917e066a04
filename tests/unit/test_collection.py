"""Collections: sound ones answer wherever they lie, damaged ones say so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from imgsearch import Collection, build_collection, embedder_spec, list_collections
from imgsearch.collection.face.opened import exact_notice
from imgsearch.collection.manifest import FileEntry, Manifest
from imgsearch.collection.outline import describe
from imgsearch.collection.reading import read_manifest
from imgsearch.errors import (
    CollectionCorruptError,
    CollectionError,
    CollectionNotFoundError,
    ImageDecodeError,
    IncompatibleCollectionError,
    InvalidQueryError,
    ItemNotFoundError,
    QueryError,
    WorkerError,
)
from imgsearch.files.disk import file_digest
from imgsearch.files.home import SOURCE_FILE, collection_path
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.ask import Ask
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.annoy import AnnoyIndex
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.transform import fit_pca
from tests.conftest import crashing, draw_picture, toy_space
from tests.fakes import FakeEmbedders

LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
ROOT = Path(__file__).resolve().parents[2]


def all_files(collection: Collection) -> list[Path]:
    """But for the private one that says where the pictures come from."""
    return sorted(path for path in collection.path.rglob("*") if path.is_file() and path.name != SOURCE_FILE)


def answers(collection: Collection, **options: Any) -> list[tuple[str, float]]:
    page = collection.search(**{"item_id": "red/0.png", **options})
    return [(result.item.item_id, result.distance) for result in page.results]


def rewrite_manifest(collection: Collection, change: Callable[[Manifest], Manifest]) -> None:
    """A change by somebody who makes all digests right."""
    (collection.path / "manifest.json").write_bytes(change(collection.manifest).to_bytes())


# --- what a sound collection answers


def test_a_picture_finds_its_own_kind(collection: Collection) -> None:
    for label in ("red", "green", "blue"):
        page = collection.search(item_id=f"{label}/1.png", k=3)
        assert {result.item.label for result in page.results} == {label}
        assert f"{label}/1.png" not in {result.item.item_id for result in page.results}


def test_every_answer_agrees_with_scikit_learn(collection: Collection) -> None:
    embeddings = collection.space().embeddings
    distances, rows = NearestNeighbors(n_neighbors=11).fit(embeddings.astype(np.float64)).kneighbors()
    for row in range(12):
        page = collection.search(row=row, k=11)
        assert [result.distance for result in page.results] == pytest.approx(distances[row], abs=1e-6)
        assert {result.row for result in page.results} == set(rows[row].tolist())


def test_item_row_embedding_and_picture_ask_the_same(collection: Collection, pictures: Path) -> None:
    row = collection.items.row_of("green/2.png")
    by_item = collection.search(item_id="green/2.png")
    assert collection.search(row=row).results == by_item.results
    path = pictures / "green" / "2.png"
    for page in (
        collection.search(embedding=np.array(collection.space().embeddings[row]), k=11),
        collection.search(picture=path, k=11),
        collection.search(picture=path.read_bytes(), k=11),
    ):
        first, *others = page.results
        assert (first.item.item_id, first.distance) == ("green/2.png", 0.0)
        assert [(result.row, result.distance) for result in others] == [
            (result.row, result.distance) for result in by_item.results
        ]


def test_a_new_picture_is_decoded_and_embedded(collection: Collection, tmp_path: Path) -> None:
    draw_picture((50, 70, 210), 2).rotate(180).save(tmp_path / "new.webp", lossless=True)
    page = collection.search(picture=tmp_path / "new.webp", k=4)
    assert {result.item.label for result in page.results} == {"blue"}
    assert page.results[0].item.item_id == "blue/2.png"


def test_timings_name_the_steps_that_ran(collection: Collection, pictures: Path) -> None:
    assert list(collection.search(row=0).timings_ms) == ["search"]
    assert list(collection.search(picture=pictures / "red" / "0.png").timings_ms) == ["decode", "embed", "search"]


def test_a_label_filters(collection: Collection) -> None:
    page = collection.search(item_id="red/0.png", label="blue")
    assert [result.item.label for result in page.results] == ["blue"] * 4


@pytest.mark.parametrize("parts", [{}, {"liked": ["red/0.png"]}, {"item_id": [], "row": [], "picture": []}])
def test_a_search_needs_something_to_search_with(collection: Collection, parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidQueryError, match="needs an item_id, a row, a picture, an embedding or words"):
        collection.search(**parts)


def test_items_rows_pictures_and_embeddings_are_asked_with_together(collection: Collection, pictures: Path) -> None:
    embeddings = collection.space().embeddings
    rows = [collection.items.row_of(f"{label}/1.png") for label in ("red", "green", "blue")]
    joint = embeddings[rows].astype(np.float64).sum(axis=0)
    expected = np.sqrt(2 - 2 * (embeddings @ (joint / np.linalg.norm(joint))))
    page = collection.search(item_id="red/1.png", row=rows[1], picture=pictures / "blue" / "1.png", k=12)
    assert [item.item_id for item in page.query_items] == ["red/1.png", "green/1.png"]
    assert {result.row for result in page.results} == set(range(12)) - set(rows[:2])
    assert [result.distance for result in page.results] == pytest.approx(
        [expected[result.row] for result in page.results], abs=1e-5
    )
    again = collection.search(row=rows[:2], embedding=embeddings[rows[2]], k=12)
    assert again.results == page.results


def test_what_is_asked_with_is_told_by_what_it_is(collection: Collection, pictures: Path) -> None:
    file = pictures / "red" / "1.png"
    pixels = np.asarray(Image.open(file))
    asked = [
        *("red/1.png", "9", 9, np.int64(9)),  # items, by name and row
        *(str(file), file, file.read_bytes(), Image.open(file), pixels),  # pictures
    ]
    pages = [collection.search(what, k=12) for what in asked]
    assert [len(page.query_items) for page in pages] == [1] * 4 + [0] * 5
    assert [len(page.results) for page in pages] == [11] * 4 + [12] * 5
    for page in pages:
        distances = [result.distance for result in page.results if result.item.item_id != "red/1.png"]
        assert distances == pytest.approx([result.distance for result in pages[0].results], abs=1e-6)
    assert collection.search(row=np.int64(9), k=3).results == pages[0].results[:3]
    assert collection.search(Ask(items=("red/1.png",), k=3)).results == pages[0].results[:3]
    assert collection.search("red/1.png", k=3, effort="exact").results == pages[0].results[:3]


def test_a_pillow_image_is_turned_upright_and_put_on_white(collection: Collection, pictures: Path) -> None:
    image = Image.open(pictures / "red" / "1.png")
    expected = collection.search(image, k=3)
    lying = image.transpose(Image.Transpose.ROTATE_90)
    lying.getexif()[0x0112] = 6  # to be turned a quarter clockwise
    assert collection.search(lying, k=3).results == expected.results
    clear = Image.new("RGBA", image.size, (220, 40, 40, 0))
    assert collection.search(clear, k=3).results == collection.search(Image.new("RGB", image.size, "white"), k=3).results


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("nowhere.png", "'nowhere.png' is neither an item of the collection, nor a file, nor a row number"),
        (12, "between 0 and 11. Received: 12"),
        (np.zeros((9, 9), np.uint8), r"uint8 of shape \(height, width, 3\). Received: uint8 of shape \(9, 9\)"),
        (np.zeros((9, 9, 3)), "Received: float64 of shape"),
        (None, "a path, bytes, an array or a Pillow image. Received: NoneType"),
    ],
)
def test_what_nothing_can_be_asked_with_is_refused(collection: Collection, what: Any, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        collection.search(what)


def test_an_option_that_there_is_not_is_a_mistake_of_the_caller(collection: Collection) -> None:
    with pytest.raises(TypeError, match="search_k"):
        collection.search("red/1.png", search_k=5)


@pytest.mark.parametrize("besides", [{"k": 5}, {"item_id": "red/2.png"}, {"row": 0}, {"embedding": np.zeros(256)}])
def test_what_is_given_beside_an_ask_is_not_passed_over(collection: Collection, besides: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="An Ask says all"):
        collection.search(Ask(items=("red/1.png",)), **besides)


def test_vectors_are_those_of_the_embedder_or_of_the_space_itself(collection: Collection) -> None:
    (entry,) = collection.spaces.values()
    transform = fit_pca(entry.embeddings, 5)
    points = transform.apply(entry.embeddings)
    reduced = replace(toy_space(points), spec=entry.spec, transform=transform)
    both = Collection(collection.path, collection.manifest, collection.items, collection.updated, {"reduced": reduced})
    own, embedders = both.search(embedding=points[9]), both.search(embedding=entry.embeddings[9])
    assert own.results == embedders.results
    assert own.results[0].distance == 0
    with pytest.raises(InvalidQueryError, match=r"must have 5 or 256 values. Received: an array of shape \(1, 4\)"):
        both.search(embedding=points[9, :4])


def test_previews_are_made_where_they_are_wanted(collection: Collection, pictures: Path) -> None:
    file = pictures / "red" / "1.png"
    plain, shown = collection.search(file), collection.search(file, previews=True)
    assert [picture.preview for picture in plain.pictures] == [b""]
    (picture,) = shown.pictures
    assert (picture.width, picture.height, picture.preview[:3]) == (80, 60, b"\xff\xd8\xff")
    assert set(shown.timings_ms) == {"decode", "embed", "search"}


def test_a_picture_is_looked_at_by_who_is_handed_in(collection: Collection, pictures: Path) -> None:
    file, embedders = pictures / "red" / "1.png", FakeEmbedders()
    collection.search("red/0.png", embedders=embedders)
    assert embedders.asked == []
    region = Region(0.2, 0.2, 0.8, 0.8)
    collection.search(file, embedders=embedders, region=region)
    assert embedders.asked == [(collection.space().spec, region)]
    away = FakeEmbedders(lambda content: WorkerError("The worker is away."))
    with pytest.raises(WorkerError, match="is away"):
        collection.search(file, embedders=away)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"item_id": "red/9.png"}, "No picture of this collection is called 'red/9.png'."),
        ({"item_id": ""}, "No picture of this collection is called ''."),
        ({"row": 12}, "A row must be between 0 and 11. Received: 12."),
        ({"row": -1}, "A row must be between 0 and 11. Received: -1."),
        ({"row": 0, "label": "pink"}, "No picture of this collection has the label 'pink'."),
        ({"row": 0, "space": "vgg16"}, "A space must be one of color_histogram. Received: 'vgg16'."),
        ({"row": 0, "space": ""}, "A space must be one of color_histogram. Received: ''."),
    ],
)
def test_what_is_not_there_is_named(collection: Collection, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemNotFoundError) as caught:
        collection.search(**parts)
    assert caught.value.message == message


def test_a_bad_picture_is_an_image_error(collection: Collection) -> None:
    with pytest.raises(ImageDecodeError, match="empty"):
        collection.search(picture=b"")


def test_an_item_knows_its_picture(collection: Collection) -> None:
    item = collection.items[collection.items.row_of("red/3.png")]
    assert (item.label, item.width, item.height) == ("red", 80, 60)
    with Image.open(collection.thumbnail_path(item)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("WEBP", (80, 60))


def test_a_collection_describes_itself(collection: Collection) -> None:
    facts = json.loads(json.dumps(describe(collection)))
    assert (facts["name"], facts["title"], facts["n_items"], facts["n_labels"]) == ("discs", "discs", 12, 3)
    assert facts["n_skipped"] == 0
    assert facts["thumbnails_bytes"] == sum(path.stat().st_size for path in (collection.path / "thumbnails").iterdir())
    space = facts["spaces"]["color_histogram"]
    assert (space["name"], space["dim"], space["engine"]) == ("color_histogram", 256, "annoy")
    assert space["embeddings_bytes"] == 12 * 256 * 4 + 128  # and the header of .npy


# --- names


@pytest.mark.parametrize(
    "name", ["../x", "..", ".", "", "/etc", "a/b", "A", "-a", "a_b", "a" * 64, "discs\n", "dïscs", "a\0"]
)
def test_a_name_that_is_no_plain_word_is_refused(home: Path, name: str) -> None:
    for refuse in (lambda: Collection.open(name, home), lambda: collection_path(name, home)):
        with pytest.raises(CollectionError, match="must be 1 to 63 lower-case letters") as caught:
            refuse()
        assert repr(name) in caught.value.message


@pytest.mark.parametrize("name", ["weights", "backbones", "sample-pictures", "sample-queries"])
def test_folders_of_the_home_that_are_no_collections_keep_their_names(home: Path, name: str) -> None:
    with pytest.raises(CollectionError, match=f"cannot be called '{name}'"):
        collection_path(name, home)


def test_an_unknown_name_lists_what_there_is(collection: Collection, home: Path, pictures: Path) -> None:
    build_collection("again", pictures, home=home, specs=[embedder_spec("color_histogram")])
    with pytest.raises(CollectionNotFoundError) as caught:
        Collection.open("disks", home)
    assert caught.value.message == "There is no collection called 'disks'. There are: again, discs."
    assert caught.value.hint == "Build it: python -m imgsearch build disks --images DIR"


def test_an_empty_home_has_no_collections(home: Path) -> None:
    assert list_collections(home) == []
    with pytest.raises(CollectionNotFoundError, match="There are: none yet"):
        Collection.open("discs", home)


def test_only_folders_with_a_manifest_are_listed(collection: Collection, home: Path) -> None:
    for name in ("half", "with-folder", "Upper"):
        (home / name / "thumbnails").mkdir(parents=True)
    (home / "with-folder" / "manifest.json").mkdir()
    (home / "Upper" / "manifest.json").touch()
    (home / "file").touch()
    assert list_collections(home) == ["discs"]


def test_a_home_that_cannot_be_read_is_an_error_without_its_path(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(CollectionError) as caught:
        list_collections(collection.home)
    assert caught.value.message == "The folder of collections cannot be read (Permission denied)."


# --- copies


def test_a_copy_elsewhere_answers_the_same_without_the_pictures(
    collection: Collection, pictures: Path, home: Path, tmp_path: Path
) -> None:
    picture = (pictures / "green" / "1.png").read_bytes()
    expected = answers(collection), answers(collection, item_id=(), picture=picture)
    shutil.copytree(collection.path, tmp_path / "elsewhere" / "other-name", ignore=shutil.ignore_patterns("build.sqlite"))
    shutil.rmtree(pictures)
    shutil.rmtree(home)
    moved = Collection.open("other-name", tmp_path / "elsewhere")
    assert (answers(moved), answers(moved, item_id=(), picture=picture)) == expected
    assert moved.verify() == []


def test_no_file_of_a_collection_names_the_place_of_the_pictures(collection: Collection, tmp_path: Path) -> None:
    assert [path.name for path in all_files(collection) if os.fsencode(tmp_path) in path.read_bytes()] == []


def test_without_a_working_annoy_the_answers_are_the_same(collection: Collection) -> None:
    expected = [answers(collection, item_id=(), row=row) for row in range(12)]
    assert isinstance(collection.space().index, AnnoyIndex)
    assert exact_notice(collection) is None
    with crashing():
        exact = Collection.open("discs", collection.home)
        assert isinstance(exact.space().index, ExactIndex)
        reason, _ = exact_notice(exact) or ("", "")
    assert (
        reason
        == "Searched by comparing with every picture: color_histogram. " + "The annoy package crashes when it is asked."
    )
    assert [answers(exact, item_id=(), row=row) for row in range(12)] == expected


@pytest.mark.parametrize("kind", ["no index", "of other vectors", "of a row less", "of no whole node"])
def test_what_a_faulty_annoy_wrote_is_not_used_not_called_damaged_and_replaced_by_the_next_build(
    collection: Collection, pictures: Path, home: Path, kind: str
) -> None:
    expected = answers(collection)
    annoy = ENGINES["annoy"]
    space = collection.manifest.spaces["color_histogram"]
    file = collection.path / "spaces" / "color_histogram" / "index-0.ann"
    vectors = np.array(collection.space().embeddings)
    if kind == "of other vectors":
        annoy.build(np.roll(vectors, 7, axis=1), file, annoy.checked({}))
    elif kind == "of a row less":
        annoy.build(vectors[:11], file, annoy.checked({}))
    else:
        file.write_bytes(b"0123456789")
    entry = FileEntry(f"spaces/color_histogram/{file.name}", file.stat().st_size, file_digest(file))
    index = None if kind == "no index" else entry
    rewrite_manifest(
        collection, lambda manifest: replace(manifest, spaces={space.recipe.name: replace(space, index=index)})
    )
    opened = Collection.open("discs", home)
    assert opened.exact_spaces == ["color_histogram"]
    assert answers(opened) == expected
    assert "discs --apply" in (exact_notice(opened) or ("", ""))[1]
    assert build_collection("discs", pictures, home=home).collection.exact_spaces == []


# --- damage


def empty(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def replace_by_pointer(path: Path) -> None:
    path.write_bytes(LFS_POINTER)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [Path.unlink, empty, cut, lengthen, replace_by_pointer, replace_by_folder])
def test_damage_to_any_file_shows_when_it_is_opened(
    collection: Collection, home: Path, damage: Callable[[Path], None]
) -> None:
    files = [path for path in all_files(collection) if path.stat().st_size]
    assert len(files) == 1 + 1 + 5 + 12  # manifest, items, five of the space, thumbnails
    for path in files:
        aside = path.with_name("aside")
        shutil.copy2(path, aside)
        damage(path)
        with pytest.raises(CollectionError) as caught:
            Collection.open("discs", home)
        assert str(home) not in f"{caught.value.message} {caught.value.hint}"
        if path.is_dir():
            path.rmdir()
        os.replace(aside, path)
    assert Collection.open("discs", home).verify() == []


@pytest.mark.parametrize("damage", [Path.unlink, lengthen])
def test_damage_to_the_empty_list_of_left_out_pictures_shows(
    collection: Collection, home: Path, damage: Callable[[Path], None]
) -> None:
    damage(collection.path / collection.manifest.skipped.file)
    with pytest.raises(CollectionCorruptError, match="skipped-"):
        Collection.open("discs", home)


def test_a_list_of_left_out_pictures_that_holds_something_else_is_damage(collection: Collection, home: Path) -> None:
    opened = Collection.open("discs", home)
    (collection.path / collection.manifest.skipped.file).write_text('{"item_id": 7, "reason": "x"}\n')
    with pytest.raises(CollectionCorruptError, match="holds no list of what was left out"):
        opened.skipped  # noqa: B018


def test_damage_is_described(collection: Collection, home: Path) -> None:
    file = collection.manifest.spaces["color_histogram"].embeddings.file
    path = collection.path / file
    data = path.read_bytes()
    cases: list[tuple[bytes | None, str, str]] = [
        (data[:-1], f"{file} should have 12,416 bytes and has 12,415.", "Copy the collection again, or build it again."),
        (LFS_POINTER, f"{file} should have 12,416 bytes and has {len(LFS_POINTER)}.", "Run: git lfs pull"),
        (data[:-1] + b"\x01", f"The content of {file} has changed since the build.", "Copy the collection again, or"),
        (None, f"A file of the collection is missing: {file}.", "Copy the collection again, or build it again."),
    ]
    for content, message, hint in cases:
        path.unlink() if content is None else path.write_bytes(content)
        with pytest.raises(CollectionCorruptError) as caught:
            Collection.open("discs", home)
        assert caught.value.message == message
        assert (caught.value.hint or "").startswith(hint)


def test_a_missing_folder_of_thumbnails_is_an_error(collection: Collection, home: Path) -> None:
    shutil.rmtree(collection.path / "thumbnails")
    with pytest.raises(CollectionCorruptError):
        Collection.open("discs", home)


def test_verify_names_thumbnails_that_have_changed_or_gone(collection: Collection, home: Path) -> None:
    opened = Collection.open("discs", home)
    changed, gone, folder = (collection.thumbnail_path(collection.items[row]) for row in (0, 5, 7))
    changed.write_bytes(changed.read_bytes()[:-1] + b"\x7f")
    assert Collection.open("discs", home).verify() == ["The thumbnail of 'blue/0.png' has changed."]
    gone.unlink()
    folder.unlink()
    folder.mkdir()
    assert opened.verify() == [
        "The thumbnail of 'blue/0.png' has changed.",
        "The thumbnail of 'green/1.png' is missing.",
        "The thumbnail of 'green/3.png' cannot be read (Is a directory).",
    ]


def test_what_a_build_is_writing_does_not_disturb(collection: Collection, home: Path) -> None:
    # A temporary file that is renamed between the listing and the look at it; a dangling link shows the same.
    (collection.path / "thumbnails" / ".x.webp.1-2.tmp").symlink_to("gone")
    (collection.path / "thumbnails" / "more.webp").write_bytes(b"of the next manifest")
    assert Collection.open("discs", home).verify() == []


def test_files_exchanged_for_others_with_right_digests_are_found_out(
    collection: Collection, home: Path, pictures: Path
) -> None:
    (pictures / "red" / "0.png").unlink()
    smaller = build_collection("smaller", pictures, home=home, specs=[embedder_spec("color_histogram")]).collection
    other = smaller.manifest.spaces["color_histogram"]
    mine = collection.manifest.spaces["color_histogram"]
    for entry in (other.embeddings, other.index, smaller.manifest.items):
        shutil.copy(smaller.path / entry.file, collection.path / entry.file)
    whole = (collection.path / "manifest.json").read_bytes()
    cases: list[tuple[Callable[[Manifest], Manifest], str]] = [
        (lambda m: replace(m, spaces={"x": replace(mine, embeddings=other.embeddings)}), "should be float32"),
        (lambda m: replace(m, items=smaller.manifest.items), "cannot be read"),
        (lambda m: replace(m, n_items=13), "cannot be read"),
        (lambda m: replace(m, spaces={"x": replace(mine, embeddings=mine.index)}), "cannot be read"),
    ]
    for change, message in cases:
        rewrite_manifest(collection, change)
        with pytest.raises(CollectionCorruptError, match=message):
            Collection.open("discs", home)
        (collection.path / "manifest.json").write_bytes(whole)


def test_a_collection_that_earlier_versions_have_calibrated_opens(collection: Collection, home: Path) -> None:
    """Theirs says how well the probabilities hold, in fields that nothing reads, and has a verdict of descriptors."""
    mine = collection.manifest.spaces["color_histogram"]
    calibration = json.loads((collection.path / mine.calibration.file).read_bytes())
    assert sorted(calibration["same_label"]) == ["intercept", "per_distance", "per_neighborhood"]
    bins = [{"predicted": 0.2, "observed": 0.3, "n": 66}, {"predicted": 0.4, "observed": 0.25, "n": 66}]
    calibration["same_label"] |= {"brier": 0.2, "brier_of_base_rate": 0.2, "bins": bins}
    assert calibration["neighborhoods"] is None
    calibration["neighborhoods"] = calibration["pairs"]
    data = json.dumps(calibration).encode()
    (collection.path / "earlier.json").write_bytes(data)
    entry = FileEntry("earlier.json", len(data), file_digest(collection.path / "earlier.json"))
    rewrite_manifest(collection, lambda m: replace(m, spaces={"color_histogram": replace(mine, calibration=entry)}))
    earlier = Collection.open("discs", home)
    assert answers(earlier) == answers(collection)
    assert earlier.search(row=0).verdict is None
    assert earlier.search(row=0).to_json()["is_foreign"] is None


OPEN = """
import sys
from pathlib import Path
from imgsearch import Collection
from imgsearch.errors import CollectionError
try:
    Collection.open("discs", Path(sys.argv[1]))
except CollectionError as exc:
    sys.exit(7)
"""


@pytest.mark.parametrize("damage", [None, empty, cut, replace_by_pointer])
def test_a_damaged_index_never_aborts_the_process(
    collection: Collection, home: Path, damage: Callable[[Path], None] | None
) -> None:
    index = collection.path / collection.manifest.spaces["color_histogram"].index.file
    if damage is None:
        data = bytearray(index.read_bytes())
        data[: len(data) // 2] = b"\xff" * (len(data) // 2)  # of the right size: child pointers into nowhere
        index.write_bytes(data)
    else:
        damage(index)
    done = subprocess.run([sys.executable, "-c", OPEN, str(home)], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 7, signal.Signals(-done.returncode) if done.returncode < 0 else done.stderr


# --- manifests


def test_a_manifest_of_another_version_is_incompatible(
    collection: Collection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsearch.collection.manifest.FORMAT_VERSION", 4)
    rewrite_manifest(collection, lambda manifest: manifest)
    monkeypatch.undo()
    with pytest.raises(IncompatibleCollectionError, match="format version 4; this program reads 2 and 3"):
        Collection.open("discs", home)


def test_a_manifest_can_be_read_alone(collection: Collection, tmp_path: Path) -> None:
    assert read_manifest(collection.path) == collection.manifest
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path)


def test_an_endless_manifest_is_not_read_to_its_end(collection: Collection, home: Path) -> None:
    with (collection.path / "manifest.json").open("ab") as stream:
        stream.truncate(1 << 40)  # sparse
    with pytest.raises(CollectionCorruptError, match="does not match its own digest"):
        Collection.open("discs", home)


def test_a_file_where_a_collection_should_be_is_an_error(home: Path) -> None:
    home.mkdir()
    (home / "discs").touch()
    with pytest.raises(CollectionError):
        Collection.open("discs", home)
