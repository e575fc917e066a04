"""The compare view: two answers to one query, hits counted by hand, what both found linked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.measure.evaluation import evaluate_collection, save_evaluation
from imgsearch.ui.parts.words import space_title
from imgsearch.ui.state import widget_key
from tests.app.conftest import refined
from tests.app.test_page import cards, page

LEFT, RIGHT = "Most similar pictures on the left", "Most similar pictures on the right"


@pytest.fixture
def two_spaces(collection: Collection, pictures: Path, home: Path) -> Collection:
    """`discs` by colour and by edges."""
    return build_collection("discs", pictures, home=home, specs=[embedder_spec("edge_histogram")]).collection


def test_both_spaces_answer_the_same_query(two_spaces: Collection) -> None:
    at = page(view="compare", item="red/0.png", k="4")
    for name, space in ((LEFT, "color_histogram"), (RIGHT, "edge_histogram")):
        expected = two_spaces.search(item_id="red/0.png", k=4, space=space)
        assert [card["id"] for card in cards(at, name)] == [result.item.item_id for result in expected.results]


@pytest.mark.parametrize("asked", [{}, {"rerank": "diverse"}, {"liked": "blue/1.png", "disliked": "red/2.png"}])
def test_both_sides_are_by_plain_distance_and_say_so(two_spaces: Collection, asked: dict[str, str]) -> None:
    at = page(view="compare", item="red/0.png", k="11", **asked)
    for name, space in ((LEFT, "color_histogram"), (RIGHT, "edge_histogram")):
        expected = two_spaces.search(item_id="red/0.png", k=11, space=space)
        assert [card["id"] for card in cards(at, name)] == [result.item.item_id for result in expected.results]
    assert sum("in the order of the distances" in caption.value for caption in at.caption) == 1


def test_what_both_found_is_linked_by_its_rank_on_the_other_side(two_spaces: Collection) -> None:
    at = page(view="compare", item="red/0.png", k="6")
    left, right = ({card["id"]: card for card in cards(at, name)} for name in (LEFT, RIGHT))
    common = left.keys() & right.keys()
    assert common  # else this shows nothing
    for item_id, card in left.items():
        assert card["note"] == (f"{right[item_id]['rank']}. on the other side" if item_id in common else "")


def test_the_summary_counts_the_hits(two_spaces: Collection) -> None:
    at = page(view="compare", item="red/0.png", k="3")
    counts = [sum(str(card["id"]).startswith("red/") for card in cards(at, name)) for name in (LEFT, RIGHT)]
    assert counts[0] > 0
    summary = next(each.value for each in at.markdown if "nearest pictures" in each.value)
    assert f"**{counts[0]}** show the query's label by colours, and **{counts[1]}** by edges" in summary


def test_one_space_says_how_to_get_another(collection: Collection) -> None:
    at = page(view="compare")
    assert "one space only" in at.info[0].value
    assert "--embedder color_histogram" in at.code[0].value


def test_the_measured_precision_is_that_of_the_saved_evaluation_by_distance(two_spaces: Collection) -> None:
    assert [each.value for each in page(view="compare").caption].count("Not measured in this collection.") == 2
    saved = save_evaluation(two_spaces, evaluate_collection(two_spaces)).evaluation
    plain = {each.space: each.precision_at_k[5] for each in saved if not each.rerank}
    reranked = {each.precision_at_k[5].mean for each in saved if each.rerank}
    assert not reranked <= {each.mean for each in plain.values()}  # else this shows nothing
    shown = [each.value for each in page(view="compare").caption if "right among" in each.value]
    assert shown == [
        f"By distance, **{it.mean:.0%}** right among the first 5, over all queries ({it.low:.0%} to {it.high:.0%})"
        for it in (plain["color_histogram"], plain["edge_histogram"])
    ]


def test_what_is_compared_has_names_that_people_know_and_technical_ones_behind_them(two_spaces: Collection) -> None:
    at = page(view="compare")
    assert [(each.value, each.help) for each in at.header] == [
        ("Colours", r"Technical name: color\_histogram."),
        ("Edges", r"Technical name: edge\_histogram."),
    ]
    search = refined(page())
    (subtitle,) = [each for each in search.caption if "compared by" in each.value]
    assert subtitle.value.endswith("compared by colours.")
    assert not any("histogram" in each.value for each in [*search.caption, *search.markdown])
    assert search.selectbox(key=widget_key("space", "en")).options == ["Colours", "Edges"]


def test_two_spaces_of_a_kind_are_told_apart_by_their_names(two_spaces: Collection) -> None:
    colours = two_spaces.manifest.spaces["color_histogram"]
    twice = replace(two_spaces.manifest, spaces={**two_spaces.manifest.spaces, "small": colours})
    assert [space_title(twice, name) for name in twice.spaces] == ["Colours (color_histogram)", "Edges", "Colours (small)"]
