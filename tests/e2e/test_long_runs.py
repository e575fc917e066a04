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


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 863, 865, 1440])
def test_stop_lies_over_no_link(chromium: Browser, slow_server: Server, width: int, lang: str) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 800})
    try:
        page.goto(f"{slow_server.url}/?lang={lang}")
        stop = page.get_by_test_id("stStatusWidget")
        expect(stop).to_be_visible()
        page.wait_for_timeout(300)  # it fades in, growing
        row, over = page.locator(".st-key-nav nav").bounding_box(), stop.bounding_box()
        assert row
        assert over
        assert row["x"] + row["width"] <= over["x"]
        stop.get_by_role("button").click(trial=True)
    finally:
        page.close()
