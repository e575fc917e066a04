"""How far slow work is."""

from __future__ import annotations

import threading
from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is in all (pictures, queries or bytes), and what is being done, in a few words."""
ByteProgress = Callable[[int, int], None]
"""Called with bytes that are done, and bytes in all; 0 in all where that is not known."""


def in_turn(progress: Progress | None) -> Progress:
    """A progress that several threads may tell: one after the other. Of None, one that nobody hears."""
    lock = threading.Lock()

    def tell(done: int, total: int, what: str) -> None:
        with lock:
            if progress:
                progress(done, total, what)

    return tell
