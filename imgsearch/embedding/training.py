"""Distillation: the bundled backbone learns to embed pictures of a builder's own domain as a large one does.

Hinton et al. 2015, Distilling the Knowledge in a Neural Network, arXiv:1503.02531. No labels are needed. As in Beyer et al.
2022, arXiv:2106.05237, teacher and student see the same random crop. What the student has to say is where the teacher's
embedding lies along its first principal components; how well it does is the cosine between the two.

The student's first blocks, which know edges and textures of any domain, stay as they are. What they and the teacher make
of a crop is the costly part, so it is kept for a while and learned from several times.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from imgsearch.counting import counted
from imgsearch.distance import normalize
from imgsearch.embedding.backbones import BUNDLED_BACKBONE, get_backbone
from imgsearch.embedding.classifier import (
    N_MEASURED,
    Classifier,
    classifier_of_weights,
    fit_classifier,
    fit_layer,
    usual_length,
)
from imgsearch.embedding.embedder import Embedder, load_embedder
from imgsearch.embedding.network import FrozenNetwork, import_keras, model_with_weights_of
from imgsearch.embedding.spec import EmbedderSpec, own_weights_path
from imgsearch.embedding.weights import BUNDLED
from imgsearch.errors import BackboneError, ImageError
from imgsearch.files.disk import replacing, write_atomically
from imgsearch.files.home import own_classifier_file
from imgsearch.pictures import decode, scaling
from imgsearch.pictures.folder import PictureFile, scan
from imgsearch.pictures.items import Skipped
from imgsearch.pictures.left_out import LeftOut
from imgsearch.progress import Progress
from imgsearch.settings import N_THREADS

STUDENT = get_backbone(BUNDLED_BACKBONE)
TRUNK_END = "project_6"
"""Layer of the student up to which nothing is trained; 144 positions of 64 values."""

STEPS = 4_000
BATCH_SIZE = 64
LEARNING_RATE = 2e-4
WEIGHT_DECAY = 1e-4
WARM_UP = 0.03
"""Share of the steps in which the learning rate rises; after them it falls along a cosine."""
NEW_CROPS = 1_024
USES_OF_CROP = 4
MAX_KEPT = 16_384
"""Crops to learn from that are kept in memory, 20 kB each."""

MIN_PICTURES = 50
HELD_OUT_SHARE = 0.1
MAX_HELD_OUT = 500
"""Pictures that are not learned from but measured with."""
MAX_FITTED = 2_000
"""Pictures that the principal components and the first state of the head are fitted to."""

_SHORT_SIDE = 320
"""Of the pictures as they are kept in memory, px."""
_CHUNK = 256
_SEED = 0
_RUN_FILE = "run.json"
_COMPONENTS_FILE = "components.npy"
_CHECKPOINT_FILE = "checkpoint.keras"


@dataclass(frozen=True)
class Distillation:
    """What a training did.

    Attributes:
        name: The new backbone's.
        n_learned: Pictures learned from.
        n_held_out: Pictures kept apart to measure with.
        skipped: Pictures left out.
        cosine_before, cosine_after: Mean cosine between what the student says and what it should say of the pictures held
            out: when all that was new was its head, and at the end.
        without_classifier: Why it has no classifier, and its collections cannot be asked for words; "" where it has one.
    """

    name: str
    n_learned: int
    n_held_out: int
    skipped: Sequence[Skipped]
    cosine_before: float
    cosine_after: float
    without_classifier: str


def distill(
    name: str, directory: Path, *, teacher: EmbedderSpec, home: Path, steps: int = STEPS, progress: Progress | None = None
) -> Distillation:
    """Trains a backbone of one's own and keeps it in `<home>/backbones/<name>/`, for `embedder_spec`.

    A training that was stopped, even killed, goes on from its last checkpoint; there is one every
    NEW_CROPS * USES_OF_CROP / BATCH_SIZE steps.

    Args:
        name: What to call it: a lower-case letter, then letters, digits and _; no embedder's name.
        directory: Folder with at least MIN_PICTURES pictures; only read.
        teacher: Whom to learn from: a backbone, not a descriptor.
        home: The folder of collections.
        steps: Steps of gradient descent, each on BATCH_SIZE crops.
        progress: Called with pictures or crops done and in all.

    Raises:
        BackboneError: the name cannot be had, there are too few pictures, or a training of that name was begun with
            another teacher or another number of steps; also what `load_embedder` raises for the teacher.
        BuildError: the folder cannot be read.
    """
    if steps < 1 or teacher.is_descriptor:
        raise ValueError(f"There must be at least one step, and a backbone to learn from. Received: {steps}, {teacher}.")
    target = own_weights_path(name, home)
    if target.exists():
        raise BackboneError(
            f"There is a backbone called {name} already.",
            hint=f"Choose another name, or remove the folder backbones/{name} of the home.",
        )
    settings = {"teacher": teacher.to_json(), "steps": steps}
    run = _read_run(target.parent, name, settings)
    show = progress or (lambda done, total, stage: None)
    left_out = LeftOut()
    pictures, skipped = _read_pictures(scan(directory, exclude=home, left_out=left_out), show)
    held_out, learned = _split(pictures)
    lesson = _Lesson(load_embedder(teacher, home, show))
    if run is None:
        to_fit = learned[:MAX_FITTED]
        show(0, len(to_fit), "preparing")
        lesson.fit(to_fit)
        show(len(to_fit), len(to_fit), "preparing")
        run = {**settings, "cosine_before": lesson.cosine(held_out)}
        _start(target.parent, lesson, run)
    else:
        lesson.components = np.load(target.parent / _COMPONENTS_FILE)
    _train(target.parent, lesson, learned, steps, show)
    cosine_after = lesson.cosine(held_out)
    without_classifier = _keep_classifier(own_classifier_file(home, name), lesson, learned, home, show)
    lesson.save(target)
    write_atomically(target.with_name(_RUN_FILE), json.dumps({**run, "cosine_after": cosine_after}).encode())
    for file in (_CHECKPOINT_FILE, _COMPONENTS_FILE):
        (target.parent / file).unlink()
    skipped += left_out.skipped()
    return Distillation(name, len(learned), len(held_out), skipped, run["cosine_before"], cosine_after, without_classifier)


def _keep_classifier(target: Path, lesson: _Lesson, pictures: Sequence[bytes], home: Path, show: Progress) -> str:
    """Fits one to what the teacher's says of pictures, and writes it; where the teacher has none, returns why.

    The weights, which come after it, say that the training is done.
    """
    show(0, 0, "fitting the classifier")
    try:
        classifier = lesson.classifier(pictures[:MAX_KEPT], home, show)
        with replacing(target) as stream:
            np.save(stream, classifier.to_array())
    except BackboneError as exc:
        target.unlink(missing_ok=True)
        return exc.message
    return ""


def _read_run(path: Path, name: str, settings: dict[str, Any]) -> dict[str, Any] | None:
    """What is known of a training of that name that was cut off, or None."""
    try:
        run: dict[str, Any] = json.loads((path / _RUN_FILE).read_text())
    except FileNotFoundError:
        return None
    if {key: run[key] for key in settings} != settings:
        raise BackboneError(
            f"The training of {name} was begun with {run['teacher']['name']} as teacher and "
            f"{counted(run['steps'], 'step')}, and can only go on with the same weights and steps.",
            hint=f"Give those, choose another name, or remove the folder backbones/{name} of the home.",
        )
    return run


def _start(path: Path, lesson: _Lesson, run: dict[str, Any]) -> None:
    """Writes what a training needs to go on; the file of the run comes last, and says that the others are there."""
    keras = import_keras()
    warm_up = int(WARM_UP * run["steps"])
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, run["steps"] - warm_up, warmup_target=LEARNING_RATE, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY, clipnorm=1.0)
    optimizer.build(lesson.tail.trainable_variables)  # or the checkpoint would lack its state
    lesson.tail.compile(optimizer, loss=keras.losses.CosineSimilarity())
    path.mkdir(parents=True, exist_ok=True)
    np.save(path / _COMPONENTS_FILE, lesson.components)
    _save_checkpoint(path, lesson.tail)
    write_atomically(path / _RUN_FILE, json.dumps(run).encode())


def _save_checkpoint(path: Path, tail: Any) -> None:
    tail.save(path / f"new-{_CHECKPOINT_FILE}")
    os.replace(path / f"new-{_CHECKPOINT_FILE}", path / _CHECKPOINT_FILE)


def _train(path: Path, lesson: _Lesson, pictures: Sequence[bytes], steps: int, show: Progress) -> None:
    """Goes on from the checkpoint to the last step, and hands the student what was learned."""
    tail = import_keras().models.load_model(path / _CHECKPOINT_FILE)
    done = int(tail.optimizer.iterations)
    rng = np.random.default_rng((_SEED, done))
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    show(done * BATCH_SIZE, steps * BATCH_SIZE, "training")
    while done < steps:
        todo = min(NEW_CROPS * USES_OF_CROP // BATCH_SIZE, steps - done)
        n_new = min(NEW_CROPS, todo * BATCH_SIZE)
        chosen = [pictures[number] for number in rng.integers(len(pictures), size=n_new)]
        maps, embeddings = lesson.look(chosen, rng.integers(2**63, size=n_new).tolist())
        kept = [*kept, (maps, lesson.targets(embeddings))][-MAX_KEPT // NEW_CROPS :]
        maps, targets = (np.concatenate(arrays) for arrays in zip(*kept, strict=True))
        for _ in range(todo):
            rows = rng.choice(len(maps), BATCH_SIZE)
            tail.train_on_batch(maps[rows].astype(np.float32), targets[rows])
        done += todo
        _save_checkpoint(path, tail)
        show(done * BATCH_SIZE, steps * BATCH_SIZE, "training")
    lesson.tail.set_weights(tail.get_weights())


class _Lesson:
    """A teacher and a student before the same pictures."""

    def __init__(self, teacher: Embedder) -> None:
        keras = import_keras()
        self._teacher = teacher
        self._student = model_with_weights_of(STUDENT, "pooled", BUNDLED / STUDENT.bundled)
        middle = self._student.get_layer(TRUNK_END).output
        self._trunk = FrozenNetwork(STUDENT, keras.Model(self._student.input, middle))
        self._tail_without_head = keras.Model(middle, self._student.get_layer("pooled").output)
        self.tail = keras.Model(middle, self._student.output)
        """keras.Model of what is trained: maps as `look` gives them -> (n, dim)."""
        self.components = np.empty((0, 0), np.float32)
        """float32 (dim of the teacher, dim of the student): orthogonal columns of length 1."""

    def fit(self, pictures: Sequence[bytes]) -> None:
        """Finds the teacher's principal components, and the head that comes nearest to them before any training."""
        maps, embeddings = self.look(pictures)
        # Not centred, so that cosines between the teacher's embeddings stay what they are.
        _, vectors = np.linalg.eigh(embeddings.T.astype(np.float64) @ embeddings)  # by ascending eigenvalue
        self.components = vectors[:, ::-1][:, : STUDENT.dim].astype(np.float32)
        inputs = self._tail_without_head.predict(maps.astype(np.float32), verbose=0)  # (n, last_width)
        self.tail.get_layer("head").set_weights(list(fit_layer(inputs, self.targets(embeddings))))

    def look(self, pictures: Sequence[bytes], seeds: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """What the trunk and the teacher make of pictures.

        Args:
            pictures: Encoded.
            seeds: A random crop for each, or None for the centre crops that a collection is built from.

        Returns:
            float16 (n, height, width, channels) maps, and float32 (n, dim of the teacher), rows of length 1.
        """
        size = get_backbone(self._teacher.spec.name).input_size
        all_maps, all_embeddings = [], []
        with ThreadPoolExecutor(N_THREADS) as threads:
            for start in range(0, len(pictures), _CHUNK):
                part = slice(start, start + _CHUNK)
                crops = seeds[part] if seeds else repeat(None)
                pairs = threads.map(_view_pair, pictures[part], crops, repeat(size))
                for_teacher, for_student = zip(*pairs, strict=True)
                all_embeddings.append(self._teacher.embed_prepared(for_teacher))
                groups = (for_student[i : i + BATCH_SIZE] for i in range(0, len(for_student), BATCH_SIZE))
                all_maps += [self._trunk.embed(np.stack(group)).astype(np.float16) for group in groups]
        return np.concatenate(all_maps), np.concatenate(all_embeddings)

    def targets(self, embeddings: np.ndarray) -> np.ndarray:
        """What the student should say where the teacher says that: float32 (n, dim of the student), rows of length 1."""
        return normalize(embeddings @ self.components)

    def cosine(self, pictures: Sequence[bytes]) -> float:
        """Mean cosine between what the student says of pictures and what it should say."""
        maps, embeddings = self.look(pictures)
        said = normalize(self.tail.predict(maps.astype(np.float32), verbose=0))
        return float((said * self.targets(embeddings)).sum(axis=1).mean())

    def classifier(self, pictures: Sequence[bytes], home: Path, show: Progress) -> Classifier:
        """What says of the student's embeddings what the teacher's classifier says of the teacher's.

        Raises:
            BackboneError: the teacher has none.
        """
        kernel, bias = classifier_of_weights(self._teacher.spec, home, show)
        size = self._teacher.spec.input_size
        views = [_view_pair(picture, None, size)[0] for picture in pictures[:N_MEASURED]]
        of_teacher = Classifier(kernel * np.float32(usual_length(self._teacher, views)), bias)
        all_said, all_logits = [], []
        for start in range(0, len(pictures), _CHUNK):
            maps, embeddings = self.look(pictures[start : start + _CHUNK])
            all_said.append(normalize(self.tail.predict(maps.astype(np.float32), verbose=0)))
            all_logits.append(of_teacher.logits(embeddings))
        return fit_classifier(np.concatenate(all_said), np.concatenate(all_logits))

    def save(self, target: Path) -> None:
        """Writes the weights of the whole student to a file, which is there whole or not at all."""
        new = target.with_name(f"new-{target.name}")
        self._student.save_weights(new)
        os.replace(new, target)


def _view_pair(picture: bytes, seed: int | None, teacher_size: int) -> tuple[np.ndarray, np.ndarray]:
    """One view of a picture, uint8 (size, size, 3) at the teacher's input size and at the student's."""
    pixels = decode.decode_image(picture).pixels
    sizes = (teacher_size, STUDENT.input_size)
    if seed is None:
        first, second = (scaling.resize_and_crop(pixels, size) for size in sizes)
        return first, second
    crop = Image.fromarray(random_crop(pixels, np.random.default_rng(seed)))
    first, second = (np.asarray(crop.resize((size, size), Image.Resampling.BICUBIC)) for size in sizes)
    return first, second


def random_crop(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of a picture as the crops of Szegedy et al. 2015 (arXiv:1409.4842): uint8 (height, width, 3), both smaller.

    A quarter to all of the area, sides from 3:4 to 4:3, half of them mirrored, half with other brightness, contrast and
    saturation (factors 0.7 to 1.3).
    """
    height, width = pixels.shape[:2]
    area, ratio = rng.uniform(0.25, 1.0) * height * width, np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)))
    crop_width = max(1, min(width, round((area * ratio) ** 0.5)))
    crop_height = max(1, min(height, round((area / ratio) ** 0.5)))
    left, top = rng.integers(width - crop_width + 1), rng.integers(height - crop_height + 1)
    crop = pixels[top : top + crop_height, left : left + crop_width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    picture = Image.fromarray(crop)
    if rng.random() < 0.5:
        for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            picture = enhancer(picture).enhance(rng.uniform(0.7, 1.3))
    return np.asarray(picture)


def _read_pictures(files: Sequence[PictureFile], show: Progress) -> tuple[list[bytes], list[Skipped]]:
    """The pictures, small and encoded, so that many fit into memory; and those that cannot be read."""
    pictures: list[bytes] = []
    skipped: list[Skipped] = []
    with ThreadPoolExecutor(N_THREADS) as threads:
        for done, outcome in enumerate(threads.map(_read_picture, files), 1):
            if isinstance(outcome, Skipped):
                skipped.append(outcome)
            else:
                pictures.append(outcome)
            show(done, len(files), "reading")
    if len(pictures) < MIN_PICTURES:
        raise BackboneError(f"To learn from, there must be at least {MIN_PICTURES} pictures. Received: {len(pictures)}.")
    return pictures, skipped


def _read_picture(file: PictureFile) -> bytes | Skipped:
    try:
        return scaling.make_thumbnail(decode.decode_image(file.path).pixels, _SHORT_SIDE)
    except ImageError as exc:
        return Skipped(file.item_id, exc.message)


def _split(pictures: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Pictures to measure with and pictures to learn from, the same in every run over the same folder."""
    order = np.random.default_rng(_SEED).permutation(len(pictures))
    n_held_out = min(MAX_HELD_OUT, int(len(pictures) * HELD_OUT_SHARE))
    shuffled = [pictures[number] for number in order]
    return shuffled[:n_held_out], shuffled[n_held_out:]
