"""What the server answers beside the page: thumbnails, headers, health; and a home without a collection."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imgsearch import Collection

pytest.importorskip("playwright")

from playwright.sync_api import Browser, Page, expect

from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.supply.upkeep import remove_collection
from imgsearch.ui.frame import VIEWS
from tests.e2e.browser import GALLERY, ROOT, Server, card_items, run_server, wait_for_health, wait_until_idle

if TYPE_CHECKING:
    Visit = Callable[..., Page]

THUMBNAILS = "/app/static/thumbs"


def test_thumbnails_may_be_kept_for_ever(server: Server, discs: Collection) -> None:
    answer = server.get(f"{THUMBNAILS}/discs/{discs.items[0].thumbnail}.webp")
    assert answer.status == 200
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.body == discs.thumbnail_path(discs.items[0]).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        f"{THUMBNAILS}/discs/{'0' * 64}.webp",
        f"{THUMBNAILS}/discs/nonsense.webp",
        f"{THUMBNAILS}/nope/{'0' * 64}.webp",
        f"{THUMBNAILS}/discs/%00.webp",
        f"{THUMBNAILS}/../../manifest.json",
        f"{THUMBNAILS}/%2e%2e/%2e%2e/etc/passwd",
        f"{THUMBNAILS}/..%2f..%2f/manifest.webp",
        f"{THUMBNAILS}/discs/..%5c..%5cmanifest.webp",
        "/app/static/examples/..%2fsample%2fmanifest.json",
        "/app/static/examples/nope.jpg",
        "//etc/passwd",
    ],
)
def test_nonsense_and_traversal_get_nothing(server: Server, path: str) -> None:
    answer = server.get(path)
    assert answer.status in (400, 404)
    assert answer.body in (b"Not found", b"Bad Request")


@pytest.mark.parametrize(
    "path", ["/_stcore/metrics", "/_stcore/metrics/", "/_stcore/%6detrics", "/_stcore/metrics?families=active_sessions"]
)
def test_metrics_are_closed(server: Server, path: str) -> None:
    answer = server.get(path)
    assert (answer.status, answer.body) == (404, b"Not found")


def test_metrics_open_where_they_are_asked_for(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_METRICS", "1")
    with run_server(tmp_path / "home", tmp_path / "log.txt") as server:
        answer = server.get("/_stcore/metrics")
    assert answer.status == 200
    assert b"active_sessions" in answer.body


@pytest.mark.parametrize(
    "path", ["/", "/api/health", "/_stcore/metrics", "/_stcore/health", f"{THUMBNAILS}/discs/nonsense.webp"]
)
def test_every_answer_has_the_security_headers(server: Server, path: str) -> None:
    headers = server.get(path).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "object-src 'none'" in headers["content-security-policy"]
    scripts = re.search("script-src ([^;]+);", headers["content-security-policy"])
    assert scripts
    assert re.fullmatch(r"'self'( 'sha256-[\w+/]{43}=')+ blob:", scripts[1])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "permissions-policy" in headers


def test_the_page_runs_no_script_of_others_and_talks_to_no_other_server(chromium: Browser, server: Server) -> None:
    page = chromium.new_page()  # whose console may complain
    page.goto(server.url)
    wait_until_idle(page)  # so the websocket to its own server stands
    refused = page.evaluate(
        """() => new Promise(resolve => {
          const refused = [];
          document.addEventListener('securitypolicyviolation', event => {
            refused.push(event.effectiveDirective);
            if (refused.length === 4) resolve(refused.sort());
          });
          const script = document.createElement('script');
          script.textContent = 'window.ran = true';
          document.body.append(script);
          const link = document.createElement('div');
          document.body.append(link);
          link.setAttribute('onclick', 'window.ran = true');
          link.click();
          fetch('http://127.0.0.1:9/').catch(() => {});
          try { new WebSocket('ws://127.0.0.1:9/') } catch { }
        })"""
    )
    assert refused == ["connect-src", "connect-src", "script-src-attr", "script-src-elem"]
    assert page.evaluate("window.ran") is None
    page.close()


def test_an_empty_page_and_its_code_keep_to_the_policy(chromium: Browser, tmp_path: Path) -> None:
    with run_server(tmp_path / "nothing", tmp_path / "log.txt") as server:
        remove_collection(SAMPLE_COLLECTION, tmp_path / "nothing")
        page = chromium.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(server.url)
        expect(page.get_by_test_id("stCode")).to_be_visible()
        wait_until_idle(page)
        page.close()
    assert said == []


@pytest.mark.parametrize(("width", "is_small"), [(1280, True), (390, False)])
def test_cards_load_the_thumbnails_that_their_screen_can_show(visit: Visit, width: int, is_small: bool) -> None:
    page = visit(width=width)  # a phone has two pixels for each of CSS
    for name in ("Most similar pictures", GALLERY):
        image = page.get_by_role("list", name=name).locator("img").first
        expect(image).to_have_js_property("complete", True)
        shown = image.evaluate("image => image.currentSrc")
        assert ("/small-thumbs/" in shown) == is_small
        assert image.evaluate("image => image.naturalWidth") > 0


def test_nothing_is_fetched_from_elsewhere(visit: Visit, server: Server) -> None:
    page = visit()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.reload()
    wait_until_idle(page)
    assert len(urls) > 36  # the thumbnails alone
    assert [url for url in urls if not url.startswith((server.url, f"blob:{server.url}", "data:"))] == []


def test_a_host_that_runs_app_py_as_a_plain_script_shows_the_page_with_its_pictures(
    chromium: Browser, home: Path, collection: Collection, tmp_path: Path
) -> None:
    script = tmp_path / "host.py"  # in which Streamlit finds no st.App
    script.write_text(f"import runpy\nrunpy.run_path({str(ROOT / 'app.py')!r}, run_name='__main__')\n")
    with run_server(home, tmp_path / "log.txt", script=script, is_ready="/_stcore/health") as server:
        page = chromium.new_page()
        try:
            for go in (lambda: page.goto(server.url), page.reload):  # once more in the same process
                with page.expect_response(f"**{THUMBNAILS}/discs/*.webp") as answered:
                    go()
                assert answered.value.ok
                wait_until_idle(page)
                assert len(card_items(page, GALLERY)) == 12
        finally:
            page.close()
        assert wait_for_health(server, 200) == {"status": "ok"}
        answer = server.get(f"{THUMBNAILS}/discs/{collection.items[0].thumbnail}.webp")
        assert answer.body == collection.thumbnail_path(collection.items[0]).read_bytes()
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_host_that_runs_app_py_as_a_plain_script_on_an_empty_home_shows_the_sample(
    chromium: Browser, tmp_path: Path
) -> None:
    script = tmp_path / "host.py"
    script.write_text(f"import runpy\nrunpy.run_path({str(ROOT / 'app.py')!r}, run_name='__main__')\n")
    home = tmp_path / "nothing"
    with run_server(home, tmp_path / "log.txt", script=script, is_ready="/_stcore/health") as server:
        page = chromium.new_page()
        page.goto(server.url)
        wait_until_idle(page)
        assert card_items(page, GALLERY)[0] == "Basset_Hound/Basset_Hound_01.jpg"
        page.close()
        assert wait_for_health(server, 200) == {"status": "ok"}
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_an_empty_home_begins_with_the_sample_and_without_it_says_what_to_do(chromium: Browser, tmp_path: Path) -> None:
    with run_server(tmp_path / "nothing", tmp_path / "log.txt") as server:
        assert wait_for_health(server, 200) == {"status": "ok"}
        remove_collection(SAMPLE_COLLECTION, tmp_path / "nothing")
        assert wait_for_health(server, 503) == {"status": "no collection"}
        page = chromium.new_page()
        page.goto(server.url)
        expect(page.get_by_text("There is no collection here yet.")).to_be_visible()
        expect(page.get_by_text("python -m imgsearch build NAME --images DIR")).to_be_visible()
        page.close()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")
def test_looking_around_loads_no_heavy_package(chromium: Browser, e2e_home: Path, tmp_path: Path) -> None:
    # A server of its own: making a collection of own pictures does load some.
    with run_server(e2e_home, tmp_path / "log.txt") as server:
        page = chromium.new_page()
        for view in VIEWS:
            page.goto(f"{server.url}/?view={view}")
            wait_until_idle(page)
        page.close()
        loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "/streamlit/" in loaded or "/pyarrow/" in loaded
    assert not [name for name in ("tensorflow", "keras", "pandas", "sklearn", "scipy") if f"/{name}/" in loaded]
