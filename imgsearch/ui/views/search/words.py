"""Words that are searched with: the answer to words alone, what they may mean, and what narrows that to a picture."""

from __future__ import annotations

import difflib
from functools import partial

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.errors import UnknownWordError
from imgsearch.retrieval.ask import MAX_WORDS, Ask
from imgsearch.ui import state
from imgsearch.ui.answer import Answer, answer_to
from imgsearch.ui.parts.copy_link import draw_copy_link
from imgsearch.ui.parts.grid import draw_grid, result_cards
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.parts.query.word_input import word_input
from imgsearch.ui.parts.words import asked_words, conditions_words, word_shown
from imgsearch.ui.resources import weak_words
from imgsearch.ui.server.delivery.word_list import word_examples
from imgsearch.ui.state import View
from imgsearch.ui.texts import language, t
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.search.take_away import take_away
from imgsearch.vocabulary import shown, suggest
from imgsearch.vocabulary.keys import MOST_CHARACTERS

_N_NEAR = 3
_ALIKE = 0.75


def can_be_asked(collection: OpenedCollection) -> bool:
    """Whether there is any word that a collection can be asked for."""
    return collection.word_space is not None or bool(collection.items.label_counts)


def render_word_input(collection: OpenedCollection, view: View) -> None:
    """Draws the field beside the upload: what is typed there is searched with alone. Nothing where there are no words."""
    if not can_be_asked(collection):
        return
    asked = view.ask.words if view.ask.is_by_words else ()
    is_start = not any(map(view.params.get, (*state.PICTURES, *state.WORDS)))
    link = view.words_link()
    word_input(
        collection,
        label=t("words.label"),
        placeholder=t("words.placeholder"),
        key="word_input",
        on_ask=state.search_words,
        value=asked[0] if len(asked) == 1 else "",
        query=_query(view),
        is_tight=True,
        example_href=f"{link}{'&' if len(link) > 1 else ''}words=" if is_start else "",
    )


def render_narrowing(collection: OpenedCollection, view: View, width: int) -> None:
    """Draws the fields for what results have to show and not to show."""
    if not can_be_asked(collection):
        return
    for name, given in (("words", view.ask.words), ("not", view.ask.not_words)):
        with st.container(width=width):
            word_input(
                collection,
                label=t(f"words.{name}_label"),
                placeholder=t("words.narrow_placeholder"),
                key=f"narrow_{name}",
                on_ask=partial(_add, name, given),
                query=_query(view),
            )


def _add(name: str, given: tuple[str, ...], word: str) -> None:
    if len(given) == MAX_WORDS:
        state.leave_note(t("note.too_many_words", most=MAX_WORDS))
        return
    state.go(**{name: [*dict.fromkeys((*given, word))]})


def _query(view: View) -> str:
    return state.link({name: view.params.get(name, []) for name in (*state.PICTURES, *state.WORDS)})


def render_chips(collection: OpenedCollection, view: View) -> None:
    """Draws what words may mean that are asked for, and what results have to show and not to show, where there is any.

    A click chooses one of several meanings, or takes a condition away.
    """
    senses = _senses(collection, view)
    conditions = [
        Link(t("words.chip", condition=text), view.link(**without), spoken=t("words.remove", condition=text))
        for text, without in conditions_words(collection, view.ask)
    ]
    if not (senses or conditions):
        return
    with st.container(key="chips", horizontal=True, gap="xsmall"):
        for key, links in (("senses", senses), ("conditions", conditions)):
            if links:
                draw_links(links, name=t(f"words.{key}"), key=f"{key}_links", is_choice=True)


def _senses(collection: OpenedCollection, view: View) -> list[Link]:
    links = []
    for word in view.ask.words:
        senses = collection.words.meaning(word).senses
        for sense in senses if len(senses) > 1 else ():
            words = [sense.text if each == word else each for each in view.ask.words]
            links.append(Link(shown(sense, language()), view.link(words=words)))
    return links


