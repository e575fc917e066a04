"""The networks behind the embedders: built by keras.applications (or here, for our own), filled with weights, frozen.

A frozen one runs here, on a GPU or in bfloat16, or is exported for `runtime`. The only user of TensorFlow, which is
imported inside functions, so that importing this module costs nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib.util
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgsearch.embedding.backbones import Backbone
from imgsearch.embedding.quiet import quiet_stderr
from imgsearch.errors import BackboneUnavailableError, WeightsError
from imgsearch.processors import n_processors

_MOBILENET_V2_BLOCKS = (
    *((16, 1), (24, 2), (24, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1), (64, 1)),
    *((96, 1), (96, 1), (96, 1), (160, 2), (160, 1), (160, 1), (320, 1)),
)
"""Channels that come out of each block, and its stride: table 2 of the paper."""


def import_keras() -> Any:
    """The keras module on TensorFlow, quietly.

    Raises:
        BackboneUnavailableError: TensorFlow is not installed or does not run here.
    """
    # A user's setting for another project must not give us a backend that is not installed.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(n_processors()))  # by itself it sees no container's limit of time
    try:
        with quiet_stderr("tensorflow"):
            import keras
    except ImportError as exc:
        raise no_tensorflow() from exc
    return keras


def has_tensorflow() -> bool:
    """Whether TensorFlow is installed, which a machine that only answers can do without."""
    return all(importlib.util.find_spec(name) for name in ("tensorflow", "keras"))


def no_tensorflow() -> BackboneUnavailableError:
    """What there is to say where TensorFlow is missing."""
    return BackboneUnavailableError(
        "TensorFlow is needed to make this network, and it cannot be imported here.",
        hint="Install requirements.txt, or the extra build of imgsearch-demo; mini and the descriptors need none.",
    )


def build_model(backbone: Backbone, layer: str) -> Any:
    """keras.Model of the backbone: preprocessed float32 (n, size, size, 3) -> (n, dim). Its weights are random.

    Args:
        backbone: The row.
        layer: "pooled" or "logits".
    """
    keras = import_keras()
    if backbone.bundled:
        return narrow_mobilenet_v2(backbone.input_size, **backbone.options)
    constructor = getattr(keras.applications, backbone.constructor)
    if layer == "logits":
        return constructor(weights=None, include_top=True, classifier_activation=None, **backbone.options)
    shape = (backbone.input_size, backbone.input_size, 3)
    return constructor(weights=None, include_top=False, pooling="avg", input_shape=shape, **backbone.options)


def narrow_mobilenet_v2(input_size: int, *, widths: Sequence[int], last_width: int, head_dim: int) -> Any:
    """keras.Model, (n, input_size, input_size, 3) -> (n, head_dim): MobileNetV2 with blocks as wide as one likes.

    Sandler et al. 2018, arXiv:1801.04381, at width 1.0, without BatchNorm, which is taken to be folded into the
    convolutions, and with a dense layer on the pooled output.

    Args:
        input_size: Side of the square input in px, a multiple of 32.
        widths: Channels inside each of the 17 inverted residual blocks; those between them are the paper's.
        last_width: Channels of the last convolution, the paper's 1,280.
        head_dim: Length of the output.
    """
    keras = import_keras()
    layers = keras.layers
    inputs = keras.Input((input_size, input_size, 3))
    maps = layers.ReLU(6.0)(layers.Conv2D(widths[0], 3, 2, "same", name="stem")(inputs))
    for number, (width, (channels, stride)) in enumerate(zip(widths, _MOBILENET_V2_BLOCKS, strict=True)):
        inner = maps
        if number:  # the first block takes the stem as it is
            inner = layers.ReLU(6.0)(layers.Conv2D(width, 1, name=f"expand_{number}")(inner))
        inner = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, stride, "same", name=f"depthwise_{number}")(inner))
        inner = layers.Conv2D(channels, 1, name=f"project_{number}")(inner)
        is_residual = stride == 1 and maps.shape[-1] == channels
        maps = layers.Add(name=f"add_{number}")([maps, inner]) if is_residual else inner
    maps = layers.ReLU(6.0)(layers.Conv2D(last_width, 1, name="last")(maps))
    pooled = layers.GlobalAveragePooling2D(name="pooled")(maps)
    return keras.Model(inputs, layers.Dense(head_dim, name="head")(pooled))


def model_with_weights_of(backbone: Backbone, layer: str, path: Path) -> Any:
    """The model with a file's weights; a file with the classifier also serves pooled embeddings."""
    model = build_model(backbone, layer)
    try:
        try:
            _load_all(model, path)
            return model
        except ValueError:
            if layer != "pooled" or not backbone.has_logits:
                raise
        whole = build_model(backbone, "logits")
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
    """Lets convolutions with a group per channel run as what they are: ConvNeXt's, several times as fast.

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


def _parts_by_position(model: Any) -> tuple[Any, Callable[[Any], Any]] | None:
    """The tensor that is averaged over positions at the model's end, and what makes of it each position's own part.

    A linear layer behind the average may as well come before it. Layer normalisation (Ba et al. 2016) is linear but for the
    division by the deviation, which is held at what it is for the picture: the parts add up exactly, but say nothing of how
    a position changes it. None where other layers follow, or where there is no such average.
    """
    import keras

    steps: list[Callable[[Any], Any]] = []
    for layer in reversed(model.layers):
        if isinstance(layer, keras.layers.GlobalAveragePooling2D):
            return layer.input, lambda maps: functools.reduce(lambda values, step: step(values), reversed(steps), maps)
        if isinstance(layer, keras.layers.Dense) and layer.activation is keras.activations.linear:
            steps.append(functools.partial(_dense, np.array(layer.kernel)))
        elif isinstance(layer, keras.layers.LayerNormalization):
            steps.append(functools.partial(_layer_norm, np.array(layer.gamma), layer.epsilon))
        elif not isinstance(layer, keras.layers.Dropout):  # which does nothing outside of training
            return None
    return None


def _dense(kernel: np.ndarray, values: Any) -> Any:
    """(n, rows, columns, channels) -> (n, rows, columns, dim), without the bias, which belongs to no position."""
    import tensorflow as tf

    return tf.nn.conv2d(values, kernel[None, None], 1, "VALID")


def _layer_norm(gamma: np.ndarray, epsilon: float, values: Any) -> Any:
    """The same for layer normalisation right behind the average, without beta."""
    import tensorflow as tf

    pooled = tf.reduce_mean(values, axis=(1, 2), keepdims=True)
    deviation = tf.sqrt(tf.math.reduce_variance(pooled, axis=-1, keepdims=True) + epsilon)
    return (values - tf.reduce_mean(values, axis=-1, keepdims=True)) * (gamma / deviation)


def _whole(backbone: Backbone, model: Any) -> tuple[Any, Callable[[Any], Sequence[Any]]]:
    """The keras.Model that a backbone is run by, and its function of uint8 (n, size, size, 3), preprocessing included.

    It gives the embedding and, where there are such, what each position adds, which costs little: the maps are computed
    anyway.
    """
    import keras

    preprocess = getattr(keras.applications, backbone.module).preprocess_input
    end = _parts_by_position(model)
    outputs = keras.Model(model.input, [model.output, end[0]] if end else model.output)
    _make_depthwise(model)

    def forward(batch: Any) -> Sequence[Any]:
        given = outputs(preprocess(keras.ops.cast(batch, "float32")), training=False)
        return [given[0], end[1](given[1])] if end else [given]

    return outputs, forward


class FrozenNetwork:
    """A backbone as one function of TensorFlow, the weights frozen into it as constants.

    Freezing lets TensorFlow fold every BatchNorm into its convolution, and lets the Keras model go.
    """

    def __init__(self, backbone: Backbone, model: Any, precision: str = "float32") -> None:
        """Args:
        backbone: The row.
        model: keras.Model, (n, size, size, 3) float32 preprocessed -> (n, dim). It is used up: changed, and not kept.
        precision: What it computes in.
        """
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        size = backbone.input_size
        self._is_bfloat16 = precision == "bfloat16"
        _, forward = _whole(backbone, model)
        signature = tf.TensorSpec([None, size, size, 3], tf.uint8)
        self._function = convert_variables_to_constants_v2(tf.function(forward).get_concrete_function(signature))
        self._run(np.zeros((1, size, size, 3), np.uint8))

    def _run(self, batch: np.ndarray) -> Sequence[Any]:
        import tensorflow as tf

        with _bfloat16() if self._is_bfloat16 else contextlib.nullcontext():
            outputs: Sequence[Any] = self._function(tf.constant(batch))
            return outputs

    def embed(self, batch: np.ndarray) -> np.ndarray:
        """See `Network.embed`."""
        return np.asarray(self._run(batch)[0])

    def parts(self, prepared: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Network.parts`."""
        embedding, *values = self._run(prepared[None])
        return np.asarray(embedding)[0], np.asarray(values[0])[0] if values else None


