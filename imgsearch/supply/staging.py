"""A package before it is trusted. A digest that comes with a file proves that it is whole, not that it means well."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.outline import Outline
from imgsearch.collection.reading import read_manifest
from imgsearch.embedding import runtime
from imgsearch.embedding.networks import read_network
from imgsearch.embedding.runtime import try_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, CollectionCorruptError
from imgsearch.files.archives import Kind, unpack
from imgsearch.files.confined import Died, confined
from imgsearch.files.disk import write_atomically
from imgsearch.files.home import MANIFEST_FILE, collection_path, list_collections, networks_folder

MAX_PACKAGE_BYTES = 1 << 34
_MEMORY_BYTES = 1 << 30
_CPU_S = 60
_BYTES_PER_S = 4 << 20
"""Of a package, that are unpacked, hashed and looked at in a second, on a slow machine."""
_CHUNK = 4096
_log = logging.getLogger(__name__)


def stage(package: Path, staging: Path) -> Outline:
    """Makes of a package the one collection of a home of its own, in a child process with bounds.

    Args:
        package: The file.
        staging: A folder, to be made.

    Raises:
        CollectionError: it is no package, or not a sound one.
        BuildError: it is no archive.
    """
    size = package.stat().st_size
    try:
        name = confined(
            f"{__name__}:stage_here",
            str(package),
            str(staging),
            memory_bytes=_MEMORY_BYTES + 2 * size,
            cpu_s=_CPU_S + size // _BYTES_PER_S,
        )
    except Died:
        raise CollectionCorruptError(
            "The package takes more memory or time than one of its size may, or what reads it crashes.",
            hint="Ask who packed it.",
        ) from None
    if networks_folder(staging).is_dir() and not runtime.is_available():
        _log.warning("The networks of %s were checked by digest and not tried, since LiteRT is not installed.", name)
    return Outline.open(name, staging)


def stage_here(package: str, staging: str) -> str:
    """See `stage`; in this process. Returns the name of the collection.

    An index is not looked at, and is not in the manifest any more: Annoy trusts what it reads, and a changed file ends the
    process, at once or with some later search.
    """
    home = Path(staging)
    # Only what has no ratio of compression: a package is no larger when it is unpacked.
    unpack(Path(package), home, kinds={Kind.TAR}, max_bytes=MAX_PACKAGE_BYTES, max_file_bytes=MAX_PACKAGE_BYTES)
    names = list_collections(home)
    if len(names) != 1:
        held = f"{len(names)}: {', '.join(names)}" if names else "none"
        raise CollectionCorruptError(f"A package must hold one collection, and this file holds {held}.")
    (name,) = names
    path = collection_path(name, home)
    write_atomically(path / MANIFEST_FILE, read_manifest(path).without_indexes().to_bytes())
    collection = Collection.open(name, home)
    problems = collection.changed_thumbnails()
    if problems:
        raise CollectionCorruptError(problems[0], hint="Pack it again.")
    for spec in {space.spec for space in collection.spaces.values()}:
        _check_network(spec, home)
    for space in collection.spaces.values():
        for start in range(0, len(space.embeddings), _CHUNK):
            squares = np.square(space.embeddings[start : start + _CHUNK], dtype=np.float64).sum(axis=1)
            if not np.all(np.abs(squares - 1) < 1e-3):  # not so either where one is not a number
                raise CollectionCorruptError(f"The vectors of {space.name} must have length 1.", hint="Pack it again.")
    _ = collection.skipped, collection.evaluation  # which the page reads later
    return name


def _check_network(spec: EmbedderSpec, home: Path) -> None:
    """Lets the network that a space names look at a picture. Where the package holds none, its items answer all the same.

    That it makes the stored vectors cannot be seen here: the pictures are not in a package, and their thumbnails have other
    ones.
    """
    if spec.network is None:
        return
    try:
        content = read_network(spec.network, home)
        if content is None:
            return
        if len(content) != spec.network.size:
            raise BackboneError(f"It must have {spec.network.size:,} bytes. Received: {len(content):,}.")
        if runtime.is_available():
            try_network(content, spec.input_size, spec.dim)
    except BackboneError as exc:
        raise CollectionCorruptError(
            f"The network of {spec.space} cannot be used. {exc.message}", hint="Ask who packed it."
        ) from exc
