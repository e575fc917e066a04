"""A collection gets another name, or goes: with all that the home keeps under its name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from imgsearch.collection.source import remembered
from imgsearch.collection.sweep import sweep_networks
from imgsearch.errors import BuildError, CollectionError, CollectionNotFoundError
from imgsearch.files.disk import disk_errors
from imgsearch.files.home import MANIFEST_FILE, collection_path, list_collections, pictures_folder
from imgsearch.files.locks import alone
from imgsearch.measure.judgements import JudgementStore
from imgsearch.supply.datasets import alone_with_pictures


def rename_collection(old: str, new: str, home: Path) -> None:
    """Gives a collection another name; a build of it that was cut off goes on under that.

    Its judgements and the pictures unpacked from its archive come first, the folder itself last, in one step: after a kill
    the old name stands, and the same command goes on.

    Args:
        old: Its name.
        new: The name to be.
        home: The folder of collections.

    Raises:
        CollectionNotFoundError: there is none of the old name.
        CollectionError: the new name is taken, or is none.
        BuildError: a build of it is running, or the disk is full.
        JudgementError: the judgements cannot be renamed.
    """
    path, target = _folder_of(old, home), collection_path(new, home)
    with disk_errors(), alone(target):
        if target.exists():
            raise CollectionError(
                f"There is a collection called {new!r} already, or a part of one.", hint="Choose another name."
            )
        with alone(path):
            source = remembered(old, home)
            if source and source.kind == "archive":
                _move_pictures(pictures_folder(home, old), pictures_folder(home, new))
            JudgementStore(home).rename_collection(old, new)
            os.rename(path, target)


def remove_collection(name: str, home: Path) -> None:
    """Removes a collection, and what only it needs: the pictures unpacked from its archive, the networks that it names.

    Also what is left of a build that failed. The pictures that it was built from, weights, data sets and judgements stay.
    From its first step on it is no longer listed; after a kill the same command goes on.

    Args:
        name: Its name.
        home: The folder of collections.

    Raises:
        CollectionNotFoundError: there is none of that name, not even a part.
        BuildError: a build of it is running, or the disk does not let it go.
    """
    path = _folder_of(name, home)
    with disk_errors(), alone(path):
        source = remembered(name, home)
        (path / MANIFEST_FILE).unlink(missing_ok=True)
        if source and source.kind == "archive":
            pictures = pictures_folder(home, name)
            with alone_with_pictures(pictures):
                shutil.rmtree(pictures, ignore_errors=True)
        shutil.rmtree(path)
    sweep_networks(home)


def _folder_of(name: str, home: Path) -> Path:
    path = collection_path(name, home)
    if not path.is_dir():
        known = ", ".join(list_collections(home)) or "none yet"
        raise CollectionNotFoundError(f"There is no collection called {name!r}. There are: {known}.")
    return path


def _move_pictures(old: Path, new: Path) -> None:
    if old.is_dir():
        with alone_with_pictures(old), alone_with_pictures(new):
            if new.exists():
                raise BuildError(
                    f"There are pictures for a collection called {new.name!r} already.", hint="Choose another name."
                )
            os.rename(old, new)
