"""The page, run by Streamlit's AppTest: no browser, but the real script, the real collection and the real worker."""

from __future__ import annotations

import io
import json
import random
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.manifest import Manifest
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.files.home import MANIFEST_FILE
from imgsearch.ui import state
from imgsearch.ui.server import routes
from imgsearch.ui.server.limits import MAX_QUERY_PICTURES
from imgsearch.vectors.engines.face import Effort
from tests.app.conftest import refined
from tests.conftest import draw_picture

ROOT = Path(__file__).resolve().parents[2]


pytestmark = pytest.mark.usefixtures("no_leftovers")


def page(**params: str | list[str]) -> AppTest:
    at = AppTest.from_file(str(routes.SCRIPT), default_timeout=60)
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception
    return at


def cards(at: AppTest, name: str) -> list[dict[str, object]]:
    """What the grid of that name was given: AppTest does not know components, but keeps their messages."""
    for element in at.get("bidi_component"):
        data = json.loads(element.proto.json)
        if data.get("name") == name:
            return data["items"]
    return []


def results(at: AppTest) -> list[str]:
    return [str(card["id"]) for card in cards(at, "Most similar pictures")]


def png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def test_app_py_draws_the_page_where_it_is_run_as_a_script(collection: Collection) -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    for _ in range(2):  # a second run is a click
        at.run()
        assert not at.exception
        assert at.title[0].value == page().title[0].value


def test_without_a_collection_the_page_says_how_to_build_one() -> None:
    at = page()
    assert "no collection" in at.info[0].value
    assert "python -m imgsearch build" in at.code[0].value


def test_the_first_page_holds_an_answer(collection: Collection) -> None:
    at = page()
    expected = collection.search(item_id=collection.typical_item, k=state.DEFAULT_K)
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
        ({"example": "nope.jpg"}, "There is no example called"),
        ({"region": "0.5,0,0.2,1"}, "cannot be used; the whole picture is searched with"),
        ({"region": "a,b"}, "cannot be used; the whole picture is searched with"),
        ({"item": ["red/0.png", "red/1.png"], "region": "0,0,0.5,1"}, "A region can only be marked on a single picture"),
        ({"max_distance": "2.5"}, "must be between 0 and 2"),
        ({"max_distance": "nan"}, "must be between 0 and 2"),
        ({"rerank": "nope"}, "no order called “nope”"),
        ({"liked": "nope"}, "what was liked goes without it"),
        ({"disliked": "nope"}, "what was disliked goes without it"),
        ({"effort": "much"}, "must be quick, normal or exact; it is normal"),
        ({"space2": "color_histogram"}, "no second space called “color\\_histogram”"),
        ({"view": "nope"}, "There is no view called “nope”"),
        ({"lang": "xx"}, "does not speak “xx”"),
        ({"label": "[x](https://example.org)"}, "“\\[x\\]\\(https:color[\\:]//example.org\\)”"),
    ],
)
def test_nonsense_in_the_address_gives_the_default_and_a_note(
    collection: Collection, params: dict[str, str | list[str]], note: str
) -> None:
    at = page(**params)
    assert [note in info.value for info in at.info] == [True]
    assert len(results(at)) >= 10


def test_nonsense_in_page_and_browse_shows_the_whole_gallery(collection: Collection) -> None:
    at = page(page="99", browse="nope")
    assert len(cards(at, "Pictures of the collection")) == 12


def test_everything_in_the_address_reaches_the_search(collection: Collection) -> None:
    options = {
        "max_distance": 1.2,
        "liked": ["red/2.png"],
        "disliked": ["blue/1.png"],
        "rerank": "expansion",
        "effort": Effort.EXACT,
    }
    asked = {"max_distance": "1.2", "rerank": "expansion", "effort": "exact"}
    at = page(item=["red/0.png", "red/1.png"], k="4", liked="red/2.png", disliked="blue/1.png", **asked)
    expected = collection.search(item_id=["red/0.png", "red/1.png"], k=4, **options)
    assert not at.info
    assert results(at) == [result.item.item_id for result in expected.results]
    assert at.markdown[0].value.startswith(":small[You are searching with these pictures:]  \n**2 pictures together**")
    # What steered the answer to one query means nothing to the next.
    kept = "rerank=expansion&k=4&max_distance=1.2&effort=exact"
    assert {str(card["href"]).split("&", 1)[1] for card in cards(at, "Most similar pictures")} == {kept}


def test_names_in_the_address_may_be_written_in_another_normal_form(tmp_path: Path, home: Path) -> None:
    for number, name in enumerate(("café/é.png", "café/ö.png", "naïve/ü.png", "naïve/ñ.png")):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        draw_picture((200, 60 * number, 0), number).save(tmp_path / "folder" / name)
    build_collection("names", tmp_path / "folder", home=home, specs=[embedder_spec("color_histogram")])
    composed = {
        "item": "café/é.png",
        "label": "café",
        "liked": "café/ö.png",
        "disliked": "naïve/ü.png",
        "why": "café/ö.png",
    }
    at = page(**{name: unicodedata.normalize("NFD", value) for name, value in composed.items()})
    assert not at.warning
    assert not at.info
    assert results(at) == results(page(**composed)) == ["café/ö.png"]
    assert [card["liked"] for card in cards(at, "Most similar pictures")] == [True]
    twice = page(item=["café/é.png", unicodedata.normalize("NFD", "café/é.png")])
    assert len(results(twice)) == 3


