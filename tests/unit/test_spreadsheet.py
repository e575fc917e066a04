"""Tables: no cell is a formula, however a spreadsheet parts the lines, and what is no formula stays as it is."""

from __future__ import annotations

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgsearch.files.spreadsheet import to_csv

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
UNSEEN = " \t\r\n\x00\xa0\u00ad\u200b\u200d\u200f\u202e\u2060\u3000\ufeff"
TEXTS = st.text(st.sampled_from(SIGNS + UNSEEN + ";,'\"A1(한") | st.characters(codec="utf-8"))


def cells(data: bytes, delimiter: str) -> list[list[str]]:
    """What a spreadsheet reads that takes this for what parts cells."""
    lines = io.StringIO(data.decode("utf-8-sig"), newline="")
    return list(csv.reader(lines, delimiter=delimiter))


def begins_a_formula(cell: str) -> bool:
    seen = "".join(char for char in cell if unicodedata.category(char)[0] not in "CZ").lstrip('"')
    return unicodedata.normalize("NFKC", seen[:1]) in tuple("=+-@")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        (" =1+1", "' =1+1"),
        ("\u200b\ufeff@SUM(A1)", "'\u200b\ufeff@SUM(A1)"),
        ("\u3000\uff1d1", "'\u3000\uff1d1"),
        (";=1+1", ";'=1+1"),
        ("cat; -2;dog", "cat;' -2;dog"),
        ("cat\n=1+1", "cat\n'=1+1"),
        ('"=1+1', "'\"=1+1"),
        ("\tcat", "'\tcat"),
        ("cat-1; dog, 2+2=4 @home", "cat-1; dog, 2+2=4 @home"),
        ("", ""),
        ("고양이", "고양이"),
        (-1.5, "-1.5"),
    ],
)
def test_what_begins_like_a_formula_gets_an_apostrophe_in_front(text: str | float, cell: str) -> None:
    (_, (found,)) = cells(to_csv(["column"], [{"column": text}]), ",")
    assert found == cell


@pytest.mark.fuzz
@given(first=TEXTS, second=TEXTS)
@example(first="x", second='a\n;"=1+1"')
def test_no_cell_is_a_formula_however_lines_are_parted(first: str, second: str) -> None:
    data = to_csv(["first", "second"], [{"first": first, "second": second}])
    for delimiter in ",;\t":
        assert [cell for line in cells(data, delimiter) for cell in line if begins_a_formula(cell)] == []


@pytest.mark.fuzz
@given(TEXTS)
def test_only_apostrophes_are_added(text: str) -> None:
    (_, (cell,)) = cells(to_csv(["column"], [{"column": text}]), ",")
    assert re.sub("'", "", cell) == re.sub("'", "", text)
