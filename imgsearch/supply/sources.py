"""Where the pictures of a collection come from, so that it can be brought up to date. Private: never packed or served."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgsearch.collection.additions import add_classifiers, add_indexes, add_networks
from imgsearch.collection.build import BuildReport, build_collection
from imgsearch.collection.collection import Collection
from imgsearch.collection.source import Source, remembered
from imgsearch.errors import BuildError, DownloadError, ImgSearchError
from imgsearch.files.home import collection_path, pictures_folder
from imgsearch.pictures.folder import check_folder
from imgsearch.progress import Progress
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.supply.datasets import DATASETS, SAMPLE_SOURCE, Prepared, prepare_archive, prepare_dataset, prepare_sample


def prepare(
    source: Source, name: str, home: Path, *, archives: Sequence[Path] = (), progress: Progress | None = None
) -> Prepared:
    """Makes sure that the pictures of a source are on this disk.

    Args:
        source: Where they come from.
        name: Of the collection to be.
        home: The folder of collections.
        archives: See `prepare_dataset`.
        progress: Told how far a download or unpacking is.

    Raises:
        BuildError, DownloadError: they cannot be had.
    """
    collection_path(name, home)  # a name that is none is refused before gigabytes are fetched
    if source.kind == "dataset" and source.location in DATASETS:
        return prepare_dataset(source.location, home, archives=archives, progress=progress)
    if source.kind == "archive" and Path(source.location).is_file():
        return prepare_archive(Path(source.location), name, home, encoding=source.encoding, progress=progress)
    if source.kind == "sample":
        return prepare_sample(home, progress=progress)
    if source.kind == "package":
        raise BuildError(
            "The collection was pulled, without its pictures.", hint="Pull the newer package, if there is one."
        )
    return Prepared(Path(source.location))


@contextmanager
def discarding(source: Source, name: str, home: Path) -> Iterator[None]:
    """Removes what was unpacked of an archive where the build within fails and leaves nothing to go on from."""
    try:
        yield
    except ImgSearchError:
        if source.kind == "archive" and not collection_path(name, home).exists():
            shutil.rmtree(pictures_folder(home, name), ignore_errors=True)
        raise


def update_collection(name: str, home: Path, *, progress: Progress | None = None) -> BuildReport:
    """Brings a collection up to date with the place its pictures came from.

    New pictures are added, those that are gone are dropped, changed ones (by size and time, then by sha256) are embedded
    again; all others keep what they have. Item ids stay. Where the pictures cannot be had, what needs none of them is added
    that is missing: indexes, networks and class values.

    Example:
        >>> (pictures / "red" / "3.png").unlink()
        >>> len(update_collection("discs", home).collection.items)
        11

    Raises:
        CollectionNotFoundError: there is none of that name.
        BuildError, DownloadError: it is not known where its pictures come from, or they cannot be had, and nothing can be
            added without them. Otherwise see `build_collection`.
    """
    try:
        source = remembered(name, home) or _source_of_older(name, home)
        prepared = prepare(source, name, home, progress=progress)
        check_folder(prepared.directory)
    except (BuildError, DownloadError) as exc:
        return _add_what_needs_no_pictures(name, home, exc, progress)
    return build_collection(
        name,
        prepared.directory,
        home=home,
        left_out=prepared.left_out,
        remarks=prepared.remarks,
        origin=source,
        progress=progress,
    )


def _add_what_needs_no_pictures(
    name: str, home: Path, reason: BuildError | DownloadError, progress: Progress | None
) -> BuildReport:
    """See `additions`. `reason`: why the pictures cannot be had; raised where nothing can be added."""
    added = [f"the index of {space}" for space in add_indexes(name, home)]
    spaces, problems = add_networks(name, home, progress)
    added += [f"the network of {space}" for space in spaces]
    spaces, without_classes = add_classifiers(name, home, progress)
    added += [f"the class values of {space}" for space in spaces]
    if not added and problems:
        raise type(reason)(f"{reason.message} {problems[0].message}", hint=problems[0].hint) from problems[0]
    if not added:
        raise type(reason)(" ".join([reason.message, *without_classes]), hint=reason.hint)
    remarks = [
        f"{reason.message} What needs no pictures was added: {', '.join(added)}.",
        *(each.message for each in problems),
        *without_classes,
    ]
    return BuildReport(Collection.open(name, home), 0, (), is_unchanged=False, remarks=remarks)


def _source_of_older(name: str, home: Path) -> Source:
    """The source of a collection that has none written down, as those made by `sample` or from Python once had none."""
    manifest = Collection.open(name, home).manifest
    if (name, manifest.source) == (SAMPLE_COLLECTION, SAMPLE_SOURCE):
        return Source("sample", "")
    raise BuildError(
        "It is not known where the pictures of this collection come from.",
        hint=f"Build it once more from the same pictures, then update knows: python -m imgsearch build {name} --images DIR",
    )
