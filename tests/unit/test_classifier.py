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
from click.testing import CliRunner

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.collection.draft import Draft
from imgsearch.collection.manifest import FileEntry
from imgsearch.collection.source import Source, remember
from imgsearch.collection.sweep import SWEEP_AFTER_S, sweep
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.classifier import (
    Classifier,
    find_classifier,
    fit_classifier,
    kept_classifier,
    read_classifier,
    usual_length,
)
from imgsearch.embedding.embedder import NetworkEmbedder, load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import BUNDLED
from imgsearch.errors import BackboneError, BuildError, CollectionCorruptError, WeightsError
from imgsearch.files.home import own_classifier_file, own_weights_file
from imgsearch.pictures.decode import decode_image
from imgsearch.supply.publish import pack, pull
from imgsearch.supply.sources import update_collection
from imgsearch.vectors.space import SpaceRecipe
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


def test_what_the_ridge_shrinks_is_stretched_again() -> None:
    # What tells the two kinds apart is a twentieth of a vector: its mean square is 0.05 ** 2, to which the ridge adds
    # 0.001 * 2 / 3, so that regression alone gives 0.79 of the logits wanted.
    embeddings = np.array([[np.sqrt(1 - 0.05**2), sign * 0.05] for sign in (1, -1)] * 8, np.float32)
    values = np.zeros((16, 1000), np.float32)
    values[:, 0] = [8, -8] * 8
    fitted = fit_classifier(embeddings, values).logits(embeddings)
    gaps = fitted[:, 0] - fitted[:, 1:].mean(axis=1)
    np.testing.assert_allclose(gaps, [8, -8] * 8, rtol=0.05)


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


# --- where one comes from


MINI = embedder_spec("mini")


@pytest.fixture
def seen(pictures: Path, home: Path) -> Collection:
    """The discs as the bundled backbone sees them."""
    return build_collection("discs", pictures, home=home, specs=[MINI], pca=4).collection


def without_classes(collection: Collection) -> Collection:
    """As an earlier version made it."""
    replace(Draft.of(collection), classifiers={}).renew(collection)
    return Collection.open(collection.name, collection.home)


def test_what_the_bundled_backbone_sees_has_class_values(seen: Collection, pictures: Path, home: Path) -> None:
    classifier = kept_classifier(MINI, home)
    assert classifier
    values = seen.space("mini").class_values
    assert values is not None
    direct = classifier.probabilities(seen.space("mini").embeddings)
    np.testing.assert_array_equal(np.asarray(values), direct.T.astype(np.float16))
    assert seen.space("mini-pca4").class_values is None
    assert seen.word_space is seen.space("mini")
    again = build_collection("discs", pictures, home=home)
    assert again.is_unchanged
    assert list(again.remarks) == []


def test_the_bundled_classifier_is_small() -> None:
    assert (BUNDLED / "mini.classifier.npy").stat().st_size == 128 + 2 * 257 * 1000


def test_a_build_adds_them_to_an_older_collection_and_embeds_nothing(seen: Collection, pictures: Path, home: Path) -> None:
    older = without_classes(seen)
    report = build_collection("discs", pictures, home=home)
    assert (report.n_embedded, report.is_unchanged) == (0, False)
    after = report.collection.manifest.spaces["mini"]
    assert after == seen.manifest.spaces["mini"]
    assert replace(after, classifier=None, class_values=None) == older.manifest.spaces["mini"]


def test_update_adds_them_without_the_pictures(seen: Collection, pictures: Path, home: Path) -> None:
    without_classes(seen)
    shutil.rmtree(pictures)
    remember(Source("folder", str(pictures)), "discs", home)
    report = update_collection("discs", home)
    assert "What needs no pictures was added: the class values of mini." in report.remarks[0]
    assert report.collection.manifest == seen.manifest
    with pytest.raises(BuildError):  # nothing is left to add
        update_collection("discs", home)


def test_update_adds_them_to_a_package_that_lacks_them(seen: Collection, home: Path, tmp_path: Path) -> None:
    without_classes(seen)
    pack("discs", home, tmp_path / "discs.tar")
    elsewhere = tmp_path / "elsewhere"
    assert pull(str(tmp_path / "discs.tar"), elsewhere).word_space is None
    report = update_collection("discs", elsewhere)
    assert "the class values of mini" in report.remarks[0]
    values = report.collection.space("mini").class_values
    np.testing.assert_array_equal(np.asarray(values), np.asarray(seen.space("mini").class_values))


def test_those_of_a_package_are_used_as_they_come(seen: Collection, home: Path, tmp_path: Path) -> None:
    theirs = Classifier(np.zeros((256, 1000), np.float32), np.zeros(1000, np.float32))
    replace(Draft.of(seen), classifiers={"mini": theirs}).renew(seen)
    pack("discs", home, tmp_path / "discs.tar")
    elsewhere = tmp_path / "elsewhere"
    values = pull(str(tmp_path / "discs.tar"), elsewhere).space("mini").class_values
    assert values is not None
    assert (values == np.float16(1 / 1000)).all()
    with pytest.raises(BuildError):
        update_collection("discs", elsewhere)


