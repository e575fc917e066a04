"""Classes of ImageNet: told from embeddings, and kept with a collection."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.draft import Draft
from imgsearch.collection.manifest import FileEntry
from imgsearch.collection.sweep import SWEEP_AFTER_S, sweep
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.classifier import Classifier, fit_classifier, read_classifier
from imgsearch.errors import CollectionCorruptError, WeightsError
from imgsearch.supply.publish import pack, pull
from tests.conftest import draw_picture

SPACE = "color_histogram"
STEEP = 12.0


def classifier_for(collection: Collection) -> Classifier:
    """One that says class c the more likely the nearer an item is to item c: its logit is STEEP times their cosine."""
    embeddings = collection.space().embeddings
    kernel = np.zeros((embeddings.shape[1], 1000), np.float32)
    kernel[:, : len(embeddings)] = STEEP * embeddings.T
    bias = np.full(1000, -2.0, np.float32)
    bias[: len(embeddings)] = 0.0
    return Classifier(kernel, bias)


def with_classes(collection: Collection) -> Collection:
    """The same with class values in its first space."""
    classifiers = {collection.default_space: classifier_for(collection)}
    replace(Draft.of(collection), classifiers=classifiers).renew(collection)
    return Collection.open(collection.name, collection.home)


def expected(collection: Collection) -> np.ndarray:
    """The probabilities of those classes, by their definition: float64 (n_items, n_items), a row for each class."""
    embeddings = collection.space().embeddings.astype(np.float64)
    n = len(embeddings)
    rows = np.exp(STEEP * (embeddings @ embeddings.T))
    return np.array(rows / (rows.sum(axis=0) + (1000 - n) * np.exp(-2.0)))


@pytest.fixture
def three(tmp_path: Path, home: Path) -> Collection:
    """Three discs, which the classifier tells apart."""
    folder = tmp_path / "three"
    folder.mkdir()
    for number, color in enumerate([(220, 40, 40), (40, 180, 60), (50, 70, 210)]):
        draw_picture(color, 3 * number).save(folder / f"{number}.png")
    return with_classes(build_collection("three", folder, home=home, specs=[embedder_spec(SPACE)]).collection)


def test_probabilities_are_softmax_of_the_linear_layer() -> None:
    kernel, bias = np.zeros((2, 1000), np.float32), np.full(1000, -np.log(998), np.float32)
    kernel[:, 7], kernel[:, 9] = (np.log(2), 0), (0, np.log(4))
    bias[[7, 9]] = 0
    given = Classifier(kernel, bias).probabilities(np.array([[1, 0], [0, 1]], np.float32))
    # exp of the logits: 2 and 1 for the first, 1 and 4 for the second, and 1 for all others together.
    np.testing.assert_allclose(given[:, [7, 9]], [[2 / 4, 1 / 4], [1 / 6, 4 / 6]], rtol=1e-5)
    np.testing.assert_allclose(given.sum(axis=1), 1, rtol=1e-5)
    assert given.dtype == np.float32


def test_large_logits_give_finite_probabilities() -> None:
    kernel = np.zeros((1, 1000), np.float32)
    kernel[0, 5] = 60_000
    given = Classifier(kernel, np.zeros(1000, np.float32)).probabilities(np.array([[1], [-1]], np.float32))
    assert given[0, 5] == 1
    assert given[1, 5] == 0
    assert given[1, 6] == pytest.approx(1 / 999)


def test_a_stored_classifier_is_the_same() -> None:
    rng = np.random.default_rng(0)
    one = Classifier(rng.normal(size=(4, 1000)).astype(np.float32), rng.normal(size=1000).astype(np.float32))
    array = one.to_array()
    assert (array.dtype, array.shape) == (np.float16, (5, 1000))
    again = Classifier.from_array(array)
    np.testing.assert_allclose(again.kernel, one.kernel, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(again.bias, one.bias, rtol=1e-3, atol=1e-6)
    assert again.dim == 4


@pytest.mark.parametrize("value", [np.nan, np.inf, 70_000])
def test_what_float16_does_not_hold_is_not_stored(value: float) -> None:
    with pytest.raises(WeightsError, match="finite"):
        Classifier(np.full((4, 1000), value, np.float32), np.zeros(1000, np.float32)).to_array()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((5, 999), np.float16),
        np.zeros((1, 1000), np.float16),
        np.zeros(1000, np.float16),
        np.zeros((5, 1000), np.float32),
        np.full((5, 1000), np.nan, np.float16),
        np.full((5, 1000), np.inf, np.float16),
    ],
)
def test_what_is_no_classifier_is_refused(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="A classifier must"):
        Classifier.from_array(array)


def test_a_fitted_classifier_says_what_was_wanted() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(400, 8))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    kernel, bias = rng.normal(size=(8, 1000)), rng.normal(size=1000)
    fitted = fit_classifier(embeddings.astype(np.float32), (embeddings @ kernel + bias).astype(np.float32))
    np.testing.assert_allclose(fitted.kernel, kernel, atol=0.02)
    np.testing.assert_allclose(fitted.bias, bias, atol=0.02)


# --- in a weights file


def write_h5(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return path


KERNEL = np.arange(1280 * 1000, dtype=np.float32).reshape(1280, 1000)
BIAS = np.arange(1000, dtype=np.float32)
BODY = {"Conv1/Conv1/kernel:0": np.zeros((3, 3, 3, 32), np.float32)}
LEGACY = {**BODY, "predictions/predictions/kernel:0": KERNEL, "predictions/predictions/bias:0": BIAS}
KERAS_3 = {"layers/conv2d/vars/0": BODY["Conv1/Conv1/kernel:0"], "layers/dense/vars/0": KERNEL, "layers/dense/vars/1": BIAS}
TRAINED = {**KERAS_3, "optimizer/vars/1": KERNEL + 1, "optimizer/vars/2": BIAS + 1}


@pytest.mark.parametrize("arrays", [LEGACY, KERAS_3, TRAINED], ids=["legacy", "Keras 3", "with an optimizer"])
def test_the_classifier_is_found_in_a_file_of_weights(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    found = read_classifier(write_h5(tmp_path / "some.h5", arrays), BACKBONES["mobilenet_v2"])
    assert found
    np.testing.assert_array_equal(found[0], KERNEL)
    np.testing.assert_array_equal(found[1], BIAS)


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("mobilenet_v2", BODY),
        ("mobilenet_v2", {"bias": BIAS}),
        ("mobilenet_v2", {"kernel": KERNEL}),
        ("mobilenet_v2", {"kernel": KERNEL[:512], "bias": BIAS}),
        ("mobilenet_v2", {**LEGACY, "another": KERNEL}),
        ("vgg16", {"kernel": KERNEL[:512], "bias": BIAS}),
        ("mini", {"kernel": KERNEL[:256], "bias": BIAS}),
    ],
)
def test_where_there_is_no_classifier_on_the_pooled_output_there_is_none(
    name: str, arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    assert read_classifier(write_h5(tmp_path / "some.h5", arrays), BACKBONES[name]) is None


def test_a_damaged_classifier_is_an_error(tmp_path: Path) -> None:
    bad = BIAS.copy()
    bad[3] = np.nan
    with pytest.raises(WeightsError, match="not finite"):
        read_classifier(
            write_h5(tmp_path / "nan.h5", {**LEGACY, "predictions/predictions/bias:0": bad}), BACKBONES["mobilenet_v2"]
        )
    (tmp_path / "cut.h5").write_bytes((tmp_path / "nan.h5").read_bytes()[:5000])
    with pytest.raises(WeightsError, match="damaged") as caught:
        read_classifier(tmp_path / "cut.h5", BACKBONES["mobilenet_v2"])
    assert str(tmp_path) not in caught.value.message


# --- in a collection


def test_class_values_are_the_probabilities_of_each_class_for_each_item(three: Collection) -> None:
    values = three.space().class_values
    assert values is not None
    assert (values.dtype, values.shape) == (np.float16, (1000, 3))
    np.testing.assert_allclose(values[:3], expected(three), rtol=2e-2)
    assert not np.allclose(values[:3], values[:3].T, rtol=2e-2), "or the test could not tell rows from columns"
    np.testing.assert_allclose(values.astype(np.float64).sum(axis=0), 1, atol=1e-2)
    stored = three.space().classifier
    assert stored
    direct = stored.probabilities(three.space().embeddings)
    np.testing.assert_array_equal(np.asarray(values), direct.T.astype(np.float16))


def test_they_are_written_the_same_in_many_pieces(three: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    before = three.manifest.spaces[SPACE].class_values
    bare = replace(Draft.of(three), classifiers={})
    bare.renew(three)
    monkeypatch.setattr("imgsearch.collection.draft._CLASSES_CHUNK", 2)
    without = Collection.open("three", three.home)
    assert without.space().class_values is None
    again = with_classes(without)
    assert again.space().class_values is not None
    np.testing.assert_allclose(np.asarray(again.space().class_values), np.asarray(three.space().class_values), rtol=2e-3)
    assert before
    assert before.size == again.manifest.spaces[SPACE].class_values.size  # type: ignore[union-attr]


def test_a_manifest_without_them_is_as_before(three: Collection, home: Path) -> None:
    replace(Draft.of(three), classifiers={}).renew(three)
    bare = (home / "three" / "manifest.json").read_bytes()
    assert b"class" not in bare
    shutil.rmtree(home / "three")
    build_collection("three", home.parent / "three", home=home, specs=[embedder_spec(SPACE)])
    built = (home / "three" / "manifest.json").read_bytes()
    assert built == bare


def test_the_word_space_is_the_first_that_has_class_values(three: Collection, home: Path) -> None:
    assert three.word_space is three.space()
    folder = home.parent / "three"
    built = build_collection(
        "two", folder, home=home, specs=[embedder_spec("color_layout"), embedder_spec(SPACE)]
    ).collection
    assert built.word_space is None
    given = three.space().classifier
    assert given
    replace(Draft.of(built), classifiers={SPACE: given}).renew(built)
    opened = Collection.open("two", home)
    assert opened.word_space is opened.space(SPACE)
    assert opened.default_space == "color_layout"


def test_they_are_kept_while_the_pictures_are_the_same_and_made_anew_with_them(three: Collection, home: Path) -> None:
    folder = home.parent / "three"
    entry = three.manifest.spaces[SPACE]
    inode = os.stat(three.path / entry.class_values.file).st_ino  # type: ignore[union-attr]
    report = build_collection("three", folder, home=home)
    assert report.is_unchanged
    renamed = build_collection("three", folder, home=home, title="Other")
    assert not renamed.is_unchanged
    kept = renamed.collection.manifest.spaces[SPACE]
    assert (kept.classifier, kept.class_values) == (entry.classifier, entry.class_values)
    assert os.stat(three.path / kept.class_values.file).st_ino == inode  # type: ignore[union-attr]
    draw_picture((10, 10, 10), 5).save(folder / "3.png")
    grown = build_collection("three", folder, home=home).collection
    values = grown.space().class_values
    assert values is not None
    assert values.shape == (1000, 4)
    np.testing.assert_array_equal(np.asarray(values[:, :3]), np.asarray(three.space().class_values))


def test_files_that_are_no_longer_named_are_swept_and_those_that_are_stay(three: Collection, home: Path) -> None:
    entry = three.manifest.spaces[SPACE]
    files = [three.path / each.file for each in (entry.classifier, entry.class_values) if each]
    long_ago = 1_000_000_000
    for file in files:
        os.utime(file, (long_ago, long_ago))
    sweep(three)
    assert all(file.is_file() for file in files)
    replace(Draft.of(three), classifiers={}).renew(three)
    opened = Collection.open("three", home)
    sweep(opened)  # a running page may still read them
    assert all(file.is_file() for file in files)
    for file in files:
        assert file.stat().st_mtime > long_ago
        os.utime(file, (long_ago - SWEEP_AFTER_S,) * 2)
    sweep(opened)
    assert not any(file.exists() for file in files)


def test_a_package_brings_them(three: Collection, home: Path, tmp_path: Path) -> None:
    pack("three", home, tmp_path / "three.tar")
    pulled = pull(str(tmp_path / "three.tar"), tmp_path / "elsewhere")
    entry = pulled.manifest.spaces[SPACE]
    assert (entry.classifier, entry.class_values) == (
        three.manifest.spaces[SPACE].classifier,
        three.manifest.spaces[SPACE].class_values,
    )
    np.testing.assert_array_equal(np.asarray(pulled.space().class_values), np.asarray(three.space().class_values))


@pytest.mark.parametrize("which", ["classifier", "class_values"])
def test_damage_of_each_file_is_found(which: str, three: Collection, home: Path) -> None:
    file = three.path / getattr(three.manifest.spaces[SPACE], which).file
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CollectionCorruptError, match=which):
        Collection.open("three", home)
    file.unlink()
    with pytest.raises(CollectionCorruptError, match=which):
        Collection.open("three", home)


def filled(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda array: np.full_like(array, value)


CHANGES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "a classifier that is not finite": ("classifier", filled(np.nan)),
    "a classifier with an infinity": ("classifier", filled(-np.inf)),
    "a classifier of float32": ("classifier", lambda array: array.astype(np.float32)),
    "a classifier for longer vectors": ("classifier", lambda array: np.vstack([array, array])),
    "values that are not numbers": ("class_values", filled(np.nan)),
    "values that are infinite": ("class_values", filled(np.inf)),
    "values beyond 1": ("class_values", filled(1.001)),
    "values below 0": ("class_values", filled(-0.001)),
    "values of float32": ("class_values", lambda array: array.astype(np.float32)),
    "values for fewer items": ("class_values", lambda array: array[:, :2]),
    "values of fewer classes": ("class_values", lambda array: array[:999]),
    "values the other way round": ("class_values", lambda array: np.ascontiguousarray(array.T)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_files_of_somebody_who_knows_how_to_make_digests_right_are_checked_too(
    change: str, three: Collection, home: Path
) -> None:
    which, make = CHANGES[change]
    entry: FileEntry = getattr(three.manifest.spaces[SPACE], which)
    stream = io.BytesIO()
    np.save(stream, make(np.load(three.path / entry.file)))
    data = stream.getvalue()
    (three.path / entry.file).write_bytes(data)
    named = replace(entry, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    space = replace(three.manifest.spaces[SPACE], **{which: named})
    (three.path / "manifest.json").write_bytes(replace(three.manifest, spaces={SPACE: space}).to_bytes())
    with pytest.raises(CollectionCorruptError, match=which):
        Collection.open("three", home)


def test_probabilities_of_0_and_1_are_allowed(three: Collection, home: Path) -> None:
    certain = Classifier(np.zeros((three.space().dim, 1000), np.float32), np.zeros(1000, np.float32))
    certain.bias[4] = 60_000
    replace(Draft.of(three), classifiers={SPACE: certain}).renew(three)
    values = Collection.open("three", home).space().class_values
    assert values is not None
    assert (values[4] == 1).all()
    assert values.astype(np.float64).sum() == 3


def test_json_of_the_manifest_names_both(three: Collection) -> None:
    body = json.loads((three.path / "manifest.json").read_bytes())["spaces"][SPACE]
    assert body["class_values"]["file"].startswith(f"spaces/{SPACE}/class_values-")
    assert body["classifier"]["file"].startswith(f"spaces/{SPACE}/classifier-")
