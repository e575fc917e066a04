"""What people say of results: likes and dislikes as precision by human eye, and, where a host wants it, kept in SQLite."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import get_type_hints

from imgsearch.collection.session import SESSION_NAME
from imgsearch.errors import JudgementError
from imgsearch.files import spreadsheet
from imgsearch.files.home import judgements_path

_Z = 1.959964
"""Of the standard normal distribution, for 95 %."""


@dataclass(frozen=True)
class Judgement:
    """One result, judged once.

    Attributes:
        made: UTC time, ISO 8601.
        judge: What the visitor called themselves, "" for nothing.
        collection, space, rerank: What was searched, and how.
        query: Item ids of the query, one a line; "upload" for a picture from outside, whose name and content are not kept.
        item_id, rank, distance: The result.
        is_similar: The verdict.
    """

    made: str
    judge: str
    collection: str
    space: str
    rerank: str
    query: str
    item_id: str
    rank: int
    distance: float
    is_similar: bool


SCHEMA_VERSION = 2
"""Of the file that judgements are kept in. Who changes it counts on, and teaches `_bring_forward` the step.

1 says which columns there are; 2 holds nothing of collections that visitors made of their own pictures."""
MAX_KEPT = 200_000
"""Judgements in a file, some 40 MB."""
_DEFAULTS = {name: kind() for name, kind in get_type_hints(Judgement).items()}
"""What an older file may lack, by column."""
_COLUMNS = ", ".join(_DEFAULTS)
_MARKS = ", ".join("?" * len(_DEFAULTS))


@dataclass(frozen=True)
class PrecisionByEye:
    """Share of judged results that were called similar, of one space and re-ranking.

    Attributes:
        space, rerank: Which.
        n: Judgements.
        mean, low, high: The share and its 95 % interval (Wilson 1927). It tells of what was judged: people judge what
            strikes them, so that it is no precision@k.
    """

    space: str
    rerank: str
    n: int
    mean: float
    low: float
    high: float


def precision_by_eye(judgements: Sequence[Judgement]) -> list[PrecisionByEye]:
    """One entry a space and re-ranking, in the order of their first judgement. The last word on a result counts."""
    last = {(each.space, each.rerank, each.query, each.item_id): each for each in judgements}
    groups: dict[tuple[str, str], list[bool]] = {}
    for each in last.values():
        groups.setdefault((each.space, each.rerank), []).append(each.is_similar)
    return [PrecisionByEye(*key, len(said), *wilson(sum(said), len(said))) for key, said in groups.items()]


def wilson(n_right: int, n: int) -> tuple[float, float, float]:
    """Share and its 95 % interval, n at least 1. Source: Wilson 1927, Probable inference, JASA 22."""
    share = n_right / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return share, max(0.0, centre - half), min(1.0, centre + half)


def to_csv(judgements: Sequence[Judgement]) -> bytes:
    """One line a judgement, for spreadsheets: see `spreadsheet.to_csv`."""
    return spreadsheet.to_csv([field.name for field in fields(Judgement)], map(asdict, judgements))


class JudgementStore:
    """Judgements of all visitors, in one SQLite file in write-ahead mode: many may read while one writes.

    The file says by `PRAGMA user_version` which columns it has. An older one is brought forward where it is met: what it
    lacks is filled in, and what is not known any more stays in a table of its own. A newer one is not touched.
    """

    def __init__(self, home: Path) -> None:
        """Opens nothing yet; the file is made with the first judgement."""
        self.path = judgements_path(home)

    def add(self, judgement: Judgement) -> None:
        """Keeps one. ValueError for one of a collection that is a visitor's own: nothing of those is kept.

        Raises:
            JudgementError: the file cannot be written, is of a newer version, or is full.
        """
        if SESSION_NAME.fullmatch(judgement.collection):
            raise ValueError("not one to keep")
        with self._open() as db:
            (last,) = db.execute("SELECT MAX(rowid) FROM judgements").fetchone()
            if (last or 0) >= MAX_KEPT:
                raise JudgementError(
                    f"At most {MAX_KEPT:,} judgements are kept, and there are as many.",
                    hint="Export them, and move judgements.sqlite out of the home to begin anew.",
                )
            db.execute(f"INSERT INTO judgements ({_COLUMNS}) VALUES ({_MARKS})", tuple(asdict(judgement).values()))

    def renew(self) -> None:
        """Brings an older file forward, if there is one. Raises like `all`."""
        if self.path.is_file():
            with self._open():
                pass

    def all(self) -> list[Judgement]:
        """All that are kept, oldest first.

        Raises:
            JudgementError: the file cannot be read, or is of a newer version.
        """
        if not self.path.is_file():
            return []
        with self._open() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM judgements ORDER BY rowid").fetchall()
        return [replace(Judgement(*row), is_similar=bool(row[-1])) for row in rows]

    def rename_collection(self, old: str, new: str) -> None:
        """Puts the judgements of a collection under its new name.

        Raises:
            JudgementError: the file cannot be written, or is of a newer version.
        """
        if self.path.is_file():
            with self._open() as db:
                db.execute("UPDATE judgements SET collection = ? WHERE collection = ?", (new, old))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a file of this version."""
        try:
            with closing(sqlite3.connect(self.path, timeout=5, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA secure_delete = ON")  # what is removed is overwritten too
                db.execute("BEGIN IMMEDIATE")
                _bring_forward(db)
                yield db
                db.execute("COMMIT")
        except (sqlite3.Error, OSError) as exc:
            raise JudgementError("The judgements cannot be kept or read here.") from exc


def _bring_forward(db: sqlite3.Connection) -> None:
    """Makes or renews the table; judgements of before there were versions may have other columns."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise JudgementError(
            f"The judgements are kept in version {version}, of a newer imgsearch; this one reads {SCHEMA_VERSION}.",
            hint="Use that version, or move judgements.sqlite out of the home to begin anew.",
        )
    if version == SCHEMA_VERSION:
        return
    before = [name for _, name, *_ in db.execute("PRAGMA table_info(judgements)")]
    names = list(_DEFAULTS)
    if before != names:
        if before:
            db.execute("ALTER TABLE judgements RENAME TO judgements_before_1")
        db.execute(f"CREATE TABLE judgements ({_COLUMNS})")
    if before and before != names:
        kept = ", ".join(name if name in before else "?" for name in names)
        lacking = [default for name, default in _DEFAULTS.items() if name not in before]
        db.execute(f"INSERT INTO judgements SELECT {kept} FROM judgements_before_1 ORDER BY rowid", lacking)
    for table in ("judgements", "judgements_before_1"):
        columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
        if "collection" in columns:
            names = db.execute(f"SELECT DISTINCT collection FROM {table}").fetchall()
            own = [row for row in names if SESSION_NAME.fullmatch(str(row[0]))]
            db.executemany(f"DELETE FROM {table} WHERE collection = ?", own)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
