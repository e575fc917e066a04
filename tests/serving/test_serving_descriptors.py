"""Collections of descriptors: built, searched, explained, brought up to date and handed on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Collection, Region, build_collection, decode_image, embedder_spec, pack, pull, update_collection
from imgsearch.embedding.descriptors import DESCRIPTORS
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.measure.duplicates import find_duplicates
from tests.conftest import draw_picture

QUERY = "red/2.png"


@pytest.fixture
def built(pictures: Path, home: Path) -> Collection:
    """The discs in a space of each descriptor."""
    return build_collection("discs", pictures, home=home, specs=[embedder_spec(name) for name in DESCRIPTORS]).collection


@pytest.fixture
def worker(home: Path) -> Iterator[WorkerEmbedders]:
    """The page's own way to an uploaded picture: a process that decodes and embeds it."""
    client = WorkerClient(home, timeout_s=60, queue=8)
    yield WorkerEmbedders(client)
    client.close()


def nearest_by_hand(collection: Collection, space: str, vector: np.ndarray, n: int) -> np.ndarray:
    cosines = np.sort(collection.space(space).embeddings.astype(np.float64) @ vector)[::-1]
    return np.sqrt(np.maximum(0, 2 - 2 * cosines[:n]))


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_an_item_is_searched_with(built: Collection, name: str) -> None:
    row = built.items.row_of(QUERY)
    found = built.search(item_id=QUERY, space=name, k=5, effort="exact").results
    expected = nearest_by_hand(built, name, built.space(name).embeddings[row], 6)
    np.testing.assert_allclose([result.distance for result in found], expected[1:], atol=1e-3)  # the first is itself
    assert row not in [result.row for result in found]


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_an_uploaded_picture_is_searched_with_by_the_worker(
    built: Collection, pictures: Path, worker: WorkerEmbedders, name: str
) -> None:
    upload = (pictures / QUERY).read_bytes()
    found = built.search(picture=upload, space=name, embedders=worker)
    assert found.results[0].item.item_id == QUERY
    assert found.results[0].distance == 0
    assert worker.client.pid


def test_a_part_of_an_upload_is_searched_with_by_the_worker(
    built: Collection, pictures: Path, worker: WorkerEmbedders
) -> None:
    region = Region(0.4, 0.4, 0.6, 0.6)  # 32 x 24 px at (32, 24)
    upload = (pictures / QUERY).read_bytes()
    found = built.search(picture=upload, space="color_histogram", region=region, embedders=worker, k=3).results
    vector = DESCRIPTORS["color_histogram"].compute(decode_image(upload).pixels[24:36, 32:48])
    assert [result.distance for result in found] == pytest.approx(
        nearest_by_hand(built, "color_histogram", vector, 3), abs=1e-3
    )
    whole = built.search(picture=upload, space="color_histogram", embedders=worker, k=3).results
    assert [result.distance for result in whole] != [result.distance for result in found]


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_why_takes_a_similarity_apart(built: Collection, name: str) -> None:
    space = built.space(name)
    first, second = (space.embeddings[built.items.row_of(item_id)] for item_id in ("red/0.png", "blue/3.png"))
    assert sum(match.share for match in space.spec.matches(first, second)) == pytest.approx(float(first @ second), abs=1e-5)


def test_new_pictures_come_in_by_an_update(built: Collection, pictures: Path, home: Path) -> None:
    draw_picture((250, 220, 20), 2).save(pictures / "new.png")
    report = update_collection("discs", home)
    assert (report.n_embedded, len(report.collection.items)) == (1, 13)
    assert report.collection.search(picture=(pictures / "new.png").read_bytes()).results[0].item.item_id == "new.png"


def test_a_map_of_many_pictures_is_that_of_their_principal_components(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(35):  # where there is scikit-learn, 30 are enough for t-SNE
        draw_picture((7 * number, 255 - 5 * number, 99), number % 5).save(folder / f"{number}.png")
    collection = build_collection("many", folder, home=home, specs=[embedder_spec("cedd")]).collection
    x, y = collection.space().projection.T.astype(np.float64)
    assert abs(np.corrcoef(x, y)[0, 1]) < 1e-4
    assert max(np.ptp(x), np.ptp(y)) == pytest.approx(1)


def test_a_collection_is_packed_here_and_pulled_there(built: Collection, home: Path, tmp_path: Path) -> None:
    packed = pack("discs", home, tmp_path / "discs.tar")
    pulled = pull(str(packed.path), tmp_path / "there")
    for name in DESCRIPTORS:
        np.testing.assert_array_equal(pulled.space(name).embeddings, built.space(name).embeddings)
    assert pulled.exact_spaces == []


def test_a_copy_is_found(pictures: Path, home: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    Image.fromarray(noise).save(pictures / "noise.png")
    Image.fromarray(noise).resize((96, 72)).save(pictures / "smaller.jpg", quality=90)
    collection = build_collection("discs", pictures, home=home, specs=[embedder_spec("color_layout")]).collection
    groups = [[group.keep, *(copy.row for copy in group.copies)] for group in find_duplicates(collection)]
    assert ["noise.png", "smaller.jpg"] in [[collection.items[row].item_id for row in rows] for rows in groups]
