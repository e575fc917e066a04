"""What a backbone's classifier says of an embedding: probabilities of the 1,000 classes of ImageNet (ILSVRC 2012).

A classifier is a linear layer on the pooled output and a softmax. An embedding is that output at length 1; its length,
which differs little from picture to picture, is put back as one factor, folded into the kernel. So classes are told from
stored embeddings, and no network runs for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from imgsearch.embedding.backbones import IMAGENET, N_CLASSES, Backbone, get_backbone
from imgsearch.embedding.embedder import Embedder, NetworkEmbedder, load_embedder
from imgsearch.embedding.networks import prepared, weights_of
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.weights import BUNDLED, bundled_digest, import_h5py
from imgsearch.errors import BackboneError, BackboneUnavailableError, WeightsError
from imgsearch.files.confined import Died, confined
from imgsearch.files.disk import file_digest
from imgsearch.files.home import own_classifier_file, own_weights_file
from imgsearch.progress import Progress

RIDGE = 1e-3
"""Of a fitted layer: share of the mean square of its inputs."""
_STRETCHES = np.arange(1.0, 2.0, 0.05)
N_MEASURED = 64
"""Pictures that the usual length of a network's output is measured on."""
_MEMORY_BYTES = 1 << 40  # TensorFlow reserves address space as it likes
_CPU_S = 600


@dataclass(frozen=True, eq=False)
class Classifier:
    """Embeddings -> probabilities of the classes.

    Attributes:
        kernel: float32 (dim, 1000), for embeddings of length 1.
        bias: float32 (1000,).
    """

    kernel: np.ndarray
    bias: np.ndarray

    @property
    def dim(self) -> int:
        """Length of the embeddings that it is for."""
        return len(self.kernel)

    def logits(self, embeddings: np.ndarray) -> np.ndarray:
        """float32 (n, dim), rows of length 1 -> float32 (n, 1000): what softmax makes probabilities of."""
        return np.asarray(embeddings @ self.kernel + self.bias)

    def probabilities(self, embeddings: np.ndarray) -> np.ndarray:
        """float32 (n, dim), rows of length 1 -> float32 (n, 1000), rows of sum 1."""
        return _softmax(self.logits(embeddings))

    def to_array(self) -> np.ndarray:
        """float16 (dim + 1, 1000), the bias last.

        Raises:
            WeightsError: a value of it is not finite, or beyond what float16 holds.
        """
        with np.errstate(over="ignore"):
            array = np.vstack([self.kernel, self.bias]).astype(np.float16)
        if not np.isfinite(array).all():
            raise WeightsError("The classifier must hold finite values of up to 65,504, and does not.")
        return array

    @classmethod
    def from_array(cls, array: np.ndarray) -> Self:
        """The opposite of `to_array`.

        Raises:
            ValueError: `array` is not what that gives.
        """
        if array.dtype != np.float16 or array.ndim != 2 or array.shape[1] != N_CLASSES or len(array) < 2:
            raise ValueError(f"A classifier must be float16 (dim + 1, {N_CLASSES}). Received: {array.dtype} {array.shape}.")
        if not np.isfinite(array).all():
            raise ValueError("A classifier must hold finite values, and does not.")
        values = array.astype(np.float32)
        return cls(values[:-1], values[-1])


def _softmax(values: np.ndarray) -> np.ndarray:
    """(n, m) -> (n, m), rows of sum 1."""
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    return np.array(exponentials / exponentials.sum(axis=1, keepdims=True))


def read_classifier(path: Path, backbone: Backbone) -> tuple[np.ndarray, np.ndarray] | None:
    """The classifier in a weights file of Keras, in any of its layouts. TensorFlow is not needed.

    Args:
        path: HDF5 file.
        backbone: Whose weights they are.

    Returns:
        float32 kernel (dim, 1000) and bias (1000,), for the pooled output as the network gives it; None where the file has
        none, and for a backbone whose classifier is not one layer on the pooled output.

    Raises:
        BackboneUnavailableError: h5py is not installed.
        WeightsError: the file cannot be read, or the classifier is not finite.
    """
    if not (backbone.has_logits and backbone.has_pooled_logits):
        return None
    h5py = import_h5py()
    found: dict[tuple[int, ...], list[np.ndarray]] = {(backbone.dim, N_CLASSES): [], (N_CLASSES,): []}

    def look(name: str, thing: object) -> None:
        # What an optimizer keeps of an array has the shape of that.
        if isinstance(thing, h5py.Dataset) and thing.shape in found and not name.startswith("optimizer"):
            found[thing.shape].append(np.asarray(thing[()]))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(look)
        if any(len(arrays) != 1 for arrays in found.values()):
            return None
        kernel, bias = (arrays[0].astype(np.float32) for arrays in found.values())
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as exc:  # what h5py raises on damaged files
        raise WeightsError(f"The classifier of {backbone.name} cannot be read: the weights file is damaged.") from exc
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise WeightsError(f"The classifier of {backbone.name} holds values that are not finite.")
    return kernel, bias


