"""A collection as one file, to be served elsewhere: pack makes it, pull brings it.

A package is an uncompressed tar (what it holds is compressed already): `<name>/...`, what the manifest names and nothing
else, so neither the original pictures nor where they came from; `networks/...`, those that its spaces name, so that uploads
are answered, but for those that come with the program; `weights/...` where they were asked for. It holds no index: that is
built from the embeddings where it is pulled, since nobody can see what an index file of somebody else does.
Nothing in it tells when it was made: the same pictures, built by the same versions on one machine, give the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import shutil
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import filterfalse
from pathlib import Path
from typing import IO

from imgsearch.collection.additions import add_indexes
from imgsearch.collection.collection import Collection
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.outline import Outline
from imgsearch.collection.reading import read_manifest
from imgsearch.collection.served.address import is_server_address
from imgsearch.collection.source import Source, came_as_package, remember, remembered
from imgsearch.collection.sweep import retire, sweep, sweep_networks
from imgsearch.embedding.backbones import IMAGENET
from imgsearch.embedding.networks import bundled_network, is_bundled, read_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import BUNDLED, find_weights
from imgsearch.errors import BuildError, CollectionCorruptError, CollectionError, DownloadError, ImgSearchError
from imgsearch.files.confined import Died, confined
from imgsearch.files.disk import DIGEST, disk_errors, file_digest, replacing, write_atomically
from imgsearch.files.download import fetch
from imgsearch.files.home import (
    MANIFEST_FILE,
    collection_path,
    downloads_folder,
    list_collections,
    network_path,
    networks_folder,
    weights_path,
)
from imgsearch.files.locks import alone, exclusive, shared
from imgsearch.progress import Progress
from imgsearch.settings import Settings
from imgsearch.supply.staging import MAX_PACKAGE_BYTES, stage

SUFFIX = ".imgsearch.tar"
_INDEX_MEMORY_BYTES = 1 << 30
_INDEX_CPU_S = 120
_INDEX_BYTES_PER_S = 1 << 19
"""Of embeddings, that are indexed in a second, on a slow machine."""
_log = logging.getLogger(__name__)
_EXAMPLE = "https://example.org/pets.imgsearch.tar#sha256=..."


@dataclass(frozen=True)
class Packed:
    """A package that has been written.

    Attributes:
        path: The file.
        size: Its length in bytes.
        sha256: Digest of its content.
        without_network: Spaces that only TensorFlow can embed an upload for where it is pulled: there was no network here.
        downloaded_weights: Those of them whose weights the host downloads.
    """

    path: Path
    size: int
    sha256: str
    without_network: Sequence[str]
    downloaded_weights: Sequence[str]


@dataclass(frozen=True)
class Reference:
    """Where a package is: a URL with its digest, or a file, whose digest may be None."""

    place: str
    sha256: str | None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """`URL#sha256=...`, or the path of a file, also with its digest.

        Raises:
            CollectionError: a digest is missing or none.
        """
        place, mark, digest = text.rpartition("#sha256=")
        if not mark:
            place, digest = text, ""
        if digest and not DIGEST.fullmatch(digest):
            raise CollectionError(f"A digest must be 64 hexadecimal digits in lower case. Received: {digest[:80]!r}.")
        if "://" in place and not digest:
            raise CollectionError("A package from the web needs its digest.", hint=f"Like so: {_EXAMPLE}")
        return cls(place, digest or None)

    @property
    def is_remote(self) -> bool:
        """Whether it must be downloaded."""
        return "://" in self.place


def pack(name: str, home: Path, target: Path, *, with_weights: bool = False, beside: Sequence[Path] = ()) -> Packed:
    """Writes a collection into one file.

    Args:
        name: Of the collection.
        home: The folder of collections.
        target: The file to be; replaced if it is there.
        with_weights: Also the weights that were given by file, for TensorFlow where it is pulled.
        beside: Other files of the home that go along; `pull` passes them over.

    Raises:
        CollectionError: there is none, or it is damaged.
        BackboneError: weights are not kept here, or they or a network are damaged.
        BuildError: the file cannot be written.
    """
    if not target.parent.is_dir() or target.is_dir():
        raise BuildError(f"A package must be a file in a folder that is there. Received: {str(target)!r}.")
    collection = Collection.open(name, home)
    problems = collection.changed_thumbnails()
    if problems:
        raise CollectionCorruptError(problems[0], hint="Build it again.")
    networks = _networks(collection.manifest, home)
    manifest = collection.manifest.without_indexes()
    paths = {collection.path / entry.file for entry in manifest.files}
    paths |= {collection.thumbnail_path(item) for item in collection.items}
    paths |= set(beside)
    weights = {entry.embedder.weights for entry in collection.manifest.spaces.values()}
    if with_weights:
        kept = [find_weights(digest, home) for digest in weights if digest and DIGEST.fullmatch(digest)]
        paths |= {path for path in kept if path.parent != BUNDLED}
    files = {path.relative_to(home).as_posix(): path for path in paths}
    first = {f"{name}/{MANIFEST_FILE}": manifest.to_bytes()}
    first |= {network_path(home, digest).relative_to(home).as_posix(): content for digest, content in networks.items()}
    with disk_errors("package"):
        size, sha256 = _write_tar(target, first, files)
    without = [space for space, entry in collection.manifest.spaces.items() if _is_without(entry.embedder, networks)]
    downloaded = [space for space in without if collection.manifest.spaces[space].embedder.weights == IMAGENET]
    return Packed(target, size, sha256, without, downloaded)


def _networks(manifest: Manifest, home: Path) -> dict[str, bytes]:
    """Digest -> content of the networks that a collection names and that are here, but for those of the program."""
    contents = {file.sha256: read_network(file, home) for file in manifest.networks if not is_bundled(file)}
    return {digest: content for digest, content in sorted(contents.items()) if content is not None}


def _is_without(spec: EmbedderSpec, networks: Mapping[str, bytes]) -> bool:
    is_packed = spec.network is not None and (spec.network.sha256 in networks or is_bundled(spec.network))
    return not (spec.is_descriptor or is_packed or bundled_network(spec))


class _Hashing:
    """A file that is written from its beginning to its end, and hashed on the way."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self.size = 0
        self._stream = stream

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._stream.write(data)


