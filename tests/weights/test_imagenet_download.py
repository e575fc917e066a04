"""Weights that Keras downloads, from a server on this machine that holds a random file under the official name."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras.src.applications import inception_v3
from keras.src.utils import file_utils

from imgsearch.embedding import embedders, network
from imgsearch.embedding.backbones import BACKBONES, IMAGENET
from imgsearch.embedding.embedders import load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneUnavailableError
from tests.weights.keras_files import random_model, random_pictures, same_weights, write_official

pytestmark = pytest.mark.weights

FILE_NAME = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
SPEC = EmbedderSpec("inception_v3", weights=IMAGENET)


class Server(ThreadingHTTPServer):
    """Serves one file; `manner` says how."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.path = path
        self.manner = "well"
        self.n_requests = 0
        self.is_over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/{path.name}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.is_over.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.n_requests += 1
        if self.server.manner == "silent":
            self.server.is_over.wait(60)
            return
        if self.server.manner == "404" or self.path != f"/{self.server.path.name}":
            self.send_error(404)
            return
        data = self.server.path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if self.server.manner == "cut" else data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def model() -> Any:
    return random_model("inception_v3")


@pytest.fixture(scope="module")
def file(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_official(tmp_path_factory.mktemp("served") / FILE_NAME, model)


@pytest.fixture(scope="module")
def md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes()).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """What ~/.keras is otherwise."""
    path = tmp_path / "keras"
    path.mkdir()
    return path


@pytest.fixture
def server(file: Path, md5: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(file)
    get_file = file_utils.get_file

    def here(*args: Any, **kwargs: Any) -> Any:
        assert kwargs["file_hash"]
        file_hash = "0" * 32 if server.manner == "wrong checksum" else md5
        return get_file(*args, **{**kwargs, "file_hash": file_hash, "cache_dir": str(cache)})

    monkeypatch.setattr(file_utils, "get_file", here)
    monkeypatch.setattr(inception_v3, "WEIGHTS_PATH_NO_TOP", server.url)
    yield server
    server.close()


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The Keras models that embedders are made of; compiling, which takes seconds, is left out."""
    models: list[Any] = []
    monkeypatch.setattr(embedders, "compile_network", lambda backbone, model, precision: models.append(model))
    return models


def test_downloaded_weights_embed_and_progress_goes_to_stderr(
    server: Server, model: Any, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder = load_embedder(SPEC, home)
    output = capsys.readouterr()
    assert output.out == ""
    assert "Downloading data from" in output.err
    assert server.n_requests == 1
    assert socket.getdefaulttimeout() is None
    picture = random_pictures(1)[0]
    preprocessed = embedder.prepare(picture)[None] / np.float32(127.5) - 1
    direct = np.asarray(model(preprocessed, training=False))
    np.testing.assert_allclose(embedder.embed([picture]), direct / np.linalg.norm(direct), atol=1e-4)


def test_second_load_needs_no_server(server: Server, model: Any, home: Path, loaded: list[Any]) -> None:
    load_embedder(SPEC, home)
    server.close()
    load_embedder(SPEC, home)
    assert server.n_requests == 1
    assert same_weights(loaded[1], model)


@pytest.mark.parametrize("manner", ["cut", "404", "wrong checksum", "refused", "silent"])
def test_failed_download_says_where_the_weights_are_and_how_to_give_them(
    manner: str, server: Server, cache: Path, home: Path, loaded: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "DOWNLOAD_TIMEOUT_S", 1)
    server.manner = manner
    if manner == "refused":
        server.close()
    with pytest.raises(BackboneUnavailableError) as caught:
        load_embedder(SPEC, home)
    assert BACKBONES["inception_v3"].weights_url in caught.value.message
    assert "--weights FILE" in (caught.value.hint or "")
    assert str(cache) not in caught.value.message
    assert socket.getdefaulttimeout() is None
    if manner in ("cut", "wrong checksum"):  # the next try is not held up by what was left
        server.manner = "well"
        load_embedder(SPEC, home)
        assert len(loaded) == 1
