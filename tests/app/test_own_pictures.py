"""A visitor's own pictures: theirs alone, one collection at a time, gone when they go."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from streamlit.runtime.caching import clear_session_resource_cache
from streamlit.testing.v1 import AppTest

from imgsearch import embedder_spec
from imgsearch.collection.session import SessionCollections
from imgsearch.ui import resources
from tests.conftest import draw_picture
from tests.fakes import FakeEmbedders


@pytest.fixture
def collections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionCollections]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(resources, "embedders", lambda visitor: FakeEmbedders())
    yield resources.session_collections()
    end_of_session()
    resources.session_collections().close()
    resources.session_collections.clear()


def end_of_session() -> None:
    clear_session_resource_cache("test session id")  # AppTest has one id for all


def script() -> None:
    import streamlit as st

    from imgsearch.embedding.spec import embedder_spec
    from imgsearch.errors import ImgSearchError
    from imgsearch.ui import resources
    from imgsearch.ui.views.collections import own_pictures

    files = st.file_uploader("Pictures", accept_multiple_files=True, key="files")
    if st.button("Build", key="build"):
        try:
            own_pictures.build(files, [embedder_spec("color_histogram")], "Mine", lambda done, total, what: None)
        except ImgSearchError as exc:
            st.error(exc.message)
    if st.button("Forget", key="forget"):
        own_pictures.forget()
    name = own_pictures.name()
    st.text(f"{name} {len(resources.open_collection(name).items)}" if name else "none")


def visitor() -> AppTest:
    return AppTest.from_function(script, default_timeout=60).run()


def build(at: AppTest, n_pictures: int) -> tuple[str, str]:
    """Uploads so many pictures and builds; name and size of the visitor's collection as the page shows them."""
    files = []
    for number in range(n_pictures):
        stream = io.BytesIO()
        draw_picture((200, 30 * number, 0), number).save(stream, "PNG")
        files.append((f"{number}.png", stream.getvalue(), "image/png"))
    at.file_uploader(key="files").set_value(files).run()
    at.button(key="build").click().run()
    assert not at.exception
    name, _, size = at.text[0].value.partition(" ")
    return name, size


def there(collections: SessionCollections) -> set[str]:
    return {path.name for path in collections.home.glob("own-*")}


def test_a_visitor_has_one_collection_and_nobody_else_sees_it(collections: SessionCollections) -> None:
    first, second = visitor(), visitor()
    name, size = build(first, 3)
    assert size == "3"
    assert second.run().text[0].value == "none"
    other, _ = build(second, 2)
    assert there(collections) == {name, other}
    newer, size = build(first, 4)
    assert size == "4"
    assert there(collections) == {newer, other}  # the one before is gone
    assert first.button(key="forget").click().run().text[0].value == "none"
    assert there(collections) == {other}


def test_photos_of_an_iphone_become_a_collection(collections: SessionCollections) -> None:
    files = []
    for number in range(2):
        stream = io.BytesIO()
        pillow_heif.from_pillow(draw_picture((200, 90 * number, 0), number)).save(stream)
        files.append((f"IMG_{number}.HEIC", stream.getvalue(), "image/heic"))
    at = visitor()
    at.file_uploader(key="files").set_value(files).run()
    at.button(key="build").click().run()
    assert not at.exception
    assert at.text[0].value.endswith(" 2")


def test_what_cannot_be_built_leaves_the_one_that_is_there(collections: SessionCollections) -> None:
    at = visitor()
    name, _ = build(at, 2)
    at.file_uploader(key="files").set_value([("a.txt", b"words", "text/plain")]).run()
    at.button(key="build").click().run()
    assert "no pictures among these files" in at.error[0].value
    assert at.text[0].value == f"{name} 2"
    assert there(collections) == {name}


def test_a_collection_that_was_removed_meanwhile_is_none(collections: SessionCollections) -> None:
    at = visitor()
    name, _ = build(at, 2)
    collections.remove(name)
    assert at.run().text[0].value == "none"


def test_the_end_of_a_session_ends_its_collection_soon(
    collections: SessionCollections, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []
    monkeypatch.setattr(SessionCollections, "leave", lambda self, name: left.append(name))
    name, _ = build(visitor(), 2)
    end_of_session()
    assert left == [name]


def test_thumbnails_of_own_pictures_are_found_in_their_home(collections: SessionCollections, home: Path) -> None:
    name, _ = build(visitor(), 2)
    assert resources.home_of(name) == collections.home
    assert resources.home_of("own-pictures") == home
    assert embedder_spec("color_histogram").space in resources.open_collection(name).spaces
