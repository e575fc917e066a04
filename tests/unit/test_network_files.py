"""Networks as files of collections: found, missing, damaged, packed, pulled, added to older collections, swept.

The network is `mini`'s, which comes with the program, as if it did not: so nothing here runs TensorFlow.
"""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
import shutil
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from imgsearch import Collection, build_collection, embedder_spec, list_collections
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.source import Kind, Source, remember
from imgsearch.collection.sweep import exported as exported_there
from imgsearch.collection.sweep import sweep_networks
from imgsearch.embedding import embedder, networks, runtime, weights
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.networks import bundled_network, needs_tensorflow
from imgsearch.embedding.spec import EmbedderSpec, NetworkFile
from imgsearch.errors import BackboneError, BackboneUnavailableError, BuildError, CollectionError
from imgsearch.files.home import network_path, networks_folder
from imgsearch.settings import get_settings
from imgsearch.supply import publish, staging
from imgsearch.supply.publish import Packed, pack, pull
from imgsearch.supply.sources import update_collection
from imgsearch.supply.upkeep import remove_collection, rename_collection
from tests.unit.test_locks import taken_elsewhere
from tests.unit.test_publish import make_tar, members_of, run

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
    assert Collection.open("circles", home).changed_thumbnails() == []
    with pytest.raises(CollectionError, match="cannot be called 'networks': the home keeps"):
        Collection.open("networks", home)


# --- packed and pulled


@pytest.fixture
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes with the program here, of which a child process would know nothing."""
    for module in (staging, publish):
        monkeypatch.setattr(module, "confined", here)


def here(function: str, *arguments: object, **_: int) -> Any:
    return pkgutil.resolve_name(function)(*arguments)


@pytest.fixture
def packed(exported: Collection, home: Path, tmp_path: Path, _in_this_process: None) -> Packed:
    return pack("discs", home, tmp_path / "discs.tar")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Another home."""
    return tmp_path / "there"


def test_a_package_brings_its_network_and_answers_uploads_there(
    packed: Packed, exported: Collection, pictures: Path, there: Path, tmp_path: Path
) -> None:
    assert (packed.without_network, packed.downloaded_weights) == ([], [])
    members = members_of(packed)
    assert [(name, data) for name, data in members.items() if "networks" in name] == [(f"networks/{NAMED}", CONTENT)]
    pulled = pull(str(packed.path), there)
    assert networks_of(there) == {NAMED}
    assert network_path(there, NETWORK.sha256).stat().st_mtime > time.time() - 60
    assert pulled.search(pictures / "red" / "1.png", k=1).results[0].distance == 0
    assert pulled.verify() == []
    assert pack("discs", there, tmp_path / "again.tar").sha256 == packed.sha256


