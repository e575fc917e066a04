"""Descriptors: bins of a colour histogram counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgsearch.descriptors import DESCRIPTORS, color_histogram, squash
from imgsearch.embedding import EmbedderSpec, load_embedder
from imgsearch.errors import BackboneError

# Hue of Pillow: degrees * 255 / 360, so 0, 85, 170; of 16 bins 0, 5, 10. Saturation and value 255 are bin 3 of 4.
RED, GREEN, BLUE = (0 * 4 + 3) * 4 + 3, (5 * 4 + 3) * 4 + 3, (10 * 4 + 3) * 4 + 3
BLACK, WHITE = 0, 3  # no saturation, so hue 0; value bins 0 and 3
COLORS = {RED: (255, 0, 0), GREEN: (0, 255, 0), BLUE: (0, 0, 255), BLACK: (0, 0, 0), WHITE: (255, 255, 255)}


def bins(histogram: np.ndarray) -> dict[int, float]:
    return {int(i): float(histogram[i]) for i in np.flatnonzero(histogram)}


@pytest.mark.parametrize(("cell", "color"), COLORS.items())
def test_a_flat_picture_fills_the_bin_of_its_colour(cell: int, color: tuple[int, int, int]) -> None:
    assert bins(color_histogram(np.full((4, 6, 3), color, np.uint8))) == {cell: 1.0}


def test_a_histogram_holds_square_roots_of_shares() -> None:
    pixels = np.full((4, 4, 3), COLORS[RED], np.uint8)
    pixels[0] = COLORS[BLUE]  # a quarter
    assert bins(color_histogram(pixels)) == pytest.approx({RED: np.sqrt(0.75), BLUE: 0.5})


def test_half_tones_fall_into_their_bins() -> None:
    # Value 128 is bin 2; of (128, 64, 64) the saturation is 127.5 of 255, Pillow's 127, bin 1.
    pixels = np.array([[(128, 0, 0), (128, 64, 64)]], np.uint8)
    assert bins(color_histogram(pixels)) == pytest.approx({3 * 4 + 2: np.sqrt(0.5), 1 * 4 + 2: np.sqrt(0.5)})


def test_a_histogram_does_not_see_where_a_colour_is() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
    mixed = rng.permutation(pixels.reshape(-1, 3)).reshape(30, 20, 3)
    assert np.array_equal(color_histogram(pixels), color_histogram(mixed))


def test_a_picture_is_squashed_whole() -> None:
    pixels = np.zeros((2, 8, 3), np.uint8)
    pixels[:, :4, 0] = 200
    assert squash(pixels, 4)[:, :, 0].tolist() == [[200, 200, 0, 0]] * 4


def test_the_ends_of_a_panorama_count() -> None:
    pixels = np.full((64, 1024, 3), COLORS[GREEN], np.uint8)
    pixels[:, :128] = COLORS[RED]  # an eighth, far outside a centre crop
    embedding = load_embedder(EmbedderSpec("color_histogram"), Path("unused")).embed([pixels])[0]
    assert bins(embedding) == pytest.approx({RED: np.sqrt(1 / 8), GREEN: np.sqrt(7 / 8)}, abs=1e-6)


@pytest.mark.parametrize("name", DESCRIPTORS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (60, 80), (131, 7)])
@pytest.mark.parametrize("is_flat", [True, False])
def test_every_descriptor_gives_unit_vectors_of_its_dim(name: str, shape: tuple[int, int], is_flat: bool) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (*shape, 3), np.uint8)
    if is_flat:
        pixels[:] = 0
    embedder = load_embedder(EmbedderSpec(name), Path("unused"))
    embeddings = embedder.embed([pixels, pixels])
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (2, DESCRIPTORS[name].dim)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert np.array_equal(embeddings[0], embeddings[1])


def test_no_pictures_have_no_embeddings() -> None:
    assert load_embedder(EmbedderSpec("color_histogram"), Path("unused")).embed([]).shape == (0, 256)


@pytest.mark.parametrize("option", [{"layer": "logits"}, {"weights": "imagenet"}, {"precision": "bfloat16"}])
def test_a_descriptor_has_nothing_to_choose(option: dict[str, str]) -> None:
    with pytest.raises(BackboneError, match="fixed formula"):
        EmbedderSpec("color_histogram", **option)
