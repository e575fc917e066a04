"""Galleries that the program can bring about by itself: the sample, which it draws, and datasets, which it downloads."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from imgsearch.collection.build import BuildReport, build_collection
from imgsearch.collection.source import Source
from imgsearch.embedding.backbones import BUNDLED_BACKBONE
from imgsearch.embedding.spec import embedder_spec
from imgsearch.errors import BuildError, DownloadError
from imgsearch.files.archives import unpack
from imgsearch.files.code_pages import CodePage
from imgsearch.files.disk import disk_errors, file_digest
from imgsearch.files.download import fetch
from imgsearch.files.home import (
    FILLED_FILE,
    LEFT_OUT_FILE,
    downloads_folder,
    pictures_folder,
    sample_pictures_folder,
    sample_queries_folder,
)
from imgsearch.files.locks import exclusive
from imgsearch.measure.evaluation import evaluate_collection, save_evaluation
from imgsearch.pictures.folder import no_pictures, scan
from imgsearch.pictures.items import Skipped
from imgsearch.pictures.left_out import LeftOut
from imgsearch.pictures.metadata import METADATA_FILE
from imgsearch.progress import Progress
from imgsearch.records import read
from imgsearch.retrieval.rerank import DEFAULT_RERANKING
from imgsearch.sample.gallery import draw_gallery, draw_queries
from imgsearch.settings import SAMPLE_COLLECTION

SAMPLE_TITLE = "Sample gallery: cats and dogs drawn by code"
SAMPLE_SOURCE = "Drawn by imgsearch"
_FILLING = "v2"
"""What an earlier version unpacked in another way is unpacked again."""


@dataclass(frozen=True)
class Prepared:
    """Pictures on this disk, ready to be built, and what is known about them.

    Attributes:
        directory: The folder.
        title, source, license: For people; None where nothing is known.
        left_out: What the dataset or archive holds and what is not in the folder.
        remarks: What else there is to say, a sentence each.
    """

    directory: Path
    title: str | None = None
    source: str | None = None
    license: str | None = None
    left_out: Sequence[Skipped] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class RemoteFile:
    """A file on the web: its mirrors in the order in which they are asked, its size in bytes and its sha256."""

    urls: tuple[str, ...]
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """What it is called on its first mirror."""
        return self.urls[0].rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Dataset:
    """A dataset to download.

    Attributes:
        title, source, license: For people; they go into the collection.
        files: What is downloaded.
        unpack: Called with the downloaded files by name and the folder to fill with pictures and a metadata.csv; returns
            what it left out.
    """

    title: str
    source: str
    license: str
    files: Sequence[RemoteFile]
    unpack: Callable[[Mapping[str, Path], Path, Progress], list[Skipped]]


def prepare_dataset(name: str, home: Path, *, archives: Sequence[Path] = (), progress: Progress | None = None) -> Prepared:
    """Downloads and unpacks a dataset, unless that has been done.

    The pictures stay in `<home>/pictures/<name>`, so that a further embedder can be added; what was downloaded does not.

    Args:
        name: A key of DATASETS.
        home: The folder of collections.
        archives: Files of the dataset that are here already, or folders with some of them, whatever they are called; they
            are only read. The others are downloaded.
        progress: Told what is done, in bytes.

    Raises:
        DownloadError: no mirror gives a file, or gives another than the official one.
        BuildError: an archive is none of the dataset's files, or the disk is full.
    """
    dataset = DATASETS[name]
    tell = progress or (lambda done, total, what: None)
    folder = pictures_folder(home, name)
    downloads = downloads_folder(home) / name

    def fill(target: Path) -> None:
        given = _files_of(name, archives)
        files = {file.name: given.get(file, downloads / file.name) for file in dataset.files}
        for file in dataset.files:

            def received(done: int, total: int, what: str = f"downloading {file.name}") -> None:
                tell(done, total, what)

            if file in given:
                continue
            try:
                fetch(file.urls, files[file.name], digest=file.sha256, max_bytes=file.size, progress=received)
            except DownloadError as exc:
                by_hand = f"Or fetch {file.name} elsewhere and give it with --archive FILE."
                raise DownloadError(exc.message, hint=f"{exc.hint or ''} {by_hand}".strip()) from exc
        _note(target, dataset.unpack(files, target, tell))

    with disk_errors():
        keep_filled(folder, " ".join(file.sha256 for file in dataset.files), fill)
        shutil.rmtree(downloads, ignore_errors=True)
        left_out, _ = _noted(folder)
    return Prepared(folder, dataset.title, dataset.source, dataset.license, left_out)


def _files_of(name: str, archives: Sequence[Path]) -> dict[RemoteFile, Path]:
    """Which files of a dataset these archives are, by content; of a folder, whatever lies in it that is one."""
    wanted = DATASETS[name].files
    found: dict[RemoteFile, Path] = {}
    for archive in archives:
        try:
            paths = sorted(path for path in archive.iterdir() if path.is_file()) if archive.is_dir() else [archive]
            same_size = [(file, path) for path in paths for file in wanted if file.size == path.stat().st_size]
            of_dataset = {file: path for file, path in same_size if file_digest(path) == file.sha256}
        except OSError as exc:
            raise BuildError(f"The archive {archive.name!r} cannot be read ({exc.strerror}).") from exc
        if not of_dataset:
            known = "; ".join(f"{file.name}, {file.size:,} bytes, sha256 {file.sha256}" for file in wanted)
            raise BuildError(
                f"An archive of {name} must be one of its official files. Received: {archive.name!r}, which "
                f"{'holds none' if archive.is_dir() else 'is another file'}.",
                hint=f"They are: {known}.",
            )
        found |= of_dataset
    return found


def prepare_archive(
    archive: Path, name: str, home: Path, *, encoding: str = "", progress: Progress | None = None
) -> Prepared:
    """Unpacks an archive of pictures to `<home>/pictures/<name>`, unless that has been done with the same file.

    Args:
        archive: Zip or tar.
        name: Of the collection to be.
        home: The folder of collections.
        encoding: Of the file names, see `archives.unpack`; "" to be told by what decodes.
        progress: Told how far it is, in bytes.

    Raises:
        BuildError: see `archives.unpack`; or there are no pictures in it, or the disk is full.
    """
    tell = progress or (lambda done, total, what: None)
    folder = pictures_folder(home, name)

    def fill(target: Path) -> None:
        left_out = LeftOut()
        assumed = unpack(
            archive,
            target,
            passed_over=left_out.add,
            encoding=encoding or None,
            progress=lambda done, total: tell(done, total, "unpacking"),
        )
        _note(target, left_out.skipped(), [_assumption(archive.name, assumed)] if assumed else [])
        try:
            scan(target, exclude=home, left_out=left_out)
        except BuildError:  # whose words name the folder
            raise no_pictures(f"in {str(archive)!r}", left_out) from None

    with disk_errors():
        status = archive.stat()
        keep_filled(folder, f"{_FILLING} {encoding} {archive.resolve()} {status.st_size} {status.st_mtime_ns}", fill)
        left_out, remarks = _noted(folder)
    return Prepared(folder, left_out=left_out, remarks=remarks)


def _assumption(name: str, page: CodePage) -> str:
    return (
        f"{name} does not say how its file names are encoded; they were read as {page.name} ({page.language}). "
        "--encoding reads them as another."
    )


def _note(folder: Path, left_out: Sequence[Skipped], remarks: Sequence[str] = ()) -> None:
    noted = {"left_out": [vars(each) for each in left_out], "remarks": remarks}
    (folder / LEFT_OUT_FILE).write_text(json.dumps(noted), encoding="utf-8")


def _noted(folder: Path) -> tuple[Sequence[Skipped], Sequence[str]]:
    noted = json.loads((folder / LEFT_OUT_FILE).read_text(encoding="utf-8"))
    if isinstance(noted, list):  # by an earlier version
        noted = {"left_out": noted, "remarks": []}
    return read(tuple[Skipped, ...], noted["left_out"]), read(tuple[str, ...], noted["remarks"])


def alone_with_pictures(folder: Path) -> AbstractContextManager[None]:
    """Keeps others away from a folder of unpacked pictures, whether it is there or not. BuildError where they are at it."""
    busy = BuildError("Another process is unpacking these pictures.", hint="Wait until it is done.")
    return exclusive(folder, busy)


def keep_filled(folder: Path, stamp: str, fill: Callable[[Path], None]) -> None:
    """Lets `fill` fill a folder, unless the last filling had the same stamp. A kill leaves the old folder or none."""
    stamp_file = folder / FILLED_FILE
    growing = folder.with_name(f".{folder.name}.growing")
    with alone_with_pictures(folder):
        if stamp_file.is_file() and stamp_file.read_text(encoding="utf-8") == stamp:
            return
        shutil.rmtree(growing, ignore_errors=True)
        growing.mkdir()
        try:
            fill(growing)
        except BaseException:
            shutil.rmtree(growing, ignore_errors=True)
            raise
        (growing / stamp_file.name).write_text(stamp, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        growing.replace(folder)


# --- Oxford-IIIT Pet: Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and Dogs", CVPR 2012

_PET_MIRRORS = ("https://thor.robots.ox.ac.uk/pets/", "https://www.robots.ox.ac.uk/~vgg/data/pets/data/")
_PET_IMAGES, _PET_ANNOTATIONS = "images.tar.gz", "annotations.tar.gz"
_SPECIES = {"1": "cat", "2": "dog"}


def _unpack_pets(archives: Mapping[str, Path], folder: Path, progress: Progress) -> list[Skipped]:
    """`<species>/<picture>.jpg` for each picture that the annotation list names, with its breed in metadata.csv.

    The archive holds 41 pictures more that are not annotated (broken ones among them), and three files of MATLAB.
    """
    lists = folder / ".annotations"
    is_list = "annotations/list.txt"
    unpack(archives[_PET_ANNOTATIONS], lists, place=lambda name: "list.txt" if name == is_list else None)
    try:
        species = _read_pet_list((lists / "list.txt").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as exc:
        raise BuildError("The annotations of the dataset are not what they should be.", hint="Try again later.") from exc
    shutil.rmtree(lists)
    left_out: list[Skipped] = []
    passed_over = LeftOut()

    def place(name: str) -> str | None:
        path = PurePosixPath(name)
        if path.suffix == ".jpg" and path.stem in species:
            return f"{species[path.stem]}/{path.name}"
        left_out.append(Skipped(path.name, "The annotation list of the dataset does not name it."))
        return None

    unpack(
        archives[_PET_IMAGES],
        folder,
        place=place,
        passed_over=passed_over.add,
        progress=lambda done, total: progress(done, total, "unpacking"),
    )
    with (folder / METADATA_FILE).open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("file_name", "label"))
        rows.writerows((f"{species[stem]}/{stem}.jpg", stem.rpartition("_")[0]) for stem in sorted(species))
    return [*left_out, *passed_over.skipped()]


def _read_pet_list(text: str) -> dict[str, str]:
    """Picture -> species, from lines such as `Abyssinian_100 1 1 1`: picture, class, species, breed of the species."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {picture: _SPECIES[species] for picture, _class, species, _breed in lines}


