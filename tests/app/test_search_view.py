"""The search view beyond a plain query: a part of the picture, the order, likes, the verdict, and why."""

from __future__ import annotations

import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from imgsearch import Collection, build_collection, decode_image, embedder_spec
from imgsearch.collection.manifest import Manifest
from imgsearch.embedding.descriptors import DESCRIPTORS
from imgsearch.embedding.embedders import Regions, Source
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import WorkerBusyError, WorkerError
from imgsearch.files.home import MANIFEST_FILE
from imgsearch.pictures.items import Items
from imgsearch.pictures.regions import Region, Window
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.results import SearchPage
from imgsearch.retrieval.search import AnnRecall
from imgsearch.ui import resources, state
from imgsearch.ui.server import internals, limits
from imgsearch.ui.state import view as address_view
from imgsearch.ui.views.search import view
from imgsearch.vectors.calibration import Calibration, Verdict
from imgsearch.vectors.space import Space
from tests.app.conftest import refined
from tests.app.test_page import cards, page, png, results, state_uploader
from tests.conftest import draw_picture
from tests.fakes import FakeEmbedders

RESULTS = "Most similar pictures"


pytestmark = pytest.mark.usefixtures("no_leftovers")


def data_of(at: AppTest, key: str) -> dict[str, Any]:
    """What a component was given that has such a key in its data."""
    given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    return next((data for data in given if key in data), {})


def test_a_part_of_an_item_is_searched_with_and_the_item_is_left_out(collection: Collection) -> None:
    at = page(item="red/0.png", region="0.4,0.4,0.6,0.6", k="5")
    expected = collection.search(item_id="red/0.png", region=Region(0.4, 0.4, 0.6, 0.6), k=5)
    assert [each.value for each in (*at.error, *at.exception)] == []
    assert results(at) == [result.item.item_id for result in expected.results]
    assert results(at) != results(page(item="red/0.png", k="5"))
    assert dict(data_of(at, "box")["box"]) == {"left": 0.4, "top": 0.4, "right": 0.6, "bottom": 0.6}
    assert "red/0.png" not in results(at)
    assert cards(at, RESULTS)[0]["same"]  # the label is still that of the item


def test_a_part_of_an_upload_is_searched_with(collection: Collection) -> None:
    at = page(k="5")
    picture = png(draw_picture((220, 40, 40), 2))
    at.file_uploader(key=state_uploader(at)).upload("x.png", picture, "image/png").run()
    at.query_params["region"] = "0.45,0.45,0.55,0.55"
    at.run()
    expected = collection.search(picture=picture, region=Region(0.45, 0.45, 0.55, 0.55), k=5)
    assert results(at) == [result.item.item_id for result in expected.results]
    assert data_of(at, "box")["src"].startswith("/mock/media/")


def test_what_comes_before_the_next_uploader_is_drawn_is_searched_with(collection: Collection) -> None:
    at = page(k="5")
    picture = png(draw_picture((220, 40, 40), 2))
    at.session_state["uploader_round"] = 1  # as when a run ends early that was to draw the next one
    at.file_uploader(key="uploader_0").upload("x.png", picture, "image/png").run()
    assert not at.exception
    assert results(at) == [result.item.item_id for result in collection.search(picture=picture, k=5).results]


