"""A collection on a server answers as the same collection does in files. The server is a table in memory."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsearch import Ask, Collection, Region, build_collection, embedder_spec
from imgsearch.collection.served import facts as facts_module
from imgsearch.collection.served import gallery as gallery_module
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.collection.served.facts import FORMAT_VERSION, Facts
from imgsearch.errors import (
    CollectionError,
    CollectionNotFoundError,
    IncompatibleCollectionError,
    ItemNotFoundError,
    ServerError,
    UnknownWordError,
)
from imgsearch.pictures.items import Condition, nfc
from imgsearch.retrieval.rerank import default_reranking, rerankings_of
from imgsearch.retrieval.results import SearchPage
from imgsearch.scale.load import load_datasets
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.engines.table import END_OF_IDS, stable_id
from tests.datasets import datasets_of
from tests.fake_table import FakeTable

COLORS = {"red": (200, 60, 60), "green": (60, 180, 60), "blé": (60, 60, 200), "": (128, 128, 128)}
"""Of the labels; the last pictures have none."""
PER_LABEL = 9
Pair = tuple[Collection, ServedCollection]


def patches(color: tuple[int, int, int], number: int) -> Image.Image:
    """Patches of noise around a colour: no two pictures are at the same distance of a third."""
    random = np.random.default_rng([*color, number])
    pixels = np.clip(np.array(color) + random.normal(0, 60, (6, 8, 3)), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """37 pictures, of which two are nearly the same, in two spaces: in files, and the same on a server."""
    folder = tmp_path_factory.mktemp("patches")
    for label, color in COLORS.items():
        (folder / "pictures" / label).mkdir(parents=True, exist_ok=True)
        for number in range(PER_LABEL):
            patches(color, number).save(folder / "pictures" / label / f"{number}.png")
    patches(COLORS["red"], 1).resize((120, 90)).save(folder / "pictures" / "red" / "copy.jpg", quality=80)
    (folder / "pictures" / "red" / "broken.png").write_bytes(b"no picture")
    specs = [embedder_spec("mini"), embedder_spec("color_histogram")]
    build_collection("patches", folder / "pictures", home=folder / "home", specs=specs)
    return both(Collection.open("patches", folder / "home"), folder / "datasets")


@pytest.fixture
def plain(collection: Collection, tmp_path: Path) -> Pair:
    """The discs, whose only words are their labels."""
    return both(collection, tmp_path / "datasets")


def both(collection: Collection, to: Path) -> Pair:
    table = FakeTable(collection.name)
    load_datasets(datasets_of(collection, to), table)
    return collection, ServedCollection.open(table, collection.home)


def told(page: SearchPage) -> dict[str, Any]:
    """All that an answer says, but for rows and times."""
    return {
        "results": [replace(result, row=0, item=result.item.item_id) for result in page.results],  # type: ignore[arg-type]
        "space": page.space,
        "query_items": [item.item_id for item in page.query_items],
        "part_of": page.part_of and page.part_of.item_id,
        "rerank": page.rerank,
        "verdict": page.verdict,
        "n_candidates": page.n_candidates,
        "n_copies": page.n_copies,
        "n_shown": page.n_shown,
        "objects": page.objects,
    }


def check_same(pair: Pair, ask: Ask) -> SearchPage:
    """That both answer a question alike: names and order the same, numbers to 1e-6. The server's answer."""
    here, there = (told(collection.search(ask)) for collection in pair)
    results, others = here.pop("results"), there.pop("results")
    assert there == here
    assert len(others) == len(results)
    for one, other in zip(results, others, strict=True):
        for name in ("distance", "similarity", "percentile", "p_same_label", "worth"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-6), name
        numbers = {"distance": 0.0, "similarity": 0.0, "percentile": 0.0, "p_same_label": 0.0, "worth": 0.0}
        assert replace(other, **numbers) == replace(one, **numbers)
    return pair[1].search(ask)


