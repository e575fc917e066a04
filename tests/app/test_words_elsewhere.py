"""Words beside the search for them: in Why, on Quality, on the map and in About."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.collection.draft import Draft
from imgsearch.embedding.classifier import Classifier
from tests.app.test_page import page, png, state_uploader
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
