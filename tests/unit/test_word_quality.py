"""How well words find what they mean, by labels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch import Collection
from imgsearch.cli import cli, evaluate
from imgsearch.measure.words import weak_words, word_quality
from imgsearch.pictures.items import Items
from tests.unit.test_classifier import with_classes
from tests.unit.test_search import gallery
from tests.unit.test_words import BEAGLE, CRANE_BIRD, CRANE_MACHINE, SIAMESE

LABELS = ("Beagle", "siamese_cat", "siamese_cat", "Beagle", "crane", "crane", "pug", "")
PROBABILITIES = {
    BEAGLE: [0.5, 0.75, 0, 0.25, 0, 0, 0, 0],
    SIAMESE: [0.75, 0.5, 0.25, 0, 0.5, 0.375, 0, 0],
    CRANE_BIRD: [0, 0, 0, 0, 0.5, 0, 0, 0],
    CRANE_MACHINE: [0, 0, 0, 0, 0, 0.5, 0, 0],
}


def with_words(collection: Collection, labels: tuple[str, ...] = LABELS) -> Collection:
    """A collection of as many pictures as labels, whose class values are those above."""
    values = np.zeros((1000, len(labels)), np.float16)
    for index, row in PROBABILITIES.items():
        values[index] = row
    items = Items([replace(item, label=label) for item, label in zip(gallery(len(labels)), labels, strict=True)])
    space = replace(collection.space(), class_values=values)
    return Collection(collection.path, collection.manifest, items, collection.updated, {space.name: space})


def test_the_average_precision_of_a_word_by_hand(collection: Collection) -> None:
    siamese, beagle, crane = word_quality(with_words(collection))
    # In order of their worth: no, no (as likely as the next, which has the label), yes, no, yes.
    assert siamese.label == "siamese_cat"
    assert siamese.average_precision == pytest.approx((1 / 3 + 2 / 5) / 2)
    assert (siamese.precision_at_5, siamese.n, siamese.chance) == (2 / 5, 2, 2 / 8)
    # No, yes, yes.
    assert beagle.label == "Beagle"
    assert beagle.average_precision == pytest.approx((1 / 2 + 2 / 3) / 2)
    # Both of its senses count.
    assert (crane.label, crane.average_precision) == ("crane", 1.0)
    assert [sense.text for sense in crane.senses] == ["crane (lifting device)", "crane (wading bird)"]


def test_words_that_find_little_are_weak_whether_asked_by_label_or_by_what_it_means(collection: Collection) -> None:
    quality = word_quality(with_words(collection))
    assert [each.label for each in quality if each.is_weak] == ["siamese_cat"]
    assert weak_words(quality) == {"siamese_cat", quality[0].senses[0].wnid}
    assert weak_words(quality[1:]) == frozenset()


def test_nothing_is_measured_where_no_label_is_a_word_or_no_network_has_a_classifier(collection: Collection) -> None:
    assert word_quality(with_words(collection, ("x", "x", "sunset", "sunset", "", "", "", ""))) == ()
    assert word_quality(collection) == ()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_info_and_evaluate_say_what_can_be_asked_for(collection: Collection) -> None:
    assert "words: only its 3 labels can be asked for. python -m imgsearch update discs adds others" in run("info", "discs")
    assert "words:" not in run("evaluate", "discs", "-q")
    with_classes(collection)
    facts = json.loads(run("info", "discs", "--json"))
    assert f"{facts['n_words']} words can be asked for, by color_histogram\n" in run("info", "discs")
    assert facts["n_words"] == len(Collection.open("discs").words.offered("en")) > 3


def test_evaluate_says_how_well_labels_are_found_by_their_names(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_classes(collection)
    quality = word_quality(with_words(Collection.open("discs")))
    monkeypatch.setattr(evaluate, "word_quality", lambda _: quality)
    shown = run("evaluate", "discs", "--rerank", "diverse", "-q")
    # (11/30 + 7/12 + 1) / 3, and (2 + 2 + 2) / 5 / 3.
    assert (
        "words: 3 labels that color_histogram knows by name: mAP 0.650, precision@5 0.400 (by chance 0.250); "
        "worst: siamese_cat 0.37, Beagle 0.58, crane 1.00\n"
    ) in shown
    plain, diverse = map(json.loads, run("evaluate", "discs", "--rerank", "diverse", "--json", "-q").splitlines()[:2])
    assert [each["senses"] for each in plain["words"]] == [[sense.text for sense in each.senses] for each in quality]
    assert "words" not in diverse
