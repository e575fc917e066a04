"""Archives: every file in them comes out or is told, whatever it is called, or the archive is refused."""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsearch.errors import BuildError
from imgsearch.files.archives import is_debris, unpack
from imgsearch.pictures.left_out import LeftOut

pytestmark = pytest.mark.fuzz

PARTS = st.sampled_from(["a", ".b", "__MACOSX", "._c", "Thumbs.db", "\u1100\u1161", "x.ppm", "y.zip"]) | st.text(
    st.characters(exclude_characters="/\\:\0", exclude_categories=["Cs"]), min_size=1, max_size=8
)
NAMES = st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), min_size=1, max_size=12, unique=True)


def make_zip(path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x")


def make_tar(path: Path, names: list[str]) -> None:
    with tarfile.open(path, "w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))


@pytest.mark.parametrize("make", [make_zip, make_tar])
@settings(deadline=None, max_examples=150)
@given(names=NAMES)
def test_every_file_comes_out_or_is_told(make, names: list[str]) -> None:  # type: ignore[no-untyped-def]
    left_out = LeftOut()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder, "archive"), names)
        try:
            unpack(Path(folder, "archive"), Path(folder, "out"), passed_over=left_out.add)
        except (BuildError, OSError):  # two of one place, or a name that no file system takes
            return
        n_out = sum(path.is_file() for path in Path(folder, "out").rglob("*"))
    n_debris = sum(is_debris(PurePosixPath(name)) for name in names)
    assert n_out + sum(line.n for line in left_out.skipped()) + n_debris == len(names)
