"""A report as one picture: the query above a grid of its results, each with rank, label and distance."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from PIL import Image, ImageDraw, ImageFont, ImageOps

from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.items import short_name
from imgsearch.pictures.regions import Region
from imgsearch.report.asked import asked_words
from imgsearch.report.report import Report
from imgsearch.report.texts import LANGUAGES, NO_BREAK
from imgsearch.retrieval.results import SearchResult

MARGIN = 28
GAP = 14
CELL = 200
"""Side of a result's picture, px."""
QUERY_SIDE = 240
LINE = 24
"""Height of a line of text."""
RANK_WIDTH = 36
CELL_HEIGHT = CELL + 2 * LINE + 6
MAX_QUERIES = 3

Color = tuple[int, int, int]
PAPER = (251, 248, 242)
INK = (38, 48, 46)
FAINT = (93, 103, 100)
ACCENT = (15, 107, 92)
FRAME = (242, 236, 225)

_FONT_SIZE, _TITLE_SIZE = 17, 26
_MAX_CHARACTERS = 200
_FONT_FILES = (
    *("NotoSansCJK-Regular.ttc", "NotoSansKR-Regular.otf", "NotoSansKR-Regular.ttf", "NanumGothic.ttf"),
    *(
        "malgun.ttf",
        "AppleSDGothicNeo.ttc",
        "DejaVuSans.ttf",
        "LiberationSans-Regular.ttf",
        "arial.ttf",
        "Arial Unicode.ttf",
    ),
)
"""Fonts that systems have for what Pillow's own cannot draw, which is Latin only."""

_NONCHARACTER = "\uffff"


def to_png(report: Report) -> bytes:
    """The report as a PNG file.

    The sheet is as wide as four to six results. Names are shortened to their place. Characters that no font of this machine
    has are left out: where no letter is left, rank and distance still say which result it is.

    Raises:
        CollectionCorruptError: a thumbnail cannot be read.
    """
    n_results = len(report.page.results)
    n_columns = min(6, max(4, math.ceil(math.sqrt(n_results))))
    n_rows = math.ceil(n_results / n_columns)
    lines = _head_lines(report)
    head_height = MARGIN + max(QUERY_SIDE, (2 + len(lines)) * LINE) + MARGIN
    width = 2 * MARGIN + n_columns * CELL + (n_columns - 1) * GAP
    height = head_height + n_rows * (CELL_HEIGHT + GAP) + MARGIN
    sheet = _Sheet(Image.new("RGB", (width, height), PAPER))
    _draw_head(sheet, report, lines)
    for number, result in enumerate(report.page.results):
        row, column = divmod(number, n_columns)
        _draw_result(sheet, report, result, MARGIN + column * (CELL + GAP), head_height + row * (CELL_HEIGHT + GAP))
    file = io.BytesIO()
    sheet.image.save(file, "PNG")
    return file.getvalue()


def _head_lines(report: Report) -> list[str]:
    """What was asked, and where and when."""
    outside = LANGUAGES[report.language]["outside"]
    lines = [
        ", ".join([*map(short_name, report.query_items), *[outside] * len(report.previews)]),
        ", ".join(item.item_id for item in report.query_items),
        report.collection.description.title,
        f"{report.space.spec.space}, {report.made:%Y-%m-%d}",
        *(f"{name}: {value}" for name, value in asked_words(report).items()),
        report.link,
    ]
    return [line for line in lines if line]


def _draw_head(sheet: _Sheet, report: Report, lines: Sequence[str]) -> None:
    words = LANGUAGES[report.language]
    x = MARGIN
    pictures = report.query_pictures()[:MAX_QUERIES]
    side = QUERY_SIDE if len(pictures) == 1 else CELL
    for picture in pictures:
        sheet.draw_picture(picture, x, MARGIN, side, frame=ACCENT, region=report.region)
        x += side + GAP
    x += GAP
    width = sheet.image.width - MARGIN - x
    sheet.draw_text(words["title"], x, MARGIN, width, size=_TITLE_SIZE)
    for number, line in enumerate(lines):
        sheet.draw_text(line, x, MARGIN + (2 + number) * LINE, width, color=FAINT if number else INK)


