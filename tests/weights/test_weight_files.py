"""Weights given by file: every layout Keras has written, and what is no such file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from imgsearch.embedding import embedder
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.network import FrozenNetwork, build_model
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import keep_weights
from imgsearch.errors import BackboneError, BackboneUnavailableError, WeightsError
from imgsearch.files.disk import file_digest
from tests.weights.keras_files import random_model, random_pictures, same_weights, write_official

pytestmark = pytest.mark.weights

NAME = "mobilenet_v2"


def legacy_by_keras(path: Path, model: Any) -> Path:
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return path


def whole_model_file(path: Path, model: Any) -> Path:
    model.save(path)
    return path


def keras_3(path: Path, model: Any) -> Path:
    path = path.with_suffix(".weights.h5")
    model.save_weights(path)
    return path


WRITERS: dict[str, Callable[[Path, Any], Path]] = {
    "official": write_official,
    "legacy by Keras 3": legacy_by_keras,
    "whole legacy model": whole_model_file,
    "Keras 3": keras_3,
}


@pytest.fixture(scope="module")
def whole() -> Any:
    return random_model(NAME, "logits", seed=3)


@pytest.fixture(scope="module")
def pooled(whole: Any) -> Any:
    """The same network without its classifier."""
    model = build_model(BACKBONES[NAME], "pooled")
    model.set_weights(whole.get_weights()[: len(model.get_weights())])
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def official(folder: Path, pooled: Any) -> Path:
    return write_official(folder / "mobilenet_v2_notop.h5", pooled)


@pytest.fixture(scope="module")
def new(folder: Path, pooled: Any) -> Path:
    return keras_3(folder / "mobilenet_v2", pooled)


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The Keras models that embedders are made of; compiling, which takes seconds, is left out."""
    models: list[Any] = []
    monkeypatch.setattr(embedder, "FrozenNetwork", lambda backbone, model, precision: models.append(model))
    return models


def load(path: Path, home: Path, name: str = NAME, layer: str = "pooled") -> None:
    load_embedder(EmbedderSpec(name, layer=layer, weights=keep_weights(path, home)), home)


@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.parametrize("has_top", [False, True], ids=["notop", "top"])
def test_every_layout_serves_pooled_embeddings(
    layout: str, has_top: bool, whole: Any, pooled: Any, tmp_path: Path, home: Path, loaded: list[Any]
) -> None:
    load(WRITERS[layout](tmp_path / "given.h5", whole if has_top else pooled), home)
    assert same_weights(loaded[0], pooled)


@pytest.mark.parametrize("layout", ["official", "new"])
@pytest.mark.parametrize("name", ["weights.bin", "weights", "notop.weights.h5", "notop.h5"])
def test_layout_is_told_by_content_and_not_by_name(
    name: str, layout: str, pooled: Any, tmp_path: Path, home: Path, loaded: list[Any], request: pytest.FixtureRequest
) -> None:
    load(Path(shutil.copy(request.getfixturevalue(layout), tmp_path / name)), home)
    assert same_weights(loaded[0], pooled)


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_with_the_classifier_serves_logits(
    layout: str, whole: Any, pooled: Any, tmp_path: Path, home: Path, loaded: list[Any]
) -> None:
    load(WRITERS[layout](tmp_path / "given.h5", whole), home, layer="logits")
    assert same_weights(loaded[0], whole)
    with pytest.raises(WeightsError, match="classifier, which the logits need") as caught:
        load(WRITERS[layout](tmp_path / "lacking.h5", pooled), home, layer="logits")
    assert BACKBONES[NAME].url_for("logits") in str(caught.value.hint)


def test_official_layout_of_inception_v3(tmp_path: Path, home: Path, loaded: list[Any]) -> None:
    model = random_model("inception_v3", seed=1, is_alive=False)
    load(write_official(tmp_path / "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5", model), home, "inception_v3")
    assert same_weights(loaded[0], model)


def test_official_layout_of_a_backbone_with_nested_layers(tmp_path: Path, home: Path, loaded: list[Any]) -> None:
    whole = random_model("convnext_tiny", "logits", seed=1)
    load(write_official(tmp_path / "top.h5", whole), home, "convnext_tiny")
    shared = whole.get_weights()[: len(loaded[0].get_weights())]
    assert all(np.array_equal(a, b) for a, b in zip(loaded[0].get_weights(), shared, strict=True))
    load(write_official(tmp_path / "notop.h5", loaded[0]), home, "convnext_tiny")
    assert same_weights(*loaded)


def test_file_is_kept_once_under_its_digest(official: Path, home: Path) -> None:
    digest = keep_weights(official, home)
    assert digest == file_digest(official)
    (kept,) = (home / "weights").iterdir()
    before = kept.stat()
    copy = shutil.copy(official, official.with_name("copy of it.bin"))
    assert keep_weights(Path(copy), home) == digest
    assert [path.name for path in (home / "weights").iterdir()] == [f"{digest}.h5"]
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert kept.stat().st_mode & 0o444 == 0o444


def test_random_weights_embed_the_same_after_the_home_moved(new: Path, home: Path, tmp_path: Path) -> None:
    given = Path(shutil.copy(new, tmp_path / "given.weights.h5"))
    spec = EmbedderSpec(NAME, weights=keep_weights(given, home))
    pictures = random_pictures(2)
    before = load_embedder(spec, home).embed(pictures)
    given.unlink()
    moved = home.rename(tmp_path / "elsewhere")
    np.testing.assert_allclose(load_embedder(spec, moved).embed(pictures), before, atol=1e-6)
    with pytest.raises(BackboneUnavailableError, match="not kept here"):
        load_embedder(spec, home)


