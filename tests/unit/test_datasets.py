"""From a download or an archive to a collection, and keeping it up to date."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.collection.source import Source, remember, remembered
from imgsearch.errors import BuildError, DownloadError
from imgsearch.files import download
from imgsearch.pictures.items import Skipped
from imgsearch.supply import datasets
from imgsearch.supply.datasets import DATASETS, RemoteFile, prepare_dataset
from imgsearch.supply.sources import update_collection
from tests.conftest import draw_picture, zip_of_windows
from tests.http_server import FileServer, serving

PETS = "oxford_iiit_pet"
LIST = b"""#Image CLASS-ID SPECIES BREED ID
#ID: 1:37 Class ids
Egyptian_Mau_1 1 1 1
Egyptian_Mau_2 1 1 1
great_pyrenees_10 2 2 1
great_pyrenees_11 2 2 1
"""


def tar(members: dict[str, bytes | None]) -> bytes:
    """A tar.gz; None makes a link to /etc/passwd."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            if data is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            member.size = len(data or b"")
            archive.addfile(member, io.BytesIO(data or b""))
    return stream.getvalue()


def jpeg(number: int) -> bytes:
    stream = io.BytesIO()
    draw_picture((200, 60 * number, 0), number).save(stream, "JPEG")
    return stream.getvalue()


IMAGES = {
    "images/Egyptian_Mau_1.jpg": jpeg(0),
    "images/Egyptian_Mau_2.jpg": jpeg(1),
    "images/great_pyrenees_10.jpg": jpeg(2),
    "images/great_pyrenees_11.jpg": b"not a picture",
    "images/._Egyptian_Mau_1.jpg": b"of a Mac",
    "images/Egyptian_Mau_1.mat": b"of MATLAB",
    "images/Egyptian_Mau_3.jpg": jpeg(3),
}
ANNOTATIONS = {"annotations/README": b"...", "./annotations/list.txt": LIST, "annotations/trimaps/list.txt": b"other"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serves a small archive of the same layout; there is a first mirror that has nothing."""
    monkeypatch.setattr(download, "PAUSE_S", 0)
    with serving({"/images.tar.gz": tar(IMAGES), "/annotations.tar.gz": tar(ANNOTATIONS)}) as server:
        offer(server, monkeypatch)
        yield server


def offer(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the server's files the official ones."""
    files = [
        RemoteFile((server.url("/gone" + path), server.url(path)), len(data), hashlib.sha256(data).hexdigest())
        for path, data in server.files.items()
    ]
    monkeypatch.setitem(DATASETS, PETS, replace(DATASETS[PETS], files=files))  # type: ignore[arg-type]


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="imgsearch")


def build_pets() -> Result:
    return run("build", "pets", "--dataset", PETS, "--embedder", "color_histogram")


def test_the_official_files_are_named_with_what_others_know_of_them() -> None:
    images, annotations = DATASETS[PETS].files
    assert images.urls == (
        "https://thor.robots.ox.ac.uk/pets/images.tar.gz",
        "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz",
    )
    # Both lines as tensorflow_datasets has them, in url_checksums/oxford_iiit_pet.txt.
    assert (annotations.size, annotations.sha256) == (
        19173078,
        "52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
    )
    assert (images.size, images.sha256) == (
        791918971,
        "67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
    )


@pytest.mark.parametrize("manner", ["well", "cut", "no ranges", "no length"])
def test_the_pets_are_built_whatever_the_server_does(server: FileServer, manner: str, home: Path) -> None:
    server.manner = manner
    result = build_pets()
    assert result.exit_code == 0, result.output
    assert result.stdout == "pets is ready, 3 embedded now: 3 pictures, 2 labels, 3 left out; spaces: color_histogram.\n"
    collection = Collection.open("pets", home)
    assert [(item.item_id, item.label) for item in collection.items] == [
        ("cat/Egyptian_Mau_1.jpg", "Egyptian_Mau"),
        ("cat/Egyptian_Mau_2.jpg", "Egyptian_Mau"),
        ("dog/great_pyrenees_10.jpg", "great_pyrenees"),
    ]
    not_named = "The annotation list of the dataset does not name it."
    assert collection.skipped[:2] == [Skipped("Egyptian_Mau_1.mat", not_named), Skipped("Egyptian_Mau_3.jpg", not_named)]
    assert collection.skipped[2].item_id == "dog/great_pyrenees_11.jpg"
    assert collection.manifest.title == "Oxford-IIIT Pet: cats and dogs of 37 breeds"
    assert not (home / "downloads" / PETS).exists()
    shown = run("info", "pets").stdout
    assert "License: CC BY-SA 4.0\n" in shown
    assert "https://www.robots.ox.ac.uk/~vgg/data/pets/" in shown


