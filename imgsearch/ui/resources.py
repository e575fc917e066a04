"""What all visitors share: opened collections and the embedding worker. Bounded, made once, safe for threads."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import streamlit as st

from imgsearch.collection import Collection, collection_path, list_collections
from imgsearch.datasets import example_queries_folder
from imgsearch.embedding import EmbedderSpec
from imgsearch.errors import CollectionNotFoundError, ImgSearchError, WorkerError
from imgsearch.manifest import FILE_NAME
from imgsearch.settings import SAMPLE_COLLECTION, get_settings
from imgsearch.worker import EmbeddedPicture, WorkerEmbedder

MAX_OPEN_COLLECTIONS = 8
MAX_EMBEDDED_UPLOADS = 32


def collection_names() -> list[str]:
    """The collections, the visitor's own before the sample, else in alphabetical order."""
    return sorted(list_collections(get_settings().home), key=lambda name: (name == SAMPLE_COLLECTION, name))


def open_collection(name: str) -> Collection:
    """The opened collection; opened anew when it has been rebuilt since.

    Raises:
        CollectionError: there is none of that name, or it is damaged.
    """
    path = collection_path(name, get_settings().home) / FILE_NAME
    try:
        status = path.stat()
    except OSError:
        raise CollectionNotFoundError(f"There is no collection called {name!r}.") from None
    return _open(name, status.st_mtime_ns, status.st_ino)


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _open(name: str, mtime_ns: int, inode: int) -> Collection:
    del mtime_ns, inode  # they tell one build from the next
    return Collection.open(name, get_settings().home)


def open_first_collection() -> Collection | None:
    """What a visitor with an empty address sees, or None where there is no collection. Raises like `open_collection`."""
    names = collection_names()
    return open_collection(names[0]) if names else None


def example_queries(name: str) -> dict[str, Path]:
    """Pictures to try that are not in the gallery, by file name; only the sample has some."""
    if name != SAMPLE_COLLECTION:
        return {}
    return {path.name: path for path in sorted(example_queries_folder(get_settings().home).glob("*.jpg"))}


@st.cache_resource(show_spinner=False)
def worker() -> WorkerEmbedder:
    """The client of the embedding worker; the process starts with the first request."""
    settings = get_settings()
    return WorkerEmbedder(settings.home, timeout_s=settings.worker_timeout_s, queue=settings.worker_queue)


@st.cache_resource(max_entries=MAX_EMBEDDED_UPLOADS, show_spinner=False, scope="session")
def embed_upload(data: bytes, spec: EmbedderSpec) -> EmbeddedPicture:
    """An upload, embedded by the worker; kept for this visitor while the page is open.

    Raises:
        ImageError, BackboneError, WorkerError: see `WorkerEmbedder.embed_picture`.
    """
    return worker().embed_picture(data, spec)


class WarmUp:
    """The loading of one embedder by the worker, in the background, once.

    Attributes:
        is_over: Whether it is done, well or not.
        error: Why the embedder cannot be loaded, or None.
    """

    def __init__(self, spec: EmbedderSpec) -> None:
        self.is_over = False
        self.error: ImgSearchError | None = None
        self._spec = spec
        self._thread = threading.Thread(target=self._load, name="warm-up", daemon=True)
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begins, unless it has begun before."""
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()

    def _load(self) -> None:
        try:
            worker().load(self._spec)
        except WorkerError:
            pass  # that passes; the next upload starts the worker anew
        except ImgSearchError as exc:
            self.error = exc
        finally:
            self.is_over = True
            # Streamlit collects garbage after every run, which takes 50 ms over all that is loaded; this stays anyway.
            gc.collect()
            gc.freeze()


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def warm_up(spec: EmbedderSpec) -> WarmUp:
    """The warm-up of an embedder, shared by all visitors."""
    return WarmUp(spec)
