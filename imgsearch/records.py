"""JSON -> dataclasses, by the types that their fields declare. Nothing is converted in silence: 1 is neither true nor "1".

A type is a bool, int, float, str, dataclass, `Literal` of texts, `tuple[X, ...]`, `Mapping[str, X]`, `Mapping[int, X]`, or
one of these or None. A field with a default may be missing. One that is not known is refused, unless its class says so:

    @dataclass(frozen=True)
    class Evaluation:
        passed_over: ClassVar = ANY    # or the names of what other versions write
"""

from __future__ import annotations

import json
import reprlib
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class _Any:
    def __contains__(self, name: object) -> bool:
        return True


ANY: Final = _Any()
"""Every name."""
_WORDS = {bool: "true or false", int: "a whole number", str: "a text"}


def parse(kind: type[T], text: str | bytes) -> T:
    """A value of that type from JSON.

    Raises:
        ValueError: `text` is no JSON, or that of something else: see `read`.
    """
    try:
        data = json.loads(text)
    except RecursionError as exc:
        raise ValueError("JSON must not be nested so deeply.") from exc
    return read(kind, data)


def read(kind: type[T], data: Any) -> T:
    """A value of that type from what `json.loads` gives.

    Raises:
        ValueError: `data` is something else; the message says which field must be what, and what was received. What a class
            raises of itself when it is made goes through.
    """
    value: T = _value(kind, data, "It")
    return value


def _value(kind: Any, data: Any, where: str) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if NoneType in parts:
        (kind,) = (part for part in parts if part is not NoneType)
        return None if data is None else _value(kind, data, where)
    if is_dataclass(kind):
        return _object(kind, data, where)
    if origin is tuple:
        _check(isinstance(data, list), where, "a list", data)
        return tuple(_value(parts[0], value, f"{where}[{n}]") for n, value in enumerate(data))
    if origin is Mapping:
        _check(isinstance(data, dict), where, "an object", data)
        return {_key(parts[0], key, where): _value(parts[1], value, f"{where}.{key}") for key, value in data.items()}
    if origin is Literal:
        _check(isinstance(data, str) and data in parts, where, f"one of {', '.join(parts)}", data)
    elif kind is float:
        is_number = type(data) in (int, float) and abs(data) <= sys.float_info.max  # NaN is not either
        _check(is_number, where, "a number", data)
        return float(data)
    else:
        _check(type(data) is kind, where, _WORDS[kind], data)
    return data


def _object(kind: Any, data: Any, where: str) -> Any:
    known, passed_over = _fields(kind), getattr(kind, "passed_over", ())
    is_object = isinstance(data, dict) and all(name in known or name in passed_over for name in data)
    _check(is_object, where, f"an object of {', '.join(known)}", data)
    for name, (_, is_required) in known.items():
        _check(name in data or not is_required, where, f"an object with {name}", data)
    prefix = "" if where == "It" else f"{where}."
    return kind(**{name: _value(each, data[name], prefix + name) for name, (each, _) in known.items() if name in data})


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Name -> type, and whether it must be there."""
    types = get_type_hints(kind)
    return {each.name: (types[each.name], each.default is each.default_factory is MISSING) for each in fields(kind)}


def _key(kind: Any, key: str, where: str) -> Any:
    """JSON has no keys but texts."""
    if kind is str:
        return key
    _check(key.isascii() and key.isdigit(), f"A key of {where}", _WORDS[kind], key)
    return int(key)


def _check(is_right: bool, where: str, words: str, data: Any) -> None:
    if not is_right:
        raise ValueError(f"{where} must be {words}. Received: {reprlib.repr(data)}.")
