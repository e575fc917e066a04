"""Embedders: upright RGB pictures -> L2-normalised float32 vectors. Build and query use the same one.

TensorFlow is imported inside functions only: a page that answers from stored embeddings never pays for it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from imgsearch import images
from imgsearch.backbones import BACKBONES, N_CLASSES, Backbone, get_backbone
from imgsearch.descriptors import DESCRIPTORS, Descriptor, squash
from imgsearch.distance import normalize
from imgsearch.errors import BackboneError, BackboneUnavailableError, UnknownBackboneError, WeightsError
from imgsearch.weights import DIGEST, bundled_digest, find_weights

BATCH_SIZE = 32
LAYERS = ("pooled", "logits")
PRECISIONS = ("float32", "bfloat16")
IMAGENET = "imagenet"
DOWNLOAD_TIMEOUT_S = 30


@dataclass(frozen=True)
class EmbedderSpec:
    """All that is needed to make an embedder again; a collection records it with every space.

    Attributes:
        name: A backbone or a descriptor.
        layer: "pooled" (average of the last feature maps) or "logits" (the classifier's 1,000 values before softmax).
        weights: "imagenet" (downloaded by Keras), the sha256 of a bundled file or one kept in the home, or "" for a
            descriptor.
        precision: "float32" or "bfloat16" (about 1.6 times as fast on processors that have it, a little less exact).
    """

    name: str
    layer: str = "pooled"
    weights: str = ""
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.name not in BACKBONES and self.name not in DESCRIPTORS:
            known = ", ".join((*BACKBONES, *DESCRIPTORS))
            raise UnknownBackboneError(f"An embedder must be one of {known}. Received: {self.name!r}.")
        if self.layer not in LAYERS:
            raise BackboneError(f"A layer must be one of {', '.join(LAYERS)}. Received: {self.layer!r}.")
        if self.precision not in PRECISIONS:
            raise BackboneError(f"A precision must be one of {', '.join(PRECISIONS)}. Received: {self.precision!r}.")
        if self.is_descriptor:
            if self.layer != "pooled" or self.weights or self.precision != "float32":
                raise BackboneError(f"{self.name} is a fixed formula: it has no layers, weights or precisions to choose.")
            return
        if BACKBONES[self.name].head_dim and self.layer != "pooled":
            raise BackboneError(f"{self.name} has no {self.layer}: its embedding is the output of a head of its own.")
        if BACKBONES[self.name].bundled and self.weights == IMAGENET:
            raise BackboneError(f"{self.name} has weights of its own and none of ImageNet to download.")
        if self.weights != IMAGENET and not DIGEST.fullmatch(self.weights):
            raise BackboneError(
                f"The weights of {self.name} must be 'imagenet' or a sha256 digest. Received: {self.weights!r}."
            )

    @property
    def is_descriptor(self) -> bool:
        """Whether the embedder is a formula that needs neither weights nor TensorFlow."""
        return self.name in DESCRIPTORS

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        if self.is_descriptor:
            return DESCRIPTORS[self.name].dim
        return N_CLASSES if self.layer == "logits" else BACKBONES[self.name].dim

    @property
    def space(self) -> str:
        """Name that a space of this embedder has unless another is given."""
        return self.name if self.layer == "pooled" else f"{self.name}-{self.layer}"

    def for_queries(self) -> EmbedderSpec:
        """The same embedder at full precision: one picture gains nothing from less."""
        return replace(self, precision="float32")

    def to_json(self) -> dict[str, str]:
        """The attributes as a JSON object."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Any) -> EmbedderSpec:
        """The opposite of `to_json`.

        Raises:
            BackboneError: `data` is not what `to_json` gives, or names what this version does not have.
        """
        if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
            raise BackboneError("An embedder's description must be an object of strings.")
        try:
            return cls(**data)
        except TypeError as exc:
            raise BackboneError(f"An embedder's description has unknown or missing parts: {sorted(data)}.") from exc


def embedder_spec(
    name: str, *, layer: str = "pooled", weights: str | None = None, precision: str = "float32"
) -> EmbedderSpec:
    """The spec of an embedder by name. What only concerns backbones is left out for descriptors.

    Args:
        name: A backbone or a descriptor.
        layer, precision: See EmbedderSpec.
        weights: Digest of a kept file. Defaults to the bundled weights where there are some, else to "imagenet".
    """
    if name in DESCRIPTORS:
        return EmbedderSpec(name)
    backbone = get_backbone(name)
    if weights is None:
        weights = bundled_digest(backbone.bundled) if backbone.bundled else IMAGENET
    return EmbedderSpec(name, layer=layer, weights=weights, precision=precision)


class Embedder(Protocol):
    """Turns pictures into points. Two steps, so that a build can prepare on other threads while the network runs."""

    spec: EmbedderSpec

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (height, width, 3) upright RGB -> uint8 (input_size, input_size, 3). May be called from any thread."""
        ...

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """Prepared pictures -> float32 (n, dim), each row of length 1, in the order given."""
        ...

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 (height, width, 3) upright RGB arrays of any sizes -> float32 (n, dim), each row of length 1."""
        ...


class DescriptorEmbedder:
    """A classic descriptor with the face of an Embedder."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.spec = EmbedderSpec(descriptor.name)
        self._descriptor = descriptor

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        return squash(pixels, self._descriptor.input_size)

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        if not batch:
            return np.empty((0, self._descriptor.dim), np.float32)
        return normalize(np.stack([self._descriptor.compute(pixels) for pixels in batch]))

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self.embed_prepared([self.prepare(pixels) for pixels in pictures])


class KerasEmbedder:
    """A backbone of keras.applications, frozen into one compiled function of uint8 (n, size, size, 3)."""

    def __init__(self, spec: EmbedderSpec, backbone: Backbone, model: Any) -> None:
        """Args:
        spec: What the embedder is.
        backbone: Its row.
        model: keras.Model, (n, size, size, 3) float32 preprocessed -> (n, dim). It is used up: changed, and not kept.
        """
        self.spec = spec
        self._backbone = backbone
        self._forward = _compile(backbone, model, spec.precision)

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        return images.resize_and_crop(pixels, self._backbone.input_size)

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        # Groups of BATCH_SIZE bound the memory whatever the caller hands in.
        groups = [batch[i : i + BATCH_SIZE] for i in range(0, len(batch), BATCH_SIZE)]
        if not groups:
            return np.empty((0, self.spec.dim), np.float32)
        outputs = np.concatenate([self._forward(np.stack(group)) for group in groups])  # (n, dim)
        if not np.isfinite(outputs).all():
            raise BackboneError(
                f"{self.spec.name} returned values that are not finite.",
                hint="Its weights are damaged, or do not belong to it.",
            )
        return normalize(outputs)

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self.embed_prepared([self.prepare(pixels) for pixels in pictures])


def load_embedder(spec: EmbedderSpec, home: Path) -> Embedder:
    """Makes the embedder that `spec` describes. Slow for backbones: imports TensorFlow, loads weights, compiles.

    Args:
        spec: What to make.
        home: The folder of collections, whose `weights/` holds the files that were given by hand.

    Raises:
        BackboneUnavailableError: TensorFlow or the weights are missing.
        WeightsError: the weights do not fit the backbone.
    """
    if spec.is_descriptor:
        return DescriptorEmbedder(DESCRIPTORS[spec.name])
    backbone = get_backbone(spec.name)
    if spec.weights == IMAGENET:
        model = _model_with_imagenet_weights(backbone, spec.layer)
    else:
        model = _model_with_weights_of(backbone, spec.layer, find_weights(spec.weights, home))
    return KerasEmbedder(spec, backbone, model)


def import_keras() -> Any:
    """The keras module on TensorFlow, quietly.

    Raises:
        BackboneUnavailableError: TensorFlow is not installed or does not run here.
    """
    # A user's setting for another project must not give us a backend that is not installed.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with _quiet_stderr():
            import keras
    except ImportError as exc:
        raise BackboneUnavailableError(
            "TensorFlow is needed to embed pictures with a CNN, and it cannot be imported here.",
            hint="Install the packages of requirements.txt.",
        ) from exc
    return keras


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """TensorFlow's C++ writes notes on start-up to descriptor 2, before it reads the variable that would silence it."""
    if "tensorflow" in sys.modules:
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silence)


