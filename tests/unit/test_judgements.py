"""Judgements: the share with its interval, the last word counts, a table that spreadsheets cannot be hurt by, the store."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from imgsearch.cli import cli
from imgsearch.errors import JudgementError
from imgsearch.measure.judgements import Judgement, JudgementStore, precision_by_eye, to_csv, wilson

LIKED = Judgement("2026-11-23T10:00:00+00:00", "Ada", "pets", "mini", "", "a.jpg", "b.jpg", 1, 0.5, True)


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, Two-sided confidence intervals for the single proportion, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.3080, 0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.0, 0.1611), abs=1e-4)


def test_each_engine_has_its_share_and_the_last_word_counts() -> None:
    said = [
        LIKED,
        replace(LIKED, item_id="c.jpg", is_similar=False),
        replace(LIKED, is_similar=False),
        replace(LIKED, is_similar=True),
        replace(LIKED, rerank="expansion"),
        replace(LIKED, query="d.jpg"),
    ]
    plain, expanded = precision_by_eye(said)
    assert (plain.space, plain.rerank, plain.n) == ("mini", "", 3)
    assert plain.mean == pytest.approx(2 / 3)
    assert (expanded.rerank, expanded.n, expanded.mean) == ("expansion", 1, 1.0)
    assert precision_by_eye([]) == []


def test_the_table_is_read_back_and_holds_no_formula() -> None:
    table = to_csv([LIKED, replace(LIKED, judge="=1+1", query="-x\ny")])
    rows = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    assert rows[0]["judge"] == "Ada"
    assert (rows[0]["rank"], rows[0]["distance"], rows[0]["is_similar"]) == ("1", "0.5", "True")
    assert (rows[1]["judge"], rows[1]["query"]) == ("'=1+1", "'-x\ny")


def test_the_store_keeps_all_in_order(home: Path) -> None:
    home.mkdir()
    assert JudgementStore(home).all() == []
    for said in (LIKED, replace(LIKED, is_similar=False, judge="이름")):
        JudgementStore(home).add(said)
    assert JudgementStore(home).all() == [LIKED, replace(LIKED, is_similar=False, judge="이름")]


def test_a_damaged_store_is_an_error_in_words(home: Path) -> None:
    home.mkdir()
    JudgementStore(home).path.write_bytes(b"not a database" * 100)
    with pytest.raises(JudgementError, match="cannot be kept or read") as caught:
        JudgementStore(home).add(LIKED)
    assert str(home) not in str(caught.value)


def test_export_prints_what_is_kept(home: Path) -> None:
    home.mkdir()
    JudgementStore(home).add(LIKED)
    done = CliRunner().invoke(cli, ["judgements", "export"])
    assert done.stdout_bytes == to_csv([LIKED])
    done = CliRunner().invoke(cli, ["judgements", "export", "--json"])
    assert json.loads(done.stdout)["item_id"] == "b.jpg"
