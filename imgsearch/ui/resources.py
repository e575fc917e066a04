"""What all visitors share: opened collections and the embedding worker. Bounded, made once, safe for threads."""

from __future__ import annotations

import gc
import math
import threading
from pathlib import Path
from time import monotonic as _now

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.collection.session import SESSION_NAME, SessionCollections, SessionLimits
from imgsearch.embedding.embedders import Embedders
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.errors import CollectionNotFoundError, ImgSearchError, WorkerError
from imgsearch.files.home import MANIFEST_FILE, collection_path, list_collections, sample_queries_folder
from imgsearch.settings import SAMPLE_COLLECTION, get_settings

MAX_OPEN_COLLECTIONS = 8
WARM_UP_PAUSE_S = 20.0
"""Time between two tries to load an embedder that cannot be loaded."""
_WARM_UPS = "warm_ups"


def collection_names() -> list[str]:
    """The collections, the visitor's own before the sample, else in alphabetical order."""
    return sorted(list_collections(get_settings().home), key=lambda name: (name == SAMPLE_COLLECTION, name))


def open_collection(name: str) -> Collection:
    """The opened collection; opened anew when it has been rebuilt since.

    Raises:
        CollectionError: there is none of that name, or it is damaged.
    """
    if SESSION_NAME.fullmatch(name):
        return session_collections().open(name)
    return _open(name, build_of(name))


def build_of(name: str) -> tuple[int, int]:
    """What tells a build of a collection from the next.

    Raises:
        CollectionError: there is none of that name.
    """
    path = collection_path(name, get_settings().home) / MANIFEST_FILE
    try:
        status = path.stat()
    except OSError:
        raise CollectionNotFoundError(f"There is no collection called {name!r}.") from None
    return status.st_mtime_ns, status.st_ino


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _open(name: str, build: tuple[int, int]) -> Collection:
    del build  # only a part of the key
    return Collection.open(name, get_settings().home)


def home_of(name: str) -> Path:
    """The folder that the collection of that name lies in, if it exists."""
    return session_collections().home if SESSION_NAME.fullmatch(name) else get_settings().home


@st.cache_resource(show_spinner=False)
def session_collections() -> SessionCollections:
    """The collections that visitors make of their own pictures."""
    settings = get_settings()
    return SessionCollections(SessionLimits(max_bytes=settings.max_own_mb * 2**20, max_of_one=settings.max_own_of_one))


def open_first_collection() -> Collection | None:
    """What a visitor with an empty address sees, or None where there is no collection. Raises like `open_collection`."""
    names = collection_names()
    return open_collection(names[0]) if names else None


def example_queries(name: str) -> dict[str, Path]:
    """Pictures to try that are not in the gallery, by file name; only the sample has some."""
    if name != SAMPLE_COLLECTION:
        return {}
    return {path.name: path for path in sorted(sample_queries_folder(get_settings().home).glob("*.jpg"))}


@st.cache_resource(show_spinner=False)
def worker() -> WorkerClient:
    """The client of the embedding worker; the process starts with the server."""
    settings = get_settings()
    return WorkerClient(settings.home, timeout_s=settings.worker_timeout_s, queue=settings.worker_queue)


def embedders(visitor: str) -> Embedders:
    """Who looks at a visitor's pictures: the worker, in turn with others."""
    return WorkerEmbedders(worker(), visitor)


class WarmUp:
    """The loading of one embedder by the worker, in the background; tried again from time to time while it fails.

    Attributes:
        is_wanted: Whether anything is loaded before the first upload, see `Settings.warm_up`.
        is_over: Whether it has been tried, well or not.
        error: Why the embedder cannot be loaded, or None.
    """

    def __init__(self, spec: EmbedderSpec) -> None:
        self.is_wanted = get_settings().warm_up
        self.is_over = False
        self.error: ImgSearchError | None = None
        self._spec = spec
        self._lock = threading.Lock()
        self._next_try = 0.0  # on the monotonic clock; infinite once nothing is left to try

    def start(self) -> None:
        """Begins, or tries again what failed a while ago: what was missing may have come."""
        with self._lock:
            if _now() < self._next_try:
                return
            self._next_try = math.inf
        threading.Thread(target=self._load, name="warm-up", daemon=True).start()

    def _load(self) -> None:
        try:
            if self.is_wanted:
                worker().load(self._spec)
            self.error = None
        except WorkerError:
            pass  # that passes; the next upload starts the worker anew
        except ImgSearchError as exc:
            self.error = exc
            self._next_try = _now() + WARM_UP_PAUSE_S
        finally:
            self.is_over = True
            # Streamlit collects garbage after every run, which takes 50 ms over all that is loaded; this stays anyway.
            gc.collect()
            gc.freeze()


def _still_holds(warm_up: WarmUp) -> bool:
    """Whether what a warm-up says is still so, asked once a session: who comes when the worker has ended wakes another.

    Not in every run: those who only click would never let it sleep.
    """
    asked: set[WarmUp] = st.session_state.setdefault(_WARM_UPS, set())
    is_known = warm_up in asked
    asked.add(warm_up)
    is_asleep = warm_up.is_wanted and warm_up.is_over and warm_up.error is None and worker().pid is None
    return is_known or not is_asleep


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False, validate=_still_holds)
def warm_up(spec: EmbedderSpec) -> WarmUp:
    """The warm-up of an embedder, shared by all visitors."""
    return WarmUp(spec)
