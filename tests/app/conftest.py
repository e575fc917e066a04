"""What every test of the page starts with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from imgsearch.ui import resources
from imgsearch.ui.server import limits, routes


@pytest.fixture(autouse=True)
def _nobody_was_here() -> Iterator[None]:
    """All tests have the same visitor, and what one did does not count for the next."""
    counts = (
        limits._places,
        limits._looks,
        limits._builds,
        limits._pace,
        limits._judgements,
    )  # before a test replaces one of them
    for count in counts:
        count.clear()
    yield
    for count in counts:
        count.clear()


@pytest.fixture
def no_leftovers() -> Iterator[None]:
    """For tests after which no worker runs, and no collection stays open."""
    yield
    resources.worker().close()
    for cached in (resources._open, resources.worker):
        cached.clear()


def refined(at: AppTest) -> AppTest:
    """The page with Refine open, whose controls are drawn only then."""
    at.session_state["refine"] = True
    return at.run()


def get(url: str) -> httpx.Response:
    """What the routes answer."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
            return await client.get(url)

    return asyncio.run(ask())
