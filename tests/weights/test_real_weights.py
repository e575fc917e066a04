"""Real ImageNet weights on real pictures, where ../shared has them: the numbers that an independent program found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from imgsearch.embedding.embedder import Embedder, load_embedder
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.embedding.weights import keep_weights
from imgsearch.pictures.decode import decode_image
from tests.conftest import SHARED

WEIGHTS = SHARED / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"
PETS = SHARED / "pets"

pytestmark = [
    pytest.mark.weights,
    pytest.mark.skipif(not (WEIGHTS.is_file() and PETS.is_dir()), reason="needs the weights and pets of ../shared"),
]


@pytest.fixture(scope="module")
def paths() -> list[Path]:
    return sorted(PETS.glob("*.jpg"))


@pytest.fixture(scope="module")
def labels(paths: list[Path]) -> np.ndarray:
    return np.array([re.sub(r"_\d+$", "", path.stem) for path in paths])


def embed_all(embedder: Embedder, paths: list[Path]) -> np.ndarray:
    return embedder.embed_prepared([embedder.prepare(decode_image(path).pixels) for path in paths])


@pytest.fixture(scope="module")
def embeddings(paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    home = tmp_path_factory.mktemp("home")
    return embed_all(load_embedder(EmbedderSpec("mobilenet_v2", weights=keep_weights(WEIGHTS, home)), home), paths)


def leave_one_out(embeddings: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """precision@1, precision@5 and mean average precision, each picture searching among all others."""
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :-1]
    relevant = labels[order] == labels[:, None]
    precisions = relevant.cumsum(axis=1) / np.arange(1, len(labels))
    average = (precisions * relevant).sum(axis=1) / relevant.sum(axis=1)
    return {"p1": relevant[:, 0].mean(), "p5": relevant[:, :5].mean(), "map": average.mean()}


def test_two_beagles_are_nearer_than_a_beagle_and_a_persian(embeddings: np.ndarray, labels: np.ndarray) -> None:
    first, second = embeddings[labels == "beagle"][:2]
    persian = embeddings[labels == "Persian"][0]
    assert first @ second > max(first @ persian, second @ persian)


def test_leave_one_out_on_the_pets_is_as_independently_computed(embeddings: np.ndarray, labels: np.ndarray) -> None:
    assert len(labels) == 259
    assert leave_one_out(embeddings, labels) == pytest.approx({"p1": 0.826, "p5": 0.690, "map": 0.717}, abs=0.015)


def test_colour_finds_no_breeds(paths: list[Path], labels: np.ndarray, home: Path) -> None:
    embeddings = embed_all(load_embedder(embedder_spec("color_histogram"), home), paths)
    assert leave_one_out(embeddings, labels)["p5"] < 0.10


def test_the_bundled_backbone_is_nearly_as_good_as_what_it_was_made_from(
    paths: list[Path], labels: np.ndarray, home: Path
) -> None:
    embeddings = embed_all(load_embedder(embedder_spec("mini"), home), paths)
    assert leave_one_out(embeddings, labels) == pytest.approx({"p1": 0.803, "p5": 0.669, "map": 0.690}, abs=0.01)
