"""Networks as files of collections: found, missing, damaged, packed, pulled, added to older collections, swept.

The network is `mini`'s, which comes with the program, as if it did not: so nothing here runs TensorFlow.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.source import Source, remember
from imgsearch.collection.sweep import sweep_networks
from imgsearch.embedding import embedder, networks, runtime, weights
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.networks import bundled_network, needs_tensorflow
from imgsearch.embedding.spec import NetworkFile
from imgsearch.errors import BackboneError, BackboneUnavailableError, CollectionError
from imgsearch.files.home import network_path, networks_folder
from imgsearch.supply.upkeep import remove_collection, rename_collection
from imgsearch.ui.texts import ko_core
from tests.unit.test_locks import taken_elsewhere

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


# --- swept


@pytest.fixture
def old(exported: Collection, home: Path) -> Path:
    """Two hours old: a network that no collection names, and all others."""
    path = network_path(home, "1" * 64)
    path.write_bytes(b"unnamed")
    for file in path.parent.iterdir():
        age(file)
    return path


def age(file: Path) -> None:
    os.utime(file, (time.time() - 7200,) * 2)


def networks_of(home: Path) -> set[str]:
    return {path.name for path in networks_folder(home).iterdir()}


NAMED = f"{NETWORK.sha256}.tflite"


def test_what_no_collection_names_goes_after_an_hour_and_nothing_else(exported: Collection, home: Path, old: Path) -> None:
    young, part = network_path(home, "2" * 64), networks_folder(home) / ".tmp-cut-off"
    ledger = networks_folder(home) / "build.sqlite"  # of a collection of when they could be called so
    for path in (young, part, ledger):
        path.write_bytes(b"x")
    age(part)
    age(ledger)
    sweep_networks(home)
    assert networks_of(home) == {NAMED, young.name, ledger.name}


def test_nothing_goes_while_a_manifest_cannot_be_read(exported: Collection, home: Path, old: Path) -> None:
    (home / "other").mkdir()
    (home / "other" / "manifest.json").write_bytes(b"{}")
    sweep_networks(home)
    assert networks_of(home) == {NAMED, old.name}
    shutil.rmtree(home / "other")
    sweep_networks(home)
    assert networks_of(home) == {NAMED}


def test_nothing_goes_while_a_build_is_at_work(exported: Collection, home: Path, old: Path) -> None:
    """Which may have made a network that it names only later."""
    with taken_elsewhere(networks_folder(home), "shared") as build:
        sweep_networks(home)
        assert networks_of(home) == {NAMED, old.name}
        build.communicate()
    sweep_networks(home)
    assert networks_of(home) == {NAMED}


def test_a_network_has_its_time_of_grace_from_when_a_collection_leaves_it(
    exported: Collection, pictures: Path, home: Path, old: Path
) -> None:
    (pictures / "red" / "0.png").unlink()
    build_collection("discs", pictures, home=home)
    assert networks_of(home) == {NAMED}
    assert network_path(home, NETWORK.sha256).stat().st_mtime > time.time() - 60


def test_with_a_collection_goes_its_network_unless_another_names_it(exported: Collection, home: Path, old: Path) -> None:
    shutil.copytree(home / "discs", home / "twin")
    remove_collection("discs", home)
    assert networks_of(home) == {NAMED}
    remove_collection("twin", home)
    assert networks_of(home) == set()


def test_a_renamed_collection_answers_with_its_network(exported: Collection, pictures: Path, home: Path, old: Path) -> None:
    rename_collection("discs", "circles", home)
    sweep_networks(home)
    assert Collection.open("circles", home).search(pictures / "red" / "1.png", k=1).results[0].distance == 0


def test_a_collection_that_is_called_networks_is_told_to_be_renamed(exported: Collection, home: Path) -> None:
    shutil.rmtree(home / "networks")
    (home / "discs").rename(home / "networks")
    with pytest.raises(CollectionError, match=r"cannot be called 'networks' any more.* Give its folder another name"):
        Collection.open("networks", home)
    (home / "networks").rename(home / "circles")
    assert Collection.open("circles", home).verify() == []
    with pytest.raises(CollectionError, match="cannot be called 'networks': the home keeps"):
        Collection.open("networks", home)
