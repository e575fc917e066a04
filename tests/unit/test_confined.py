"""A function in a process of its own, with bounds."""

from __future__ import annotations

import errno
import os
import sys
import time

import pytest

from imgsearch.errors import BuildError
from imgsearch.files.confined import Died, confined

ROOM = {"memory_bytes": 1 << 30, "cpu_s": 20}


def double(number: int) -> dict[str, int]:
    print("something that a library says")
    return {"double": 2 * number, "pid": os.getpid()}


def refuse(words: str) -> None:
    raise BuildError(words, hint="Try another.")


def write(number: int) -> None:
    raise OSError(number, os.strerror(number))


def take(n_bytes: int) -> int:
    return len(bytes(n_bytes))


def work() -> None:
    while time.process_time() < 60:
        pass


def crash() -> None:
    os.abort()


def test_a_function_runs_in_another_process() -> None:
    answer = confined("tests.unit.test_confined:double", 21, **ROOM)
    assert answer["double"] == 42
    assert answer["pid"] != os.getpid()


def test_an_error_of_ours_comes_back_as_it_was() -> None:
    with pytest.raises(BuildError, match=r"^No such file\.$") as caught:
        confined("tests.unit.test_confined:refuse", "No such file.", **ROOM)
    assert caught.value.hint == "Try another."


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_and_is_no_crash(number: int) -> None:
    with pytest.raises(BuildError, match=r"^The disk is full\.$"):
        confined("tests.unit.test_confined:write", number, **ROOM)


def test_another_error_of_the_system_is_a_crash() -> None:
    with pytest.raises(Died):
        confined("tests.unit.test_confined:write", errno.EIO, **ROOM)


@pytest.mark.parametrize("function", ["crash", "missing", "refuse"])
def test_what_crashes_dies_alone(function: str) -> None:
    with pytest.raises(Died):
        confined(f"tests.unit.test_confined:{function}", **ROOM)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such bound")
def test_memory_is_bounded() -> None:
    assert confined("tests.unit.test_confined:take", 300 << 20, **ROOM) == 300 << 20
    with pytest.raises(Died):
        confined("tests.unit.test_confined:take", 1100 << 20, **ROOM)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bound")
def test_processor_time_is_bounded() -> None:
    with pytest.raises(Died):
        confined("tests.unit.test_confined:work", memory_bytes=1 << 30, cpu_s=1)
