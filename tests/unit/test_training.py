"""Distillation: what needs no network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch.cli import cli
from imgsearch.embedding import training
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec, own_weights_path
from imgsearch.embedding.training import distill, random_crop
from imgsearch.embedding.weights import find_weights
from imgsearch.errors import BackboneError, UnknownBackboneError
from imgsearch.files.home import list_own_backbones

TEACHER = EmbedderSpec("mobilenet_v2", weights="0" * 64)


def own_backbone(name: str, home: Path) -> Path:
    """A finished backbone, as far as anything but a network can tell."""
    import h5py

    path = own_weights_path(name, home)
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.create_group("layers")
    return path


def test_random_crops_are_parts_of_the_picture_of_the_promised_sizes() -> None:
    # Each pixel says where it is, so that a crop shows where it is from.
    y, x = np.mgrid[0:120, 0:160]
    pixels = np.stack([y, x, np.zeros_like(x)], axis=2).astype(np.uint8)
    n_mirrored = n_unchanged = 0
    areas = []
    for seed in range(200):
        crop = random_crop(pixels, np.random.default_rng(seed))
        height, width = crop.shape[:2]
        areas.append(height * width / (120 * 160))
        assert 0.7 < width / height < 1.4 or height == 120 or width == 160
        if (np.diff(crop[:, :, 0].astype(int), axis=1) == 0).all() and (np.diff(crop[:, 0, 0].astype(int)) == 1).all():
            n_unchanged += 1
            top, left = crop[:, :, :2].min(axis=(0, 1))
            part = pixels[top : top + height, left : left + width]
            is_mirrored = bool(crop[0, 0, 1] > crop[0, -1, 1])
            np.testing.assert_array_equal(crop, part[:, ::-1] if is_mirrored else part)
            n_mirrored += is_mirrored
    assert 70 < n_unchanged < 130  # the others have other colours
    assert 0.3 * n_unchanged < n_mirrored < 0.7 * n_unchanged
    assert 0.22 < min(areas) < 0.35
    assert max(areas) > 0.8


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 50, 3), (60, 2, 3)])
def test_any_picture_has_crops(shape: tuple[int, int, int]) -> None:
    for seed in range(20):
        assert random_crop(np.full(shape, 90, np.uint8), np.random.default_rng(seed)).size


def test_pictures_to_measure_with_are_not_learned_from() -> None:
    pictures = [bytes([number]) for number in range(95)]
    held_out, learned = training._split(pictures)
    assert len(held_out) == 9
    assert sorted(held_out + learned) == pictures
    assert training._split(pictures) == (held_out, learned)
    assert held_out != pictures[:9]


def test_a_backbone_of_ones_own_is_an_embedder_by_name(home: Path) -> None:
    path = own_backbone("birds", home)
    assert list_own_backbones(home) == ["birds"]
    spec = embedder_spec("birds", home=home)
    assert (spec.name, spec.space, spec.dim) == ("mini", "birds", embedder_spec("mini").dim)
    assert find_weights(spec.weights, home).read_bytes() == path.read_bytes()
    assert EmbedderSpec.from_json(spec.to_json()) == spec
    assert spec.for_queries() == spec
    assert spec != EmbedderSpec("mini", weights=spec.weights)
    with pytest.raises(BackboneError, match="no logits"):
        embedder_spec("birds", layer="logits", home=home)
    for name, own in (("color_histogram", "birds"), ("inception_v3", "birds"), ("mini", "<b>birds</b>")):
        with pytest.raises(BackboneError, match="of one's own"):
            EmbedderSpec(name, weights="" if name == "color_histogram" else spec.weights, own=own)


def test_an_unknown_name_is_answered_with_all_that_there_are(home: Path) -> None:
    own_backbone("birds", home)
    (home / "backbones" / "unfinished").mkdir()
    with pytest.raises(UnknownBackboneError, match=r"inception_v3.*color_histogram.*birds\. Received: 'unfinished'"):
        embedder_spec("unfinished", home=home)
    result = CliRunner().invoke(cli, ["build", "discs", "--images", ".", "--embedder", "unfinished"])
    assert result.exit_code == 1
    assert "birds. Received: 'unfinished'" in result.stderr


@pytest.mark.parametrize("name", ["", "Birds", "3birds", "bi-rds", "../birds", "a" * 42, "mini", "color_histogram"])
def test_names_that_cannot_be_had(name: str, home: Path) -> None:
    with pytest.raises(BackboneError, match="Received: "):
        distill(name, Path("unused"), teacher=TEACHER, home=home)
    assert not home.exists()


def test_a_finished_backbone_is_not_trained_over(pictures: Path, home: Path) -> None:
    before = own_backbone("birds", home).read_bytes()
    with pytest.raises(BackboneError, match="called birds already") as caught:
        distill("birds", pictures, teacher=TEACHER, home=home)
    assert caught.value.hint
    assert own_weights_path("birds", home).read_bytes() == before


def test_too_few_pictures_are_said_before_anything_is_loaded(pictures: Path, home: Path) -> None:
    (pictures / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(BackboneError, match=r"at least 50 pictures\. Received: 12"):
        distill("birds", pictures, teacher=TEACHER, home=home)


def test_a_training_goes_on_only_as_it_was_begun(pictures: Path, home: Path) -> None:
    folder = own_weights_path("birds", home).parent
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"teacher": TEACHER.to_json(), "steps": 100, "cosine_before": 0.5}))
    for teacher, steps in ((TEACHER, 200), (EmbedderSpec("inception_v3", weights="0" * 64), 100)):
        with pytest.raises(BackboneError, match="begun with mobilenet_v2 as teacher and 100 steps") as caught:
            distill("birds", pictures, teacher=teacher, home=home, steps=steps)
        assert caught.value.hint
    with pytest.raises(BackboneError, match="at least 50 pictures"):  # got past that
        distill("birds", pictures, teacher=TEACHER, home=home, steps=100)


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--teacher", "mini"], 2, "'mini' is not one of"),
        (["--teacher", "mobilenet_v2", "--steps", "0"], 2, "--steps"),
        (["--teacher", "mobilenet_v2", "--weights", "missing.h5"], 1, "missing.h5"),
        (["--teacher", "mobilenet_v2"], 1, "There are no pictures"),
    ],
)
def test_errors_of_the_command(options: list[str], status: int, words: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["distill", "--images", str(tmp_path), "--name", "birds", *options])
    assert result.exit_code == status
    assert words in result.stderr
    assert result.stdout == ""