def _write_tar(target: Path, first: Mapping[str, bytes], files: Mapping[str, Path]) -> tuple[int, str]:
    """Name in the tar -> content, and then the files by name. Returns size and digest."""
    with replacing(target, sync=True) as stream:
        hashing = _Hashing(stream)
        # "w|" never seeks, so that the hash sees every byte once.
        with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.USTAR_FORMAT) as archive:  # type: ignore[call-overload]
            for name, data in first.items():
                archive.addfile(_member(name, len(data)), io.BytesIO(data))
            for name, path in sorted(files.items()):
                with path.open("rb") as content:
                    archive.addfile(_member(name, path.stat().st_size), content)
    return hashing.size, hashing.digest.hexdigest()


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)  # owner 0, time 0, mode 644
    member.size = size
    return member


def pull(text: str, home: Path, *, name: str | None = None, progress: Progress | None = None) -> Collection:
    """Brings a package and makes it a collection, which is listed once every byte of it has been checked.

    Example:
        >>> packed = pack("discs", home, home / "discs.imgsearch.tar")
        >>> pulled = pull(f"{packed.path}#sha256={packed.sha256}", home, name="copied")
        >>> list_collections(home)
        ['copied', 'discs']

    A collection of the same name that was pulled before is replaced, as by a build: a running page goes on with the old
    state until the new one is complete. It is searched exactly until its index is built, last of all.

    Args:
        text: See `Reference.parse`.
        home: The folder of collections.
        name: What to call it here. Defaults to the name that it was packed with.
        progress: Told how much has come.

    Raises:
        DownloadError: the package cannot be had, or is not the one that was meant.
        CollectionError: it is none, or a collection of the name was built here.
        BuildError: the disk is full, or the file is no archive.
    """
    reference = Reference.parse(text)
    if name is not None:
        collection_path(name, home)
    with disk_errors(), _package(reference, home, progress) as (package, sha256):
        staging = downloads_folder(home) / f"{sha256}.staging"
        shutil.rmtree(staging, ignore_errors=True)
        try:
            staged = stage(package, staging)
            name = name or staged.name
            _check_name(name, home)
            install(staged, name, home, Source("package", sha256))
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    if progress:
        progress(0, 0, "indexing")
    index_in_child(name, home)
    return Collection.open(name, home)


@contextlib.contextmanager
def _package(reference: Reference, home: Path, progress: Progress | None) -> Iterator[tuple[Path, str]]:
    """The file and its digest; what had to be downloaded is kept until the work with it is done."""
    if not reference.is_remote:
        path = Path(os.path.expanduser(reference.place))
        if not path.is_file():
            raise DownloadError(f"A package must be a file or a URL. Received: {reference.place!r}, which is neither.")
        sha256 = file_digest(path)
        if reference.sha256 not in (None, sha256):
            raise DownloadError(
                "The package is not the one that was expected (its sha256 differs).",
                hint="Another file has taken its place, or the digest belongs to another one: ask who gave you the two.",
            )
        with _pulling(home, sha256):
            yield path, sha256
        return
    assert reference.sha256
    path = downloads_folder(home) / f"{reference.sha256}{SUFFIX}"
    with _pulling(home, reference.sha256):
        fetch(
            [reference.place],
            path,
            digest=reference.sha256,
            max_bytes=MAX_PACKAGE_BYTES,
            progress=lambda done, total: progress(done, total, "downloading") if progress else None,
        )
        yield path, reference.sha256
        path.unlink()


