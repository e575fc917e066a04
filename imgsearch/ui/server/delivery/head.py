"""The head of the HTML that every visit begins with: our style, a title, and what a link to it is shown with elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch.ui.server.delivery.compression import compress, takes_gzip
from imgsearch.ui.server.delivery.previews import SITE, Preview, preview_of

_STYLE = Path(__file__).parents[1] / "page.css"
_TITLE = b"<title>Streamlit</title>"


class PageHead:
    """ASGI middleware that completes the head of Streamlit's index.html, and sends it compressed to who takes that.

    Sent with the script's elements, a style would come after them, and what it keeps room for would jump; and who asks for
    the preview of a link runs no script.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._style = b"<style>" + _STYLE.read_bytes() + b"</style>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        page: Message | None = None
        body = b""

        async def hold_page(message: Message) -> None:
            nonlocal page, body
            if message["type"] == "http.response.start" and _is_page(message):
                page = message
            elif page:
                body += message.get("body", b"")
            else:
                await send(message)

        await self._app(scope, receive, hold_page)
        if not page:
            return
        if scope["method"] == "HEAD":  # how long the page is, only the page says
            await self._app({**scope, "method": "GET"}, receive, hold_page)
        body = await self._completed(body, scope)
        headers = MutableHeaders(raw=list(page["headers"]))
        for name in ("ETag", "Last-Modified", "Accept-Ranges"):  # of Streamlit's file: they do not change with our head
            del headers[name]
        headers.add_vary_header("Accept-Encoding, Accept-Language")
        if takes_gzip(scope):
            body = compress(body)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        await send({**page, "headers": headers.raw})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _completed(self, page: bytes, scope: Scope) -> bytes:
        language = Headers(scope=scope).get("Accept-Language", "")
        preview = await run_in_threadpool(preview_of, scope["query_string"].decode("ascii", "replace"), language)
        title = preview.title if preview else SITE
        page = page.replace(_TITLE, f"<title>{escape(title)}</title>".encode(errors="replace"), 1)
        tags = _tags(preview).encode(errors="replace") if preview else b""
        return page.replace(b"</head>", self._style + tags + b"</head>", 1)


def _tags(preview: Preview) -> str:
    """The tags of the Open Graph protocol (https://ogp.me), which chats and social networks read.

    No og:url: some would lead there instead of to the link itself.
    """
    contents = {
        "description": preview.description,
        "og:type": "website",
        "og:site_name": SITE,
        "og:title": preview.title,
        "og:description": preview.description,
        "og:locale": preview.language,
    }
    if preview.picture:
        contents |= {
            "og:image": preview.picture.url,
            "og:image:type": preview.picture.media_type,
            "og:image:width": str(preview.picture.width),
            "og:image:height": str(preview.picture.height),
            "og:image:alt": preview.picture.alt,
            "twitter:card": "summary_large_image",
        }
    kinds = {name: "property" if name.startswith("og:") else "name" for name in contents}
    return "".join(f'<meta {kinds[name]}="{name}" content="{escape(text)}">' for name, text in contents.items())


def _is_page(start: Message) -> bool:
    is_html = Headers(raw=start["headers"]).get("Content-Type", "").startswith("text/html")
    return is_html and bool(start["status"] == 200)
