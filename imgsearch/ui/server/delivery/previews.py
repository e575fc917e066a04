"""What a link to the page is shown with elsewhere, before anybody opens it, and what the browser's tab is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from imgsearch.collection.face.description import Described
from imgsearch.collection.session import SESSION_NAME
from imgsearch.errors import ImgSearchError
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import access
from imgsearch.ui.server.delivery.contact_sheet import HEIGHT, MEDIA_TYPE, WIDTH, sheet_digest
from imgsearch.ui.texts import spoken, text

SITE = "imgsearch"
SHEET_ROUTE = "/app/static/sheets"
_MAX_TITLE = 120
_MAX_WORDS = 80


@dataclass(frozen=True)
class PreviewPicture:
    """The picture of a preview: absolute address, type, size in px, and words for who does not see it."""

    url: str
    alt: str
    media_type: str = MEDIA_TYPE
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Preview:
    """What a link is shown with.

    Attributes:
        title, description: In one line each, not escaped.
        language: Code of theirs.
        picture: None where no setting says at which address the page is: a picture needs an absolute one.
    """

    title: str
    description: str
    language: str
    picture: PreviewPicture | None


def page_title(outline: Described, words: Sequence[str]) -> str:
    """What a page is called, beginning with what tells it from the next.

    Args:
        outline: The collection that it shows.
        words: What it shows of that; those that are empty are left out.
    """
    name = " · ".join(filter(None, (*words, outline.description.title or outline.name)))
    return f"{name[:_MAX_TITLE]} · {SITE}"


def preview_of(query: str, accepted_languages: str) -> Preview | None:
    """The preview of a link to the page, or None where there is none.

    There is none where the page is not open to all, of nobody's own pictures, and where nothing can be shown.

    Args:
        query: Of the address, without its question mark; anybody's text.
        accepted_languages: As in the header Accept-Language.
    """
    params = parse_qs(query)
    asked = {name: values[0] for name, values in params.items()}
    names = resources.collection_names()
    name = asked.get("collection", "")
    if access.is_required() or SESSION_NAME.fullmatch(name) or not names:
        return None
    try:
        outline = resources.outline(name if name in names else names[0])
    except ImgSearchError:  # the page itself says what is wrong
        return None
    language = spoken(asked.get("lang", ""), accepted_languages)
    item = outline.items.find(asked.get("item", "")) or ""
    asked_words = ", ".join(params.get("words", ()))[:_MAX_WORDS].strip()
    key = "item" if item else "words" if asked_words else "collection"
    words = {
        "n": len(outline.items),
        "title": outline.description.title or outline.name,
        "item": item,
        "words": asked_words,
    }
    url = get_settings().url
    return Preview(
        title=page_title(outline, [item, asked_words]),
        description=text(language, f"preview.of_{key}", **words),
        language=language,
        picture=PreviewPicture(_sheet_url(url, outline), text(language, "preview.sheet", **words)) if url else None,
    )


def _sheet_url(url: str, outline: Described) -> str:
    return f"{url}{SHEET_ROUTE}/{outline.name}/{sheet_digest(outline)}.jpg"
