"""Networks without TensorFlow: the bundled one, and what is none."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgsearch import embedder_spec
from imgsearch.embedding import networks
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.networks import bundled_network, export_here, read_network, with_network
from imgsearch.embedding.quiet import quiet_stderr
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec, NetworkFile
from imgsearch.errors import BackboneError
from imgsearch.files.home import network_path

MINI = embedder_spec("mini")
FILE = bundled_network(MINI)
assert FILE
CONTENT = read_network(FILE, Path("nowhere"))
assert CONTENT
PICTURES = np.random.default_rng(0).integers(0, 256, (5, 192, 192, 3), np.uint8)
OTHER = EmbedderSpec("mini", weights="1" * 64)
"""A backbone of the same kind, whose network is not here."""


@pytest.fixture(scope="module")
def mini() -> LiteRTNetwork:
    return LiteRTNetwork(CONTENT, 192, 256)


# --- what runs


def test_one_by_one_in_a_batch_and_in_threads_a_network_gives_the_same_to_the_last_bit(mini: LiteRTNetwork) -> None:
    batch = mini.embed(PICTURES)
    assert (batch.shape, batch.dtype) == ((5, 256), np.float32)
    with ThreadPoolExecutor(5) as threads:
        one_by_one = list(threads.map(lambda picture: mini.embed(picture[None])[0], PICTURES))
    np.testing.assert_array_equal(batch, np.stack(one_by_one))
    assert len(np.unique(batch, axis=0)) == 5


def test_the_parts_of_the_positions_and_the_biases_add_up_to_the_embedding(mini: LiteRTNetwork) -> None:
    offsets = []
    for picture in PICTURES[:2]:
        embedding, values = mini.parts(picture)
        assert values is not None
        assert values.shape == (6, 6, 256)
        np.testing.assert_array_equal(embedding, mini.embed(picture[None])[0])
        offsets.append(embedding - values.mean((0, 1)))
    # What belongs to no position is the same for every picture.
    np.testing.assert_allclose(*offsets, atol=1e-4 * np.abs(mini.embed(PICTURES[:1])).max())


@pytest.mark.parametrize(("size", "dim"), [(224, 256), (192, 1280)])
def test_a_network_of_another_shape_is_refused(size: int, dim: int) -> None:
    with pytest.raises(BackboneError, match=f"must make {dim} values of a picture of {size} x {size} px"):
        LiteRTNetwork(CONTENT, size, dim)


@pytest.mark.parametrize("content", [b"", b"no network", CONTENT[:1000], CONTENT[:-100_000]], ids=len)
def test_what_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(BackboneError, match="no network that LiteRT can run"):
        LiteRTNetwork(content, 192, 256)


def test_it_is_loaded_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    LiteRTNetwork(CONTENT, 192, 256).embed(PICTURES[:2])
    assert capfd.readouterr() == ("", "")


def test_two_threads_that_silence_descriptor_2_leave_it_as_it_was() -> None:
    before = os.fstat(2).st_ino, os.fstat(2).st_dev
    first_is_in, second_may_leave = threading.Event(), threading.Event()

    def second() -> None:
        first_is_in.wait()
        with quiet_stderr():
            second_may_leave.wait()

    thread = threading.Thread(target=second)
    thread.start()
    with quiet_stderr():
        first_is_in.set()
        thread.join(0.2)  # long enough to come in, if it could
    second_may_leave.set()
    thread.join()
    assert (os.fstat(2).st_ino, os.fstat(2).st_dev) == before


# --- where it lies


def keep(content: bytes, home: Path, digest: str) -> Path:
    path = network_path(home, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def foreign(home: Path, monkeypatch: pytest.MonkeyPatch) -> NetworkFile:
    """The bundled network as one of the home's, and none bundled."""
    monkeypatch.setattr(networks, "BUNDLED", home / "none")
    monkeypatch.setattr(networks, "_bundled", dict)
    keep(CONTENT, home, FILE.sha256)
    return FILE


def test_a_network_of_the_home_is_found_by_its_digest_and_embeds(foreign: NetworkFile, home: Path) -> None:
    assert read_network(foreign, home) == CONTENT
    assert read_network(replace(foreign, sha256="2" * 64), home) is None
    embedder = load_embedder(replace(OTHER, network=foreign), home)
    (vector,) = embedder.embed([PICTURES[0]])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


def test_a_network_whose_content_has_changed_is_not_run(foreign: NetworkFile, home: Path) -> None:
    changed = bytearray(CONTENT)
    changed[len(changed) // 2] ^= 1
    keep(bytes(changed), home, foreign.sha256)
    with pytest.raises(BackboneError, match="is damaged: its content does not match its digest"):
        load_embedder(replace(OTHER, network=foreign), home)


def test_a_backbone_gets_the_network_that_is_here_and_none_is_made(
    foreign: NetworkFile, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def export(spec: EmbedderSpec, *_: object) -> NetworkFile:
        made.append(spec)
        return NetworkFile("3" * 64, 1, 0.0)

    monkeypatch.setattr(networks, "export_network", export)
    elsewhere = replace(OTHER, network=foreign, precision="bfloat16")
    assert with_network(OTHER, [elsewhere], home, []).network == foreign
    assert with_network(replace(OTHER, network=foreign), [], home, []).network == foreign
    assert with_network(EmbedderSpec("cedd"), [elsewhere], home, []).network is None
    assert made == []
    lost = replace(OTHER, network=replace(foreign, sha256="2" * 64))
    for others in ([], [replace(elsewhere, weights="4" * 64)], [lost]):
        assert with_network(OTHER, others, home, []).network == NetworkFile("3" * 64, 1, 0.0)
    assert len(made) == 3


def test_a_collection_of_before_there_were_networks_is_answered_by_the_bundled_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgsearch.embedding.embedder.model_with_weights_of", None)  # TensorFlow's way
    assert MINI.network is None
    assert load_embedder(MINI, home).embed([PICTURES[0]]).shape == (1, 256)


# --- what is kept


def test_a_network_that_differs_from_tensorflow_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "network"
    mini = LiteRTNetwork(CONTENT, 192, 256)

    def slightly_turned(batch: np.ndarray) -> np.ndarray:
        given = mini.embed(batch).astype(np.float64)
        across = np.eye(256)[0] - given[0, 0] * given[0] / np.square(given[0]).sum()
        return given + angle * np.linalg.norm(given) * across / np.linalg.norm(across)

    monkeypatch.setattr(networks, "model_with_weights_of", lambda *_: None)
    monkeypatch.setattr(networks, "export", lambda *_: (CONTENT, slightly_turned))
    angle = 0.01  # whose cosine is 1 - 0.01**2 / 2
    with pytest.raises(BackboneError, match=r"the same with LiteRT as with TensorFlow, within 1e-06\. Received: 5e-05"):
        export_here(MINI.to_json(), "unused", str(target), [])
    assert not target.exists()
    angle = 0.001
    assert export_here(MINI.to_json(), "unused", str(target), []) == pytest.approx(5e-7, rel=0.01)
    assert target.read_bytes() == CONTENT