def build_model(backbone: Backbone, layer: str, weights: str | None) -> Any:
    """keras.Model of the backbone: preprocessed float32 (n, size, size, 3) -> (n, dim).

    Args:
        backbone: The row.
        layer: "pooled" or "logits".
        weights: "imagenet" or None for random ones, as Keras takes it.
    """
    keras = import_keras()
    constructor = getattr(keras.applications, backbone.constructor)
    if layer == "logits":
        return constructor(weights=weights, include_top=True, classifier_activation=None, **backbone.options)
    shape = (backbone.input_size, backbone.input_size, 3)
    model = constructor(weights=weights, include_top=False, pooling="avg", input_shape=shape, **backbone.options)
    if backbone.head_dim:
        model = keras.Model(model.input, keras.layers.Dense(backbone.head_dim, name="emb")(model.output))
    return model


@contextlib.contextmanager
def _download_manners() -> Iterator[None]:
    """Keras prints its progress to stdout, which belongs to the data; and waits for ever for a silent host."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        socket.setdefaulttimeout(before)


def _model_with_imagenet_weights(backbone: Backbone, layer: str) -> Any:
    import_keras()
    try:
        with _download_manners():
            return build_model(backbone, layer, IMAGENET)
    except Exception as exc:  # Keras raises a bare Exception for a failed download, ValueError for a wrong checksum
        raise BackboneUnavailableError(
            f"The ImageNet weights of {backbone.name} could not be downloaded from {backbone.url_for(layer)} "
            "or did not pass their checksum.",
            hint="Download the file elsewhere and give it with --weights FILE; color_histogram needs no weights.",
        ) from exc


def _model_with_weights_of(backbone: Backbone, layer: str, path: Path) -> Any:
    """The model with a file's weights; a file with the classifier also serves pooled embeddings."""
    model = build_model(backbone, layer, None)
    try:
        try:
            _load_all(model, path)
            return model
        except ValueError:
            if layer != "pooled" or backbone.head_dim:
                raise
        whole = build_model(backbone, "logits", None)
        _load_all(whole, path)
    except Exception as exc:  # Keras and h5py raise almost anything for files that do not fit
        raise WeightsError(
            f"The weights file does not fit {backbone.name}"
            + (" with its classifier, which the logits need" if layer == "logits" else "")
            + ", or is damaged.",
            hint=f"The official file is at {backbone.url_for(layer)}",
        ) from exc
    # The pooled output is what goes into the head; its arrays are the first ones of the whole network's.
    n_shared = len(model.get_weights())
    model.set_weights(whole.get_weights()[:n_shared])
    return model


