"""Judgements: the share with its interval, the last word counts, a table that spreadsheets cannot be hurt by, the store."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace
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


def write_unversioned(path: Path, columns: str, rows: list[tuple[object, ...]]) -> None:
    with sqlite3.connect(path) as db:
        db.execute(f"CREATE TABLE judgements ({columns})")
        db.executemany(f"INSERT INTO judgements VALUES ({', '.join('?' * len(rows[0]))})", rows)
    db.close()


def test_a_store_of_before_there_were_versions_goes_on(home: Path) -> None:
    home.mkdir()
    path = JudgementStore(home).path
    write_unversioned(path, ", ".join(asdict(LIKED)), [tuple(asdict(LIKED).values())])
    JudgementStore(home).add(replace(LIKED, judge="Bob"))
    assert JudgementStore(home).all() == [LIKED, replace(LIKED, judge="Bob")]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("judgements",)]


def test_a_store_with_other_columns_is_brought_forward_and_nothing_is_lost(home: Path) -> None:
    home.mkdir()
    store = JudgementStore(home)
    columns = "made, collection, space, query, item_id, note, is_similar"
    rows = [(f"2026-0{n}-01", "pets", "mini", "a.jpg", "b.jpg", f"note {n}", n % 2) for n in (1, 2)]
    write_unversioned(store.path, columns, list(rows))
    forward = [replace(LIKED, made=f"2026-0{n}-01", judge="", rank=0, distance=0.0, is_similar=n == 1) for n in (1, 2)]
    assert store.all() == forward
    store.add(LIKED)
    assert store.all() == [*forward, LIKED]
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("SELECT * FROM judgements_before_1").fetchall() == rows
    assert CliRunner().invoke(cli, ["judgements", "export"]).exit_code == 0


def test_a_store_of_a_newer_version_is_refused_and_left_alone(home: Path) -> None:
    home.mkdir()
    store = JudgementStore(home)
    store.add(LIKED)
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("PRAGMA user_version = 3")
        db.execute("ALTER TABLE judgements ADD COLUMN more")
    before = store.path.read_bytes()
    for use in (store.all, lambda: store.add(LIKED)):
        with pytest.raises(JudgementError, match="version 3, of a newer imgsearch; this one reads 2"):
            use()
    assert store.path.read_bytes() == before


def test_nothing_of_own_collections_is_kept_and_what_was_is_removed(home: Path) -> None:
    home.mkdir()
    store = JudgementStore(home)
    own = replace(LIKED, collection="own-" + "0a" * 16, item_id="secret.jpg")
    with pytest.raises(ValueError, match="not one to keep"):
        store.add(own)
    rows = [tuple(asdict(each).values()) for each in (LIKED, own, replace(LIKED, collection="own-pets"))]
    write_unversioned(store.path, ", ".join(asdict(LIKED)), rows)
    store.renew()
    assert store.all() == [LIKED, replace(LIKED, collection="own-pets")]
    with closing(sqlite3.connect(store.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"secret.jpg" not in store.path.read_bytes()
    JudgementStore(home / "elsewhere").renew()
    assert not (home / "elsewhere").exists()


def test_nothing_of_own_collections_stays_where_columns_were_others(home: Path) -> None:
    home.mkdir()
    store = JudgementStore(home)
    rows = [("2026-01-01", "own-" + "0a" * 16, "secret"), ("2026", "pets", "")]
    write_unversioned(store.path, "made, collection, note", list(rows))
    assert [each.collection for each in store.all()] == ["pets"]
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("SELECT collection FROM judgements_before_1").fetchall() == [("pets",)]


def test_a_full_store_takes_no_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    monkeypatch.setattr("imgsearch.measure.judgements.MAX_KEPT", 2)
    for _ in range(2):
        JudgementStore(home).add(LIKED)
    with pytest.raises(JudgementError, match="At most 2 judgements are kept"):
        JudgementStore(home).add(LIKED)
    assert len(JudgementStore(home).all()) == 2


def test_export_prints_what_is_kept(home: Path) -> None:
    home.mkdir()
    JudgementStore(home).add(LIKED)
    done = CliRunner().invoke(cli, ["judgements", "export"])
    assert done.stdout_bytes == to_csv([LIKED])
    done = CliRunner().invoke(cli, ["judgements", "export", "--json"])
    assert json.loads(done.stdout)["item_id"] == "b.jpg"
