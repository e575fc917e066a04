"""Words and what they mean. Values are WordNet's, counted by hand or by its own program `wn`."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from imgsearch.vocabulary import Sense, class_name, find_senses, shown, suggest, words
from imgsearch.vocabulary.keys import key_of
from imgsearch.vocabulary.table import FOLDER, rows, table
from scripts import make_vocabulary

ROOT = Path(__file__).resolve().parents[2]
WNIDS = ROOT.parent / "shared" / "words" / "imagenet_wnids.txt"
SENSES = list(table().senses.values())
SYNSETS = [sense for sense in SENSES if "+" not in sense.wnid]
READS_NO_FILE = """
import sys, imgsearch, imgsearch.vocabulary
opened = []
sys.addaudithook(lambda event, arguments: opened.append(str(arguments[0])) if event == "open" else None)
import imgsearch.vocabulary.find
assert opened == []
from imgsearch.vocabulary.table import table
assert table.cache_info().currsize == 0
imgsearch.vocabulary.find_senses("dog")
assert table.cache_info().currsize == 1 and len(opened) == 4, opened
"""


def texts(text: str) -> list[str]:
    return [sense.text for sense in find_senses(text)]


def only(text: str) -> Sense:
    (sense,) = find_senses(text)
    return sense


def test_the_table_has_the_classes_and_all_above_them() -> None:
    assert len(SYNSETS) == 1860
    assert len({lemma.lower() for sense in SYNSETS for lemma in sense.lemmas}) == 3253
    assert len(table().of_class) == 1000
    assert len({sense.wnid for sense in table().of_class}) == 1000


def test_every_class_is_an_entity_and_itself() -> None:
    assert only("entity").classes == tuple(range(1000))
    assert [sense.classes for sense in table().of_class] == [(index,) for index in range(1000)]


@pytest.mark.parametrize(
    ("word", "classes"),
    [
        ("beagle", (162,)),
        ("Siamese cat", (284,)),
        ("dog", tuple(range(151, 269))),
        ("domestic cat", (281, 282, 283, 284, 285)),
        ("cat", (281, 282, 283, 284, 285, 286, 287)),  # with cougar and lynx
        ("big cat", (288, 289, 290, 291, 292, 293)),
        ("wolf", (269, 270, 271, 272)),  # WordNet has the coyote, 272, as a prairie wolf
        ("pizza", (963,)),
        ("volcano", (980,)),
        ("bear", (294, 295, 296, 297)),
    ],
)
def test_a_word_means_the_classes_at_and_below_it(word: str, classes: tuple[int, ...]) -> None:
    assert only(word).classes == classes


def test_a_sense_says_what_it_is() -> None:
    dog = only("dog")
    assert (dog.wnid, dog.name, dog.text) == ("n02084071", "dog", "dog")
    assert dog.lemmas == ("dog", "domestic dog", "Canis familiaris")
    assert class_name(284) == "Siamese cat"


def test_words_that_mean_several_things_offer_each() -> None:
    assert texts("car") == ["car (motor vehicle)", "car (railway car)"]
    assert texts("crane") == ["crane (lifting device)", "crane (wading bird)"]
    assert texts("plane") == ["airplane", "plane (edge tool)"]
    assert texts("amphibian") == ["amphibian (vertebrate)", "amphibian (motor vehicle)"]
    assert texts("panda") == ["giant panda", "red panda"]
    assert texts("cardigan") == ["cardigan (sweater)", "Cardigan Welsh corgi"]
    assert texts("boxer") == ["boxer"]  # the one with gloves is no class


def test_a_word_that_is_only_another_name_for_something_rarer_offers_no_choice() -> None:
    assert texts("cat") == ["cat"]  # big cats are called so as well
    assert texts("harp") == ["harp"]  # and a harmonica is a mouth harp


def test_two_classes_with_one_name_are_told_apart() -> None:
    assert [class_name(index) for index in (134, 517)] == ["crane (wading bird)", "crane (lifting device)"]
    assert [class_name(index) for index in (638, 639)] == ["maillot (tights)", "maillot (swimsuit)"]
    assert len({class_name(index) for index in range(1000)}) == 1000


def test_a_text_is_of_one_sense_and_finds_exactly_that() -> None:
    assert len({key_of(sense.text) for sense in SENSES}) == len(SENSES)
    assert [sense.text for sense in SENSES if find_senses(sense.text) != [sense]] == []


def test_every_word_of_the_table_is_known_but_what_was_never_learned() -> None:
    unknown = {lemma for sense in SENSES for lemma in sense.lemmas if not find_senses(lemma)}
    assert unknown == {"person"}
    assert texts("person (player, groom or diver)") == ["person (player, groom or diver)"]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("Beagles", "beagle"),
        ("  BEAGLE ", "beagle"),
        ("a beagle", "beagle"),
        ("An otter", "otter"),
        ("the foxes", "fox"),
        ("wolves", "wolf"),
        ("geese", "goose"),
        ("mice", "computer mouse"),
        ("buses", "bus"),
        ("butterflies", "butterfly"),
        ("knives", "knife"),
        ("hot dogs", "hot dog"),
        ("hot-dog", "hot dog"),
        ("hotdogs", "hot dog"),
        ("ice_cream", "ice cream"),
        ("icecream", "ice cream"),
        ("terrier scottish", "Scottish terrier"),
        ("Terriers, Scottish", "Scottish terrier"),
        ("shih tzu", "Shih-Tzu"),
        ("St. Bernards", "Saint Bernard"),
        ("jack o’lantern", "jack-o'-lantern"),  # noqa: RUF001
        ("Brabançon griffon", "Brabancon griffon"),
        (unicodedata.normalize("NFD", "Brabançon griffon"), "Brabancon griffon"),
        ("crane wading bird", "crane (wading bird)"),
    ],
)
def test_a_word_is_known_however_it_is_typed(typed: str, text: str) -> None:
    assert texts(typed) == [text]


def test_a_plural_that_is_a_word_of_its_own_stays_one() -> None:
    assert only("sunglasses").classes == (836, 837)
    assert texts("glasses") == ["spectacles"]


@pytest.mark.parametrize(
    "word", ["sunset", "person", "wedding", "giraffe", "", "the", "s", "()", ".*", "\0", "\ud800", "a" * 81, "dog " * 2500]
)
def test_what_is_no_word_is_unknown(word: str) -> None:
    assert find_senses(word) == []


@pytest.mark.parametrize(
    ("typed", "first"),
    [("terier", "terrier"), ("elefant", "elephant"), ("chiuaua", "Chihuahua"), ("goldn retriever", "golden retriever")],
)
def test_a_slip_is_told_the_word(typed: str, first: str) -> None:
    assert suggest(typed, 3)[:1] == [first]


def test_nothing_is_suggested_for_what_is_no_slip() -> None:
    assert [suggest(word, 3) for word in ("sunset", "giraffe", "xyzzy", "cu", "", ".*" * 30, "terier " * 2000)] == [[]] * 7
    assert suggest("terier", 0) == []


def test_a_suggestion_is_made_once_for_each_meaning() -> None:
    assert suggest("beagel", 3) == ["bagel", "beagle"]  # a beigel is a bagel


def test_everyday_words_mean_known_things() -> None:
    for word, *meaning in rows("everyday.tsv"):
        wnids = "+".join(meaning)
        assert set(wnids.split("+") if wnids else []) <= {sense.wnid for sense in SYNSETS}, word
        assert [sense.wnid for sense in find_senses(word)] == ([wnids] if wnids else []), word
    assert texts("kittens") == ["domestic cat"]
    assert texts("puppies") == ["dog"]
    assert only("beach").classes == (977, 978)  # sandbar, seashore


def test_what_people_call_otherwise_than_wordnet_is_called_so() -> None:
    assert [only("ice bear").name, only("ice bear").text, class_name(296)] == ["ice bear", "polar bear", "polar bear"]


def test_an_everyday_word_unites_what_cannot_be_told_apart_and_leaves_each_its_text() -> None:
    assert (only("laptop").text, only("laptop").classes) == ("laptop", (620, 681))  # laptop, notebook
    assert (only("laptop computer").text, only("laptop computer").classes) == ("laptop computer", (620,))


def test_korean_names_are_of_known_things_and_each_of_one() -> None:
    names = [(*row, "")[:3] for row in rows("korean.tsv")]
    assert len(names) >= 300
    assert {wnid for wnid, _, _ in names} <= {sense.wnid for sense in SENSES}
    assert len({wnid for wnid, _, _ in names}) == len({name for _, name, _ in names}) == len(names)
    for wnid, name, more in names:
        for each in (name, *filter(None, more.split(", "))):
            assert each == each.strip(), name
            assert wnid in [sense.wnid for sense in find_senses(each)], each


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("비글", ["beagle"]),
        ("고양이", ["cat"]),
        (unicodedata.normalize("NFD", "고양이"), ["cat"]),
        ("고양이들", ["cat"]),
        ("강아지", ["dog"]),
        ("골든 리트리버", ["golden retriever"]),
        ("골든리트리버", ["golden retriever"]),
        ("동물", ["animal"]),
        ("시계", ["clock", "watch"]),
        ("배", ["ship", "boat"]),
        ("일몰", []),  # sunset
        ("사람", []),  # person
    ],
)
def test_korean_is_understood(typed: str, found: list[str]) -> None:
    assert texts(typed) == found


def test_a_slip_in_korean_is_told_the_word() -> None:
    assert [suggest(word, 1) for word in ("고양아", "테리아", "일몰")] == [["고양이"], ["테리어"], []]


def test_what_is_offered_has_each_sense_once_under_one_name() -> None:
    for language in ("en", "ko"):
        offered = words(language)
        assert len({name for name, _ in offered}) == len({sense.wnid for _, sense in offered}) == len(offered)
        assert all(name == shown(sense, language) for name, sense in offered)
    offered_english = dict(words("en"))
    assert [name for name, sense in offered_english.items() if name != sense.text] == []
    assert offered_english.keys() >= {"dog", "Siamese cat", "food", "pig", "crane (wading bird)", "car (motor vehicle)"}
    assert offered_english.keys().isdisjoint({"entity", "chordate", "hog", "food (solid)", "laptop computer", "jacket"})
    assert dict(words("ko"))["고양이"] == offered_english["cat"]
    assert dict(words("ko"))["affenpinscher"].classes == (252,)


def test_every_class_is_offered_or_within_an_everyday_word() -> None:
    offered = {index for _, sense in words("en") if len(sense.classes) <= 3 for index in sense.classes}
    assert offered == set(range(1000))


def test_what_is_never_offered_is_known_and_no_class() -> None:
    for (text,) in rows("not_offered.tsv"):
        assert texts(text) == [text]
        assert only(text) not in table().of_class


def test_a_class_has_its_korean_name() -> None:
    assert [class_name(index, "ko") for index in (162, 284, 252)] == ["비글", "샴고양이", "affenpinscher"]


def test_the_files_are_read_when_a_word_is_first_asked_for() -> None:
    subprocess.run([sys.executable, "-c", READS_NO_FILE], cwd=ROOT, timeout=60, check=True)


@pytest.mark.skipif(
    not (WNIDS.exists() and (make_vocabulary.WORDNET / "data.noun").exists()), reason="needs wordnet-base and ../shared"
)
def test_the_table_can_be_made_again() -> None:
    made = make_vocabulary.make_table(make_vocabulary.WORDNET, WNIDS.read_text(encoding="ascii").split())
    assert made == (FOLDER / "table.tsv").read_text(encoding="ascii")
    plurals = make_vocabulary.make_plurals(make_vocabulary.WORDNET, made)
    assert plurals == (FOLDER / "plurals.tsv").read_text(encoding="ascii")
