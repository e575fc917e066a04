"""The number of processors: affinity and a container's limit count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgsearch import processors
from imgsearch.processors import n_processors
from tests.unit.test_architecture import FILES


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of control groups in which this process is in /a/b, on a machine with eight processors."""
    (tmp_path / "groups" / "a" / "b").mkdir(parents=True)
    (tmp_path / "own").write_text("4:memory:/elsewhere\n0::/a/b\n")
    monkeypatch.setattr(processors, "_OWN_GROUP", tmp_path / "own")
    monkeypatch.setattr(processors, "_GROUPS", tmp_path / "groups")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    return tmp_path / "groups"


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 8),
        ({"a/b": "max 100000"}, 8),
        ({"a/b": "200000 100000"}, 2),
        ({"a/b": "150000 100000"}, 2),
        ({"a/b": "50000 100000"}, 1),
        ({"a/b": "max 100000", "a": "300000 100000"}, 3),
        ({"a/b": "400000 100000", "": "100000 50000"}, 2),
        ({"a/b": "1600000 100000"}, 8),
        ({"a/b": "nonsense"}, 8),
    ],
)
def test_the_narrowest_limit_of_a_group_and_those_around_it_counts(
    groups: Path, limits: dict[str, str], expected: int
) -> None:
    for group, limit in limits.items():
        (groups / group / "cpu.max").write_text(limit + "\n")
    assert n_processors() == expected


def test_affinity_counts(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5})
    assert n_processors() == 1


@pytest.mark.parametrize(("found", "expected"), [(6, 6), (None, 1)])
def test_where_there_is_neither_the_machine_counts(
    groups: Path, monkeypatch: pytest.MonkeyPatch, found: int | None, expected: int
) -> None:
    (groups.parent / "own").unlink()
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: found)
    assert n_processors() == expected


def test_nobody_counts_the_processors_of_the_machine() -> None:
    counting = [path.name for path in FILES if "cpu_count" in path.read_text(encoding="utf-8")]
    assert counting == ["processors.py"]
