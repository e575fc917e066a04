"""The page's state: names of query parameters and session keys, defaults and checked getters; nowhere else.

The address is the only source of the query. A widget's callback writes the address; each run sets the widgets from it.
Session state holds what an address cannot: the bytes of uploads.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection as Names
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from imgsearch.collection import Collection

MAX_PAGE_K = 60
DEFAULT_K = 12  # fills whole rows of 2, 3, 4 and 6
GALLERY_PAGE_SIZE = 24
MAX_UPLOADS_KEPT = 4
ALL_LABELS = ""

# Session keys.
K_SLIDER = "k_slider"
COLLECTION_SELECT = "collection_select"
SPACE_SELECT = "space_select"
LABEL_SELECT = "label_select"
BROWSE_SELECT = "browse_select"
GALLERY_PAGE = "gallery_page"
RESULTS_GRID = "results_grid"
GALLERY_GRID = "gallery_grid"
EXAMPLES_GRID = "examples_grid"
RANDOM_BUTTON = "random_button"
_UPLOADS = "uploads"
_UPLOADER_ROUND = "uploader_round"
_PENDING_NOTE = "pending_note"


@dataclass(frozen=True)
class View:
    """What the address asks for, checked against the collection.

    Attributes:
        collection, space: Names.
        item: Item id of the query, or None with one of the two below.
        upload: Id of an upload that this session holds, or None.
        example: Name of an example query, or None.
        k: Results wanted.
        label: Only results with this label; "" for all.
        browse: Only gallery pictures with this label; "" for all.
        page: Page of the gallery, from 1.
        notes: What in the address could not be used, in words.
    """

    collection: str
    space: str
    item: str | None
    upload: str | None
    example: str | None
    k: int
    label: str
    browse: str
    page: int
    notes: tuple[str, ...] = ()


def collection_name(names: list[str]) -> tuple[str, str | None]:
    """The collection that the address names, or the first one; and a note where the name was no good."""
    asked = st.query_params.get("collection")
    if asked is None or asked in names:
        return asked or names[0], None
    return names[0], f"There is no collection called “{asked[:64]}” here. This is {names[0]}."


def read_view(collection: Collection, examples: Names[str]) -> View:
    """The view that the address describes; whatever is nonsense there becomes the default, with a note.

    Args:
        collection: What is searched.
        examples: Names of the example queries that there are.
    """
    params = st.query_params
    notes: list[str] = []
    space = params.get("space", collection.default_space)
    if space not in collection.spaces:
        notes.append(f"This collection has no space called “{space[:64]}”; {collection.default_space} is used.")
        space = collection.default_space
    labels = collection.items.label_counts
    label, browse = params.get("label", ALL_LABELS), params.get("browse", ALL_LABELS)
    if label and label not in labels:
        notes.append(f"No picture has the label “{label[:64]}”; all labels are shown.")
        label = ALL_LABELS
    if browse not in labels:
        browse = ALL_LABELS
    k = _whole_number(params.get("k", str(DEFAULT_K)), 1, MAX_PAGE_K)
    if k is None:
        notes.append(f"The number of results must be between 1 and {MAX_PAGE_K}; {DEFAULT_K} are shown.")
    n_browsed = labels[browse] if browse else len(collection.items)
    page = _whole_number(params.get("page", "1"), 1, -(-n_browsed // GALLERY_PAGE_SIZE))
    item, upload, example = params.get("item"), params.get("upload"), params.get("example")
    if item is not None and item not in collection.items:
        notes.append(f"No picture of this collection is called “{item[:64]}”. Here is another one.")
        item = None
    if item is None and upload is not None and upload not in _uploads():
        notes.append(
            "This link was made with an uploaded picture, which a link cannot hold. Upload it again to search with it."
        )
        upload = None
    if item is not None or upload is not None or example not in examples:
        example = None
    if item is not None:
        upload = None
    elif upload is None and example is None:
        item = collection.items[len(collection.items) // 2].item_id
    return View(collection.name, space, item, upload, example, k or DEFAULT_K, label, browse, page or 1, tuple(notes))


def address(view: View, defaults: View, **changes: str | int | None) -> str:
    """Query string of the view with some parts changed; what is at its default is left out."""
    return "?" + urlencode(_params(replace(view, **changes), defaults))  # type: ignore[arg-type]


def defaults_for(collection: Collection, first_collection: str) -> View:
    """The view of an empty address (its item is never left out of a link)."""
    return View(first_collection, collection.default_space, None, None, None, DEFAULT_K, ALL_LABELS, ALL_LABELS, 1)


def _params(view: View, defaults: View) -> dict[str, str]:
    names = [field.name for field in fields(View) if field.name != "notes"]
    values = {name: (getattr(view, name), getattr(defaults, name)) for name in names}
    return {name: str(value) for name, (value, default) in values.items() if value is not None and value != default}


def go(**changes: str | int | None) -> None:
    """Writes parts of the address; None and defaults are taken out. For callbacks."""
    for name, value in changes.items():
        if value in (None, ""):
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(value)


def set_widget(key: str, value: object) -> None:
    """Makes a widget that has not been drawn yet show what the address says."""
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def uploader_key() -> str:
    """Key of the uploader; a new one after each upload, so that it is empty again and the next one counts as new."""
    return f"uploader_{st.session_state.get(_UPLOADER_ROUND, 0)}"


def keep_upload(data: bytes) -> str:
    """Keeps an upload for this session, the last few only, and returns its id."""
    upload_id = hashlib.sha256(data).hexdigest()[:16]
    uploads = _uploads()
    uploads[upload_id] = data
    uploads.move_to_end(upload_id)
    while len(uploads) > MAX_UPLOADS_KEPT:
        uploads.popitem(last=False)
    st.session_state[_UPLOADER_ROUND] = st.session_state.get(_UPLOADER_ROUND, 0) + 1
    return upload_id


def release_file(file_id: str) -> None:
    """Takes an upload out of Streamlit's own memory, which would hold it for as long as the visitor stays."""
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)


def upload_bytes(upload_id: str) -> bytes:
    """Content of an upload that this session holds."""
    return _uploads()[upload_id]


def _uploads() -> OrderedDict[str, bytes]:
    return st.session_state.setdefault(_UPLOADS, OrderedDict())  # type: ignore[no-any-return]


def leave_note(text: str) -> None:
    """A note for the next run, from a callback."""
    st.session_state[_PENDING_NOTE] = text


def take_note() -> str | None:
    """The note that a callback left, once."""
    note = st.session_state.pop(_PENDING_NOTE, None)
    return str(note) if note else None


def _whole_number(text: str, low: int, high: int) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 6
    return int(text) if is_number and low <= int(text) <= high else None
