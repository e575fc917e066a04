"""The collections view: what there is, what cannot be opened, and visitors' own pictures."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from streamlit.runtime.caching import clear_session_resource_cache
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.session import SESSION_NAME
from imgsearch.errors import BackboneUnavailableError
from imgsearch.files.home import MANIFEST_FILE, SOURCE_FILE
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import routes, visitors
from imgsearch.ui.views.collections import card
from imgsearch.ui.views.collections.view import embedders
from tests.app.test_page import cards, page, results
from tests.conftest import draw_picture, zip_of_windows
from tests.fakes import FakeEmbedders

File = tuple[str, bytes, str]


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.setattr(resources, "embedders", lambda visitor: FakeEmbedders())
    cached = (resources._open, resources.session_collections, card._overview)
    for each in cached:
        each.clear()
    yield
    clear_session_resource_cache("test session id")  # AppTest has one id for all
    resources.session_collections().close()
    for each in cached:
        each.clear()


def png(number: int) -> bytes:
    stream = io.BytesIO()
    draw_picture((200, 30 * number % 256, 0), number).save(stream, "PNG")
    return stream.getvalue()


def pictures_of(n: int) -> list[File]:
    return [(f"{number}.png", png(number), "image/png") for number in range(n)]


def archive(files: dict[str, bytes]) -> File:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in files.items():
            target.writestr(name, data)
    return "pictures.zip", stream.getvalue(), "application/zip"


def hand_in(at: AppTest, files: list[File], view: str = "collections") -> None:
    """Hands the files in, asks for a collection of them, and waits for it, at some view."""
    at.file_uploader(key="own_files").set_value(files)
    at.button(key="own_make").click().run()
    assert not at.exception
    making = at.session_state["own"].making
    assert making is None or making.wait(60)
    if making:
        at.query_params["view"] = view
    at.run()
    assert not at.exception


def make(at: AppTest, files: list[File]) -> AppTest:
    """The same, and looks at the collections again."""
    hand_in(at, files)
    if "view" not in at.query_params:  # the visitor was led to the search
        at.query_params["view"] = "collections"
        at.run()
    assert not at.exception
    return at


def own_links(at: AppTest) -> dict[str, dict[str, list[str]]]:
    """The links of the visitor's own card by their text; empty where there is none."""
    for element in at.get("bidi_component"):
        data = json.loads(element.proto.json)
        if data.get("name") == "Views of Your own pictures":
            return {link["text"]: parse_qs(link["href"].removeprefix("?")) for link in data["links"]}
    return {}


def own_name(at: AppTest) -> str:
    name = own_links(at)["Search in it"]["collection"][0]
    assert SESSION_NAME.fullmatch(name)
    return name


def words(at: AppTest) -> str:
    return "\n".join(element.value for element in (*at.header, *at.markdown, *at.caption))


def test_a_card_says_what_the_collection_is(pictures: Path, home: Path) -> None:
    for number in range(101):
        (pictures / f"broken {number:03}.jpg").write_bytes(b"nothing")
    spec = embedder_spec("color_histogram")
    built = build_collection(
        "discs", pictures, home=home, specs=[spec], title="[Discs](x)", source="A <drawer>", license="CC0"
    ).collection
    at = page(view="collections")
    assert [each.value for each in at.header] == ["Your own pictures", "\\[Discs\\]\\(x\\)"]
    apart = (MANIFEST_FILE, SOURCE_FILE)
    size = sum(file.stat().st_size for file in built.path.rglob("*") if file.is_file() and file.name not in apart)
    assert f"**12** pictures · **3** labels · **{size / 2**20:,.1f}** MB" in words(at)
    assert "Source: A \\<drawer\\>" in words(at)
    assert f"to {spec.dim} numbers, index Annoy," in words(at)
    assert at.expander[0].label == "Left out: 101"
    listed = at.expander[0].markdown[0].value
    assert listed.count("\n") == 99
    assert "- **broken 000.jpg**: The file is not a picture" in listed
    assert "And 1 more." in at.expander[0].caption[0].value
    assert "All of its files are here." in words(at)
    assert len(cards(at, "Some pictures of [Discs](x)")) == 10


