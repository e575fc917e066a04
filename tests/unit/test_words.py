"""What words find."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch import Collection
from imgsearch.cli import cli
from imgsearch.errors import InvalidQueryError, ItemNotFoundError, UnknownWordError
from imgsearch.retrieval.ask import MAX_WORDS, Ask
from imgsearch.retrieval.results import SearchPage
from imgsearch.retrieval.search import search
from imgsearch.retrieval.words import SHOWS, Words
from imgsearch.vectors.space import Space
from tests.unit.test_classifier import with_classes
from tests.unit.test_search import FAN, gallery

BEAGLE, BASSET, SIAMESE, CRANE_BIRD, CRANE_MACHINE = 162, 161, 284, 134, 517
"""Places of these classes in Keras' order."""

# Of five items: two beagles, the second less plainly; a Siamese cat that is a little of a beagle; a bird; a machine.
PROBABILITIES = {
    BEAGLE: [0.75, 0.25, 0.125, 0, 0],
    BASSET: [0.125, 0.5, 0, 0, 0],
    SIAMESE: [0, 0, 0.875, 0, 0],
    CRANE_BIRD: [0, 0, 0, 0.5, 0.0625],
    CRANE_MACHINE: [0, 0, 0, 0.25, 0.75],
}
ITEMS = gallery(5, "hmm-c")
"""Their labels: h, m, m, none, c."""


def class_values() -> np.ndarray:
    values = np.zeros((1000, 5), np.float16)
    for index, row in PROBABILITIES.items():
        values[index] = row
    return values


SPACE: Space = replace(FAN, class_values=class_values())
WORDS = Words(ITEMS, SPACE)


def found(page: SearchPage) -> list[tuple[int, float | None]]:
    return [(result.row, result.worth) for result in page.results]


def test_worths_are_right_to_the_smallest_probability_that_is_stored() -> None:
    every = np.arange(0x3C01, dtype=np.uint16).view(np.float16)  # 0 to 1
    values = np.zeros((1000, len(every)), np.float16)
    values[BEAGLE] = every
    values[BASSET] = 1 - every
    values[SIAMESE] = values[CRANE_BIRD] = np.float16(2.0**-24)  # the smallest that there is
    words = Words(gallery(len(every), "-" * len(every)), replace(FAN, class_values=values))
    assert words.worths("beagle").tolist() == every.tolist()
    sums = np.minimum(values[[BEAGLE, BASSET]].astype(np.float64).sum(axis=0), 1)
    assert np.array_equal(words.worths("hound"), sums.astype(np.float32))
    assert words.worths("Siamese cat").tolist() == [2.0**-24] * len(every)
    assert np.allclose(words.worths("animal"), np.minimum(sums + 2.0**-23, 1), rtol=0, atol=2.0**-23)


def test_the_worth_is_the_sum_over_the_classes_that_a_word_stands_for() -> None:
    assert WORDS.worths("beagle").tolist() == [0.75, 0.25, 0.125, 0, 0]
    assert WORDS.worths("Hounds").tolist() == [0.875, 0.75, 0.125, 0, 0]
    assert WORDS.worths("dog").tolist() == [0.875, 0.75, 0.125, 0, 0]
    assert WORDS.worths("crane").tolist() == [0, 0, 0, 0.75, 0.8125]  # both senses
    assert WORDS.worths("crane (wading bird)").tolist() == [0, 0, 0, 0.5, 0.0625]
    assert WORDS.worths("고양이").tolist() == [0, 0, 0.875, 0, 0]


def test_what_shows_it_comes_best_first_and_the_rest_does_not_come() -> None:
    page = WORDS.search(Ask(words="beagle"))  # type: ignore[arg-type]
    assert found(page) == [(0, 0.75), (1, 0.25)]
    assert [result.rank for result in page.results] == [1, 2]
    assert page.n_shown == 2
    assert all(result.distance is None and result.rank_before is None for result in page.results)
    assert [(result.number, result.nearness) for result in page.results] == [("75%", 0.75), ("25%", 0.25)]
    assert found(WORDS.search(Ask(words=("beagle",), k=1))) == [(0, 0.75)]
    assert WORDS.search(Ask(words=("beagle",), k=1)).n_shown == 2
    assert 0.125 < SHOWS <= 0.25


def test_pictures_that_are_labelled_with_a_word_come_first() -> None:
    words = Words(gallery(5, "xxxxx"), SPACE)
    assert [row for row, _ in found(words.search(Ask(words=("X",))))] == [0, 1, 2, 3, 4]
    labelled = gallery(5, "aab-a")
    labelled = type(labelled)(
        [replace(item, label="Beagle" if row == 3 else item.label) for row, item in enumerate(labelled)]
    )
    page = Words(labelled, SPACE).search(Ask(words=("beagle",)))
    assert found(page) == [(3, 1.0), (0, 0.75), (1, 0.25)]
    assert Words(labelled, SPACE).worths("beagle").tolist() == [0.75, 0.25, 0.125, 0, 0]  # the network's opinion alone


