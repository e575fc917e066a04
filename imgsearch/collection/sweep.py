"""What no manifest names any more: left for a time of grace, then removed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from imgsearch.collection.outline import Outline
from imgsearch.collection.reading import read_manifest
from imgsearch.collection.source import came_as_package
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError, CollectionError
from imgsearch.files.home import (
    MANIFEST_FILE,
    NOTES_FILE,
    SOURCE_FILE,
    collection_path,
    list_collections,
    network_path,
    networks_folder,
)
from imgsearch.files.locks import exclusive
from imgsearch.pictures.items import Item

SWEEP_AFTER_S = 3600
"""A running page may still read files that a new manifest no longer names: they are left for so long (see `retire`)."""

HELD = ".served"
"""Of a file beside a network that is kept for a collection on a server."""


def retire(previous: Outline, items: Sequence[Item]) -> None:
    """Dates the files that a new manifest with these items may not name any more: their time of grace begins now."""
    kept = {item.thumbnail for item in items}
    files = [previous.path / entry.file for entry in previous.manifest.files]
    for file in files + [previous.thumbnail_path(item) for item in previous.items if item.thumbnail not in kept]:
        os.utime(file)
    for network in previous.manifest.networks:
        with contextlib.suppress(OSError):  # bundled, or not here
            os.utime(network_path(previous.home, network.sha256))


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


def exported(home: Path) -> list[EmbedderSpec]:
    """The embedders of a home's collections that name a network, of those whose manifest can be read.

    Not of those that were pulled: a stranger's network answers for the stranger's collection, and for no other.
    """
    embedders = []
    for name in list_collections(home):
        with contextlib.suppress(CollectionError, OSError):
            if not came_as_package(name, home):
                entries = read_manifest(collection_path(name, home)).spaces.values()
                embedders += [entry.embedder for entry in entries if entry.embedder.network]
    return embedders


def hold_network(spec: EmbedderSpec, home: Path) -> None:
    """Keeps an embedder's network that no manifest names, since the collection lives on a server, where builds sweep."""
    if spec.network and (file := network_path(home, spec.network.sha256)).is_file():
        file.with_suffix(HELD).touch()


def sweep_networks(home: Path) -> None:
    """The same for the exported networks of a home. Builds, which may have made one that they name only later, hold a lock.

    Nothing is removed while a manifest cannot be read, nor on Windows, where there are no such locks.
    """
    folder = networks_folder(home)
    if os.name != "posix" or not folder.is_dir():
        return
    oldest = time.time() - SWEEP_AFTER_S
    with contextlib.suppress(BuildError, CollectionError, OSError), exclusive(folder, BuildError("A build is at work.")):
        manifests = [read_manifest(collection_path(name, home)) for name in list_collections(home)]
        named = {network_path(home, network.sha256) for manifest in manifests for network in manifest.networks}
        named |= {network_path(home, held.stem) for held in folder.glob(f"*{HELD}")}
        # A folder of that name may also be a collection, of when they could be called so.
        for file in {*folder.glob("*.tflite"), *folder.glob(".tmp-*")} - named:
            if file.stat().st_mtime < oldest:
                file.unlink()
