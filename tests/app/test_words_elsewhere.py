"""Words beside the search for them: in Why, on Quality, on the map and in About."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.collection.draft import Draft
from imgsearch.embedding.classifier import Classifier
from imgsearch.measure.evaluation import evaluate_collection, save_evaluation
from imgsearch.measure.map_names import map_names
from imgsearch.measure.words import word_quality
from imgsearch.ui import resources
from imgsearch.ui.server import map_points
from imgsearch.ui.views import quality
from imgsearch.vocabulary import find_senses, shown
from tests.app.test_page import page, png, state_uploader
from tests.app.test_quality import rows
from tests.conftest import draw_picture

BEAGLE, SIAMESE, TEAPOT = 162, 284, 849
"""Places of these classes in Keras' order."""
STEEP = 200.0


def taught(collection: Collection, classes: dict[str, int]) -> Collection:
    """The same, with a classifier that takes what is like the pictures of a label for a class."""
    embeddings, items = collection.space().embeddings, collection.items
    kernel = np.zeros((embeddings.shape[1], 1000), np.float32)
    bias = np.zeros(1000, np.float32)
    for label, index in classes.items():
        of_label = embeddings[items.rows_with_label(label)].mean(axis=0)
        kernel[:, index] = STEEP * of_label / np.linalg.norm(of_label)
        bias[index] = -0.7 * STEEP
    replace(Draft.of(collection), classifiers={collection.default_space: Classifier(kernel, bias)}).renew(collection)
    return Collection.open(collection.name, collection.home)


@pytest.fixture
def known(collection: Collection) -> Collection:
    """`discs` with a network that takes red ones for beagles, blue ones for Siamese cats, green ones for teapots."""
    return taught(collection, {"red": BEAGLE, "blue": SIAMESE, "green": TEAPOT})


def said(at: AppTest) -> str:
    return "\n".join(each.value for each in (*at.markdown, *at.caption))


def test_why_says_what_both_look_like_in_the_language_of_the_visitor(known: Collection) -> None:
    assert "Both look like: **beagle**" in said(page(item="red/0.png", why="red/1.png"))
    assert "두 이미지에 함께 보이는 것: **비글**" in said(page(item="red/0.png", why="red/1.png", lang="ko"))
    assert "Both look like: **domestic animal**" in said(page(item="red/0.png", k="12", why="blue/1.png"))


def test_why_is_silent_where_two_look_like_nothing_in_common_and_where_no_network_knows(collection: Collection) -> None:
    assert "Both look like" not in said(page(item="red/0.png", why="red/1.png"))
    taught(collection, {"red": BEAGLE, "green": TEAPOT})
    assert "Both look like" not in said(page(item="red/0.png", k="12", why="green/1.png"))


def test_why_knows_a_picture_from_outside_and_a_part_by_the_space_that_is_asked(known: Collection) -> None:
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    at.query_params["why"] = "red/1.png"
    at.run()
    assert "Both look like: **beagle**" in said(at)
    # Of a part, what is in that: red alone is no disc on grey, which is what the network learned.
    assert "Both look like" not in said(page(item="red/0.png", region="0.4,0.4,0.6,0.6", k="12", why="red/1.png"))


def labelled(collection: Collection, labels: dict[str, str]) -> Collection:
    """The same, with other labels in place of some."""
    items = [replace(item, label=labels.get(item.label, item.label)) for item in collection.items]
    replace(Draft.of(collection), items=items).renew(collection)
    return Collection.open(collection.name, collection.home)


def test_quality_says_how_many_of_the_first_show_a_word_that_is_asked_for(known: Collection) -> None:
    # Four discs of each; what is a beagle comes first, and no teapot is what is labelled so.
    measured = labelled(known, {"red": "Beagle", "blue": "teapot", "green": "sunset"})
    at = page(view="quality")
    assert "**Asked for the name of a label, 2.0 of the first 5 have it; by chance it would be 1.7.**" in said(at)
    assert "2 labels here are words that" in said(at)
    assert "**Weak here:** teapot." in said(at)
    assert [(row["name"], row["text"]) for row in rows(at, "Average precision by word")] == [
        ("teapot", f"{word_quality(measured)[0].average_precision:.2f}"),
        ("Beagle", "1.00"),
    ]
    assert resources.weak_words(measured) == {"teapot", find_senses("teapot")[0].wnid}
    assert rows(at, "Average precision by word")[1]["href"] == "?words=Beagle"


def test_an_answer_to_a_weak_word_says_so(known: Collection) -> None:
    labelled(known, {"red": "Beagle", "blue": "teapot", "green": "sunset"})
    assert "often takes something else for teapot." in said(page(words="teapot"))
    assert "잘못 볼 때가 많습니다: 찻주전자." in said(page(words="찻주전자", lang="ko"))
    assert "often takes something else" not in said(page(words="beagle"))
    assert "often takes something else" not in said(page(words="cat"))