QUESTIONS: dict[str, dict[str, Any]] = {
    "an item": {"items": "red/1.png"},
    "an item without label": {"items": "3.png"},
    "all that there are": {"items": "red/1.png", "k": 200},
    "another space": {"items": "green/2.png", "space": "color_histogram"},
    "two items": {"items": ("red/1.png", "blé/2.png")},
    "a label": {"items": "red/1.png", "label": "green"},
    "a label in NFD": {"items": "red/1.png", "label": unicodedata.normalize("NFD", "blé")},
    "a distance": {"items": "red/1.png", "max_distance": 0.32},
    "no distance": {"items": "red/1.png", "max_distance": 0.0},
    "likes and dislikes": {"items": "red/1.png", "liked": "blé/0.png", "disliked": ("red/4.png", "green/0.png")},
    "likes of a label": {"items": "red/1.png", "liked": "blé/0.png", "label": "green"},
    "without copies": {"items": "red/0.png", "without_copies": True, "k": 30},
    "a copied item": {"items": "red/1.png", "without_copies": True},
    "a region": {"items": "red/1.png", "region": Region(0.1, 0.1, 0.6, 0.7)},
    "a region to be found": {"items": "red/1.png", "region": "auto"},
    "an order": {"items": "red/1.png", "rerank": "expansion"},
    "an order of a label": {"items": "red/1.png", "rerank": "expansion", "label": "green", "space": "color_histogram"},
    "an order of likes": {"items": "red/1.png", "rerank": "expansion", "liked": "blé/0.png"},
    "an embedding": {"embeddings": "color_histogram", "space": "color_histogram"},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_is_answered_as_in_files(whole: Pair, question: str) -> None:
    options = dict(QUESTIONS[question])
    if name := options.pop("embeddings", None):
        options["embeddings"] = whole[0].space(name).vectors([4])
    ask = Ask(**options, effort=Effort.EXACT)
    page = check_same(whole, ask)
    assert page.results or ask.max_distance == 0
    assert {*ask.items, *ask.disliked} & {result.item.item_id for result in page.results} == set()
    if ask.without_copies:
        assert page.n_copies


@pytest.mark.parametrize(
    "options", [{}, {"region": Region(0, 0, 0.5, 1)}, {"without_copies": True}, {"items": "red/2.png"}]
)
def test_a_picture_from_outside_is_answered_as_in_files(whole: Pair, options: dict[str, Any]) -> None:
    pixels = np.asarray(patches(COLORS["red"], 1).resize((300, 200)))
    page = check_same(whole, Ask(pictures=(pixels,), **options, effort=Effort.EXACT))
    assert page.verdict
    if not options:
        assert {result.item.item_id for result in page.results[:2]} == {"red/1.png", "red/copy.jpg"}


def test_a_foreign_picture_is_told_as_in_files(whole: Pair) -> None:
    pixels = np.indices((240, 320)).sum(axis=0) // 8 % 2 * 255
    page = check_same(whole, Ask(pictures=(np.stack([pixels.astype(np.uint8)] * 3, axis=2),), effort=Effort.EXACT))
    assert page.verdict
    assert page.verdict.is_foreign


def test_words_are_labels_and_answered_as_in_files(plain: Pair) -> None:
    for ask in (
        Ask(items="red/1.png", words="green"),
        Ask(items="red/1.png", not_words="red"),
        Ask(items="red/1.png", words="Green", not_words="blue"),
        Ask(items="red/1.png", words=("green", "blue")),
    ):
        # Discs of one size are all as far from one of another colour: their order is that of the rows.
        here, there = ({(each.item.item_id, each.distance) for each in one.search(ask).results} for one in plain)
        assert here == there
    for ask in (
        Ask(words="red"),
        Ask(words="red", not_words="blue"),
        Ask(words=("red", "blue")),
        Ask(words="red", label="red"),
    ):
        here, there = (one.search(ask) for one in plain)
        assert there.n_shown == here.n_shown == (0 if ask.words == ("red", "blue") else 4)
        assert {(each.item.item_id, each.worth) for each in there.results} == {
            (each.item.item_id, each.worth) for each in here.results
        }
    assert plain[1].words.offered("en") == ["blue", "green", "red"]
    with pytest.raises(UnknownWordError, match="its labels"):
        plain[1].search(words="terrier")
    first = plain[1].search(words="red", k=1).results[0]
    assert plain[1].items.row_of(first.item.item_id) == first.row == stable_id(first.item.item_id)


def test_what_needs_a_table_of_neighbours_becomes_query_expansion_and_the_answer_says_so(whole: Pair) -> None:
    _, served = whole
    space = served.space("mini")
    assert space.neighbors is None
    assert rerankings_of(space) == ["expansion", "diverse"]
    assert default_reranking(space) == "expansion"
    for name in ("augmentation", "augmentation-expansion", "k-reciprocal"):
        page = served.search("red/1.png", rerank=name)
        assert page.rerank == "expansion"
        assert [each.row for each in page.results] == [
            each.row for each in served.search("red/1.png", rerank="expansion").results
        ]
    assert served.search("red/1.png", rerank="diverse").rerank == "diverse"


def test_rows_are_the_numbers_of_the_names(whole: Pair) -> None:
    _, served = whole
    row = stable_id("red/1.png")
    assert served.items.row_of("red/1.png") == row
    assert [each.item_id for each in served.search(row, k=1).query_items] == ["red/1.png"]
    for wrong in (5, -1, END_OF_IDS, 2**70):
        with pytest.raises(ItemNotFoundError):
            served.search(wrong)


def test_the_map_and_what_is_known_of_a_space_are_those_of_the_files(whole: Pair) -> None:
    here, there = whole
    assert list(there.spaces) == list(here.spaces)
    assert there.default_space == "mini"
    for name, space in here.spaces.items():
        served = there.space(name)
        assert (served.dim, served.spec, served.is_varied) == (space.dim, space.spec, space.is_varied)
        assert np.abs(served.mean - space.mean).max() < 1e-6
        names = [item.item_id for item in there.items.at(served.map_rows)]
        assert sorted(names) == [item.item_id for item in here.items]
        assert (np.diff(served.map_rows) > 0).all()
        places = served.places([*served.map_rows, 5])
        assert np.isfinite(places[:-1]).all()
        assert 0 <= places[:-1].min() <= places[:-1].max() <= 1
        assert np.isnan(places[-1]).all()
        assert served.points_of([5, served.map_rows[3]]).tolist() == [-1, 3]
        rows = [[here.items.row_of(each) for each in names[:2]]] * 3
        ids = [[there.items.row_of(each) for each in names[:2]]] * 3
        assert np.array_equal(served.vectors(ids), space.vectors(rows))
        assert np.array_equal(served.vectors(ids[0][0]), space.vectors(rows[0][0]))
        assert served.vectors(np.zeros((0,), np.int64)).shape == (0, space.dim)


def test_it_is_described_as_the_files_are(whole: Pair) -> None:
    here, there = (collection.description for collection in whole)
    for name in ("title", "n_items", "n_skipped", "license"):
        assert getattr(there, name) == getattr(here, name)
    assert there.has_evaluation
    assert {each.space for each in whole[1].evaluation} == set(there.spaces)
    assert {each.rerank for each in whole[1].evaluation} == {"", "expansion", "diverse"}
    for name, space in there.spaces.items():
        assert (space.embedder, space.dim) == (here.spaces[name].embedder, here.spaces[name].dim)
        assert (space.engine, space.engine_label, space.is_indexed) == ("milvus", "Milvus", True)
        assert space.embeddings_bytes == 37 * space.dim * 4
    assert [each.item_id for each in whole[1].skipped] == [each.item_id for each in whole[0].skipped] == ["red/broken.png"]
    assert whole[1].typical_item in {item.item_id for item in whole[0].items}
    assert whole[1].exact_spaces == []
    assert whole[1].items.label_counts == whole[0].items.label_counts == {"blé": 9, "green": 9, "red": 10}


def test_thumbnails_come_from_the_dataset(whole: Pair, plain: Pair) -> None:
    here, there = whole
    for item in here.items:
        assert there.thumbnail(there.item(item.item_id)) == here.thumbnail(item)
    _, served = plain
    item = served.item("red/1.png")
    file = Path(served.facts.datasets[0]) / "thumbnails" / f"{item.thumbnail}.webp"
    file.unlink()
    with pytest.raises(CollectionError, match="A thumbnail of the collection is missing"):
        served.thumbnail(item)
    file.mkdir()  # no file that can be read
    with pytest.raises(CollectionError, match=r"^A thumbnail of the collection cannot be read\.$"):
        served.thumbnail(item)


@pytest.fixture
def landmarked(whole: Pair, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pair:
    """With a landmark after each three items."""
    monkeypatch.setattr(facts_module, "LANDMARK_EVERY", 3)
    monkeypatch.setattr(gallery_module, "LANDMARK_EVERY", 3)
    return both(whole[0], tmp_path / "datasets")


@pytest.mark.parametrize("label", [None, "red", "blé"])
@pytest.mark.parametrize("n", [1, 4, 100])
def test_pages_are_all_items_in_the_order_of_their_rows(landmarked: Pair, label: str | None, n: int) -> None:
    here, there = landmarked
    items = there.items
    assert len(there.facts.landmarks[label or ""]) == (37 if label is None else 10 if label == "red" else 9) // 3
    rows = None if label is None else items.where([label])
    expected = sorted(
        (item.item_id for item in here.items if label in (None, item.label)), key=lambda name: stable_id(name)
    )
    for start in range(len(expected) + 3):
        page = [item.item_id for item in items.page(rows, start, n)]
        assert page == expected[start : start + n]
    assert items.count(Condition() if rows is None else rows) == len(expected)


def test_pages_of_other_conditions_have_no_landmarks_and_are_right_all_the_same(landmarked: Pair) -> None:
    here, there = landmarked
    rows = there.items.where([], ["red"])
    expected = sorted((item.item_id for item in here.items if item.label != "red"), key=lambda name: stable_id(name))
    assert [item.item_id for start in range(0, 30, 5) for item in there.items.page(rows, start, 5)] == expected
    assert there.items.count(rows) == len(expected) == 27
    nobody = there.items.where(["red", "green"])
    assert (there.items.count(nobody), there.items.page(nobody, 0, 5)) == (0, [])


def test_the_first_by_number_are_from_all_over_and_a_random_one_is_another(whole: Pair) -> None:
    items = whole[1].items
    ids = [stable_id(item.item_id) for item in items.page(None, 0, 100)]
    assert ids == sorted(ids)
    assert [stable_id(item.item_id) for item in items.spread(5)] == ids[:5]
    assert len(items.spread(100)) == len(items) == 37
    assert len({items.any_but([]).item_id for _ in range(300)}) > 20
    names = [item.item_id for item in items.page(None, 0, 100)]
    for others in (names[:-2], names[2:], names[1:-1]):
        assert {items.any_but(others).item_id for _ in range(30)} <= {*names} - {*others}
    assert items.any_but(names).item_id in names  # there is no other


def test_names_are_found_in_either_normal_form(whole: Pair) -> None:
    items = whole[1].items
    name = nfc("blé/3.png")
    for form in ("NFC", "NFD"):
        assert items.find(unicodedata.normalize(form, name)) == name
        assert items.row_of(unicodedata.normalize(form, name)) == stable_id(name)
        assert items.where([unicodedata.normalize(form, "blé")]) == Condition(("blé",))
    assert items.find("blé/99.png") is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda it: it.items.row_of("red/99.png"),
        lambda it: it.items.at([5]),
        lambda it: it.items.at([stable_id("red/1.png"), 5]),
        lambda it: it.items.where(["nobody's"]),
        lambda it: it.items.where([], ["nobody's"]),
        lambda it: it.search("red/1.png", label="nobody's"),
        lambda it: it.search("red/1.png", liked="red/99.png"),
        lambda it: it.item(""),
        lambda it: it.space("nothing"),
    ],
)
def test_what_is_not_there_is_said(whole: Pair, ask: Callable[[ServedCollection], object]) -> None:
    with pytest.raises(ItemNotFoundError):
        ask(whole[1])