def test_a_link_opens_the_collection_without_what_belongs_to_another(
    collection: Collection, home: Path, pictures: Path
) -> None:
    build_collection("twin", pictures, home=home, specs=[embedder_spec("color_histogram")], title="Twin")
    at = page(view="collections", item="red/0.png", k="5", label="red")
    hrefs = [str(card["href"]) for card in cards(at, "Some pictures of Twin")]
    assert parse_qs(hrefs[0].removeprefix("?")) == {"k": ["5"], "collection": ["twin"], "item": ["blue/0.png"]}


@pytest.mark.parametrize("name", ["discs", "twin"])  # the one that the address names, and another
def test_one_that_cannot_be_opened_says_why_and_the_others_stand(
    collection: Collection, home: Path, pictures: Path, name: str
) -> None:
    build_collection("twin", pictures, home=home, specs=[embedder_spec("color_histogram")], title="Twin")
    items = next((home / name).glob("items-*"))
    items.unlink()
    at = page(view="collections")
    assert len(at.error) == 1
    assert at.error[0].value.startswith(f"It cannot be opened. A file of the collection is missing: {items.name}.")
    assert str(home) not in at.error[0].value
    assert words(at).count("All of its files are here.") == 1
    make(at, pictures_of(2))
    assert own_links(at)


def test_the_vectors_of_others_are_not_read(collection: Collection, home: Path, pictures: Path) -> None:
    twin = build_collection("twin", pictures, home=home, specs=[embedder_spec("color_histogram")]).collection
    index = home / "twin" / twin.manifest.spaces["color_histogram"].index.file
    index.write_bytes(bytes(index.stat().st_size))
    at = page(view="collections")
    assert not at.error
    assert words(at).count("All of its files are here.") == 2


def test_where_none_opens_there_are_only_the_reasons(collection: Collection, home: Path) -> None:
    (home / "discs" / collection.manifest.items.file).unlink()
    at = page(view="collections")
    assert len(at.error) == 1
    assert not at.get("file_uploader")


def test_own_pictures_become_a_collection_that_is_searched(collection: Collection) -> None:
    at = make(page(view="collections", item="red/0.png"), pictures_of(5))
    assert "**5** pictures · **0** labels" in words(at)
    name = own_name(at)
    at.query_params = {"collection": name, "item": "0.png"}
    at.run()
    assert not at.info
    assert sorted(results(at)) == ["1.png", "2.png", "3.png", "4.png"]
    at.query_params["view"] = "quality"
    at.run()
    assert "not measured" in at.info[0].value
    at.query_params["view"] = "compare"
    at.run()
    assert "nothing to set beside it" in at.info[0].value
    assert not at.code


def test_who_waits_for_own_pictures_is_led_to_the_search_in_them(collection: Collection) -> None:
    at = page(view="collections", item="red/0.png", k="5")
    hand_in(at, pictures_of(3))
    name = at.session_state["own"].name
    assert at.query_params == {"collection": name, "k": "5"}
    assert sorted(results(at)) == ["1.png", "2.png"]  # 0 is asked with: of its two neighbours one is far the nearer


def test_who_looks_elsewhere_gets_a_way_there_until_it_was_taken_or_put_away(collection: Collection) -> None:
    def way(at: AppTest) -> list[str]:
        given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
        return [link["href"] for data in given if data.get("name") == "Your own pictures" for link in data["links"]]

    for is_taken in (True, False):
        at = page(view="collections")
        hand_in(at, pictures_of(3), view="about")
        assert at.query_params == {"view": "about"}
        (href,) = way(at)
        assert way(at.run()) == [href]
        if is_taken:
            at.query_params = parse_qs(href.removeprefix("?"))
            assert results(at.run())
        else:
            at.button(key="own_close").click()
        at.run()
        at.query_params = {"view": "about"}
        assert way(at.run()) == []


