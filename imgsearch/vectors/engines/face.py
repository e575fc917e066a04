"""The face that every engine has: what it is, what it makes of a space's vectors, and how that is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from imgsearch.errors import BuildError
from imgsearch.pictures.items import Rows

Params = Mapping[str, int]
"""What an engine can be told, by name. Nobody else knows what it means."""


class Effort(StrEnum):
    """How hard an engine looks for the nearest rows: what each costs and finds is the engine's own affair."""

    QUICK = "quick"
    """Misses more, for galleries where every millisecond counts."""
    NORMAL = "normal"
    """As the collection was tuned."""
    EXACT = "exact"
    """Compares with everything, and misses nothing."""


class VectorIndex(Protocol):
    """An opened index: answers which rows are near a vector. Safe for threads."""

    n_items: int
    is_exact: bool
    """Whether it compares with everything at any effort."""
    is_asked_for_some: bool
    """Whether it looks for the nearest of some rows itself; else those are compared without it."""

    def nearest(
        self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL, among: Rows | None = None
    ) -> np.ndarray:
        """Rows that are probably among the nearest; surely, where the effort is EXACT.

        Args:
            vector: float32 (dim,), of length 1.
            n: Rows wanted, at least 1.
            effort: How hard to look.
            among: The rows that may be returned, as the gallery says that. Defaults to all.

        Returns:
            int64, at most n distinct rows in no order to rely on, and at least half as many, or all that there are.
        """
        ...

    def n_compared(self, vector: np.ndarray, n: int, *, effort: Effort = Effort.NORMAL) -> int:
        """With how many vectors `nearest` compares this one: its cost in words of no engine, the same on every run."""
        ...


@dataclass(frozen=True)
class Fault:
    """Why an engine cannot be used here: what is wrong, for people; what that means and what to do."""

    sentence: str
    hint: str


@dataclass(frozen=True)
class Param:
    """A whole number that an engine can be told.

    Attributes:
        default: Where nobody has said another.
        least, most: What else may be said.
        shapes_file: Whether another one makes another file; else it only changes how a file is asked.
    """

    default: int
    least: int
    most: int
    shapes_file: bool = True


class Engine(ABC):
    """What makes an index of a space's vectors, in a file of the collection, and opens it.

    Attributes:
        name: In manifests and on the command line.
        label: What people call it.
        suffix: Of its files, "" where it makes none.
        params: What it can be told.
        is_exact: Whether it compares with everything, and so needs no file.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    suffix: ClassVar[str]
    params: ClassVar[Mapping[str, Param]]
    is_exact: ClassVar[bool] = False

    def checked(self, params: Params) -> dict[str, int]:
        """All parameters, with defaults for those that are missing.

        Raises:
            BuildError: there is none of such a name, or a value is out of range.
        """
        if unknown := sorted(params.keys() - self.params.keys()):
            known = f"one of {', '.join(self.params)}" if self.params else "none"
            raise BuildError(f"A parameter of {self.name} must be {known}. Received: {unknown[0]!r}.")
        checked = {name: params.get(name, param.default) for name, param in self.params.items()}
        for name, value in checked.items():
            param = self.params[name]
            if value != param.default and not param.least <= value <= param.most:
                outside = "" if param.least <= param.default <= param.most else f", or {param.default}"
                raise BuildError(
                    f"{name} of {self.name} must be between {param.least:,} and {param.most:,}{outside}. Received: {value}."
                )
        return checked

    def file_params(self, params: Params) -> dict[str, int]:
        """Those that shape the file."""
        return {name: value for name, value in params.items() if self.params[name].shapes_file}

    def fault(self) -> Fault | None:
        """Why it cannot be used here; what needs it goes on with comparing, whose answers are the same or better."""
        return None

    @abstractmethod
    def build(self, embeddings: np.ndarray, path: Path, params: Params) -> None:
        """Writes a file, as one thread: on one machine the same rows and parameters give the same bytes.

        Args:
            embeddings: float32 (n, dim), rows of length 1, n at least 1; may be memory-mapped.
            path: The file to be.
            params: All of them, checked.

        Raises:
            OSError: it cannot be written; `errno` says why.
        """

    @abstractmethod
    def open(self, path: Path, embeddings: np.ndarray, params: Params) -> VectorIndex:
        """Opens a file that is known by its digest to be what `build` wrote of these rows with these parameters.

        Raises:
            OSError: it cannot be read, or does not answer as an index of these rows.
        """

    @abstractmethod
    def grid(self, n_items: int) -> Sequence[Params]:
        """What is worth trying for so many rows, those that share a file next to each other."""

    @abstractmethod
    def words(self, params: Params) -> str:
        """What an index is with these parameters, in a few words."""
