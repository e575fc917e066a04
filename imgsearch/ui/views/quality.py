"""The quality view: the saved evaluation. Engines and re-rankings side by side, the worst labels, what is confused."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.collection.session import SESSION_NAME
from imgsearch.measure.evaluation import chance_precision
from imgsearch.measure.judgements import precision_by_eye, to_csv
from imgsearch.measure.words import WordQuality
from imgsearch.pictures.items import label_words
from imgsearch.retrieval.metrics import Estimate, Evaluation, LabelScores
from imgsearch.retrieval.rerank import RERANKINGS, default_reranking
from imgsearch.settings import get_settings
from imgsearch.ui import state
from imgsearch.ui.parts.bars import Bar, draw_bars
from imgsearch.ui.parts.words import rerank_words, space_title, space_words
from imgsearch.ui.resources import word_quality
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.search import judging

_K = 5
_N_LABELS = 10
_N_CONFUSED = 10
_N_WORDS = 5


def render(collection: OpenedCollection, view: View) -> None:
    """Draws what was measured, and what people said."""
    _render_measured(collection, view)
    _render_words(collection, view)
    _render_judged(collection)


def _render_measured(collection: OpenedCollection, view: View) -> None:
    evaluations = collection.evaluation
    if not evaluations:
        if SESSION_NAME.fullmatch(collection.name):
            st.info(t("quality.own"), icon=":material/straighten:")
            return
        has_labels = max(collection.items.label_counts.values(), default=0) > 1
        st.info(t("quality.none" if has_labels else "quality.no_labels"), icon=":material/straighten:")
        if has_labels:
            st.code(f"python -m imgsearch evaluate {collection.name}", language="sh")
        return
    shown = _shown(evaluations, view)
    _render_in_short(collection, shown)
    st.markdown(t("quality.intro", n=shown.n_queries, k=_K))
    _render_engines(collection, evaluations, shown, view)
    st.caption(f"{t('quality.interval')} {t('quality.chance')}")
    space = escape(space_title(collection.description, shown.space))
    st.markdown(t("quality.shown", space=space, rerank=rerank_words(shown.rerank)))
    _render_numbers(collection, shown)
    _render_labels(collection, shown, view)
    _render_confused(collection, shown, view)


def _render_in_short(collection: OpenedCollection, shown: Evaluation) -> None:
    """The one sentence for who reads no more."""
    right = _n_of_first(shown.precision_at_k[_K].mean)
    chance = _n_of_first(chance_precision(collection.items, shown, _K))
    st.markdown(t("quality.in_short", k=_K, right=right, chance=chance))


def _n_of_first(precision: float) -> str:
    """How many of the first ones that is, never nothing where it is something: `4.4`, `0.03`."""
    n = precision * _K
    return f"{n:.1f}" if n >= 0.1 else f"{n:.1g}"


def _shown(evaluations: tuple[Evaluation, ...], view: View) -> Evaluation:
    """That of the address's space and re-ranking, or of the space alone, or the first."""
    wanted = {(view.space, view.ask.rerank): 0, (view.space, ""): 1}
    return min(evaluations, key=lambda each: wanted.get((each.space, each.rerank), 2))


def _render_engines(
    collection: OpenedCollection, evaluations: tuple[Evaluation, ...], shown: Evaluation, view: View
) -> None:
    """A bar a space, then a bar a re-ranking of the space that is shown; a click chooses."""
    spaces = {name: space_title(collection.description, name) for name in collection.spaces}
    engines = [
        _choice(collection, each, spaces[each.space], each.space == shown.space, view)
        for each in evaluations
        if not each.rerank
    ]
    default = default_reranking(collection.space(shown.space))
    rerankings = [
        _choice(collection, each, _order_words(each.rerank, default), each is shown, view)
        for each in evaluations
        if each.space == shown.space
    ]
    for bars, title, explanation, key in (
        (engines, t("quality.engines", k=_K), t("quality.engines_help"), "engines"),
        (rerankings, t("quality.rerankings", space=space_words(collection.description, shown.space)), "", "rerankings"),
    ):
        st.header(title, anchor=False)
        if explanation:
            st.caption(explanation)
        draw_bars(bars, name=title, key=key)


def _order_words(rerank: str, default: str) -> str:
    words = rerank_words(rerank)
    return t("quality.default", rerank=words) if rerank == default else words


def _choice(collection: OpenedCollection, evaluation: Evaluation, name: str, is_current: bool, view: View) -> Bar:
    precision = evaluation.precision_at_k[_K]
    return Bar(
        name=name,
        estimate=precision,
        text=_interval_words(precision),
        href=view.link(space=evaluation.space, rerank=evaluation.rerank or state.NO_RERANKING),
        title=f"{evaluation.space}: {t('quality.choose')}",
        is_current=is_current,
        chance=chance_precision(collection.items, evaluation, _K),
    )


def _interval_words(estimate: Estimate) -> str:
    return t("quality.value", value=estimate.mean, low=estimate.low, high=estimate.high)


def _render_numbers(collection: OpenedCollection, shown: Evaluation) -> None:
    """The measures of the chosen engine, a bar each."""
    rows = [Bar(t("quality.map"), shown.mean_average_precision, _interval_words(shown.mean_average_precision))]
    for measure, by_k in (
        ("precision", shown.precision_at_k),
        ("recall", shown.recall_at_k),
        ("hit_rate", shown.hit_rate_at_k),
    ):
        rows += [
            Bar(
                t(f"quality.{measure}", k=k),
                value,
                _interval_words(value),
                chance=chance_precision(collection.items, shown, k) if measure == "precision" else None,
            )
            for k, value in by_k.items()
        ]
    with st.expander(t("quality.measures"), icon=":material/straighten:"):
        draw_bars(rows, name=t("quality.measures"), key="measures")
        st.caption(t("quality.measures_help"))


