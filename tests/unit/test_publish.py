"""Packing and pulling: the same bytes, nothing private, nothing unchecked."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pkgutil
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from imgsearch import Collection, build_collection, embedder_spec, list_collections
from imgsearch.cli import cli
from imgsearch.collection.manifest import _dump
from imgsearch.collection.source import Source, remember, remembered
from imgsearch.embedding import spec
from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneUnavailableError, CollectionError, DownloadError, ImgSearchError
from imgsearch.files import download
from imgsearch.files.home import MANIFEST_FILE
from imgsearch.settings import Settings
from imgsearch.supply import publish, staging
from imgsearch.supply.publish import Packed, Reference, ensure_collections, pack, pull
from imgsearch.vectors.engines.face import Effort
from tests.conftest import draw_picture
from tests.http_server import FileServer, serving

HISTOGRAM = embedder_spec("color_histogram")


@pytest.fixture(autouse=True)
def _in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests need no child processes, which take their time to start."""

    def here(function: str, *arguments: object, **_: int) -> object:
        return pkgutil.resolve_name(function)(*arguments)

    if "children" not in request.fixturenames:
        for module in (staging, publish):
            monkeypatch.setattr(module, "confined", here)


@pytest.fixture
def children() -> None:
    """For tests that want them."""


@pytest.fixture
def packed(collection: Collection, home: Path, tmp_path: Path) -> Packed:
    remember(Source("folder", "/home/ada/secret"), "discs", home)
    (home / "discs" / "notes.txt").write_text("private")
    return pack("discs", home, tmp_path / "discs.tar")


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """Another home."""
    return tmp_path / "there"


@pytest.fixture
def server(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "PAUSE_S", 0)
    with serving({"/discs.tar": packed.path.read_bytes()}) as server:
        server.cut_after = 100_000
        yield server


def reference(server: FileServer, packed: Packed) -> str:
    return f"{server.url('/discs.tar')}#sha256={packed.sha256}"


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="imgsearch")


def renewed(pictures: Path, home: Path, target: Path) -> Packed:
    """The collection after a change, packed."""
    draw_picture((9, 9, 9), 3).save(pictures / "red" / "9.png")
    build_collection("discs", pictures, home=home, title="Renewed")
    return pack("discs", home, target)


# --- pack


def test_a_package_holds_what_the_manifest_names_and_nothing_else(packed: Packed, collection: Collection) -> None:
    data = packed.path.read_bytes()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (packed.size, packed.sha256)
    with tarfile.open(packed.path, "r:") as archive:
        names = archive.getnames()
        owners = {(member.uid, member.gid, member.uname, member.mtime, member.mode) for member in archive}
    named = {entry.file for entry in collection.manifest.files if not entry.file.endswith(".ann")} | {MANIFEST_FILE}
    named |= {f"thumbnails/{item.thumbnail}.webp" for item in collection.items}
    assert set(names) == {f"discs/{file}" for file in named}
    assert names[0] == "discs/manifest.json"
    assert owners == {(0, 0, "", 0, 0o644)}
    assert b"secret" not in data
    assert b"private" not in data


def test_the_same_collection_gives_the_same_bytes(packed: Packed, home: Path, there: Path, tmp_path: Path) -> None:
    shutil.copytree(home, there)  # in another order, with other times
    for path in there.rglob("*"):
        os.utime(path)
    assert pack("discs", there, tmp_path / "again.tar").sha256 == packed.sha256
    pulled = pull(str(packed.path), tmp_path / "third")
    assert pack(pulled.name, pulled.home, tmp_path / "third.tar").sha256 == packed.sha256