def test_of_an_uploader_that_was_emptied_before_the_new_file_is_searched_with(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_files = MemoryUploadedFileManager.get_files
    monkeypatch.setattr(  # which has forgotten the first, but the browser names it still
        MemoryUploadedFileManager,
        "get_files",
        lambda self, session_id, file_ids: get_files(self, session_id, file_ids[1:]),
    )
    at = page(k="5")
    old, new = (png(draw_picture(colour, 2)) for colour in ((220, 40, 40), (40, 40, 220)))
    files = [("old.png", old, "image/png"), ("new.png", new, "image/png")]
    at.file_uploader(key=state_uploader(at)).set_value(files).run()
    assert not at.exception
    assert results(at) == [result.item.item_id for result in collection.search(picture=new, k=5).results]


def test_a_photo_of_an_iphone_is_searched_with_and_shown_as_what_browsers_can_show(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bytes] = []
    media_url = internals.media_url
    monkeypatch.setattr(internals, "media_url", lambda data, *rest: given.append(data) or media_url(data, *rest))
    stored = draw_picture((220, 40, 40), 2).resize((64, 48)).transpose(Image.Transpose.ROTATE_90)
    orientation = Image.Exif()
    orientation[0x0112] = 6  # which turns it back
    file = io.BytesIO()
    pillow_heif.from_pillow(stored).save(file, exif=orientation.tobytes())
    at = page(k="5")
    at.file_uploader(key=state_uploader(at)).upload("IMG_0001.HEIC", file.getvalue(), "image/heic").run()
    assert not at.exception
    assert not at.error
    expected = collection.search(picture=file.getvalue(), k=5)
    assert results(at) == [result.item.item_id for result in expected.results]
    assert data_of(at, "box")["src"].startswith("/mock/media/")
    shown = decode_image(given[-1])
    assert (shown.format, shown.width, shown.height) == ("JPEG", 64, 48)


def test_a_part_that_cannot_be_looked_at_gets_words_and_can_be_taken_back(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = FakeEmbedders(lambda content: WorkerError("The worker is away."))
    monkeypatch.setattr(resources, "embedders", lambda visitor: away)
    at = page(item="red/0.png", region="0.1,0.1,0.6,0.6")  # tests share a session: one of its own
    assert "The worker is away" in at.error[0].value
    assert data_of(at, "box")["box"]
    assert cards(at, "Pictures of the collection")


class Busy(FakeEmbedders):
    """Looks at whole pictures and not at parts."""

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        raise WorkerBusyError("Too many pictures are being looked at just now.")


def has_caption(at: AppTest, words: str) -> bool:
    return any(words in caption.value for caption in at.caption)


def test_where_parts_cannot_be_looked_at_the_whole_picture_stands(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calibration, "has_verdict", True)
    monkeypatch.setattr(resources, "embedders", lambda visitor: Busy())
    at = page(k="5")
    picture = png(draw_picture((210, 60, 40), 3))
    at.file_uploader(key=state_uploader(at)).upload("x.png", picture, "image/png").run()
    assert has_caption(at, "its parts were not looked at.")
    assert results(at) == [result.item.item_id for result in collection.search(picture=picture, k=5).results]
    assert not at.error


def test_looking_for_objects_counts_as_a_look(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Calibration, "has_verdict", True)
    monkeypatch.setattr(limits, "may_look", lambda: False)
    at = page(item="red/1.png", region="auto", k="5")  # whose vector is stored
    assert has_caption(at, "its parts were not looked at.")
    assert len(results(at)) == 5


def test_a_picture_is_looked_through_once(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Calibration, "has_verdict", True)
    fake = FakeEmbedders()
    monkeypatch.setattr(resources, "embedders", lambda visitor: fake)
    at = page(item="red/1.png", k="5")
    assert data_of(at, "can_find")["can_find"]
    assert fake.asked == []  # of an item only where that is asked for
    at.query_params["region"] = "auto"
    at.run()
    assert has_caption(at, "Searched with the whole picture.")  # without quantiles nothing is known
    assert not data_of(at, "can_find")["can_find"]
    n_seen = len(fake.asked)
    assert n_seen == 12  # of 80 x 60 px: two squares of 60 px, in each five of 51 px; smaller ones show nothing
    at.run()
    at.query_params["k"] = "6"
    at.run()
    assert len(fake.asked) == n_seen


def test_where_nothing_tells_what_is_known_no_object_is_looked_for(collection: Collection) -> None:
    at = page(item="red/0.png")
    assert not data_of(at, "can_find")["can_find"]
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((9, 80, 9), 2)), "image/png").run()
    assert not has_caption(at, "Looking for objects")
    assert has_caption(at, "Searched with the whole picture.")


def test_cards_tell_how_far_a_result_has_moved(collection: Collection) -> None:
    at = page(item="red/0.png", rerank="diverse", liked="blue/1.png")
    expected = collection.search(item_id="red/0.png", k=12, rerank="diverse", liked=["blue/1.png"]).results
    moves = [result.rank_before - result.rank for result in expected if result.rank_before]
    assert len(set(moves)) > 2  # else this shows nothing
    notes = [card["note"] for card in cards(at, RESULTS)]
    assert notes == [f"{'↑' if move > 0 else '↓'} {abs(move)}" if move else "" for move in moves]
    spoken = next(str(card["description"]) for card in cards(at, RESULTS) if card["note"] == f"↑ {max(moves)}")
    assert spoken.endswith(f"({max(moves)} places up)")
    assert [card["id"] for card in cards(at, RESULTS) if card["liked"]] == ["blue/1.png"]
    assert any("re-rank" in caption.value for caption in at.caption)


