"""Reports: hand-made answers, read back with the parsers that others would use."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgsearch.collection.collection import Collection
from imgsearch.collection.manifest import FileEntry, Manifest, SpaceEntry
from imgsearch.embedding.embedders import Embedded
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import CollectionCorruptError
from imgsearch.pictures.items import Item, Items
from imgsearch.pictures.regions import Region
from imgsearch.pictures.scaling import data_url, make_preview, make_thumbnail
from imgsearch.report import FORMATS, LANGUAGES, Report
from imgsearch.report.asked import NAMES
from imgsearch.report.sheet import _drawable, _shortened
from imgsearch.report.texts import NO_BREAK
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.objects import Objects, Part
from imgsearch.retrieval.results import SearchPage, SearchResult
from imgsearch.vectors.calibration import Verdict
from imgsearch.vectors.engines.face import Effort
from tests.conftest import toy_space

COLORS = [(200, 30, 30), (30, 160, 40), (40, 60, 190), (210, 180, 40), (150, 60, 160), (90, 90, 90)]
DISTANCES = [0.0, 0.25, 1.0, 1.5, 2.0]
PLAIN = ["cat", "cat", "Egyptian_Mau", "", "dog", "dog"]
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=y>', "=1+1|cmd", "-2\u202e\x00\x1b", "&amp; 'x'", "고양이"]
MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


def make_report(folder: Path, labels: list[str] = PLAIN, n_results: int = 5, **changes: Any) -> Report:
    """Item 0 asked with, items 1 to n_results found at DISTANCES; each picture has one of COLORS all over, 60 x 40 px."""
    (folder / "thumbnails").mkdir(parents=True)
    items = []
    for number, label in enumerate(labels):
        thumbnail = make_thumbnail(np.full((40, 60, 3), COLORS[number], np.uint8))
        (folder / "thumbnails" / f"{number:064}.webp").write_bytes(thumbnail)
        item_id = f"{label}/{number}.png" if label else f"{number}.png"
        items.append(Item(item_id, label, 60, 40, 9, 9, f"{number:064}", f"{number:064}", len(thumbnail)))
    file, spec = FileEntry("x", 1, "0" * 64), EmbedderSpec("color_histogram")
    entry = SpaceEntry(spec, 0, "annoy", {"n_trees": 10, "search_k": -1}, file, file, file, file, file, None)
    manifest = Manifest(
        title=f"All {labels[0]}",
        source="https://example.org/<b>",
        license="CC BY-SA 4.0",
        label_pattern=None,
        n_items=len(items),
        n_skipped=0,
        thumbnails_bytes=1,
        items=file,
        skipped=file,
        evaluation=None,
        spaces={"toy": entry},
    )
    embeddings = np.eye(len(items), spec.dim, dtype=np.float32)
    space = replace(toy_space(embeddings), name="toy", spec=spec)
    results = tuple(
        SearchResult(
            rank,
            rank,
            items[rank],
            distance,
            1 - distance**2 / 2,
            rank_before=rank,
            is_copy=distance == 0,
            percentile=10.0 * rank,
            is_same_label=rank == 1,
            p_same_label=None,
        )
        for rank, distance in enumerate(DISTANCES[:n_results], start=1)
    )
    page = SearchPage("toy", results, (items[0],), n_candidates=6, timings_ms={"search": 1.234})
    report = Report(
        Collection(folder, manifest, Items(items), "2026-01-02T03:04:05+00:00", {"toy": space}), page, made=MADE
    )
    return replace(report, **changes)


def shown(n: int) -> tuple[Embedded, ...]:
    """Pictures from outside, with previews."""
    return (Embedded(30, 30, {}, preview=make_preview(np.full((30, 30, 3), 9, np.uint8))),) * n


def rows(report: Report) -> list[dict[str, str]]:
    text = FORMATS["csv"].make(report).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_csv_has_a_line_a_result(tmp_path: Path) -> None:
    lines = rows(make_report(tmp_path / "discs"))
    assert [line["rank"] for line in lines] == ["1", "2", "3", "4", "5"]
    assert lines[1] == {
        "collection": "discs",
        "space": "toy",
        "query": "cat/0.png",
        "n_from_outside": "0",
        **{f"asked_{name}": "" for name in NAMES},
        "asked_engine": "exact",
        "made": "2026-03-04T05:06:00+00:00",
        "link": "",
        "rank": "2",
        "row": "2",
        "item_id": "Egyptian_Mau/2.png",
        "label": "Egyptian_Mau",
        "width": "60",
        "height": "40",
        "distance": "0.25",
        "similarity": "0.96875",
        "rank_before": "2",
        "is_copy": "False",
        "percentile": "20.0",
        "is_same_label": "False",
        "p_same_label": "",
        "worth": "",
    }
    assert lines[4]["similarity"] == "-1.0"  # a number, not a formula


def test_the_csv_is_one_that_spreadsheets_read(tmp_path: Path) -> None:
    data = FORMATS["csv"].make(make_report(tmp_path, HOSTILE))
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")
    cells = {cell for line in csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")) for cell in line}
    assert "'=1+1|cmd" in cells
    assert any(cell.startswith("'-2") for cell in cells)
    assert '"><img src=x onerror=y>' in cells
    assert "고양이" in cells
    assert not [cell for cell in cells if cell[:1] in "=+@\t\r\n" and cell]


@pytest.mark.parametrize("start", "=+-@\t\r\n＝＋－＠")  # noqa: RUF001
def test_no_cell_is_a_formula(tmp_path: Path, start: str) -> None:
    line = rows(make_report(tmp_path, [f"{start}A1" for _ in PLAIN], n_results=1))[0]
    assert (line["label"], line["item_id"], line["query"]) == (f"'{start}A1", f"'{start}A1/1.png", f"'{start}A1/0.png")


def test_an_empty_answer_is_a_line_of_names(tmp_path: Path) -> None:
    report = make_report(tmp_path / "some", n_results=5)
    empty = make_report(tmp_path / "none", n_results=0)
    assert rows(empty) == []
    header = FORMATS["csv"].make(report).splitlines()[0]
    assert FORMATS["csv"].make(empty).splitlines() == [header]
    assert "Nothing was found." in parse(empty).text
    assert Image.open(io.BytesIO(FORMATS["png"].make(empty))).size == (898, 324)


def test_the_json_is_the_page_with_where_and_when(tmp_path: Path) -> None:
    report = make_report(tmp_path / "discs", HOSTILE)
    data = json.loads(FORMATS["json"].make(report))
    assert (data.pop("collection"), data.pop("made")) == ("discs", "2026-03-04T05:06:00+00:00")
    assert (data.pop("link"), data.pop("asked")["engine"]) == (None, "exact")
    assert data == json.loads(json.dumps(report.page.to_json()))


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text of each."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(data.decode("utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "link", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1], data))

    @property
    def text(self) -> str:
        return "".join(data for tag, data in self.texts if tag != "style").replace(NO_BREAK, " ")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def parse(report: Report) -> Page:
    return Page(FORMATS["html"].make(report))


@pytest.mark.parametrize("labels", [PLAIN, HOSTILE], ids=["plain", "hostile"])
def test_the_html_asks_nobody_and_runs_nothing(tmp_path: Path, labels: list[str]) -> None:
    ask = Ask(items=("x",), liked=(labels[1],), label=labels[2])
    report = make_report(tmp_path, labels)
    report = replace(report, page=replace(report.page, ask=ask))
    page = parse(report)
    assert {name for name, _ in page.elements} == {
        *("html", "head", "meta", "title", "style", "body", "header", "section", "div", "footer", "h1", "h2", "p"),
        *("figure", "figcaption", "img", "bdi", "b", "small", "span", "dl", "dt", "dd", "ol", "li"),
    }
    names = {name for _, attributes in page.elements for name in attributes}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "class", "src", "alt", "title", "style"}
    assert all(str(image["src"]).startswith("data:image/webp;base64,") for image in page.all("img"))
    assert page.all("meta")[1]["content"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    (style,) = [data for tag, data in page.texts if tag == "style"]
    assert not re.search(r"url\(|@import|http", style)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    page = parse(make_report(tmp_path, HOSTILE))
    shown = [data for tag, data in page.texts if tag == "bdi"]
    assert "<script>alert(1)</script>" in shown  # the query's label
    assert '"><img src=x onerror=y>' in shown
    assert '"><img src=x onerror=y>/1.png' in shown
    assert "&amp; 'x'" in shown
    assert "-2\ufffd\ufffd\ufffd" in shown  # neither turned around nor cut short
    assert "https://example.org/<b>" in shown
    assert [image["alt"] for image in page.all("img")] == [
        label.replace("\u202e\x00\x1b", "\ufffd" * 3) for label in HOSTILE
    ]


def test_the_html_tells_what_was_found(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    page = parse(report)
    pictures = [base64.b64decode(str(image["src"]).split(",")[1]) for image in page.all("img")]
    assert pictures == [report.thumbnail(item) for item in (report.collection.items[row] for row in range(6))]
    assert [data for tag, data in page.texts if tag == "b"] == ["1", "2", "3", "4", "5"]
    bars = [str(div["style"]) for div in page.all("div") if "style" in div]
    # 10, 20, ... 50 % of the pairs are nearer.
    assert bars == ["width: 33.3%", "width: 23.3%", "width: 17.4%", "width: 13.3%", "width: 10.0%"]
    for fact in (
        "All cat: 6 pictures, updated 2026-01-02",
        "CC BY-SA 4.0",
        "descriptor color_histogram, 256 dimensions",
        "Swain and Ballard",
        "search 1.2 ms",
        "2026-03-04 05:06 UTC",
        "Egyptian Mau",
        "distance 0.250",
        "nearer than 80 % of pairs",
    ):
        assert fact in page.text
    assert page.text.count("✓") == 2  # the one result that is a cat, and the line that explains it
    assert page.text.count("the same file") == 1


def test_that_nothing_is_similar_is_said_of_pictures_from_outside(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    foreign = replace(report.page, verdict=Verdict(is_foreign=True, false_alarm_rate=0.05))
    assert "Nothing in this collection is similar" not in parse(replace(report, page=foreign)).text  # it is in it
    outside = replace(report, page=replace(foreign, query_items=(), pictures=shown(1)))
    assert "similar to the query. (About 5% of the pictures that do belong here get this message" in parse(outside).text
    known = replace(foreign, query_items=(), verdict=Verdict(False))
    assert "Nothing in this collection is similar" not in parse(replace(outside, page=known)).text


def test_only_a_label_that_all_queries_share_is_marked(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    items = report.collection.items
    for rows_asked, n_marked in (((0, 1), 2), ((0, 2), 0), ((0, 3), 0), ((3,), 0)):
        page = replace(report.page, query_items=tuple(items[row] for row in rows_asked))
        assert parse(replace(report, page=page)).text.count("✓") == n_marked


def test_ranks_before_a_reranking_are_told(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    assert "by distance alone" in parse(report).text
    first, second, *others = report.page.results
    moved = (replace(first, rank_before=2), replace(second, rank_before=None), *others)
    page = parse(replace(report, page=replace(report.page, results=moved, rerank="k_reciprocal")))
    assert page.text.count("by distance 2") == 1
    assert page.text.count("by distance") == 1
    assert "by the re-ranking k_reciprocal" in page.text


def test_the_html_speaks_korean(tmp_path: Path) -> None:
    page = parse(make_report(tmp_path, language="ko"))
    assert page.all("html")[0]["lang"] == "ko"
    assert "비슷한 이미지" in page.text
    assert "거리 0.250" in page.text
    assert "Collection" not in page.text


def test_several_query_pictures_are_shown(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    report = replace(report, page=replace(report.page, pictures=shown(2)))
    preview = report.page.pictures[0].preview
    sources = [str(image["src"]) for image in parse(report).all("img")]
    assert sources[1:3] == [data_url(preview)] * 2
    assert sources[1].startswith("data:image/jpeg;base64,")
    assert len(sources) == 8


def test_a_region_is_marked_on_the_picture_it_belongs_to(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    asked = report.collection.items[0]
    ask = Ask(items=(asked.item_id,), region=Region(0.1, 0.25, 0.5, 1))
    report = replace(report, page=replace(report.page, query_items=(), part_of=asked, ask=ask, pictures=shown(1)))
    html = parse(report)
    (box,) = [div for div in html.all("div") if div.get("class") == "region"]
    assert box["style"] == "left: 10.0%; top: 25.0%; right: 50.0%; bottom: 0.0%"
    assert html.all("img")[0]["src"] == data_url(report.thumbnail(asked))
    assert "✓" in html.text  # it has a label, as any item that is asked with
    assert rows(report)[0]["query"] == "cat/0.png"
    sheet = pixels(report)  # the picture is 240 x 160 px, from (28, 68) on
    left, right, top, bottom = 28 + 24, 28 + 120, 68 + 40, 68 + 159
    for x, y in ((left, 150), (right, 150), (90, top), (90, bottom)):
        assert tuple(sheet[y, x]) == (251, 248, 242)
    assert sheet[150, 90] == pytest.approx(COLORS[0], abs=6)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_languages_say_the_same(language: str) -> None:
    def parts(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    english, other = LANGUAGES["en"], LANGUAGES[language]
    assert english.keys() == other.keys()
    assert {key: parts(text) for key, text in english.items()} == {key: parts(text) for key, text in other.items()}


def pixels(report: Report) -> np.ndarray:
    with Image.open(io.BytesIO(FORMATS["png"].make(report))) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_sheet_shows_the_query_and_every_result_in_its_place(tmp_path: Path) -> None:
    sheet = pixels(make_report(tmp_path))
    assert sheet.shape == (860, 898, 3)  # four columns of 200 px, two rows below a head of 296
    assert sheet[28 + 120, 28 + 120] == pytest.approx(COLORS[0], abs=6)
    for number in range(5):
        top, left = 296 + 268 * (number // 4), 28 + 214 * (number % 4)
        assert sheet[top + 100, left + 100] == pytest.approx(COLORS[number + 1], abs=6)
        assert tuple(sheet[top + 10, left + 100]) == (242, 236, 225)  # 200 x 133 px, in the middle of the square
    assert tuple(sheet[5, 5]) == (251, 248, 242)
    assert tuple(sheet[296 + 268 + 100, 28 + 214 + 100]) == (251, 248, 242)  # there is no sixth


def ink(sheet: np.ndarray, number: int, *, left: int, right: int) -> int:
    """Dark pixels in the first line below a result of the first row, between two distances from its left edge."""
    x = 28 + 214 * number
    return int((sheet[500:524, x + left : x + right].sum(axis=2) < 400).sum())


@pytest.mark.parametrize(
    "label", ["고양이", "قطة صغيرة", "שלום", "W" * 5_000, "\u202e\x00\n", "\U0010fffd", "🐱", "a\nb\tc"]
)
def test_no_name_breaks_the_sheet(tmp_path: Path, label: str) -> None:
    sheet = pixels(make_report(tmp_path, ["q", label.replace("/", ""), *"abcd"]))
    assert sheet.shape == (860, 898, 3)
    assert ink(sheet, 0, left=0, right=36) > 0  # the rank is there
    assert ink(sheet, 0, left=202, right=212) == 0  # and nothing hangs over


def test_what_no_font_can_draw_is_left_out() -> None:
    text, _ = _drawable("cat \U0010fffd\U000efffd dog\u202e", 17)
    assert text == "cat dog"
    assert _drawable("\U0010fffd", 17)[0] == ""


def test_names_are_shortened_to_their_place() -> None:
    text, font = _drawable("a rather long name of a picture", 17)
    short = _shortened(text, font, 100)
    assert short.endswith("…")
    assert text.startswith(short[:-1])
    assert 70 < font.getlength(short) <= 100
    assert _shortened("cat", font, 100) == "cat"


@pytest.mark.parametrize("suffix", ["html", "png"])
def test_a_missing_thumbnail_is_said_without_a_path(tmp_path: Path, suffix: str) -> None:
    report = make_report(tmp_path)
    report.collection.thumbnail_path(report.collection.items[3]).unlink()
    with pytest.raises(CollectionCorruptError, match=r"thumbnail of '3.png' cannot be read") as caught:
        FORMATS[suffix].make(report)
    assert str(tmp_path) not in caught.value.message


def test_a_data_url_is_made_of_pictures_only() -> None:
    with pytest.raises(ValueError, match="bytes of a picture"):
        data_url(b"<script>")


def steered(folder: Path, **changes: Any) -> Report:
    """An answer to a part that was found, with everything asked that can be."""
    report = make_report(folder)
    region = Region(0.1, 0.25, 0.5, 1)
    asked = report.collection.items[0]
    ask = Ask(
        items=(asked.item_id,),
        words=("dog",),
        not_words=("pug", "Great Dane"),
        region=region,
        k=7,
        label="dog",
        max_distance=1.25,
        liked=("cat/1.png",),
        disliked=("dog/4.png", "dog/5.png"),
        without_copies=True,
        rerank="diverse",
        effort=Effort.EXACT,
    )
    page = replace(report.page, query_items=(), part_of=asked, ask=ask, pictures=shown(1), rerank="diverse", n_copies=2)
    page = replace(page, objects=Objects(1.0, (Part(region, 0.5),)))
    return replace(report, page=page, link="https://pets.example.org/?item=cat%2F0.png&k=7", **changes)


def test_every_format_tells_what_was_asked(tmp_path: Path) -> None:
    report = steered(tmp_path)
    asked = {
        "words": ["dog"],
        "not_words": ["pug", "Great Dane"],
        "k": 7,
        "region": "0.1,0.25,0.5,1",
        "is_region_found": True,
        "liked": ["cat/1.png"],
        "disliked": ["dog/4.png", "dog/5.png"],
        "only_label": "dog",
        "max_distance": 1.25,
        "without_copies": True,
        "rerank": "diverse",
        "engine": "exact",
        "effort": "exact",
    }
    data = json.loads(FORMATS["json"].make(report))
    assert (data["asked"], data["link"]) == (asked, report.link)
    line = rows(report)[0]
    assert {name: line[f"asked_{name}"] for name in NAMES} == {
        name: "; ".join(value) if isinstance(value, list) else str(value) for name, value in asked.items()
    }
    assert line["link"] == report.link
    page = parse(report)
    for fact in (
        *("Showingdog", "Not showingpug, Great Dane"),
        *("Results asked for7", "0.1,0.25,0.5,1 (left, top, right, bottom), found by itself", "More likecat/1.png"),
        *("Less likedog/4.png, dog/5.png", "Labeldog", "Largest distance1.25", "Near-copies2 hidden", "re-ranking diverse"),
        "comparing with every picture",
    ):
        assert fact in page.text
    assert page.all("a") == [{"href": report.link}]


def test_the_sheet_grows_with_what_was_asked(tmp_path: Path) -> None:
    plain, full = pixels(make_report(tmp_path / "plain")), pixels(steered(tmp_path / "full"))
    grown = full.shape[0] - plain.shape[0]
    assert grown > 0
    assert full[296 + grown + 100, 28 + 100] == pytest.approx(COLORS[1], abs=6)  # the first result, further down


def test_every_step_has_words(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    steps = ("decode", "find", "embed", "search", "rerank")  # see SearchPage.timings_ms
    page = parse(replace(report, page=replace(report.page, timings_ms=dict.fromkeys(steps, 1.5))))
    said = "decoding 1.5 ms, looking for parts 1.5 ms, embedding 1.5 ms, search 1.5 ms, re-ranking 1.5 ms"
    assert said in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_ends_between_a_number_and_its_word(tmp_path: Path, language: str) -> None:
    page = parse(steered(tmp_path, language=language))
    words = [data for tag, data in page.texts if tag in ("dd", "p", "bdi")]
    assert [text for text in words if re.search(r"\d [%a-zA-Z가-힣]", text)] == []


def test_digests_stand_at_the_end(tmp_path: Path) -> None:
    report = make_report(tmp_path)
    spec = EmbedderSpec("mobilenet_v2", weights="ab" * 32)
    space = replace(report.space, spec=spec)
    it = report.collection
    page = parse(replace(report, collection=Collection(it.path, it.manifest, it.items, it.updated, {"toy": space})))
    assert page.text.index("Made with imgsearch") < page.text.index(f"sha256 {'ab' * 32}")
    assert page.text.count("ab" * 32) == 1
