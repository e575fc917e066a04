"""Weights that are downloaded, from a server on this machine that holds a random file under the official name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgsearch.embedding import embedder, networks
from imgsearch.embedding.backbones import BACKBONES, IMAGENET
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneUnavailableError
from imgsearch.files import download
from tests.http_server import FileServer, serving
from tests.weights.keras_files import random_model, random_pictures, same_weights, write_official

pytestmark = pytest.mark.weights

FILE_NAME = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
SPEC = EmbedderSpec("inception_v3", weights=IMAGENET)


@pytest.fixture(scope="module")
def model() -> Any:
    return random_model("inception_v3")


@pytest.fixture(scope="module")
def file(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official(tmp_path_factory.mktemp("served") / FILE_NAME, model)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What ~/.keras is otherwise."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def server(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "PAUSE_S", 0)
    data = file.read_bytes()
    with serving({f"/{FILE_NAME}": data}) as server:
        digests = (hashlib.md5(data).hexdigest(), "")
        row = replace(BACKBONES["inception_v3"], weights_url=server.url(f"/{FILE_NAME}"), digests=digests)
        monkeypatch.setattr(networks, "get_backbone", lambda name: row)
        monkeypatch.setattr(embedder, "get_backbone", lambda name: row)
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


def test_what_keras_has_downloaded_needs_no_server(
    server: FileServer, file: Path, model: Any, cache: Path, home: Path, loaded: list[Any]
) -> None:
    (cache / "models").mkdir(parents=True)
    (cache / "models" / FILE_NAME).write_bytes(file.read_bytes())
    load_embedder(SPEC, home, lambda *args: pytest.fail("It says that it downloads."))
    assert server.requests == []
    assert same_weights(loaded[0], model)


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
