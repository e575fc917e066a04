"""What a folder or an archive holds that does not become an item: counted and listed, a line for many of a kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from imgsearch.pictures.items import Skipped
from imgsearch.reasons import say

_MOST_NAMED = 5
_MOST_KINDS = 40
_MOST_CHARACTERS = 200
_MOST_TOLD = 3
_HIDDEN = ".*"


@dataclass
class _Kind:
    """How many there are of one pattern and reason, and the names of the first."""

    n: int = 0
    names: list[str] = field(default_factory=list)


class LeftOut:
    """Counts what is passed over, by suffix and reason. Memory is bounded, whatever is added."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def add(self, name: str, reason: str) -> None:
        """Notes a file.

        Args:
            name: Its path below the folder, with forward slashes.
            reason: Why it is passed over, a few words without a full stop.
        """
        key = (_pattern(name), reason)
        if key not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            key = ("*", reason)
        kind = self._kinds.setdefault(key, _Kind())
        kind.n += 1
        if len(kind.names) < _MOST_NAMED:
            kind.names.append(name.encode(errors="backslashreplace").decode()[:_MOST_CHARACTERS])

    def skipped(self) -> list[Skipped]:
        """A line for each file of a kind that there are few of, and a single one for many, by name."""
        lines = []
        for (pattern, reason), kind in self._kinds.items():
            if kind.n > _MOST_NAMED:
                lines.append(Skipped(pattern, f"{say('many', reason=reason, n=kind.n, name=kind.names[0])}.", kind.n))
            else:
                lines += [Skipped(name, f"{reason}.") for name in kind.names]
        return sorted(lines, key=lambda line: line.item_id)

    def summary(self) -> str:
        """The most frequent kinds in a few words, such as "12 *.ppm, 3 *.txt"; "" where there is none."""
        counts: dict[str, int] = {}
        for (pattern, _), kind in self._kinds.items():
            counts[pattern] = counts.get(pattern, 0) + kind.n
        most = sorted(counts, key=lambda pattern: -counts[pattern])
        told = [f"{counts[pattern]:,} {pattern}" for pattern in most[:_MOST_TOLD]]
        return ", ".join([*told, *(["..."] if len(most) > _MOST_TOLD else [])])


def _pattern(name: str) -> str:
    path = PurePosixPath(name)
    if any(part.startswith(".") for part in path.parts):
        return _HIDDEN
    suffix = path.suffix.lower()
    return f"*{suffix}" if suffix[1:].isalnum() and len(suffix) < 10 else "*"
