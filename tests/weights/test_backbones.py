"""The table of backbones and the embedder, against Keras itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from imgsearch.embedding.backbones import BACKBONES, N_CLASSES
from imgsearch.embedding.embedder import NetworkEmbedder
from imgsearch.embedding.network import FrozenNetwork, build_model, export
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.pictures.regions import Region
from tests.weights.keras_files import random_model, random_pictures

pytestmark = pytest.mark.weights

CAFFE_MEAN_BGR = np.array([103.939, 116.779, 123.68])
NAMES = ("inception_v3", "resnet50", "mobilenet_v2", "vgg16", "efficientnet_v2_b0", "convnext_tiny")
WHOLE = Region(0, 0, 1, 1)
"""Of a square picture: the network sees it as it is."""
RANGES = {"inception_v3": "tf", "mobilenet_v2": "tf", "resnet50": "caffe", "vgg16": "caffe"}
"""The others rescale inside the network."""


def preprocess_by_hand(name: str, batch: np.ndarray) -> np.ndarray:
    match RANGES.get(name):
        case "tf":
            return batch / 127.5 - 1.0
        case "caffe":
            return batch[..., ::-1] - CAFFE_MEAN_BGR
    return batch


class Row:
    """A backbone of Keras with random weights, and our embedder of the same weights."""

    def __init__(self, name: str) -> None:
        backbone = BACKBONES[name]
        self.name = name
        self.model = random_model(name)
        size = backbone.input_size
        self.prepared = np.stack([np.resize(picture, (size, size, 3)) for picture in random_pictures(2)])
        self.prepared[1] //= 4  # dark: random weights tell two pictures of the same brightness hardly apart
        preprocess = getattr(keras.applications, backbone.module).preprocess_input
        self.preprocessed = np.array(preprocess(self.prepared.astype(np.float32)))
        self.direct = np.asarray(self.model(self.preprocessed, training=False))
        pooling = self.model.layers[-2 if name == "convnext_tiny" else -1]
        self.pooled_maps = np.asarray(keras.Model(self.model.input, pooling.input)(self.preprocessed, training=False))
        self.direct_raw = np.asarray(self.model(self.prepared.astype(np.float32), training=False))
        self.network = FrozenNetwork(backbone, self.model)
        self.embedder = NetworkEmbedder(EmbedderSpec(name, weights="0" * 64), self.network)


@pytest.fixture(scope="module", params=NAMES)
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    yield Row(request.param)
    keras.backend.clear_session()


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_table_has_these_backbones_of_keras() -> None:
    assert tuple(name for name, backbone in BACKBONES.items() if not backbone.bundled) == NAMES


def test_input_size_and_logits_are_those_of_the_constructor(row: Row) -> None:
    size = BACKBONES[row.name].input_size
    whole = getattr(keras.applications, BACKBONES[row.name].constructor)(weights=None, classifier_activation=None)
    assert whole.input_shape == (None, size, size, 3)
    assert whole.output_shape == (None, N_CLASSES) == (None, EmbedderSpec(row.name, "logits", "0" * 64).dim)


def test_pooled_dim_is_that_of_the_model(row: Row) -> None:
    dim = BACKBONES[row.name].dim
    assert row.model.output_shape == (None, dim) == (None, row.embedder.spec.dim)
    constructor = getattr(keras.applications, BACKBONES[row.name].constructor)
    assert constructor(weights=None, include_top=False, pooling="avg").output_shape == (None, dim)


def test_logits_are_the_values_before_softmax() -> None:
    assert build_model(BACKBONES["mobilenet_v2"], "logits").layers[-1].activation is keras.activations.linear


def test_keras_preprocesses_as_the_papers_say(row: Row) -> None:
    by_hand = preprocess_by_hand(row.name, row.prepared.astype(np.float64))
    np.testing.assert_allclose(row.preprocessed, by_hand, atol=1e-4)


def test_embedder_preprocesses_as_keras_does(row: Row) -> None:
    expected = unit(row.direct)
    ours = row.embedder.embed_prepared(list(row.prepared))
    assert 1 - (ours * expected).sum(axis=1).min() < 1e-4
    # Or this would show nothing:
    assert 1 - expected[0] @ expected[1] > 1e-3
    is_identity = row.name not in RANGES
    assert (1 - (unit(row.direct_raw) * expected).sum(axis=1).min() < 1e-3) == is_identity


def test_feature_maps_average_to_what_keras_gives(row: Row) -> None:
    maps = row.embedder.feature_maps(row.prepared[0], WHOLE)
    assert maps.values.dtype == maps.offset.dtype == np.float32
    np.testing.assert_allclose(maps.raw_embedding, row.direct[0], atol=2e-3 * np.abs(row.direct).max())


def test_feature_maps_are_those_that_keras_pools(row: Row) -> None:
    values = row.embedder.feature_maps(row.prepared[0], WHOLE).values
    expected = row.pooled_maps[0]
    if row.name == "convnext_tiny":  # a LayerNorm follows, whose deviation is that of this picture's average
        norm = row.model.layers[-1]
        deviation = np.sqrt(expected.mean((0, 1)).var() + 1e-6)
        expected = (expected - expected.mean(-1, keepdims=True)) / deviation * np.array(norm.gamma)
    np.testing.assert_allclose(values, expected, atol=5e-3 * np.abs(expected).max())
    assert np.abs(values - values.mean((0, 1))).max() > 0.1 * np.abs(values).max()  # or places would not matter


def test_what_is_exported_gives_the_same(row: Row) -> None:
    backbone = BACKBONES[row.name]
    content, by_tensorflow = export(backbone, row.model)
    exported = LiteRTNetwork(content, backbone.input_size, backbone.dim)
    np.testing.assert_allclose(by_tensorflow(row.prepared), row.direct, atol=1e-3 * np.abs(row.direct).max())
    # Random weights enlarge rounding, most of all those of EfficientNetV2: Keras itself is 4e-7 from the frozen network.
    apart = 1 - (unit(exported.embed(row.prepared)) * unit(row.direct)).sum(axis=1)
    assert apart.max() < (1e-4 if row.name == "efficientnet_v2_b0" else 1e-6)
    ours, values = exported.parts(row.prepared[0])
    of_tensorflow, expected = row.network.parts(row.prepared[0])
    assert values is not None
    assert expected is not None
    np.testing.assert_allclose(ours, of_tensorflow, atol=5e-3 * np.abs(of_tensorflow).max())
    np.testing.assert_allclose(values, expected, atol=5e-3 * np.abs(expected).max())


def test_embedding_does_not_write_into_its_input(row: Row) -> None:
    before = row.prepared.copy()
    row.embedder.embed_prepared(list(row.prepared))
    np.testing.assert_array_equal(row.prepared, before)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in RANGES])
def test_networks_without_preprocessing_rescale_0_to_255_themselves(name: str) -> None:
    model = build_model(BACKBONES[name], "pooled")
    rescaling = [x for x in model._flatten_layers() if isinstance(x, (keras.layers.Rescaling, keras.layers.Normalization))]
    assert rescaling
    black_and_white = np.zeros((2, 1, 1, 3), np.float32)
    black_and_white[1] = 255
    for layer in rescaling:
        black_and_white = np.asarray(layer(black_and_white))
    # (0 - mean) / deviation and (1 - mean) / deviation of ImageNet's colours.
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    np.testing.assert_allclose(black_and_white[:, 0, 0], [-mean / deviation, (1 - mean) / deviation], atol=0.02)


def test_tf_and_caffe_networks_do_not_rescale(row: Row) -> None:
    kinds = (keras.layers.Rescaling, keras.layers.Normalization)
    assert any(isinstance(x, kinds) for x in row.model._flatten_layers()) == (row.name not in RANGES)


class _AskedFor(Exception):
    pass


@pytest.mark.parametrize(
    ("name", "layer"), [*((name, "pooled") for name in NAMES), *((name, "logits") for name in NAMES if name != "vgg16")]
)
def test_weights_are_those_that_keras_would_download(name: str, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def get_file(name: str, origin: str, **options: Any) -> str:
        raise _AskedFor(name, origin, options.get("file_hash", ""))

    monkeypatch.setattr(file_utils, "get_file", get_file)
    backbone = BACKBONES[name]
    shape = None if layer == "logits" else (backbone.input_size, backbone.input_size, 3)
    constructor = getattr(keras.applications, backbone.constructor)
    with pytest.raises(_AskedFor) as caught:
        constructor(weights="imagenet", include_top=layer == "logits", input_shape=shape, **backbone.options)
    url = backbone.url_for(layer)
    assert caught.value.args == (url.rpartition("/")[2], url, backbone.digest_for(layer))
    if layer == "pooled":
        assert url == backbone.weights_url


def test_weights_url_of_the_large_vgg16() -> None:
    from keras.src.applications import vgg16

    assert BACKBONES["vgg16"].url_for("logits") == vgg16.WEIGHTS_PATH