def render_words_answer(collection: OpenedCollection, view: View, link: str) -> None:
    """Draws the answer to words alone.

    Args:
        collection, view: What is asked.
        link: Leads to it; "" where no link can hold it.
    """
    head = st.container(horizontal=True, vertical_alignment="center", key="results_head")
    title = head.container(width="content", key="results_title")
    chips, line = head.container(width="content"), head.container(width="stretch", key="waiting")
    unknown = _unknown(collection, view.ask)
    if unknown:
        title.header(t("words.unknown_title"), anchor=False, width="content")
        _render_unknown(collection, view, unknown)
        return
    answer = answer_to(collection, view)
    if answer is None:
        return
    n, k = answer.page.n_shown or 0, len(answer.page.results)
    title.header(_title(answer, n), anchor=False, width="content")
    with chips:
        render_chips(collection, view)
    if k:
        line.caption(t("words.first", k=k) if k < n else t("words.surest"))
    with head, st.container(horizontal=True, gap="xsmall", width="content", key="hand_on"):
        if link:
            draw_copy_link(link)
        take_away(collection, answer.page, link)
    if not k:
        _render_none(collection, view)
        return
    _render_results(collection, view, answer)


def _title(answer: Answer, n: int) -> str:
    if not n:
        return t("words.nothing_title")
    return t("words.title_all" if len(answer.words) > 1 else "words.title", n=n)


def _render_results(collection: OpenedCollection, view: View, answer: Answer) -> None:
    page = answer.page
    cards = result_cards(page.results, collection.name, "", lambda item_id: view.search_link(item=item_id))
    draw_grid(cards, name=t("words.grid"), key="results_grid")
    searched = t("words.searched", n=len(collection.items), ms=page.timings_ms["search"])
    least = max(collection.words.meaning(word).least_worth for word in view.ask.words)
    st.caption(f"{t('words.worth', least=least) if page.space else t('words.by_label')} {searched}")
    if weak := [escape(word_shown(collection, word)) for word in view.ask.words if _is_weak(collection, word)]:
        st.caption(t("quality_words.weak_here", words=", ".join(weak)))


def _is_weak(collection: OpenedCollection, word: str) -> bool:
    """Whether the network finds it badly here, as far as labels tell."""
    meaning = collection.words.meaning(word)
    return not weak_words(collection).isdisjoint({meaning.label, *(sense.wnid for sense in meaning.senses)})


def _render_none(collection: OpenedCollection, view: View) -> None:
    """No picture shows it, though the words are known."""
    is_narrowed = view.ask.label or view.ask.not_words or len(view.ask.words) > 1
    word = escape(asked_words(collection, view.ask))
    st.info(t("words.nothing_left") if is_narrowed else t("words.nothing", word=word), icon=":material/search_off:")
    _render_what_can_be_asked(collection, view)


def _unknown(collection: OpenedCollection, ask: Ask) -> list[str]:
    unknown = []
    for word in ask.words:
        try:
            collection.words.meaning(word)
        except UnknownWordError:
            unknown.append(word)
    return unknown


def _render_unknown(collection: OpenedCollection, view: View, unknown: list[str]) -> None:
    """Words are neither labels nor known to the network."""
    key = (
        "words.unknown"
        if collection.word_space
        else "words.no_label"
        if collection.items.label_counts
        else "words.none_here"
    )
    for word in unknown:
        st.info(t(key, word=escape(word_shown(collection, word))), icon=":material/search_off:")
    near = list(dict.fromkeys(each for word in unknown for each in _near(collection, word)))
    if near:
        st.markdown(t("words.near"))
        _draw_words(view, near[:_N_NEAR], name=t("words.near"), key="words_near")
    _render_what_can_be_asked(collection, view)


def _near(collection: OpenedCollection, word: str) -> list[str]:
    """What is written nearly like it: of what pictures here show, then of what is known."""
    offered = {each.casefold(): each for each in collection.words.offered(language())}
    alike = difflib.get_close_matches(word[:MOST_CHARACTERS].casefold(), offered, _N_NEAR, _ALIKE)
    known = suggest(word, _N_NEAR) if collection.word_space else []
    return [*(offered[each] for each in alike), *(each for each in known if each.casefold() not in alike)]


def _render_what_can_be_asked(collection: OpenedCollection, view: View) -> None:
    if not can_be_asked(collection):
        return
    words = t("words.can_ask", n=len(collection.words.offered(language())))
    st.markdown(words)
    _draw_words(view, word_examples(collection, language()), name=t("words.examples"), key="words_examples")


def _draw_words(view: View, words: tuple[str, ...] | list[str], *, name: str, key: str) -> None:
    draw_links([Link(word, view.words_link(word)) for word in words], name=name, key=key, is_choice=True)