def test_a_second_build_downloads_nothing(server: FileServer) -> None:
    build_pets()
    n_requests = len(server.requests)
    assert build_pets().stdout.startswith("pets is up to date: 3 pictures, 2 labels, 3 left out")
    assert run("update", "pets").stdout.startswith("pets is up to date: 3 pictures, 2 labels, 3 left out")
    assert len(server.requests) == n_requests


def test_a_download_that_failed_goes_on_with_the_next_command(server: FileServer, home: Path) -> None:
    server.manner, server.cut_after = "cut", 100
    result = build_pets()
    assert result.exit_code == 1
    assert "/gone/images.tar.gz could not be downloaded. 127.0.0.1: it answered 404" in result.stderr
    assert "What has come is kept" in result.stderr
    assert not (home / "pets").exists()
    server.manner = "well"
    assert build_pets().exit_code == 0
    assert ("/images.tar.gz", "bytes=300-") in server.requests


def test_another_file_than_the_official_one_is_not_used(server: FileServer, home: Path) -> None:
    server.manner = "wrong"
    result = build_pets()
    assert result.exit_code == 1
    assert "sha256 differs" in result.stderr
    assert not (home / "pictures" / PETS).exists()


@pytest.mark.parametrize("name", ["../../evil.jpg", "/tmp/evil.jpg"])
def test_an_archive_that_leads_out_is_refused(
    server: FileServer, name: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/images.tar.gz"] = tar({**IMAGES, name: jpeg(0)})
    offer(server, monkeypatch)
    result = build_pets()
    assert result.exit_code == 1
    assert "leads out of it" in result.stderr
    assert not [path for path in home.rglob("*") if path.suffix == ".jpg"]


def test_a_link_in_the_archive_is_passed_over(server: FileServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.files["/images.tar.gz"] = tar({"images/great_pyrenees_10.jpg": None, "images/Egyptian_Mau_1.jpg": jpeg(0)})
    offer(server, monkeypatch)
    assert build_pets().exit_code == 0
    assert [item.item_id for item in Collection.open("pets", home).items] == ["cat/Egyptian_Mau_1.jpg"]
    assert not [path for path in home.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("content", [b"Egyptian_Mau_1 1", b"Egyptian_Mau_1 1 3 1", b"\xff"])
def test_annotations_that_are_none_are_refused(
    server: FileServer, content: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["/annotations.tar.gz"] = tar({"annotations/list.txt": content})
    offer(server, monkeypatch)
    with pytest.raises(BuildError, match="annotations of the dataset are not what they should be"):
        prepare_dataset(PETS, home)


def test_a_name_that_is_none_is_refused_before_the_download(server: FileServer) -> None:
    assert "collection's name must be" in run("build", "Pets!", "--dataset", PETS).stderr
    assert server.requests == []


def test_a_host_that_is_down_is_an_error_in_words(server: FileServer, home: Path) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        prepare_dataset(PETS, home)
    by_hand = "Or fetch images.tar.gz elsewhere and give it with --archive FILE."
    assert caught.value.hint == f"Run the same command again later. {by_hand}"


def test_archives_that_were_downloaded_by_hand_need_no_server(server: FileServer, home: Path, tmp_path: Path) -> None:
    downloads = tmp_path / "Downloads"
    downloads.mkdir()
    (downloads / "images (1).tar.gz").write_bytes(server.files["/images.tar.gz"])
    (downloads / "notes.txt").write_text("something else")
    (tmp_path / "a").write_bytes(server.files["/annotations.tar.gz"])
    server.shutdown()
    server.server_close()
    result = run(
        *("build", "pets", "--dataset", PETS, "--embedder", "color_histogram"),
        *("--archive", downloads, "--archive", tmp_path / "a"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout == "pets is ready, 3 embedded now: 3 pictures, 2 labels, 3 left out; spaces: color_histogram.\n"
    assert len(list(downloads.iterdir())) == 2
    assert run("update", "pets").stdout.startswith("pets is up to date")


def test_what_is_not_given_is_downloaded(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "images.tar.gz").write_bytes(server.files["/images.tar.gz"])
    result = run("build", "pets", "--dataset", PETS, "--embedder", "color_histogram", "--archive", tmp_path)
    assert result.exit_code == 0, result.output
    assert {path for path, _ in server.requests} == {"/gone/annotations.tar.gz", "/annotations.tar.gz"}


def test_an_archive_that_is_not_the_official_one_is_refused_before_anything_is_done(
    server: FileServer, home: Path, tmp_path: Path
) -> None:
    content = server.files["/images.tar.gz"]
    (tmp_path / "images.tar.gz").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (tmp_path / "empty").mkdir()
    for name, state in (("images.tar.gz", "is another file"), ("empty", "holds none")):
        result = run("build", "pets", "--dataset", PETS, "--embedder", "color_histogram", "--archive", tmp_path / name)
        assert result.exit_code == 1
        assert f"must be one of its official files. Received: '{name}', which {state}." in result.stderr
        assert f"sha256 {hashlib.sha256(content).hexdigest()}" in result.stderr
    result = run("build", "pets", "--dataset", PETS, "--archive", tmp_path / "gone")
    assert "Error: The archive 'gone' cannot be read (No such file or directory).\n" in result.stderr
    assert server.requests == []
    assert not (home / "pictures" / PETS).exists()


def test_an_archive_goes_with_a_dataset(pictures: Path, tmp_path: Path) -> None:
    result = run("build", "discs", "--images", pictures, "--archive", tmp_path)
    assert result.exit_code == 2
    assert "--archive goes with --dataset" in result.stderr


def test_build_takes_one_source(pictures: Path) -> None:
    for arguments in ((), ("--images", pictures, "--dataset", PETS)):
        result = run("build", "discs", *arguments)
        assert result.exit_code == 2
        assert "exactly one of --images and --dataset" in result.stderr


# --- archives


def pack_zip(pictures: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(pictures.rglob("*.png")):
            archive.write(file, file.relative_to(pictures))
    return path


def test_a_zip_is_built_like_its_folder_and_again_when_it_changes(pictures: Path, home: Path, tmp_path: Path) -> None:
    archive = pack_zip(pictures, tmp_path / "discs.zip")
    result = run("build", "discs", "--images", archive, "--embedder", "color_histogram")
    assert result.exit_code == 0, result.output
    collection = Collection.open("discs", home)
    assert len(collection.items) == 12
    assert collection.items.label_counts == {"blue": 4, "green": 4, "red": 4}
    assert run("update", "discs").stdout.startswith("discs is up to date")
    (pictures / "red" / "0.png").unlink()
    draw_picture((9, 9, 9), 5).save(pictures / "red" / "9.png")
    pack_zip(pictures, archive)
    assert run("update", "discs").stdout.startswith("discs is ready, 1 embedded now: 12 pictures")
    assert "red/9.png" in Collection.open("discs", home).items


def test_what_an_archive_holds_besides_is_listed_also_by_a_later_update(home: Path, tmp_path: Path) -> None:
    others = {".hidden.png": b"x", "a.xcf": b"x", "inner.zip": b"x", "Thumbs.db": b"x"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, data in {"1.jpg": jpeg(1), "2.jpg": jpeg(2), **others}.items():
            archive.writestr(name, data)
    result = run("build", "discs", "--images", tmp_path / "a.zip", "--embedder", "color_histogram")
    assert result.stdout.endswith("2 pictures, 0 labels, 3 left out; spaces: color_histogram.\n")
    assert "Left out .hidden.png: A hidden file.\n" in result.stderr
    assert run("update", "discs").stdout.startswith("discs is up to date: 2 pictures, 0 labels, 3 left out")
    assert [each.item_id for each in Collection.open("discs", home).skipped] == [".hidden.png", "a.xcf", "inner.zip"]


@pytest.mark.parametrize(("name", "reason"), [("a.txt", "in '{}', only 1 *.txt."), ("a.jpg", "The only picture cannot")])
def test_an_archive_without_pictures_is_named_and_leaves_nothing(
    name: str, reason: str, home: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "holidays.zip", "w") as archive:
        archive.writestr(name, b"no picture")
    result = run("build", "discs", "--images", tmp_path / "holidays.zip", "--embedder", "color_histogram")
    assert result.exit_code == 1
    assert reason.format(tmp_path / "holidays.zip") in result.stderr
    assert [path.name for path in home.rglob("*")] == ["pictures"]


def test_an_archive_of_a_collection_that_is_there_is_kept_when_a_build_fails(
    pictures: Path, home: Path, tmp_path: Path
) -> None:
    archive = pack_zip(pictures, tmp_path / "discs.zip")
    arguments = ("build", "discs", "--images", archive, "--embedder", "color_histogram")
    run(*arguments)
    assert run(*arguments, "--label-pattern", "(?P<label>x)").exit_code == 1
    assert len([*(home / "pictures" / "discs").rglob("*.png")]) == 12


def test_names_of_a_windows_zip_are_told_and_may_be_set(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    archive = tmp_path / "pets.zip"
    archive.write_bytes(
        zip_of_windows({f"{label}/{n}.jpg": jpeg(n) for n in range(2) for label in ("강아지", "가")}, "cp949")
    )
    arguments = ("build", "pets", "--images", archive, "--embedder", "color_histogram")
    result = run(*arguments)
    assert "pets.zip does not say how its file names are encoded; they were read as cp949 (Korean)." in result.stderr
    assert list(Collection.open("pets", home).items.label_counts) == ["가", "강아지"]
    assert "they were read as cp949 (Korean)" in run("update", "pets").stderr
    result = run(*arguments, "--encoding", "gbk")
    assert "encoded" not in result.stderr
    chinese = ["강아지".encode("cp949").decode("gbk"), "啊"]
    assert sorted(Collection.open("pets", home).items.label_counts) == sorted(chinese)
    archive.write_bytes(zip_of_windows({"가/1.jpg": jpeg(1), "가/3.jpg": jpeg(3)}, "cp949"))
    run("update", "pets")
    assert list(Collection.open("pets", home).items.label_counts) == ["啊"]


def test_a_source_without_an_encoding_is_written_as_earlier_versions_read_it(home: Path) -> None:
    (home / "x").mkdir(parents=True)
    remember(Source("archive", "/a.zip"), "x", home)
    assert json.loads((home / "x" / "source.json").read_bytes()) == {"kind": "archive", "location": "/a.zip"}
    remember(Source("archive", "/a.zip", "cp949"), "x", home)
    assert remembered("x", home) == Source("archive", "/a.zip", "cp949")


def test_an_encoding_goes_with_an_archive(pictures: Path) -> None:
    result = run("build", "discs", "--images", pictures, "--encoding", "cp949")
    assert (result.exit_code, "--encoding goes with a zip or tar file" in result.stderr) == (2, True)


def test_a_file_that_is_no_archive_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    result = run("build", "discs", "--images", tmp_path / "a.txt")
    assert result.exit_code == 1
    assert "must be a whole zip or tar file" in result.stderr
    assert not (home / "discs").exists()


def test_unpacking_that_failed_leaves_what_was_there(home: Path) -> None:
    folder = home / "pictures" / "x"
    datasets.keep_filled(folder, "1", lambda target: (target / "a").touch())

    def fail(target: Path) -> None:
        (target / "b").touch()
        raise BuildError("no")

    with pytest.raises(BuildError, match="no"):
        datasets.keep_filled(folder, "2", fail)
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == ["a"]
    datasets.keep_filled(folder, "2", lambda target: (target / "c").touch())
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == ["c"]


# --- updates


def test_an_update_adds_drops_and_embeds_only_what_changed(pictures: Path, home: Path) -> None:
    run("build", "discs", "--images", os.path.relpath(pictures), "--embedder", "color_histogram", "--title", "Discs")
    before = {item.item_id: item for item in Collection.open("discs", home).items}
    assert run("update", "discs").stdout.startswith("discs is up to date: 12 pictures")
    (pictures / "red" / "0.png").unlink()
    draw_picture((1, 2, 3), 1).save(pictures / "blue" / "9.png")  # new
    draw_picture((1, 2, 3), 2).save(pictures / "green" / "1.png")  # changed
    os.utime(pictures / "green" / "2.png", (1, 1))  # touched only
    report = update_collection("discs", home)
    after = {item.item_id: item for item in report.collection.items}
    assert report.n_embedded == 2
    assert after.keys() == before.keys() - {"red/0.png"} | {"blue/9.png"}
    assert [name for name in after if name in before and after[name].sha256 != before[name].sha256] == ["green/1.png"]
    assert report.collection.manifest.title == "Discs"
    assert list(report.collection.spaces) == ["color_histogram"]


def test_an_update_needs_to_know_the_source(collection: Collection, home: Path) -> None:
    (home / "discs" / "source.json").unlink()
    with pytest.raises(BuildError, match="not known where the pictures") as caught:
        update_collection("discs", home)
    assert "python -m imgsearch build discs --images DIR" in (caught.value.hint or "")
    assert "no collection called 'nope'" in run("update", "nope").stderr
    remember(Source("package", "0" * 64), "discs", home)
    with pytest.raises(BuildError, match="was pulled, without its pictures"):
        update_collection("discs", home)


def test_what_python_built_is_updated_from_its_folder(pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures.parent)
    build_collection("discs", Path("pictures"), home=home, specs=[embedder_spec("color_histogram")])
    monkeypatch.chdir("/")
    assert update_collection("discs", home).is_unchanged
    (pictures / "red" / "0.png").unlink()
    assert len(update_collection("discs", home).collection.items) == 11


def test_a_build_that_fails_leaves_the_source_as_it_was(collection: Collection, pictures: Path, home: Path) -> None:
    (pictures.parent / "bad").mkdir()
    (pictures.parent / "bad" / "a.jpg").write_text("no picture")
    with pytest.raises(BuildError, match="The only picture cannot be used"):
        build_collection("discs", pictures.parent / "bad", home=home)
    assert remembered("discs", home) == Source("folder", str(pictures))


@pytest.mark.parametrize("is_older", [False, True])
def test_an_update_draws_the_sample_anew(home: Path, monkeypatch: pytest.MonkeyPatch, is_older: bool) -> None:
    def draw(folder: Path, **options: object) -> None:
        for number in range(3):
            draw_picture((200, 0, 0), number).save(folder / f"{number}.png", "PNG")

    monkeypatch.setattr(datasets, "draw_gallery", draw)
    monkeypatch.setattr(datasets, "draw_queries", draw_nothing)
    monkeypatch.setattr(datasets, "embedder_spec", lambda name: embedder_spec("color_histogram"))
    monkeypatch.setattr(datasets, "evaluate_collection", lambda *args, **options: [])
    datasets.build_sample(home)
    assert remembered("sample", home) == Source("sample", "")
    if is_older:
        (home / "sample" / "source.json").unlink()
    (home / "sample-pictures" / "1.png").unlink()
    assert run("update", "sample").stdout.startswith("sample is ")
    assert len(Collection.open("sample", home).items) == 3
    assert remembered("sample", home) == Source("sample", "")


def draw_nothing(folder: Path) -> None:
    pass


def test_an_update_whose_folder_is_gone_leaves_the_collection(pictures: Path, home: Path) -> None:
    run("build", "discs", "--images", pictures, "--embedder", "color_histogram")
    shutil.rmtree(pictures)
    assert "must be in a folder" in run("update", "discs").stderr
    assert len(Collection.open("discs", home).items) == 12


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"null", b"\xff", b'{"kind": "x", "location": "y"}', b'{"kind": "folder", "location": 1}'],
)
def test_a_source_that_makes_no_sense_counts_as_unknown(content: bytes, collection: Collection, home: Path) -> None:
    (home / "discs" / "source.json").write_bytes(content)
    assert remembered("discs", home) is None


def test_the_source_stays_private_and_is_not_swept(pictures: Path, home: Path) -> None:
    run("build", "discs", "--images", pictures, "--embedder", "color_histogram")
    file = home / "discs" / "source.json"
    assert json.loads(file.read_text()) == {"kind": "folder", "location": str(pictures)}
    os.utime(file, (1, 1))
    assert run("build", "discs", "--images", pictures, "--title", "new").exit_code == 0
    assert remembered("discs", home) == Source("folder", str(pictures))
    assert str(pictures).encode() not in b"".join(
        path.read_bytes() for path in (home / "discs").rglob("*") if path.is_file() and path != file
    )
