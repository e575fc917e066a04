"""Feature maps of embeddings with a head behind the pooling, where they lie in the picture, and what they explain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest

from imgsearch import build_collection
from imgsearch.embedding.backbones import BACKBONES, N_CLASSES
from imgsearch.embedding.embedder import Embedder, NetworkEmbedder, load_embedder
from imgsearch.embedding.embedders import Wanted
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.network import FrozenNetwork, build_model
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.embedding.weights import BUNDLED
from imgsearch.embedding.worker.client import WorkerClient
from imgsearch.errors import BackboneError
from imgsearch.measure.explain import explain, similarity_map
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region
from imgsearch.sample.animal.breeds import BREEDS
from imgsearch.sample.gallery import draw_picture
from tests.weights.keras_files import random_model, random_pictures

pytestmark = pytest.mark.weights


@pytest.fixture(autouse=True)
def _clear() -> Iterator[None]:
    yield
    keras.backend.clear_session()


@pytest.mark.parametrize("name", ["mobilenet_v2", "convnext_tiny"])
def test_maps_of_logits_average_to_what_keras_gives(name: str) -> None:
    backbone = BACKBONES[name]
    model = random_model(name, "logits")
    embedder = NetworkEmbedder(EmbedderSpec(name, "logits", "0" * 64), FrozenNetwork(backbone, model))
    (picture,) = random_pictures(1)
    preprocess = getattr(keras.applications, backbone.module).preprocess_input
    logits = np.asarray(model(preprocess(embedder.prepare(picture)[None].astype(np.float32)), training=False))[0]
    maps = embedder.feature_maps(picture)
    assert maps.values.shape == (7, 7, 1000)
    np.testing.assert_allclose(maps.raw_embedding, logits, atol=1e-3 * np.abs(logits).max())
    assert embedder.spec.has_feature_maps


def test_maps_of_the_bundled_backbone_average_to_what_keras_gives(home: Path) -> None:
    backbone = BACKBONES["mini"]
    model = build_model(backbone, "pooled")
    model.load_weights(BUNDLED / backbone.bundled)
    embedder = load_embedder(embedder_spec("mini"), home)
    (picture,) = random_pictures(1)
    prepared = embedder.prepare(picture)[None].astype(np.float32)
    direct = np.asarray(model(prepared / 127.5 - 1, training=False))[0]
    maps = embedder.feature_maps(picture)
    np.testing.assert_allclose(maps.raw_embedding, direct, atol=1e-3 * np.abs(direct).max())


def test_logits_of_all_positions_at_once_have_no_maps() -> None:
    # The end of VGG16, whose own 138 million parameters take a minute to freeze.
    given = keras.Input((224, 224, 3))
    flat = keras.layers.Flatten()(keras.layers.MaxPooling2D(32)(given))
    hidden = keras.layers.Dense(9, activation="relu")(flat)
    model = keras.Model(given, keras.layers.Dense(N_CLASSES)(hidden))
    spec = EmbedderSpec("vgg16", "logits", "0" * 64)
    embedder = NetworkEmbedder(spec, FrozenNetwork(BACKBONES["vgg16"], model))
    assert not spec.has_feature_maps
    with pytest.raises(BackboneError, match="vgg16-logits has no parts that belong to places"):
        embedder.feature_maps(random_pictures(1)[0])


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return load_embedder(embedder_spec("mini"), tmp_path_factory.mktemp("home"))


def box(maps: FeatureMaps) -> tuple[float, ...]:
    return maps.window.left, maps.window.top, maps.window.right, maps.window.bottom


def test_the_maps_of_a_whole_picture_cover_its_centre(mini: Embedder) -> None:
    picture = np.resize(random_pictures(1)[0], (100, 200, 3))
    maps = mini.feature_maps(picture)
    assert box(maps) == pytest.approx((0.5 - 0.875 / 4, 0.0625, 0.5 + 0.875 / 4, 0.9375), abs=0.002)
    unit = maps.raw_embedding / np.linalg.norm(maps.raw_embedding)
    np.testing.assert_allclose(unit, mini.embed([picture])[0], atol=1e-5)


def test_the_maps_of_a_region_cover_the_square_around_it(mini: Embedder) -> None:
    picture = np.resize(random_pictures(1)[0], (100, 200, 3))
    region = Region(0.0, 0.2, 0.2, 0.4)  # 40 x 20 px, so 40 x 40 px around row 30
    maps = mini.feature_maps(picture, region)
    assert box(maps) == pytest.approx((0, 0.1, 0.2, 0.5))
    unit = maps.raw_embedding / np.linalg.norm(maps.raw_embedding)
    np.testing.assert_allclose(unit, mini.embed_prepared([mini.prepare(picture, region)])[0], atol=1e-5)
    assert unit @ mini.embed([picture])[0] < 0.999


def test_a_part_that_changes_shows_in_its_place(mini: Embedder) -> None:
    """With trained weights; random ones spread everything everywhere."""
    grey = np.full((192, 192, 3), 128, np.uint8)
    changed = grey.copy()
    changed[:48, 144:] = random_pictures(1)[0][:48, :48]
    whole = Region(0, 0, 1, 1)
    change = np.abs(mini.feature_maps(changed, whole).values - mini.feature_maps(grey, whole).values).sum(2)
    assert change.shape == (6, 6)
    assert change[:3, 3:].sum() > 0.5 * change.sum()
    assert change[:3, 3:].sum() > 3 * change[3:, :3].sum()


def test_the_worker_sends_the_maps_that_are_made_here(mini: Embedder, pictures: Path, home: Path) -> None:
    data, region = (pictures / "red" / "3.png").read_bytes(), Region(0, 0, 0.5, 0.9)
    client = WorkerClient(home, timeout_s=120, queue=1)
    try:
        whole, sent = client.feature_maps(data, mini.spec, [None, region])
        embedded = client.embed(Wanted(data, [mini.spec], region))
        parts = client.embed_parts(data, mini.spec, [region, None, region])
    finally:
        client.close()
    here = mini.feature_maps(decode_image(data).pixels, region)
    np.testing.assert_allclose(sent.values, here.values, atol=1e-4 * np.abs(here.values).max())
    np.testing.assert_array_equal(sent.offset, here.offset)
    assert sent.window == here.window
    assert whole.window == mini.feature_maps(decode_image(data).pixels).window
    np.testing.assert_allclose(parts[[0, 2]], [embedded.vectors[mini.spec]] * 2, atol=1e-6)
    np.testing.assert_allclose(parts[1], mini.embed([decode_image(data).pixels])[0], atol=1e-6)
    unit = sent.raw_embedding / np.linalg.norm(sent.raw_embedding)
    np.testing.assert_allclose(unit, embedded.vectors[mini.spec], atol=1e-5)


def test_explanations_of_a_built_space_add_up(pictures: Path, home: Path) -> None:
    collection = build_collection("pca", pictures, home=home, specs=[embedder_spec("mini")], pca=5).collection
    space = collection.space("mini-pca5")
    first, second = (collection.items.row_of(name) for name in ("red/1.png", "blue/2.png"))
    (maps,) = collection.embedders.feature_maps((pictures / "red" / "1.png").read_bytes(), space.spec)
    found = similarity_map(maps, space.embeddings[second], space.mean, space.transform)
    assert found.similarity == pytest.approx(float(space.embeddings[first] @ space.embeddings[second]), abs=1e-4)
    explanation = explain(collection, first, second, space="mini-pca5")
    assert explanation.query.overlay.shape == explanation.result.overlay.shape == (60, 80, 4)


def test_hiding_what_an_explanation_calls_important_costs_more_than_hiding_anything_else(mini: Embedder) -> None:
    """On a few drawings; `benchmarks.explain_truth` measures it on photos."""
    drawings = [np.asarray(draw_picture(breed, seed=seed)) for breed in BREEDS[:4] for seed in range(4)]
    prepared = [mini.prepare(pixels) for pixels in drawings]
    embeddings = mini.embed_prepared(prepared)
    nearest = (embeddings @ embeddings.T - 3 * np.eye(len(embeddings))).argmax(axis=1)
    rng = np.random.default_rng(0)
    mean = embeddings.mean(axis=0, dtype=np.float64)

    def similarity_without(row: int, values: np.ndarray) -> float:
        hidden = np.zeros(values.size, bool)
        hidden[np.argsort(values, axis=None)[-7:]] = True  # of 36
        mask = np.kron(hidden.reshape(values.shape), np.ones((32, 32), bool))[..., None]
        pixels = np.where(mask, prepared[row].mean((0, 1)), prepared[row]).astype(np.uint8)
        return float(mini.embed_prepared([pixels])[0] @ embeddings[nearest[row]])

    without: dict[str, list[float]] = {"hottest": [], "coldest": [], "random": []}
    for row, pixels in enumerate(prepared):
        maps = mini.feature_maps(pixels, Region(0, 0, 1, 1))
        values = similarity_map(maps, embeddings[nearest[row]], mean).centred
        without["hottest"].append(similarity_without(row, values))
        without["coldest"].append(similarity_without(row, -values))
        without["random"].append(np.mean([similarity_without(row, rng.random(values.shape)) for _ in range(3)]))
    hottest, random, coldest = (np.mean(without[name]) for name in ("hottest", "random", "coldest"))
    assert hottest < random - 0.02 < random < coldest
