"""Locks: one at a time, nothing left behind, free after a kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest

from imgsearch.errors import BuildError, ImgSearchError
from imgsearch.files import locks
from imgsearch.files.locks import alone

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


def test_the_folder_may_be_renamed_or_removed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "discs"
    path.mkdir()
    with alone(path):
        path.rename(tmp_path / "circles")
        assert not is_free(path)
        assert is_free(tmp_path / "circles")
    assert [each.name for each in tmp_path.iterdir()] == ["circles"]


def test_a_kill_frees_it(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from imgsearch.files.locks import alone\n"
    code += "with alone(Path(sys.argv[1])): print('taken', flush=True); sys.stdin.read()"
    arguments = [sys.executable, "-c", code, str(tmp_path / "discs")]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "taken\n"
        assert not is_free(tmp_path / "discs")
        process.kill()
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
