"""What helps an uploader: files are taken from anywhere on the page, and those over its limit made smaller before."""

from __future__ import annotations

from imgsearch.ui.parts.component import component
from imgsearch.ui.texts import t

_UPLOADS = component(__file__)
_WORDS = ("drop", "shrinking", "folder")


def help_uploader(*, uploader: str, most_mb: int, key: str) -> None:
    """Draws what is said of files on their way; nothing as long as there is nothing to say.

    Streamlit's uploader takes what is chosen with it, and dropped or pasted on it; what is too large becomes a line in red.
    While this is drawn, it gets what is dropped or pasted anywhere, and of pictures over the limit smaller ones,
    made in the browser: long side 1,600 px, upright, a JPEG. What is too large all the same is named in words.

    Args:
        uploader: How the session key of the uploader begins.
        most_mb: Its limit, in 2**20 bytes.
        key: Session key.
    """
    words = {name: t(f"uploads.{name}") for name in _WORDS}
    words["too_large"] = t("uploads.too_large", name="{name}", mb="{mb}", most=most_mb)  # the rest is filled in there
    _UPLOADS(key=key, data={"uploader": uploader, "most": most_mb * 2**20, "words": tuple(words.items())})
