"""Text that does not say how it is encoded."""

from __future__ import annotations

import pytest

from imgsearch.files.code_pages import CODE_PAGES, decode

TEXTS = {
    "cp949": ["가을 강아지/산책_1.jpg", "여름휴가 (2).png", "우리집 고양이.jpg"],
    "cp932": ["夏休み/犬の写真_1.jpg", "カメラ (2).png", "ソニー.jpg"],
    "gbk": ["暑假/小狗的照片_1.jpg", "相机 (2).png", "秋天的猫.jpg"],
    "cp950": ["暑假/小狗的照片_1.jpg", "相機 (2).png", "秋天的貓.jpg"],
    "cp437": ["Café Zürich/été_1.jpg", "Straße (2).png", "Mädchen mit Hund.jpg"],
    "cp1252": ["Café Zürich/été_1.jpg", "Straße (2).png", "Mädchen mit Hund.jpg"],
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_text_is_read_as_the_language_it_is_likely_to_be(encoding: str) -> None:
    texts, page = decode([text.encode(encoding) for text in TEXTS[encoding]], locale="")
    assert (texts, page and page.name) == (TEXTS[encoding], encoding)


@pytest.mark.parametrize("texts", [["plain.jpg"], ["가을.jpg", "夏.jpg", "é"], [""], []])
def test_unicode_needs_no_assumption(texts: list[str]) -> None:
    assert decode([text.encode() for text in texts], locale="ko") == (texts, None)


def test_one_text_that_is_not_unicode_decides_for_all() -> None:
    # The first alone would be UTF-8 too: e-acute.
    texts, page = decode([b"\xc3\xa9.jpg", *(text.encode("cp949") for text in TEXTS["cp949"])], locale="")
    assert (page and page.name, texts[1:]) == ("cp949", TEXTS["cp949"])


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("ko_KR.UTF-8", "cp949"),
        ("ko", "cp949"),
        ("zh_CN.UTF-8", "gbk"),
        ("zh-Hans", "gbk"),
        ("zh_SG", "gbk"),
        ("C", "cp949"),
    ],
)
def test_where_several_are_likely_the_language_of_who_asks_counts(locale: str, expected: str) -> None:
    _, page = decode(["가.jpg".encode("cp949")], locale=locale)  # in gbk an ordinary letter as well
    assert page
    assert page.name == expected


def test_the_language_is_that_of_this_machine_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    text = "가.jpg".encode("cp949")
    for name, value, expected in (
        ("LANG", "zh_CN.UTF-8", "gbk"),
        ("LC_CTYPE", "ko_KR.UTF-8", "cp949"),
        ("LC_ALL", "zh", "gbk"),
    ):
        monkeypatch.setenv(name, value)
        _, page = decode([text])
        assert page
        assert page.name == expected


def test_the_language_does_not_outweigh_what_is_unlikely_in_it() -> None:
    for encoding in ("cp932", "gbk", "cp950"):
        texts, _ = decode([text.encode(encoding) for text in TEXTS[encoding]], locale="ko_KR.UTF-8")
        assert texts == TEXTS[encoding]


def test_all_bytes_are_read_as_something() -> None:
    assert decode([bytes(range(256))], locale="")[1] == next(page for page in CODE_PAGES if page.name == "cp437")
