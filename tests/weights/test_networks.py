"""Networks as they are exported: by a process of its own, compared, kept."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsearch import build_collection, embedder_spec
from imgsearch.collection import build
from imgsearch.embedding import embedder, networks
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.network import FrozenNetwork, export
from imgsearch.embedding.networks import MOST_APART, bundled_network, export_network
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import keep_weights
from imgsearch.errors import WeightsError
from imgsearch.files.disk import file_digest
from imgsearch.files.home import network_path, networks_folder
from imgsearch.processors import n_processors
from tests.weights.keras_files import random_model, random_pictures

pytestmark = pytest.mark.weights

NAME = "mobilenet_v2"


@pytest.fixture
def spec(weights: Path, home: Path) -> EmbedderSpec:
    return EmbedderSpec(NAME, weights=keep_weights(weights, home))


@pytest.fixture(scope="module")
def exported(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EmbedderSpec, list[str]]:
    """A home with the network of a backbone, which is named by the spec; and what was told of it."""
    home = tmp_path_factory.mktemp("home")
    spec = EmbedderSpec(NAME, weights=keep_weights(weights, home))
    (home / "picture.png").write_bytes(random_png())
    told: list[str] = []
    file = export_network(spec, home, [home / "picture.png"], lambda done, total, what: told.append(what))
    return home, replace(spec, network=file), told


def random_png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_pictures(1)[0]).save(stream, "PNG")
    return stream.getvalue()


def some(pictures: Path) -> list[Path]:
    return sorted(pictures.rglob("*.png"))


def test_a_network_is_named_by_its_digest_and_agrees(exported: tuple[Path, EmbedderSpec, list[str]]) -> None:
    home, spec, told = exported
    file = spec.network
    assert file is not None
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


def test_what_cannot_be_exported_leaves_nothing_and_tensorflow_builds(
    spec: EmbedderSpec, home: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "_CPU_S", 1)  # it is ended before TensorFlow has been imported
    report = build_collection("discs", pictures, home=home, specs=[spec])
    assert report.remarks == [
        "TensorFlow runs mobilenet_v2. mobilenet_v2 cannot be exported for LiteRT: what does it ended early.",
        "mobilenet_v2 cannot be asked for words. The weights of mobilenet_v2 that are here hold no classifier.",
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


def test_logits_are_exported_with_their_parts() -> None:
    model = random_model(NAME, "logits")
    bias = np.array(model.layers[-1].bias)
    content, by_tensorflow = export(BACKBONES[NAME], model)
    (picture,) = (np.resize(each, (224, 224, 3)) for each in random_pictures(1))
    logits, values = LiteRTNetwork(content, 224, 1000).parts(picture)
    assert values is not None
    assert values.shape == (7, 7, 1000)
    (expected,) = by_tensorflow(picture[None])
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(logits, expected, atol=atol)
    np.testing.assert_allclose(values.mean((0, 1)) + bias, expected, atol=atol)


def test_a_picture_of_the_collection_comes_back_at_0(
    exported: tuple[Path, EmbedderSpec, list[str]], pictures: Path
) -> None:
    home, spec, _ = exported
    collection = build_collection("discs", pictures, home=home, specs=[spec]).collection
    assert collection.space().spec == spec
    for item in list(collection.items)[: 2 * n_processors()]:
        (first,) = collection.search(picture=pictures / item.item_id, k=1).results
        assert (first.item, first.distance) == (item, 0)


def test_on_a_gpu_tensorflow_builds_and_the_network_still_answers(
    exported: tuple[Path, EmbedderSpec, list[str]], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, spec, _ = exported
    monkeypatch.setattr(build, "can_use_gpu", lambda: True)
    made = []
    monkeypatch.setattr(embedder, "FrozenNetwork", lambda *args: made.append(args) or FrozenNetwork(*args))
    report = build_collection("gpu", pictures, home=home, specs=[spec])
    assert (report.device, len(made)) == ("GPU", 1)
    assert report.collection.space().spec == spec
    for item in list(report.collection.items)[:2]:
        (first,) = report.collection.search(picture=pictures / item.item_id, k=1).results
        assert (first.item, first.distance) == (item, pytest.approx(0, abs=1e-4))
    assert len(made) == 1
