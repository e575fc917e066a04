"""The page's state: what the address says (`address`, `view`) and what it cannot hold (`session`).

The address is the only source of the query. A widget's callback writes the address; each run sets the widgets from it.
"""

from imgsearch.ui.state.address import (
    OF_A_COLLECTION,
    PICTURES,
    WORDS,
    bound,
    follow,
    go,
    link,
    search,
    search_words,
    widget_key,
)
from imgsearch.ui.state.session import (
    empty_uploaders,
    forget_upload,
    keep_upload,
    leave_note,
    take_notes,
    upload_bytes,
    upload_name,
    uploader_key,
)
from imgsearch.ui.state.view import (
    ALL_LABELS,
    DEFAULT_K,
    GALLERY_PAGE_SIZE,
    MAX_PAGE_K,
    NO_RERANKING,
    SEARCH,
    WHOLE,
    Frame,
    View,
    read_frame,
    read_view,
)

__all__ = [
    "ALL_LABELS",
    "DEFAULT_K",
    "GALLERY_PAGE_SIZE",
    "MAX_PAGE_K",
    "NO_RERANKING",
    "OF_A_COLLECTION",
    "PICTURES",
    "SEARCH",
    "WHOLE",
    "WORDS",
    "Frame",
    "View",
    "bound",
    "empty_uploaders",
    "follow",
    "forget_upload",
    "go",
    "keep_upload",
    "leave_note",
    "link",
    "read_frame",
    "read_view",
    "search",
    "search_words",
    "take_notes",
    "upload_bytes",
    "upload_name",
    "uploader_key",
    "widget_key",
]