def test_a_zip_gives_labels_and_lists_what_was_left_out(collection: Collection) -> None:
    files = {f"{color}/{number}.png": png(number) for color in ("red", "blue") for number in range(3)}
    at = make(page(view="collections"), [archive({**files, "blue/x.jpg": b"words"})])
    assert "**6** pictures · **2** labels" in words(at)
    assert at.expander[0].label == "Left out: 1"


def test_what_names_were_read_as_and_what_has_no_row_is_said(collection: Collection) -> None:
    files = {f"강아지 {n}.png": png(n) for n in range(3)}
    table = "file_name,label\n강아지 0.png,개\n강아지 1.png,강아지\n".encode("cp949")
    at = make(page(view="collections"), pictures_of(1))
    assert "they were read as" not in words(at)
    data = zip_of_windows(files, "cp949")
    at = make(page(view="collections"), [("a.zip", data, "application/zip"), ("metadata.csv", table, "text/csv")])
    assert "they were read as cp949" in words(at)
    assert "Not named in metadata.csv, and so without a label: 1" in words(at)


def test_nobody_else_sees_it(collection: Collection) -> None:
    one, two = page(view="collections"), page(view="collections")
    name, other = own_name(make(one, pictures_of(2))), own_name(make(two, pictures_of(3)))
    assert name != other
    for at, own, foreign in ((one, name, other), (two, other, name)):
        assert own_name(at.run()) == own
        at.query_params["collection"] = foreign
        at.run()
        assert "somebody's own pictures" in at.info[0].value
        assert foreign not in words(at)
    stranger = page(collection=name, item="0.png")
    assert any("loaded again; then they are gone" in each.value for each in stranger.info)
    assert len(results(stranger)) == 11  # the default collection's


def test_thumbnails_need_the_name_and_the_digest(collection: Collection) -> None:
    name = own_name(make(page(view="collections"), pictures_of(2)))
    digest = resources.open_collection(name).items[0].thumbnail

    async def answer(name: str, digest: str) -> tuple[int, str]:
        response = await routes.thumbnail(
            Request({"type": "http", "path_params": {"collection": name, "digest": digest}, "headers": []})
        )
        return response.status_code, response.headers.get("cache-control", "")

    assert asyncio.run(answer(name, digest)) == (200, "private, max-age=31536000, immutable")
    assert asyncio.run(answer("own-" + "0" * 32, digest))[0] == 404
    assert asyncio.run(answer(name, "0" * 64))[0] == 404


def test_a_second_one_takes_the_place_of_the_first_also_in_the_address(collection: Collection) -> None:
    at = make(page(view="collections"), pictures_of(2))
    first = own_name(at)
    at.query_params = {"view": "collections", "collection": first, "item": "0.png"}
    at.run()
    make(at, pictures_of(3))
    second = own_name(at)
    assert second != first
    assert at.query_params == {"view": "collections", "collection": second}
    assert not at.info
    assert [path.name for path in resources.session_collections().home.glob("own-*")] == [second]


