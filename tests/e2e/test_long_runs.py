"""What Streamlit draws over the page while its script runs for long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from tests.e2e.browser import Server, run_server

HERE = Path(__file__).parent
APP = """import streamlit as st
from imgsearch.ui.server import lifespan, middleware, routes
app = st.App({script!r}, routes=routes.routes(), middleware=middleware.middleware(), lifespan=lifespan.lifespan)
"""


@pytest.fixture(scope="module")
def slow_server(chromium: Browser, e2e_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    script = folder / "app.py"
    script.write_text(APP.format(script=str(HERE / "slow_demo.py")))
    with run_server(e2e_home, folder / "log.txt", script=script) as server:
        yield server


@pytest.mark.parametrize(("lang", "word"), [("en", "Stop"), ("ko", "중지")])
def test_stop_lies_over_no_link_and_is_said_in_the_visitors_language(
    chromium: Browser, slow_server: Server, lang: str, word: str
) -> None:
    page = chromium.new_page()
    try:
        page.goto(f"{slow_server.url}/?lang={lang}")
        stop, links = page.get_by_test_id("stStatusWidget"), page.locator(".st-key-nav nav")
        expect(links.get_by_role("link").last).to_be_attached()
        expect(stop.get_by_role("button")).to_have_text(word)
        page.wait_for_timeout(300)  # it fades in, growing
        for width in (390, 863, 865, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            row, over = links.bounding_box(), stop.bounding_box()
            assert row
            assert over
            assert row["x"] + row["width"] <= over["x"], width
            stop.get_by_role("button").click(trial=True)
    finally:
        page.close()
