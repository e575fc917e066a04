"""What the server answers beside Streamlit's own: thumbnails, example queries, maps, words, contact sheets, its health."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from imgsearch.collection.served.address import served_addresses
from imgsearch.collection.session import SESSION_NAME
from imgsearch.errors import ImgSearchError, ServerError
from imgsearch.files.home import COLLECTION_NAME, thumbnail_path
from imgsearch.settings import SAMPLE_COLLECTION
from imgsearch.ui import resources
from imgsearch.ui.server import access
from imgsearch.ui.server.delivery import thumbnails
from imgsearch.ui.server.delivery.contact_sheet import MEDIA_TYPE, contact_sheet, sheet_digest
from imgsearch.ui.server.delivery.previews import SHEET_ROUTE
from imgsearch.ui.server.delivery.word_list import word_list, words_digest
from imgsearch.ui.server.map_points import map_digest, map_points
from imgsearch.ui.server.pulling import pulling
from imgsearch.ui.texts import LANGUAGES

SCRIPT = Path(__file__).parents[1] / "page.py"
"""What Streamlit runs for every visitor and every click."""
THUMBNAIL_ROUTE = "/app/static/thumbs"
SMALL_THUMBNAIL_ROUTE = "/app/static/small-thumbs"
MAP_ROUTE = "/app/static/maps"
WORDS_ROUTE = "/app/static/words"
EXAMPLE_ROUTE = "/app/static/examples"
_DIGEST = re.compile(r"[0-9a-f]{64}")


async def thumbnail(request: Request) -> Response:
    """One thumbnail. Its name is the digest of its content, so a browser may keep it for ever."""
    name, digest = request.path_params["collection"], request.path_params["digest"]
    if not (COLLECTION_NAME.fullmatch(name) and _DIGEST.fullmatch(digest)):
        return PlainTextResponse("Not found", 404)
    if name in served_addresses():
        return await run_in_threadpool(_served_thumbnail, name, digest)
    path = thumbnail_path(resources.home_of(name) / name, digest)
    if not await run_in_threadpool(path.is_file):
        return PlainTextResponse("Not found", 404)
    return FileResponse(path, media_type="image/webp", headers=_kept(name))


def _served_thumbnail(name: str, digest: str) -> Response:
    try:
        data = resources.served_thumbnail(name, digest)
    except ServerError:
        return PlainTextResponse("Not now", 503, {"Cache-Control": "no-store", "Retry-After": "5"})
    except ImgSearchError:
        return PlainTextResponse("Not found", 404)
    return Response(data, media_type="image/webp", headers=_kept(name))


async def small_thumbnail(request: Request) -> Response:
    """The same, smaller; as it is for who asks first, and where it cannot be made smaller."""
    answer = await thumbnail(request)
    data = thumbnails.small_thumbnail(Path(answer.path)) if isinstance(answer, FileResponse) else None
    if data is None:
        return answer
    return Response(data, media_type="image/webp", headers=_kept(request.path_params["collection"]))


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


async def words(request: Request) -> Response:
    """The words that a collection can be asked for. The address holds their digest, so a browser may keep them for ever."""
    name, language, digest = (request.path_params[part] for part in ("collection", "language", "digest"))
    if not COLLECTION_NAME.fullmatch(name) or language not in LANGUAGES:
        return PlainTextResponse("Not found", 404)
    try:
        collection = await run_in_threadpool(resources.open_collection, name)
    except ImgSearchError:
        return PlainTextResponse("Not found", 404)
    if digest != words_digest(collection):
        return PlainTextResponse("Not found", 404)
    data = await run_in_threadpool(word_list, collection, language)
    return Response(data, media_type="application/json", headers=_kept(name))


async def sheet(request: Request) -> Response:
    """The contact sheet of a collection, where the page is open to all. The address holds the digest of what it shows."""
    name, digest = request.path_params["collection"], request.path_params["digest"]
    if access.is_required() or not COLLECTION_NAME.fullmatch(name) or SESSION_NAME.fullmatch(name):
        return PlainTextResponse("Not found", 404)
    try:
        outline = await run_in_threadpool(resources.outline, name)
        if digest != sheet_digest(outline):
            return PlainTextResponse("Not found", 404)
        data = await run_in_threadpool(_contact_sheet, name, digest)
    except ImgSearchError:
        return PlainTextResponse("Not found", 404)
    return Response(data, media_type=MEDIA_TYPE, headers=_kept(name))


@lru_cache(maxsize=resources.MAX_OPEN_COLLECTIONS)
def _contact_sheet(name: str, digest: str) -> bytes:
    del digest  # only a part of the key
    return contact_sheet(resources.outline(name))


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
    """200 once the page can answer: there is a collection and it opens. 503 before.

    "getting ready" is said while what belongs here is pulled and indexed: what is there already is searched meanwhile.
    """
    status = "ok" if pulling().is_over else "getting ready"
    try:
        if await run_in_threadpool(resources.open_first_collection) is None:
            return JSONResponse({"status": "no collection" if pulling().is_over else status}, 503)
    except ServerError:
        return JSONResponse({"status": "the server of the collection does not answer"}, 503)
    except ImgSearchError:
        return JSONResponse({"status": "the collection cannot be used"}, 503)
    return JSONResponse({"status": status})


def routes() -> list[BaseRoute]:
    """The routes beside Streamlit's own."""
    return [
        Route(THUMBNAIL_ROUTE + "/{collection}/{digest}.webp", _guarded(thumbnail)),
        Route(SMALL_THUMBNAIL_ROUTE + "/{collection}/{digest}.webp", _guarded(small_thumbnail)),
        Route(MAP_ROUTE + "/{collection}/{space}/{digest}.json", _guarded(points)),
        Route(WORDS_ROUTE + "/{collection}/{language}/{digest}.json", _guarded(words)),
        Route(EXAMPLE_ROUTE + "/{name}", _guarded(example)),
        Route(SHEET_ROUTE + "/{collection}/{digest}.jpg", sheet),
        Route("/api/health", health),
    ]
