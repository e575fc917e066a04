"""`cluster embed` on a Ray cluster of two processors: the same as a build, whoever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch import build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.errors import BackboneError, BuildError
from imgsearch.scale import actors, embed
from imgsearch.scale.actors import Actor
from imgsearch.scale.embed import embed_pictures
from tests.cluster.conftest import N_PICTURES, check_equal, rows_of
from tests.cluster.failing import Deadly, Unable

pytest.importorskip("ray", reason="`make test-cluster` has Ray")
pytestmark = pytest.mark.usefixtures("cluster")
SPEC = embedder_spec("color_histogram")


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "SHARD_ROWS", 2)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def descendants(parent: int) -> Iterator[int]:
    """Processes that a process has started, and those that they have."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, after_name = stat.read_text().rpartition(")")
        except OSError:
            continue
        if int(after_name.split()[1]) == parent:
            yield int(stat.parent.name)
            yield from descendants(int(stat.parent.name))


def actors_of(parent: int) -> list[int]:
    """Processes of actors of the cluster that a process has started."""
    titles = {pid: Path(f"/proc/{pid}/cmdline") for pid in descendants(parent)}
    return [pid for pid, title in titles.items() if title.exists() and b"MapBatches(Actor)" in title.read_bytes()]


@pytest.mark.parametrize("name", ["color_histogram", "mini"])
def test_the_result_is_that_of_a_build(name: str, made: Path, tmp_path: Path, home: Path) -> None:
    spec = embedder_spec(name)
    report = embed_pictures(str(made), spec, str(tmp_path / "to"), home=home)
    built = build_collection("made", made, home=home, specs=[spec])
    assert (report.dataset.n_items, report.dataset.n_skipped, report.n_embedded) == (N_PICTURES, 1, N_PICTURES + 1)
    assert len(report.dataset.shards) > 1
    check_equal(rows_of(str(tmp_path / "to")), built.collection)
    thumbnails = tmp_path / "to" / "thumbnails"
    assert content(thumbnails) == content(home / "made" / "thumbnails")


def test_a_second_run_embeds_nothing_and_changes_nothing(made: Path, tmp_path: Path, home: Path) -> None:
    to = tmp_path / "to"
    embed_pictures(str(made), SPEC, str(to), home=home)
    before = content(to)
    told: list[tuple[int, int, str]] = []
    again = embed_pictures(str(made), SPEC, str(to), home=home, progress=lambda *each: told.append(each))
    assert again.n_embedded == 0
    assert content(to) == before
    assert told[-1] == (N_PICTURES + 1, N_PICTURES + 1, "embedding")


def test_the_command_tells_what_it_made(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "SHARD_ROWS", 512)
    arguments = ["cluster", "embed", "--images", str(made), "--embedder", "color_histogram", "--to", str(tmp_path / "to")]
    outcome = CliRunner().invoke(cli, arguments)
    assert outcome.exit_code == 0
    assert f"41 embedded now: {N_PICTURES} pictures in 1 shard, 1 left out." in outcome.stdout


def test_a_killed_actor_costs_nothing(made: Path, tmp_path: Path, home: Path) -> None:
    killed = []

    def kill(done: int, total: int, what: str) -> None:
        if 0 < done < total and not killed:
            killed.extend(actors_of(os.getpid()))
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    embed_pictures(str(made), SPEC, str(tmp_path / "to"), home=home, progress=kill)
    assert killed
    embed_pictures(str(made), SPEC, str(tmp_path / "undisturbed"), home=home)
    assert content(tmp_path / "to") == content(tmp_path / "undisturbed")


DRIVER = """
import sys, pathlib
from imgsearch import embedder_spec
from imgsearch.scale import embed
images, to, home = sys.argv[1:]
embed.SHARD_ROWS = 2
embed.embed_pictures(images, embedder_spec("color_histogram"), to, home=pathlib.Path(home),
                     progress=lambda done, total, what: print(done, total, flush=True))
"""


def test_what_a_killed_driver_had_done_is_not_done_again(made: Path, tmp_path: Path, home: Path) -> None:
    to = tmp_path / "to"
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(made), str(to), str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_ADDRESS": "local"},
    )
    assert driver.stdout
    progress = (line.split() for line in driver.stdout)
    done = next(int(done) for done, total in progress if 0 < int(done) < int(total))
    driver.kill()
    driver.wait()
    assert not (to / "dataset.json").exists()
    report = embed_pictures(str(made), SPEC, str(to), home=home)
    assert 0 < report.n_embedded <= N_PICTURES + 1 - done
    embed_pictures(str(made), SPEC, str(tmp_path / "undisturbed"), home=home)
    assert content(to) == content(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    ("actor", "error", "message"),
    [(Unable, BackboneError, "It cannot be made."), (Deadly, BuildError, r"could not \(ActorUnavailableError\)")],
)
def test_what_goes_wrong_in_an_actor_ends_the_run(
    actor: type[Actor],
    error: type[Exception],
    message: str,
    made: Path,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(actors, "Actor", actor)
        with pytest.raises(error, match=message):
            embed_pictures(str(made), SPEC, str(tmp_path / "to"), home=home)
    assert not (tmp_path / "to" / "dataset.json").exists()
    assert embed_pictures(str(made), SPEC, str(tmp_path / "to"), home=home).dataset.n_items == N_PICTURES
