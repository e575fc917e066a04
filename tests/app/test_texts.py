"""The page's words: complete in every language, and nowhere but in `texts`."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.file_util import get_static_dir

from imgsearch import errors
from imgsearch.embedding.descriptors.edges import EDGES, REGIONS
from imgsearch.embedding.descriptors.fuzzy import COLORS
from imgsearch.reasons import SENTENCES, say
from imgsearch.report import LANGUAGES as REPORT
from imgsearch.ui import frame, texts
from imgsearch.ui.texts import en, en_core, ko, ko_core

UI = Path(texts.__file__).parents[1]
FILES = [path for path in sorted(UI.rglob("*.py")) if path.parent.name != "texts"]
# Arguments of Streamlit's and our own drawing calls that are seen or read out.
SHOWN = {"body", "label", "help", "alt", "caption", "text", "title", "page_title", "name", "placeholder"}
# Commands are the same in every language, and so is the product's name.
SAME_EVERYWHERE = re.compile("imgsearch|python -m imgsearch .*| --images DIR --embedder color_histogram", re.DOTALL)


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def asked_for(path: Path) -> Iterator[str]:
    """The keys of `t("...")` in a file, as regular expressions: `.+` stands for the braces of an f-string."""
    for call in calls(path):
        if isinstance(call.func, ast.Name) and call.func.id == "t":
            yield from patterns(call.args[0])


def handed_on(path: Path) -> Iterator[str]:
    """Further text of a file that may be a key on its way to `t`, such as that of a note."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant | ast.JoinedStr):
            yield from patterns(node)


