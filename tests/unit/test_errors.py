"""The tree of errors."""

from __future__ import annotations

import inspect
import re

import pytest

from imgsearch import errors
from imgsearch.errors import ImgSearchError

CLASSES = {name: cls for name, cls in vars(errors).items() if inspect.isclass(cls) and issubclass(cls, ImgSearchError)}


def drawn_tree() -> dict[str, str]:
    """Child -> parent, as the module's docstring draws it."""
    assert errors.__doc__
    drawn = re.sub(r"\n {10,}", " ", errors.__doc__)  # a line that goes on
    lines = [line for line in drawn.splitlines() if re.match(r" {4,}\w+Error", line)]
    root, *branches = [re.findall(r"\w+Error", line) for line in lines]
    tree = {}
    for parent, *children in branches:
        tree[parent] = root[0]
        tree |= dict.fromkeys(children, parent)
    return tree


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    assert drawn_tree() == {name: cls.__bases__[0].__name__ for name, cls in CLASSES.items() if cls is not ImgSearchError}


def test_every_error_has_a_docstring() -> None:
    assert [name for name, cls in CLASSES.items() if not cls.__doc__] == []


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("UnknownBackboneError", LookupError),
        ("CollectionNotFoundError", FileNotFoundError),
        ("InvalidQueryError", ValueError),
        ("ItemNotFoundError", LookupError),
    ],
)
def test_an_error_is_also_the_builtin_that_fits(name: str, builtin: type[Exception]) -> None:
    assert issubclass(CLASSES[name], builtin)


@pytest.mark.parametrize("name", CLASSES)
def test_an_error_says_its_message_and_nothing_else(name: str) -> None:
    error = CLASSES[name]("Not 'this'.", hint="Do that.")
    assert (str(error), error.message, error.hint) == ("Not 'this'.", "Not 'this'.", "Do that.")
    assert CLASSES[name]("x").hint is None
