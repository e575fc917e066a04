"""A visitor's likes and dislikes: kept for the session, and, where the host wants it, in the home."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.errors import JudgementError
from imgsearch.measure.judgements import Judgement, JudgementStore
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.results import SearchPage, SearchResult
from imgsearch.settings import get_settings
from imgsearch.ui.server.limits import may_keep_judgement

MAX_KEPT = 1000
MAX_NAME = 60
NAME_KEY = "judge_name"
_JUDGEMENTS = "judgements"
_log = logging.getLogger(__name__)


def judge(collection: OpenedCollection, ask: Ask, page: SearchPage, result: SearchResult, *, is_similar: bool) -> None:
    """Notes what the visitor said of a result of a query, one with pictures."""
    assert result.distance is not None
    judgement = Judgement(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        judge=str(st.session_state.get(NAME_KEY, ""))[:MAX_NAME],
        collection=collection.name,
        space=page.space,
        rerank=page.rerank,
        query="\n".join(ask.items) or "upload",
        item_id=result.item.item_id,
        rank=result.rank,
        distance=round(result.distance, 6),
        is_similar=is_similar,
    )
    kept = st.session_state.setdefault(_JUDGEMENTS, [])
    if len(kept) >= MAX_KEPT:
        del kept[0]
    kept.append(judgement)
    if get_settings().keep_judgements and not SESSION_NAME.fullmatch(collection.name) and may_keep_judgement():
        try:
            JudgementStore(get_settings().home).add(judgement)
        except JudgementError as exc:  # the visitor's search goes on
            _log.error("%s", exc.message, exc_info=exc)


def judgements(collection: str) -> Sequence[Judgement]:
    """What this visitor said of results in a collection, oldest first."""
    return [each for each in st.session_state.get(_JUDGEMENTS, []) if each.collection == collection]
