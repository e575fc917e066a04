"""A function of ours in a process of its own, with a bound on its memory and time: for files that strangers hand in.

What a file makes of a decoder or reader (a flood of memory, an endless loop, a crash) then costs this one call.
"""

from __future__ import annotations

import json
import logging
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from imgsearch.errors import ImgSearchError, error_of
from imgsearch.files.disk import FULL, disk_is_full

_ROOT = Path(__file__).resolve().parents[2]
_WALL_PER_CPU = 4
"""A process may wait for the disk, and for others, so many times as long as it may work."""
_MAX_LOG_BYTES = 2000
_SPARING = {
    # Every thread of a library takes address space, and so does every arena of the C library.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # Arrow's own allocator takes a gigabyte ahead if it can, which may be all there is.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
_log = logging.getLogger(__name__)


class Died(Exception):
    """The process crashed, or went beyond a bound. It never leaves this package: who calls says what it means."""


def confined(function: str, *arguments: object, memory_bytes: int, cpu_s: int) -> Any:
    """Calls a function in a child process.

    Args:
        function: "imgsearch.package.module:name", importable there.
        arguments: What JSON can hold.
        memory_bytes: Address space that the child may take beside that of the interpreter with our package. Elsewhere than
            on Linux no such bound holds.
        cpu_s: Processor time that it may take, s.

    Returns:
        What the function returns, which JSON must be able to hold.

    Raises:
        Died: it crashed, or went beyond a bound.
        ImgSearchError: what the function raised, a BuildError where it found the disk full.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, **_SPARING, "PYTHONPATH": path}
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, function, str(memory_bytes), str(cpu_s)],
            input=json.dumps(arguments).encode(),
            capture_output=True,
            env=environment,
            timeout=cpu_s * _WALL_PER_CPU,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Died from exc
    if done.returncode:
        _log.warning(
            "%s ended with %d:\n%s", function, done.returncode, done.stderr[-_MAX_LOG_BYTES:].decode(errors="replace")
        )
        raise Died
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise error_of(answer["error"], answer["message"], answer["hint"])
    return answer["result"]


def main(function: str, memory_bytes: int, cpu_s: int) -> None:
    """The child: arguments on stdin, the result or the error on stdout, both as JSON."""
    _bound(memory_bytes, cpu_s)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to the log
    try:
        answer = {"result": pkgutil.resolve_name(function)(*json.load(sys.stdin))}
    except ImgSearchError as exc:
        answer = _told(exc)
    except OSError as exc:
        if exc.errno not in FULL:
            raise
        answer = _told(disk_is_full())  # no fault of the file that it was to read
    with answers:
        json.dump(answer, answers)


def _told(error: ImgSearchError) -> dict[str, str | None]:
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}


def _bound(memory_bytes: int, cpu_s: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    limits = {resource.RLIMIT_CPU: cpu_s, resource.RLIMIT_CORE: 0}
    if sys.platform == "linux":  # macOS takes this bound, and refuses to start anything with it
        n_pages = int(Path("/proc/self/statm").read_text().split()[0])
        limits[resource.RLIMIT_AS] = n_pages * resource.getpagesize() + memory_bytes
    for what, most in limits.items():
        hard = resource.getrlimit(what)[1]
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
