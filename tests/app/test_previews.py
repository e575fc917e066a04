"""The head of the page as it is sent, which is all that who previews a link sees; and the contact sheet that it names."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from PIL import Image
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import access, routes
from imgsearch.ui.server.delivery.contact_sheet import contact_sheet
from imgsearch.ui.server.delivery.head import PageHead

URL = "https://pets.example.org/search"
HOSTILE = '"><script>alert(1)</script></title><img src=x onerror=alert(1)>&amp;'
OWN = "own-0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("IMGSEARCH_URL", f"{URL}/")
    get_settings.cache_clear()
    resources._outline.clear()
    yield
    resources._outline.clear()


def ask(path: str, method: str = "GET", **headers: str) -> tuple[httpx.Response, bytes]:
    """An answer, and its bytes as they travel."""

    async def answer() -> tuple[httpx.Response, bytes]:
        app = PageHead(Starlette(routes=[*routes.routes(), *create_streamlit_static_assets_routes("")]))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
            client.headers.clear()
            async with client.stream(method, path, headers=headers) as response:
                return response, b"".join([chunk async for chunk in response.aiter_raw()])

    return asyncio.run(answer())


class Head(HTMLParser):
    """Title, tags by name, and how many elements of each kind a page has."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.metas: dict[str, str] = {}
        self.elements: list[str] = []
        self.title = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append(tag)
        if tag == "meta" and "content" in found:
            self.metas[found.get("property") or found.get("name") or ""] = found["content"]

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1] == "title":
            self.title += data.strip()


def head(query: str = "", **headers: str) -> Head:
    return Head(ask(f"/?{query}", **headers)[1])


def test_a_link_says_what_it_leads_to(collection: Collection) -> None:
    page = head()
    n = len(collection.items)
    assert page.title == page.metas["og:title"] == "discs · imgsearch"
    assert page.metas["og:description"] == page.metas["description"]
    assert page.metas["og:description"].startswith(f"{n} pictures to search by how they look")
    assert page.metas["og:image"].startswith(f"{URL}/app/static/sheets/discs/")
    assert page.metas["twitter:card"] == "summary_large_image"


def test_a_link_to_a_query_says_what_is_asked(collection: Collection) -> None:
    page = head(urlencode({"item": "red/0.png", "k": "5"}))
    assert page.title == page.metas["og:title"] == "red/0.png · discs · imgsearch"
    assert page.metas["og:description"].startswith("The pictures most like red/0.png")
    assert head("item=nothing.png").title == "discs · imgsearch"


@pytest.mark.parametrize(("query", "accepted"), [("lang=ko", ""), ("", "ko-KR,ko;q=0.9"), ("lang=ko", "en")])
def test_it_speaks_the_language_of_the_link_or_of_who_asks(collection: Collection, query: str, accepted: str) -> None:
    page = head(query, **{"Accept-Language": accepted})
    assert page.metas["og:locale"] == "ko"
    assert "비슷한 이미지" in page.metas["og:description"]


def test_the_picture_is_a_sheet_of_the_collection_that_may_be_kept(collection: Collection) -> None:
    page = head()
    response, data = ask(page.metas["og:image"].removeprefix(URL))
    assert response.status_code == 200
    assert response.headers["Content-Type"] == page.metas["og:image:type"] == "image/jpeg"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    with Image.open(io.BytesIO(data)) as sheet:
        assert sheet.size == (int(page.metas["og:image:width"]), int(page.metas["og:image:height"])) == (1200, 630)
    assert len(data) < 300_000  # some networks take no larger ones
    assert data == contact_sheet(collection)
    assert ask("/app/static/sheets/discs/" + "0" * 64 + ".jpg")[0].status_code == 404
    assert ask("/app/static/sheets/..%2fdiscs/" + "0" * 64 + ".jpg")[0].status_code in (400, 404)


