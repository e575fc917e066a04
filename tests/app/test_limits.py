"""What a public page bears: places, uploads a minute, and what its log says."""

from __future__ import annotations

import io
import logging

import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.settings import get_settings
from imgsearch.ui.server import limits, query_log, routes, visitors
from imgsearch.ui.server.limits import Pace, Places, Rate, Rates
from tests.conftest import draw_picture

pytestmark = pytest.mark.usefixtures("no_leftovers")


def page() -> AppTest:
    at = AppTest.from_file(str(routes.SCRIPT), default_timeout=60).run()
    assert not at.exception
    return at


def upload(at: AppTest, number: int) -> AppTest:
    stream = io.BytesIO()
    draw_picture((200, 40, 10 * number), 1).save(stream, "PNG")
    at.file_uploader[0].upload("query.png", stream.getvalue(), "image/png").run()
    assert not at.exception
    return at


def test_a_rate_counts_in_a_window_that_moves() -> None:
    times = [0.0, 10.0, 20.0, 59.9, 60.0, 60.1, 70.0, 70.1]
    rate = Rate(3, now=iter(times).__next__)
    assert [rate.take() for _ in times] == [True, True, True, False, True, False, True, False]


def test_a_place_is_kept_and_free_again_when_its_session_is_over() -> None:
    active = {"a", "b", "c"}
    places = Places(2, lambda session_id: session_id in active)
    assert [places.take(name) for name in "abcab"] == [True, True, False, True, True]
    active.remove("a")
    assert [places.take(name) for name in "cab"] == [True, False, True]


def test_one_visitor_has_only_some_of_the_places() -> None:
    places = Places(4, lambda session_id: True, most_of_one=2)
    assert [places.take(name, "eve") for name in "abca"] == [True, True, False, True]
    assert [places.take(name, "bob") for name in "deb"] == [True, True, True]
    assert [places.holds(name) for name in "abcde"] == [True, True, False, True, True]


def test_a_place_that_nobody_uses_is_given_to_others() -> None:
    times = iter([0.0, 50.0, 100.0, 100.0, 100.1, 100.1])
    places = Places(2, lambda session_id: True, idle_s=100.0, now=times.__next__)
    assert places.take("a")  # at 0
    assert places.take("b")  # at 50
    assert places.take("c")  # at 100, when a's is free
    assert not places.take("a")


def test_visitors_have_a_rate_each_and_who_has_gone_is_forgotten() -> None:
    now = [0.0]
    rates = Rates(1, now=lambda: now[0])
    assert [rates.take(name) for name in "aba"] == [True, True, False]
    now[0] = 60.0
    assert rates.take("c")
    assert list(rates._rates) == ["c"]
    assert rates.take("a")


def test_who_clicks_faster_than_anybody_can_waits_and_nobody_else() -> None:
    now = [100.0]
    pace = Pace(4, 2, now=lambda: now[0])
    assert [pace.wait_s("eve") for _ in range(5)] == [0, 0, 0.25, 0.5, 0.75]
    assert pace.wait_s("bob") == 0
    now[0] = 100.5
    assert pace.wait_s("eve") == 0.5
    now[0] = 103.0
    assert [pace.wait_s("eve") for _ in range(3)] == [0, 0, 0.25]
    assert list(pace._next) == ["eve"]


def test_a_full_page_says_so_and_searches_nothing(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(1, lambda session_id: True)
    assert places.take("somebody else")
    monkeypatch.setattr(limits, "_places", lambda: places)
    at = page()
    assert "come back in a few minutes" in at.info[0].value
    assert not at.get("bidi_component")


def test_a_visitor_has_a_place_for_every_run(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    places = Places(1, lambda session_id: True)
    monkeypatch.setattr(limits, "_places", lambda: places)
    assert page().run().get("bidi_component")


def test_all_that_the_worker_looks_at_counts(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_UPLOADS_PER_MINUTE", "3")
    get_settings.cache_clear()
    at = page()
    for region in ("", "0.1,0.1,0.6,0.6", "0.2,0.2,0.6,0.6", "0.1,0.1,0.6,0.6"):  # the last is known
        if region:
            at.query_params["region"] = region
            at.run()
        else:
            upload(at, 1)
        assert not at.error
    at.query_params["region"] = "0.3,0.3,0.6,0.6"
    at.run()
    assert "At most 3 pictures are looked at for one visitor in a minute" in at.error[0].value
    at.query_params["region"] = "0.2,0.2,0.6,0.6"
    assert not at.run().error
    monkeypatch.setattr(visitors, "this", lambda: "203.0.113.2")
    at.query_params["region"] = "0.3,0.3,0.6,0.6"
    assert not at.run().error


def test_a_query_leaves_one_line_without_picture_or_name(
    collection: Collection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("imgsearch.queries"), "propagate", True)
    with caplog.at_level(logging.INFO, "imgsearch.queries"):
        at = page()
        upload(at, 1)
    lines = [record.getMessage() for record in caplog.records if record.name == "imgsearch.queries"]
    assert len(lines) == 2
    assert lines[0].startswith("query collection=discs space=color_histogram items=1 uploads=0 results=11 search_ms=")
    assert lines[1].startswith("query collection=discs space=color_histogram items=0 uploads=1 results=12 decode_ms=")
    assert not any(word in " ".join(lines) for word in (".png", "red", "127.0.0.1", "".join(at.query_params["upload"])))


def test_the_log_is_switched_on_once() -> None:
    logger = logging.getLogger("imgsearch.queries")
    query_log.switch_on()
    query_log.switch_on()
    assert len(logger.handlers) == 1
