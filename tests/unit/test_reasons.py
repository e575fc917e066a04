"""Sentences with facts, said and found again."""

from __future__ import annotations

import string

import pytest

from imgsearch.reasons import SENTENCES, recall, say

NUMBERS = {"size": 61.25, "width": 30_000, "height": 20, "most": 50, "n": 1_234, "tag": 256, "method": 12}
NUMBERS |= {"minutes": 5, "s": 60}


def facts_of(code: str) -> dict[str, object]:
    names = {fact for _, fact, _, _ in string.Formatter().parse(SENTENCES[code]) if fact}
    return {name: NUMBERS.get(name, f"a {name}: {{x}}; (1)") for name in names}


@pytest.mark.parametrize("code", SENTENCES)
def test_what_was_said_is_found_again_with_its_facts(code: str) -> None:
    facts = facts_of(code)
    text = say(code, **facts)
    for said in (text, text.removesuffix(".") + "."):  # notes of what was left out end with a full stop
        recalled = recall(said)
        assert recalled
        assert recalled[0] == code
        assert recalled[1].keys() == facts.keys()
        assert all(value.replace(",", "") in said.replace(",", "") for value in recalled[1].values())


def test_numbers_are_found_as_they_were_written() -> None:
    assert recall("The file has 61.2 MB; at most 50 are read.") == ("too_many_bytes", {"size": "61.2", "most": "50"})
    assert recall("The JPEG has more than 100 scans; at most 100 are read.") == ("jpeg_scans", {"most": "100"})


def test_what_earlier_versions_noted_is_found_too() -> None:
    assert recall("The file is not a picture in a format that is read.") == ("unknown_format", {})
    (code, facts) = recall("Not a picture in a format that is read (9 files, such as 0.log).") or ("", {})
    assert (code, recall(facts["reason"])) == ("many", ("no_picture", {}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Something else.",
        "The JPEG has more than 100 scans; at most 99 are read.",
        say("table_columns", table="metadata.csv", columns=" ( files, such as " * 100_000),
    ],
    ids=["empty", "other", "two facts", "endless"],
)
def test_what_was_not_said_is_nothing(text: str) -> None:
    assert recall(text) is None