def _render_labels(collection: OpenedCollection, shown: Evaluation, view: View) -> None:
    st.header(t("quality.labels"), anchor=False)
    st.caption(t("quality.labels_help", k=_K))
    scores = list(shown.per_label)
    draw_bars(_label_rows(collection, scores[:_N_LABELS], view), name=t("quality.labels"), key="worst_labels")
    if len(scores) > _N_LABELS:
        with st.expander(t("quality.all_labels", n=len(scores))):
            rest = _label_rows(collection, scores[_N_LABELS:], view)
            draw_bars(rest, name=t("quality.all_labels", n=len(scores)), key="other_labels")


def _label_rows(collection: OpenedCollection, scores: list[LabelScores], view: View) -> list[Bar]:
    rows = []
    for each in scores:
        (item,) = collection.items.page(collection.items.where([each.label]), 0, 1)
        value = each.precision_at_k[_K]
        link = view.search_link(item=item.item_id)
        rows.append(Bar(label_words(each.label), value, f"{value:.2f}", href=link, title=t("quality.see")))
    return rows


def _render_confused(collection: OpenedCollection, shown: Evaluation, view: View) -> None:
    find = collection.items.find
    confused = [each for each in shown.confused if any(map(find, each.examples))][:_N_CONFUSED]
    if not confused:
        return
    st.header(t("quality.confused"), anchor=False)
    st.caption(t("quality.confused_help", k=_K))
    most = confused[0].count
    rows = [
        Bar(
            t("quality.pair", label=label_words(each.label), other=label_words(each.other)),
            each.count / most,
            t("quality.times", n=each.count),
            href=view.search_link(item=next(filter(find, each.examples))),
            title=t("quality.see"),
        )
        for each in confused
    ]
    draw_bars(rows, name=t("quality.confused"), key="confused")


def _render_words(collection: OpenedCollection, view: View) -> None:
    """How well the network alone finds what labels mean, where it knows them by name."""
    quality = word_quality(collection)
    if not quality or not collection.word_space:
        return
    st.header(t("quality_words.title"), anchor=False)
    right, chance = (
        _n_of_first(sum(each) / len(quality))
        for each in ([each.precision_at_5 for each in quality], [each.chance for each in quality])
    )
    words = [t("quality_words.in_short", k=_K, right=right, chance=chance)]
    by_picture = _precision_of_pictures(collection, quality)
    if by_picture is not None:
        words.append(t("quality_words.by_picture", n=_n_of_first(by_picture)))
    st.markdown(f"**{' '.join(words)}**")
    spec = collection.word_space.spec
    st.markdown(t("quality_words.intro", n=len(quality), name=escape(spec.own or spec.name)))
    if weak := [escape(label_words(each.label)) for each in quality if each.is_weak]:
        st.markdown(t("quality_words.weak", words=", ".join(weak)))
    few = len(quality) <= 2 * _N_WORDS
    best = sorted(quality, key=lambda each: -each.average_precision)[:_N_WORDS]
    lists = {"all": quality} if few else {"worst": quality[:_N_WORDS], "best": best}
    for which, some in lists.items():
        name = t(f"quality_words.{which}")
        st.caption(name)
        draw_bars([_word_row(each, view) for each in some], name=name, key=f"{which}_words")


def _precision_of_pictures(collection: OpenedCollection, quality: Sequence[WordQuality]) -> float | None:
    """Precision@5 where pictures with those labels ask, by the space that knows the words; None where that is not known."""
    labels = {each.label for each in quality}
    for each in collection.evaluation:
        if collection.word_space and each.space == collection.word_space.name and not each.rerank:
            found = [scores.precision_at_k[_K] for scores in each.per_label if scores.label in labels]
            return sum(found) / len(found) if found else None
    return None


def _word_row(quality: WordQuality, view: View) -> Bar:
    value, word = quality.average_precision, label_words(quality.label)
    link = view.words_link(word)
    return Bar(word, value, f"{value:.2f}", href=link, title=t("quality_words.ask"), chance=quality.chance)


def _render_judged(collection: OpenedCollection) -> None:
    """Precision by human eye: the visitor's own likes and dislikes."""
    st.header(t("quality.judged"), anchor=False)
    judged = judging.judgements(collection.name)
    if not judged:
        st.caption(t("quality.judge_some"))
        return
    titles = {name: space_title(collection.description, name) for name in collection.spaces}
    rows = [
        Bar(
            t("quality.judged_engine", space=titles.get(each.space, each.space), rerank=rerank_words(each.rerank)),
            Estimate(each.mean, each.low, each.high),
            t("quality.judged_value", value=each.mean, n=each.n),
        )
        for each in precision_by_eye(judged)
        if each.rerank in ("", *RERANKINGS)
    ]
    draw_bars(rows, name=t("quality.judged"), key="judged")
    st.caption(t("quality.judged_help"))
    if get_settings().keep_judgements and not SESSION_NAME.fullmatch(collection.name):
        st.text_input(
            t("quality.name"), key=judging.NAME_KEY, max_chars=judging.MAX_NAME, help=t("quality.name_help"), width=320
        )
    st.download_button(
        t("quality.download"),
        data=lambda: to_csv(judged),
        file_name=f"{collection.name}-judgements.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
