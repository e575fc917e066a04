"""What libraries of C++ print to descriptor 2 by themselves, kept from the reader of our messages."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

_one_at_a_time = threading.RLock()
"""Of two threads that overlap, the later would put back the silence of the earlier, for good."""


@contextlib.contextmanager
def quiet_stderr(unless_loaded: str = "") -> Iterator[None]:
    """Nothing of what the process prints to descriptor 2 meanwhile is seen.

    Args:
        unless_loaded: A module that prints only when it is imported: nothing is done where that has been.
    """
    if unless_loaded in sys.modules:
        yield
        return
    with _one_at_a_time:
        sys.stderr.flush()
        kept = os.dup(2)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(silence)
