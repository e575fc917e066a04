"""Distillation with real networks: the student is `mini`, the teacher a formula that can be learned."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from imgsearch import Collection
from imgsearch.cli import cli
from imgsearch.distance import normalize
from imgsearch.embedding import training
from imgsearch.embedding.backbones import get_backbone
from imgsearch.embedding.classifier import kept_classifier
from imgsearch.embedding.descriptors import DESCRIPTORS
from imgsearch.embedding.embedder import DescriptorEmbedder, load_embedder
from imgsearch.embedding.network import model_with_weights_of
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec, own_weights_path
from imgsearch.embedding.training import distill
from imgsearch.embedding.weights import BUNDLED
from imgsearch.files.home import own_classifier_file
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.scaling import resize_and_crop
from tests.weights.keras_files import random_model

pytestmark = pytest.mark.weights

TEACHER = EmbedderSpec("mobilenet_v2", weights="0" * 64)
N_PICTURES = 60


class ToyTeacher(DescriptorEmbedder):
    """Takes crops of mobilenet_v2's size, and says 1,280 fixed combinations of how bright each of 16 parts is."""

    def __init__(self) -> None:
        super().__init__(DESCRIPTORS["color_histogram"])
        self.spec = TEACHER
        self._weights = np.random.default_rng(0).normal(size=(49, 1280))

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        raise AssertionError("views come at the right size")

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        pixels = np.stack(batch)
        assert pixels.shape[1:] == (224, 224, 3)
        parts = pixels.reshape(len(pixels), 4, 56, 4, 56, 3).mean(axis=(2, 4)).reshape(len(pixels), -1) / 255
        return normalize(np.hstack([parts, np.ones((len(parts), 1))]) @ self._weights)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "many pictures"
    path.mkdir()
    for number in range(N_PICTURES):
        blocks = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((100, 80), Image.Resampling.BICUBIC).save(path / f"{number:02}.png")
    (path / "broken.jpg").write_bytes(b"no picture")
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A toy for a teacher, few crops, and a checkpoint after every fourth step."""
    monkeypatch.setattr(training, "load_embedder", lambda *_: ToyTeacher())
    monkeypatch.setattr(training, "BATCH_SIZE", 16)
    monkeypatch.setattr(training, "NEW_CROPS", 32)
    monkeypatch.setattr(training, "USES_OF_CROP", 2)


def weights_of(path: Path) -> list[np.ndarray]:
    return [np.array(each) for each in model_with_weights_of(get_backbone("mini"), "pooled", path).get_weights()]


@pytest.mark.usefixtures("small")
def test_a_student_learns_and_its_trunk_stays(folder: Path, home: Path) -> None:
    done = distill("birds", folder, teacher=TEACHER, home=home, steps=12)
    assert (done.n_learned, done.n_held_out) == (54, 6)
    assert [skipped.item_id for skipped in done.skipped] == ["broken.jpg"]
    assert done.cosine_before < done.cosine_after < 1
    assert "not kept here" in done.without_classifier  # the weights of the toy
    path = own_weights_path("birds", home)
    assert sorted(each.name for each in path.parent.iterdir()) == ["backbone.weights.h5", "run.json"]
    assert json.loads((path.parent / "run.json").read_text()) == {
        "teacher": TEACHER.to_json(),
        "steps": 12,
        "cosine_before": done.cosine_before,
        "cosine_after": done.cosine_after,
    }
    # Stem, first block and six of three convolutions, kernel and bias each.
    n_trunk = 2 * (1 + 2 + 6 * 3)
    before, after = weights_of(BUNDLED / "mini.weights.h5"), weights_of(path)
    same = [np.array_equal(one, other) for one, other in zip(before, after, strict=True)]
    assert all(same[:n_trunk])
    assert not any(same[n_trunk:])


@pytest.mark.usefixtures("small")
def test_a_training_that_was_cut_off_goes_on_from_its_checkpoint(folder: Path, home: Path) -> None:
    reports: list[tuple[int, int, str]] = []

    def stop_at_64(*report: object) -> None:
        reports.append(report)  # type: ignore[arg-type]
        if report == (64, 192, "training"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill("birds", folder, teacher=TEACHER, home=home, steps=12, progress=stop_at_64)
    path = own_weights_path("birds", home)
    assert not path.exists()
    run = json.loads((path.parent / "run.json").read_text())
    (path.parent / "new-checkpoint.keras").write_bytes(b"cut off while it was written")

    reports.clear()
    done = distill("birds", folder, teacher=TEACHER, home=home, steps=12, progress=lambda *report: reports.append(report))
    assert [each for each, _, stage in reports if stage == "training"] == [64, 128, 192]
    assert done.cosine_before == run["cosine_before"] < done.cosine_after
    assert path.exists()


@pytest.mark.usefixtures("small")
def test_the_first_state_keeps_what_the_teacher_says(folder: Path) -> None:
    pictures, _ = training._read_pictures(training.scan(folder, exclude=folder / "none"), lambda *_: None)
    lesson = training._Lesson(ToyTeacher())
    lesson.fit(pictures)
    _, embeddings = lesson.look(pictures)
    targets = lesson.targets(embeddings)
    # 60 pictures lie in a space of less than 256 dimensions, so that the principal components lose nothing:
    np.testing.assert_allclose(targets @ targets.T, embeddings @ embeddings.T, atol=1e-5)
    # A head of 245 numbers a component, fitted to 60 pictures, says nearly what it should.
    assert lesson.cosine(pictures) > 0.99


@pytest.mark.usefixtures("small")
def test_a_student_tells_the_classes_of_its_teacher_and_a_kill_before_the_end_costs_nothing(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    kernel, bias = rng.normal(size=(1280, 1000)).astype(np.float32), rng.normal(size=1000).astype(np.float32)
    monkeypatch.setattr(training, "classifier_of_weights", lambda *_: (kernel, bias))
    monkeypatch.setattr(training, "usual_length", lambda teacher, inputs: float(len(inputs)))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training._Lesson, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            distill("birds", folder, teacher=TEACHER, home=home, steps=2)
    classifier_file, path = own_classifier_file(home, "birds"), own_weights_path("birds", home)
    assert classifier_file.is_file()
    assert not path.exists()
    classifier_file.write_bytes(b"of another time")
    done = distill("birds", folder, teacher=TEACHER, home=home, steps=2)
    assert done.without_classifier == ""

    spec = embedder_spec("birds", home=home)
    classifier = kept_classifier(spec, home)
    assert classifier
    pictures = [decode_image(each).pixels for each in sorted(folder.glob("*.png"))]
    teacher = ToyTeacher()
    wanted = teacher.embed_prepared([resize_and_crop(pixels, 224) for pixels in pictures]) @ (54 * kernel) + bias
    given = classifier.logits(load_embedder(spec, home).embed(pictures))
    differences = given - given.mean(axis=0), wanted - wanted.mean(axis=0)  # from picture to picture
    assert np.corrcoef(differences[0].ravel(), differences[1].ravel())[0, 1] > 0.3
    assert abs(np.corrcoef(differences[0][::-1].ravel(), differences[1].ravel())[0, 1]) < 0.15


@pytest.mark.parametrize("layer", ["pooled", "logits"])
def test_the_command_makes_an_embedder_for_collections(layer: str, folder: Path, tmp_path: Path, home: Path) -> None:
    weights = tmp_path / "random.weights.h5"
    random_model("mobilenet_v2", layer).save_weights(weights)
    run = CliRunner().invoke
    arguments = ["--images", str(folder), "--teacher", "mobilenet_v2", "--weights", str(weights), "--name", "birds"]
    done = run(cli, ["distill", *arguments, "--steps", "1"])
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("birds is ready, of 54 pictures. Cosine to mobilenet_v2 on 6 others: 0.")
    assert "Left out broken.jpg" in done.stderr
    assert ("Its collections can be asked for words.\n" in done.stdout) == (layer == "logits")
    assert ("cannot be asked for words. The weights of mobilenet_v2" in done.stderr) == (layer == "pooled")

    built = run(cli, ["build", "flock", "--images", str(folder), "--embedder", "birds"])
    assert built.exit_code == 0, built.stderr
    assert "spaces: birds." in built.stdout
    assert (Collection.open("flock", home).word_space is not None) == (layer == "logits")
    assert ("birds cannot be asked for words" in built.stderr) == (layer == "pooled")
    found = run(cli, ["query", "flock", str(folder / "07.png"), "-k", "1", "--json"])
    assert json.loads(found.stdout)["results"][0]["item_id"] == "07.png"


def test_the_bundled_weights_are_small_and_those_of_the_card() -> None:
    backbone = get_backbone("mini")
    path = BUNDLED / backbone.bundled
    n_parameters = sum(each.size for each in weights_of(path))
    assert n_parameters <= 1_500_000
    assert path.stat().st_size <= 3_000_000
    card = (BUNDLED / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"{n_parameters:,} parameters" in card
    dtypes = set()
    with h5py.File(path) as file:
        file.visititems(lambda _, node: dtypes.add(node.dtype) if isinstance(node, h5py.Dataset) else None)
    assert dtypes == {np.dtype(np.float16)}
    embedding = load_embedder(embedder_spec("mini"), Path("unused")).embed([np.full((40, 50, 3), 127, np.uint8)])
    assert embedding.shape == (1, backbone.dim)