def test_a_plain_answer_tells_of_no_moves(collection: Collection) -> None:
    assert {card["note"] for card in cards(page(item="red/0.png"), RESULTS)} == {""}


@pytest.mark.parametrize(("label", "n"), [("", 12), ("blue", 4)])
def test_it_is_said_how_many_pictures_were_searched(collection: Collection, label: str, n: int) -> None:
    at = page(item="red/0.png", **({"label": label} if label else {}))
    assert sum(f" {n} pictures searched" in caption.value for caption in at.caption) == 1


def order(at: AppTest) -> ButtonGroup[Any]:
    """The choice between a re-ranking and the order of the distances."""
    return at.segmented_control(key=state.widget_key("order", "en"))


def test_an_order_that_is_not_by_distance_is_said_beside_the_heading_and_ended_by_one_click(collection: Collection) -> None:
    at = page(item="red/0.png", rerank="diverse")
    by_distance = [result.item.item_id for result in collection.search(item_id="red/0.png", k=12).results]
    assert order(at).value == "diverse"
    assert results(at) != by_distance
    order(at).set_value(state.NO_RERANKING).run()
    assert not at.exception
    assert results(at) == by_distance
    assert "rerank" not in at.query_params  # a descriptor's usual order
    assert not at.get("segmented_control")


def test_the_usual_reranking_is_left_and_taken_up_again(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (view, address_view):
        monkeypatch.setattr(module, "default_reranking", lambda space: "expansion")
    at = page(item="red/0.png")
    assert order(at).value == "expansion"
    order(at).set_value(state.NO_RERANKING).run()
    assert at.query_params["rerank"] == "none"
    assert order(at).value == "none"
    order(at).set_value("expansion").run()
    assert "rerank" not in at.query_params
    assert order(at).value == "expansion"


def test_a_bar_says_how_near_a_result_is_among_the_pairs_of_the_collection(collection: Collection) -> None:
    items, space = collection.items, collection.space("color_histogram")
    pairs = [
        float(np.linalg.norm(space.embeddings[one] - space.embeddings[other]))
        for one, other in itertools.combinations(range(len(items)), 2)
    ]
    for card in cards(page(item="red/0.png"), RESULTS):
        distance = np.linalg.norm(space.embeddings[items.row_of("red/0.png")] - space.embeddings[items.row_of(card["id"])])
        share = 100 * np.mean([pair >= distance - 1e-4 for pair in pairs])
        (said,) = re.findall(r"nearer than ([\d.]+) % of all pairs", card["title"])
        assert float(said) == pytest.approx(share, abs=3)  # by 100 levels of 66 pairs


def test_near_copies_are_hidden_by_one_click_and_counted(pictures: Path, home: Path) -> None:
    (pictures / "red" / "copy.png").write_bytes((pictures / "red" / "0.png").read_bytes())
    build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    at = page(item="red/0.png", k="1")
    assert results(at)[0] == "red/copy.png"
    at.toggle(key=state.widget_key("without_copies", "en")).set_value(True).run()
    assert not at.exception
    assert at.query_params["without_copies"] == "1"
    assert len(results(at)) == 1
    assert "red/copy.png" not in results(at)
    assert any("1 near-copy hidden" in caption.value for caption in at.caption)
    assert all("without_copies=1" in str(card["href"]) for card in cards(at, "Most similar pictures"))
    at.toggle(key=state.widget_key("without_copies", "en")).set_value(False).run()
    assert "without_copies" not in at.query_params
    assert results(at)[0] == "red/copy.png"


def test_a_single_dislike_is_taken_back(collection: Collection) -> None:
    at = page(item="red/0.png", liked="red/2.png", disliked=["blue/1.png", "green/0.png"])
    at.button(key="undislike_blue/1.png").click().run()
    assert not at.exception
    assert at.query_params["disliked"] == "green/0.png"
    assert at.query_params["liked"] == "red/2.png"
    assert results(at) == results(page(item="red/0.png", liked="red/2.png", disliked="green/0.png"))


def test_steering_is_said_and_ended(collection: Collection) -> None:
    at = page(item="red/0.png", liked=["red/2.png", "red/3.png"], disliked="blue/1.png")
    assert any("likes: 2, dislikes: 1" in caption.value for caption in at.caption)
    assert "blue/1.png" not in results(at)
    at.button(key="steering_reset").click().run()
    assert "liked" not in at.query_params
    assert "disliked" not in at.query_params
    assert results(at) == results(page(item="red/0.png"))


@pytest.mark.parametrize(
    ("action", "liked", "disliked"),
    [
        ("like", ["a", "red/1.png"], ["b"]),
        ("dislike", ["a"], ["b", "red/1.png"]),
    ],
)
def test_a_button_changes_the_address_and_is_noted(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, action: str, liked: list[str], disliked: list[str]
) -> None:
    gone: dict[str, object] = {}
    noted: list[tuple[str, bool]] = []
    monkeypatch.setattr(state, "go", lambda **changes: gone.update(changes))
    monkeypatch.setattr(view, "judge", lambda *found, is_similar: noted.append((found[3].item.item_id, is_similar)))
    asked = Ask(items=("red/0.png",), liked=("a",), disliked=("b",))
    found = collection.search(item_id="red/0.png")
    view._act(collection, found, asked, action, "red/1.png")
    assert gone == {"liked": liked, "disliked": disliked}
    assert noted == [("red/1.png", action == "like")]
    view._act(collection, found, asked, "like", "a")  # once more takes it back, and is no judgement
    assert gone == {"liked": [], "disliked": ["b"]}
    view._act(collection, found, asked, "like", "b")  # not liked and disliked at once
    assert gone == {"liked": ["a", "b"], "disliked": []}
    assert len(noted) == 1
    view._act(collection, found, asked, "why", "red/1.png")
    assert gone["why"] == "red/1.png"


def test_what_is_not_similar_to_anything_is_said_for_what_comes_from_outside(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calibration, "verdict", lambda _, distance: Verdict(True))
    at = page()
    assert at.header[0].value == "Most similar"
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((9, 9, 9), 2)), "image/png").run()
    assert at.header[0].value == "Nearest, but not similar"
    assert "Nothing similar in this collection" in at.info[0].value
    assert any("5% of the pictures that do belong here" in caption.value for caption in at.caption)
    assert data_of(at, "calm")
    assert len(results(at)) == 12
    at.query_params["region"] = "0,0,0.5,0.5"
    assert "like this part" in at.run().info[0].value


