"""The bundled backbone without TensorFlow: builds, uploads, regions, Why, and a visitor's own pictures with `mini`."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from imgsearch import Collection, Region, build_collection, decode_image, embedder_spec, pack, pull
from imgsearch.cli import cli
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.networks import bundled_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from imgsearch.errors import BackboneUnavailableError
from tests.conftest import LABELS, PER_LABEL, draw_picture

MINI = embedder_spec("mini")
QUERY = "red/2.png"


@pytest.fixture
def built(pictures: Path, home: Path) -> Collection:
    """The discs, embedded by `mini`."""
    return build_collection("discs", pictures, home=home, specs=[MINI]).collection


@pytest.fixture
def worker(home: Path) -> Iterator[WorkerEmbedders]:
    """The page's own way to an uploaded picture."""
    client = WorkerClient(home, timeout_s=60, queue=8)
    yield WorkerEmbedders(client)
    client.close()


def test_a_build_names_the_bundled_network(built: Collection) -> None:
    assert importlib.util.find_spec("tensorflow") is None
    assert built.space().spec.network == bundled_network(MINI)
    assert len(built.items) == len(LABELS) * PER_LABEL
    vectors = built.space().embeddings
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert len(np.unique(vectors, axis=0)) == len(vectors)


def test_a_picture_of_the_collection_comes_back_at_0_by_the_worker(
    built: Collection, pictures: Path, worker: WorkerEmbedders
) -> None:
    for item in built.items:
        first = built.search(picture=(pictures / item.item_id).read_bytes(), embedders=worker, k=1).results[0]
        assert (first.item.item_id, first.distance) == (item.item_id, 0)


def test_a_part_of_an_upload_is_seen_as_what_is_cut_out(
    built: Collection, pictures: Path, worker: WorkerEmbedders, home: Path
) -> None:
    region = Region(0.25, 0, 1, 1)  # 60 x 60 of 80 x 60 px, so no edge is mirrored
    upload = (pictures / QUERY).read_bytes()
    found = built.search(picture=upload, region=region, embedders=worker, k=3).results
    cut = np.asarray(Image.fromarray(decode_image(upload).pixels[:, 20:]).resize((192, 192), Image.Resampling.BICUBIC))
    (vector,) = load_embedder(MINI, home).embed_prepared([cut])
    expected = np.sort(np.linalg.norm(built.space().embeddings - vector, axis=1))[:3]
    assert [result.distance for result in found] == pytest.approx(expected, abs=1e-3)
    assert found[0].distance > 0.01


def test_what_a_match_rests_on_adds_up_to_the_embedding(built: Collection, pictures: Path, worker: WorkerEmbedders) -> None:
    (maps,) = worker.feature_maps((pictures / QUERY).read_bytes(), built.space().spec)
    raw = maps.raw_embedding
    stored = built.space().vectors(built.items.row_of(QUERY))
    assert maps.values.shape == (6, 6, 256)
    np.testing.assert_allclose(raw / np.linalg.norm(raw), stored, atol=1e-5)


def test_a_package_answers_uploads_in_another_home(
    built: Collection, pictures: Path, home: Path, tmp_path: Path, worker: WorkerEmbedders
) -> None:
    pack("discs", home, tmp_path / "discs.tar")
    pulled = pull(str(tmp_path / "discs.tar"), tmp_path / "elsewhere")
    client = WorkerClient(tmp_path / "elsewhere", timeout_s=60, queue=8)
    try:
        upload = (pictures / QUERY).read_bytes()
        (first,) = pulled.search(picture=upload, k=1, embedders=WorkerEmbedders(client)).results
    finally:
        client.close()
    assert (first.item.item_id, first.distance) == (QUERY, 0)


def test_the_command_line_builds_with_mini_where_inception_has_to_be_exported(pictures: Path, home: Path) -> None:
    done = CliRunner().invoke(cli, ["build", "discs", "--images", str(pictures)])
    assert done.exit_code == 0
    assert "TensorFlow is needed to make this network" in done.stderr
    assert "Building with the bundled backbone, mini, instead." in done.stderr
    assert list(Collection.open("discs", home).spaces) == ["mini"]


def test_another_backbone_says_what_to_install(pictures: Path, home: Path) -> None:
    spec = EmbedderSpec("mobilenet_v2", weights="imagenet")
    with pytest.raises(BackboneUnavailableError, match="TensorFlow is needed to make this network") as caught:
        build_collection("discs", pictures, home=home, specs=[spec])
    assert caught.value.hint is not None
    assert "Install requirements.txt" in caught.value.hint


def test_a_picture_that_nothing_is_like_is_still_answered(
    built: Collection, worker: WorkerEmbedders, tmp_path: Path
) -> None:
    draw_picture((250, 250, 250), 3).save(tmp_path / "white.png")
    page = built.search(picture=tmp_path / "white.png", embedders=worker, k=3)
    assert len(page.results) == 3
    assert page.results[0].distance > 0