def export(backbone: Backbone, model: Any) -> tuple[bytes, Callable[[np.ndarray], np.ndarray]]:
    """A backbone as a file of LiteRT, for one picture, in float32, of built-in operators only.

    By way of Keras' own export: a function that was frozen before takes twice the memory, which may be gigabytes, and
    one that does not hold its variables is written without a word, with an output that is not a number.

    Args:
        backbone: The row.
        model: As for `FrozenNetwork`.

    Returns:
        The content, and what it was made of, to compare: uint8 (n, size, size, 3) -> float32 (n, dim), not normalised.
    """
    import keras
    import tensorflow as tf

    size = backbone.input_size
    outputs, forward = _whole(backbone, model)
    with tempfile.TemporaryDirectory(prefix="imgsearch-export-") as folder, quiet_stderr():
        archive = keras.export.ExportArchive()
        archive.track(outputs)
        archive.add_endpoint("embed", forward, [tf.TensorSpec([1, size, size, 3], tf.uint8)])
        archive.write_out(folder, verbose=False)
        content: bytes = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    return content, lambda batch: np.concatenate([forward(tf.constant(one[None]))[0] for one in batch])


def can_use_gpu() -> bool:
    """Whether TensorFlow runs on a GPU here. Imports it only where there may be one."""
    if not (any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()):
        return False
    try:
        import_keras()
        import tensorflow as tf
    except BackboneUnavailableError:
        return False
    return bool(tf.config.list_physical_devices("GPU"))


def give_back_memory() -> None:
    """Frees the Keras model, a heap of cycles, and what loading and freezing left, which may be a gigabyte."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library other than glibc
            ctypes.CDLL(None).malloc_trim(0)


@contextlib.contextmanager
def _bfloat16() -> Iterator[None]:
    """TensorFlow converts what runs inside to oneDNN's bfloat16.

    The option belongs to the process, not to a function, and is looked at in every call: without it, the same function
    runs in float32. Threads that have run a function before keep the option as it was then. Only processors with AMX-BF16
    or AVX512-BF16 gain by it.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})
