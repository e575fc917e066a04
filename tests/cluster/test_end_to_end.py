"""Pictures -> Ray -> Parquet -> Milvus -> the page in a browser: the answers are those of the same pictures in files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imgsearch import Collection, build_collection
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.embedding.spec import embedder_spec
from imgsearch.scale.embed import embed_pictures
from imgsearch.scale.load import load_datasets
from imgsearch.vectors.engines.milvus import MilvusTable
from tests.cluster.conftest import draw_pictures
from tests.cluster.milvus_server import Server
from tests.e2e.browser import BROWSER_ARGS, card_items, chromium_path, run_server, wait_for_health, wait_until_idle

N_PICTURES, N_ASKED, K = 60, 50, 12
TIE = 1e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures of three labels."""
    folder = tmp_path_factory.mktemp("pictures")
    draw_pictures(folder, N_PICTURES, ("red", "green", "blue"), seed=1)
    return folder


@pytest.fixture(scope="module")
def local(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    home = tmp_path_factory.mktemp("home")
    return build_collection("made", folder, home=home, specs=[embedder_spec("mini")]).collection


@pytest.fixture(scope="module")
def served(folder: Path, cluster: None, server: Server, tmp_path_factory: pytest.TempPathFactory) -> ServedCollection:
    place, home = tmp_path_factory.mktemp("dataset"), tmp_path_factory.mktemp("empty-home")
    embed_pictures(str(folder), embedder_spec("mini"), str(place), home=home)
    table = MilvusTable("made-by-ray", server.address)
    load_datasets([str(place)], table)
    return ServedCollection.open(table, home)


def check_same(found: list[str], local: Collection, item_id: str) -> None:
    """That these are the nearest of the local collection, those at the same distance in any order."""
    page = local.search(item_id, k=N_PICTURES - 1, effort="exact")
    distances = {result.item.item_id: result.distance for result in page.results}
    nearest = [result.distance for result in page.results[: len(found)]]
    assert len(found) == len(set(found)) == K
    assert np.allclose([distances[each] for each in found], nearest, rtol=0, atol=TIE)


def test_the_first_twelve_are_those_of_the_same_pictures_in_files(served: ServedCollection, local: Collection) -> None:
    for item in list(local.items)[:N_ASKED]:
        page = served.search(item.item_id, k=K, effort="exact")
        check_same([result.item.item_id for result in page.results], local, item.item_id)


@pytest.mark.skipif(not chromium_path(), reason="there is no chromium")
def test_a_browser_sees_them(
    served: ServedCollection, local: Collection, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright

    address = f"milvus://{server.address.removeprefix('http://')}/{served.name}"
    monkeypatch.setitem(os.environ, "IMGSEARCH_COLLECTIONS", address)
    with run_server(tmp_path / "home", tmp_path / "log") as page_server, sync_playwright() as playwright:
        wait_for_health(page_server, 200)
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(BROWSER_ARGS))
        page = browser.new_page()
        for item in list(local.items)[:5]:
            page.goto(f"{page_server.url}/?item={item.item_id}&rerank=none&effort=exact")
            wait_until_idle(page)
            check_same(card_items(page), local, item.item_id)
        assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
        browser.close()
