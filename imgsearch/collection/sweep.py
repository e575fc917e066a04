"""What a new manifest does not name any more: left for a time of grace, then removed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence

from imgsearch.collection.outline import Outline
from imgsearch.files.home import MANIFEST_FILE, NOTES_FILE, SOURCE_FILE
from imgsearch.pictures.items import Item

SWEEP_AFTER_S = 3600
"""A running page may still read files that a new manifest no longer names: they are left for so long (see `retire`)."""


def retire(previous: Outline, items: Sequence[Item]) -> None:
    """Dates the files that a new manifest with these items may not name any more: their time of grace begins now."""
    kept = {item.thumbnail for item in items}
    files = [previous.path / entry.file for entry in previous.manifest.files]
    for file in files + [previous.thumbnail_path(item) for item in previous.items if item.thumbnail not in kept]:
        os.utime(file)


def sweep(collection: Outline) -> None:
    """Removes what the manifest does not name, once it is older than a running page may need it."""
    path = collection.path
    named = {path / entry.file for entry in collection.manifest.files}
    named |= {collection.thumbnail_path(item) for item in collection.items}
    notes = (path / NOTES_FILE, path / f"{NOTES_FILE}-journal")  # what a kill has left of a transaction is undone with it
    named |= {path / MANIFEST_FILE, path / SOURCE_FILE, *notes}
    oldest = time.time() - SWEEP_AFTER_S
    for file in path.rglob("*"):
        if file in named:
            continue
        with contextlib.suppress(OSError):  # the next build may be at work already, and waste is no harm
            if file.is_file() and file.stat().st_mtime < oldest:
                file.unlink()
