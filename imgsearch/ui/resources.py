"""What all visitors share: opened collections and the embedding worker. Bounded, made once, safe for threads."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.collection.face.description import Described
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.outline import Outline
from imgsearch.collection.served.address import ServerAddress, served_addresses
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.collection.session import SESSION_NAME, SessionCollections, SessionLimits
from imgsearch.embedding.embedders import Embedders
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.errors import CollectionNotFoundError
from imgsearch.files.home import MANIFEST_FILE, collection_path, list_collections, sample_queries_folder
from imgsearch.measure import words
from imgsearch.settings import SAMPLE_COLLECTION, get_settings

MAX_OPEN_COLLECTIONS = 8
_MOST_THUMBNAILS = 500
"""Of collections on servers, of some 40 kB each."""


def collection_names() -> list[str]:
    """The collections, those on servers among them, the sample last, else in alphabetical order.

    Raises:
        CollectionError: the home cannot be read, or an address of a server will not do.
    """
    names = {*list_collections(get_settings().home), *served_addresses()}
    return sorted(names, key=lambda name: (name == SAMPLE_COLLECTION, name))


def open_collection(name: str) -> OpenedCollection:
    """The opened collection; opened anew when it has been rebuilt, or loaded, since.

    Raises:
        CollectionError: there is none of that name, it is damaged, or its server does not answer.
    """
    if SESSION_NAME.fullmatch(name):
        return session_collections().open(name)
    if address := served_addresses().get(name):
        return _open_served(address.uri, name, address.table.state())
    return _open(name, build_of(name))


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _open_served(uri: str, name: str, state: str) -> ServedCollection:
    del state  # only a part of the key
    return ServedCollection.open(ServerAddress(uri, name).table, get_settings().home)


def build_of(name: str) -> tuple[int, int, str]:
    """What tells a build of a collection from the next.

    Raises:
        CollectionError: there is none of that name.
    """
    path = collection_path(name, get_settings().home) / MANIFEST_FILE
    try:
        status = path.stat()
    except OSError:
        raise CollectionNotFoundError(f"There is no collection called {name!r}.") from None
    return status.st_mtime_ns, status.st_ino, str(path)


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _open(name: str, build: tuple[int, int, str]) -> OpenedCollection:
    del build  # only a part of the key
    return Collection.open(name, get_settings().home)


def outline(name: str) -> Described:
    """What there is to know of a collection without opening it for searches; read anew when it has been rebuilt since.

    Raises:
        CollectionError: there is none of that name, or it is damaged.
    """
    if SESSION_NAME.fullmatch(name) or name in served_addresses():
        return open_collection(name)
    return _outline(name, build_of(name))


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _outline(name: str, build: tuple[int, int, str]) -> Outline:
    del build  # only a part of the key
    return Outline.open(name, get_settings().home)


@lru_cache(_MOST_THUMBNAILS)
def served_thumbnail(name: str, digest: str) -> bytes:
    """A thumbnail of a collection on a server, which is asked for the first time only: the digest is that of its content.

    Raises:
        CollectionError: it cannot be read, or the server does not answer.
    """
    collection = open_collection(name)
    assert isinstance(collection, ServedCollection)
    return collection.thumbnail_of(digest)


def home_of(name: str) -> Path:
    """The folder that the collection of that name lies in, if it exists."""
    return session_collections().home if SESSION_NAME.fullmatch(name) else get_settings().home


@st.cache_resource(show_spinner=False)
def session_collections() -> SessionCollections:
    """The collections that visitors make of their own pictures."""
    settings = get_settings()
    return SessionCollections(SessionLimits(max_bytes=settings.max_own_mb * 2**20, max_of_one=settings.max_own_of_one))


def word_quality(collection: OpenedCollection) -> tuple[words.WordQuality, ...]:
    """How well the labels that a network knows by name are found by it, the worst first: measured once."""
    space = collection.word_space
    if space is None:
        return ()
    it = collection.description
    return _word_quality((it.digest, it.spaces[space.name].digest), collection)


@st.cache_resource(max_entries=MAX_OPEN_COLLECTIONS, show_spinner=False)
def _word_quality(digests: tuple[str, str], _collection: OpenedCollection) -> tuple[words.WordQuality, ...]:
    del digests  # only a part of the key
    return words.word_quality(_collection)


def weak_words(collection: OpenedCollection) -> frozenset[str]:
    """What the network finds badly here, as far as labels tell: see `measure.words.weak_words`."""
    return words.weak_words(word_quality(collection))


def open_first_collection() -> OpenedCollection | None:
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
