"""MobileNetV2 -> weights of the bundled architecture: `python scripts/narrow_backbone.py WEIGHTS IMAGES OUT`.

The first state of `mini`, before any training. WEIGHTS is a file for `mobilenet_v2`, IMAGES a folder of pictures, OUT the
`.weights.h5` file to write. The steps:

1. BatchNorm is folded into the convolutions; a head gives the pooled output along its first principal components.
2. Every channel inside blocks 7 to 16, and of the last convolution, gets an importance: the mean square of what the
   embedding would change by, to first order, if the channel were scaled (the Gauss-Newton form of optimal brain damage,
   LeCun et al. 1989).
3. The channels with the least importance a parameter go, until MAX_PARAMETERS are left.
4. Block by block, the convolution behind the channels that are left is fitted anew by least squares, so that the block's
   output comes near to what it was (He et al. 2017, arXiv:1707.06168); at last the head.

Widths other than those of the row `mini` in `imgsearch/embedding/backbones.py` must be written there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from imgsearch.embedding.backbones import BUNDLED_BACKBONE, get_backbone
from imgsearch.embedding.network import import_keras, model_with_weights_of, narrow_mobilenet_v2
from imgsearch.embedding.training import TRUNK_END, random_crop
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.folder import scan

keras = import_keras()
import tensorflow as tf  # noqa: E402  after Keras, which comes quietly

MINI = get_backbone(BUNDLED_BACKBONE)
SIZE = MINI.input_size
WIDE = {
    "widths": (32, 96, 144, 144, *[192] * 3, *[384] * 4, *[576] * 3, *[960] * 3),
    "last_width": 1280,
    "head_dim": MINI.dim,
}
NARROWED = {f"expand_{number}": f"project_{number}" for number in range(7, 17)} | {"last": "head"}
"""Where channels go: the layer that makes them, and the one that takes them. Earlier blocks have few parameters."""
MAX_PARAMETERS = 1_490_000
N_PICTURES = 1_200
N_DIRECTIONS = 2
RIDGE = 1e-3
Folded = dict[str, list[np.ndarray]]


def main(weights: Path, directory: Path, out: Path) -> None:
    rng = np.random.default_rng(1)
    files = scan(directory, exclude=out)
    chosen = rng.choice(len(files), min(N_PICTURES, len(files)), replace=False)
    pictures = np.stack([crop(files[number].path, rng) for number in chosen])

    wide = narrow_mobilenet_v2(SIZE, **WIDE)
    folded = fold(model_with_weights_of(get_backbone("mobilenet_v2"), "pooled", weights))
    folded["head"] = [np.zeros((WIDE["last_width"], MINI.dim)), np.zeros(MINI.dim)]
    fill(wide, folded)
    maps = keras.Model(wide.input, wide.get_layer(TRUNK_END).output).predict(pictures, verbose=0)
    pooled = from_trunk(wide, wide.get_layer("pooled").output).predict(maps, verbose=0)
    _, vectors = np.linalg.eigh(pooled.T.astype(np.float64) @ pooled)
    folded["head"][0] = vectors[:, ::-1][:, : MINI.dim]
    fill(wide, folded)

    kept = choose(importance(wide, maps, rng), wide)
    widths = [len(kept.get(f"expand_{number}", range(width))) for number, width in enumerate(WIDE["widths"])]
    narrow = narrow_mobilenet_v2(SIZE, widths=widths, last_width=len(kept["last"]), head_dim=MINI.dim)
    fill(narrow, select(folded, kept))
    refit(wide, narrow, maps)
    narrow.save_weights(out)
    print(f"widths {tuple(widths)}, last {len(kept['last'])}: {narrow.count_params():,} parameters")


def crop(path: Path, rng: np.random.Generator) -> np.ndarray:
    """A random part of a picture, preprocessed: float32 (SIZE, SIZE, 3)."""
    picture = Image.fromarray(random_crop(decode_image(path).pixels, rng))
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float32) / 127.5 - 1


def from_trunk(model: Any, output: Any) -> Any:
    """The part of a model from the end of the blocks that stay as they are to a tensor."""
    return keras.Model(model.get_layer(TRUNK_END).output, output)


def fold(model: Any) -> Folded:
    """Kernels and biases of keras.applications' MobileNetV2 by our names, BatchNorm folded in."""
    folded: Folded = {}

    def take(ours: str, convolution: str, norm: str) -> None:
        layer = model.get_layer(norm)
        gamma, beta, mean, variance = layer.get_weights()
        scale = gamma / np.sqrt(variance + layer.epsilon)
        (kernel,) = model.get_layer(convolution).get_weights()
        # A depthwise kernel is (height, width, channels, 1), another (height, width, channels, channels out).
        folded[ours] = [kernel * (scale[:, None] if kernel.shape[3] == 1 else scale), beta - mean * scale]

    take("stem", "Conv1", "bn_Conv1")
    take("last", "Conv_1", "Conv_1_bn")
    for number in range(len(WIDE["widths"])):
        theirs = f"block_{number}_" if number else "expanded_conv_"
        if number:
            take(f"expand_{number}", f"{theirs}expand", f"{theirs}expand_BN")
        take(f"depthwise_{number}", f"{theirs}depthwise", f"{theirs}depthwise_BN")
        take(f"project_{number}", f"{theirs}project", f"{theirs}project_BN")
    return folded


