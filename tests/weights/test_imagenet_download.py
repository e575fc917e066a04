"""Weights that are downloaded, from a server on this machine that holds random files under the official names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsearch.embedding import classifier, embedder, networks
from imgsearch.embedding.backbones import BACKBONES, IMAGENET
from imgsearch.embedding.classifier import classifier_of_weights
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.network import build_model
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneUnavailableError
from imgsearch.files import download
from tests.http_server import FileServer, serving
from tests.weights.keras_files import random_model, random_pictures, same_weights, write_official

pytestmark = pytest.mark.weights

BARE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
FILE_NAME = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
SPEC = EmbedderSpec("inception_v3", weights=IMAGENET)


@pytest.fixture(scope="module")
def whole() -> Any:
    return random_model("inception_v3", "logits")


@pytest.fixture(scope="module")
def model(whole: Any) -> Any:
    """The same network without its classifier."""
    model = build_model(BACKBONES["inception_v3"], "pooled")
    model.set_weights(whole.get_weights()[: len(model.get_weights())])
    return model


@pytest.fixture(scope="module")
def file(whole: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official(tmp_path_factory.mktemp("served") / FILE_NAME, whole)


@pytest.fixture(scope="module")
def bare(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file without the classifier, which earlier versions downloaded."""
    return write_official(tmp_path_factory.mktemp("bare") / BARE, model)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ~/.keras is otherwise."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def server(file: Path, bare: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "PAUSE_S", 0)
    contents = [path.read_bytes() for path in (bare, file)]
    with serving({f"/{BARE}": contents[0], f"/{FILE_NAME}": contents[1]}) as server:
        without, with_classifier = (hashlib.md5(data).hexdigest() for data in contents)
        row = replace(BACKBONES["inception_v3"], weights_url=server.url(f"/{BARE}"), digests=(without, with_classifier))
        for module in (networks, embedder, classifier):
            monkeypatch.setattr(module, "get_backbone", lambda name: row)
        yield server


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The Keras models that embedders are made of; compiling, which takes seconds, is left out."""
    models: list[Any] = []
    monkeypatch.setattr(embedder, "FrozenNetwork", lambda backbone, model, precision: models.append(model))
    return models


def test_downloaded_weights_embed_and_the_download_is_a_stage_of_its_own(
    server: FileServer, model: Any, file: Path, cache: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[int, int, str]] = []
    embedder = load_embedder(SPEC, home, lambda *args: told.append(args))
    assert capsys.readouterr().out == ""
    size = file.stat().st_size
    assert told[:2] == [(0, 0, "downloading inception_v3"), (0, size, "downloading inception_v3")]
    assert told[-1] == (size, size, "downloading inception_v3")
    assert (cache / "models" / FILE_NAME).read_bytes() == file.read_bytes()
    picture = random_pictures(1)[0]
    preprocessed = embedder.prepare(picture)[None] / np.float32(127.5) - 1
    direct = np.asarray(model(preprocessed, training=False))
    np.testing.assert_allclose(embedder.embed([picture]), direct / np.linalg.norm(direct), atol=1e-4)


@pytest.mark.parametrize("names", [[FILE_NAME], [BARE], [BARE, FILE_NAME]])
def test_what_keras_has_downloaded_needs_no_server(
    names: list[str], server: FileServer, file: Path, bare: Path, model: Any, cache: Path, home: Path, loaded: list[Any]
) -> None:
    (cache / "models").mkdir(parents=True)
    for name in names:
        (cache / "models" / name).write_bytes((bare if name == BARE else file).read_bytes())
    load_embedder(SPEC, home, lambda *args: pytest.fail("It says that it downloads."))
    assert server.requests == []
    assert same_weights(loaded[0], model)
    assert networks.weights_of(SPEC, home).name == names[-1]


def test_the_classifier_comes_with_the_download(server: FileServer, whole: Any, home: Path) -> None:
    kernel, bias = classifier_of_weights(SPEC, home)
    np.testing.assert_array_equal(kernel, whole.get_weights()[-2])
    np.testing.assert_array_equal(bias, whole.get_weights()[-1])


def test_where_only_the_file_without_it_is_here_that_is_used_and_where_the_other_is_and_its_size_are_said(
    server: FileServer, bare: Path, cache: Path, home: Path
) -> None:
    (cache / "models").mkdir(parents=True)
    (cache / "models" / BARE).write_bytes(bare.read_bytes())
    with pytest.raises(BackboneUnavailableError, match="hold no classifier") as caught:
        classifier_of_weights(SPEC, home)
    assert server.url(f"/{FILE_NAME}") in caught.value.message
    assert caught.value.hint == "It makes them 8.2 MB larger."
    assert server.requests == []


def test_where_the_larger_file_is_damaged_and_cannot_be_had_the_smaller_is_used(
    server: FileServer, bare: Path, cache: Path, home: Path, loaded: list[Any], model: Any
) -> None:
    (cache / "models").mkdir(parents=True)
    (cache / "models" / BARE).write_bytes(bare.read_bytes())
    (cache / "models" / FILE_NAME).write_bytes(b"damaged")
    server.manner = 404
    load_embedder(SPEC, home)
    assert server.requests
    assert same_weights(loaded[0], model)


def test_a_classifier_that_is_no_layer_on_the_pooled_output_is_not_downloaded(
    server: FileServer, cache: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(networks.get_backbone("inception_v3"), has_pooled_logits=False)
    monkeypatch.setattr(networks, "get_backbone", lambda name: row)
    assert networks.weights_of(SPEC, home).name == BARE


@pytest.mark.parametrize("manner", ["cut", "no answer", 404, "wrong", "silent"])
def test_failed_download_says_where_the_weights_are_and_how_to_give_them(
    manner: str | int, server: FileServer, cache: Path, home: Path, loaded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_S", 0.2)
    server.manner = manner
    if manner == "no answer":
        server.shutdown()
        server.server_close()
    with pytest.raises(BackboneUnavailableError) as caught:
        load_embedder(SPEC, home)
    assert server.url(f"/{FILE_NAME}") in caught.value.message
    assert f"Download {server.url(f'/{FILE_NAME}')} elsewhere and give it with --weights FILE" in (caught.value.hint or "")
    assert str(cache) not in caught.value.message
    if manner in ("cut", "wrong"):  # the next try is not held up by what was left
        server.manner = "well"
        load_embedder(SPEC, home)
        assert len(loaded) == 1


def test_a_folder_that_cannot_be_written_is_said(server: FileServer, cache: Path, home: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(BackboneUnavailableError, match=r"not here\. They cannot be written \(Not a directory\)") as caught:
        load_embedder(SPEC, home)
    assert str(cache) not in caught.value.message
