"""What lies where in a home, the folder of collections, and in the folder of one collection. Nothing is made here."""

from __future__ import annotations

import os
import re
from pathlib import Path

from imgsearch.errors import CollectionError
from imgsearch.settings import get_settings

MANIFEST_FILE = "manifest.json"
SOURCE_FILE = "source.json"
"""See `collection.source`: private, so not part of what the manifest names."""
NOTES_FILE = "build.sqlite"
"""See `collection.ledger`."""
FILLED_FILE, LEFT_OUT_FILE = ".filled", ".left-out.json"
"""In a folder of unpacked pictures: what it was filled with, and what of it was left out."""
COLLECTION_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_THUMBNAILS = "thumbnails"
_WEIGHTS = "weights"
_NETWORKS = "networks"
_BACKBONES = "backbones"
_OWN_WEIGHTS = "backbone.weights.h5"
_OWN_CLASSIFIER = "classifier.npy"
_DOWNLOADS = "downloads"
_PICTURES = "pictures"
_SAMPLE_PICTURES = "sample-pictures"
_SAMPLE_QUERIES = "sample-queries"
_NO_COLLECTIONS = frozenset((_WEIGHTS, _NETWORKS, _BACKBONES, _DOWNLOADS, _PICTURES, _SAMPLE_PICTURES, _SAMPLE_QUERIES))


def list_collections(home: Path | None = None) -> list[str]:
    """Names of the collections in a home, in alphabetical order. Half-built ones are not among them.

    Example:
        >>> list_collections()
        ['discs']

    Raises:
        CollectionError: the home cannot be read.
    """
    home = get_settings().home if home is None else home
    if not home.is_dir():
        return []
    try:
        names = os.listdir(home)
    except OSError as exc:
        raise CollectionError(
            f"The folder of collections cannot be read ({exc.strerror}).", hint="IMGSEARCH_HOME says where it is."
        ) from exc
    return sorted(name for name in names if COLLECTION_NAME.fullmatch(name) and os.path.isfile(home / name / MANIFEST_FILE))


def check_collection_name(name: str) -> None:
    """Refuses what is no name of a collection, wherever that may lie.

    Raises:
        CollectionError: it is none.
    """
    if not COLLECTION_NAME.fullmatch(name):
        raise CollectionError(
            "A collection's name must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter or "
            f"digit. Received: {name!r}."
        )


def collection_path(name: str, home: Path) -> Path:
    """Folder of the collection of that name, whether it exists or not.

    Raises:
        CollectionError: the name is not one that a collection can have.
    """
    check_collection_name(name)
    if name in _NO_COLLECTIONS and (home / name / MANIFEST_FILE).is_file():  # of when it could
        raise CollectionError(
            f"A collection cannot be called {name!r} any more: the home keeps other things there. Give its folder another "
            "name."
        )
    if name in _NO_COLLECTIONS:
        raise CollectionError(f"A collection cannot be called {name!r}: the home keeps other things there.")
    return home / name


def thumbnails_folder(collection: Path) -> Path:
    """Where the thumbnails of a collection's folder lie."""
    return collection / _THUMBNAILS


def thumbnail_path(collection: Path, digest: str) -> Path:
    """A thumbnail of a collection's folder: WebP, named by the sha256 of its content."""
    return collection / _THUMBNAILS / f"{digest}.webp"


def weights_path(home: Path, digest: str, suffix: str) -> Path:
    """A weights file that was given by hand, named by the sha256 of its content; Keras tells its formats by the suffix."""
    return home / _WEIGHTS / (digest + suffix)


def networks_folder(home: Path) -> Path:
    """Where the networks lie that were exported here, or came with packages."""
    return home / _NETWORKS


def network_path(home: Path, digest: str) -> Path:
    """An exported network, named by the sha256 of its content."""
    return networks_folder(home) / f"{digest}.tflite"


def own_weights_file(home: Path, name: str) -> Path:
    """The weights of a backbone of one's own; beside them lies what their training goes on from."""
    return home / _BACKBONES / name / _OWN_WEIGHTS


def own_classifier_file(home: Path, name: str) -> Path:
    """The classifier of a backbone of one's own; it is there where its teacher had one."""
    return home / _BACKBONES / name / _OWN_CLASSIFIER


def list_own_backbones(home: Path) -> list[str]:
    """Names of the backbones of one's own in a home, in alphabetical order, without those still being trained."""
    return sorted(path.parent.name for path in (home / _BACKBONES).glob(f"*/{_OWN_WEIGHTS}"))


def downloads_folder(home: Path) -> Path:
    """Where files lie that are on their way here."""
    return home / _DOWNLOADS


def pictures_folder(home: Path, name: str) -> Path:
    """Where the pictures of a data set, or of an archive for the collection of that name, are unpacked."""
    return home / _PICTURES / name


def sample_pictures_folder(home: Path) -> Path:
    """Where the pictures of the sample are drawn."""
    return home / _SAMPLE_PICTURES


def sample_queries_folder(home: Path) -> Path:
    """Where the sample's example queries lie: pictures to try that are not in the gallery."""
    return home / _SAMPLE_QUERIES


def judgements_path(home: Path) -> Path:
    """Where the judgements of visitors are kept."""
    return home / "judgements.sqlite"
