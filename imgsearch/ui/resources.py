"""What all visitors share: opened collections and the embedding worker. Bounded, made once, safe for threads."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import streamlit as st

from imgsearch.collection import Collection, collection_path, list_collections
from imgsearch.datasets import example_queries_folder
from imgsearch.embedding import EmbedderSpec
from imgsearch.errors import CollectionNotFoundError, ImgSearchError
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


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def warm_up(spec: EmbedderSpec) -> threading.Event:
    """Makes the worker load an embedder in the background, once; the event is set when that is over."""
    is_over = threading.Event()

    def load() -> None:
        try:
            worker().load(spec)
        except ImgSearchError:
            pass  # the upload that needs it gets the message
        finally:
            is_over.set()
            # Streamlit collects garbage after every run, which takes 50 ms over all that is loaded; this stays anyway.
            gc.collect()
            gc.freeze()

    threading.Thread(target=load, name="warm-up", daemon=True).start()
    return is_over
