"""Collections of a visitor's own pictures: for one session, in a temporary folder, and gone with it.

The pictures are decoded and embedded by whom the caller names, on the page by the worker: this process sees only what came
back, so that a hostile upload cannot hurt it. The name of such a collection cannot be guessed and is told to nobody else.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType

from imgsearch.collection import intake
from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft
from imgsearch.collection.survey import Known, Memory, Survey
from imgsearch.embedding.classifier import Classifier, kept_classifier
from imgsearch.embedding.embedders import Embedders, Outcome, Wanted
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, BuildBusyError, BuildError, CollectionNotFoundError, WorkerBusyError
from imgsearch.files import locks
from imgsearch.files.disk import disk_errors
from imgsearch.files.home import thumbnails_folder
from imgsearch.pictures.folder import PictureFile, labeller, no_pictures, none_usable, scan
from imgsearch.pictures.left_out import LeftOut
from imgsearch.progress import Progress, in_turn
from imgsearch.reasons import say
from imgsearch.vectors.space import SpaceRecipe

SESSION_NAME = re.compile(r"own-[0-9a-f]{32}")
"""Names of these collections; 128 bits by chance."""

_FOLDER_PREFIX = "imgsearch-own-"
_STEPS_OF_A_SPACE = 4
"""Index, neighbours, map, calibration: what `Draft.commit` tells."""
_SWEEP_S = 20.0
_MAX_BUSY_TRIES = 30
_BUSY_PAUSE_S = 1.0


class BuildStopped(Exception):
    """Who asked for a collection wants it no longer."""


@dataclass(frozen=True)
class SessionLimits:
    """What the collections of sessions may cost this server.

    Attributes:
        max_pictures, max_bytes: Files and bytes of one collection, zip files unpacked.
        max_collections, max_of_one: Collections at a time, of all and of one owner.
        max_builds: Builds at a time, one of each owner: each keeps a place in the worker's queue.
        idle_s: One that was not used for so long is removed, also when its session still stands.
        grace_s: How long a visitor who was cut off may come back.
    """

    max_pictures: int = 300
    max_bytes: int = 100 * 2**20
    max_collections: int = 20
    max_of_one: int = 3
    max_builds: int = 3
    idle_s: float = 3600.0
    grace_s: float = 120.0


@dataclass(frozen=True)
class Remarks:
    """What there is to say of how a collection came about.

    Attributes:
        encodings: The code pages that names in zip files, or metadata.csv, were read as, where those did not say it.
        n_without_row: Pictures that metadata.csv does not name.
    """

    encodings: tuple[str, ...] = ()
    n_without_row: int = 0


class SessionCollections:
    """The collections of the sessions of one process. Safe for threads."""

    def __init__(self, limits: SessionLimits | None = None) -> None:
        """Makes the folder they lie in, and removes those that killed processes have left."""
        self.limits = limits or SessionLimits()
        _remove_abandoned()
        self.home = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))  # nobody else may look inside
        self._lock_file = (self.home / "lock").open("wb")
        locks.take(self._lock_file, BuildError("The folder for uploaded pictures is taken."))
        self._ends: dict[str, float] = {}  # name -> time of its end; infinite while one is being built
        self._owners: dict[str, str] = {}
        self._opened: dict[str, Collection] = {}
        self._remarks: dict[str, Remarks] = {}
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        threading.Thread(target=self._sweep, name="session-collections", daemon=True).start()

    def build(
        self,
        uploads: Iterable[tuple[str, bytes]],
        *,
        embedders: Embedders,
        specs: Sequence[EmbedderSpec],
        title: str,
        classifiers: Mapping[EmbedderSpec, Classifier] = MappingProxyType({}),
        locale: str = "",
        owner: str = "",
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> Collection:
        """Makes a collection. Whatever ends it, an exception out of `progress` too, leaves nothing behind.

        Args:
            uploads: Name and content of each file: pictures, or zip files of pictures. Folders become labels where there
                are at least two of them.
            embedders: Who looks at the pictures, one after the other.
            specs: What to embed with, a space each.
            title: For people.
            classifiers: What tells classes from the embeddings of some of them; those that come with the program need not
                be given.
            locale: The visitor's, such as "ko", see `code_pages.decode`.
            owner: Who makes it, by any name: one may have only some of them.
            progress: Told how far it is: "embedding" pictures, then in a few words the steps after that, numbered anew.
            stop: Ends it once it is set, when the picture that is looked at is done.

        Raises:
            BuildStopped: `stop` was set.
            BuildError: no picture can be used, or there are too many or too large ones.
            BuildBusyError: the server has no room now.
            BackboneError, WorkerError: the pictures cannot be embedded now.
        """
        stop = stop or threading.Event()
        told = in_turn(progress)

        def tell(done: int, total: int, what: str) -> None:
            if stop.is_set():
                raise BuildStopped
            told(done, total, what)

        name = self._reserve(owner)
        try:
            with disk_errors(), tempfile.TemporaryDirectory(dir=self.home) as folder:
                limits = self.limits
                left_out = LeftOut()
                most = {"max_files": limits.max_pictures, "max_bytes": limits.max_bytes}
                taken = intake.take(uploads, Path(folder), locale=locale, **most)
                for each in taken.passed_over:
                    left_out.add(*each)
                files = _files(Path(folder), self.home, left_out)
                label = labeller(Path(folder), None, locale=locale)
                thumbnails_folder(self.home / name).mkdir(parents=True)
                known = Known(None, Memory())
                known.load(specs)
                items, skipped = Survey(self.home / name, partial(_patiently, embedders, stop), known, tell).look_at(files)
                if not items:
                    raise none_usable(len(files), skipped)
                is_labelled = len({label(item.item_id) for item in items} - {""}) > 1
                items = [replace(item, label=label(item.item_id) if is_labelled else "") for item in items]
                missing = label.without_picture(file.item_id for file in files)
                draft = Draft(
                    title=title,
                    source="",
                    license="",
                    label_pattern=None,
                    items=items,
                    skipped=sorted([*skipped, *left_out.skipped(), *missing], key=lambda each: each.item_id),
                    recipes={spec.space: SpaceRecipe(spec) for spec in specs},
                    map_method="pca",  # t-SNE would load scikit-learn, and keep the page's process busy
                    classifiers=_classifiers(specs, classifiers, self.home),
                )
                step, n_steps = count(), _STEPS_OF_A_SPACE * len(specs) + len(draft.classifiers)
                draft.commit(self.home / name, known.embedding, None, lambda what: tell(next(step), n_steps, what))
            collection = Collection.open(name, self.home)
            tell(n_steps, n_steps, "done")
        except BaseException:
            self.remove(name)
            raise
        assumed = {*taken.assumed, *([label.metadata.assumed.name] if label.metadata and label.metadata.assumed else [])}
        remarks = Remarks(tuple(sorted(assumed)), len(label.without_row(item.item_id for item in items)))
        with self._lock:
            self._opened[name] = collection
            self._remarks[name] = remarks
        self.use(name)
        return collection

    def open(self, name: str) -> Collection:
        """The collection of that name, which is kept open.

        Raises:
            CollectionNotFoundError: there is none, or none any more.
        """
        with self._lock:
            if name not in self._opened:
                raise CollectionNotFoundError("There is no such collection of anybody's own pictures.")
            return self._opened[name]

    def remarks(self, name: str) -> Remarks:
        """What there is to say of a collection; nothing of one that is not there any more."""
        with self._lock:
            return self._remarks.get(name, Remarks())

    def use(self, name: str) -> bool:
        """Whether the collection is there; if so, its idle time begins anew."""
        with self._lock:
            if name in self._ends:
                self._ends[name] = time.monotonic() + self.limits.idle_s
            return name in self._ends

    def leave(self, name: str) -> None:
        """Says that the visitor has gone; unless they come back and `use` it, the collection is soon removed."""
        with self._lock:
            if name in self._ends:
                self._ends[name] = min(self._ends[name], time.monotonic() + self.limits.grace_s)

    def remove(self, name: str) -> None:
        """Removes a collection, if it is there."""
        with self._lock:
            self._opened.pop(name, None)
            self._remarks.pop(name, None)
            self._owners.pop(name, None)
            if self._ends.pop(name, None) is None:
                return
        shutil.rmtree(self.home / name, ignore_errors=True)

    def remove_ended(self) -> None:
        """Removes those that were not used for too long."""
        with self._lock:
            ended = [name for name, end in self._ends.items() if end <= time.monotonic()]
        for name in ended:
            self.remove(name)

    def close(self) -> None:
        """Removes all of them, for good."""
        self._is_closed.set()
        with self._lock:
            for each in (self._ends, self._owners, self._opened, self._remarks):
                each.clear()
        self._lock_file.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def _sweep(self) -> None:
        while not self._is_closed.wait(_SWEEP_S):
            self.remove_ended()

    def _reserve(self, owner: str) -> str:
        name = f"own-{secrets.token_hex(16)}"
        with self._lock:
            theirs = [name for name in self._ends if self._owners[name] == owner]
            if len(theirs) >= self.limits.max_of_one:
                raise BuildBusyError(
                    say("own_of_one", most=self.limits.max_of_one),
                    hint="Delete one of them, or close the page that shows it.",
                )
            if len(self._ends) >= self.limits.max_collections:
                raise BuildBusyError(
                    say("own_of_all", most=self.limits.max_collections),
                    hint="Try again later.",
                )
            being_built = [name for name, end in self._ends.items() if end == math.inf]
            if len(being_built) >= self.limits.max_builds or not set(being_built).isdisjoint(theirs):
                raise BuildBusyError(
                    say("own_builds", most=self.limits.max_builds),
                    hint="Try again in a minute.",
                )
            self._ends[name] = math.inf
            self._owners[name] = owner
        return name


def _remove_abandoned() -> None:
    """Removes folders whose process is gone, which its lock tells."""
    if os.name != "posix":  # no locks there
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / "lock").open("rb") as stream:
                locks.take(stream, BuildError("in use"))
        except (OSError, BuildError):
            continue
        shutil.rmtree(folder, ignore_errors=True)


def _files(folder: Path, home: Path, left_out: LeftOut) -> list[PictureFile]:
    try:
        return scan(folder, exclude=home, left_out=left_out)
    except BuildError:  # whose words name the folder
        raise no_pictures("among these files", left_out) from None


def _classifiers(
    specs: Sequence[EmbedderSpec], given: Mapping[EmbedderSpec, Classifier], home: Path
) -> dict[str, Classifier]:
    """By space. Nothing is downloaded or measured for a visitor."""
    found = {}
    for spec in specs:
        with contextlib.suppress(BackboneError):  # words are not worth a failure
            if classifier := given.get(spec.for_queries().plain) or kept_classifier(spec, home):
                found[spec.space] = classifier
    return found


def _patiently(embedders: Embedders, stop: threading.Event, wanted: Iterable[Wanted]) -> Iterator[Outcome]:
    """Waits while others keep the worker busy: hundreds of pictures are not given up for a moment's crowd."""
    for each in wanted:
        for _ in range(_MAX_BUSY_TRIES):
            (outcome,) = embedders.embed([each])
            if not isinstance(outcome, WorkerBusyError):
                break
            if stop.wait(_BUSY_PAUSE_S):
                raise BuildStopped
        yield outcome