def test_it_can_be_deleted(collection: Collection) -> None:
    at = make(page(view="collections"), pictures_of(2))
    at.query_params = {"view": "collections", "collection": own_name(at), "item": "0.png"}
    at.run()
    at.button(key="own_delete").click().run()
    assert own_links(at) == {}
    assert at.query_params == {"view": "collections"}
    assert not at.info
    assert list(resources.session_collections().home.glob("own-*")) == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([("a.txt", b"words", "text/plain")], "There are no pictures among these files, only 1 \\*.txt."),
        ([archive({"../../x.png": b"x"})], "leads out of it"),
        ([archive({f"{n}.png": bytes(2**19) for n in range(3)})], "bytes when unpacked"),
        ([("a.zip", b"PK\x03\x04" + bytes(99), "application/zip")], "whole zip"),
        ([("a.jpg", b"words", "image/jpeg")], "The only picture cannot be used"),
    ],
)
def test_what_cannot_be_used_gets_words_and_what_was_there_stays(
    collection: Collection, files: list[File], reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMGSEARCH_MAX_OWN_MB", "1")
    get_settings.cache_clear()
    at = make(page(view="collections"), pictures_of(2))
    name = own_name(at)
    make(at, files)
    assert reason in at.error[0].value
    assert str(tmp_path) not in at.error[0].value
    assert own_name(at) == name


def test_errors_of_a_build_are_korean_for_a_korean(collection: Collection) -> None:
    at = make(page(view="collections", lang="ko"), [("a.txt", b"words", "text/plain")])
    assert at.error[0].value == "올린 파일에 이미지가 없고 다음 파일만 있습니다: 1 \\*.txt."


def test_reasons_are_korean_for_a_korean_also_in_the_list_of_a_collection_that_was_built_before(
    pictures: Path, home: Path
) -> None:
    (pictures / "<b>.jpg").write_bytes(b"nothing")
    (pictures / "cut.png").write_bytes((pictures / "red" / "0.png").read_bytes()[:60])
    for number in range(7):
        (pictures / f"{number}.txt").write_bytes(b"words")
    build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    (listed,) = (each.markdown[0].value for each in page(view="collections", lang="ko").expander if "제외" in each.label)
    assert listed.splitlines() == [
        "- **\\*.txt**: 읽을 수 있는 형식의 이미지가 아닙니다. \\(0.txt 등 파일 7개\\)",
        "- **\\<b\\>.jpg**: 읽을 수 있는 형식의 이미지가 아닙니다. JPEG, PNG, WebP 등으로 저장해 다시 시도하세요.",
        "- **cut.png**: 이미지 파일이 중간에 잘려 있습니다.",
    ]


def test_without_files_it_says_what_is_missing(collection: Collection) -> None:
    at = page(view="collections")
    at.button(key="own_make").click().run()
    assert "choose some pictures" in at.info[0].value


def test_so_many_may_be_made_in_a_time(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[str] = []
    monkeypatch.setattr("imgsearch.ui.views.collections.own_pictures.release_upload", released.append)
    at = page(view="collections")
    for _ in range(3):
        assert not make(at, pictures_of(1)).error
    make(at, pictures_of(1))
    assert "At most 3 collections can be made in 5 minutes." in at.error[0].value
    assert len(released) == 4  # also what was refused
    monkeypatch.setattr(visitors, "this", lambda: "203.0.113.2")
    assert not make(page(view="collections"), pictures_of(1)).error  # another visitor may


def test_where_the_network_cannot_be_loaded_making_one_says_so(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = make(page(view="collections"), pictures_of(2))
    name = own_name(at)

    def fail(content: bytes) -> None:
        raise BackboneUnavailableError("Its weights are not here.")

    monkeypatch.setattr(resources, "embedders", lambda visitor: FakeEmbedders(fail))
    make(at, pictures_of(3))
    assert "Its weights are not here" in at.error[0].value
    assert own_name(at) == name


@pytest.mark.parametrize(
    ("spaces", "expected"),
    [
        (["color_histogram", "mini"], ["color_histogram"]),
        (["mini", "edge_histogram", "cedd"], ["mini", "edge_histogram"]),
        (["mini"], ["mini", "color_histogram"]),
    ],
)
def test_own_pictures_are_compared_as_the_collection_and_by_a_descriptor(spaces: list[str], expected: list[str]) -> None:
    fake = SimpleNamespace(spaces={name: SimpleNamespace(spec=embedder_spec(name)) for name in spaces})
    assert [spec.name for spec in embedders(fake)] == expected  # type: ignore[arg-type]
