"""The frame of the page: views, languages, another collection, About."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.embedding.descriptors import DESCRIPTORS
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.ui import frame, resources, state
from imgsearch.ui.server import routes
from imgsearch.ui.texts import LANGUAGES
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views import about
from imgsearch.vectors.transform import Transform
from tests.app.conftest import refined


@pytest.fixture(autouse=True)
def _no_leftovers() -> None:
    resources._open.clear()


def page(locale: str | None = None, **params: str) -> AppTest:
    at = AppTest.from_file(str(routes.SCRIPT), default_timeout=60)
    if locale:
        at.context = {"locale": locale}
    for name, value in params.items():
        at.query_params[name] = value
    return at.run()


def links(at: AppTest) -> dict[str, dict[str, str]]:
    """The links of the bar by their text; values as in an address."""
    (data,) = (json.loads(element.proto.json) for element in at.get("bidi_component") if '"links"' in element.proto.json)
    return {
        link["text"]: {name: values[0] for name, values in parse_qs(link["href"].removeprefix("?")).items()}
        for link in data["links"]
    }


@pytest.mark.parametrize("name", frame.VIEWS)
@pytest.mark.parametrize("code", ["en", "ko"])
def test_every_view_is_drawn_in_every_language(collection: Collection, name: str, code: str) -> None:
    at = page(view=name, lang=code)
    assert not at.exception
    assert not at.error
    is_korean = any("가" <= char <= "힣" for char in at.title[0].value)
    assert is_korean == (code == "ko")


def test_links_between_views_carry_the_query_on(collection: Collection) -> None:
    at = page(item="red/0.png", k="5", label="red", lang="ko", space="color_histogram", page="99")
    kept = {"item": "red/0.png", "k": "5", "label": "red", "lang": "ko"}  # the default space and nonsense are not
    found = links(at)
    assert len(found) == len(frame.VIEWS) + len(LANGUAGES) - 1
    assert found["검색"] == kept
    assert found["소개"] == {**kept, "view": "about"}
    assert found["English"] == {**kept, "lang": "en"}
    assert links(page(view="about", **kept))["검색"] == kept


@pytest.mark.parametrize(
    ("locale", "lang", "title"),
    [
        (None, None, "Find similar pictures"),
        ("ko-KR", None, "비슷한 이미지 찾기"),
        ("ko", "en", "Find similar pictures"),
        ("en-US", "ko", "비슷한 이미지 찾기"),
        ("fr-FR", None, "Find similar pictures"),
        ("ko-KR", "xx", "비슷한 이미지 찾기"),
    ],
)
def test_the_language_is_the_addresses_or_the_browsers_or_english(
    collection: Collection, locale: str | None, lang: str | None, title: str
) -> None:
    at = page(locale, **({"lang": lang} if lang else {}))
    assert at.title[0].value == title


def test_widgets_keep_their_values_in_another_language(collection: Collection) -> None:
    at = refined(page(k="5", label="red", lang="en"))
    at.query_params["lang"] = "ko"
    refined(at.run())
    assert at.slider(key=state.widget_key("k", "ko")).value == 5
    assert at.selectbox(key=state.widget_key("label", "ko")).value == "red"


def test_another_collection_keeps_what_does_not_belong_to_the_first(
    collection: Collection, home: Path, pictures: Path
) -> None:
    build_collection("twin", pictures, home=home, specs=[embedder_spec("color_histogram")])
    at = page(item="red/0.png", k="5", lang="ko", view="about", label="red", liked="red/1.png")
    at.selectbox(key=state.widget_key("collection", "ko")).set_value("twin").run()
    assert at.query_params == {"k": "5", "lang": "ko", "view": "about", "collection": "twin"}


def test_a_damaged_collection_leaves_the_way_to_the_others(collection: Collection, home: Path, pictures: Path) -> None:
    build_collection("twin", pictures, home=home, specs=[embedder_spec("color_histogram")])
    (home / "discs" / collection.manifest.items.file).unlink()
    at = page()
    assert "is missing" in at.error[0].value
    at.selectbox(key=state.widget_key("collection", "en")).set_value("twin").run()
    assert not at.error


def test_an_error_is_korean_where_its_kind_is_known(collection: Collection, home: Path) -> None:
    (home / "discs" / collection.manifest.items.file).unlink()
    assert "컬렉션의 파일이 없거나 손상되었습니다" in page(lang="ko").error[0].value


def test_about_draws_its_figure_with_the_collections_numbers(collection: Collection) -> None:
    at = page(view="about", item="red/0.png")
    (data,) = (json.loads(element.proto.json) for element in at.get("bidi_component") if '"steps"' in element.proto.json)
    picture, formula, vector, nearest = data["steps"]
    assert collection.items[collection.items.row_of("red/0.png")].thumbnail in picture["picture"]
    assert formula["network"] == "descriptor"
    assert vector["bars"] == [
        round(float(value), 4) for value in collection.space().embeddings[collection.items.row_of("red/0.png")][:48]
    ]
    expected = collection.search(item_id="red/0.png", k=3).results
    assert [found["words"] for found in nearest["found"]] == [f"{result.distance:.3f}" for result in expected]


@pytest.mark.parametrize("n", [0, 1])
def test_about_says_what_was_left_out_where_something_was(pictures: Path, home: Path, n: int) -> None:
    for number in range(n):
        (pictures / "red" / f"broken{number}.png").write_bytes(b"no picture")
    build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    said = [each.value for each in page(view="about").markdown if "Left out" in each.value]
    assert said == ["Left out: 1. Collections says why."] * n


def test_about_says_what_each_space_does_with_a_picture_in_their_order(pictures: Path, home: Path) -> None:
    names = ["edge_histogram", "cedd", "color_histogram"]
    build_collection("discs", pictures, home=home, specs=[embedder_spec(name) for name in names])
    at = page(view="about")
    rows = [each.value for each in at.markdown if " px to " in each.value]
    for row, name in zip(rows, names, strict=True):
        assert row.startswith(f"**{escape(name)}** · ")
        assert f" px to {DESCRIPTORS[name].dim} numbers  \n" in row
    (data,) = (json.loads(element.proto.json) for element in at.get("bidi_component") if '"steps"' in element.proto.json)
    assert data["steps"][0]["text"].startswith("Turned upright and squashed, all of it, to 256 ")


MINI = EmbedderSpec("mini", weights="0" * 64)


def test_about_says_of_a_reduced_space_what_is_left_and_of_own_weights_what_they_come_from(collection: Collection) -> None:
    transform = Transform(np.zeros(256, np.float32), np.eye(256, 7, dtype=np.float32))
    space = replace(collection.space(), name="mini-pca7", spec=MINI, transform=transform)
    row = about._space_row(replace(space, embeddings=space.embeddings[:, :7]))
    assert row.startswith(f"**{escape('mini-pca7')}** · 192 ")
    assert " px to 7 numbers, by PCA from 256 · uploads need TensorFlow here  \n" in row
    assert "TensorFlow" not in about._space_row(replace(collection.space(), spec=embedder_spec("mini")))
    assert ":small[derived by this project from MobileNetV2's" in row
    own = about._space_row(replace(collection.space(), spec=replace(MINI, own="mine")))
    assert ":small[trained on for pictures of the builder's own, from weights derived by this project" in own


@pytest.mark.parametrize(
    ("spec", "kind", "title", "said"),
    [
        (EmbedderSpec("cedd"), "descriptor", "A fixed formula", ("squashed, all of it", "learnt nothing")),
        (EmbedderSpec("vgg16", weights="imagenet"), "cnn", "A CNN without its classifier", ("cropped", "is left out")),
        (EmbedderSpec("resnet50", "logits", "imagenet"), "logits", "A CNN with its classifier", ("cropped", "its names")),
        (MINI, "taught", "A CNN without a classifier", ("cropped", "mini was taught")),
        (replace(MINI, own="mine"), "taught", "A CNN without a classifier", ("cropped", "mine was taught")),
    ],
)
def test_about_says_of_each_kind_of_embedder_what_it_is(
    collection: Collection, spec: EmbedderSpec, kind: str, title: str, said: tuple[str, str]
) -> None:
    view = SimpleNamespace(ask=SimpleNamespace(items=("red/0.png",)))
    picture, network, *_ = about._steps(collection, replace(collection.space(), spec=spec), view)  # type: ignore[arg-type]
    assert (network["network"], network["title"]) == (kind, title)
    assert said[0] in picture["text"]
    assert said[1] in network["text"]
