"""What every embedding by a CNN keeps to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.embedder import BATCH_SIZE, Embedder, NetworkEmbedder, load_embedder
from imgsearch.embedding.network import FrozenNetwork, build_model
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import keep_weights
from tests.weights.keras_files import random_pictures

pytestmark = pytest.mark.weights

NAME = "mobilenet_v2"


@pytest.fixture(scope="module")
def embedder(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    home = tmp_path_factory.mktemp("home")
    return load_embedder(EmbedderSpec(NAME, weights=keep_weights(weights, home)), home)


@pytest.fixture(scope="module")
def embeddings(embedder: Embedder) -> np.ndarray:
    return embedder.embed(random_pictures(BATCH_SIZE + 3))


def test_embeddings_are_unit_vectors(embeddings: np.ndarray) -> None:
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (BATCH_SIZE + 3, BACKBONES[NAME].dim)
    assert np.isfinite(embeddings).all()
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_different_pictures_have_different_embeddings(embeddings: np.ndarray) -> None:
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, 0)
    assert cosines.max() < 0.999


def test_a_picture_alone_and_among_others_is_the_same_and_order_is_kept(embedder: Embedder, embeddings: np.ndarray) -> None:
    pictures = random_pictures(BATCH_SIZE + 3)
    for number in (0, 7, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 2):
        np.testing.assert_allclose(embedder.embed([pictures[number]])[0], embeddings[number], atol=1e-4)
    np.testing.assert_allclose(embedder.embed(pictures[::-1])[::-1], embeddings, atol=1e-4)


def test_no_pictures_give_no_embeddings(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, BACKBONES[NAME].dim)
    assert embedder.embed([]).dtype == np.float32


@pytest.mark.parametrize("level", [0, 127, 255])
def test_flat_pictures_have_a_direction(embedder: Embedder, level: int) -> None:
    embedding = embedder.embed([np.full((40, 50, 3), level, np.uint8)])
    np.testing.assert_allclose(np.linalg.norm(embedding), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (2000, 3, 3)])
def test_any_size_of_picture_is_embedded(embedder: Embedder, shape: tuple[int, int, int]) -> None:
    assert np.isfinite(embedder.embed([np.random.default_rng(0).integers(0, 256, shape, np.uint8)])).all()


def test_a_model_whose_output_is_zero_gives_the_defined_vector() -> None:
    import keras

    model = build_model(BACKBONES[NAME], "pooled")
    model = keras.Model(model.input, model.output * 0.0)
    embedder = NetworkEmbedder(EmbedderSpec(NAME, weights="0" * 64), FrozenNetwork(BACKBONES[NAME], model))
    np.testing.assert_allclose(embedder.embed(random_pictures(1)), 1280**-0.5, atol=1e-6)


def _has_bfloat16() -> bool:
    try:
        flags: Any = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    is_used = os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"  # often set, to silence a line of TensorFlow's log
    return is_used and ("avx512_bf16" in flags or "amx_bf16" in flags)


@pytest.mark.skipif(not _has_bfloat16(), reason="this processor has no bfloat16, or TF_ENABLE_ONEDNN_OPTS=0 turns it off")
def test_bfloat16_is_near_to_float32_and_leaves_it_alone(weights: Path, embedder: Embedder, home: Path) -> None:
    digest = keep_weights(weights, home)
    pictures = random_pictures(BATCH_SIZE + 3)
    full = EmbedderSpec(NAME, weights=digest)
    before = embedder.embed(pictures)
    half = EmbedderSpec(NAME, weights=digest, precision="bfloat16")
    assert half.to_json()["precision"] == "bfloat16"
    assert half.for_queries() == full
    half_embedder = load_embedder(half, home)
    rounded = half_embedder.embed(pictures)
    after = load_embedder(full, home).embed(pictures)
    np.testing.assert_allclose(after, before, atol=1e-5)
    np.testing.assert_allclose(embedder.embed(pictures), before, atol=1e-5)
    assert (rounded * before).sum(axis=1).min() > 0.99
    assert np.abs(rounded - before).max() > 1e-4  # it is in effect,
    np.testing.assert_allclose(half_embedder.embed(pictures), rounded, atol=1e-4)  # and still is
