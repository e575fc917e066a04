"""A report as one HTML file that needs nothing else: pictures inside, no script, no request. It prints on A4.

Built as a tree and never as text, so that no name can become markup.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from imgsearch.counting import Count
from imgsearch.embedding.spec import embedder_spec
from imgsearch.pictures.items import label_words, short_name
from imgsearch.pictures.regions import Region
from imgsearch.pictures.scaling import data_url
from imgsearch.report.asked import asked_words
from imgsearch.report.report import Report
from imgsearch.report.texts import LANGUAGES, NO_BREAK
from imgsearch.retrieval.results import SearchResult
from imgsearch.version import __version__

_STYLE = Path(__file__).with_name("document.css")
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Of what the page may load: what it holds, and nothing else, whatever comes to stand in it."""
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def to_html(report: Report) -> bytes:
    """The report as an HTML page, UTF-8.

    Raises:
        CollectionCorruptError: a thumbnail cannot be read.
    """
    words = LANGUAGES[report.language]
    title = f"{words['title']}: {_query_name(report)}"
    page = _tag(
        "html",
        _tag(
            "head",
            _tag("meta", charset="utf-8"),
            _tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            _tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            _tag("meta", name="color-scheme", content="light dark"),
            _tag("title", title),
            _tag("style", _STYLE.read_text(encoding="utf-8")),
        ),
        _tag(
            "body",
            _tag("header", _tag("h1", words["title"]), _tag("p", _tag("bdi", report.collection.description.title))),
            _tag(
                "section",
                _tag("h2", words["query"], class_="spoken"),
                _tag("div", *_query_figures(report), class_="query"),
                _tag("dl", *_facts(report)),
                class_="asked",
            ),
            _tag("section", _tag("h2", words["results"]), *_verdict(report), _results(report)),
            _tag("section", _tag("h2", words["how"]), *_explanations(report), class_="how"),
            _tag("footer", *_footer(report)),
        ),
        lang=report.language,
    )
    return ("<!DOCTYPE html>\n" + ET.tostring(page, encoding="unicode", method="html")).encode()


def _tag(tag: str, *content: str | ET.Element, **attributes: str) -> ET.Element:
    """An element with texts and elements in it; `class_` and `http_equiv` stand for what Python cannot name."""
    element = ET.Element(tag, {name.rstrip("_").replace("_", "-"): _clean(value) for name, value in attributes.items()})
    last: ET.Element | None = None
    for part in content:
        if isinstance(part, ET.Element):
            element.append(part)
            last = part
        elif last is None:
            element.text = (element.text or "") + _clean(part)
        else:
            last.tail = (last.tail or "") + _clean(part)
    return element


def _clean(text: str) -> str:
    """Text without what HTML cannot hold, and without what turns the letters around."""
    return _CONTROL_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text)


def _query_name(report: Report) -> str:
    names = [short_name(item) for item in report.query_items]
    names += [LANGUAGES[report.language]["outside"]] * len(report.previews)
    names += report.page.ask.words if report.page.ask and report.is_by_words else []
    return ", ".join(names)


def _query_figures(report: Report) -> Iterator[ET.Element]:
    outside = LANGUAGES[report.language]["outside"]
    names = [(short_name(item), item.item_id) for item in report.query_items]
    names += [(outside, "")] * len(report.previews)
    region = [_region(report.region)] if report.region else []
    for picture, (name, item_id) in zip(report.query_pictures(), names, strict=True):
        caption = [_tag("bdi", name), *([_tag("small", _tag("bdi", item_id))] if item_id else [])]
        shown = _tag("div", _tag("img", src=data_url(picture), alt=name), *region, class_="picture")
        yield _tag("figure", shown, _tag("figcaption", *caption))


def _region(region: Region) -> ET.Element:
    """A box over the picture."""
    places = {"left": region.left, "top": region.top, "right": 1 - region.right, "bottom": 1 - region.bottom}
    return _tag("div", class_="region", style="; ".join(f"{side}: {place:.1%}" for side, place in places.items()))