def patterns(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from (*patterns(node.body), *patterns(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in node.values)
    elif isinstance(node, ast.Constant):
        yield re.escape(str(node.value))


@pytest.mark.parametrize("code", texts.LANGUAGES)
def test_every_language_has_the_same_keys_and_placeholders(code: str) -> None:
    ours = texts.LANGUAGES[code].texts
    assert ours.keys() == en.TEXTS.keys()
    assert {key: placeholders(text) for key, text in ours.items()} == {
        key: placeholders(text) for key, text in en.TEXTS.items()
    }


def test_reports_and_links_know_every_language_of_the_page() -> None:
    assert REPORT.keys() == texts.LANGUAGES.keys()
    assert [texts.spoken("", f"{code}-XX") for code in texts.LANGUAGES] == list(texts.LANGUAGES)


def test_english_tells_one_from_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "language", lambda: "en")
    one, many = (texts.t("search.collection", title="A", n=n, space="B") for n in (1, np.int64(1234)))
    assert (one, many) == ("A: 1 picture, compared by B.", "A: 1,234 pictures, compared by B.")
    one, many = (texts.t("about.vector_text", dim=n, shown=n) for n in (1, 8))
    assert one == "1 number. This is the first of this picture."
    assert many == "8 numbers. These are the first 8 of this picture."


NEVER_ONE = {
    *(
        "about.cropped_text",
        "about.squashed_text",
        "about.descriptor_text",
        "about.data_sample",
        "search.sample",
        "search.several",
    ),
    *(
        "note.too_many",
        "quality.in_short",
        "quality.intro",
        "map.sample",
        "map.kept",
        "duplicates.group",
        "note.too_many_kept",
        "note.too_many_words",
        "collections.own_intro",
    ),
}
"""Texts whose number is fixed, or more than one by what they are about."""


def test_no_english_text_puts_a_plural_behind_any_number() -> None:
    plural = re.compile(r"\{\w+(?::,)?\}\*{0,2} (?:nearest )?(?!is\b|was\b|this\b|times\b)[a-z]+s\b")
    found = [key for key, text in en.TEXTS.items() if plural.search(text) and key not in NEVER_ONE]
    assert found == []


def test_no_text_is_empty_or_left_in_english() -> None:
    assert all(text.strip() for each in texts.LANGUAGES.values() for text in each.texts.values())
    # What both write the same is an abbreviation: CNN, mAP.
    same = [re.sub(r"\{.*?\}", "", text) for text in ko.TEXTS.values() if not re.search("[가-힣]", text)]
    words = [word for text in same for word in text.split() if word.isalpha()]
    assert [word for word in words if len(re.findall("[A-Z]", word)) < 2] == []


def test_korean_is_formal() -> None:
    plain = re.compile(r"(?<!니)다\.|(?<!세)(?<!주)(?<!있어)요\.")
    texts = {**ko.TEXTS, **ko_core.ERRORS, **ko_core.REASONS}
    assert {key: text for key, text in texts.items() if plain.search(text)} == {}


def test_every_key_that_is_used_exists_and_every_key_is_used() -> None:
    asked = {pattern for path in FILES for pattern in asked_for(path)}
    notes = {pattern for path in FILES for pattern in handed_on(path) if re.fullmatch(r"note\\\..*[a-z+]", pattern)}
    assert [pattern for pattern in asked | notes if not any(re.fullmatch(pattern, key) for key in en.TEXTS)] == []
    handed = {pattern for path in FILES for pattern in handed_on(path) if "\\." in pattern and pattern.count(".+") < 2}
    assert [key for key in en.TEXTS if not any(re.fullmatch(pattern, key) for pattern in asked | handed)] == []
    assert {kind for name in frame.VIEWS for kind in (f"nav.{name}", f"{name}.title")} <= en.TEXTS.keys()


def test_what_descriptors_compare_is_said_in_korean(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [*(f"{kind} edges" for kind in EDGES), *COLORS, *REGIONS, *(f"{color}, no edges" for color in COLORS)]
    assert texts.match_words("row 3, column 5 of 8") == "row 3, column 5 of 8"
    monkeypatch.setattr(texts, "language", lambda: "ko")
    assert texts.match_words("row 3, column 5 of 8") == "8칸 중 3행 5열"
    assert texts.match_words("dark orange / grey, no edges") == "어두운 주황색 / 회색, 윤곽 없음"
    assert [words for words in map(texts.match_words, kinds) if re.search("[a-z]", words)] == []


def test_errors_that_have_words_of_their_own_exist() -> None:
    assert [name for name in ko_core.ERRORS if not hasattr(errors, name)] == []


def test_korean_says_every_reason_with_its_facts() -> None:
    facts = {code: placeholders(text) for code, text in SENTENCES.items()}
    korean = {code: placeholders(text) for code, text in ko_core.REASONS.items()}
    assert korean == facts | {code: facts[code] - {"where"} for code in ("no_pictures", "no_pictures_but")}
    assert [code for code, text in en_core.REASONS.items() if not placeholders(text) <= facts[code]] == []


def test_korean_errors_keep_the_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "language", lambda: "ko")
    too_large = errors.ImageTooLargeError(say("too_many_bytes", size=61.25, most=50), hint="Make it smaller.")
    assert texts.error_words(too_large) == "파일이 61.2 MB입니다. 최대 50 MB까지 읽을 수 있습니다."
    reasons = [say("empty"), say("too_many_pixels", size="200.0", most=178)]
    none = errors.BuildError(say("none_usable", n=1234, reasons="; ".join(reasons)))
    assert texts.error_words(none) == (
        "이미지 1,234장 가운데 사용할 수 있는 것이 없습니다. 빈 파일입니다. "
        "이미지가 200.0메가픽셀입니다. 최대 178메가픽셀까지 읽을 수 있습니다."
    )
    hostile = errors.BuildError(say("archive_twice", name="[x](http://evil) {most}"))
    assert "\\[x\\]" in texts.error_words(hostile)
    assert texts.error_words(errors.BuildError("Something else.")) == ko_core.ERRORS["BuildError"]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_a_visitor_is_not_told_what_only_a_builder_can_do(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "language", lambda: language)
    hint = "Install requirements.txt, then python -m imgsearch update NAME."
    said = [
        errors.BackboneUnavailableError("LiteRT is needed.", hint=hint),
        errors.BackboneUnavailableError(say("network_missing", space="mini"), hint=hint),
        errors.WeightsError("The weights are damaged.", hint=hint),
        errors.CollectionCorruptError("A file is missing: x.", hint=hint),
        errors.ImageDecodeError(say("heic_missing"), hint=hint),
    ]
    words = "\n".join(map(texts.error_words, said))
    assert not re.search("install|requirements|python -m", words, re.IGNORECASE)
    assert "mini" in words


RAISED = re.compile("(Image|Build)[A-Za-z]*Error")
FILES_OF_VISITORS = ("pictures/decode", "pictures/containers", "pictures/heif", "pictures/tiff", "collection/intake")
ENGLISH = {"The file cannot be read{reason}."}
"""What visitors do not bring about."""


def test_what_is_wrong_with_a_visitors_file_can_be_said_in_every_language() -> None:
    """No error of these modules has words of its own."""
    own = set()
    for name in FILES_OF_VISITORS:
        for call in calls(UI.parent / f"{name}.py"):
            if RAISED.fullmatch(ast.unparse(call.func)) and isinstance(call.args[0], ast.Constant | ast.JoinedStr):
                own.add(ast.unparse(call.args[0]).strip("f'\""))
    assert own == ENGLISH


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_shown_that_is_not_from_texts(path: Path) -> None:
    """No literal with a letter in it, bare or in an f-string, is handed to `st.*` or a part to be shown."""
    parts, found = parts_of(path), []
    for call in calls(path):
        function = ast.unparse(call.func)
        if not (function.startswith("st.") and function.count(".") == 1) and function not in parts:
            continue
        if function in ("component", "st.container", "st.get_option", "st.code"):
            continue
        shown = [*call.args[:1], *(word.value for word in call.keywords if word.arg in SHOWN)]
        found += [text for argument in shown for text in literals(argument) if re.search("[^\\W\\d_]", text)]
    assert [text for text in found if not SAME_EVERYWHERE.fullmatch(text)] == []


def test_calls_of_parts_are_looked_at() -> None:
    assert {"draw_links", "show_error"} <= parts_of(UI / "frame.py")


def parts_of(path: Path) -> set[str]:
    """What a file imports from `ui.parts`, by name."""
    nodes = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ImportFrom)]
    modules = [node for node in nodes if (node.module or "").startswith("imgsearch.ui.parts.")]
    return {alias.asname or alias.name for node in modules for alias in node.names}


