"""Fits the bundled backbone's classifier: python -m scripts.bundle_classifier PHOTOS WEIGHTS

PHOTOS is a folder of pictures, WEIGHTS Keras' file of mobilenet_v2 with its classifier, which says what the logits of
each should be. Writes imgsearch/embedding/bundled/mini.classifier.npy; other weights of the backbone need another one. The
packed sample holds it too: python -m scripts.pack_sample
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from imgsearch import embedder_spec
from imgsearch.embedding.backbones import BUNDLED_BACKBONE, get_backbone
from imgsearch.embedding.classifier import fit_classifier
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.network import FrozenNetwork, model_with_weights_of
from imgsearch.embedding.weights import BUNDLED
from imgsearch.errors import ImageError
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.folder import scan
from imgsearch.pictures.scaling import resize_and_crop
from imgsearch.settings import N_THREADS

TEACHER = get_backbone("mobilenet_v2")
STUDENT = get_backbone(BUNDLED_BACKBONE)
_BATCH = 32


def _inputs(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """What student and teacher see of a picture; None where it cannot be read."""
    try:
        pixels = decode_image(path).pixels
    except ImageError:
        return None
    return resize_and_crop(pixels, STUDENT.input_size), resize_and_crop(pixels, TEACHER.input_size)


def _batches(paths: Sequence[Path]) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    with ThreadPoolExecutor(N_THREADS) as threads:
        for start in range(0, len(paths), _BATCH):
            yield [pair for pair in threads.map(_inputs, paths[start : start + _BATCH]) if pair]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    photos, weights = Path(sys.argv[1]), Path(sys.argv[2])
    student = load_embedder(embedder_spec(BUNDLED_BACKBONE), photos)
    teacher = FrozenNetwork(TEACHER, model_with_weights_of(TEACHER, "logits", weights))
    embeddings, logits = [], []
    for pairs in _batches([file.path for file in scan(photos, exclude=BUNDLED)]):
        for_student, for_teacher = zip(*pairs, strict=True)
        embeddings.append(student.embed_prepared(for_student))
        logits.append(teacher.embed(np.stack(for_teacher)))
    classifier = fit_classifier(np.concatenate(embeddings), np.concatenate(logits))
    path = BUNDLED / f"{BUNDLED_BACKBONE}.classifier.npy"
    np.save(path, classifier.to_array())
    print(f"{path.name}: of {sum(map(len, logits)):,} pictures, {path.stat().st_size:,} bytes")