def _load_all(model: Any, path: Path) -> None:
    """`model.load_weights`, strictly: ValueError for an array that the file lacks (Keras only warns) or that is not finite.

    Activations can turn a NaN into 0, so that the embeddings would not show it.
    """
    for variable in model.weights:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a line for each array that does not fit
        model.load_weights(path)
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ValueError("weights are missing or not finite")


def _make_depthwise(model: Any) -> None:
    """Lets convolutions with a group per channel run as what they are: ConvNeXt's, 4 times as fast as a whole.

    Keras runs grouped convolutions on a CPU through XLA, whose loops for them are slow, and compiles them anew for every
    batch size. The weights and, but for rounding, the results stay the same.
    """
    import keras

    def convolution(layer: Any) -> Any:
        def depthwise(inputs: Any, kernel: Any) -> Any:  # kernel (height, width, 1, n) -> (height, width, n, 1)
            kernel = keras.ops.transpose(kernel, (0, 1, 3, 2))
            return keras.ops.depthwise_conv(
                inputs, kernel, layer.strides, layer.padding, layer.data_format, layer.dilation_rate
            )

        return depthwise

    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.groups == layer.filters > 1 == layer.kernel.shape[2]:
            layer.convolution_op = convolution(layer)


def _compile(backbone: Backbone, model: Any, precision: str) -> Any:
    """One function uint8 (n, size, size, 3) -> float32 (n, dim), the weights frozen into it as constants.

    Freezing lets TensorFlow fold every BatchNorm into its convolution (measured on two cores: 1.3 times as fast for
    mobilenet_v2, 1.06 for inception_v3) and lets the Keras model go.
    """
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    preprocess = getattr(keras.applications, backbone.module).preprocess_input
    size = backbone.input_size

    def forward(batch: Any) -> Any:
        return model(preprocess(tf.cast(batch, tf.float32)), training=False)

    _make_depthwise(model)
    signature = tf.TensorSpec([None, size, size, 3], tf.uint8)
    frozen = convert_variables_to_constants_v2(tf.function(forward).get_concrete_function(signature))

    def run(batch: np.ndarray) -> np.ndarray:
        with _bfloat16() if precision == "bfloat16" else contextlib.nullcontext():
            return np.asarray(frozen(tf.constant(batch))[0])

    run(np.zeros((1, size, size, 3), np.uint8))
    return run


@contextlib.contextmanager
def _bfloat16() -> Iterator[None]:
    """TensorFlow converts what runs inside to oneDNN's bfloat16.

    The option belongs to the process, not to a function, and is looked at in every call: without it, the same function
    runs in float32. Threads that have run a function before keep the option as it was then.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})
