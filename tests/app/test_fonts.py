"""The page's fonts: sent in place of Streamlit's, and with every icon that is named."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from streamlit.file_util import get_static_dir
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_assets_routes

from imgsearch.ui.server.delivery.fonts import FOLDER, FONTS, CutFonts
from scripts.cut_fonts import icon_names

MEDIA = Path(get_static_dir(), "static", "media")


def ask(path: Path, method: str = "GET", headers: Mapping[str, str] | None = None) -> httpx.Response:
    async def answer() -> httpx.Response:
        app = CutFonts(Starlette(routes=create_streamlit_static_assets_routes("")))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page") as client:
            return await client.request(method, f"/static/media/{path.name}", headers=headers)

    return asyncio.run(answer())


@pytest.mark.parametrize(("name", "whole"), FONTS.items())
def test_a_cut_font_comes_in_place_of_the_whole_one_and_is_asked_for_again(name: str, whole: str) -> None:
    (path,) = MEDIA.glob(f"{whole}.*.woff2")
    response = ask(path)
    assert (response.status_code, response.content) == (200, (FOLDER / f"{name}.woff2").read_bytes())
    assert response.headers["Content-Type"] == "font/woff2"
    assert response.headers["Cache-Control"] == "no-cache"
    assert len(response.content) < path.stat().st_size / 4
    again = ask(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["Cache-Control"]) == (304, b"", "no-cache")
    head = ask(path, "HEAD")
    assert (head.content, head.headers) == (b"", response.headers)
    assert ask(path, "POST").status_code == 405


def test_other_fonts_are_streamlits() -> None:
    (path,) = MEDIA.glob("SourceCodeVF-Upright.*.woff2")
    assert ask(path).content == path.read_bytes()


def test_every_icon_that_is_named_is_in_the_font() -> None:
    missing = set(icon_names()) - set((FOLDER / "icons.txt").read_text().split())
    assert not missing, "run scripts.cut_fonts"