def _pulling(home: Path, sha256: str) -> contextlib.AbstractContextManager[None]:
    busy = DownloadError("Another process is pulling this package.", hint="Wait until it is done.")
    return exclusive(downloads_folder(home) / sha256, busy)


def _check_name(name: str, home: Path) -> None:
    if name in list_collections(home) and not came_as_package(name, home):
        raise CollectionError(f"A collection called {name!r} was built here.", hint="Pull under another name: --name NAME")


def install(staged: Outline, name: str, home: Path, source: Source) -> None:
    """Moves a collection, what its manifest names, from a home of its own into the home; the manifest last.

    Args:
        staged: The collection, which is checked.
        name: What to call it here; one of that name is replaced.
        home: The folder of collections.
        source: Where it comes from.

    Raises:
        BuildError: a build of it is running.
        OSError: it cannot be written.
    """
    path = collection_path(name, home)
    with alone(path), shared(networks_folder(home)):
        path.mkdir(exist_ok=True)
        with contextlib.suppress(CollectionError):  # none, or one that cannot be used anyway
            retire(Collection.open(name, home), list(staged.items))
        _install_weights(staged, home)
        _install_networks(staged, home)
        # From here on until the end it is neither the old nor the new one.
        remember(replace(source, location=""), name, home)
        thumbnails = [staged.thumbnail_path(item) for item in staged.items]
        for file in [staged.path / entry.file for entry in staged.manifest.files] + sorted(set(thumbnails)):
            target = path / file.relative_to(staged.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)
        write_atomically(path / MANIFEST_FILE, (staged.path / MANIFEST_FILE).read_bytes(), sync=True)
        remember(source, name, home)
    sweep(Outline.open(name, home))
    sweep_networks(home)


def index_in_child(name: str, home: Path) -> None:
    """Builds the indexes in a child process; where that fails, the log says so, and the collection is searched exactly."""
    n_bytes = sum(entry.embeddings.size for entry in read_manifest(collection_path(name, home)).spaces.values())
    began = time.monotonic()
    _log.info("Building the index of %s.", name)
    try:
        names = confined(
            f"{__name__}:index_here",
            name,
            str(home),
            memory_bytes=_INDEX_MEMORY_BYTES + 16 * n_bytes,
            cpu_s=_INDEX_CPU_S + n_bytes // _INDEX_BYTES_PER_S,
        )
    except (Died, ImgSearchError) as exc:
        _log.error("The index of %s cannot be built, and it is searched exactly. %s", name, exc)
        return
    _log.info("The index of %s is ready after %.0f s: %s.", name, time.monotonic() - began, ", ".join(names) or "none")


def index_here(name: str, home: str) -> list[str]:
    """See `index_in_child`."""
    return add_indexes(name, Path(home))


def _install_weights(staged: Outline, home: Path) -> None:
    for entry in staged.manifest.spaces.values():
        for suffix in (".weights.h5", ".h5"):
            file = weights_path(staged.home, entry.embedder.weights, suffix)
            if file.is_file() and file_digest(file) == entry.embedder.weights:
                kept = weights_path(home, entry.embedder.weights, suffix)
                kept.parent.mkdir(exist_ok=True)
                os.replace(file, kept)


def _install_networks(staged: Outline, home: Path) -> None:
    """Those that the spaces name, and that the child has tried: one of the same digest that is here may be damaged."""
    for network in staged.manifest.networks:
        brought, kept = (network_path(each, network.sha256) for each in (staged.home, home))
        if brought.is_file() and not is_bundled(network):
            kept.parent.mkdir(exist_ok=True)
            os.replace(brought, kept)
            os.utime(kept)


def ensure_collections(settings: Settings, progress: Progress | None = None) -> list[ImgSearchError]:
    """Pulls the collections of IMGSEARCH_COLLECTIONS that are not here yet; one that fails does not stop the others.

    Returns:
        What went wrong.
    """
    problems: list[ImgSearchError] = []
    for text in filterfalse(is_server_address, settings.collections):
        try:
            sha256 = Reference.parse(text).sha256
            if sha256 is None or not is_pulled(sha256, settings.home):
                pull(text, settings.home, progress=progress)
        except ImgSearchError as exc:
            problems.append(exc)
    return problems


def is_pulled(sha256: str, home: Path) -> bool:
    """Whether the package of that digest is a collection here."""
    return any(remembered(name, home) == Source("package", sha256) for name in list_collections(home))