def test_a_build_that_was_killed_while_it_told_classes_goes_on(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> FileEntry:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("imgsearch.collection.draft._SpaceWriter._write_class_values", killed)
        with pytest.raises(KeyboardInterrupt):
            build_collection("discs", pictures, home=home, specs=[MINI])
    report = build_collection("discs", pictures, home=home, specs=[MINI])
    assert report.n_embedded == 0
    assert report.collection.word_space


def test_update_says_why_it_can_add_none(
    seen: Collection, pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise BackboneError("The classifier of mini is damaged.")

    without_classes(seen)
    shutil.rmtree(pictures)
    monkeypatch.setattr("imgsearch.embedding.classifier.kept_classifier", damaged)
    with pytest.raises(BuildError, match=r"mini cannot be asked for words\. The classifier of mini is damaged\."):
        update_collection("discs", home)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (EmbedderSpec("vgg16", weights="0" * 64), "does not tell classes from its embedding"),
        (EmbedderSpec("mobilenet_v2", layer="logits", weights="0" * 64), "does not tell classes from its embedding"),
        (EmbedderSpec("mobilenet_v2", weights="0" * 64), "not kept here"),
        (EmbedderSpec("mini", weights="0" * 64), "mini has no classifier"),
        (EmbedderSpec("mini", weights="0" * 64, own="birds"), "birds has no classifier"),
    ],
)
def test_why_there_are_none_is_said(spec: EmbedderSpec, reason: str, three: Collection) -> None:
    recipes = {spec.space: SpaceRecipe(spec), SPACE: SpaceRecipe(embedder_spec(SPACE))}
    draft, remarks = replace(Draft.of(three), recipes=recipes, classifiers={}).with_classifiers(three.path)
    assert draft.classifiers == {}
    (remark,) = remarks
    assert remark.startswith(f"{spec.space} cannot be asked for words. ")
    assert reason in remark


def test_a_build_without_a_classifier_is_a_build_with_a_remark(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise BackboneError("The classifier of mini is damaged.")

    monkeypatch.setattr("imgsearch.embedding.classifier.kept_classifier", damaged)
    report = build_collection("discs", pictures, home=home, specs=[MINI])
    assert list(report.remarks) == ["mini cannot be asked for words. The classifier of mini is damaged."]
    assert report.collection.word_space is None


def test_a_backbone_of_ones_own_has_the_classifier_beside_its_weights(home: Path) -> None:
    weights = own_weights_file(home, "birds")
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"some")
    spec = EmbedderSpec("mini", weights=hashlib.sha256(b"some").hexdigest(), own="birds")
    assert kept_classifier(spec, home) is None
    array = np.zeros((257, 1000), np.float16)
    array[256, 3] = 1
    np.save(own_classifier_file(home, "birds"), array)
    found = kept_classifier(spec, home)
    assert found
    assert found.bias[3] == 1
    assert kept_classifier(replace(spec, weights="0" * 64), home) is None  # another one, of the same name
    for bad in (array[:200], array.astype(np.float32), np.full_like(array, np.nan)):
        np.save(own_classifier_file(home, "birds"), bad)
        with pytest.raises(BackboneError, match="The classifier of birds is damaged"):
            kept_classifier(spec, home)
    own_classifier_file(home, "birds").write_bytes(b"")
    with pytest.raises(BackboneError, match="damaged"):
        kept_classifier(spec, home)


class _Stretching:
    """A network whose outputs are as long as their picture is bright."""

    def embed(self, batch: np.ndarray) -> np.ndarray:
        return batch[:, 0, 0, :1].astype(np.float32) * np.array([[0.6, 0.8]], np.float32)

    def parts(self, prepared: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        raise AssertionError


def test_the_usual_length_is_the_median_before_it_is_scaled_to_1() -> None:
    embedder = NetworkEmbedder(MINI, _Stretching())
    inputs = [np.full((192, 192, 3), brightness, np.uint8) for brightness in (3, 250, 10, 4, 200)]
    np.testing.assert_allclose(embedder.lengths(inputs), [3, 250, 10, 4, 200], rtol=1e-6)
    assert usual_length(embedder, inputs) == pytest.approx(10)
    for nothing in ([], [np.zeros((192, 192, 3), np.uint8)]):
        with pytest.raises(BackboneError, match="cannot be measured"):
            usual_length(embedder, nothing)


def test_the_classifier_in_the_weights_gets_the_usual_length_of_the_pictures(
    seen: Collection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for an official backbone, with the bundled network, which a child process measures."""
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(256, 1000)).astype(np.float32), rng.normal(size=1000).astype(np.float32)
    monkeypatch.setattr("imgsearch.embedding.classifier.kept_classifier", lambda *_: None)
    monkeypatch.setattr("imgsearch.embedding.classifier.classifier_of_weights", lambda *_: (kernel, bias))
    thumbnails = [seen.thumbnail_path(item) for item in seen.items]
    found = find_classifier(seen.space("mini").spec, home, [*thumbnails, home / "missing.webp"])
    embedder = load_embedder(MINI, home)
    assert isinstance(embedder, NetworkEmbedder)
    lengths = embedder.lengths([embedder.prepare(decode_image(path).pixels) for path in thumbnails])
    np.testing.assert_allclose(found.kernel, kernel * np.median(lengths), rtol=1e-4)
    np.testing.assert_array_equal(found.bias, bias)


def test_info_says_which_spaces_have_them(seen: Collection, home: Path) -> None:
    shown = CliRunner().invoke(cli, ["info", "discs"]).stdout
    assert [", class values" in line for line in shown.splitlines() if line.startswith("space ")] == [True, False]
    facts = json.loads(CliRunner().invoke(cli, ["info", "discs", "--json"]).stdout)["spaces"]
    assert [space["class_values_bytes"] for space in facts.values()] == [128 + 2 * 1000 * 12, 0]