def test_only_a_label_is_certain() -> None:
    values = np.zeros((1000, 2), np.float16)
    values[BEAGLE] = 1
    items = type(ITEMS)([replace(item, label="beagle" if row else "") for row, item in enumerate(gallery(2, "--"))])
    results = Words(items, replace(FAN, class_values=values)).search(Ask(words=("beagle",))).results
    assert [(result.row, result.number) for result in results] == [(1, "100%"), (0, "99%")]


@pytest.mark.parametrize("text", ["Egyptian_Mau", "egyptian mau", "EGYPTIAN  MAU", " egyptian-mau"])
def test_a_label_is_found_however_it_is_written(text: str) -> None:
    items = gallery(3, "aaa")
    items = type(items)([replace(item, label="Egyptian_Mau" if row else "") for row, item in enumerate(items)])
    assert [row for row, _ in found(Words(items, None).search(Ask(words=(text,))))] == [1, 2]


def test_labels_that_differ_in_signs_alone_are_each_found_by_themselves() -> None:
    items = type(ITEMS)([replace(item, label=label) for item, label in zip(ITEMS, ("a.b", "ab", "???", "!"), strict=False)])
    words = Words(items, None)
    for row, text in enumerate(("a.b", "ab", "???", "!")):
        assert found(words.search(Ask(words=(text,)))) == [(row, 1.0)]
    with pytest.raises(UnknownWordError):
        words.meaning("?")


def test_several_words_must_all_be_shown_and_the_least_counts() -> None:
    page = WORDS.search(Ask(words=("dog", "basset")))
    assert found(page) == [(1, 0.5)]
    assert found(WORDS.search(Ask(words=("dog",), not_words=("basset",)))) == [(0, 0.875)]
    assert found(WORDS.search(Ask(words=("dog",), label="m"))) == [(1, 0.75)]
    with pytest.raises(ItemNotFoundError, match="label"):
        WORDS.search(Ask(words=("dog",), label="nobody"))


def test_a_known_word_that_nothing_shows_is_answered_with_nothing() -> None:
    page = WORDS.search(Ask(words=("teapot",)))
    assert (page.results, page.n_shown) == ((), 0)


def test_an_unknown_word_is_an_error_that_says_so_and_suggests() -> None:
    with pytest.raises(UnknownWordError, match="'sunset' is not a word that this network learned") as caught:
        WORDS.search(Ask(words=("sunset",)))
    assert "kind of thing" in str(caught.value.hint)
    with pytest.raises(UnknownWordError) as caught:
        WORDS.meaning("beagel")
    assert "beagle" in str(caught.value.hint)
    with pytest.raises(UnknownWordError) as caught:
        WORDS.meaning("<script>" * 100_000)
    assert len(caught.value.message) < 150


def test_without_class_values_the_words_are_the_labels() -> None:
    words = Words(ITEMS, FAN)
    assert [row for row, _ in found(words.search(Ask(words=("m",))))] == [1, 2]
    with pytest.raises(UnknownWordError, match="words of this collection are its labels, and 'beagle'") as caught:
        words.search(Ask(words=("beagle",)))
    assert "update" in str(caught.value.hint)
    assert words.answerable == frozenset()
    assert words.of_row(0) is None
    assert words.offered("en") == ["c", "h", "m"]


def test_words_narrow_an_answer_to_a_picture_and_leave_distances_as_they_are() -> None:
    all_of_them = {result.row: result.distance for result in search(ITEMS, SPACE, Ask(items=("4.png",))).results}
    page = search(ITEMS, SPACE, Ask(items=("4.png",), words=("dog",)), words=WORDS)
    assert sorted(result.row for result in page.results) == [0, 1]
    assert all(result.distance == all_of_them[result.row] and result.worth is None for result in page.results)
    page = search(ITEMS, SPACE, Ask(items=("4.png",), not_words=("dog", "cat")), words=WORDS)
    assert [result.row for result in page.results] == [3]
    assert page.n_shown is None
    assert search(ITEMS, SPACE, Ask(items=("4.png",), words=("teapot",)), words=WORDS).results == ()
    page = search(ITEMS, SPACE, Ask(items=("4.png",), words=("dog",), label="m"), words=WORDS)
    assert [result.row for result in page.results] == [1]


@pytest.mark.parametrize(
    "parts",
    [
        {"liked": ("0.png",)},
        {"disliked": ("0.png",)},
        {"rerank": "expansion"},
        {"max_distance": 0.0},
        {"without_copies": True},
        {"region": "auto"},
    ],
)
def test_what_changes_distances_is_refused_beside_words_alone(parts: dict[str, object]) -> None:
    with pytest.raises(InvalidQueryError, match=r"Words alone have no distances|A region belongs"):
        Ask(words=("dog",), **parts)  # type: ignore[arg-type]