def test_a_network_that_comes_with_the_program_is_not_packed(
    exported: Collection, home: Path, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    packed = pack("discs", home, tmp_path / "discs.tar")
    assert (packed.without_network, packed.downloaded_weights) == ([], [])
    assert [name for name in members_of(packed) if "networks" in name] == []


def test_without_its_network_a_package_answers_items_and_that_is_said(
    packed: Packed, exported: Collection, home: Path, there: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    members = members_of(packed)
    del members[f"networks/{NAMED}"]
    pulled = pull(str(make_tar(tmp_path / "less.tar", members)), there)
    assert len(pulled.search("red/1.png", k=2).results) == 2
    assert not (there / "networks").exists()
    assert pulled.verify() == ["The network of mini is missing."]
    shutil.rmtree(home / "networks")
    without = pack("discs", home, tmp_path / "without.tar")
    assert (without.without_network, without.downloaded_weights) == (["mini"], [])


def test_what_no_space_names_is_not_installed(packed: Packed, there: Path, tmp_path: Path) -> None:
    more = {f"networks/{'1' * 64}.tflite": CONTENT, "networks/build.sqlite": b"x", "networks/a/b": b"x"}
    pull(str(make_tar(tmp_path / "more.tar", {**members_of(packed), **more})), there)
    assert [path.name for path in networks_folder(there).rglob("*")] == [NAMED]


def test_a_damaged_network_is_not_packed_and_one_that_is_here_is_replaced_by_a_pull(
    packed: Packed, home: Path, there: Path, tmp_path: Path
) -> None:
    put_network(home, CONTENT[:-1])
    with pytest.raises(BackboneError, match="is damaged"):
        pack("discs", home, tmp_path / "again.tar")
    put_network(there, b"damaged")
    pull(str(packed.path), there)
    assert network_path(there, NETWORK.sha256).read_bytes() == CONTENT


def test_where_litert_is_missing_the_network_is_installed_and_the_log_says_that_it_was_not_tried(
    packed: Packed, there: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runtime, "is_available", lambda: False)
    pull(str(packed.path), there)
    assert networks_of(there) == {NAMED}
    assert "The networks of discs were checked by digest and not tried" in caplog.text


def test_what_a_package_brought_looks_at_pictures_in_a_worker_and_not_in_the_command(
    packed: Packed, pictures: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(str(packed.path), there)
    monkeypatch.setenv("IMGSEARCH_HOME", str(there))
    get_settings.cache_clear()
    monkeypatch.setattr(runtime, "LiteRTNetwork", None)  # which the worker, a process of its own, does not see
    monkeypatch.setattr(embedder, "LiteRTNetwork", None)
    found = run("query", "discs", pictures / "red" / "1.png", "-k", 1, "--json")
    assert json.loads(found.stdout)["results"][0]["distance"] == 0
    measured = run("evaluate", "discs", "--queries", pictures, "--json")
    assert (measured.exit_code, measured.stderr.count("Error")) == (0, 0)


# --- what answers without TensorFlow is said


def test_list_info_and_verify_say_what_needs_tensorflow(exported: Collection, home: Path) -> None:
    def said(command: str) -> str:
        return run(command, *(["discs"] if command != "list" else [])).output

    assert "TensorFlow" not in said("list") + said("info") + said("verify")
    (home / "networks" / NAMED).unlink()
    assert said("list") == "discs  12 pictures, 3 labels; mini (uploads need TensorFlow)\n"
    notice = (
        "Uploads need TensorFlow: mini. Their networks are not here.\nHint: python -m imgsearch update discs adds them.\n"
    )
    info = said("info")
    assert notice in info
    assert "MiB, class values, uploads need TensorFlow\n" in info
    (facts,) = json.loads(run("info", "discs", "--json").stdout)["spaces"].values()
    assert facts["needs_tensorflow"] is True
    verified = run("verify", "discs")
    assert (verified.exit_code, verified.stdout) == (1, "The network of mini is missing.\n")
    put_network(home, CONTENT[:-1])
    assert "is damaged: its content does not match its digest" in said("verify")


# --- added to collections that have none


@pytest.fixture
def without(exported: Collection, home: Path, pictures: Path) -> Collection:
    """A collection as earlier versions made them, whose pictures are gone."""
    (exported.path / "manifest.json").write_bytes(exported.manifest.without_networks().to_bytes())
    shutil.rmtree(home / "networks")
    shutil.rmtree(pictures)
    return Collection.open("discs", home)


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """TensorFlow as it would be: the network comes about, compared on these pictures."""
    compared: list[Path] = []

    def export(spec: EmbedderSpec, home: Path, pictures: Sequence[Path], progress: object) -> NetworkFile:
        compared.extend(pictures)
        put_network(home)
        return NETWORK

    monkeypatch.setattr(networks, "export_network", export)
    return compared


def test_an_update_adds_the_network_where_the_pictures_are_gone(
    without: Collection, exporter: list[Path], pictures: Path, drawn: Path, home: Path
) -> None:
    result = run("update", "discs")
    assert (result.exit_code, result.stdout) == (
        0, "discs is ready, 0 embedded now: 12 pictures, 3 labels, 0 left out; spaces: mini.\n"
    )  # fmt: skip
    said = f"The pictures must be in a folder. Received: '{pictures}', which is none. "
    assert said + "What needs no pictures was added: the network of mini.\n" in result.stderr
    assert {path.parent for path in exporter} == {without.path / "thumbnails"}
    renewed = Collection.open("discs", home)
    assert renewed.space("mini").spec.network == NETWORK
    assert replace(renewed.manifest.spaces["mini"], embedder=MINI) == without.manifest.spaces["mini"]
    assert renewed.search(drawn / "red" / "1.png", k=1).results[0].distance == 0
    again = run("update", "discs")  # nothing is left to add
    assert (again.exit_code, again.stderr) == (1, f"Error: {said.strip()}\n")


@pytest.mark.parametrize("kind", ["archive", "package", ""])
def test_it_does_so_whatever_the_pictures_came_from(
    without: Collection, exporter: list[Path], home: Path, tmp_path: Path, kind: Kind | Literal[""]
) -> None:
    (without.path / "source.json").unlink()
    if kind:
        remember(Source(kind, str(tmp_path / "gone.zip")), "discs", home)
    (remark,) = update_collection("discs", home).remarks
    assert remark.endswith("What needs no pictures was added: the network of mini.")


def test_without_tensorflow_it_says_both_what_is_missing(without: Collection, home: Path) -> None:
    before = (without.path / "manifest.json").read_bytes()
    with pytest.raises(BuildError, match=r"must be in a folder.*which is none\. TensorFlow is needed") as caught:
        update_collection("discs", home)
    assert "extra build" in (caught.value.hint or "")
    assert (without.path / "manifest.json").read_bytes() == before
    (without.path / "manifest.json").write_bytes(without.manifest.without_indexes().to_bytes())
    index, network = update_collection("discs", home).remarks
    assert index.endswith("What needs no pictures was added: the index of mini.")
    assert network.startswith("TensorFlow is needed")


def test_a_space_whose_weights_are_gone_keeps_no_other_from_its_network(
    without: Collection, exporter: list[Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = without.manifest.spaces["mini"]
    own = replace(entry, embedder=replace(MINI, weights="0" * 64, own="mine"))
    manifest = replace(without.manifest, spaces={"mine": own, "mini": entry})
    (without.path / "manifest.json").write_bytes(manifest.to_bytes())
    export = networks.export_network

    def some(spec: EmbedderSpec, *args: Any) -> NetworkFile:
        if spec.own:
            raise BackboneUnavailableError("Its weights are not kept here.")
        return export(spec, *args)

    monkeypatch.setattr(networks, "export_network", some)
    report = update_collection("discs", home)
    assert report.remarks[0].endswith("was added: the network of mini.")
    assert report.remarks[1:] == ["Its weights are not kept here."]
    assert [entry.embedder.network for entry in report.collection.manifest.spaces.values()] == [None, NETWORK]


def test_a_collection_that_was_copied_without_its_network_finds_one_in_its_new_home(
    exported: Collection, exporter: list[Path], pictures: Path, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    shutil.copytree(exported.path, there / "discs")
    assert Collection.open("discs", there).verify() == ["The network of mini is missing."]
    report = build_collection("discs", pictures, home=there)
    assert (report.n_embedded, report.is_unchanged, len(exporter)) == (0, True, 12)  # the export gave the same bytes
    assert report.collection.verify() == []
    shutil.copytree(exported.path, there / "twin")
    assert build_collection("twin", pictures, home=there).collection.verify() == []
    assert len(exporter) == 12


def test_a_build_replaces_a_damaged_network(exported: Collection, exporter: list[Path], pictures: Path, home: Path) -> None:
    put_network(home, CONTENT[:-1])
    assert build_collection("discs", pictures, home=home).collection.verify() == []
    assert exporter != []


# --- of somebody who means no good


def with_network_of(packed: Packed, path: Path, content: bytes, size: int) -> str:
    """The package with another network, of that size as the manifest says, and of the digest that it has."""
    members = members_of(packed)
    del members[f"networks/{NAMED}"]
    manifest = Manifest.from_bytes(members["discs/manifest.json"])
    file = NetworkFile(hashlib.sha256(content).hexdigest(), size, 0.0)
    spaces = {name: replace(space, embedder=replace(MINI, network=file)) for name, space in manifest.spaces.items()}
    members["discs/manifest.json"] = replace(manifest, spaces=spaces).to_bytes()
    return str(make_tar(path, {**members, f"networks/{file.sha256}.tflite": content}))


def of_160_px() -> bytes:
    """The network for pictures of another size."""
    shapes = [struct.pack("<5i", 4, 1, side, side, 3) for side in (192, 160)]
    assert shapes[0] in CONTENT
    return CONTENT.replace(*shapes)


def without_numbers() -> bytes:
    """The network with a NaN for each number that its last layer adds."""
    interpreter = runtime.LiteRTNetwork(CONTENT, 192, 256).interpreter(1)._interpreter
    (index,) = (each["index"] for each in interpreter.get_tensor_details() if each["name"].endswith("head_1/BiasAdd"))
    bias = interpreter.get_tensor(index).tobytes()
    assert CONTENT.count(bias) == 1
    return CONTENT.replace(bias, np.full(256, np.nan, np.float32).tobytes())


HOSTILE: dict[str, tuple[Callable[[], bytes], int, str]] = {
    "garbage": (lambda: b"garbage" * 1000, 7000, "This is no network that LiteRT can run"),
    "nothing": (lambda: b"", 5, r"must have 5 bytes\. Received: 0"),
    "cut": (lambda: CONTENT[:100_000], 100_000, "This is no network that LiteRT can run"),
    "another size": (lambda: CONTENT, 5, r"must have 5 bytes\. Received: 5,992,436"),
    "another shape": (of_160_px, len(CONTENT), "must make 256 values of a picture of 192 x 192 px; this one does not"),
    "no numbers": (without_numbers, len(CONTENT), "must be finite, and is not"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_network_that_will_not_do_is_refused_and_nothing_is_installed(
    packed: Packed, there: Path, tmp_path: Path, kind: str
) -> None:
    make, size, words = HOSTILE[kind]
    with pytest.raises(CollectionError, match=f"The network of mini cannot be used.*{words}"):
        pull(with_network_of(packed, tmp_path / "evil.tar", make(), size), there)
    assert [path.name for path in there.rglob("*") if path.is_file() and path.name[0] != "."] == []


def test_a_changed_byte_is_refused(packed: Packed, there: Path, tmp_path: Path) -> None:
    members = members_of(packed)
    members[f"networks/{NAMED}"] = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(CollectionError, match=r"The network of mini cannot be used.*does not match its digest"):
        pull(str(make_tar(tmp_path / "evil.tar", members)), there)
    assert list_collections(there) == []


@pytest.mark.slow
def test_in_the_child_a_package_is_refused_and_a_sound_one_fits_its_bounds(
    exported: Collection, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack("discs", exported.home, tmp_path / "discs.tar")
    monkeypatch.undo()  # a child has its own opinion of what is bundled; the network is tried there all the same
    with pytest.raises(CollectionError, match="The network of mini cannot be used"):
        pull(with_network_of(packed, tmp_path / "evil.tar", without_numbers(), len(CONTENT)), there)
    assert list_collections(there) == []
    pull(str(packed.path), there)
    assert list_collections(there) == ["discs"]
    assert not networks_folder(there).exists()  # the program has it


def test_no_other_collection_is_run_by_what_a_package_brought(
    packed: Packed, pictures: Path, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(str(packed.path), there)
    assert exported_there(there) == []
    with pytest.raises(BackboneUnavailableError, match="TensorFlow is needed"):
        build_collection("mine", pictures, home=there, specs=[MINI])
    report = build_collection("discs", pictures, home=there)  # over it: the vectors are known, the network is not kept
    assert report.collection.space("mini").spec.network is None
    assert [remark.partition(".")[0] for remark in report.remarks] == [
        "mini has no network, so new pictures are not compared by it here"
    ]
