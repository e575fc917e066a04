"""Networks as they are exported: by a process of its own, compared, kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsearch import build_collection, embedder_spec
from imgsearch.collection import build
from imgsearch.embedding import embedder, networks
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.embedder import NetworkEmbedder, load_embedder
from imgsearch.embedding.network import FrozenNetwork, export
from imgsearch.embedding.networks import MOST_APART, bundled_network, export_here, export_network
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import keep_weights
from imgsearch.errors import BackboneError, WeightsError
from imgsearch.files.disk import file_digest
from imgsearch.files.home import network_path, networks_folder
from imgsearch.processors import n_processors
from tests.weights.keras_files import random_model, random_pictures

pytestmark = pytest.mark.weights

NAME = "mobilenet_v2"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.weights.h5"
    random_model(NAME).save_weights(path)
    return path


@pytest.fixture
def spec(weights: Path, home: Path) -> EmbedderSpec:
    return EmbedderSpec(NAME, weights=keep_weights(weights, home))


def some(pictures: Path) -> list[Path]:
    return sorted(pictures.rglob("*.png"))


def test_a_network_is_named_by_its_digest_and_agrees(spec: EmbedderSpec, home: Path, pictures: Path) -> None:
    told: list[str] = []
    file = export_network(spec, home, some(pictures), lambda done, total, what: told.append(what))
    path = network_path(home, file.sha256)
    assert list(networks_folder(home).iterdir()) == [path]
    assert (file_digest(path), path.stat().st_size, path.stat().st_mode & 0o777) == (file.sha256, file.size, 0o644)
    assert 0 <= file.agreement < MOST_APART
    assert told == ["exporting mobilenet_v2"]


def test_the_bundled_network_is_that_of_the_bundled_weights(home: Path, pictures: Path) -> None:
    spec = embedder_spec("mini")
    file = bundled_network(spec)
    assert file is not None
    assert file.agreement < 1e-9
    by_tensorflow, by_litert = load_embedder(spec, home, by_tensorflow=True), load_embedder(spec, home)
    shown = random_pictures(4)
    np.testing.assert_allclose(by_litert.embed(shown), by_tensorflow.embed(shown), atol=1e-5)


def test_a_network_that_differs_is_not_kept(
    spec: EmbedderSpec, home: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Different(LiteRTNetwork):
        def embed(self, batch: np.ndarray) -> np.ndarray:
            given = super().embed(batch)
            given[-1, 0] += 0.01 * np.linalg.norm(given[-1])
            return given

    monkeypatch.setattr(networks, "LiteRTNetwork", Different)
    with pytest.raises(
        BackboneError, match=r"must give the same with LiteRT as with TensorFlow, within 1e-06\. Received: 5e-05"
    ):
        export_here(spec.to_json(), str(weights), str(tmp_path / "network"), [])
    assert not (tmp_path / "network").exists()


def test_what_cannot_be_exported_leaves_nothing_and_tensorflow_builds(
    spec: EmbedderSpec, home: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "_CPU_S", 1)  # it is ended before TensorFlow has been imported
    report = build_collection("discs", pictures, home=home, specs=[spec])
    assert report.remarks == [
        "TensorFlow runs mobilenet_v2. mobilenet_v2 cannot be exported for LiteRT: what does it ended early."
    ]
    assert report.collection.space().spec == spec
    assert list(networks_folder(home).iterdir()) == []


def test_damaged_weights_are_named_as_such_from_the_other_process(home: Path, pictures: Path, tmp_path: Path) -> None:
    file = tmp_path / "pruned.weights.h5"
    model: Any = random_model(NAME)
    model.get_layer("Conv1").set_weights([np.full((3, 3, 3, 32), np.nan, np.float32)])
    model.save_weights(file)
    with pytest.raises(WeightsError, match="does not fit mobilenet_v2, or is damaged"):
        export_network(EmbedderSpec(NAME, weights=keep_weights(file, home)), home, some(pictures))
    assert list(networks_folder(home).iterdir()) == []


def test_logits_are_exported_with_their_parts(home: Path) -> None:
    model = random_model(NAME, "logits")
    network = FrozenNetwork(BACKBONES[NAME], model)
    exported = LiteRTNetwork(export(BACKBONES[NAME], model)[0], 224, 1000)
    spec = EmbedderSpec(NAME, "logits", "0" * 64)
    (picture,) = random_pictures(1)
    ours, expected = (NetworkEmbedder(spec, each).feature_maps(picture) for each in (exported, network))
    assert ours.values.shape == (7, 7, 1000)
    atol = 1e-4 * np.abs(expected.values).max()
    np.testing.assert_allclose(ours.values, expected.values, atol=atol)
    np.testing.assert_allclose(ours.offset, expected.offset, atol=atol)


def test_a_picture_of_the_collection_comes_back_at_0(spec: EmbedderSpec, home: Path, pictures: Path) -> None:
    collection = build_collection("discs", pictures, home=home, specs=[spec]).collection
    network = collection.space().spec.network
    assert network is not None
    assert network_path(home, network.sha256).is_file()
    for item in list(collection.items)[: 2 * n_processors()]:
        (first,) = collection.search(picture=pictures / item.item_id, k=1).results
        assert (first.item, first.distance) == (item, 0)


def test_on_a_gpu_tensorflow_builds_and_the_network_still_answers(
    spec: EmbedderSpec, home: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "can_use_gpu", lambda: True)
    made = []
    monkeypatch.setattr(embedder, "FrozenNetwork", lambda *args: made.append(args) or FrozenNetwork(*args))
    report = build_collection("discs", pictures, home=home, specs=[spec])
    assert (report.device, len(made)) == ("GPU", 1)
    network = report.collection.space().spec.network
    assert network is not None
    for item in list(report.collection.items)[:2]:
        (first,) = report.collection.search(picture=pictures / item.item_id, k=1).results
        assert (first.item, first.distance) == (item, pytest.approx(0, abs=1e-4))
    assert len(made) == 1
