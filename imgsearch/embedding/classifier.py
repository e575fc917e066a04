"""What a backbone's classifier says of an embedding: probabilities of the 1,000 classes of ImageNet (ILSVRC 2012).

A classifier is a linear layer on the pooled output and a softmax. An embedding is that output at length 1; its length,
which differs little from picture to picture, is put back as one factor, folded into the kernel. So classes are told from
stored embeddings, and no network runs for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from imgsearch.embedding.backbones import N_CLASSES, Backbone
from imgsearch.errors import BackboneUnavailableError, WeightsError

RIDGE = 1e-3
"""Of a fitted classifier: share of the mean square of its inputs."""


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
        values = self.logits(embeddings)
        values -= values.max(axis=1, keepdims=True)
        np.exp(values, out=values)
        values /= values.sum(axis=1, keepdims=True)
        return values

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
    try:
        import h5py  # comes with TensorFlow; slow to import
    except ImportError as exc:
        raise BackboneUnavailableError(
            "Weights are read by h5py, which is not installed here.",
            hint="Install requirements.txt, or the extra build of imgsearch-demo.",
        ) from exc
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


def fit_classifier(embeddings: np.ndarray, values: np.ndarray) -> Classifier:
    """The classifier that comes nearest to what is wanted of embeddings: ridge regression (Hoerl and Kennard 1970).

    Args:
        embeddings: float32 (n, dim), rows of length 1.
        values: float32 (n, 1000), what the logits should be.
    """
    inputs = np.hstack([embeddings, np.ones((len(embeddings), 1))]).astype(np.float64)
    squares = inputs.T @ inputs
    ridge = RIDGE * np.trace(squares) / len(squares) * np.eye(len(squares))
    solution = np.linalg.solve(squares + ridge, inputs.T @ values).astype(np.float32)  # (dim + 1, 1000)
    return Classifier(solution[:-1], solution[-1])