def find_classifier(
    spec: EmbedderSpec, home: Path, pictures: Sequence[Path], progress: Progress | None = None
) -> Classifier:
    """The classifier for a backbone's embeddings: one that is kept, see `kept_classifier`, or that in its weights.

    Args:
        spec: The backbone.
        home: The folder of collections.
        pictures: Of a collection, to measure on; up to N_MEASURED of them are read.
        progress: Told how far a download of weights is.

    Raises:
        BackboneError: there is none, and why.
    """
    if kept := kept_classifier(spec, home):
        return kept
    kernel, bias = classifier_of_weights(spec, home, progress)
    some = pictures[:: 1 + (len(pictures) - 1) // N_MEASURED]
    try:
        length = confined(
            f"{__name__}:usual_length_here",
            spec.for_queries().to_json(),
            str(home),
            [str(path) for path in some],
            memory_bytes=_MEMORY_BYTES,
            cpu_s=_CPU_S,
        )
    except Died:
        raise BackboneError(f"How long the outputs of {spec.name} are cannot be measured here.") from None
    return Classifier(kernel * np.float32(length), bias)


def kept_classifier(spec: EmbedderSpec, home: Path) -> Classifier | None:
    """The classifier that comes with the program, or that `distill` kept with the weights of a backbone of one's own.

    None where there is none.

    Raises:
        BackboneError: it is damaged.
    """
    if not spec.is_bundled:
        return None
    own_weights = own_weights_file(home, spec.own)
    if spec.weights == bundled_digest(get_backbone(spec.name).bundled):
        path = BUNDLED / f"{spec.name}.classifier.npy"
    elif spec.own and own_weights.is_file() and file_digest(own_weights) == spec.weights:
        path = own_classifier_file(home, spec.own)
    else:
        return None
    try:
        classifier = Classifier.from_array(np.load(path, allow_pickle=False))
        if classifier.dim != spec.dim:
            raise ValueError(f"A classifier must be for {spec.dim} values. Received: {classifier.dim}.")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as exc:
        raise BackboneError(f"The classifier of {spec.space} is damaged.") from exc
    return classifier


def classifier_of_weights(
    spec: EmbedderSpec, home: Path, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias in a backbone's weights, see `read_classifier`; these are downloaded if they have to be.

    Raises:
        BackboneError: there are none, and why.
    """
    backbone = get_backbone(spec.name)
    if spec.layer != "pooled" or not backbone.has_pooled_logits:
        raise BackboneError(f"The classifier of {spec.name} does not tell classes from its embedding.")
    if not backbone.has_logits:
        raise BackboneError(f"{spec.space} has no classifier.", hint="distill makes one where its teacher has one.")
    import_h5py()  # before weights are downloaded
    found = read_classifier(weights_of(spec, home, progress), backbone)
    if found is None:
        raise BackboneUnavailableError(
            f"The weights of {spec.name} that are here hold no classifier."
            + (
                f" Those at {backbone.url_for('logits')} do, once they lie beside them." if spec.weights == IMAGENET else ""
            ),
            hint=f"It makes them {backbone.classifier_bytes / 1e6:.1f} MB larger.",
        )
    return found


def usual_length(embedder: Embedder, inputs: Sequence[np.ndarray]) -> float:
    """The median length of what a network gives of prepared pictures, before it is scaled to length 1.

    Raises:
        BackboneError: there are no pictures, or nothing that has a length.
    """
    lengths = embedder.lengths(inputs) if isinstance(embedder, NetworkEmbedder) else np.empty(0)
    length = float(np.median(lengths)) if len(lengths) else 0.0
    if not length > 0:
        raise BackboneError(f"How long the outputs of {embedder.spec.name} are cannot be measured: there is none.")
    return length


def usual_length_here(spec: Mapping[str, Any], home: str, pictures: Sequence[str]) -> float:
    """See `find_classifier`: in this process, which a network of somebody else may end."""
    embedder = load_embedder(EmbedderSpec.from_json(spec), Path(home))
    return usual_length(embedder, list(islice(prepared(pictures, embedder.spec.input_size), N_MEASURED)))


def fit_classifier(embeddings: np.ndarray, values: np.ndarray) -> Classifier:
    """The classifier that comes nearest to what is wanted of embeddings, see `fit_layer`.

    Its ridge shrinks the logits, so that every probability comes out low. They are stretched by the factor with the least
    cross-entropy to the probabilities wanted (as temperatures are chosen: Guo et al. 2017, arXiv:1706.04599).

    Args:
        embeddings: float32 (n, dim), rows of length 1.
        values: float32 (n, 1000), what the logits should be.
    """
    kernel, bias = fit_layer(embeddings, values)
    wanted, given = _softmax(values.astype(np.float64)), embeddings.astype(np.float64) @ kernel + bias
    given -= given.max(axis=1, keepdims=True)

    def cross_entropy(factor: float) -> float:
        """Of the probabilities that the logits give when they are multiplied, with those wanted: the mean."""
        sums = np.log(np.exp(factor * given).sum(axis=1))
        return float(np.mean(sums - factor * np.sum(wanted * given, axis=1)))

    factor = min(_STRETCHES, key=cross_entropy)
    return Classifier((factor * kernel).astype(np.float32), (factor * bias).astype(np.float32))


def fit_layer(inputs: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The linear layer that comes nearest to what is wanted of its inputs, by ridge regression (Hoerl and Kennard 1970).

    Args:
        inputs: float (n, dim).
        outputs: float (n, m), what is wanted.

    Returns:
        float64 kernel (dim, m) and bias (m,).
    """
    inputs = np.hstack([inputs, np.ones((len(inputs), 1))]).astype(np.float64)
    squares = inputs.T @ inputs
    ridge = RIDGE * np.trace(squares) / len(squares) * np.eye(len(squares))
    solution = np.linalg.solve(squares + ridge, inputs.T @ outputs)  # (dim + 1, m)
    return solution[:-1], solution[-1]