def test_the_cut_off_and_the_order_are_chosen_and_left_out_of_the_address_when_they_say_nothing(
    collection: Collection,
) -> None:
    at = refined(page(item="red/0.png"))
    farthest = collection.search(item_id="red/0.png", max_distance=1.0, k=12).results
    at.select_slider(key=state.widget_key("max_distance", "en")).set_value(1.0).run()
    assert at.query_params["max_distance"] == "1"
    assert results(at) == [result.item.item_id for result in farthest]
    at.select_slider(key=state.widget_key("max_distance", "en")).set_value(2.0).run()
    assert "max_distance" not in at.query_params
    at.selectbox(key=state.widget_key("rerank", "en")).set_value("diverse").run()
    assert at.query_params["rerank"] == "diverse"
    assert any("unlike those before it" in caption.value for caption in at.caption)


def test_a_cut_off_that_leaves_nothing_is_said(collection: Collection) -> None:
    at = page(item="red/0.png", max_distance="0.001")
    assert results(at) == []
    assert "under Refine" in at.info[0].value
    assert any(caption.value == "at most 0.001 away" for caption in at.caption)


def test_how_it_was_found_is_measured_for_this_query(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[SearchPage] = []

    def measured(items: Items, space: Space, page: SearchPage) -> AnnRecall:
        asked.append(page)
        return AnnRecall(k=4, recall=0.5, index_ms=1.25, exact_ms=8.0)

    monkeypatch.setattr("imgsearch.ui.views.search.refine.ann_recall_at_k", measured)
    at = page(item="red/0.png", k="4", effort="quick")
    assert asked == []  # nothing is measured behind a closed box
    at.session_state["found"] = True
    at.run()
    assert "**2 of the 4** nearest in **1.2 ms**" in found_text(at)
    assert "**8.0 ms**" in found_text(at)
    (answer,) = asked
    assert answer.ask is not None
    assert (answer.ask.items, answer.ask.k, answer.ask.effort) == (("red/0.png",), 4, "quick")


def found_text(at: AppTest) -> str:
    return next(each.value for each in at.markdown if "nearest in" in each.value)


def test_why_lists_what_a_descriptor_found_in_both(collection: Collection) -> None:
    at = page(item="red/0.png", why="red/1.png")
    embeddings = collection.space().embeddings
    rows = [collection.items.row_of(f"red/{number}.png") for number in (0, 1)]
    expected = DESCRIPTORS["color_histogram"].matches(*embeddings[rows])
    listed = data_of(at, "rows")["rows"]
    assert [row["share"] for row in listed] == [f"{match.share:.3f}" for match in expected[: len(listed)]]
    assert listed[0]["colors"][0] == "rgb({}, {}, {})".format(*expected[0].colors[0])
    result = next(each for each in collection.search(item_id="red/0.png").results if each.row == rows[1])
    numbers = next(each.value for each in at.markdown if "cosine similarity" in each.value)
    assert f"Result {result.rank}, at a distance of **{result.distance:.3f}** (cosine" in numbers
    assert f"{result.percentile:.1f} % are nearer" in numbers


def test_why_says_both_labels_where_they_are_known_and_else_how_likely_they_are_the_same(collection: Collection) -> None:
    def numbers(at: AppTest) -> str:
        return next(each.value for each in at.markdown if "cosine similarity" in each.value)

    assert "Both are labelled **red**." in numbers(page(item="red/0.png", why="red/1.png"))
    other = numbers(page(item="red/0.png", why="blue/1.png"))
    assert "The query is labelled **red**, this one **blue**." in other
    assert "Going by the labels" not in other
    at = page()
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((200, 9, 9), 2)), "image/png").run()
    at.query_params["why"] = "red/1.png"
    from_outside = numbers(at.run())
    assert re.search(r"Going by the labels here, about \*\*\d+%\*\* of results", from_outside)
    assert "labelled" not in from_outside