def test_words_that_are_not_to_be_shown_are_no_question_alone_and_there_are_at_most_five() -> None:
    with pytest.raises(InvalidQueryError, match="needs an item_id"):
        Ask(not_words=("dog",))
    assert Ask(words=("a",) * MAX_WORDS).words
    with pytest.raises(InvalidQueryError, match="at most 5 words"):
        Ask(words=("a",) * (MAX_WORDS + 1))


def test_what_is_offered_are_labels_and_what_some_picture_shows() -> None:
    offered = WORDS.offered("en")
    assert offered[:3] == ["c", "h", "m"]
    assert {"beagle", "basset hound", "Siamese cat", "hound", "dog", "cat", "animal"} <= set(offered)
    assert {"teapot", "Persian cat", "airliner"}.isdisjoint(offered)
    assert "고양이" in WORDS.offered("ko")
    labelled = type(ITEMS)([replace(item, label="beagle") for item in ITEMS])
    assert Words(labelled, SPACE).offered("en").count("beagle") == 1


def test_what_only_several_classes_together_show_is_offered_too() -> None:
    values = np.zeros((1000, 5), np.float16)
    values[[BEAGLE, BASSET], 2] = 0.125  # neither alone, both together
    values[[CRANE_BIRD], 0], values[[CRANE_MACHINE], 1] = 0.125, 0.125  # not in one picture
    words = Words(ITEMS, replace(FAN, class_values=values))
    assert "hound" in words.offered("en")
    assert "beagle" not in words.offered("en")
    assert not any("crane" in text for text in words.offered("en"))


def test_what_two_pictures_have_in_common_is_the_narrowest_word() -> None:
    def named(one: int, other: int) -> str | None:
        rows = [WORDS.of_row(row) for row in (one, other)]
        assert rows[0] is not None
        assert rows[1] is not None
        sense = WORDS.in_common(rows[0], rows[1])
        return sense.text if sense else None

    assert named(2, 2) == "Siamese cat"
    assert named(0, 1) == "hound"
    assert named(0, 2) == "domestic animal"
    assert named(0, 4) is None


def test_a_collection_is_asked_by_words_from_python_and_the_command_line(collection: Collection, home: Path) -> None:
    collection = with_classes(collection)
    # Class c is the more likely the nearer a picture is to item c: the first four items are blue, those classes fish.
    page = collection.search(words="fish")
    assert {result.row for result in page.results[:4]} == {0, 1, 2, 3}
    assert page.to_json()["words"] == ["fish"]
    assert page.to_pandas()["worth"].tolist() == sorted(page.to_pandas()["worth"], reverse=True)
    assert page._repr_html_()
    run = CliRunner().invoke(cli, ["query", "discs", "--words", "red", "--json"])
    answer = json.loads(run.stdout)
    assert {each["label"] for each in answer["results"] if each["worth"] == 1} == {"red"}
    assert answer["n_shown"] == len(collection.search(words=["red"], k=200).results)
    run = CliRunner().invoke(cli, ["query", "discs", "--words", "red"])
    assert run.stdout.split()[:5] == ["rank", "looks", "like", "label", "item"]
    assert "100%" in run.stdout
    run = CliRunner().invoke(cli, ["query", "discs", "red/0.png", "--not", "red"])
    assert run.exit_code == 0
    assert "red/" not in run.stdout
    for arguments, said in (
        ([], "WHAT or --words"),
        (["--words", "sunset"], "not a word that this network learned"),
        (["--words", "red", "--recall"], "--recall needs WHAT"),
        (["--words", "red", "--like", "red/0.png"], "Words alone have no distances"),
    ):
        run = CliRunner().invoke(cli, ["query", "discs", *arguments])
        assert run.exit_code
        assert said in run.output


def test_a_word_for_many_classes_is_shown_only_where_the_network_says_more_than_chance() -> None:
    values = np.full((1000, 2), 0.001, np.float16)  # of the first picture the network has no idea
    values[:, 1] = 0
    values[BEAGLE, 1] = 0.625
    words = Words(gallery(2, "--"), replace(FAN, class_values=values))
    assert words.worths("animal")[0] == pytest.approx(0.398, abs=2e-3)
    # 0.398 are animals; 0.2 of what is left above that is 0.12.
    assert words.meaning("animal").least_worth == pytest.approx(0.398 + 0.2 * 0.602)
    assert found(words.search(Ask(words=("animal",)))) == [(1, 0.625)]
    assert not words.shows("artifact").any()
    assert "animal" in words.offered("en")
    assert "artifact" not in words.offered("en")
