"""Real ImageNet weights on real pictures, where ../shared has them: the numbers that an independent program found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from imgsearch import build_collection
from imgsearch.embedding.classifier import kept_classifier
from imgsearch.embedding.embedder import Embedder, load_embedder
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.embedding.weights import keep_weights
from imgsearch.pictures.decode import decode_image
from tests.conftest import SHARED

WEIGHTS = SHARED / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"
WHOLE = WEIGHTS.with_name("mobilenet_v2_imagenet_full.weights.h5")
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


# --- classes

CLASS_OF_BREED = {
    "american_pit_bull_terrier": 180,
    "basset_hound": 161,
    "beagle": 162,
    "boxer": 242,
    "chihuahua": 151,
    "Egyptian_Mau": 285,
    "english_cocker_spaniel": 219,
    "english_setter": 212,
    "german_shorthaired": 210,
    "great_pyrenees": 257,
    "keeshond": 261,
    "leonberger": 255,
    "miniature_pinscher": 237,
    "newfoundland": 256,
    "Persian": 283,
    "pomeranian": 259,
    "pug": 254,
    "saint_bernard": 247,
    "samoyed": 258,
    "scottish_terrier": 199,
    "Siamese": 284,
    "staffordshire_bull_terrier": 179,
    "wheaten_terrier": 202,
    "yorkshire_terrier": 187,
}
"""The breeds that are classes of ImageNet, by their numbers in Keras' order."""


def average_precision(worths: np.ndarray, is_meant: np.ndarray) -> float:
    relevant = is_meant[np.argsort(-worths, kind="stable")]
    return float((relevant.cumsum() / np.arange(1, len(relevant) + 1))[relevant].mean())


def of_the_breeds(class_values: np.ndarray, labels: np.ndarray) -> float:
    """Mean average precision of the 24 breeds, each asked for by its class; class_values (1000, n)."""
    assert set(CLASS_OF_BREED) < set(labels)
    found = [average_precision(class_values[number], labels == name) for name, number in CLASS_OF_BREED.items()]
    return float(np.mean(found))


@pytest.mark.skipif(not WHOLE.is_file(), reason="needs the weights with the classifier of ../shared")
def test_a_collection_is_asked_for_breeds_by_the_classifier_in_the_weights(labels: np.ndarray, home: Path) -> None:
    spec = EmbedderSpec("mobilenet_v2", weights=keep_weights(WHOLE, home))
    report = build_collection("pets", PETS, home=home, specs=[spec], label_pattern=r"(?P<label>.+)_\d+\.jpg")
    assert list(report.remarks) == []
    collection = report.collection
    assert collection.word_space
    values = np.asarray(collection.word_space.class_values, np.float32)
    named = np.array([item.label for item in collection.items])
    assert average_precision(values[162], named == "beagle") > 0.9
    assert of_the_breeds(values, named) == pytest.approx(0.942, abs=0.01)


def test_without_the_classifier_in_the_weights_a_build_says_so(paths: list[Path], home: Path, tmp_path: Path) -> None:
    (tmp_path / "some").mkdir()
    for path in paths[:3]:
        (tmp_path / "some" / path.name).symlink_to(path)
    spec = EmbedderSpec("mobilenet_v2", weights=keep_weights(WEIGHTS, home))
    report = build_collection("pets", tmp_path / "some", home=home, specs=[spec])
    assert list(report.remarks) == [
        "mobilenet_v2 cannot be asked for words. The weights of mobilenet_v2 that are here hold no classifier."
    ]


def test_the_bundled_classifier_tells_the_breeds_nearly_as_well(paths: list[Path], labels: np.ndarray, home: Path) -> None:
    classifier = kept_classifier(embedder_spec("mini"), home)
    assert classifier
    values = classifier.probabilities(embed_all(load_embedder(embedder_spec("mini"), home), paths)).T
    assert of_the_breeds(values, labels) == pytest.approx(0.935, abs=0.01)
