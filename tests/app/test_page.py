"""The page, run by Streamlit's AppTest: no browser, but the real script, the real collection and the real worker."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.ui import resources, server, state
from tests.conftest import draw_picture


@pytest.fixture(autouse=True)
def _no_leftovers() -> Iterator[None]:
    yield
    resources.worker().close()
    for cached in (resources._open, resources.worker, resources.warm_up):
        cached.clear()


def page(**params: str) -> AppTest:
    at = AppTest.from_file(str(server.SCRIPT), default_timeout=60)
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def cards(at: AppTest, name: str) -> list[dict[str, object]]:
    """What the grid of that name was given: AppTest does not know components, but keeps their messages."""
    for element in at.get("bidi_component"):
        data = json.loads(element.proto.json)
        if data["name"] == name:
            return data["items"]
    return []


def results(at: AppTest) -> list[str]:
    return [str(card["id"]) for card in cards(at, "Most similar pictures")]


def png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def test_without_a_collection_the_page_says_how_to_build_one() -> None:
    at = page()
    assert "no collection" in at.info[0].value
    assert "python -m imgsearch build" in at.code[0].value


def test_the_first_page_holds_an_answer(collection: Collection) -> None:
    at = page()
    query = collection.items[len(collection.items) // 2]
    expected = collection.search(item_id=query.item_id, k=state.DEFAULT_K)
    assert results(at) == [result.item.item_id for result in expected.results]
    assert len(results(at)) == 11


def test_the_address_chooses_item_k_and_label(collection: Collection) -> None:
    at = page(item="red/0.png", k="3", label="blue")
    assert len(results(at)) == 3
    assert all(item_id.startswith("blue/") for item_id in results(at))
    assert not at.info


@pytest.mark.parametrize(
    ("params", "note"),
    [
        ({"collection": "nope"}, "There is no collection called “nope” here"),
        ({"collection": "../etc"}, "There is no collection"),
        ({"space": "nope"}, "no space called “nope”"),
        ({"item": "nope.png"}, "No picture of this collection is called “nope.png”"),
        ({"label": "nope"}, "No picture has the label “nope”"),
        ({"k": "0"}, "must be between 1 and 60"),
        ({"k": "abc"}, "must be between 1 and 60"),
        ({"k": "-1"}, "must be between 1 and 60"),
        ({"upload": "0123456789abcdef"}, "which a link cannot hold"),
    ],
)
def test_nonsense_in_the_address_gives_the_default_and_a_note(
    collection: Collection, params: dict[str, str], note: str
) -> None:
    at = page(**params)
    assert note in at.info[0].value
    assert len(results(at)) == 11


def test_nonsense_in_page_and_browse_shows_the_whole_gallery(collection: Collection) -> None:
    at = page(page="99", browse="nope")
    assert len(cards(at, "Pictures of the collection")) == 12


def test_the_slider_writes_the_address_and_the_answer_follows(collection: Collection) -> None:
    at = page()
    at.slider(key=state.K_SLIDER).set_value(5).run()
    assert at.query_params["k"] == "5"
    assert len(results(at)) == 5


def test_the_widgets_follow_the_address(collection: Collection) -> None:
    at = page(k="7", label="red", browse="blue")
    assert at.slider(key=state.K_SLIDER).value == 7
    assert at.selectbox(key=state.LABEL_SELECT).value == "red"
    assert at.selectbox(key=state.BROWSE_SELECT).value == "blue"
    assert {card["id"] for card in cards(at, "Pictures of the collection")} == {f"blue/{n}.png" for n in range(4)}
    at.query_params["k"] = "4"  # as Back does
    at.run()
    assert at.slider(key=state.K_SLIDER).value == 4


def test_cards_are_links_that_keep_the_rest_of_the_address(collection: Collection) -> None:
    at = page(item="red/0.png", k="3", browse="blue")
    assert [card["href"] for card in cards(at, "Most similar pictures")] == [
        f"?item={item_id.replace('/', '%2F')}&k=3&browse=blue" for item_id in results(at)
    ]


def test_cards_tell_rank_distance_and_label(collection: Collection) -> None:
    first = cards(page(item="red/0.png"), "Most similar pictures")[0]
    expected = collection.search(item_id="red/0.png").results[0]
    assert first["distance"] == f"{expected.distance:.3f}"
    assert (first["rank"], first["label"], first["same"]) == (1, "red", True)
    assert str(first["src"]).endswith(f"/discs/{expected.item.thumbnail}.webp")


def test_surprise_me_picks_an_item(collection: Collection) -> None:
    at = page()
    at.button(key=state.RANDOM_BUTTON).click().run()
    assert at.query_params["item"] in collection.items


def test_an_upload_is_searched_and_shown(collection: Collection) -> None:
    at = page()
    data = png(draw_picture((220, 40, 40), 2))
    at.file_uploader(key=state_uploader(at)).upload("x.txt", data, "text/plain").run()
    assert not at.exception
    assert results(at)[0] == "red/2.png"
    assert cards(at, "Most similar pictures")[0]["distance"] == "0.000"
    assert any("A link cannot hold your picture" in caption.value for caption in at.caption)
    assert "item" not in at.query_params


def test_a_pick_after_an_upload_leaves_the_upload_and_back_finds_it_again(collection: Collection) -> None:
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    upload = at.query_params["upload"]
    at.button(key=state.RANDOM_BUTTON).click().run()
    assert "upload" not in at.query_params
    del at.query_params["item"]
    at.query_params["upload"] = upload
    at.run()
    assert results(at)[0] == "red/2.png"


def test_a_bad_upload_gets_words_and_the_gallery_stays(collection: Collection) -> None:
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.jpg", b"hello", "image/jpeg").run()
    assert not at.exception
    assert "not a picture" in at.error[0].value
    assert cards(at, "Pictures of the collection")


def test_another_visitor_does_not_see_an_upload(collection: Collection) -> None:
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    other = page(upload=str(at.query_params["upload"]))
    assert "which a link cannot hold" in other.info[0].value


def test_a_damaged_collection_gets_words_without_a_path(collection: Collection, home: Path) -> None:
    file = home / "discs" / collection.manifest.items.file
    file.write_bytes(file.read_bytes()[:-1])
    at = page()
    assert "should have" in at.error[0].value
    assert str(home) not in at.error[0].value


def test_a_rebuilt_collection_is_noticed(collection: Collection, home: Path, pictures: Path) -> None:
    page()
    draw_picture((250, 250, 0), 3).save(pictures / "red" / "new.png")
    build_collection("discs", pictures, home=home)
    assert len(cards(page(), "Pictures of the collection")) == 13


def test_names_of_files_are_not_taken_for_markup(pictures: Path, home: Path) -> None:
    draw_picture((1, 2, 3), 1).save(pictures / "[x](javascript:alert(1)) **b**.png")
    build_collection("discs", pictures, home=home, embedders=[embedder_spec("color_histogram")])
    at = page(item="[x](javascript:alert(1)) **b**.png")
    shown = next(markdown.value for markdown in at.markdown if "javascript" in markdown.value)
    assert r"\[x\]\(javascript\:alert\(1\)\)" in shown
    assert r"\*\*b\*\*" in shown


def state_uploader(at: AppTest) -> str:
    return at.file_uploader[0].key or ""
