"""Locks: one at a time, nothing left behind, free after a kill."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from imgsearch.errors import BuildError, ImgSearchError
from imgsearch.files import locks
from imgsearch.files.locks import alone, shared

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks there")


def is_free(path: Path) -> bool:
    try:
        with alone(path):
            return True
    except BuildError:
        return False


@pytest.mark.parametrize("is_there", [True, False])
def test_one_at_a_time_is_alone_and_leaves_nothing(tmp_path: Path, is_there: bool) -> None:
    path = tmp_path / "home" / "discs"
    if is_there:
        path.mkdir(parents=True)
    with alone(path):
        with pytest.raises(BuildError, match="Another build of this collection is running"):
            alone(path).__enter__()
        assert not is_free(path)  # who was refused has taken nothing away
        assert is_free(path.with_name("other"))
    assert is_free(path)
    with pytest.raises(KeyError), alone(path):
        raise KeyError
    assert is_free(path)
    assert [each.name for each in (tmp_path / "home").rglob("*")] == (["discs"] if is_there else [])


@contextmanager
def taken_elsewhere(path: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock, `alone` or `shared`, until its input ends."""
    code = f"import sys; from pathlib import Path; from imgsearch.files.locks import {how}\n"
    code += f"with {how}(Path(sys.argv[1])): print('taken', flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "taken\n"
        yield process
        process.stdin.close()


def test_several_may_share_and_nobody_is_alone_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "networks"
    with taken_elsewhere(path, "shared") as other:
        with shared(path), shared(path):
            assert not is_free(path)
        assert not is_free(path)  # the other one has it still, and its file
        assert [each.name for each in tmp_path.iterdir()] == [".networks.lock"]
        other.communicate()
    assert is_free(path)
    with pytest.raises(KeyError), shared(path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_who_shares_waits_for_who_is_alone(tmp_path: Path) -> None:
    path, has_it = tmp_path / "networks", threading.Event()

    def share() -> None:
        with shared(path):
            has_it.set()

    thread = threading.Thread(target=share)
    with taken_elsewhere(path, "alone") as other:
        thread.start()
        assert not has_it.wait(0.2)
        other.communicate()
        thread.join()
    assert has_it.is_set()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_of_who_shares_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "networks"
    with taken_elsewhere(path, "shared") as process:
        assert not is_free(path)
        process.kill()
        process.wait()
        assert is_free(path)
        with shared(path):
            assert not is_free(path)
    assert list(tmp_path.iterdir()) == []


def test_the_folder_may_be_renamed_or_removed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "discs"
    path.mkdir()
    with alone(path):
        path.rename(tmp_path / "circles")
        assert not is_free(path)
        assert is_free(tmp_path / "circles")
    assert [each.name for each in tmp_path.iterdir()] == ["circles"]


def test_a_kill_frees_it(tmp_path: Path) -> None:
    with taken_elsewhere(tmp_path / "discs", "alone") as process:
        assert not is_free(tmp_path / "discs")
        process.kill()
        process.wait()
        assert list(tmp_path.iterdir()) != []  # a lock that locks nothing any more
        assert is_free(tmp_path / "discs")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_removed_before_it_was_locked_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = alone(tmp_path / "discs")
    first.__enter__()
    real, n_taken = locks.take, 0

    def late(stream: IO[Any], busy: ImgSearchError) -> None:
        nonlocal n_taken
        n_taken += 1
        if n_taken == 1:
            first.__exit__(None, None, None)  # between the second's opening of the file and its lock
        real(stream, busy)

    monkeypatch.setattr(locks, "take", late)
    with alone(tmp_path / "discs"):
        assert n_taken == 2
        assert not is_free(tmp_path / "discs")
    assert list(tmp_path.iterdir()) == []