def _facts(report: Report) -> Iterator[ET.Element]:
    words, page, description = LANGUAGES[report.language], report.page, report.collection.description
    facts = {
        words["collection"]: words["n_items"].format(
            title=description.title, n=Count(len(report.collection.items)), updated=report.collection.updated[:10]
        ),
        **asked_words(report),
        words["source"]: description.source,
        words["license"]: description.license,
        words["compared_by"]: _compared_by(report),
        words["reference"]: report.space.spec.reference,
        words["weights"]: "" if _digest(report) else report.space.spec.weights_license,
        words["time"]: ", ".join(
            words["step"].format(step=words[f"step_{step}"], ms=ms) for step, ms in page.timings_ms.items()
        ),
        words["made"]: report.made.strftime(f"%Y-%m-%d %H:%M{NO_BREAK}%Z"),
    }
    for name, value in facts.items():
        if value:
            yield _tag("dt", name)
            yield _tag("dd", _tag("bdi", value))
    if report.link:
        yield _tag("dt", words["link"])
        yield _tag("dd", _tag("a", report.link, href=report.link))


def _compared_by(report: Report) -> str:
    words, spec, entry = (
        LANGUAGES[report.language],
        report.space.spec,
        report.collection.description.spaces[report.space.name],
    )
    compared_by = words["descriptor" if spec.is_descriptor else "cnn"].format(name=spec.space, dim=Count(spec.dim))
    return words["pca"].format(space=compared_by, dim=Count(entry.pca)) if entry.pca else compared_by


def _digest(report: Report) -> str:
    """Of weights that were given by hand, whose licence the table does not know; "" for others."""
    spec = report.space.spec
    return "" if spec.is_descriptor or spec.weights == embedder_spec(spec.name).weights else spec.weights


def _footer(report: Report) -> Iterator[ET.Element]:
    words = LANGUAGES[report.language]
    yield _tag("p", words["footer"].format(version=__version__))
    if digest := _digest(report):
        yield _tag("p", f"{words['weights']}: sha256 ", _tag("bdi", digest))


def _verdict(report: Report) -> Iterator[ET.Element]:
    if verdict := report.page.foreign:
        words = LANGUAGES[report.language]
        yield _tag("p", words["foreign"].format(rate=verdict.false_alarm_rate), class_="verdict")


def _results(report: Report) -> ET.Element:
    if not report.page.results:
        return _tag("p", LANGUAGES[report.language]["nothing"])
    return _tag("ol", *(_card(report, result) for result in report.page.results), class_="results")


def _card(report: Report, result: SearchResult) -> ET.Element:
    words, item = LANGUAGES[report.language], result.item
    name = label_words(item.label)
    marks = []
    if report.query_label and item.label == report.query_label:
        marks.append(_tag("span", "✓", class_="same", title=words["same_label"]))
    if result.is_copy:
        marks.append(_tag("span", words["copy"], class_="note"))
    if report.page.rerank and result.rank_before is not None and result.rank_before != result.rank:
        marks.append(_tag("span", words["was"].format(rank=result.rank_before), class_="note"))
    return _tag(
        "li",
        _tag("img", src=data_url(report.thumbnail(item)), alt=name or item.item_id),
        _tag("p", _tag("b", str(result.rank)), " ", _tag("bdi", name), " ", *marks, class_="name"),
        *(_tag("p", line, class_="distance") for line in _numbers(report, result)),
        _tag("div", _tag("div", style=f"width: {result.nearness:.1%}"), class_="bar"),
        _tag("p", _tag("bdi", item.item_id), class_="id", title=item.item_id),
    )


def _numbers(report: Report, result: SearchResult) -> Iterator[str]:
    words = LANGUAGES[report.language]
    if result.distance is None:
        yield words["worth"].format(worth=result.number)
    else:
        yield words["distance"].format(distance=result.number)
        yield words["nearer"].format(share=f"{result.nearer_than:g}")


def _explanations(report: Report) -> Iterator[ET.Element]:
    words, page, n_items = LANGUAGES[report.language], report.page, len(report.collection.items)
    if report.is_by_words:
        yield _tag("p", words["how_words"])
        return
    yield _tag("p", words["how_distance"])
    yield _tag("p", words["how_nearer"])
    is_all = page.n_candidates >= n_items - len(report.query_items)
    yield _tag("p", words["how_all"] if is_all else words["how_exact"].format(n=page.n_candidates, all=Count(n_items)))
    if page.rerank:
        yield _tag("p", words["how_rank"])
    if report.query_label:
        yield _tag("p", words["how_label"])
    yield _tag("p", words["how_descriptor" if report.space.spec.is_descriptor else "how_cnn"])