def test_quality_sets_words_beside_the_picture_query_of_the_same_labels(known: Collection) -> None:
    measured = labelled(known, {"red": "Beagle", "blue": "Siamese_cat"})
    evaluations = evaluate_collection(measured)
    save_evaluation(measured, evaluations)
    both = [each for each in evaluations[0].per_label if each.label in ("Beagle", "Siamese_cat")]
    by_picture = 5 * sum(each.precision_at_k[5] for each in both) / 2
    # Four of the five are right.
    shown = said(page(view="quality"))
    assert "4.0 of the first 5 have it; by chance it would be 1.7." in shown
    assert f"Searched with one of them, it is {by_picture:.1f}.**" in shown
    assert "Weak here" not in shown
    assert f"사진으로 검색하면 {by_picture:.1f}장입니다" in said(page(view="quality", lang="ko"))


def test_of_many_words_quality_shows_the_worst_and_the_best(known: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    labelled(known, {"red": "Beagle", "blue": "Siamese_cat", "green": "pug"})
    monkeypatch.setattr(quality, "_N_WORDS", 1)
    at = page(view="quality")
    assert [row["name"] for row in rows(at, "The worst words, by average precision")] == ["pug"]
    assert [row["name"] for row in rows(at, "The best words, by average precision")] == ["Beagle"]


def test_quality_says_nothing_of_words_where_no_label_is_one(known: Collection) -> None:
    assert not any(header.value == "Words" for header in page(view="quality").header)


NOTE = "The names on the map are words"


def spots(collection: Collection) -> list[dict[str, Any]]:
    """The names that the browser is given."""
    names: list[dict[str, Any]] = json.loads(map_points.map_points(collection, "color_histogram"))["names"]
    return names


def test_words_name_the_clusters_of_a_map_where_there_are_no_labels(known: Collection) -> None:
    assert spots(known) == []  # three labels
    assert NOTE not in said(page(view="map"))
    bare = labelled(known, {"red": "", "blue": "", "green": ""})
    names = map_names(bare.space().projection, known.space().class_values)
    assert {name.sense.text for name in names} <= {"beagle", "Siamese cat", "teapot"}
    assert len(names) > 0
    assert [(spot["words"]["en"], spot["n"]) for spot in spots(bare)] == [(name.sense.text, 4) for name in names]
    assert all(spot["words"]["ko"] == shown(name.sense, "ko") for spot, name in zip(spots(bare), names, strict=True))
    assert NOTE in said(page(view="map"))


def test_a_few_labels_leave_the_names_to_words(known: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = labelled(known, {"red": "", "blue": ""})  # one label is left
    assert spots(bare) == spots(labelled(bare, {"green": ""})) != []
    two = labelled(known, {"green": ""})
    assert spots(two) == []
    monkeypatch.setattr(map_points, "_FEW_LABELLED", 0.7)  # 8 of 12 are labelled
    assert spots(two) != []


def test_names_of_clusters_are_told_from_some_of_many_points(known: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = labelled(known, {"red": "", "blue": "", "green": ""})
    given: list[int] = []
    monkeypatch.setattr(map_points, "map_names", lambda places, values: given.append(len(places)) or [])
    monkeypatch.setattr(map_points, "_names", map_points._names.__wrapped__)  # what is kept is kept
    monkeypatch.setattr(map_points, "_MAX_NAMED", 5)
    map_points.names_on_map(bare, "color_histogram")
    assert given == [4]  # every third


def test_the_file_of_a_map_has_another_address_where_the_network_sees_something_else(collection: Collection) -> None:
    digests = {map_points.map_digest(collection, "color_histogram")}
    for index in (BEAGLE, TEAPOT):
        digests.add(map_points.map_digest(taught(collection, {"red": index}), "color_histogram"))
    assert len(digests) == 3
    assert all(len(digest) == 64 for digest in digests)


def test_about_says_how_many_words_can_be_asked_for_and_how_to_get_some(collection: Collection) -> None:
    at = page(view="about")
    assert "Here only the labels can be asked for, **3 words**." in said(at)
    assert [code.value for code in at.code] == ["python -m imgsearch update discs"]
    known = taught(collection, {"red": BEAGLE})
    at = page(view="about", lang="ko")
    assert f"단어 **{len(known.words.offered('ko'))}개**로 찾을 수 있습니다" in said(at)
    at = page(view="about")
    assert f"**{len(known.words.offered('en'))} words** can be asked for here" in said(at)
    assert len(at.code) == 0
    labelled(collection, {"red": "", "blue": "", "green": ""})
    assert "WordNet" in said(page(view="about"))


def test_about_says_where_no_words_can_be_asked_for(collection: Collection) -> None:
    labelled(collection, {"red": "", "blue": "", "green": ""})
    assert "Here no words can be asked for." in said(page(view="about"))
