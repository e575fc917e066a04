"""What becomes of a visitor's likes and dislikes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from imgsearch import Collection
from imgsearch.measure.judgements import JudgementStore
from imgsearch.settings import get_settings
from imgsearch.ui.server import limits
from imgsearch.ui.server.limits import Rates
from imgsearch.ui.views.search import judging


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setenv("IMGSEARCH_KEEP_JUDGEMENTS", "1")
    get_settings.cache_clear()
    return state


def judge(collection: Any, *names: str) -> None:
    page = collection.search(item_id="red/0.png", k=len(names))
    for result in page.results:
        judging.judge(collection, SimpleNamespace(items=("red/0.png",)), page, result, is_similar=True)  # type: ignore[arg-type]


def test_a_host_keeps_what_visitors_say_but_of_their_own_pictures(
    collection: Collection, home: Path, session: dict[str, Any]
) -> None:
    judge(collection, "a")
    name = "own-" + "0f" * 16
    judge(SimpleNamespace(name=name, search=collection.search), "a", "b")
    assert [each.collection for each in JudgementStore(home).all()] == ["discs"]
    assert len(judging.judgements(name)) == 2  # for as long as the visitor stays


def test_so_many_of_one_visitor_are_kept(
    collection: Collection, home: Path, session: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = Rates(2, window_s=3600)
    monkeypatch.setattr(limits, "_judgements", lambda: rates)
    judge(collection, "a", "b", "c")
    assert len(JudgementStore(home).all()) == 2
    assert len(judging.judgements("discs")) == 3
