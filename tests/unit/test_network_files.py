"""Networks as files of collections: found, missing, damaged, packed, pulled, added to older collections, swept.

The network is `mini`'s, which comes with the program, as if it did not: so nothing here runs TensorFlow.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.source import Source, remember
from imgsearch.embedding import embedder, networks, runtime, weights
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.networks import bundled_network, needs_tensorflow
from imgsearch.embedding.spec import NetworkFile
from imgsearch.errors import BackboneError, BackboneUnavailableError
from imgsearch.files.home import network_path
from imgsearch.ui.texts import ko_core

MINI = embedder_spec("mini")
BUNDLED = bundled_network(MINI)
assert BUNDLED
NETWORK: NetworkFile = BUNDLED
CONTENT = (weights.BUNDLED / "mini.tflite").read_bytes()
ABSENT = NetworkFile("0" * 64, 5, 0.0)


def without_bundled_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "BUNDLED", Path("nowhere"))
    monkeypatch.setattr(networks, "_bundled", dict)


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network comes with the program, and TensorFlow is not installed."""
    without_bundled_networks(monkeypatch)
    for module in (embedder, networks):
        monkeypatch.setattr(module, "has_tensorflow", lambda: False)


def put_network(home: Path, content: bytes = CONTENT) -> Path:
    """The file in the networks of a home, whatever its content is."""
    path = network_path(home, NETWORK.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(scope="session")
def exported_home(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the collection `discs` in a space of `mini`, and its network."""
    home = tmp_path_factory.mktemp("exported") / "home"
    put_network(home)
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_bundled_networks(monkeypatch)
        build_collection("discs", drawn, home=home, specs=[replace(MINI, network=NETWORK)])
    return home


@pytest.fixture
def exported(exported_home: Path, pictures: Path, home: Path, foreign: None) -> Collection:
    """That collection, built of `pictures`."""
    shutil.copytree(exported_home, home)
    remember(Source("folder", str(pictures)), "discs", home)
    return Collection.open("discs", home)


# --- found, missing, damaged


def test_where_its_own_network_is_not_here_the_bundled_one_of_the_same_weights_runs(home: Path) -> None:
    pixels = np.full((80, 60, 3), 90, np.uint8)
    one, other = (load_embedder(replace(MINI, network=file), home).embed([pixels]) for file in (ABSENT, None))
    assert np.array_equal(one, other)


def test_a_collection_with_its_network_answers_uploads_without_tensorflow(exported: Collection, pictures: Path) -> None:
    page = exported.search(pictures / "red" / "1.png", k=1)
    assert (page.results[0].item.item_id, page.results[0].distance) == ("red/1.png", 0)


def test_without_network_and_tensorflow_items_answer_and_an_upload_says_what_to_run_where(
    exported: Collection, pictures: Path, home: Path
) -> None:
    shutil.rmtree(home / "networks")
    assert len(exported.search("red/1.png", k=2).results) == 2
    with pytest.raises(BackboneUnavailableError) as caught:
        exported.search(pictures / "red" / "1.png")
    assert caught.value.message == (
        "New pictures cannot be compared by mini yet: run python -m imgsearch update NAME on a machine with TensorFlow, "
        "then pack the collection there and pull it here."
    )
    assert "python -m imgsearch update NAME" in ko_core.ERRORS["BackboneUnavailableError"]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"\0" + data[1:], lambda data: b""])
def test_a_damaged_network_is_said_and_not_run(
    exported: Collection, pictures: Path, home: Path, damage: Callable[[bytes], bytes]
) -> None:
    put_network(home, damage(CONTENT))
    with pytest.raises(BackboneError, match="is damaged: its content does not match its digest"):
        exported.search(pictures / "red" / "1.png")


def test_what_needs_tensorflow_is_known_without_reading_networks(
    home: Path, foreign: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = replace(MINI, network=NETWORK)
    assert not needs_tensorflow(embedder_spec("color_histogram"), home)
    assert [needs_tensorflow(spec, home) for spec in (MINI, named)] == [True, True]
    put_network(home, bytes(NETWORK.size))
    assert [needs_tensorflow(spec, home) for spec in (MINI, named)] == [True, False]
    put_network(home, b"short")
    assert needs_tensorflow(named, home)
    monkeypatch.undo()
    assert [needs_tensorflow(spec, home) for spec in (MINI, named)] == [False, False]
    monkeypatch.setattr(runtime, "is_available", lambda: False)
    assert needs_tensorflow(MINI, home)
