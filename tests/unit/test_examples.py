"""The examples of docstrings run."""

from __future__ import annotations

import doctest
import pkgutil
from pathlib import Path

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


@pytest.mark.usefixtures("collection")
@pytest.mark.parametrize("name", [name for name in MODULES if name not in NEEDS_A_PAGE])
def test_examples_give_what_they_say(name: str) -> None:
    module = pkgutil.resolve_name(name)
    known = {"PIL": PIL, "Region": imgsearch.Region, "Collection": imgsearch.Collection}
    result = doctest.testmod(module, extraglobs=known)
    assert result.attempted
    assert result.failed == 0