def test_pictures_that_go_while_a_collection_is_open_are_missed_and_no_more(plain: Pair) -> None:
    _, served = plain
    served.table.delete([stable_id("red/2.png")])
    names = [result.item.item_id for result in served.search("red/1.png", k=20).results]
    assert len(names) == 10
    assert "red/2.png" not in names
    with pytest.raises(ItemNotFoundError):
        served.search("red/2.png")


METHODS: dict[str, Callable[[ServedCollection], object]] = {
    "search": lambda it: it.search("red/1.png"),
    "search by row": lambda it: it.search(stable_id("red/1.png")),
    "search exactly": lambda it: it.search("red/1.png", effort="exact"),
    "search by words": lambda it: it.search(words="red"),
    "item": lambda it: it.item("red/1.png"),
    "find": lambda it: it.items.find("red/1.png"),
    "at": lambda it: it.items.at([1, 2]),
    "count": lambda it: it.items.count(Condition((), ("red",))),
    "page": lambda it: it.items.page(None, 0, 5),
    "spread": lambda it: it.items.spread(5),
    "any_but": lambda it: it.items.any_but([]),
    "vectors": lambda it: it.space().vectors([1]),
}


@pytest.mark.parametrize("method", METHODS)
def test_a_server_that_is_down_is_said_and_asked_anew(plain: Pair, method: str) -> None:
    _, served = plain
    assert isinstance(served.table, FakeTable)
    served.table.is_down = True
    with pytest.raises(ServerError, match="does not answer"):
        METHODS[method](served)
    served.table.is_down = False
    if method not in ("at", "vectors"):  # of rows that are not there
        METHODS[method](served)


