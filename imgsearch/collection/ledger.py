"""What a build has done so far, kept so that a killed one goes on where it was. SQLite does the hard part.

Embeddings are kept under the digest of the picture's content: a renamed or doubled file is not embedded again.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.files.home import NOTES_FILE
from imgsearch.pictures.items import Item
from imgsearch.records import parse

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (item_id TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS embeddings (sha256 TEXT, spec TEXT, vector BLOB NOT NULL, PRIMARY KEY (sha256, spec));
"""


class Ledger:
    """One build's notes, in `<collection>/build.sqlite`. Everything handed to `add` at once is kept at once or not."""

    def __init__(self, folder: Path) -> None:
        """Opens or makes the ledger. Who writes it must be `alone` with the collection."""
        self.path = folder / NOTES_FILE
        try:
            self._db = self._open()
        except sqlite3.OperationalError:  # the disk, not what is on it
            raise
        except sqlite3.DatabaseError:  # damaged notes are worth less than a new start
            for file in (self.path, self.path.with_name(f"{NOTES_FILE}-journal")):
                file.unlink(missing_ok=True)
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path)
        try:
            db.execute("PRAGMA synchronous = NORMAL")
            db.executescript(_SCHEMA)
            (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(state)
        except BaseException:
            db.close()
            raise
        return db

    def items(self) -> dict[str, Item]:
        """The items looked at so far, by item id. Their labels are not to be relied on."""
        items = {}
        for (record,) in self._db.execute("SELECT record FROM items"):
            with contextlib.suppress(ValueError):  # of another version, with other fields: it is looked at again
                item = parse(Item, record)
                items[item.item_id] = item
        return items

    def is_empty(self) -> bool:
        """Whether nothing has been embedded yet."""
        return self._db.execute("SELECT 1 FROM embeddings LIMIT 1").fetchone() is None

    def embedded(self, spec: EmbedderSpec) -> set[str]:
        """Digests of the pictures that have an embedding by `spec`."""
        return {row[0] for row in self._db.execute("SELECT sha256 FROM embeddings WHERE spec = ?", (_key(spec),))}

    def embedding(self, sha256: str, spec: EmbedderSpec) -> np.ndarray:
        """float32 (dim,), of length 1. KeyError where there is none."""
        query = "SELECT vector FROM embeddings WHERE sha256 = ? AND spec = ?"
        row = self._db.execute(query, (sha256, _key(spec))).fetchone()
        if row is None:
            raise KeyError(sha256)
        return np.frombuffer(row[0], dtype="<f4")

    def add(self, items: Iterable[Item], embeddings: Mapping[EmbedderSpec, Mapping[str, np.ndarray]]) -> None:
        """Notes items, and embeddings by spec and picture digest."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO items VALUES (?, ?)",
                [(item.item_id, json.dumps({name: getattr(item, name) for name in Item.__slots__})) for item in items],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                [
                    (sha256, _key(spec), vector.astype("<f4").tobytes())
                    for spec, vectors in embeddings.items()
                    for sha256, vector in vectors.items()
                ],
            )

    def close(self, *, remove: bool = False) -> None:
        """Lets go of the file; `remove` when the build is done."""
        self._db.close()
        if remove:
            self.path.unlink(missing_ok=True)


def _key(spec: EmbedderSpec) -> str:
    return json.dumps(spec.plain.to_json(), sort_keys=True)
