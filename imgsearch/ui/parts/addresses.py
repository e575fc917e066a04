"""Where the browser gets what the page itself does not draw."""

from __future__ import annotations

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.pictures.items import Item
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.ui.server import access, internals, routes
from imgsearch.ui.server.delivery.word_list import words_digest
from imgsearch.ui.server.map_points import map_digest


def thumbnail_url(collection: str, item: Item) -> str:
    """Where the browser gets an item's thumbnail."""
    return f"{_base_path()}{routes.THUMBNAIL_ROUTE}/{collection}/{item.thumbnail}.webp{access.key(collection)}"


def small_thumbnail_url(collection: str, item: Item) -> str:
    """The same, smaller; see `thumbnails.SMALL_SIDE`."""
    return f"{_base_path()}{routes.SMALL_THUMBNAIL_ROUTE}/{collection}/{item.thumbnail}.webp{access.key(collection)}"


def thumbnail_pattern(collection: str) -> str:
    """The same for any item, with {} in place of its digest."""
    return f"{_base_path()}{routes.THUMBNAIL_ROUTE}/{collection}/{{}}.webp{access.key(collection)}"


def map_url(collection: OpenedCollection, space: str) -> str:
    """Where the browser gets the points of a map."""
    key = access.key(collection.name)
    return f"{_base_path()}{routes.MAP_ROUTE}/{collection.name}/{space}/{map_digest(collection, space)}.json{key}"


def words_url(collection: OpenedCollection, language: str) -> str:
    """Where the browser gets the words that a collection can be asked for."""
    key = access.key(collection.name)
    return f"{_base_path()}{routes.WORDS_ROUTE}/{collection.name}/{language}/{words_digest(collection)}.json{key}"


def picture_url(data: bytes, place: str) -> str:
    """Where the browser gets a JPEG that only this visitor may see, as long as each run asks for it.

    Args:
        data: Content of the file.
        place: What it is on the page; another picture for the same place replaces it.
    """
    return internals.media_url(data, "image/jpeg", place)


def example_url(name: str) -> str:
    """Where the browser gets an example query."""
    return f"{_base_path()}{routes.EXAMPLE_ROUTE}/{name}{access.key(SAMPLE_COLLECTION)}"


def sign_out_url() -> str:
    """Where Streamlit signs a visitor out."""
    return f"{_base_path()}{internals.SIGN_OUT_PATH}"


def _base_path() -> str:
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return "/" + base if base else ""