@pytest.mark.parametrize("at", [0, 100, 0.5, -1])
def test_damaged_kept_file_is_refused(at: float, new: Path, home: Path) -> None:
    spec = EmbedderSpec(NAME, weights=keep_weights(new, home))
    (kept,) = (home / "weights").iterdir()
    data = bytearray(kept.read_bytes())
    data[int(at * len(data)) if isinstance(at, float) else at] ^= 1
    kept.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        load_embedder(spec, home)


def cut(share: float) -> Callable[[Path, Path], None]:
    return lambda path, source: path.write_bytes(source.read_bytes()[: int(share * source.stat().st_size)]) and None


def empty_hdf5(path: Path, source: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("picture", data=np.zeros(3))


def linked_elsewhere(path: Path, source: Path) -> None:
    with h5py.File(path, "w") as file:
        file["layers"] = h5py.ExternalLink(str(source), "layers")


UNUSABLE: dict[str, Callable[[Path, Path], Any]] = {
    "text": lambda path, source: path.write_text("not weights\n"),
    "empty": lambda path, source: path.touch(),
    "git-lfs pointer": lambda path, source: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
    "missing": lambda path, source: None,
    "folder": lambda path, source: path.mkdir(),
    "cut at 10 bytes": lambda path, source: path.write_bytes(source.read_bytes()[:10]),
    "cut at 1 %": cut(0.01),
    "cut at half": cut(0.5),
    "cut at 99 %": cut(0.99),
    "no weights": empty_hdf5,
    "an external link": linked_elsewhere,
    "pipe": lambda path, source: os.mkfifo(path),
}


@pytest.mark.parametrize("kind", UNUSABLE)
@pytest.mark.parametrize("layout", ["official", "new"])
def test_what_is_no_weights_file_is_refused_in_plain_words(
    kind: str, layout: str, home: Path, tmp_path: Path, loaded: list[Any], request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "given.h5"
    UNUSABLE[kind](path, request.getfixturevalue(layout))
    with pytest.raises(WeightsError) as caught:
        load(path, home)
    assert str(tmp_path) not in f"{caught.value.message} {caught.value.hint}"
    assert "weights file" in caught.value.message
    if "cut" in kind or kind in ("text", "no weights"):
        assert caught.value.hint


def without_an_array(file: h5py.File) -> None:
    del file["Conv1"][file["Conv1"].attrs["weight_names"][0]]


def with_names_that_are_none(file: h5py.File) -> None:
    file.attrs["layer_names"] = 5


def with_a_group_for_an_array(file: h5py.File) -> None:
    name = file["Conv1"].attrs["weight_names"][0]
    del file["Conv1"][name]
    file["Conv1"].create_group(name)


@pytest.mark.parametrize("damage", [without_an_array, with_names_that_are_none, with_a_group_for_an_array])
def test_hdf5_that_only_looks_like_weights_is_refused(
    damage: Callable[[h5py.File], None], official: Path, home: Path, tmp_path: Path, loaded: list[Any]
) -> None:
    path = Path(shutil.copy(official, tmp_path / "given.h5"))
    with h5py.File(path, "r+") as file:
        damage(file)
    with pytest.raises(WeightsError, match="does not fit mobilenet_v2"):
        load(path, home)


@pytest.mark.parametrize("layout", ["official", "Keras 3"])
@pytest.mark.parametrize(("other", "layer"), [("efficientnet_v2_b0", "pooled"), ("mobilenet_v2 of half width", "logits")])
def test_weights_of_another_backbone_are_refused(
    other: str, layout: str, layer: str, home: Path, tmp_path: Path, loaded: list[Any]
) -> None:
    import keras

    if other in BACKBONES:
        model = build_model(BACKBONES[other], "pooled")
    else:
        model = keras.applications.MobileNetV2(weights=None, alpha=0.5, include_top=layer == "logits", pooling="avg")
    path = WRITERS[layout](tmp_path / "given.h5", model)
    with pytest.raises(WeightsError, match="does not fit mobilenet_v2") as caught:
        load(path, home, layer=layer)
    assert BACKBONES[NAME].url_for(layer) in str(caught.value.hint)
    assert not loaded


@pytest.mark.parametrize("which", ["first", "last"])
def test_weights_that_are_not_numbers_are_noticed(
    which: str, new: Path, home: Path, tmp_path: Path, loaded: list[Any]
) -> None:
    path = Path(shutil.copy(new, tmp_path / "given.weights.h5"))
    with h5py.File(path, "r+") as file:
        arrays: list[h5py.Dataset] = []
        file.visititems(lambda name, thing: arrays.append(thing) if isinstance(thing, h5py.Dataset) else None)
        arrays[0 if which == "first" else -1][...] = np.nan  # an activation may turn it into 0
    with pytest.raises(WeightsError, match="damaged"):
        load(path, home)


def test_file_that_lacks_a_nested_part_is_refused(home: Path, tmp_path: Path, loaded: list[Any]) -> None:
    """Keras only warns of it, and leaves random weights there."""
    path = keras_3(tmp_path / "given", build_model(BACKBONES["convnext_tiny"], "pooled"))
    with h5py.File(path, "r+") as file:
        for name in list(file["layers"]["sequential_1"]["layers"]):
            del file["layers"]["sequential_1"]["layers"][name]
    with pytest.raises(WeightsError, match="does not fit convnext_tiny, or is damaged"):
        load(path, home, "convnext_tiny")


def test_a_model_that_gives_no_numbers_is_noticed() -> None:
    import keras

    model = build_model(BACKBONES[NAME], "pooled")
    model = keras.Model(model.input, model.output / 0.0)
    made = embedder.NetworkEmbedder(EmbedderSpec(NAME, weights="0" * 64), FrozenNetwork(BACKBONES[NAME], model))
    with pytest.raises(BackboneError, match="not finite"):
        made.embed(random_pictures(1))
