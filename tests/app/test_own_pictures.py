"""A visitor's own pictures: theirs alone, one collection at a time, gone when they go."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pillow_heif
import pytest
from streamlit.runtime.caching import clear_session_resource_cache
from streamlit.testing.v1 import AppTest

from imgsearch import embedder_spec
from imgsearch.collection.session import SessionCollections
from imgsearch.ui import resources
from imgsearch.ui.views.collections import making
from imgsearch.ui.views.collections.making import LOOKING, Making
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
    from imgsearch.ui import resources
    from imgsearch.ui.views.collections import own_pictures

    files = st.file_uploader("Pictures", accept_multiple_files=True, key="files")
    if st.button("Build", key="build"):
        own_pictures.start(files, [embedder_spec("color_histogram")], "Mine", {})
    if st.button("Forget", key="forget"):
        own_pictures.forget()
    own_pictures.collect()
    name = own_pictures.name()
    error = own_pictures.own().error
    if error:
        st.error(error)
    st.text(f"{name} {len(resources.open_collection(name).items)}" if name else "none")


def visitor() -> AppTest:
    return AppTest.from_function(script, default_timeout=60).run()


def png(number: int) -> bytes:
    stream = io.BytesIO()
    draw_picture((200, 30 * number, 0), number).save(stream, "PNG")
    return stream.getvalue()


class Timer:
    """A timer of `threading` that nobody waits for."""

    def __init__(self, s: float, then: Callable[[], None]) -> None:
        self.s, self.then, self.is_going, self.daemon = s, then, False, False

    def start(self) -> None:
        self.is_going = True

    def cancel(self) -> None:
        self.is_going = False


def build(at: AppTest, n_pictures: int) -> tuple[str, str]:
    """Uploads so many pictures and builds; name and size of the visitor's collection as the page shows them."""
    files = [(f"{number}.png", png(number), "image/png") for number in range(n_pictures)]
    hand_in(at, files)
    name, _, size = at.text[0].value.partition(" ")
    return name, size


def hand_in(at: AppTest, files: list[tuple[str, bytes, str]]) -> None:
    """Uploads, builds, and waits for what comes of it."""
    at.file_uploader(key="files").set_value(files).run()
    at.button(key="build").click().run()
    wait(at)
    assert not at.run().exception


def wait(at: AppTest) -> None:
    """Waits until nothing is made any more."""
    work = at.session_state["own"].making
    assert work is None or work.wait(60)


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
    hand_in(at, files)
    assert at.text[0].value.endswith(" 2")


def test_what_cannot_be_built_leaves_the_one_that_is_there(collections: SessionCollections) -> None:
    at = visitor()
    name, _ = build(at, 2)
    hand_in(at, [("a.txt", b"words", "text/plain")])
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


class Held(FakeEmbedders):
    """Looks at the first picture, and at the others when it may."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()

    def _wait(self, content: bytes) -> None:
        self.has_begun.set()
        assert self.may_go_on.wait(60)


@pytest.fixture
def held(collections: SessionCollections, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held()
    monkeypatch.setattr(resources, "embedders", lambda visitor: held)
    yield held
    held.may_go_on.set()


def begin(at: AppTest, held: Held) -> Making:
    """Hands in three pictures, and comes back while the first is looked at."""
    at.file_uploader(key="files").set_value([(f"{n}.png", png(n), "image/png") for n in range(3)]).run()
    at.button(key="build").click().run()
    assert held.has_begun.wait(60)
    work: Making = at.session_state["own"].making
    return work


def test_making_goes_on_while_the_visitor_does_something_else(collections: SessionCollections, held: Held) -> None:
    at = visitor()
    work = begin(at, held)
    for _ in range(3):
        assert at.run().text[0].value == "none"
    assert not work.is_over
    held.may_go_on.set()
    wait(at)
    assert at.run().text[0].value.endswith(" 3")


def test_making_says_how_far_it_is_in_one_row(collections: SessionCollections, held: Held) -> None:
    shares = []
    tell = Making._tell

    def noted(self: Making, done: int, total: int, what: str) -> None:
        tell(self, done, total, what)
        shares.append(self.share)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Making, "_tell", noted)
        held.may_go_on.set()
        work = begin(visitor(), held)
        assert work.wait(60)
    assert shares == sorted(shares)
    assert shares[:4] == pytest.approx([0, LOOKING / 3, LOOKING * 2 / 3, LOOKING])
    assert shares[-1] == 1
    assert (work.done, work.total) == (3, 3)


def test_what_is_cancelled_leaves_nothing_but_what_was_there(collections: SessionCollections, held: Held) -> None:
    at = visitor()
    held.may_go_on.set()
    name, _ = build(at, 2)
    held.may_go_on.clear()
    held.has_begun.clear()
    begin(at, held).stop()
    held.may_go_on.set()
    wait(at)
    assert at.run().text[0].value == f"{name} 2"
    assert not at.error
    assert there(collections) == {name}


def test_a_visitor_who_leaves_ends_what_is_made_unless_they_come_back(
    collections: SessionCollections, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    timers: list[Timer] = []
    monkeypatch.setattr(making.threading, "Timer", lambda s, then: timers.append(Timer(s, then)) or timers[-1])
    at = visitor()
    work = begin(at, held)
    end_of_session()
    assert [(timer.s, timer.is_going) for timer in timers] == [(collections.limits.grace_s, True)]
    at.run()  # the visitor is back
    assert not timers[0].is_going
    end_of_session()
    timers[1].then()
    held.may_go_on.set()
    assert work.wait(60)
    assert there(collections) == set()


def test_what_became_ready_after_the_visitor_left_goes_too(collections: SessionCollections, held: Held) -> None:
    at = visitor()
    work = begin(at, held)
    held.may_go_on.set()
    assert work.wait(60)
    assert len(there(collections)) == 1
    work.stop()  # what the timer does
    assert there(collections) == set()
    assert at.run().text[0].value == "none"


def test_of_one_visitor_one_is_made_at_a_time(collections: SessionCollections, held: Held) -> None:
    at = visitor()
    work = begin(at, held)
    assert begin(at, held) is work


def test_thumbnails_of_own_pictures_are_found_in_their_home(collections: SessionCollections, home: Path) -> None:
    name, _ = build(visitor(), 2)
    assert resources.home_of(name) == collections.home
    assert resources.home_of("own-pictures") == home
    assert embedder_spec("color_histogram").space in resources.open_collection(name).spaces
