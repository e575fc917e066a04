"""Fonts cut to what the page shows, in place of Streamlit's, which speak dozens of languages and hold 4,000 icons.

`scripts.cut_fonts` makes them. What they leave out is drawn by a font of the visitor's system, as Korean is: Streamlit's
have none of it either.
"""

from __future__ import annotations

from pathlib import Path

from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from imgsearch.ui.server import internals

FOLDER = Path(__file__).parent
FONTS = {
    "sans": "SourceSansVF-Upright.ttf",
    "italic": "SourceSansVF-Italic.ttf",
    "serif": "SourceSerifVariable-Roman.ttf",
    "icons": "MaterialSymbols-Rounded",
}
"""Names of the fonts here, and those of Streamlit's that they are cut from."""


class CutFonts:
    """ASGI middleware that answers with the fonts here where Streamlit's are asked for.

    Under Streamlit's own addresses, since its scripts load the icons before any style of ours could name others. They hold
    a digest of Streamlit's file: what is here may change below one, so browsers ask each time whether it has.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files = StaticFiles(directory=FOLDER)
        self._names = {internals.font_path(whole): f"{name}.woff2" for name, whole in FONTS.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self._names.get(scope["path"]) if scope["type"] == "http" else None
        if name is None or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        response = await self._files.get_response(name, scope)
        response.headers["Cache-Control"] = "no-cache"
        await response(scope, receive, send)
