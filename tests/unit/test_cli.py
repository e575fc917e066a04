"""The command line: arguments, exit codes, what goes to stdout and what to stderr."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from imgsearch import Collection, build_collection, embedder_spec, list_collections
from imgsearch.cli import cli, printable
from imgsearch.cli.group import progress_bar
from imgsearch.embedding.backbones import BUNDLED_BACKBONE, DEFAULT_BACKBONE
from imgsearch.errors import BackboneUnavailableError
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.rerank import RERANKINGS
from imgsearch.settings import get_settings
from imgsearch.vectors import projection
from imgsearch.vectors.calibration import Verdict
from tests.conftest import crashing, draw_picture

ROOT = Path(__file__).resolve().parents[2]


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], prog_name="imgsearch")


def build(pictures: Path, *args: object) -> Result:
    return run("build", "discs", "--images", pictures, "--embedder", "color_histogram", *args)


def replace_pictures(folder: Path, *names: str) -> None:
    for path in sorted(folder.rglob("*.png")):
        path.unlink()
    for number, name in enumerate(names):
        draw_picture((200, 40 * number, 0), 1).save(folder / name, "PNG")


# --- build


def test_paths_that_no_shell_expands_are_expanded(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IMGSEARCH_HOME", "~/x")
    monkeypatch.chdir(pictures)
    get_settings.cache_clear()
    commands = [
        ["build", "discs", "--images=~/pictures", "--embedder=color_histogram"],
        ["query", "discs", "~/pictures/red/0.png", "--report=~/answer.csv"],
        ["evaluate", "discs", "--queries=~/pictures"],
        ["pack", "discs", "--output=~/discs.imgsearch.tar"],
        ["pull", "~/discs.imgsearch.tar", "--name=again"],
    ]
    for command in commands:
        result = run(*command)
        assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"pictures", "x", "answer.csv", "discs.imgsearch.tar"}
    assert list_collections(tmp_path / "x") == ["again", "discs"]
    assert sorted(path.name for path in pictures.iterdir()) == ["blue", "green", "red"]


def test_build_says_what_it_made(pictures: Path, home: Path) -> None:
    result = build(pictures, "--title", "Discs")
    assert result.exit_code == 0
    assert result.stdout == (
        "discs is ready, 12 embedded now: 12 pictures, 3 labels, 0 left out; spaces: color_histogram.\n"
    )
    assert Collection.open("discs", home).manifest.title == "Discs"


def test_a_map_that_was_drawn_without_scikit_learn_is_named_and_drawn_anew_where_there_is_some(
    pictures: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "MIN_TSNE_ITEMS", 12)  # all of them
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sklearn", None)  # importing it fails
        for _ in range(2):  # the second finds nothing to do
            result = build(pictures)
            assert "Without scikit-learn, the map shows principal components: color_histogram." in result.stderr
        plain = Collection.open("discs", home).space().projection
    result = build(pictures)
    assert result.stdout.startswith("discs is ready, 0 embedded now")
    assert "scikit-learn" not in result.stderr
    assert not np.allclose(Collection.open("discs", home).space().projection, plain, atol=0.05)
    assert "is up to date" in build(pictures).stdout


def test_a_second_build_says_that_nothing_was_to_do(pictures: Path) -> None:
    build(pictures)
    result = run("build", "discs", "--images", pictures)
    assert result.exit_code == 0
    assert result.stdout == "discs is up to date: 12 pictures, 3 labels, 0 left out; spaces: color_histogram.\n"


def test_build_verify_and_info_say_once_that_there_is_no_index_and_why(pictures: Path) -> None:
    with crashing():
        results = [build(pictures, "--embedder", "color_layout"), run("verify", "discs"), run("info", "discs")]
        assert [result.exit_code for result in results] == [0, 0, 0]
        for result in results:
            reason, hint = result.stderr.splitlines()[-2:]
            assert reason.startswith("Searched by comparing with every picture: color_histogram, color_layout. The annoy")
            assert hint.startswith("Hint: Without it search is exact")
            assert result.stderr.count("annoy package") == 1
        assert results[2].stdout.count("no index") == 2
        assert run("query", "discs", "red/0.png").exit_code == 0
    result = run("build", "discs", "--images", pictures)
    assert "0 embedded now" in result.stdout
    assert "Searched" not in result.stderr


def test_build_lists_what_it_left_out_on_stderr(pictures: Path) -> None:
    (pictures / "bad.jpg").touch()
    result = build(pictures)
    assert result.exit_code == 0
    assert "1 left out" in result.stdout
    assert "Left out bad.jpg: The file is empty.\n" in result.stderr


def test_build_takes_labels_from_a_pattern(pictures: Path, home: Path) -> None:
    assert "4 labels" in build(pictures, "--label-pattern", r"(?P<label>\d)\.png$").stdout
    assert Collection.open("discs", home).items.label_counts == {"0": 3, "1": 3, "2": 3, "3": 3}


def test_build_says_that_it_replaced_a_damaged_collection(pictures: Path, home: Path) -> None:
    build(pictures)
    (home / "discs" / "manifest.json").write_bytes(b"{}")
    result = build(pictures)
    assert result.exit_code == 0
    assert "could not be used and was replaced: The collection's manifest is damaged" in result.stderr


def test_ctrl_c_ends_a_build_with_130(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, progress: Any, **options: object) -> None:
        progress(1, 12, "embedding")
        raise KeyboardInterrupt

    monkeypatch.setattr("imgsearch.cli.build.build_collection", interrupted)
    result = build(pictures)
    assert result.exit_code == 130
    assert "Stopped. The same command goes on from here." in result.stderr


@pytest.mark.parametrize(("arguments", "falls_back"), [((), True), (("--embedder", DEFAULT_BACKBONE), False)])
def test_a_first_build_without_an_embedder_falls_back_to_the_bundled_one(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], falls_back: bool
) -> None:
    asked: list[str] = []

    def fake_build(name: str, directory: Path, *, home: Path, specs: Any, **options: Any) -> Any:
        asked.extend(spec.name for spec in specs)
        if specs[0].name == DEFAULT_BACKBONE:
            raise BackboneUnavailableError("No weights.")
        return build_collection(name, directory, home=home, specs=[embedder_spec("color_histogram")])

    monkeypatch.setattr("imgsearch.cli.build.build_collection", fake_build)
    result = run("build", "discs", "--images", pictures, *arguments)
    assert result.exit_code == (0 if falls_back else 1)
    assert asked == ([DEFAULT_BACKBONE, BUNDLED_BACKBONE] if falls_back else [DEFAULT_BACKBONE])
    assert "No weights." in result.stderr


@pytest.mark.parametrize(
    ("names", "takers"),
    [
        (["mini", "mobilenet_v2", "color_histogram"], ["mobilenet_v2"]),
        (["vgg16"], ["vgg16"]),
        (["mini"], ["mini"]),
        (["vgg16", "mobilenet_v2"], []),
    ],
)
def test_a_weights_file_is_for_the_one_backbone_that_needs_it(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], takers: list[str]
) -> None:
    def fake_build(name: str, directory: Path, *, home: Path, specs: Any, **options: Any) -> Any:
        given.extend(spec.name for spec in specs if spec.weights == digest)
        return build_collection(name, directory, home=home, specs=[embedder_spec("color_histogram")])

    given: list[str] = []
    file = tmp_path / "a.weights.h5"
    with h5py.File(file, "w") as written:
        written.create_group("layers")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr("imgsearch.cli.build.build_collection", fake_build)
    embedders = [part for name in names for part in ("--embedder", name)]
    result = run("build", "discs", "--images", pictures, *embedders, "--weights", file)
    assert (given, result.exit_code) == (takers, 0 if takers else 2)
    assert takers or "Received: vgg16, mobilenet_v2." in result.stderr


# --- query


@pytest.mark.parametrize("kind", ["item", "row", "file"])
def test_a_query_finds_the_same_by_item_row_and_file(collection: Collection, pictures: Path, kind: str) -> None:
    row = collection.items.row_of("red/1.png")
    what = {"item": "red/1.png", "row": row, "file": pictures / "red" / "1.png"}[kind]
    result = run("query", "discs", what, "-k", 3, "--json")
    assert result.exit_code == 0
    page = json.loads(result.stdout)
    assert page["query_item_ids"] == ([] if kind == "file" else ["red/1.png"])
    found = [each["item_id"] for each in page["results"]]
    others = [each.item.item_id for each in collection.search(row=row, k=3).results]
    assert found == (["red/1.png", *others[:2]] if kind == "file" else others)


def test_a_query_takes_a_name_in_another_normal_form(pictures: Path) -> None:
    draw_picture((9, 9, 99), 1).save(pictures / "red" / "caf\u00e9.png")
    build(pictures)
    answers = [
        json.loads(run("query", "discs", f"red/{name}", "--json").stdout) for name in ("caf\u00e9.png", "cafe\u0301.png")
    ]
    assert [answer["query_item_ids"] for answer in answers] == [["red/caf\u00e9.png"]] * 2


def test_a_query_takes_a_region(collection: Collection) -> None:
    region = Region(0.375, 0.333, 0.625, 0.667)
    result = run("query", "discs", "red/3.png", "--region", str(region), "--json")
    found = [each["item_id"] for each in json.loads(result.stdout)["results"]]
    assert found == [each.item.item_id for each in collection.search(item_id="red/3.png", region=region).results]
    refused = run("query", "discs", "red/3.png", "--region", "0,0,1")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "A region must be four numbers, left,top,right,bottom" in refused.stderr


def test_json_is_alone_on_stdout(collection: Collection) -> None:
    result = run("query", "discs", "0", "--json")
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""
    expected = collection.search(row=0).to_json()
    found = json.loads(result.stdout)
    assert found["timings_ms"].keys() == {"search"}
    assert {**found, "timings_ms": 0} == {**expected, "timings_ms": 0}


def test_a_query_prints_a_table(collection: Collection) -> None:
    result = run("query", "discs", "red/0.png", "-k", 2)
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["rank", "distance", "label", "item"]
    found = collection.search(item_id="red/0.png", k=2).results
    assert [line.split() for line in lines] == [
        [str(each.rank), f"{each.distance:.4f}", each.item.label, each.item.item_id] for each in found
    ]
    assert result.stderr.startswith("Like red/0.png (red):\n")
    assert "Space color_histogram, by distance; search" in result.stderr


@pytest.mark.parametrize(("is_foreign", "what"), [(True, "file"), (False, "file"), (True, "item"), (True, "part")])
def test_a_query_by_a_picture_from_outside_says_that_nothing_is_similar(
    collection: Collection, pictures: Path, monkeypatch: pytest.MonkeyPatch, is_foreign: bool, what: str
) -> None:
    search = Collection.search
    monkeypatch.setattr(
        Collection, "search", lambda *args, **named: replace(search(*args, **named), verdict=Verdict(is_foreign, 0.05))
    )
    part = ["--region", "0.2,0.2,0.8,0.8"] if what == "part" else []
    result = run("query", "discs", pictures / "red" / "1.png" if what == "file" else "red/1.png", *part)
    assert result.exit_code == 0
    assert result.stdout.startswith("rank")
    said = "Nothing similar in this collection: the nearest pictures are far away. About 5% of"
    assert (said in result.stderr) == (is_foreign and what == "file")


def test_a_query_takes_a_label_and_a_space(collection: Collection) -> None:
    result = run("query", "discs", "red/0.png", "--label", "blue", "--space", "color_histogram", "--json")
    assert {each["label"] for each in json.loads(result.stdout)["results"]} == {"blue"}


def test_a_query_takes_several_pictures_and_all_options(collection: Collection, pictures: Path) -> None:
    result = run(
        *("query", "discs", "red/0.png", pictures / "green" / "1.png", "--rerank", "expansion", "--max-distance", "1.5"),
        *("--like", "red/1.png", "--unlike", "blue/0.png", "--effort", "exact", "--json"),
    )
    assert result.exit_code == 0
    expected = collection.search(
        item_id="red/0.png",
        picture=pictures / "green" / "1.png",
        rerank="expansion",
        max_distance=1.5,
        liked=["red/1.png"],
        disliked=["blue/0.png"],
    ).to_json()
    found = json.loads(result.stdout)
    assert found["query_item_ids"] == ["red/0.png"]
    assert {**found, "timings_ms": 0} == {**expected, "timings_ms": 0}


def test_a_reranked_answer_says_what_the_ranks_were(collection: Collection) -> None:
    page = collection.search(item_id="red/0.png", liked=["blue/0.png"], k=11)
    assert [result.rank for result in page.results] != [result.rank_before for result in page.results]
    header, *lines = run("query", "discs", "red/0.png", "--like", "blue/0.png", "-k", 11).stdout.splitlines()
    assert header.split() == ["rank", "was", "distance", "label", "item"]
    assert [line.split()[:2] for line in lines] == [[str(each.rank), str(each.rank_before)] for each in page.results]


def test_a_descriptor_is_not_reranked_unless_asked(collection: Collection) -> None:
    assert json.loads(run("query", "discs", "0", "--json").stdout)["rerank"] == ""
    assert json.loads(run("query", "discs", "0", "--json", "--rerank", "diverse").stdout)["rerank"] == "diverse"
    assert json.loads(run("query", "discs", "0", "--json", "--rerank", "none").stdout)["rerank"] == ""


def test_recall_is_told_on_stderr(collection: Collection) -> None:
    result = run("query", "discs", "0", "-k", 3, "--recall")
    assert "The index found 100% of the exact 3 nearest in " in result.stderr


def test_an_item_goes_before_a_file_and_a_file_before_a_row(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_pictures(pictures, "a.png", "1", "b.png")  # rows: "1" is 0, a.png is 1
    build(pictures)
    monkeypatch.chdir(tmp_path)
    assert json.loads(run("query", "discs", "1", "--json").stdout)["query_item_ids"] == ["1"]
    (tmp_path / "2").write_text("a file, but no picture")
    assert run("query", "discs", "2").exit_code == 1
    (tmp_path / "2").unlink()
    (tmp_path / "2").mkdir()
    assert json.loads(run("query", "discs", "2", "--json").stdout)["query_item_ids"] == ["b.png"]


@pytest.mark.parametrize(("name", "start"), [("a.html", b"<!DOCTYPE html>"), ("a.PNG", b"\x89PNG"), ("a.json", b"{")])
def test_a_query_writes_a_report(collection: Collection, pictures: Path, tmp_path: Path, name: str, start: bytes) -> None:
    result = run("query", "discs", pictures / "red" / "0.png", "-k", 1, "--report", tmp_path / name, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["results"][0]["item_id"] == "red/0.png"
    assert (tmp_path / name).read_bytes().startswith(start)
    assert result.stderr == f"Wrote {tmp_path / name}.\n"


def test_a_report_shows_the_picture_that_was_asked_with(collection: Collection, pictures: Path, tmp_path: Path) -> None:
    run("query", "discs", pictures / "red" / "0.png", "--report", tmp_path / "a.html")
    assert b"data:image/jpeg;base64," in (tmp_path / "a.html").read_bytes()
    run("query", "discs", "red/0.png", "--report", tmp_path / "a.html")
    assert b"data:image/jpeg;base64," not in (tmp_path / "a.html").read_bytes()


@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("a.pdf", 2, "must end in one of .html, .png, .csv, .json. Received: 'a.pdf'."),
        ("a", 2, "Received: 'a'."),
        ("none/a.html", 1, "a.html': No such file or directory"),
    ],
)
def test_a_report_that_cannot_be_written_is_an_error(
    collection: Collection, tmp_path: Path, file: str, code: int, words: str
) -> None:
    result = run("query", "discs", "red/0.png", "--report", tmp_path / file)
    assert result.exit_code == code
    assert words in " ".join(result.stderr.split())


def test_a_gallery_of_one_prints_no_table(pictures: Path) -> None:
    replace_pictures(pictures, "only.png")
    build(pictures)
    result = run("query", "discs", "only.png")
    assert (result.exit_code, result.stdout) == (0, "")


# --- evaluate


def test_evaluate_prints_one_table_and_keeps_the_result(collection: Collection, home: Path) -> None:
    result = run("evaluate", "discs")
    assert result.exit_code == 0
    header, rule, *lines = result.stdout.splitlines()
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    assert columns[:5] == ["space", "re-ranking", "precision@1", "precision@5", "mAP"]
    assert set(rule) == {"|", "-"}
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:2] for row in cells] == [["color_histogram", name] for name in ("none", *RERANKINGS)]
    assert {len(row) for row in cells} == {len(columns)} == {rule.count("-") // 3}
    assert cells[0][2] == "1.000 (1.000 to 1.000)"
    assert cells[0][5] == "256"
    assert "color_histogram: 12 queries, 0 left out; worst: " in result.stderr
    assert [each.rerank for each in Collection.open("discs", home).evaluation] == ["", *RERANKINGS]


def test_evaluate_takes_rerankings_and_a_folder_and_keeps_only_the_whole(
    collection: Collection, pictures: Path, home: Path
) -> None:
    result = run("evaluate", "discs", "--rerank", "augmentation", "--json")
    facts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["rerank"] for each in facts] == ["", "augmentation"]
    assert facts[0]["dim"] == 256
    result = run("evaluate", "discs", "--queries", pictures, "--rerank", "diverse", "--json")
    assert [json.loads(line)["n_queries"] for line in result.stdout.splitlines()] == [12, 12]
    assert Collection.open("discs", home).evaluation == ()


# --- list, info, verify


def test_an_empty_home_is_said_on_stderr(home: Path) -> None:
    result = run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No collections yet" in result.stderr


def test_list_shows_sound_and_damaged_collections(collection: Collection, pictures: Path, home: Path) -> None:
    build_collection("broken", pictures, home=home, specs=[embedder_spec("color_histogram")])
    (home / "broken" / "manifest.json").write_bytes(b"{}")
    (home / "half" / "thumbnails").mkdir(parents=True)
    plain, as_json = run("list"), run("list", "--json")
    assert plain.exit_code == as_json.exit_code == 0
    assert plain.stdout.splitlines() == [
        "broken  cannot be used: The collection's manifest is damaged: it does not match its own digest.",
        "discs  12 pictures, 3 labels; color_histogram",
    ]
    broken, sound = (json.loads(line) for line in as_json.stdout.splitlines())
    assert broken.keys() == {"name", "error"}
    assert (sound["name"], sound["n_items"], list(sound["spaces"])) == ("discs", 12, ["color_histogram"])


def test_a_list_reads_no_vectors_but_misses_no_file(collection: Collection, home: Path) -> None:
    embeddings = home / "discs" / collection.manifest.spaces["color_histogram"].embeddings.file
    size = embeddings.stat().st_size
    embeddings.write_bytes(bytes(size))
    assert run("list").stdout == "discs  12 pictures, 3 labels; color_histogram\n"
    assert "has changed since the build" in run("info", "discs").stderr
    embeddings.write_bytes(bytes(size - 1))
    assert run("list").stdout.startswith("discs  cannot be used: spaces/color_histogram/embeddings-")
    items = home / "discs" / collection.manifest.items.file
    items.write_bytes(bytes(items.stat().st_size))
    embeddings.write_bytes(bytes(size))
    assert run("list").stdout == f"discs  cannot be used: The content of {items.name} has changed since the build.\n"


def test_one_picture_is_one_picture(pictures: Path, tmp_path: Path) -> None:
    for folder in ("green", "blue"):
        shutil.rmtree(pictures / folder)
    replace_pictures(pictures, "red/only.png")
    assert "1 embedded now: 1 picture, 1 label, 0 left out" in build(pictures).stdout
    assert run("list").stdout == "discs  1 picture, 1 label; color_histogram\n"
    assert run("info", "discs").stdout.splitlines()[1] == "1 picture, 1 label, 0 left out"
    assert run("duplicates", "discs").stderr.endswith("0 copies of 0 pictures; 0 of them exact.\n")
    run("pack", "discs", "-o", tmp_path / "discs.tar")
    assert run("pull", tmp_path / "discs.tar", "--name", "copy").stdout == "copy is here: discs, 1 picture.\n"
    (pictures / "red" / "only.png").write_text("no picture")
    assert "The only picture cannot be used: The file is not a picture" in build(pictures, "--title", "x").stderr


def test_info_names_what_was_left_out(pictures: Path) -> None:
    (pictures / "bad.jpg").touch()
    build(pictures, "--title", "My discs")
    result = run("info", "discs")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("My discs (discs), updated 20")
    assert lines[1] == "12 pictures, 3 labels, 1 left out"
    assert lines[2].startswith("space color_histogram: 256 dimensions, pooled, float32, Annoy (50 trees), 0.1 MiB")
    assert lines[3].startswith("words: only its 3 labels can be asked for")
    assert lines[4] == "left out bad.jpg: The file is empty."
    facts = json.loads(run("info", "discs", "--json").stdout)
    assert facts["skipped"] == [{"item_id": "bad.jpg", "reason": "The file is empty.", "n": 1}]
    assert facts["spaces"]["color_histogram"]["dim"] == 256


def test_thousands_of_files_of_a_kind_are_one_line_and_counted(pictures: Path) -> None:
    for number in range(1200):
        (pictures / f"{number:04}.txt").touch()
    result = build(pictures)
    assert result.stdout.endswith("12 pictures, 3 labels, 1,200 left out; spaces: color_histogram.\n")
    lines = [line for line in result.stderr.splitlines() if line.startswith("Left out")]
    assert lines == ["Left out *.txt: Not a picture in a known format (1,200 files, such as 0000.txt)."]


def test_many_unreadable_pictures_are_listed_by_info(pictures: Path) -> None:
    for number in range(60):
        (pictures / f"{number:02}.jpg").touch()
    shown = build(pictures).stderr
    assert shown.count("Left out ") == 50
    assert "All that was left out is listed by: python -m imgsearch info discs\n" in shown
    assert run("info", "discs").stdout.count("left out ") == 60


def test_verify_says_whether_every_byte_is_as_it_was(collection: Collection) -> None:
    result = run("verify", "discs")
    assert (result.exit_code, result.stdout) == (0, "discs is sound.\n")
    path = collection.thumbnail_path(collection.items[0])
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    result = run("verify", "discs")
    assert (result.exit_code, result.stdout) == (1, "The thumbnail of 'blue/0.png' has changed.\n")
    path.unlink()
    result = run("verify", "discs")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The thumbnail of 'blue/0.png' is missing.\n")


# --- errors

EMBED = ["cluster", "embed", "--images", ".", "--to", "x"]
NEITHER = "is neither an item of the collection, nor a file, nor a row number."


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["query", "disks", "0"], 1, "There is no collection called 'disks'. There are: discs."),
        (["info", "disks"], 1, "There is no collection called 'disks'."),
        (["verify", "disks"], 1, "There is no collection called 'disks'."),
        (["info", "../discs"], 1, "A collection's name must be 1 to 63 lower-case letters"),
        (["build", "../discs", "--images", "."], 1, "A collection's name must be 1 to 63 lower-case letters"),
        (["build", "weights", "--images", ".", "--embedder", "color_histogram"], 1, "cannot be called 'weights'"),
        (["build", "discs", "--images", "nowhere"], 1, "must be in a folder. Received: 'nowhere'"),
        (["build", "discs", "--images", "empty"], 1, "There are no pictures in 'empty'."),
        (["query", "discs", "12"], 1, "A row must be between 0 and 11. Received: 12."),
        (["query", "discs", "999"], 1, "A row must be between 0 and 11. Received: 999."),
        (["query", "discs", "--", "-1"], 1, "A row must be between 0 and 11. Received: -1."),
        (["query", "discs", "--", "--5"], 1, NEITHER),
        (["query", "discs", "--", "-"], 1, NEITHER),
        (["query", "discs", ""], 1, NEITHER),
        (["query", "discs", "٣"], 1, NEITHER),
        (["query", "discs", "9" * 5000], 1, NEITHER),
        (["query", "discs", "empty"], 1, NEITHER),
        (["query", "discs", "red/9.png"], 1, "Hint: The first of its 12 items is 'blue/0.png', in row 0."),
        (["query", "discs", "text.jpg"], 1, "The file is not a picture in a known format."),
        (["query", "discs", "0", "-k", "0"], 1, "k must be between 1 and 200. Received: k=0."),
        (["query", "discs", "0", "--rerank", "magic"], 2, "'magic' is not one of 'none', 'augmentation'"),
        (["query", "discs", "0", "--max-distance", "3"], 1, "max_distance must be between 0 and 2. Received: 3.0."),
        (["query", "discs", "0", "--like", "gone"], 1, "No picture of this collection is called 'gone'."),
        (["evaluate", "discs", "--label-pattern", "x"], 2, "--label-pattern goes with --queries."),
        (["evaluate", "discs", "--queries", "nowhere"], 1, "must be in a folder. Received: 'nowhere'"),
        (["query", "discs", "0", "-k", "201"], 1, "k must be between 1 and 200. Received: k=201."),
        (["query", "discs", "0", "--label", "pink"], 1, "Hint: Labels are: blue, green, red."),
        (["query", "discs", "0", "--space", "vgg16"], 1, "A space must be one of color_histogram. Received: 'vgg16'."),
        (["query", "discs", "0", "-k", "ten"], 2, "'ten' is not a valid integer"),
        (["query", "discs"], 2, "Say what to search with: WHAT or --words."),
        (["query"], 2, "Missing argument 'NAME'"),
        (["query", "discs", "0", "--what"], 2, "No such option"),
        (["query", "discs", "-1"], 2, "No such option"),
        (["build", "discs"], 2, "exactly one of --images and --dataset"),
        (["build", "discs", "--images", ".", "--embedder", "inception_v9"], 1, "Received: 'inception_v9'"),
        (["build", "discs", "--images", ".", "--embedder", "color_histogram", "--weights", "x"], 2, "exactly one backbone"),
        (["build", "discs", "--images", ".", "--weights", "text.jpg"], 1, "must be HDF5"),
        (["build", "discs", "--images", ".", "--weights", "gone.h5"], 1, "'gone.h5' cannot be used: No such file"),
        ([*EMBED, "--embedder", "cedd", "--weights", "x"], 2, "exactly one backbone"),
        ([*EMBED, "--embedder", "vgg16", "--weights", "gone.h5"], 1, "'gone.h5' cannot be used: No such file"),
        (["serve"], 2, "No such command 'serve'"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    collection: Collection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    exit_code: int,
    message: str,
) -> None:
    work = tmp_path / "work"
    (work / "empty").mkdir(parents=True)
    (work / "text.jpg").write_text("no picture at all")
    monkeypatch.chdir(work)
    result = run(*arguments)
    assert isinstance(result.exception, SystemExit)  # and nothing unforeseen
    assert result.exit_code == exit_code
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert str(tmp_path) not in result.stderr
    assert "Traceback" not in result.stderr
    if exit_code == 1:
        assert all(line.startswith(("Error: ", "Hint: ")) for line in result.stderr.splitlines())


def test_a_bad_setting_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_MAX_UPLOAD_MB", "lots")
    result = run("list")
    assert result.exit_code == 1
    assert result.stderr == "Error: IMGSEARCH_MAX_UPLOAD_MB must be a whole number from 1 to 999999999. Received: 'lots'.\n"


def test_a_home_that_is_a_file_is_an_error_without_its_path(pictures: Path, home: Path) -> None:
    home.touch()
    for result in (build(pictures), run("query", "discs", "0")):
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-2].startswith("Error: ")
        assert str(home) not in result.stderr


# --- what is printed


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")
def test_control_characters_in_names_are_printed_escaped(pictures: Path, home: Path) -> None:
    bad = "bad\x1b[2J\r\n\u202e.jpg"
    good = "good\x1b[31m\n\u009b.png"
    replace_pictures(pictures, good, "other.png")
    draw_picture((0, 0, 200), 1).save(pictures / os.fsdecode(b"latin-\xe9.png"), "PNG")
    (pictures / bad).touch()
    folder = pictures / "lab\x1bel"
    folder.mkdir()
    draw_picture((0, 200, 0), 1).save(folder / "\U0001f408.png")
    results = [
        build(pictures, "--title", "ti\x1b[31mtle\n"),
        run("query", "discs", "other.png"),
        run("query", "discs", good),
        run("query", "discs", "gone\x1b[31m"),
        run("query", "discs", "0", "--label", "\x1b"),
        run("info", "discs"),
        run("list"),
        run("info", "dis\x1bcs"),
    ]
    for result in results:
        text = result.stdout + result.stderr
        assert [char for char in text if not (char.isprintable() or char in "\n\r")] == []
    assert "\r" not in results[5].output
    assert "good\\x1b[31m\\n\\x9b.png" in results[1].stdout
    assert "lab\\x1bel" in results[1].stdout
    assert "\U0001f408.png" in results[1].stdout
    assert "latin-\\xe9.png" in results[1].stdout
    assert "left out bad\\x1b[2J\\r\\n\\u202e.jpg: The file is empty." in results[5].stdout
    assert "ti\\x1b[31mtle\\n (discs)" in results[5].stdout


@pytest.mark.parametrize(
    ("text", "printed"),
    [("plain é \U0001f408", "plain é \U0001f408"), ("a\tb\0", "a\\tb\\x00"), ("\udcff\u2028", "\\udcff\\u2028"), ("", "")],
)
def test_printable_text_holds_nothing_that_moves_the_cursor(text: str, printed: str) -> None:
    assert printable(text) == printed


def test_every_command_has_a_help_text() -> None:
    commands = {name: command.help for name, command in cli.commands.items()}
    assert {"build", "info", "list", "query", "verify"} <= commands.keys()
    assert [name for name, text in commands.items() if not text] == []
    for command in cli.commands.values():
        without_help = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
        assert without_help == []


# --- progress, JSON


def show_work(unit: str = "pictures") -> None:
    with progress_bar(unit) as progress:
        progress(0, 0, "downloading mini")
        progress(0, 3 << 20, "downloading mini")
        progress(1 << 20, 3 << 20, "downloading mini")
        progress(3 << 20, 3 << 20, "downloading mini")
        for done in range(1201):
            progress(done, 1200, "embedding")


def test_a_log_has_a_line_where_a_stage_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    show_work()
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "downloading mini",
        "downloading mini: 3.0 of 3.0 MiB",
        "embedding: 0 of 1,200 pictures",
        "embedding: 1,200 of 1,200 pictures",
    ]


def test_a_log_has_a_line_every_so_often_that_says_how_long_it_will_take(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0, 10)
    monkeypatch.setattr("imgsearch.cli.group.time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr("imgsearch.cli.group.LINE_EVERY_S", 45)
    with progress_bar() as progress:
        for done in range(12):
            progress(done, 12, "embedding")
    assert capsys.readouterr().err.splitlines() == [  # a picture in 10 s, a line in 50
        "embedding: 0 of 12 pictures",
        "embedding: 5 of 12 pictures, 0.1 a second, 01:10 left",
        "embedding: 10 of 12 pictures, 0.1 a second, 00:20 left",
    ]


def test_the_pace_is_that_of_what_was_done_now(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0, 60)
    monkeypatch.setattr("imgsearch.cli.group.time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress_bar() as progress:
        progress(1_000, 2_200, "embedding")  # as an earlier run left it
        progress(1_600, 2_200, "embedding")
        progress(2_200, 2_200, "embedding")
        progress(0, 3 << 20, "downloading mini")
        progress(1 << 20, 3 << 20, "downloading mini")
    assert capsys.readouterr().err.splitlines() == [
        "embedding: 1,000 of 2,200 pictures",
        "embedding: 1,600 of 2,200 pictures, 10.0 a second, 01:00 left",
        "embedding: 2,200 of 2,200 pictures",
        "downloading mini: 0.0 of 3.0 MiB",
        "downloading mini: 1.0 of 3.0 MiB, 02:00 left",
    ]


def test_a_terminal_has_a_bar_a_stage_and_none_for_one_that_did_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_bar() as progress:
        progress(0, 5, "embedding")
        progress(3 << 20, 3 << 20, "downloading")
        progress(0, 5, "embedding")
        progress(5, 5, "embedding")
    left = capsys.readouterr().err.split("\r")[-1]
    assert left.startswith("embedding: 100%")


@pytest.mark.parametrize("is_quiet", [False, True])
def test_quiet_says_nothing_of_how_far_it_is(pictures: Path, is_quiet: bool) -> None:
    (pictures / "bad.jpg").touch()
    result = build(pictures, *["--quiet"] * is_quiet)
    assert ("embedding: 13 of 13 pictures\n" in result.stderr) != is_quiet
    assert "Left out bad.jpg" in result.stderr
    assert result.stdout.startswith("discs is ready")


def test_every_slow_command_can_be_quiet_and_every_result_be_json() -> None:
    def options(name: str) -> set[str]:
        command = cli.commands[name]
        commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        return {option for each in commands for param in each.params for option in param.opts}

    slow = {path.stem for path in (ROOT / "imgsearch" / "cli").glob("*.py") if "progress_bar(" in path.read_text()}
    assert slow >= {"build", "pull", "query"}
    assert [name for name in slow - {"group"} if "--quiet" not in options(name)] == []
    assert [name for name in cli.commands if "--json" not in options(name)] == []


def test_what_makes_and_brings_collections_prints_them_as_info_does(pictures: Path, tmp_path: Path, home: Path) -> None:
    (pictures / "bad.jpg").touch()
    built = json.loads(build(pictures, "--json").stdout)
    info = json.loads(run("info", "discs", "--json").stdout)
    assert info.pop("n_words") == 3  # which only info counts: that reads all class values
    assert built == {**info, "is_unchanged": False, "n_embedded": 12, "device": "", "remarks": []}
    assert info["skipped"] == [{"item_id": "bad.jpg", "reason": "The file is empty.", "n": 1}]
    updated = json.loads(run("update", "discs", "--json").stdout)
    assert updated == {**info, "is_unchanged": True, "n_embedded": 0, "device": "", "remarks": []}
    file = tmp_path / "discs.tar"
    packed = json.loads(run("pack", "discs", "-o", file, "--json").stdout)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    of_file = {"path": str(file), "size": file.stat().st_size, "sha256": sha256}
    assert packed == {**of_file, "without_network": [], "downloaded_weights": []}
    pulled = json.loads(run("pull", file, "--name", "copy", "--json").stdout)
    assert {**pulled, "updated": ""} == {**info, "name": "copy", "updated": ""}
    assert json.loads(run("verify", "copy", "--json").stdout) == {"name": "copy", "problems": []}
    thumbnail = next((home / "copy" / "thumbnails").iterdir())
    thumbnail.write_bytes(bytes(thumbnail.stat().st_size))
    broken = run("verify", "copy", "--json")
    assert broken.exit_code == 1
    assert "has changed" in json.loads(broken.stdout)["problems"][0]


# --- as a program


def test_the_program_builds_and_answers(pictures: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IMGSEARCH_HOME": "here"}

    def program(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "imgsearch", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    built = program("build", "discs", "--images", "pictures", "--embedder", "color_histogram")
    assert (built.returncode, built.stdout.split(":")[0]) == (0, "discs is ready, 12 embedded now")
    assert (tmp_path / "here" / "discs" / "manifest.json").is_file()
    asked = program("query", "discs", "pictures/red/0.png", "-k", "3", "--json")
    assert asked.returncode == 0
    assert {each["label"] for each in json.loads(asked.stdout)["results"]} == {"red"}
    refused = program("query", "discs", "999")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Error: A row must be between 0 and 11. Received: 999.\n"
