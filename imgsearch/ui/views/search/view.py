"""The search view: one or more query pictures, their nearest neighbours, and the gallery to pick the next one from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.pictures.items import label_words, short_name
from imgsearch.retrieval.ask import AUTO, Ask
from imgsearch.retrieval.rerank import default_reranking
from imgsearch.retrieval.results import SearchPage
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.ui import state
from imgsearch.ui.answer import Answer, answer_to, find_objects
from imgsearch.ui.parts.addresses import thumbnail_url
from imgsearch.ui.parts.copy_link import draw_copy_link
from imgsearch.ui.parts.grid import Note, draw_grid, gallery_cards, result_cards
from imgsearch.ui.parts.words import rerank_words, space_words
from imgsearch.ui.server.internals import DeltaGenerator
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.search.judging import judge
from imgsearch.ui.views.search.query_panel import QueryPanel
from imgsearch.ui.views.search.refine import label_options, render_found, render_refine
from imgsearch.ui.views.search.take_away import take_away
from imgsearch.ui.views.search.why import open_why
from imgsearch.ui.views.search.words import render_chips, render_words_answer

_STEPS = ("decode", "embed", "search", "rerank")


def render(collection: OpenedCollection, view: View) -> None:
    """Draws the search."""
    _render_subtitle(collection, view)
    # Drawn from top to bottom, so that nothing that is on the screen is pushed down by what comes later.
    panel = QueryPanel(collection, view)
    render_refine(collection, view)
    if view.ask.is_by_words:
        render_words_answer(collection, view, _link_to(view))
        _render_gallery(collection, view)
        return
    head = st.container(horizontal=True, vertical_alignment="center", key="results_head")
    # Not placeholders, which are empty until they are filled: what stood there before stays until then, and nothing moves.
    title, order = head.container(width="content", key="results_title"), head.container(width="content", key="order")
    chips, steering = head.container(width="content"), head.container(width="content")
    waiting = head.container(width="stretch", key="waiting")
    answer = answer_to(collection, view, waiting=waiting)
    panel.complete(answer)
    if answer:
        title.header(t("search.foreign_results" if answer.is_foreign else "search.results"), anchor=False, width="content")
        line = waiting.empty()
        _say(line, collection, answer.page, _searched_with(view, answer))
        with order:
            _render_order(collection, view.ask)
        with chips:
            render_chips(collection, view)
        with steering:
            _render_steering(collection, view.ask)
        with head, st.container(horizontal=True, gap="xsmall", width="content", key="hand_on"):
            link = _link_to(view)
            if link:
                draw_copy_link(link)
            take_away(collection, answer.page, link)
        _render_results(collection, view, answer)
        render_found(collection, view, answer)
    _render_gallery(collection, view)
    if answer:
        find_objects(collection, view, answer, partial(_say, line, collection, answer.page))
    if answer and view.why:
        _render_why(collection, view, answer, view.why)


def _render_subtitle(collection: OpenedCollection, view: View) -> None:
    compared_by = escape(space_words(collection.description, view.space))
    technical = t("words.technical", name=escape(view.space))
    n_items = len(collection.items)
    if collection.name == SAMPLE_COLLECTION:
        words = t("search.sample", n=n_items, space=compared_by)
    else:
        words = t("search.collection", title=escape(collection.description.title), n=n_items, space=compared_by)
    with st.container(key="subtitle"):
        st.caption(words, help=technical)


def _searched_with(view: View, answer: Answer) -> str:
    """What of the picture was searched with, where that is not plain."""
    if answer.part:
        return t("objects.part")
    if view.ask.region == AUTO and not answer.found:
        return t("objects.looking")
    return t("objects.whole") if answer.found or (len(view.ask.pictures) == 1 and not answer.items) else ""


def _say(place: DeltaGenerator, collection: OpenedCollection, page: SearchPage, searched_with: str) -> None:
    """What was searched with, and what changes the answer and is set out of sight: under Refine, or below the results."""
    ask = page.ask
    assert ask is not None  # a search gives it
    words = [
        searched_with,
        t("search.only", label=escape(label_words(ask.label))) if ask.label else "",
        "" if ask.max_distance is None else t("search.within", distance=ask.max_distance),
        rerank_words(ask.rerank) if ask.rerank and _is_reordered(collection, ask) else "",
        t("search.copies_hidden", n=page.n_copies) if ask.without_copies else "",
    ]
    if any(words):
        place.caption(" · ".join(filter(None, words)))


def _render_order(collection: OpenedCollection, ask: Ask) -> None:
    """Says that the order is not that of the distances, where it is seen, and changes it by one click."""
    usual = default_reranking(collection.space(ask.space))
    rerank = ask.rerank or usual
    if not rerank:
        return
    st.segmented_control(
        t("search.order"),
        [rerank, state.NO_RERANKING],
        format_func=lambda name: rerank_words(name) if name == state.NO_RERANKING else t("search.reranked"),
        required=True,
        label_visibility="collapsed",
        **state.bound("rerank", ask.rerank or state.NO_RERANKING, "order", absent=usual or state.NO_RERANKING),
    )


def _render_steering(collection: OpenedCollection, ask: Ask) -> None:
    """Says that likes and dislikes change the order, where they do; what is disliked is not among the results any more."""
    if not (ask.liked or ask.disliked):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="steering"):
        st.caption(t("search.steered", liked=len(ask.liked), disliked=len(ask.disliked)), width="content")
        if ask.disliked:
            with st.popover(t("search.disliked"), icon=":material/thumb_down:", type="tertiary", key="disliked"):
                for item_id in ask.disliked:
                    _render_disliked(collection, ask, item_id)
        st.button(t("search.unsteered"), key="steering_reset", type="tertiary", on_click=_forget_likes)


def _render_disliked(collection: OpenedCollection, ask: Ask, item_id: str) -> None:
    item = collection.item(item_id)
    rest = [each for each in ask.disliked if each != item_id]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.image(thumbnail_url(collection.name, item), alt=short_name(item), width=48)
        words = t("search.undislike", name=escape(short_name(item)))
        st.button(words, key=f"undislike_{item_id}", icon=":material/undo:", on_click=partial(state.go, disliked=rest))


def _forget_likes() -> None:
    state.go(liked=None, disliked=None)


def _render_results(collection: OpenedCollection, view: View, answer: Answer) -> None:
    page, ask = answer.page, view.ask
    if verdict := _verdict(ask, answer):
        st.info(verdict, icon=":material/search_off:")
    cards = result_cards(
        page.results,
        collection.name,
        answer.query_label,
        lambda item_id: view.search_link(item=item_id),
        notes=_moves(collection, page, ask),
        liked=ask.liked,
    )
    draw_grid(
        cards,
        name=t("search.results_grid"),
        key="results_grid",
        is_calm=answer.is_foreign,
        on_action=partial(_act, collection, page, ask),
    )
    st.toggle(
        t("search.without_copies"),
        help=t("search.without_copies_help"),
        **state.bound("without_copies", ask.without_copies),
    )
    if not cards:
        is_refined = ask.label or ask.max_distance is not None or ask.words or ask.not_words
        st.info(t("search.nothing_left" if is_refined else "search.nothing"), icon=":material/info:")
    steps = " · ".join(t(f"search.step.{step}", ms=page.timings_ms[step]) for step in _STEPS if step in page.timings_ms)
    words = "search.distance_label" if answer.query_label else "search.distance"
    n = collection.items.label_counts[ask.label] if ask.label else len(collection.items)
    n = page.n_candidates if ask.words or ask.not_words else n
    rate = t("search.foreign_rate", rate=page.foreign.false_alarm_rate) if page.foreign else ""
    st.caption(f"{t(words, n=n, steps=steps)} {rate}", help=t("search.bars"))
    if view.uploads and page.results:
        st.caption(t("search.share", link=view.search_link(item=page.results[0].item.item_id)))


def _verdict(ask: Ask, answer: Answer) -> str:
    """What there is to say where nothing is like the picture. It stands in one place, whatever is found in the end."""
    if answer.is_foreign:
        if answer.part:
            return t("search.foreign_part")
        if ask.region == AUTO:
            return t("search.foreign_whole" if answer.found else "search.foreign_looking")
        return t("search.foreign")
    is_whole_foreign = answer.found and answer.found.is_foreign and ask.region == AUTO
    return t("search.foreign_but_part") if is_whole_foreign else ""


def _link_to(view: View) -> str:
    """A link to the answer; "" where none can hold it: neither uploads nor own pictures are there for anybody else."""
    if view.uploads or SESSION_NAME.fullmatch(view.collection):
        return ""
    # The query is named also where the address names none: what is shown then may be another picture one day.
    return view.link(item=view.ask.items)


def _is_reordered(collection: OpenedCollection, ask: Ask) -> bool:
    """Whether somebody asked for another order than the usual one."""
    return ask.rerank != default_reranking(collection.space(ask.space))


def _moves(collection: OpenedCollection, page: SearchPage, ask: Ask) -> Mapping[int, Note]:
    """Row -> how far a result has moved from its place by distance alone; nothing for those that have not.

    Nothing either where nobody asked for another order than the usual one.
    """
    if not (_is_reordered(collection, ask) or ask.liked or ask.disliked):
        return {}
    notes = {}
    for result in page.results:
        if result.rank_before is None:
            notes[result.row] = Note(t("search.new"), t("search.new_spoken"), is_short=True)
        elif result.rank_before != result.rank:
            up = result.rank_before - result.rank
            spoken = t("search.up_spoken" if up > 0 else "search.down_spoken", n=abs(up))
            notes[result.row] = Note(f"{'↑' if up > 0 else '↓'} {abs(up)}", spoken, is_short=True)
    return notes


def _act(collection: OpenedCollection, page: SearchPage, ask: Ask, action: str, item_id: str) -> None:
    """A button on a card was pressed. Liking once more takes a like back."""
    if action == "why":
        state.go(why=item_id)
        return
    judged = {"like": ask.liked, "dislike": ask.disliked}
    rest = {kind: [each for each in items if each != item_id] for kind, items in judged.items()}
    if item_id not in judged[action]:
        rest[action].append(item_id)
        for result in page.results:
            if result.item.item_id == item_id:
                judge(collection, ask, page, result, is_similar=action == "like")
    state.go(liked=rest["like"], disliked=rest["dislike"])


def _render_why(collection: OpenedCollection, view: View, answer: Answer, item_id: str) -> None:
    asked_about = [result for result in answer.page.results if result.item.item_id == item_id]
    if asked_about:
        open_why(collection, view, answer, asked_about[0])
    else:
        st.toast(t("why.gone"), icon=":material/info:")


def _render_gallery(collection: OpenedCollection, view: View) -> None:
    st.header(t("search.gallery"), anchor=False)
    counts = collection.items.label_counts
    with st.container(horizontal=True, vertical_alignment="bottom", key="gallery_controls"):
        if counts:
            labels = [state.ALL_LABELS, *counts]
            st.selectbox(
                t("search.browse"),
                labels,
                format_func=label_options(labels),
                width=220,
                **state.bound("browse", view.browse, page=None),
            )
        st.button(
            t("search.random"),
            key="random_button",
            icon=":material/shuffle:",
            on_click=_pick_random,
            args=(collection, view.ask.items),
        )
    items, n_shown = collection.items, counts[view.browse] if view.browse else len(collection.items)
    rows = items.where([view.browse]) if view.browse else None
    shown = items.page(rows, (view.page - 1) * state.GALLERY_PAGE_SIZE, state.GALLERY_PAGE_SIZE)
    cards = gallery_cards(shown, collection.name, view.ask.items, lambda item_id: view.search_link(item=item_id))
    draw_grid(cards, name=t("search.gallery_grid"), key="gallery_grid")
    n_pages = -(-n_shown // state.GALLERY_PAGE_SIZE)
    if n_pages > 1:
        st.pagination(n_pages, **state.bound("page", view.page))


def _pick_random(collection: OpenedCollection, asked: Sequence[str]) -> None:
    """Another one than what is asked with, where there is another: else a click may show nothing new."""
    state.search(item=collection.items.any_but(asked).item_id)
