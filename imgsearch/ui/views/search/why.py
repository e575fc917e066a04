"""Why a result is like the query: a dialog with both pictures, and what their likeness is made of."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import streamlit as st

from imgsearch import vocabulary
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.embedding.descriptors import Match
from imgsearch.errors import ImgSearchError
from imgsearch.measure.explain import blend, explain, match_map, overlay
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.items import label_words, short_name
from imgsearch.pictures.regions import Region, Window
from imgsearch.retrieval.results import SearchResult
from imgsearch.ui import state
from imgsearch.ui.answer import Answer, QueryPicture
from imgsearch.ui.parts.addresses import thumbnail_url
from imgsearch.ui.parts.matches import draw_matches
from imgsearch.ui.parts.messages import show_error
from imgsearch.ui.server.internals import DeltaGenerator
from imgsearch.ui.server.looking import VisitorEmbedders
from imgsearch.ui.state import View
from imgsearch.ui.texts import language, match_words, t
from imgsearch.ui.texts.markdown import escape
from imgsearch.vectors.space import OpenedSpace

_N_MATCHES = 8
_PICTURE_HEIGHT = 240  # px; less where there is no room for the width that goes with it
_ALL = Region(0, 0, 1, 1)


@dataclass(frozen=True)
class _Pair:
    """A query picture with its embedding, and the result it is compared with."""

    collection: OpenedCollection
    space: OpenedSpace
    query: QueryPicture
    vector: np.ndarray
    result: SearchResult
    region: Region | None


def open_why(collection: OpenedCollection, view: View, answer: Answer, result: SearchResult) -> None:
    """Opens the dialog; closing it takes `why` out of the address."""

    @st.dialog(t("why.title"), width="medium", on_dismiss=_close)
    def dialog() -> None:
        space = collection.space(view.space)
        # Of several pictures that were searched with together, the one that is nearest.
        nearest = int(np.argmax(answer.vectors @ space.vectors(result.row)))
        query = answer.asked[nearest]
        _render_numbers(answer, result)
        _render_in_common(collection, space, answer, nearest, result)
        maps = _render_pictures(collection, query, result)
        pair = _Pair(collection, space, query, answer.vectors[nearest], result, answer.part)
        try:
            if space.spec.has_feature_maps:
                _render_maps(pair, maps)
            elif space.spec.is_descriptor and not space.transform:
                _render_matches(pair, maps)
            else:
                st.caption(t("why.no_parts"))
        except ImgSearchError as exc:
            show_error(exc)

    dialog()


def _close() -> None:
    state.go(why=None)


def _render_numbers(answer: Answer, result: SearchResult) -> None:
    words = [
        t("why.distance", rank=result.rank, distance=result.distance, similarity=result.similarity),
        t("why.percentile", percentile=result.percentile),
    ]
    if result.is_same_label is not None:
        labels = {"label": escape(label_words(answer.query_label)), "other": escape(label_words(result.item.label))}
        words.append(t("why.same_label" if result.is_same_label else "why.other_label", **labels))
    if result.p_same_label is not None:
        words.append(t("why.probability", probability=result.p_same_label))
    if result.is_copy:
        words.append(t("why.copy"))
    if result.rank_before is None:
        words.append(t("why.came_in"))
    elif result.rank_before != result.rank:
        words.append(t("why.moved", rank=result.rank_before))
    if len(answer.asked) > 1:
        words.append(t("why.several"))
    st.markdown(" ".join(words))


def _render_in_common(
    collection: OpenedCollection, space: OpenedSpace, answer: Answer, nearest: int, result: SearchResult
) -> None:
    """What a network takes both for, where it knows of both and that is the same."""
    item, values = answer.asked[nearest].item, None
    if item and not answer.part:
        values = collection.words.of_row(collection.items.row_of(item.item_id))
    elif space is collection.word_space and space.classifier:
        (values,) = space.classifier.probabilities(answer.vectors[nearest : nearest + 1])
    other = collection.words.of_row(result.row)
    if values is None or other is None:
        return
    if sense := collection.words.in_common(values, other):
        st.markdown(t("why_words.both", name=escape(vocabulary.shown(sense, language()))))


def _render_pictures(collection: OpenedCollection, query: QueryPicture, result: SearchResult) -> list[DeltaGenerator]:
    """Draws both side by side, and returns a place below each for its map."""
    pictures = (
        (query, query.shown, t("why.query"), t("search.query_alt", name=query.name)),
        (
            result.item,
            thumbnail_url(collection.name, result.item),
            f"{result.rank}. {short_name(result.item)}",
            t("why.result_alt", name=short_name(result.item)),
        ),
    )
    places = []
    with st.container(horizontal=True, gap="small", key="why_pictures"):
        for size, shown, name, alt in pictures:
            with st.container(width="stretch", gap="xsmall"):
                st.markdown(f"**{escape(name)}**")
                # A box with the width that goes with the height, rather than an image of that height: Streamlit sets an
                # image's width in pixels, beside which a largest height would stretch it.
                with st.container(width=max(1, round(_PICTURE_HEIGHT * size.width / size.height)), gap="xsmall"):
                    st.image(shown, alt=alt, width="stretch")
                    places.append(st.empty())
    return places


def _render_maps(pair: _Pair, places: list[DeltaGenerator]) -> None:
    """What each place of the two adds: for embeddings that are averages over places."""
    asked = pair.collection.items.row_of(pair.query.item.item_id) if pair.query.item else pair.query.content
    with st.spinner(t("why.looking"), show_time=True):
        explanation = explain(
            pair.collection,
            asked,
            pair.result.row,
            embedders=VisitorEmbedders(),
            space=pair.space.name,
            region=pair.region,
            query_embedding=pair.vector,
        )
    for place, explained in zip(places, (explanation.query, explanation.result), strict=True):
        place.image(blend(explained.pixels, explained.overlay), alt=t("why.map_alt"), width="stretch", output_format="JPEG")
    st.markdown(t("why.maps_region" if pair.region else "why.maps"))


def _render_matches(pair: _Pair, places: list[DeltaGenerator]) -> None:
    """What a descriptor counts in both, largest share first, and where, if it knows."""
    matches = pair.space.spec.matches(pair.vector, pair.space.vectors(pair.result.row))
    map_ = match_map(matches)
    if map_ is not None:
        asked = pair.collection.thumbnail(pair.query.item) if pair.query.item else pair.query.content
        pictures = ((asked, pair.region or _ALL), (pair.collection.thumbnail(pair.result.item), _ALL))
        for place, (source, part) in zip(places, pictures, strict=True):
            pixels = decode_image(source).pixels
            height, width = pixels.shape[:2]
            colors = overlay(map_, Window(*astuple(part)), width, height, scale=float(np.abs(map_).max()))
            place.image(blend(pixels, colors), alt=t("why.map_alt"), width="stretch", output_format="JPEG")
        st.markdown(t("why.fields"))
    shown_matches = [match for match in matches if match.share > 0][:_N_MATCHES]
    st.markdown(t("why.matches", n=len(matches), shown=len(shown_matches)))
    rows = [_row(match, shown_matches[0].share) for match in shown_matches]
    draw_matches(rows, name=t("why.matches_name"), key="matches")


def _row(match: Match, most: float) -> dict[str, object]:
    detail = [match_words(match.where)] if match.where else []
    if match.amounts:
        detail.append(t("why.amounts", query=match.amounts[0], result=match.amounts[1]))
    return {
        "colors": tuple("rgb({}, {}, {})".format(*color) for color in match.colors or ()),
        "what": match_words(match.what),
        "detail": " · ".join(detail),
        "share": f"{match.share:.3f}",
        "width": round(100 * match.share / most, 1),
    }
