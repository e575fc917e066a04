"""Collections that get another name, or go."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imgsearch import Collection, build_collection, embedder_spec, list_collections
from imgsearch.cli import cli
from imgsearch.collection.ledger import Ledger
from imgsearch.collection.source import Source, remembered
from imgsearch.errors import BuildError, CollectionError, CollectionNotFoundError
from imgsearch.measure.judgements import Judgement, JudgementStore
from imgsearch.supply import upkeep
from imgsearch.supply.sources import update_collection
from imgsearch.supply.upkeep import remove_collection, rename_collection

ROOT = Path(__file__).resolve().parents[2]
LIKED = Judgement("2026-11-23T10:00:00+00:00", "Ada", "discs", "mini", "", "a.jpg", "b.jpg", 1, 0.5, True)


def run(*args: object, typed: str = "") -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="imgsearch", input=typed)


def names_in(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir() if path.is_dir())


def archived(pictures: Path, home: Path) -> Path:
    """A collection `zipped`, built of an archive."""
    archive = pictures.parent / "discs.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for file in sorted(pictures.rglob("*.png")):
            written.write(file, file.relative_to(pictures))
    assert run("build", "zipped", "--images", archive, "--embedder", "color_histogram").exit_code == 0
    return archive


# --- rename


def test_a_renamed_collection_is_the_same_with_all_that_belongs_to_it(
    collection: Collection, pictures: Path, home: Path
) -> None:
    store = JudgementStore(home)
    store.add(LIKED)
    store.add(replace(LIKED, collection="other"))
    result = run("rename", "discs", "circles")
    assert (result.exit_code, result.stdout) == (0, "discs is called circles now.\n")
    renamed = Collection.open("circles", home)
    assert (renamed.manifest, list(renamed.items), renamed.verify()) == (collection.manifest, list(collection.items), [])
    assert names_in(home) == ["circles"]
    assert not (home / "circles" / "build.sqlite").exists()
    assert [each.collection for each in store.all()] == ["circles", "other"]
    assert remembered("circles", home) == Source("folder", str(pictures))
    (pictures / "red" / "0.png").unlink()
    assert len(update_collection("circles", home).collection.items) == 11


def test_the_pictures_of_an_archive_go_along_and_are_not_unpacked_again(pictures: Path, home: Path) -> None:
    archive = archived(pictures, home)
    status = (home / "pictures" / "zipped" / "red" / "0.png").stat()
    rename_collection("zipped", "fresh", home)
    assert update_collection("fresh", home).is_unchanged
    assert (home / "pictures" / "fresh" / "red" / "0.png").stat().st_ino == status.st_ino
    assert not (home / "pictures" / "zipped").exists()
    assert remembered("fresh", home) == Source("archive", str(archive))


@pytest.mark.parametrize(
    ("new", "words"),
    [("twin", "called 'twin' already"), ("half", "or a part of one"), ("discs", "already"), ("../x", "name must be"),
     ("weights", "cannot be called 'weights'")],
)  # fmt: skip
def test_a_name_that_cannot_be_had_is_refused(collection: Collection, home: Path, new: str, words: str) -> None:
    shutil.copytree(home / "discs", home / "twin")
    (home / "half" / "thumbnails").mkdir(parents=True)
    with pytest.raises(CollectionError, match=words):
        rename_collection("discs", new, home)
    assert Collection.open("discs", home).verify() == []


def test_one_that_is_not_there_is_said(collection: Collection, home: Path) -> None:
    for act in (lambda: rename_collection("nope", "new", home), lambda: remove_collection("nope", home)):
        with pytest.raises(CollectionNotFoundError, match=r"no collection called 'nope'\. There are: discs\."):
            act()
    assert names_in(home) == ["discs"]


@pytest.mark.parametrize(
    "act", [lambda home: rename_collection("discs", "new", home), lambda home: remove_collection("discs", home)]
)
def test_a_build_that_runs_is_not_disturbed(collection: Collection, home: Path, act: Callable[[Path], None]) -> None:
    code = "import sys; from pathlib import Path; from imgsearch.files.locks import alone\n"
    code += "with alone(Path(sys.argv[1])): print('taken', flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", code, str(home / "discs")]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "taken\n"
        with pytest.raises(BuildError, match="Another build of this collection is running"):
            act(home)
        process.stdin.close()
    assert list_collections(home) == ["discs"]


class _Killed(BaseException):
    pass


@pytest.mark.parametrize("step", ["pictures", "judgements", "folder"])
def test_a_rename_that_was_killed_is_finished_by_the_same_command(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*args: object) -> None:
        raise _Killed

    archived(pictures, home)
    JudgementStore(home).add(replace(LIKED, collection="zipped"))
    with monkeypatch.context() as patch:
        if step == "folder":
            rename = os.rename
            patch.setattr(os, "rename", lambda old, new: killed() if old == home / "zipped" else rename(old, new))
        elif step == "judgements":
            patch.setattr(JudgementStore, "rename_collection", killed)
        else:
            patch.setattr(upkeep, "_move_pictures", killed)
        with pytest.raises(_Killed):
            rename_collection("zipped", "new", home)
    assert Collection.open("zipped", home).verify() == []
    rename_collection("zipped", "new", home)
    assert list_collections(home) == ["new"]
    assert [each.collection for each in JudgementStore(home).all()] == ["new"]
    assert update_collection("new", home).is_unchanged


def test_a_build_that_was_cut_off_goes_on_under_the_new_name(collection: Collection, pictures: Path, home: Path) -> None:
    with closing(Ledger(home / "discs")) as notes:
        notes.add(list(collection.items), {})
    rename_collection("discs", "new", home)
    with closing(Ledger(home / "new")) as notes:
        assert len(notes.items()) == 12


# --- remove


def test_a_removed_collection_is_gone_and_its_pictures_are_not(collection: Collection, pictures: Path, home: Path) -> None:
    JudgementStore(home).add(LIKED)
    result = run("remove", "discs", "--yes")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "discs is removed.\n", "")
    assert names_in(home) == []
    assert len(list(pictures.rglob("*.png"))) == 12
    assert JudgementStore(home).all() == [LIKED]


def test_it_is_asked_before(collection: Collection, home: Path) -> None:
    for typed in ("n\n", ""):
        result = run("remove", "discs", typed=typed)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert "Remove discs (discs, 12 pictures)?" in result.stderr
    assert list_collections(home) == ["discs"]
    assert json.loads(run("remove", "discs", "--json", typed="y\n").stdout) == {"name": "discs", "is_removed": True}
    assert list_collections(home) == []


def test_one_that_cannot_be_opened_or_was_never_finished_can_be_removed(collection: Collection, home: Path) -> None:
    (home / "discs" / "manifest.json").write_bytes(b"{}")
    (home / "half" / "thumbnails").mkdir(parents=True)
    for name in ("discs", "half"):
        assert f"Remove {name}, which cannot be opened?" in run("remove", name, typed="y\n").stderr
    assert names_in(home) == []


def test_what_was_unpacked_from_its_archive_goes_too(pictures: Path, home: Path) -> None:
    archive = archived(pictures, home)
    remove_collection("zipped", home)
    assert archive.is_file()
    assert not (home / "pictures" / "zipped").exists()


def test_a_removal_that_was_killed_is_not_listed_and_finished_by_the_same_command(
    collection: Collection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(_Killed):
            remove_collection("discs", home)
    assert list_collections(home) == []
    remove_collection("discs", home)
    assert names_in(home) == []


def test_a_collection_can_be_built_again_under_the_name_of_one_that_went(
    collection: Collection, pictures: Path, home: Path
) -> None:
    remove_collection("discs", home)
    build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    assert Collection.open("discs", home).verify() == []
