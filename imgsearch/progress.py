"""How far slow work is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with what is done, what there is in all (pictures, queries or bytes), and what is being done, in a few words."""
ByteProgress = Callable[[int, int], None]
"""Called with bytes that are done, and bytes in all; 0 in all where that is not known."""
