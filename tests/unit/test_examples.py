"""The examples of docstrings run."""

from __future__ import annotations

import doctest
import pkgutil
from pathlib import Path
from types import FunctionType

import PIL.Image
import pytest

import imgsearch

PACKAGE = Path(imgsearch.__file__).parent
NEEDS_A_PAGE = {"imgsearch.ui.state.address"}
MODULES = sorted(
    path.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8")
)


def test_there_are_examples() -> None:
    assert {"imgsearch", "imgsearch.collection.face.opened"} <= {*MODULES}


def test_whatever_a_program_calls_has_an_example() -> None:
    calls = [getattr(imgsearch, name) for name in imgsearch.__all__]
    calls = [call for call in calls if isinstance(call, FunctionType)] + [imgsearch.Collection.search]
    without = [call.__name__ for call in calls if ">>>" not in (call.__doc__ or "")]
    # Shown by `pull`, and the same as `evaluate_collection` but for a folder.
    assert without == ["evaluate_folder", "pack"]


@pytest.mark.usefixtures("collection")
@pytest.mark.parametrize("name", [name for name in MODULES if name not in NEEDS_A_PAGE])
def test_examples_give_what_they_say(name: str, home: Path, pictures: Path) -> None:
    """They know the collection `discs`, its home and its pictures, and what a program imports."""
    module = pkgutil.resolve_name(name)
    known = {name: getattr(imgsearch, name) for name in imgsearch.__all__}
    result = doctest.testmod(module, extraglobs={**known, "PIL": PIL, "home": home, "pictures": pictures})
    assert result.attempted
    assert result.failed == 0
