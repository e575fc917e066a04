"""What the server does beside running the page: thumbnails by URL, health, security headers, warm-up."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgsearch.errors import ImgSearchError
from imgsearch.manifest import COLLECTION_NAME
from imgsearch.session_collections import SESSION_NAME
from imgsearch.settings import SAMPLE_COLLECTION, get_settings
from imgsearch.ui import access, query_log, resources
from imgsearch.ui.map_points import map_digest, map_points
from imgsearch.ui.pulling import pulling
from imgsearch.ui.upload_room import UploadRoom

SCRIPT = Path(__file__).with_name("page.py")
_STYLE = Path(__file__).with_name("assets") / "page.css"
THUMBNAIL_ROUTE = "/app/static/thumbs"
MAP_ROUTE = "/app/static/maps"
EXAMPLE_ROUTE = "/app/static/examples"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)

# Streamlit's page needs inline scripts and styles, blobs and WebAssembly; nothing is loaded from anywhere else.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' data: ws: wss:; "  # data: is what Streamlit makes of a photo before it sends it
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
}


class SecurityHeaders:
    """ASGI middleware that adds the headers above to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        frames = get_settings().frame_ancestors
        self._headers = [(name.lower().encode(), _HEADERS[name].replace("{frames}", frames).encode()) for name in _HEADERS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in self._headers if name not in present),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class PageStyle:
    """ASGI middleware that puts our style into the head of Streamlit's index.html.

    Sent with the script's elements it would come after them, and what it keeps room for would jump.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._style = b"<style>" + _STYLE.read_bytes() + b"</style></head>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message = {}
        body = b""

        async def send_styled(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                if not _is_html(message):
                    await send(message)
            elif not _is_html(start):
                await send(message)
            else:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                styled = body.replace(b"</head>", self._style, 1)
                # The validators are those of Streamlit's file: they do not change with our style.
                dropped = (b"content-length", b"etag", b"last-modified")
                headers = [header for header in start["headers"] if header[0].lower() not in dropped]
                await send({**start, "headers": [*headers, (b"content-length", str(len(styled)).encode())]})
                await send({"type": "http.response.body", "body": styled})

        await self._app(scope, receive, send_styled if scope["type"] == "http" and scope["method"] == "GET" else send)


def _is_html(start: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start.get("headers", [])
    )


async def thumbnail(request: Request) -> Response:
    """One thumbnail. Its name is the digest of its content, so a browser may keep it for ever."""
    name, digest = request.path_params["collection"], request.path_params["digest"]
    if not (COLLECTION_NAME.fullmatch(name) and _DIGEST.fullmatch(digest)):
        return PlainTextResponse("Not found", 404)
    path = resources.home_of(name) / name / "thumbnails" / f"{digest}.webp"
    if not await run_in_threadpool(path.is_file):
        return PlainTextResponse("Not found", 404)
    return FileResponse(path, media_type="image/webp", headers=_kept(name))


async def example(request: Request) -> Response:
    """One example query, by its name in the listing."""
    examples = await run_in_threadpool(resources.example_queries, SAMPLE_COLLECTION)
    path = examples.get(request.path_params["name"])
    if path is None:
        return PlainTextResponse("Not found", 404)
    return FileResponse(path, media_type="image/jpeg", headers=_kept(SAMPLE_COLLECTION, "max-age=3600"))


async def points(request: Request) -> Response:
    """The points of a space's map. The address holds their digest, so a browser may keep them for ever."""
    name, space, digest = (request.path_params[part] for part in ("collection", "space", "digest"))
    if not COLLECTION_NAME.fullmatch(name):
        return PlainTextResponse("Not found", 404)
    try:
        collection = await run_in_threadpool(resources.open_collection, name)
        if digest != map_digest(collection, collection.space(space).name):
            return PlainTextResponse("Not found", 404)
        data = await run_in_threadpool(map_points, collection, space)
    except ImgSearchError:
        return PlainTextResponse("Not found", 404)
    return Response(data, media_type="application/json", headers=_kept(name))


def _kept(collection: str, how_long: str = "max-age=31536000, immutable") -> dict[str, str]:
    is_private = access.is_required() or SESSION_NAME.fullmatch(collection)
    return {"Cache-Control": f"{'private' if is_private else 'public'}, {how_long}"}


def _guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint, only for addresses with a key to their collection, where visitors must sign in."""

    async def answer(request: Request) -> Response:
        name = request.path_params.get("collection", SAMPLE_COLLECTION)  # examples are the sample's
        if not access.opens(request.query_params.get("key", ""), name):
            return PlainTextResponse("Forbidden", 403, {"Cache-Control": "no-store"})
        return await endpoint(request)

    return answer


async def health(_: Request) -> Response:
    """200 once the page can answer: there is a collection and it opens. 503 before."""
    try:
        if await run_in_threadpool(resources.open_first_collection) is None:
            return JSONResponse({"status": "no collection"}, 503)
    except ImgSearchError:
        return JSONResponse({"status": "the collection cannot be used"}, 503)
    return JSONResponse({"status": "ok"})


def routes() -> list[BaseRoute]:
    """The routes beside Streamlit's own."""
    return [
        Route(THUMBNAIL_ROUTE + "/{collection}/{digest}.webp", _guarded(thumbnail)),
        Route(MAP_ROUTE + "/{collection}/{space}/{digest}.json", _guarded(points)),
        Route(EXAMPLE_ROUTE + "/{name}", _guarded(example)),
        Route("/api/health", health),
    ]


def middleware() -> list[Middleware]:
    """What wraps every request."""
    return [Middleware(SecurityHeaders), Middleware(PageStyle), Middleware(UploadRoom)]


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Pulls what belongs here; opens the first collection, so that no visitor waits; ends the worker with the server."""
    query_log.switch_on()
    pulling().start()
    resources.session_collections()  # removes what a killed server has left of visitors' pictures
    threading.Thread(target=_open_first, name="open-first-collection", daemon=True).start()
    try:
        yield
    finally:
        resources.worker().close()
        resources.session_collections().close()


def _open_first() -> None:
    try:
        resources.open_first_collection()
    except ImgSearchError as exc:
        _log.warning("The first collection cannot be opened: %s", exc.message)