def test_why_of_what_is_no_result_is_said(collection: Collection) -> None:
    at = page(item="red/0.png", k="1", why="blue/1.png")
    assert "not among the results" in at.toast[0].value
    assert results(at)
    assert "No picture of this collection is called" in page(why="nope").info[0].value


def test_no_link_asks_why_again(collection: Collection) -> None:
    at = page(item="red/0.png", why="red/1.png")
    links = [str(card["href"]) for name in (RESULTS, "Pictures of the collection") for card in cards(at, name)]
    assert not any("why" in link for link in links)


@pytest.fixture
def cnn_collection(collection: Collection, home: Path) -> Collection:
    """`discs` whose vectors are said to be those of a CNN."""
    path = home / "discs" / MANIFEST_FILE
    manifest = Manifest.from_bytes(path.read_bytes())
    (entry,) = manifest.spaces.values()
    spaces = {"mini": replace(entry, embedder=EmbedderSpec("mini", weights="0" * 64))}
    path.write_bytes(replace(manifest, spaces=spaces).to_bytes())
    return Collection.open("discs", home)


def test_why_shows_the_maps_of_a_cnn_for_the_part_that_was_searched_with(
    cnn_collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Region | None] = []
    dim = cnn_collection.space().spec.dim

    def maps(content: bytes, region: Region | None) -> FeatureMaps:
        asked.append(region)
        values = np.random.default_rng(len(asked)).random((3, 3, dim), dtype=np.float32)
        return FeatureMaps(values, np.zeros(dim, np.float32), Window(0, 0, 1, 1))

    monkeypatch.setattr(resources, "embedders", lambda visitor: FakeEmbedders(maps=maps))
    at = page(item="red/0.png", why="red/1.png")
    assert asked == [None, None]
    assert len(at.image) == 4
    assert any("**Red** places" in each.value for each in at.markdown)


def test_why_without_the_network_gets_words(cnn_collection: Collection) -> None:
    at = page(item="red/0.png", why="red/1.png")
    assert len(at.error) == 1
    assert any("cosine similarity" in each.value for each in at.markdown)
