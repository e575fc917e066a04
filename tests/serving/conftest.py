"""What answers, with no more than requirements-serve.txt names.

`make test-serving` runs these in an environment of that, and sets SERVING_SET. They are a part of `make test` too, where
what the serving set does not have is hidden from them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.app.conftest import _nobody_was_here, no_leftovers

__all__ = ["_nobody_was_here", "no_leftovers"]

ONLY_FOR_BUILDS = ("tensorflow", "keras", "h5py", "sklearn", "scipy", "skimage", "threadpoolctl", "joblib")


@pytest.fixture(autouse=True)
def _without_what_only_builds_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing one of these fails, here and in the processes that are started from here."""
    for name in (*ONLY_FOR_BUILDS, *(each for each in sys.modules if each.split(".")[0] in ONLY_FOR_BUILDS)):
        monkeypatch.setitem(sys.modules, name, None)
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({ONLY_FOR_BUILDS!r}))\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