def fill(model: Any, folded: Folded) -> None:
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(folded[layer.name])


def importance(wide: Any, maps: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """By the layer that takes the channels, float64 (width,): mean square of the embedding's change."""
    tail = from_trunk(wide, wide.output)
    kernels = [wide.get_layer(name).kernel for name in NARROWED.values()]
    sums = {name: np.zeros(kernel.shape[-2]) for name, kernel in zip(NARROWED.values(), kernels, strict=True)}

    @tf.function
    def changes(of_one: Any, direction: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            along = tf.reduce_sum(tf.math.l2_normalize(tail(of_one, training=False)) * direction)
        gradients = tape.gradient(along, [kernel.value for kernel in kernels])
        # A factor on a channel is a factor on those weights of the kernel that take it.
        return [
            tf.reduce_sum(tf.reshape(kernel * gradient, kernel.shape[-2:]), 1)
            for kernel, gradient in zip(kernels, gradients, strict=True)
        ]

    for of_one in maps:
        for _ in range(N_DIRECTIONS):
            direction = rng.standard_normal(MINI.dim).astype(np.float32)
            for name, change in zip(sums, changes(of_one[None], direction), strict=True):
                sums[name] += np.asarray(change, np.float64) ** 2
    return sums


def choose(importances: dict[str, np.ndarray], wide: Any) -> dict[str, np.ndarray]:
    """By the layer that makes the channels, those that stay, in order."""
    costs = {}
    for maker, taker in NARROWED.items():
        # Its weights in both layers, a bias, and in a block the 3 x 3 weights and the bias of the layer between them.
        weights = wide.get_layer(maker).kernel.shape[-2] + wide.get_layer(taker).kernel.shape[-1]
        costs[maker] = weights + (1 if maker == "last" else 11)
    ranked = sorted(
        (value / costs[maker], maker, channel)
        for maker, taker in NARROWED.items()
        for channel, value in enumerate(importances[taker])
    )
    n_parameters = wide.count_params()
    dropped: dict[str, set[int]] = {maker: set() for maker in NARROWED}
    for _, maker, channel in ranked:
        if n_parameters <= MAX_PARAMETERS:
            break
        dropped[maker].add(channel)
        n_parameters -= costs[maker]
    return {
        maker: np.setdiff1d(np.arange(len(importances[taker])), sorted(dropped[maker])) for maker, taker in NARROWED.items()
    }


def select(folded: Folded, kept: dict[str, np.ndarray]) -> Folded:
    """The weights without those of the channels that go."""
    chosen = dict(folded)
    for maker, rows in kept.items():
        taker = NARROWED[maker]
        chosen[maker] = [folded[maker][0][..., rows], folded[maker][1][rows]]
        chosen[taker] = [folded[taker][0][..., rows, :], folded[taker][1]]
        if maker != "last":
            between = maker.replace("expand", "depthwise")
            chosen[between] = [folded[between][0][:, :, rows], folded[between][1][rows]]
    return chosen


def refit(wide: Any, narrow: Any, maps: np.ndarray) -> None:
    """Fits the layers that take fewer channels than before, one after the other, to what they gave before."""

    def values(model: Any, tensor: Any) -> np.ndarray:
        if tensor is model.get_layer(TRUNK_END).output:
            return maps
        found: np.ndarray = from_trunk(model, tensor).predict(maps, verbose=0)
        return found

    names = {layer.name for layer in wide.layers}
    for maker, taker in NARROWED.items():
        layer = narrow.get_layer(taker)
        inputs, wanted = values(narrow, layer.input), values(wide, wide.get_layer(taker).output)
        if f"add_{maker.removeprefix('expand_')}" in names:  # this one makes up for what the blocks before it have lost
            wanted += values(wide, wide.get_layer(maker).input) - values(narrow, narrow.get_layer(maker).input)
        kernel, bias = layer.get_weights()
        layer.set_weights(ridge(inputs.reshape(-1, inputs.shape[-1]), wanted.reshape(-1, wanted.shape[-1]), kernel, bias))


def ridge(inputs: np.ndarray, wanted: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
    """Kernel and bias by least squares, held near to those given: inputs (n, width), wanted (n, channels)."""
    inputs = np.hstack([inputs, np.ones((len(inputs), 1), np.float32)])
    given = np.vstack([kernel.reshape(inputs.shape[1] - 1, -1), bias])
    squares = (inputs.T @ inputs).astype(np.float64)
    strength = RIDGE * np.trace(squares) / len(squares)
    solution = np.linalg.solve(squares + strength * np.eye(len(squares)), inputs.T @ wanted + strength * given)
    return [solution[:-1].reshape(kernel.shape), solution[-1]]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(f"Usage: {sys.argv[0]} WEIGHTS IMAGES OUT")
    main(*(Path(argument) for argument in sys.argv[1:]))
