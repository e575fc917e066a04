"""Numbers with the English word that goes with them: 1 picture, 2 pictures."""

from __future__ import annotations


class Count(int):
    """A whole number that knows singular from plural: `{n:,} {n:picture|pictures}` in a text that is formatted."""

    def __format__(self, spec: str) -> str:
        one, bar, many = spec.partition("|")
        if not bar:
            return super().__format__(spec)
        return one if self == 1 else many


def counted(n: int, one: str, many: str = "") -> str:
    """`1 copy`, `1,234 copies`; `many` is `one` and an s unless it is given."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
