"""Finding duplicates for the page: once for each build of a collection, in a process of its own, one collection at a time.

It takes some milliseconds of processor time a picture, in which the page has others to serve.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import streamlit as st

import imgsearch
from imgsearch.collection.collection import Collection
from imgsearch.errors import ImgSearchError, WorkerError, error_of
from imgsearch.measure.duplicates import DuplicateGroup
from imgsearch.records import read

MAX_FOUND = 32
"""Collections whose duplicates are remembered."""
_PROGRAM = "imgsearch.measure.duplicates_program"
_ROOT = Path(imgsearch.__file__).resolve().parents[1]
_turn = threading.Lock()
_log = logging.getLogger(__name__)


class Finding:
    """The work and how far it is; shared by all visitors.

    Attributes:
        done, total, what: See `Progress`; 0, 0 and "" before it begins.
        groups: What was found; None before that, and where it failed.
        error: What went wrong, or None.
    """

    def __init__(self, home: Path, name: str) -> None:
        """Begins, in the background."""
        self.done, self.total, self.what = 0, 0, ""
        self.groups: tuple[DuplicateGroup, ...] | None = None
        self.error: ImgSearchError | None = None
        self._command = [sys.executable, "-m", _PROGRAM, str(home.resolve()), name]
        self._is_over = threading.Event()
        threading.Thread(target=self._find, name=f"duplicates of {name}", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether there are groups or an error."""
        return self._is_over.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Waits until it is over; returns whether it is."""
        return self._is_over.wait(timeout_s)

    def _find(self) -> None:
        try:
            with _turn:
                self._run()
        except (OSError, ValueError) as exc:
            _log.exception("duplicates could not be looked for")
            self.error = WorkerError("Looking for duplicates has failed.", hint="Try again.")
            self.error.__cause__ = exc
        finally:
            self._is_over.set()

    def _run(self) -> None:
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        # Threads of a library would take the processors from who is served; its errors go to the page's log.
        environment = {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        last: dict[str, Any] = {}
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                last = json.loads(line)
                if "done" in last:
                    self.done, self.total, self.what = last["done"], last["total"], last["what"]
        if "error" in last:
            self.error = error_of(last["error"], last["message"], last["hint"])
        elif "groups" in last:
            self.groups = read(tuple[DuplicateGroup, ...], last["groups"])
        else:
            raise ValueError(f"it ended with {process.returncode}")


def find(collection: Collection) -> Finding:
    """The work on this build of a collection; begun where nobody has asked before, and anew where it had failed."""
    it = collection.description
    build = it.digest, it.spaces[collection.default_space].digest
    key = str(collection.home), collection.name, build
    finding = _finding(*key)
    if finding.error:
        _finding.clear(*key)  # for the next who asks
    return finding


@st.cache_resource(max_entries=MAX_FOUND, show_spinner=False)
def _finding(home: str, name: str, build: tuple[str, str]) -> Finding:
    del build  # only a part of the key
    return Finding(Path(home), name)