def test_a_sheet_shows_pictures_from_the_first_to_the_last(tmp_path: Path, home: Path) -> None:
    colors = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    for number, color in enumerate(colors):
        (tmp_path / "three").mkdir(exist_ok=True)
        Image.new("RGB", (40, 40), color).save(tmp_path / "three" / f"{number}.png")
    build_collection("three", tmp_path / "three", home=home, specs=[embedder_spec("color_histogram")])
    with Image.open(io.BytesIO(contact_sheet(Collection.open("three", home)))) as sheet:
        left, right = sheet.getpixel((300, 315)), sheet.getpixel((900, 315))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert [max(range(3), key=shown.__getitem__) for shown in (left, right)] == [0, 2]  # two places: first and last


def test_without_an_address_there_is_no_picture(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMGSEARCH_URL")
    get_settings.cache_clear()
    metas = head(**{"Host": "evil.example.org", "X-Forwarded-Host": "evil.example.org"}).metas
    assert metas["og:title"] == "discs · imgsearch"
    assert [name for name in metas if "image" in name or "twitter" in name] == []


def test_a_page_that_is_not_open_to_all_says_nothing_of_its_collections(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = head().metas["og:image"].removeprefix(URL)
    monkeypatch.setattr(access, "is_required", lambda: True)
    response, body = ask("/?item=red%2F0.png")
    assert response.status_code == 200
    assert Head(body).title == "imgsearch"
    assert b"og:" not in body
    assert b"discs" not in body
    assert ask(f"{sheet}?{access.key('discs')[1:]}")[0].status_code == 404


def test_own_pictures_have_no_preview(collection: Collection) -> None:
    body = ask(f"/?collection={OWN}")[1]
    assert Head(body).title == "imgsearch"
    assert b"og:" not in body
    assert ask(f"/app/static/sheets/{OWN}/{'0' * 64}.jpg")[0].status_code == 404


def test_hostile_titles_names_and_queries_are_no_markup(tmp_path: Path, home: Path) -> None:
    before = head().elements  # of a page without a collection
    (tmp_path / "folder").mkdir()
    name = '"><img src=x onerror=a>.png'
    Image.new("RGB", (40, 40)).save(tmp_path / "folder" / name)
    build_collection("bad", tmp_path / "folder", home=home, specs=[embedder_spec("color_histogram")], title=HOSTILE)
    page = head(urlencode({"item": name, "view": HOSTILE, "lang": HOSTILE, "collection": HOSTILE}, errors="replace"))
    assert [each for each in page.elements if each != "meta"] == [each for each in before if each != "meta"]
    assert page.elements.count("meta") == before.count("meta") + 12
    assert page.title == page.metas["og:title"]
    assert page.title.startswith(f"{name} · {HOSTILE[:20]}")


@pytest.mark.parametrize("damage", ["manifest.json", "thumbnails"])
def test_a_damaged_collection_has_no_preview_and_the_page_still_comes(collection: Collection, damage: str) -> None:
    sheet = head().metas["og:image"].removeprefix(URL)
    resources._outline.clear()
    routes._contact_sheet.cache_clear()
    if damage == "manifest.json":
        (collection.path / damage).write_text("{")
        assert head().title == "imgsearch"
    else:
        for path in (collection.path / damage).iterdir():
            path.write_bytes(b"")
        assert head().title == "discs · imgsearch"
    assert ask(sheet)[0].status_code == 404


def test_an_empty_home_has_no_preview() -> None:
    assert head().title == "imgsearch"


def test_the_page_is_compressed_for_who_takes_that(collection: Collection) -> None:
    plain, page = ask("/")
    response, body = ask("/", **{"Accept-Encoding": "gzip, deflate, br"})
    assert gzip.decompress(body) == page
    assert len(body) < len(page) / 2
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Content-Length"] == str(len(body))
    assert plain.headers["Vary"] == response.headers["Vary"] == "Accept-Encoding, Accept-Language"
    assert plain.headers["Cache-Control"] == "no-cache"
    assert "ETag" not in plain.headers
    assert b".st-key-nav" in page


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
@pytest.mark.parametrize("path", ["/", "/favicon.png", "/no/such/page"])
def test_a_head_is_answered_as_a_get_without_its_body(collection: Collection, path: str, accepted: str) -> None:
    answer, _ = ask(path, **{"Accept-Encoding": accepted})
    response, body = ask(path, "HEAD", **{"Accept-Encoding": accepted})
    assert (response.status_code, body) == (answer.status_code, b"")
    assert response.headers == answer.headers
