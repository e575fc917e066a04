"""An answer without near-copies: of what is asked with, and of results before them.

They are told as in `measure.duplicates`: a pair is proposed by its distance in the space, up to `Calibration.near`, or by
fingerprints, and the details decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from imgsearch.distance import angular_distance, normalize
from imgsearch.retrieval.same_picture import FINGERPRINT_DISTANCE, Look, fingerprint, likeness


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture that others may be copies of.

    Attributes:
        vector: float32 (dim,), of length 1: what it is in the space.
        look: What is compared of it.
        sha256: Of its file; "" where that is not known.
    """

    vector: np.ndarray
    look: Look
    sha256: str = ""

    @cached_property
    def print(self) -> np.ndarray:
        """float32 (64,), of length 1: its fingerprint."""
        unit: np.ndarray = normalize(fingerprint(self.look)[None])[0]
        return unit

    def is_copy_of(self, other: Seen, near: float) -> bool:
        """Whether both hold one picture.

        Args:
            other: The other one.
            near: Largest distance of a pair that the space proposes.
        """
        if self.sha256 and self.sha256 == other.sha256:
            return True
        is_proposed = (
            _distance(self.vector, other.vector) <= near or _distance(self.print, other.print) <= FINGERPRINT_DISTANCE
        )
        return is_proposed and likeness(self.look, other.look).is_same


@dataclass(frozen=True, eq=False)
class Looks:
    """What copies are told by, for a search, which opens no files.

    Attributes:
        of_row: Row -> what is compared of that item.
        outside: The same of the pictures from outside that are asked with, in their order.
    """

    of_row: Callable[[int], Look]
    outside: Sequence[Look] = ()


def without_copies(
    rows: Iterable[int], k: int, asked: Sequence[Seen], *, see: Callable[[int], Seen], near: float
) -> tuple[list[int], int]:
    """The first k of some rows that are near-copies neither of what is asked with nor of one that is kept before them.

    Args:
        rows: The best first; no more of them are looked at than it takes.
        k: So many are wanted.
        asked: What is asked with.
        see: Row -> what it is compared by.
        near: See `Seen.is_copy_of`.

    Returns:
        The rows, and how many were left out before the last of them.
    """
    kept: list[int] = []
    seen = list(asked)
    n_left_out = 0
    for row in rows:
        if len(kept) == k:
            break
        this = see(row)
        if any(this.is_copy_of(other, near) for other in seen):
            n_left_out += 1
        else:
            kept.append(row)
            seen.append(this)
    return kept, n_left_out


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(angular_distance(a[None], b)[0])
