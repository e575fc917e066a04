"""The sample as it comes with the program: drawn, built and packed, so that a first start is quick.

`python -m scripts.pack_sample` makes it anew; `datasets.build_sample` is what it does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
from pathlib import Path

import imgsearch.sample
from imgsearch.collection.build import BuildReport
from imgsearch.collection.collection import Collection
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.outline import Outline
from imgsearch.collection.reading import read_manifest
from imgsearch.collection.source import Source
from imgsearch.errors import BuildError, CollectionCorruptError, CollectionError
from imgsearch.files.archives import Kind, unpack
from imgsearch.files.disk import disk_errors, file_digest
from imgsearch.files.home import (
    MANIFEST_FILE,
    collection_path,
    downloads_folder,
    list_collections,
    sample_queries_folder,
)
from imgsearch.files.locks import exclusive
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.supply.publish import SUFFIX, index_in_child, install

PACKED_SAMPLE = Path(imgsearch.sample.__path__[0]) / (SAMPLE_COLLECTION + SUFFIX)
"""A package, see `publish`, with the example queries beside the collection."""
DIGEST_FILE = PACKED_SAMPLE.with_name(PACKED_SAMPLE.name + ".sha256")
"""Digest of that, as sha256sum writes it."""


def install_sample(home: Path) -> BuildReport | None:
    """Brings the packed sample and its example queries into a home: the collection `sample`.

    It is ours and checked by digest, so no child process looks at it first, as at what is pulled. The drawings are not in
    it: an update draws them.

    Args:
        home: The folder of collections.

    Returns:
        What was done; None where another collection of that name is there, which stays as it is.

    Raises:
        CollectionCorruptError: the package is damaged.
        BuildError: another process is at it, or the disk is full.
    """
    staging = downloads_folder(home) / f"{_checked_digest()}.staging"
    busy = BuildError("Another process is bringing the sample.", hint="Wait until it is done.")
    with disk_errors(), exclusive(staging, busy):
        is_there = SAMPLE_COLLECTION in list_collections(home)
        if is_there and not _is_packed_one(home):
            return None
        shutil.rmtree(staging, ignore_errors=True)
        try:
            unpack(PACKED_SAMPLE, staging, kinds={Kind.TAR})
            queries = sample_queries_folder(home)
            queries.mkdir(exist_ok=True)
            for query in sample_queries_folder(staging).iterdir():
                os.replace(query, queries / query.name)
            install(Outline.open(SAMPLE_COLLECTION, staging), SAMPLE_COLLECTION, home, Source("sample", ""))
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        index_in_child(SAMPLE_COLLECTION, home)  # which takes packages that a page has no other use for
    collection = Collection.open(SAMPLE_COLLECTION, home)
    return BuildReport(collection, n_embedded=0, skipped=collection.skipped, is_unchanged=is_there)


def _checked_digest() -> str:
    """That of the package, which is as it was made."""
    with contextlib.suppress(OSError):
        wanted = DIGEST_FILE.read_text(encoding="ascii").split(maxsplit=1)[:1]
        if wanted == [file_digest(PACKED_SAMPLE)]:
            return wanted[0]
    raise CollectionCorruptError(
        "The sample that comes with imgsearch is missing or damaged: it does not match its digest.",
        hint="Install imgsearch again.",
    )


def _is_packed_one(home: Path) -> bool:
    """Whether the sample that is there is the packed one, but for its index. It may be damaged."""
    with tarfile.open(PACKED_SAMPLE) as archive:
        packed = archive.extractfile(f"{SAMPLE_COLLECTION}/{MANIFEST_FILE}")
        assert packed
        manifest = Manifest.from_bytes(packed.read())
    try:
        return read_manifest(collection_path(SAMPLE_COLLECTION, home)).without_indexes() == manifest
    except CollectionError:
        return False
