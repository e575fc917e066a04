"""JSON as dataclasses: what is declared comes in, everything else is refused by name."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import pytest

from imgsearch.records import ANY, parse, read


@dataclass(frozen=True)
class Part:
    name: str
    share: float
    limit: int | None = None


@dataclass(frozen=True)
class Whole:
    kind: Literal["new", "old"]
    is_done: bool
    parts: tuple[Part, ...]
    by_k: Mapping[int, float]
    by_name: Mapping[str, Part]
    best: Part | None


@dataclass(frozen=True)
class Grown:
    passed_over: ClassVar = ("colour",)
    part: Part


@dataclass(frozen=True)
class Open:
    passed_over: ClassVar = ANY
    part: Part


PART = Part("a", 0.5, 3)
WHOLE = Whole("new", True, (PART, Part("b", 1.0)), {1: 0.25, 10: 1.0}, {"x": PART}, None)


def data() -> Any:
    return json.loads(json.dumps(asdict(WHOLE)))


def test_what_was_written_comes_back() -> None:
    assert parse(Whole, json.dumps(asdict(WHOLE))) == WHOLE
    assert parse(tuple[Part, ...], b'[{"name": "a", "share": 0.5, "limit": 3}]') == (PART,)


def test_a_whole_number_is_a_number_and_comes_in_as_one() -> None:
    share = read(Part, {"name": "a", "share": 1}).share
    assert (share, type(share)) == (1.0, float)


def change(path: str, value: Any) -> Any:
    changed = data()
    *outer, last = [int(part) if part == "0" else part for part in path.split(".")]
    inner = changed
    for part in outer:
        inner = inner[part]
    inner[last] = value
    return changed


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], r"It must be an object of kind, is_done, parts, by_k, by_name, best\. Received: \[\]\."),
        (change("kind", "newer"), r"kind must be one of new, old\. Received: 'newer'\."),
        (change("kind", ["new"]), r"kind must be one of new, old\. Received: \['new'\]\."),
        (change("is_done", 1), r"is_done must be true or false\. Received: 1\."),
        (change("parts", {}), r"parts must be a list\. Received: \{\}\."),
        (change("parts", "ab"), r"parts must be a list\. Received: 'ab'\."),
        (change("parts.0.name", 7), r"parts\[0\]\.name must be a text\. Received: 7\."),
        (change("parts.0.share", "0.5"), r"parts\[0\]\.share must be a number\. Received: '0\.5'\."),
        (change("parts.0.share", True), r"parts\[0\]\.share must be a number\. Received: True\."),
        (change("parts.0.share", math.nan), r"parts\[0\]\.share must be a number\. Received: nan\."),
        (change("parts.0.share", -math.inf), r"parts\[0\]\.share must be a number\. Received: -inf\."),
        (change("parts.0.share", 10**400), r"parts\[0\]\.share must be a number\. Received: 1000"),
        (change("parts.0.limit", 3.0), r"parts\[0\]\.limit must be a whole number\. Received: 3\.0\."),
        (change("parts.0.limit", False), r"parts\[0\]\.limit must be a whole number\. Received: False\."),
        (
            change("parts.0.colour", "red"),
            r"parts\[0\] must be an object of name, share, limit\. Received: \{'colour': 'red'",
        ),
        (change("parts.0", {"share": 1}), r"parts\[0\] must be an object with name\. Received: \{'share': 1\}\."),
        (change("by_k", []), r"by_k must be an object\. Received: \[\]\."),
        (change("by_k", {"x": 1}), r"A key of by_k must be a whole number\. Received: 'x'\."),
        (change("by_k", {"²": 1}), r"A key of by_k must be a whole number\. Received: '²'\."),
        (change("by_k.1", None), r"by_k\.1 must be a number\. Received: None\."),
        (change("by_name.x", None), r"by_name\.x must be an object of name, share, limit\. Received: None\."),
        (change("best", {}), r"best must be an object with name\. Received: \{\}\."),
    ],
)
def test_what_is_something_else_is_refused_by_name(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read(Whole, wrong)


def test_a_field_that_is_not_known_is_passed_over_where_its_class_says_so_and_only_there() -> None:
    part = asdict(PART)
    assert read(Grown, {"part": part, "colour": "red"}) == Grown(PART)
    assert read(Open, {"part": part, "colour": "red", "": [1]}) == Open(PART)
    for kind, wrong in ((Grown, {"part": part, "size": 1}), (Open, {"part": part | {"size": 1}})):
        with pytest.raises(ValueError, match="must be an object of"):
            read(kind, wrong)


@pytest.mark.parametrize("text", [b"", b"\xff", "{", "[" * 100_000, '{"name": "a"}'])
def test_what_is_no_json_or_another_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse(Part, text)