def _draw_result(sheet: _Sheet, report: Report, result: SearchResult, x: int, y: int) -> None:
    sheet.draw_picture(report.thumbnail(result.item), x, y, CELL)
    y += CELL + 4
    sheet.draw_text(f"{result.rank}.", x, y, RANK_WIDTH)
    sheet.draw_text(short_name(result.item), x + RANK_WIDTH, y, CELL - RANK_WIDTH)
    sheet.draw_text(result.number, x + RANK_WIDTH, y + LINE, CELL - RANK_WIDTH, color=FAINT)
    if report.query_label and result.item.label == report.query_label:
        sheet.draw_check(x + RANK_WIDTH + 60, y + LINE)


@dataclass(frozen=True)
class _Sheet:
    """A picture to draw on. Places are of the upper left corner, px."""

    image: Image.Image

    def draw_picture(
        self, data: bytes, x: int, y: int, side: int, *, frame: Color = FRAME, region: Region | None = None
    ) -> None:
        """A whole picture in the middle of a square, with a box around a part of it."""
        picture = ImageOps.contain(Image.fromarray(decode_image(data).pixels), (side, side), Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(self.image)
        draw.rectangle((x - 1, y - 1, x + side, y + side), fill=FRAME, outline=frame)
        left, top = x + (side - picture.width) // 2, y + (side - picture.height) // 2
        self.image.paste(picture, (left, top))
        if region:
            horizontal = [left + round(place * (picture.width - 1)) for place in (region.left, region.right)]
            vertical = [top + round(place * (picture.height - 1)) for place in (region.top, region.bottom)]
            box = (horizontal[0], vertical[0], horizontal[1], vertical[1])
            draw.rectangle(box, outline=INK, width=4)
            draw.rectangle(box, outline=PAPER, width=2)

    def draw_text(self, text: str, x: int, y: int, width: int, *, size: int = _FONT_SIZE, color: Color = INK) -> None:
        """One line, shortened to a width."""
        text, font = _drawable(text[:_MAX_CHARACTERS], size)
        ImageDraw.Draw(self.image).text((x, y), _shortened(text, font, width), fill=color, font=font)

    def draw_check(self, x: int, y: int) -> None:
        """A check mark as high as a line of text; few fonts have one."""
        ImageDraw.Draw(self.image).line([(x, y + 12), (x + 4, y + 17), (x + 13, y + 5)], fill=ACCENT, width=3)


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _drawable(text: str, size: int) -> tuple[str, Font]:
    """The text without what cannot be drawn, and the font that draws most of it."""
    text = "".join(
        char for char in text.replace(NO_BREAK, " ") if char.isprintable()
    )  # nothing that turns the line around or breaks it
    best = max(_fonts(size), key=lambda font: sum(_has(font, char) for char in text))
    return " ".join("".join(char if _has(best, char) else " " for char in text).split()), best


def _shortened(text: str, font: Font, width: int) -> str:
    if font.getlength(text) <= width:
        return text
    fits = max((n for n in range(len(text)) if font.getlength(text[:n].rstrip() + "…") <= width), default=0)
    return text[:fits].rstrip() + "…"


@cache
def _fonts(size: int) -> Sequence[Font]:
    """Pillow's own font first, so that sheets of English names look alike everywhere."""
    fonts: list[Font] = [ImageFont.load_default(size)]
    for file in _FONT_FILES:
        try:
            fonts.append(ImageFont.truetype(file, size))  # found by its name where systems keep fonts
        except OSError:
            continue
    return fonts


@cache
def _has(font: Font, char: str) -> bool:
    """Whether a font has a character: it is drawn otherwise than one that no font has."""
    return char == " " or _drawn(font, char) != _drawn(font, _NONCHARACTER)


def _drawn(font: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)