def test_a_liked_picture_cannot_be_disliked_too(collection: Collection) -> None:
    at = page(item="red/0.png", liked="red/2.png", disliked="red/2.png")
    assert "red/2.png" in results(at)


def test_more_pictures_than_a_search_takes_are_left_out_in_words(collection: Collection) -> None:
    at = page(item=[item.item_id for item in collection.items][: MAX_QUERY_PICTURES + 1])
    assert "at most 5 pictures" in at.info[0].value
    assert at.markdown[0].value.startswith(":small[You are searching with these pictures:]  \n**5 pictures together**")


def test_the_slider_writes_the_address_and_the_answer_follows(collection: Collection) -> None:
    at = refined(page())
    at.slider(key=state.widget_key("k", "en")).set_value(5).run()
    assert at.query_params["k"] == "5"
    assert len(results(at)) == 5


def test_the_widgets_follow_the_address(collection: Collection) -> None:
    at = refined(page(k="7", label="red", browse="blue"))
    assert at.slider(key=state.widget_key("k", "en")).value == 7
    assert at.selectbox(key=state.widget_key("label", "en")).value == "red"
    assert at.selectbox(key=state.widget_key("browse", "en")).value == "blue"
    assert {card["id"] for card in cards(at, "Pictures of the collection")} == {f"blue/{n}.png" for n in range(4)}
    at.query_params["k"] = "4"  # as Back does
    at.run()
    assert at.slider(key=state.widget_key("k", "en")).value == 4


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


def test_a_copy_of_the_query_is_called_the_same_picture_where_others_have_a_distance(pictures: Path, home: Path) -> None:
    (pictures / "red" / "copy.png").write_bytes((pictures / "red" / "0.png").read_bytes())
    build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    copy, other = cards(page(item="red/0.png"), "Most similar pictures")[:2]
    assert (copy["id"], copy["distance"]) == ("red/copy.png", "same picture")
    assert str(copy["description"]).startswith("1. red, same picture, same label")
    assert float(str(other["distance"])) > 0


def test_surprise_me_picks_an_item(collection: Collection) -> None:
    at = page()
    at.button(key="random_button").click().run()
    assert at.query_params["item"] in collection.items


def test_surprise_me_picks_another_item_than_is_asked_with(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "choice", lambda rows: rows[0])
    first, second = collection.items[0].item_id, collection.items[1].item_id
    at = page(item=first)
    at.button(key="random_button").click().run()
    assert at.query_params["item"] == second


def test_an_upload_is_searched_and_shown(collection: Collection) -> None:
    at = page()
    data = png(draw_picture((220, 40, 40), 2))
    at.file_uploader(key=state_uploader(at)).upload("x.txt", data, "text/plain").run()
    assert not at.exception
    assert results(at)[0] == "red/2.png"
    assert cards(at, "Most similar pictures")[0]["distance"] == "same picture"
    assert any("A link cannot hold your picture" in caption.value for caption in at.caption)
    assert "item" not in at.query_params


def test_a_pick_after_an_upload_leaves_the_upload_and_back_finds_it_again(collection: Collection) -> None:
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    upload = at.query_params["upload"]
    at.button(key="random_button").click().run()
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


def test_an_upload_to_a_space_whose_weights_are_not_here_gets_words_and_the_gallery_stays(
    collection: Collection, home: Path
) -> None:
    path = home / collection.name / MANIFEST_FILE
    manifest = Manifest.from_bytes(path.read_bytes())
    (entry,) = manifest.spaces.values()
    other = replace(entry, embedder=EmbedderSpec("mini", weights="0" * 64))
    path.write_bytes(replace(manifest, spaces={**manifest.spaces, "mini": other}).to_bytes())
    at = page(space="mini")
    n_results = len(results(at))
    assert n_results > 0  # stored vectors need no weights
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    assert "are not kept here" in at.error[0].value
    assert len(cards(at, "Pictures of the collection")) == 12
    at.query_params = {"space": "mini"}
    assert len(results(at.run())) == n_results


def test_several_uploads_are_one_search(collection: Collection) -> None:
    at = page()
    files = [(f"{n}.png", png(draw_picture((220, 40, 40), n)), "image/png") for n in (1, 2)]
    at.file_uploader(key=state_uploader(at)).set_value(files).run()
    assert not at.exception
    assert len(at.query_params["upload"]) == 2
    assert set(results(at)[:2]) == {"red/1.png", "red/2.png"}


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
    at = page()
    draw_picture((250, 250, 0), 3).save(pictures / "red" / "new.png")
    assert len(cards(at.run(), "Pictures of the collection")) == 12
    build_collection("discs", pictures, home=home)
    assert len(cards(at.run(), "Pictures of the collection")) == 13  # the visitor who is there sees it too


def test_names_of_files_are_not_taken_for_markup(pictures: Path, home: Path) -> None:
    draw_picture((1, 2, 3), 1).save(pictures / "[x](javascript:alert(1)) **b**.png")
    build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    at = page(item="[x](javascript:alert(1)) **b**.png")
    shown = next(markdown.value for markdown in at.markdown if "javascript" in markdown.value)
    assert r"\[x\]\(javascript:color[\:]alert\(1\)\)" in shown
    assert r"\*\*b\*\*" in shown


def state_uploader(at: AppTest) -> str:
    return at.file_uploader[0].key or ""
