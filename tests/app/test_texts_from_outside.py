"""Texts from outside reach Markdown escaped only: every parameter of the address, every text of a package, every message.

What Streamlit's frontend makes of them is seen in tests/e2e/test_hostile_texts.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imgsearch import Collection
from imgsearch.errors import ImgSearchError
from imgsearch.pictures.items import Items, label_words
from imgsearch.ui.frame import VIEWS
from imgsearch.ui.state.address import PARAMETERS
from imgsearch.ui.texts import error_words
from imgsearch.ui.texts.markdown import escape
from tests.app.test_page import page
from tests.hostile import TEXTS, plant

PLAIN = ("id", "options", "raw_value", "url", "json", "alt")
"""Names of fields that Streamlit's frontend shows as they are, or not at all."""
MAX_SHOWN = 64
QUOTED = 15
"""So many parameters are quoted in a note where they are nonsense, beside a picture."""


pytestmark = pytest.mark.usefixtures("no_leftovers")


@pytest.fixture
def planted(collection: Collection) -> Items:
    return plant(collection.path)


def markdown(node: Any) -> Iterator[str]:
    """All that the page has handed to Streamlit as Markdown, or as anything else that is not known to be plain."""
    proto = getattr(node, "proto", None)
    if hasattr(proto, "ListFields"):
        yield from _strings(proto)
    for child in getattr(node, "children", {}).values():
        yield from markdown(child)


def _strings(message: Any) -> Iterator[str]:
    for field, value in message.ListFields():
        for each in value if field.is_repeated else [value]:
            if isinstance(each, str) and field.name not in PLAIN:
                yield each
            elif hasattr(each, "ListFields"):
                yield from _strings(each)


def is_escaped(shown: str, texts: list[str]) -> bool:
    """Whether nothing of the texts is left of what is shown once those that are escaped are taken out."""
    for text in texts:
        shown = shown.replace(escape(text), "")
    return "evil" not in shown


def test_no_parameter_of_an_address_reaches_markdown_unescaped(collection: Collection) -> None:
    for text in TEXTS[:4]:
        asked = f"evil {text}"[:MAX_SHOWN]
        beside_a_picture = page(**dict.fromkeys(PARAMETERS - {"words"}, asked))
        quoting = [note.value for note in beside_a_picture.info if escape(asked) in note.value]
        assert len(quoting) == QUOTED, text
        for at in (beside_a_picture, page(**dict.fromkeys(PARAMETERS, asked))):
            assert [shown for shown in markdown(at._tree) if not is_escaped(shown, [asked])] == []


@pytest.mark.parametrize("view", VIEWS)
def test_no_text_of_a_package_reaches_markdown_unescaped(planted: Items, view: str) -> None:
    title = " ".join(TEXTS)
    texts = [title, *(item.item_id for item in planted), *(item.label for item in planted)]
    texts += [*TEXTS, *(label_words(item.label) for item in planted)]
    texts.sort(key=len, reverse=True)
    for first, second in ((planted[0], planted[1]), (planted[4], planted[7])):
        at = page(view=view, item=first.item_id, why=second.item_id, label=second.label)
        assert [shown for shown in markdown(at._tree) if not is_escaped(shown, texts)] == []
    if view in ("collections", "about"):
        assert any(escape(title) in shown for shown in markdown(at._tree))


def test_an_error_that_names_a_picture_does_not_bring_its_name_to_life(planted: Items, collection: Collection) -> None:
    collection.thumbnail_path(planted[0]).unlink()
    (error,) = page().error
    assert escape(f"The thumbnail of {planted[0].item_id!r} is missing.") in error.value


def test_an_error_is_two_lines_of_text() -> None:
    error = ImgSearchError("No *picture* is called 'www.evil.example'.", hint="Ask <admin>")
    assert error_words(error) == ("No \\*picture\\* is called ':color[www].evil.example'.  \nAsk \\<admin\\>")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202ecba\u2069 b\u200b\x00\x1b", "acba b"),  # what turns writing around, has no width, or controls
        ("\ufeff one \t\n\u3000two\u2029", "one two"),
        ("1.5 MB of picture-1.jpg, see: 12. (or #3)", "1\\.5 MB of picture-1.jpg, see: 12. \\(or #3\\)"),
        ("고양이_1", "고양이\\_1"),
        ("a\ud800b", "ab"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_left_out_and_white_space_is_a_blank(text: str, shown: str) -> None:
    assert escape(text) == shown