DATASETS: Mapping[str, Dataset] = {
    "oxford_iiit_pet": Dataset(
        title="Oxford-IIIT Pet: cats and dogs of 37 breeds",
        source="Oxford-IIIT Pet (Parkhi, Vedaldi, Zisserman, Jawahar: Cats and Dogs, CVPR 2012), "
        "https://www.robots.ox.ac.uk/~vgg/data/pets/",
        license="CC BY-SA 4.0",
        files=(
            RemoteFile(
                tuple(mirror + _PET_IMAGES for mirror in _PET_MIRRORS),
                size=791_918_971,
                sha256="67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
            ),
            RemoteFile(
                tuple(mirror + _PET_ANNOTATIONS for mirror in _PET_MIRRORS),
                size=19_173_078,
                sha256="52425fb6de5c424942b7626b428656fcbd798db970a937df61750c0f1d358e91",
            ),
        ),
        unpack=_unpack_pets,
    )
}
"""The digests are those that tensorflow_datasets knows too."""


# --- the sample


def prepare_sample(home: Path, *, progress: Progress | None = None) -> Prepared:
    """Draws the sample gallery and its example queries into the home, but for what is there already.

    The pictures stay in `<home>/sample-pictures`, so that a further embedder can be added.

    Args:
        home: The folder of collections.
        progress: Told how far it is, in pictures.

    Raises:
        BuildError: the disk is full.
    """
    pictures = sample_pictures_folder(home)
    with disk_errors():
        pictures.mkdir(parents=True, exist_ok=True)
        draw_gallery(pictures, progress=(lambda done, total: progress(done, total, "drawing")) if progress else None)
        draw_queries(sample_queries_folder(home))
    return Prepared(pictures, SAMPLE_TITLE, SAMPLE_SOURCE, "MIT")


def build_sample(home: Path, *, progress: Progress | None = None) -> BuildReport:
    """Draws the sample, see `prepare_sample`, and builds the collection `sample` from it.

    Embedded with the bundled backbone and, for comparison, the colour histogram, and evaluated.

    Args:
        home: The folder of collections.
        progress: Told how far the drawing and then the build are.

    Raises:
        ImgSearchError: see `build_collection`.
    """
    prepared = prepare_sample(home, progress=progress)
    report = build_collection(
        SAMPLE_COLLECTION,
        prepared.directory,
        home=home,
        specs=[embedder_spec(BUNDLED_BACKBONE), embedder_spec("color_histogram")],
        title=prepared.title,
        source=prepared.source,
        license=prepared.license,
        origin=Source("sample", ""),
        progress=progress,
    )
    if report.collection.manifest.evaluation:
        return report
    evaluations = evaluate_collection(report.collection, rerankings=("", DEFAULT_RERANKING), progress=progress)
    return replace(report, collection=save_evaluation(report.collection, evaluations))