def test_what_is_known_as_a_whole_needs_no_server(plain: Pair) -> None:
    _, served = plain
    assert isinstance(served.table, FakeTable)
    served.table.is_down = True
    assert len(served.items) == 12
    assert served.items.count(served.items.where(["red"])) == 4
    assert served.description.n_items == 12
    assert served.space().map_rows.shape == (12,)
    assert served.words.offered("en") == ["blue", "green", "red"]
    assert served.thumbnail_of(Path(next((Path(served.facts.datasets[0]) / "thumbnails").iterdir())).stem)


def test_a_collection_that_is_down_or_nowhere_or_dropped_does_not_open(plain: Pair, home: Path) -> None:
    _, served = plain
    table = served.table
    assert isinstance(table, FakeTable)
    reopen = partial(ServedCollection.open, table, home)
    table.is_down = True
    with pytest.raises(ServerError, match="does not answer"):
        reopen()
    table.is_down = False
    assert reopen().items.label_counts == served.items.label_counts
    table.drop()
    for ask in (reopen, *METHODS.values()):
        with pytest.raises(CollectionNotFoundError, match="has no such collection"):
            ask(served) if ask is not reopen else reopen()
    with pytest.raises(CollectionNotFoundError, match="The server that nothing should live on"):
        ServedCollection.open(FakeTable("nothing"), home)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body | {"format_version": FORMAT_VERSION + 1},
        lambda body: {name: value for name, value in body.items() if name != "n_items"},
        lambda body: body | {"n_items": "many"},
        lambda body: body | {"spaces": {"mini": {}}},
        lambda body: [body],
    ],
)
def test_facts_of_another_version_or_kind_are_refused(plain: Pair, home: Path, change: Callable[[Any], Any]) -> None:
    _, served = plain
    assert Facts.from_bytes(served.facts.to_bytes()) == served.facts
    served.table.commit(json.dumps(change(json.loads(served.facts.to_bytes()))).encode())
    with pytest.raises(IncompatibleCollectionError, match="made by something else") as caught:
        ServedCollection.open(served.table, home)
    assert caught.value.hint == "Load it again: python -m imgsearch cluster load"
    served.table.commit(b"\xff no JSON")
    with pytest.raises(IncompatibleCollectionError):
        ServedCollection.open(served.table, home)


def test_facts_that_name_an_embedder_of_a_later_version_are_refused_by_name(plain: Pair, home: Path) -> None:
    _, served = plain
    text = served.facts.to_bytes().decode().replace("color_histogram", "color_diagram")
    served.table.commit(text.encode())
    with pytest.raises(IncompatibleCollectionError, match="color_diagram"):
        ServedCollection.open(served.table, home)