def test_two_builds_of_the_same_pictures_give_the_same_package(
    packed: Packed, pictures: Path, there: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(pictures, tmp_path / "elsewhere")  # with the times of all files
    build_collection("discs", other, home=there, specs=[HISTOGRAM])
    os.utime(there / "discs" / "manifest.json", (1, 1))
    assert pack("discs", there, tmp_path / "again.tar").sha256 == packed.sha256


def test_damage_is_not_packed(collection: Collection, home: Path, tmp_path: Path) -> None:
    thumbnail = collection.thumbnail_path(collection.items[3])
    thumbnail.write_bytes(bytes(len(thumbnail.read_bytes())))
    with pytest.raises(CollectionError, match=r"thumbnail of 'blue/3\.png' has changed"):
        pack("discs", home, tmp_path / "discs.tar")
    assert not list(tmp_path.glob("discs.tar*"))


def test_a_package_that_cannot_be_written_is_an_error_in_words(collection: Collection, home: Path, tmp_path: Path) -> None:
    for target in (tmp_path / "nowhere" / "discs.tar", tmp_path):
        result = run("pack", "discs", "-o", target)
        assert result.exit_code == 1
        assert result.stderr == f"Error: A package must be a file in a folder that is there. Received: '{target}'.\n"


def test_kept_weights_go_with_it_when_asked_for(
    collection: Collection, home: Path, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = random.Random(1).randbytes(5000)
    digest = hashlib.sha256(weights).hexdigest()
    claim_weights(collection, digest, monkeypatch)
    with pytest.raises(BackboneUnavailableError):
        pack("discs", home, tmp_path / "with.tar", with_weights=True)
    (home / "weights").mkdir()
    (home / "weights" / f"{digest}.weights.h5").write_bytes(weights)
    (home / "weights" / f"{'0' * 64}.h5").write_bytes(b"of another collection")
    without = pack("discs", home, tmp_path / "without.tar")
    pull(str(without.path), there)
    assert not (there / "weights").exists()
    pull(str(pack("discs", home, tmp_path / "with.tar", with_weights=True).path), there)
    assert {path.name: path.read_bytes() for path in (there / "weights").iterdir()} == {f"{digest}.weights.h5": weights}


def test_pack_says_which_weights_are_downloaded(
    collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_weights(collection, "imagenet", monkeypatch)
    result = run("pack", "discs", "-o", tmp_path / "discs.tar", "--with-weights")
    assert result.exit_code == 0
    assert "weights of color_histogram are not in it: they are downloaded" in result.stderr


def claim_weights(collection: Collection, weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the manifest say that the space was embedded by a backbone of as many dimensions, with these weights."""
    manifest = collection.manifest
    entry = manifest.spaces["color_histogram"]
    monkeypatch.setattr(spec, "BACKBONES", {"vgg16": replace(BACKBONES["vgg16"], dim=entry.embedder.dim)})
    fake = replace(entry, embedder=EmbedderSpec("vgg16", weights=weights))
    changed = replace(manifest, spaces={"color_histogram": fake})
    (collection.path / MANIFEST_FILE).write_bytes(changed.to_bytes())


# --- pull


@pytest.mark.parametrize("manner", ["well", "cut", "no ranges", "no length"])
def test_a_pulled_collection_answers_alike(
    server: FileServer, packed: Packed, collection: Collection, there: Path, manner: str
) -> None:
    server.manner = manner
    pulled = pull(reference(server, packed), there)
    assert (pulled.name, pulled.manifest) == ("discs", collection.manifest)
    assert pulled.search(item_id="red/0.png").results == collection.search(item_id="red/0.png").results
    assert pulled.verify() == []
    assert remembered("discs", there) == Source("package", packed.sha256)
    assert [path.name for path in (there / "downloads").iterdir() if not path.name.startswith(".")] == []


def test_the_commands_go_together(
    collection: Collection, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    packed = run("pack", "discs")
    assert packed.exit_code == 0
    assert packed.stdout.startswith("discs.imgsearch.tar#sha256=")
    result = run("pull", packed.stdout.strip(), "--name", "copy")
    assert result.stdout == "copy is here: discs, 12 pictures.\n"
    assert list_collections(home) == ["copy", "discs"]
    assert run("verify", "copy").exit_code == 0


def test_a_download_that_stopped_goes_on(server: FileServer, packed: Packed, there: Path) -> None:
    server.manner, server.cut_after = "cut", 10_000
    with pytest.raises(DownloadError, match="cut after"):
        pull(reference(server, packed), there)
    assert list_collections(there) == []
    server.manner = "well"
    pull(reference(server, packed), there)
    assert server.requests[-1] == ("/discs.tar", "bytes=30000-")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://example.org/a.tar", "needs its digest"),
        ("https://example.org/a.tar#sha256=", "needs its digest"),
        ("https://example.org/a.tar#sha256=12", "64 hexadecimal digits"),
        (f"ftp://example.org/a.tar#sha256={'0' * 64}", "must begin with http:// or https://"),
        (f"file:///etc/passwd#sha256={'0' * 64}", "must begin with http:// or https://"),
        ("nowhere.tar", "must be a file or a URL"),
    ],
)
def test_what_is_no_package_is_refused(text: str, words: str, there: Path) -> None:
    with pytest.raises(ImgSearchError, match=words):
        pull(text, there)


def test_another_file_than_the_one_meant_is_refused(server: FileServer, packed: Packed, there: Path) -> None:
    server.manner = "wrong"
    address = server.url("/discs.tar")
    with pytest.raises(DownloadError, match="sha256 differs") as remote:
        pull(reference(server, packed), there)
    with pytest.raises(DownloadError, match="sha256 differs") as local:
        pull(f"{packed.path}#sha256={'0' * 64}", there)
    assert remote.value.message.startswith(f"{address} could not be downloaded. 127.0.0.1: ")
    assert remote.value.hint == local.value.hint
    assert "ask who gave you the two" in (local.value.hint or "")
    assert list_collections(there) == []


def test_any_change_of_a_package_is_refused_or_without_effect(
    packed: Packed, collection: Collection, there: Path, tmp_path: Path
) -> None:
    """Without the digest: what the manifest's own digests catch."""
    data = packed.path.read_bytes()
    choose = random.Random(5)
    n_refused = 0
    for _ in range(40):
        changed = bytearray(data)
        changed[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
        (tmp_path / "changed.tar").write_bytes(changed)
        try:
            pulled = pull(str(tmp_path / "changed.tar"), there)
        except ImgSearchError:
            n_refused += 1
        else:  # padding, or a time
            assert pulled.manifest == collection.manifest
            assert pulled.verify() == []
            shutil.rmtree(there)
    assert n_refused >= 25


def make_tar(path: Path, members: dict[str, bytes], link: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/tmp"
            archive.addfile(member)
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def members_of(packed: Packed) -> dict[str, bytes]:
    with tarfile.open(packed.path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def test_nothing_comes_to_lie_outside(packed: Packed, there: Path, tmp_path: Path) -> None:
    members = members_of(packed)
    for name in ("../evil", "/tmp/evil", "discs/../../../evil"):
        with pytest.raises(ImgSearchError, match="leads out of it"):
            pull(str(make_tar(tmp_path / "evil.tar", {**members, name: b"x"})), there)
    assert list_collections(there) == []
    extra = {"discs/extra.txt": b"x", "other/x": b"x", f"weights/{'0' * 64}.h5": b"x", "discs/source.json": b"{}"}
    pull(str(make_tar(tmp_path / "extra.tar", {**members, **extra}, link="discs/spaces")), there)
    names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file() and path.name[0] != "."}
    (index,) = (name for name in names if name.endswith(".ann"))  # which was built here
    assert names == {*members, "discs/source.json", index}
    assert remembered("discs", there) is not None
    assert not [path for path in there.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("members", [{}, {"a/b": b"x"}, {"discs/manifest.json": b"{}"}, {"Not A Name/manifest.json": b""}])
def test_a_tar_of_something_else_is_refused(members: dict[str, bytes], there: Path, tmp_path: Path) -> None:
    with pytest.raises(ImgSearchError):
        pull(str(make_tar(tmp_path / "a.tar", members)), there)
    assert list_collections(there) == []


def test_a_package_of_two_says_which(packed: Packed, there: Path, tmp_path: Path) -> None:
    members = members_of(packed)
    twice = {**members, **{name.replace("discs/", "twin/"): data for name, data in members.items()}}
    with pytest.raises(CollectionError, match="must hold one collection, and this file holds 2: discs, twin"):
        pull(str(make_tar(tmp_path / "two.tar", twice)), there)


def test_a_newer_package_replaces_a_pulled_one_and_a_running_page_goes_on(
    packed: Packed, pictures: Path, home: Path, there: Path, tmp_path: Path
) -> None:
    old = pull(str(packed.path), there)
    new = pull(str(renewed(pictures, home, tmp_path / "new.tar").path), there)
    assert (len(old.items), len(new.items), new.manifest.title) == (12, 13, "Renewed")
    assert len(old.search(item_id="red/0.png", k=5).results) == 5
    assert old.verify() == []  # its files have their time of grace
    assert list_collections(there) == ["discs"]


def test_a_collection_that_was_built_here_is_not_replaced(packed: Packed, home: Path) -> None:
    with pytest.raises(CollectionError, match="called 'discs' was built here") as caught:
        pull(str(packed.path), home)
    assert "--name NAME" in (caught.value.hint or "")
    with pytest.raises(CollectionError, match="name must be"):
        pull(str(packed.path), home, name="../x")


# --- of somebody who means no good


def packed_with(packed: Packed, path: Path, change: Callable[[dict[str, bytes]], None]) -> str:
    """A package whose files were changed, and whose manifest says the digests that they have now."""
    members = members_of(packed)
    before = dict(members)
    change(members)
    text = members["discs/manifest.json"].decode()
    for name, data in members.items():
        if name in before and data != before[name] and name != "discs/manifest.json":
            text = text.replace(hashlib.sha256(before[name]).hexdigest(), hashlib.sha256(data).hexdigest())
            text = text.replace(f'"size": {len(before[name])},', f'"size": {len(data)},')
    body = json.loads(text)
    del body["digest"]
    digest = hashlib.sha256(_dump(body)).hexdigest()
    members["discs/manifest.json"] = _dump({**body, "digest": digest})
    return str(make_tar(path, members))


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_a_package_brings_no_index_and_one_is_built_here(
    packed: Packed, there: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not [name for name in members_of(packed) if name.endswith(".ann")]
    with caplog.at_level("INFO", "imgsearch.supply.publish"):
        collection = pull(str(packed.path), there)
    assert collection.exact_spaces == []
    assert collection.manifest.spaces["color_histogram"].index is not None
    assert "Building the index of discs." in caplog.text
    assert "The index of discs is ready" in caplog.text


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_an_index_that_somebody_brings_is_not_even_opened(
    packed: Packed, collection: Collection, there: Path, tmp_path: Path
) -> None:
    """As packages of earlier versions have one. Annoy would take this one, and end the process with a search."""
    entry = collection.manifest.spaces["color_histogram"].index
    assert entry is not None
    evil = bytes([255]) * entry.size
    text = collection.manifest.to_bytes().decode().replace(entry.sha256, hashlib.sha256(evil).hexdigest())
    body = json.loads(text)
    del body["digest"]
    manifest = _dump({**body, "digest": hashlib.sha256(_dump(body)).hexdigest()})
    members = {**members_of(packed), "discs/manifest.json": manifest, f"discs/{entry.file}": evil}
    pulled = pull(str(make_tar(tmp_path / "evil.tar", members)), there)
    assert pulled.exact_spaces == []
    assert evil not in [path.read_bytes() for path in there.rglob("*.ann")]
    expected = collection.search(item_id="red/0.png", k=5, effort=Effort.EXACT)
    assert [each.item.item_id for each in pulled.search(item_id="red/0.png", k=5).results] == [
        each.item.item_id for each in expected.results
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_rows_that_are_all_alike_do_not_fill_the_memory(packed: Packed, there: Path, tmp_path: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        name = next(name for name in members if "items-" in name)
        table = pq.read_table(io.BytesIO(members[name]))
        many = pa.concat_tables([table.slice(0, 1)] * 4).take(pa.array(np.zeros(4_000_000, np.int32)))
        stream = io.BytesIO()
        pq.write_table(many, stream, compression="zstd", store_schema=False)
        members[name] = stream.getvalue()

    with pytest.raises(CollectionError, match="A file of the collection cannot be read"):
        pull(packed_with(packed, tmp_path / "evil.tar", change), there)
    assert list_collections(there) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_vectors_that_are_none_are_refused(packed: Packed, there: Path, tmp_path: Path, value: float) -> None:
    def change(members: dict[str, bytes]) -> None:
        name = next(name for name in members if "embeddings-" in name)
        embeddings = np.load(io.BytesIO(members[name]))
        embeddings[5] = value
        stream = io.BytesIO()
        np.save(stream, embeddings)
        members[name] = stream.getvalue()

    with pytest.raises(CollectionError, match=r"vectors of.* length 1"):
        pull(packed_with(packed, tmp_path / "evil.tar", change), there)
    assert list_collections(there) == []


@pytest.mark.slow
@pytest.mark.usefixtures("children")
@pytest.mark.parametrize("mib", [256, 512, 1024, 1024 + 20, 1024 + 200, 4096])
def test_a_sound_package_needs_little_memory_whatever_there_is(
    packed: Packed, there: Path, mib: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_MEMORY_BYTES", mib << 20)
    monkeypatch.setattr(publish, "_INDEX_MEMORY_BYTES", mib << 20)
    assert pull(str(packed.path), there).exact_spaces == []


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_what_crashes_whoever_looks_at_it_is_refused(packed: Packed, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_MEMORY_BYTES", 1 << 20)  # so that nothing can be looked at
    with pytest.raises(CollectionError, match="takes more memory or time than one of its size may"):
        pull(str(packed.path), there)
    assert [path.name for path in there.rglob("*") if path.is_file() and path.name[0] != "."] == []


@pytest.mark.slow
@pytest.mark.usefixtures("children")
def test_where_the_index_cannot_be_built_the_collection_is_searched_exactly(
    packed: Packed, there: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publish, "_INDEX_MEMORY_BYTES", 1 << 20)
    collection = pull(str(packed.path), there)
    assert collection.exact_spaces == ["color_histogram"]
    assert len(collection.search(item_id="red/0.png", k=5).results) == 5
    assert "The index of discs cannot be built" in caplog.text


# --- at the start of a page


def test_a_host_pulls_what_it_lacks_once(server: FileServer, packed: Packed, there: Path) -> None:
    settings = Settings(home=there, collections=(reference(server, packed), "https://example.org/no-digest"))
    told: list[tuple[int, int, str]] = []
    problems = ensure_collections(settings, lambda *args: told.append(args))
    assert [problem.message for problem in problems] == ["A package from the web needs its digest."]
    assert list_collections(there) == ["discs"]
    assert told[-2:] == [(packed.size, packed.size, "downloading"), (0, 0, "indexing")]
    n_requests = len(server.requests)
    ensure_collections(settings)
    assert len(server.requests) == n_requests


def test_a_pull_that_was_cut_off_while_it_was_installed_is_done_again(packed: Packed, there: Path) -> None:
    pull(str(packed.path), there)
    remember(Source("package", ""), "discs", there)
    settings = Settings(home=there, collections=(f"{packed.path}#sha256={packed.sha256}",))
    assert ensure_collections(settings) == []
    assert remembered("discs", there) == Source("package", packed.sha256)


def test_collections_to_pull_are_set_by_the_environment() -> None:
    assert Settings.from_mapping({"IMGSEARCH_COLLECTIONS": " a#sha256=1\n b "}).collections == ("a#sha256=1", "b")
    assert Reference.parse(f"a#b#sha256={'0' * 64}") == Reference("a#b", "0" * 64)