def literals(node: ast.AST) -> Iterator[str]:
    """Literal text in an expression; what other calls get is theirs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.sub(r":material/\w+:|:small\[|· imgsearch", "", node.value)
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from literals(child)


def test_streamlits_words_are_those_that_its_scripts_say() -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in Path(get_static_dir(), "static", "js").glob("*.js"))
    parts = [part for theirs in ko_core.NATIVE for part in theirs.split("{it}") if part]
    assert len(parts) > 20
    assert [part for part in parts if part not in scripts] == []


STIFF = (
    *(
        "all the same",
        "by mistake",
        "called foreign",
        "is read",
        "read are",
        "as they were built",
        "that were",
        "need not rise",
    ),
    *("of the answer", "what is grey", "ways to look", "picture that asks", "asked once", "or nothing", "take away"),
    *("n_trees", "descriptor ("),
)
"""Words that are right and that nobody says."""


def test_the_page_speaks_plainly() -> None:
    said = [*en.TEXTS.items(), *en_core.REASONS.items(), *en_core.HINTS.items(), *SENTENCES.items(), *REPORT["en"].items()]
    of_formats = {code for code, text in SENTENCES.items() if "that is not read" in text}  # a kind of file
    found = [(key, words) for key, text in said for words in STIFF if words in text.lower() and key not in of_formats]
    assert found == []


def test_the_facts_of_a_collection_agree_with_their_numbers() -> None:
    facts = {"mb": 1.5, "updated": "2026-01-01"}
    one, many = (texts.text("en", "collections.facts", n=n, n_labels=n, **facts) for n in (1, 259))
    assert one == "**1** picture · **1** label · **1.5** MB · updated 2026-01-01"
    assert many.startswith("**259** pictures · **259** labels")
