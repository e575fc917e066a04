"""What is installed where only the serving set is, and that these tests cannot fall back on anything else."""

from __future__ import annotations

import os
import pkgutil
import re
import subprocess
import sys
from importlib.machinery import PathFinder
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.serving.conftest import ONLY_FOR_BUILDS

ROOT = Path(__file__).resolve().parents[2]
TOOLS = {"pytest", "iniconfig", "pluggy", "pygments", "pip", "setuptools"}


@pytest.mark.skipif("SERVING_SET" not in os.environ, reason="`make test-serving` looks at what is installed there")
def test_nothing_is_installed_but_the_serving_set_and_pytest() -> None:
    listed = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-serve.txt").read_text(encoding="utf-8"), re.MULTILINE)
    installed = {re.sub(r"[-_.]+", "-", each.metadata["Name"]).lower() for each in distributions()}
    assert installed - {*listed, *TOOLS} == set()
    assert [name for name in ONLY_FOR_BUILDS if PathFinder.find_spec(name)] == []


@pytest.mark.parametrize("name", ONLY_FOR_BUILDS)
def test_what_only_builds_need_cannot_be_imported_by_these_tests(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        pkgutil.resolve_name(name)


def test_what_only_builds_need_cannot_be_imported_by_processes_of_these_tests() -> None:
    script = f"import importlib.util; print([n for n in {ONLY_FOR_BUILDS!r} if importlib.util.find_spec(n)])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
