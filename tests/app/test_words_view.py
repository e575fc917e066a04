"""Words on the page: asked alone or beside a picture, their answers or what stands in place of one, and their list."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.collection.draft import Draft
from imgsearch.embedding.classifier import Classifier
from imgsearch.measure.words import WordQuality
from imgsearch.retrieval.words import Words
from imgsearch.ui import state
from imgsearch.ui.parts.query.word_input import word_input
from imgsearch.ui.server import access
from imgsearch.ui.server.delivery.word_list import word_examples, words_digest
from imgsearch.ui.state import address
from imgsearch.ui.texts.markdown import escape
from imgsearch.ui.views.search import words as words_view
from imgsearch.vocabulary import find_senses
from tests.app.conftest import get, refined
from tests.app.test_page import cards, page, png, results, state_uploader
from tests.app.test_previews import head
from tests.app.test_search_view import data_of
from tests.conftest import draw_picture

SHOWN = "Pictures that show it"
CLASSES = {"blue": 162, "green": 517, "red": 134}
"""What the pictures show to the network, by label: a beagle, a crane that lifts, a crane that wades."""
HOSTILE = ("<b>x</b>", "**x** :red[x]", "[x](https://evil.example)", "x" * 10_000, "\0", "a\0b", "‮x", "' OR 1=1 --")


pytestmark = pytest.mark.usefixtures("no_leftovers")


def with_words(collection: Collection) -> Collection:
    """The same with a classifier that is sure of what CLASSES says."""
    embeddings = collection.space().embeddings
    kernel, bias = np.zeros((embeddings.shape[1], 1000), np.float32), np.full(1000, -2.0, np.float32)
    for label, number in CLASSES.items():
        is_labelled = np.array([item.label == label for item in collection.items], np.float32)
        kernel[:, number], bias[number] = np.linalg.pinv(embeddings) @ (10 * is_labelled), 0
    replace(Draft.of(collection), classifiers={collection.default_space: Classifier(kernel, bias)}).renew(collection)
    return Collection.open(collection.name, collection.home)


@pytest.fixture
def words(collection: Collection) -> Collection:
    """Discs in three colours: all labels, and what a classifier says of them."""
    return with_words(collection)


class Gone(list[dict[str, list[str]]]):
    """Addresses that callbacks went to."""

    params: dict[str, list[str]]


def shown(at: AppTest, name: str = SHOWN) -> list[str]:
    return [str(card["id"]) for card in cards(at, name)]


def links(at: AppTest, name: str) -> dict[str, str]:
    """Text -> address of the row of links of that name."""
    given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    (row,) = [data for data in given if data.get("name") == name and "links" in data]
    return {link["text"].removesuffix(" \N{MULTIPLICATION SIGN}"): link["href"] for link in row["links"]}


def asked(href: str) -> dict[str, list[str]]:
    """What an address of the page asks for."""
    return parse_qs(href.removeprefix("?"))


def fields(at: AppTest) -> dict[str, dict[str, Any]]:
    """The fields for words, by their label."""
    given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    return {data["label"]: data for data in given if "exampleHref" in data}


def said(at: AppTest) -> str:
    return "\n".join(each.value for each in (*at.header, *at.info, *at.caption, *at.markdown, *at.error))


def test_words_alone_give_what_shows_them_the_surest_first(words: Collection) -> None:
    at = page(words="beagle", k="3")
    expected = words.search(words="beagle", k=3)
    assert shown(at) == [result.item.item_id for result in expected.results]
    assert {item_id.split("/")[0] for item_id in shown(at)} == {"blue"}
    assert at.header[0].value == "4 pictures show it"
    assert "The surest 3 of them." in said(at)
    card = cards(at, SHOWN)[0]
    worth = expected.results[0].worth
    assert worth is not None
    assert (card["distance"], card["nearness"]) == (f"{worth:.0%}", round(100 * worth, 1))
    assert f"{worth:.0%} sure to show it" in str(card["title"])
    assert at.markdown[1].value == ":small[You are searching with this word:]  \n**beagle**"


def test_what_needs_a_picture_is_not_there_for_words_alone(words: Collection) -> None:
    at = page(words="beagle")
    assert not data_of(at, "actions")["actions"]  # no why, no like
    assert not at.toggle
    assert not at.get("segmented_control")
    assert not at.get("select_slider")
    assert "0 is the same picture" not in said(at)
    assert [expander.label for expander in at.expander] == ["Refine"]


def test_what_changes_distances_waits_in_the_links_for_the_next_picture(words: Collection) -> None:
    at = page(words="beagle", max_distance="1.2", rerank="diverse", without_copies="1", liked="red/0.png", region="0,0,1,1")
    assert not at.info
    assert not at.error
    assert len(shown(at)) == 4
    hrefs = {str(card["href"]).partition("&item=")[0] for card in cards(at, SHOWN)}
    assert hrefs == {"?rerank=diverse&max_distance=1.2&without_copies=1"}


def test_a_label_is_a_word_and_comes_first(words: Collection) -> None:
    at = page(words="RED", k="5")
    assert shown(at) == [f"red/{number}.png" for number in range(4)]
    assert {card["distance"] for card in cards(at, SHOWN)} == {"100%"}


@pytest.mark.parametrize(
    ("lang", "title", "name", "chip"),
    [
        ("en", "4 pictures show all of it", "What results have to show", "not: red"),
        ("ko", "모두 있는 이미지 4장", "결과에 적용한 단어", "제외: red"),
    ],
)
def test_several_words_and_exceptions_are_asked_together(
    words: Collection, lang: str, title: str, name: str, chip: str
) -> None:
    at = page(words=["beagle", "dog"], lang=lang, **{"not": "red"})
    assert at.header[0].value == title
    chips = links(at, name)
    assert list(chips) == [chip]
    assert asked(chips[chip]) == {"words": ["beagle", "dog"], "lang": [lang]}


def test_korean_words_are_asked_and_answered_in_korean(words: Collection) -> None:
    at = page(words="비글", lang="ko")
    assert at.header[0].value == "찾은 이미지 4장"
    assert shown(at, "단어로 찾은 이미지 목록") == shown(page(words="beagle"))
    assert "이 단어로 검색하고 있습니다." in said(at)
    assert "**비글**" in said(page(words="beagle", lang="ko"))


@pytest.mark.parametrize(
    ("lang", "title", "sentence"),
    [
        ("en", "No picture shows it", "The network knows “zebra”"),
        ("ko", "해당하는 이미지가 없습니다", "모델이 아는 단어이지만"),
    ],
)
def test_a_known_word_that_nothing_shows_is_not_called_unknown(
    words: Collection, lang: str, title: str, sentence: str
) -> None:
    at = page(words="zebra", lang=lang)
    assert at.header[0].value == title
    assert sentence in at.info[0].value
    assert not at.error
    assert asked(links(at, {"en": "Words to try", "ko": "추천 단어"}[lang])["blue"])["words"] == ["blue"]


@pytest.mark.parametrize(
    ("lang", "title", "sentence", "near"),
    [
        ("en", "Not a word to search with", "“beegle” is not a word that this network learned.", "Did you mean:"),
        ("ko", "검색할 수 없는 단어입니다", "모델이 배우지 않은 단어입니다", "혹시 이 단어를 찾으셨나요?"),
    ],
)
def test_an_unknown_word_leads_to_what_is_written_like_it(
    words: Collection, lang: str, title: str, sentence: str, near: str
) -> None:
    at = page(words="beegle", lang=lang)
    assert at.header[0].value == title
    assert sentence in at.info[0].value
    assert asked(links(at, near)["beagle"]) == {"words": ["beagle"], "lang": [lang]}
    assert cards(at, {"en": "Pictures of the collection", "ko": "컬렉션의 이미지"}[lang])


def test_where_there_are_no_class_values_labels_are_the_words_and_nobody_is_told_to_build(collection: Collection) -> None:
    assert shown(page(words="red")) == [f"red/{number}.png" for number in range(4)]
    assert "Found by their labels." in said(page(words="red"))
    for view in ("search", "map"):
        at = page(words="beagle", view=view)
        assert "are its labels" in said(at)
        assert "python" not in said(at)


def test_where_nothing_can_be_asked_for_there_is_no_field(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(collection.items), "label_counts", {})
    assert fields(page()) == {}
    assert "cannot be searched by words such as “beagle” yet" in said(page(words="beagle"))


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("view", ["search", "map", "compare"])
def test_whatever_is_asked_for_gets_words_and_no_markup(words: Collection, view: str, word: str) -> None:
    for asked_for in ({"words": word}, {"words": word, "not": word, "item": "red/0.png"}):
        at = page(view=view, **asked_for)
        if word.strip() and len(word) < 1000:
            assert is_escaped(said(at), word)
        assert max(map(len, links(at, "Views").values())) < 1000


def is_escaped(text: str, word: str) -> bool:
    """Whether a word stands in a text only as it is escaped."""
    return word not in text.replace(escape(word), "")


def test_of_more_words_than_a_search_takes_the_first_are_asked(words: Collection) -> None:
    at = page(words=["beagle", "dog", "animal", "hound", "canine", "mammal"])
    assert "at most 5 words" in at.info[0].value
    assert len(shown(at)) == 4


def test_a_word_that_means_several_things_offers_each(words: Collection) -> None:
    at = page(words="crane")
    assert len(shown(at)) == 8
    senses = links(at, "It means several things; choose one")
    assert list(senses) == ["crane (lifting device)", "crane (wading bird)"]
    assert asked(senses["crane (wading bird)"]) == {"words": ["crane (wading bird)"]}
    at = page(words="crane (wading bird)")
    assert {item_id.split("/")[0] for item_id in shown(at)} == {"red"}
    assert list(links(page(words="crane", lang="ko"), "뜻이 여러 가지입니다. 하나를 선택하세요")) == ["크레인", "두루미"]
    assert "**두루미**" in said(page(words="crane (wading bird)", lang="ko"))


@pytest.mark.parametrize(
    ("lang", "chips"),
    [("en", ["only: crane", "not: beagle"]), ("ko", ["포함: crane", "제외: 비글"])],
)
def test_beside_a_picture_words_narrow_and_push_away(words: Collection, lang: str, chips: list[str]) -> None:
    at = page(item="blue/0.png", words="crane", lang=lang, **{"not": "beagle"})
    expected = words.search("blue/0.png", words="crane", not_words="beagle", k=12)
    name = {"en": "Most similar pictures", "ko": "가장 비슷한 이미지 목록"}[lang]
    assert shown(at, name) == [result.item.item_id for result in expected.results]
    assert len(shown(at, name)) == 8
    found = links(at, {"en": "What results have to show", "ko": "결과에 적용한 단어"}[lang])
    assert list(found) == chips
    assert asked(found[chips[0]]) == {"item": ["blue/0.png"], "not": ["beagle"], "lang": [lang]}
    assert asked(found[chips[1]]) == {"item": ["blue/0.png"], "words": ["crane"], "lang": [lang]}
    assert {"words=crane", "not=beagle"} <= set(str(cards(at, name)[0]["href"]).removeprefix("?").split("&"))  # they stay
    assert "8 pictures searched" in said(page(item="blue/0.png", words="crane"))


def test_an_unknown_word_beside_a_picture_is_left_out_with_a_note(words: Collection) -> None:
    at = page(item="red/0.png", words="nonsensical", **{"not": "bluegreen"})
    assert ["can be asked for" in info.value for info in at.info] == [True, True]
    assert results(at) == results(page(item="red/0.png"))


def test_nothing_that_fits_the_words_is_said(words: Collection) -> None:
    assert "fits what is set under Refine" in said(page(item="red/0.png", words="zebra"))
    assert "No picture of this collection fits all of the words" in said(page(words=["beagle", "red"]))


def test_how_a_narrowed_answer_was_found_is_told_without_the_index(words: Collection) -> None:
    at = page(item="red/0.png", words="crane")
    at.session_state["found"] = True
    at.run()
    assert not at.exception


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Gone:
    """`gone.params` is what the address has; what it becomes is added to it."""
    gone = Gone()
    monkeypatch.setattr(address, "_current", lambda: gone.params)
    monkeypatch.setattr(address, "go", lambda **changes: gone.append(address._changed(gone.params, changes)))
    return gone


def test_what_is_typed_becomes_the_question(gone: Gone) -> None:
    gone.params = {"item": ["red/0.png"], "words": ["crane"], "not": ["red"], "region": ["0,0,1,1"], "k": ["5"]}
    state.search_words("beagle")
    assert gone == [{"words": ["beagle"], "k": ["5"]}]


@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({"words": ["beagle"], "not": ["red"], "k": ["5"]}, {"k": ["5"]}),
        ({"item": ["red/0.png"], "words": ["beagle"]}, {"words": ["beagle"]}),
        ({"not": ["red"]}, {"not": ["red"]}),
    ],
)
def test_another_picture_leaves_words_that_are_asked_alone(
    gone: Gone, params: dict[str, list[str]], left: dict[str, list[str]]
) -> None:
    gone.params = params
    state.search(item="blue/0.png")
    assert gone == [{**left, "item": ["blue/0.png"]}]


def test_an_upload_leaves_words_that_are_asked_alone(words: Collection) -> None:
    at = page(words="beagle", k="5")
    at.file_uploader(key=state_uploader(at)).upload("x.png", png(draw_picture((220, 40, 40), 2)), "image/png").run()
    assert not at.exception
    assert "words" not in at.query_params
    assert len(results(at)) == 5


def test_a_picture_that_was_picked_leaves_words_that_are_asked_alone(words: Collection) -> None:
    at = page(words="beagle", **{"not": "red"})
    for name in (SHOWN, "Pictures of the collection"):
        assert {tuple(asked(str(card["href"]))) for card in cards(at, name)} == {("item",)}
    at.button(key="random_button").click().run()
    assert list(at.query_params) == ["item"]


def test_the_fields_say_what_they_are_and_where_the_words_are(words: Collection) -> None:
    at = refined(page())
    assert list(fields(at)) == ["Search by words", "Only pictures that show", "No pictures that show"]
    field = fields(at)["Search by words"]
    assert (field["value"], field["exampleHref"]) == ("", "?words=")
    assert field["url"] == f"/app/static/words/discs/en/{words_digest(words)}.json"
    at = page(words="beagle", lang="ko")
    field = fields(at)["단어로 검색"]
    assert (field["value"], field["exampleHref"]) == ("beagle", "")
    assert field["query"] != fields(page(lang="ko"))["단어로 검색"]["query"]


def test_the_server_sends_the_words_at_their_own_address_only(words: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"/app/static/words/discs/en/{words_digest(words)}.json"
    answer = get(url)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    listed = json.loads(answer.content)
    assert listed["words"] == words.words.offered("en")
    assert listed["words"][:3] == ["blue", "green", "red"]
    assert {"beagle", "crane (wading bird)", "dog"} <= set(listed["words"])
    assert "zebra" not in listed["words"]
    assert listed["examples"] == ["blue", "green", "red"]
    assert "두루미" in json.loads(get(url.replace("/en/", "/ko/")).content)["words"]
    others = (
        url.replace("discs", "nope"),
        url.replace("/en/", "/xx/"),
        url.replace(url[-15:-5], "0" * 10),
        url.replace("discs", ".."),
    )
    assert [get(other).status_code for other in others] == [404] * 4
    monkeypatch.setattr(access, "is_required", lambda: True)
    assert get(url).status_code == 403
    allowed = get(url + access.key("discs"))
    assert (allowed.status_code, allowed.headers["cache-control"]) == (200, "private, max-age=31536000, immutable")


def test_another_build_has_its_words_at_another_address(collection: Collection) -> None:
    before = words_digest(collection)
    assert words_digest(with_words(collection)) != before


def test_without_labels_examples_are_words_that_tell_pictures_from_others(
    words: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(words.items), "label_counts", {})
    # A third of the pictures each. "dog" and "bird" would be as good, and beagle, the only dog, is no less common.
    for language in ("en", "ko"):
        examples = word_examples(words, language)
        rows = [set(np.flatnonzero(words.words.shows(word))) for word in examples]
        assert len(examples) == 3
        assert sorted(map(len, rows)) == [4, 4, 4]
        assert set.union(*rows) == set(range(12))


def test_examples_are_labels_that_the_network_finds_and_something_wider(
    words: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    beagle, dog = find_senses("beagle"), find_senses("dog")
    measured = [("Great_Dane", dog, 0.4), ("red", beagle, 0.6), ("blue", beagle, 0.9)]
    quality = tuple(WordQuality(label, tuple(senses), value, 1.0, 4, 1 / 3) for label, senses, value in measured)
    monkeypatch.setattr("imgsearch.ui.server.delivery.word_list.word_quality", lambda collection: quality)
    examples = word_examples(words, "en")
    assert examples[:2] == ("blue", "red")  # the best first; Great Dane is weak
    assert examples[2] not in ("beagle", "Great Dane", "green")


def test_a_page_without_words_asks_no_class_values(words: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*args: object) -> None:
        raise AssertionError("class values are read")

    for name in ("_worths", "answerable", "offered", "meaning"):
        monkeypatch.setattr(Words, name, property(read) if name == "answerable" else read)
    for params in ({}, {"item": "red/0.png"}, {"view": "map"}):
        assert not page(**params).error
    assert page(words="beagle").error


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [("en", "Words alone have one answer"), ("ko", "결과가 하나입니다")],
)
def test_compare_says_that_words_have_one_answer(words: Collection, lang: str, sentence: str) -> None:
    at = page(words="beagle", view="compare", lang=lang)
    assert sentence in at.info[0].value


@pytest.mark.parametrize(("lang", "title"), [("en", "4 pictures show it"), ("ko", "찾은 이미지 4장")])
def test_the_map_marks_what_shows_a_word_and_no_query(words: Collection, lang: str, title: str) -> None:
    at = page(words="beagle", view="map", lang=lang)
    chart = data_of(at, "thumbnails")
    assert chart["results"] == [words.items.row_of(result.item.item_id) for result in words.search(words="beagle").results]
    assert (chart["queries"], chart["place"], chart["outside"]) == ([], None, "")
    assert at.header[0].value == title
    assert "words" not in asked(chart["href"])


def test_the_title_says_what_is_asked(words: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    monkeypatch.setattr("streamlit.set_page_config", lambda page_title, **rest: titles.append(page_title))
    page(words="beagle")
    page(words=["crane (wading bird)", "비글"], lang="ko", **{"not": "red"})
    page(item="red/0.png", words="crane")
    assert titles[1::2] == [
        "beagle · discs · imgsearch",
        "두루미, 비글 · 제외: red · discs · imgsearch",
        "red/0.png · only: crane · discs · imgsearch",
    ]


@pytest.mark.parametrize(("lang", "sentence"), [("en", "Pictures that show beagle"), ("ko", "beagle 이미지를 찾아")])
def test_a_link_is_shown_elsewhere_with_the_words(words: Collection, lang: str, sentence: str) -> None:
    preview = head(f"words=beagle&lang={lang}")
    assert preview.title == preview.metas["og:title"] == "beagle · discs · imgsearch"
    assert sentence in preview.metas["og:description"]
    assert head("words=%3Cb%3E%22x").title == '<b>"x · discs · imgsearch'
    assert len(head(f"words={'x' * 10_000}").metas["og:description"]) < 200


def test_files_are_named_after_the_words(words: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    monkeypatch.setattr("streamlit.download_button", lambda *args, file_name, **rest: names.append(file_name))
    at = page(words="crane (wading bird)")
    at.session_state["take_away"] = True
    at.run()
    assert "imgsearch-discs-crane-wading-bird.html" in names


def test_what_a_browser_sends_is_anybodys(words: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    asked_callbacks: list[Any] = []
    monkeypatch.setattr(
        "imgsearch.ui.parts.query.word_input._INPUT",
        lambda on_asked_change, **rest: asked_callbacks.append(on_asked_change),
    )
    session: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", session)
    word_input(words, label="", placeholder="", key="field", on_ask=given.append)
    for sent in (None, 5, ["beagle"], {"a": "b"}, "", "  ", " beagle "):
        session["field"] = {"asked": sent}
        asked_callbacks[0]()
    assert given == ["beagle"]


def test_more_words_than_a_search_takes_cannot_be_added(monkeypatch: pytest.MonkeyPatch) -> None:
    gone: dict[str, object] = {}
    notes: list[str] = []
    monkeypatch.setattr(state, "go", gone.update)
    monkeypatch.setattr(state, "leave_note", notes.append)
    words_view._add("words", ("a", "b"), "b")
    assert gone == {"words": ["a", "b"]}
    words_view._add("not", tuple("abcde"), "f")
    assert gone == {"words": ["a", "b"]}
    assert "at most 5 words" in notes[0]
