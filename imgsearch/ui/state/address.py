"""The address: written by callbacks and links, read one parameter at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode

import streamlit as st

from imgsearch.pictures.items import nfc
from imgsearch.ui.texts import language, t
from imgsearch.ui.texts.markdown import escape

Value = str | int | float | Iterable[str] | None
"""What a parameter is set to: None, "" and False take it out, True is "1", several strings repeat it."""

PICTURES = ("item", "upload", "example")
"""Parameters that name what is searched with."""
WORDS = ("words", "not")
"""Parameters with words: the question where there are no PICTURES, else what results are to show and not to show."""
OF_A_QUERY = (*PICTURES, "region", "liked", "disliked", "why")
"""Parameters that mean nothing once something else is searched with."""
OF_A_COLLECTION = ("space", *OF_A_QUERY, *WORDS, "label", "space2", "browse", "page", "keep", "group_page")
"""Parameters that mean nothing in another collection."""
PARAMETERS = frozenset(
    ("lang", "view", "collection", *OF_A_COLLECTION, "k", "max_distance", "without_copies", "rerank", "effort")
)
_MAX_SHOWN = 64
_T = TypeVar("_T")


def link(params: Mapping[str, list[str]], **changes: Value) -> str:
    """An address like `?item=cat.jpg&k=5`: parameters with some of them changed."""
    return "?" + urlencode(_changed(params, changes), doseq=True)


def go(**changes: Value) -> None:
    """Changes parameters of the address, as one step for Back. For callbacks."""
    st.query_params.from_dict(_changed(_current(), changes))


def search(**pictures: Value) -> None:
    """Searches with something else and leaves the rest as it is: `search(item="cat.jpg")`. For callbacks."""
    params = _current()
    left = () if any(map(params.get, PICTURES)) or not params.get("words") else WORDS
    go(**{**dict.fromkeys((*OF_A_QUERY, *left)), **pictures})


def search_words(*words: str) -> None:
    """Searches with words alone and leaves the rest as it is. For callbacks."""
    go(**{**dict.fromkeys((*OF_A_QUERY, *WORDS)), "words": words})


def follow(href: str) -> None:
    """Goes where a link made by `link` leads, in this session. For callbacks."""
    given = parse_qs(href.removeprefix("?"))
    st.query_params.from_dict({name: values for name, values in given.items() if name in PARAMETERS})


def widget_key(name: str, lang: str) -> str:
    """Session key of the widget that is tied to a parameter, in a language.

    Streamlit takes a widget with other words for another widget, which would have lost its value: so it is one.
    """
    return f"{name}_{lang}"


def bound(name: str, value: object, widget: str = "", /, *, absent: object = None, **also: Value) -> dict[str, Any]:
    """Arguments that tie a widget to a parameter: it shows what the address says, and a change of it writes the address.

    Example:
        >>> st.slider(t("search.k"), 1, 60, **state.bound("k", view.ask.k))

    Args:
        name: The parameter.
        value: What the view read from the address.
        widget: What tells the widget from another that is tied to the same parameter.
        absent: The value for which the address has no parameter, where that is not one that `link` leaves out anyway.
        also: Further parameters to change with it, such as `page=None`.
    """
    key = widget_key(widget or name, language())
    # In every run: where two runs follow each other at once, the browser may not have seen what the first one set.
    st.session_state[key] = value
    known = value

    def changed() -> None:
        nonlocal known
        # Streamlit calls this also for a widget that comes back as it was, and then the address is not to change.
        if st.session_state[key] != known:
            known = st.session_state[key]
            go(**{name: None if known == absent else known, **also})

    return {"key": key, "on_change": changed}


def _current() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _changed(params: Mapping[str, list[str]], changes: Mapping[str, Value]) -> dict[str, list[str]]:
    unknown = changes.keys() - PARAMETERS
    if unknown:
        raise TypeError(f"There are no such parameters of the address: {', '.join(sorted(unknown))}.")
    merged = {**params, **{name: _strings(value) for name, value in changes.items()}}
    return {name: values for name, values in merged.items() if values}


def _strings(value: Value) -> list[str]:
    if value is None or value is False or value == "":
        return []
    if isinstance(value, bool):
        return ["1"]
    if isinstance(value, str | int | float):
        return [f"{value:g}" if isinstance(value, float) else str(value)]
    return list(value)


class Reader:
    """Reads the address; whatever is nonsense there becomes the default, with a note.

    Attributes:
        params: What was good and is not the default: the parameters that links carry on.
        notes: What could not be used, in Markdown.
    """

    def __init__(self, params: Mapping[str, list[str]] = MappingProxyType({}), notes: Iterable[str] = ()) -> None:
        """Args: what has been read before."""
        self.params = dict(params)
        self.notes = list(notes)

    def one(
        self, name: str, parse: Callable[[str], _T | None], default: _T, *, is_noted: bool = True, **words: object
    ) -> _T:
        """A parameter that occurs once.

        Args:
            name: Of the parameter; `note.<name>` is what is said of nonsense.
            parse: Text -> value, or None where it is nonsense.
            default: The value where there is none.
            is_noted: Whether nonsense is worth a note.
            words: Values for the note beside `asked` and `default`.
        """
        asked = st.query_params.get(name)
        if not asked:
            return default
        value = parse(asked)
        if value is None:
            if is_noted:
                self.note(f"note.{name}", asked=asked, default=default, **words)
            return default
        if value != default:
            self.params[name] = [asked]
        return value

    def many(
        self, name: str, parse: Callable[[str], str | None], *, most: int, too_many: str = "note.too_many"
    ) -> tuple[str, ...]:
        """A parameter that may be repeated: what is usable of it, each once, in order.

        Args:
            name: Of the parameter; `note.<name>` is what is said of the first value that cannot be used.
            parse: Text -> value, or None where it is nonsense.
            most: So many are taken.
            too_many: What is said where there are more.
        """
        parsed = {asked: parse(asked) for asked in st.query_params.get_all(name) if asked}
        values = list(dict.fromkeys(filter(None, parsed.values())))
        nonsense = [asked for asked, value in parsed.items() if not value]
        if nonsense:
            self.note(f"note.{name}", asked=nonsense[0])
        if len(values) > most:
            self.note(too_many, most=most)
        if values:
            self.params[name] = values[:most]
        return tuple(values[:most])

    def asked(self, name: str) -> str:
        """A parameter as it stands in the address, "" where it does not."""
        return str(st.query_params.get(name, ""))

    def all(self, name: str) -> list[str]:
        """A parameter that may be repeated, as it stands in the address."""
        return st.query_params.get_all(name)

    def drop(self, name: str, *, note: str) -> None:
        """Leaves out a parameter that does not go with another."""
        del self.params[name]
        self.note(note)

    def note(self, key: str, *, asked: str = "", **words: object) -> None:
        """Notes in words what could not be used."""
        self.notes.append(t(key, asked=escape(asked[:_MAX_SHOWN]), **words))


def choice(options: Iterable[str]) -> Callable[[str], str | None]:
    """Parses one of these names, in whatever normal form it is written."""
    known = frozenset(options)
    return lambda text: next((name for name in (text, nfc(text)) if name in known), None)


def whole_number(low: int, high: int) -> Callable[[str], int | None]:
    """Parses a whole number in that range, both ends included."""

    def parse(text: str) -> int | None:
        is_number = text.isascii() and text.isdigit() and len(text) <= 9
        return int(text) if is_number and low <= int(text) <= high else None

    return parse


def decimal(low: float, high: float) -> Callable[[str], float | None]:
    """Parses a number such as 0.85 in that range, both ends included."""

    def parse(text: str) -> float | None:
        is_number = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 9
        return float(text) if is_number and low <= float(text) <= high else None

    return parse
