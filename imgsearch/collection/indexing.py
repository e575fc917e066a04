"""Indexes for spaces that have none: pulled ones, and those built where their engine could not be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft, indexable
from imgsearch.collection.outline import Outline, find
from imgsearch.collection.sweep import sweep
from imgsearch.files.disk import disk_errors
from imgsearch.files.locks import alone


def add_indexes(name: str, home: Path, tell: Callable[[str], None] = lambda what: None) -> list[str]:
    """Builds, from the stored vectors, the indexes of the spaces that are searched exactly for want of one.

    Args:
        name: Of the collection.
        home: The folder of collections.
        tell: Told what is being done, a few words.

    Returns:
        The names of those spaces; none where their engines cannot be used here.

    Raises:
        CollectionError: there is no such collection, or it is damaged.
        BuildError: a build of it is running, or the disk is full.
    """
    path, _, _ = find(name, home)
    with disk_errors(), alone(path):
        collection = Collection.open(name, home)
        names = indexable(collection)
        if not names:
            return []
        Draft.of(collection).renew(collection, tell)
    sweep(Outline.open(name, home))
    return names
