"""Collections of earlier formats, kept in `tests/older`: they open, answer as they did, and are built again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.source import Source, remember
from imgsearch.embedding.networks import bundled_network
from imgsearch.measure.tuning import Setting, apply_setting
from imgsearch.supply.publish import pack, pull
from imgsearch.vectors.engines.annoy import AnnoyIndex
from imgsearch.vectors.transform import Transform

OLDER = Path(__file__).resolve().parents[1] / "older" / "version_2"
SPACES = ["color_histogram", "mini", "mini-white4", "mini-pca4"]
MINI = embedder_spec("mini")


@pytest.fixture
def older(home: Path, tmp_path: Path) -> Collection:
    """The collection of version 2, and its pictures beside its home."""
    shutil.copytree(OLDER / "discs", home / "discs")
    shutil.copytree(OLDER / "pictures", tmp_path / "pictures")
    remember(Source("folder", str(tmp_path / "pictures")), "discs", home)
    collection = Collection.open("discs", home)
    for item in collection.items:  # a checkout gives them a time of its own
        os.utime(tmp_path / "pictures" / item.item_id, ns=(item.mtime_ns, item.mtime_ns))
    return collection


def stored(collection: Collection) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((collection.path / "manifest.json").read_bytes())
    return body


def assert_answers_as_recorded(collection: Collection, atol: float = 1e-5) -> None:
    recorded = json.loads((OLDER / "answers.json").read_text())
    assert list(recorded) == list(collection.spaces)
    for space, answers in recorded.items():
        for item_id, expected in answers.items():
            for effort in ("normal", "exact"):
                results = collection.search(item_id=item_id, k=11, space=space, effort=effort).results
                distances = {other: pytest.approx(distance, abs=atol) for other, distance in expected}
                assert {result.item.item_id: result.distance for result in results} == distances
                assert [result.distance for result in results] == sorted(result.distance for result in results)


def test_version_2_opens_and_answers_as_it_did(older: Collection) -> None:
    assert stored(older)["format_version"] == 2
    assert list(older.spaces) == SPACES
    assert_answers_as_recorded(older)
    assert older.exact_spaces == []
    assert all(isinstance(space.index, AnnoyIndex) for space in older.spaces.values())
    assert {(entry.engine, entry.params["n_trees"]) for entry in older.manifest.spaces.values()} == {("annoy", 3)}
    assert older.verify() == []


def test_its_whitened_space_takes_pictures_to_the_places_of_its_items(older: Collection) -> None:
    base = older.space("mini").embeddings
    for row in range(len(base)):
        (result,) = older.search(embedding=base[row], space="mini-white4", k=1).results
        assert (result.row, result.distance) == (row, pytest.approx(0, abs=1e-4))


def test_a_build_that_finds_nothing_new_names_the_network_of_its_backbone_and_then_leaves_it(
    older: Collection, tmp_path: Path, home: Path
) -> None:
    assert older.space("mini").spec.network is None
    report = build_collection("discs", tmp_path / "pictures", home=home)
    assert (report.is_unchanged, report.n_embedded, report.remarks) == (False, 0, [])
    renewed = report.collection
    assert {renewed.space(name).spec.network for name in SPACES if name.startswith("mini")} == {bundled_network(MINI)}
    before = (older.path / "manifest.json").read_bytes()
    assert build_collection("discs", tmp_path / "pictures", home=home).is_unchanged
    assert (older.path / "manifest.json").read_bytes() == before


def test_a_build_makes_it_version_3_embeds_nothing_and_keeps_the_whitening(
    older: Collection, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "pictures" / "red" / "3.png").unlink()
    kept = older.manifest.spaces["mini-white4"]
    report = build_collection("discs", tmp_path / "pictures", home=home)
    assert (report.is_unchanged, report.n_embedded, report.remarks) == (False, 0, [])
    renewed = report.collection
    assert stored(renewed)["format_version"] == 3
    assert list(renewed.spaces) == SPACES
    entry = renewed.manifest.spaces["mini-white4"]
    assert (entry.transform, entry.whiten) == (kept.transform, True)
    assert entry.embeddings != kept.embeddings
    expected = {
        item.item_id: vector for item, vector in zip(older.items, older.space("mini-white4").embeddings, strict=True)
    }
    for item, vector in zip(renewed.items, renewed.space("mini-white4").embeddings, strict=True):
        np.testing.assert_allclose(vector, expected[item.item_id], atol=1e-6)
    # A space that is only reduced is fitted anew.
    assert renewed.manifest.spaces["mini-pca4"].transform != older.manifest.spaces["mini-pca4"].transform


def test_tuning_and_packing_make_it_version_3_with_the_same_answers(older: Collection, home: Path, tmp_path: Path) -> None:
    pack("discs", home, tmp_path / "discs.tar")
    pulled = pull(str(tmp_path / "discs.tar"), home, name="pulled")
    tuned = apply_setting(older, "mini-white4", Setting("annoy", {"n_trees": 5}, 1, 1, 1, 1, 1))
    assert tuned.manifest.spaces["mini-white4"].params["n_trees"] == 5
    for collection in (pulled, tuned):
        assert stored(collection)["format_version"] == 3
        assert collection.exact_spaces == []
        assert collection.verify() == []
        assert_answers_as_recorded(collection)


def lose(transform: Path) -> None:
    transform.unlink()


def change(transform: Path) -> None:
    data = bytearray(transform.read_bytes())
    data[-1] ^= 1
    transform.write_bytes(data)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("damage", "reason"), [(lose, "A file of the collection is missing"), (change, "has changed since the build")]
)
def test_without_its_transform_the_whitened_space_is_left_out_and_that_is_said(
    older: Collection, tmp_path: Path, home: Path, damage: Any, reason: str
) -> None:
    entry = older.manifest.spaces["mini-white4"].transform
    assert entry is not None
    damage(older.path / entry.file)
    report = build_collection("discs", tmp_path / "pictures", home=home)
    assert list(report.collection.spaces) == ["color_histogram", "mini", "mini-pca4"]
    (remark,) = report.remarks
    assert remark.startswith("mini-white4 is left out: ")
    assert reason in remark
    assert report.replaced_damaged


@pytest.mark.weights
def test_of_a_damaged_collection_the_whitening_is_saved(older: Collection, tmp_path: Path, home: Path) -> None:
    older.thumbnail_path(older.items[0]).unlink()
    report = build_collection("discs", tmp_path / "pictures", home=home)
    assert report.replaced_damaged
    assert report.remarks == []
    # Another runtime has embedded them anew, and whitening enlarges its rounding.
    assert_answers_as_recorded(report.collection, atol=1e-4)


def test_a_whitened_space_whose_embedder_changes_is_left_out(
    older: Collection, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgsearch.collection import build

    def of_other_weights(path: Path, entry: object) -> Transform:
        raise AssertionError("it was fitted to what another embedder makes, and is not read")

    monkeypatch.setattr(build, "read_transform", of_other_weights)
    other = embedder_spec("mini", layer="pooled", weights="0" * 64)
    recipes = build._recipes(older.manifest, [other], None, None)
    kept, left_out = build._kept_transforms(older.path, older.manifest, recipes)
    assert kept == {}
    assert left_out["mini-white4"].endswith("It belongs to another embedder.")
