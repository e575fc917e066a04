"""What the tests with real Keras models share: random weights that differ in every array, and files in every layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from imgsearch.embedding.backbones import BACKBONES
from imgsearch.embedding.network import build_model


def random_model(name: str, layer: str = "pooled", seed: int = 0, *, is_alive: bool = True) -> Any:
    """keras.Model of a backbone in which no two arrays are alike: BatchNorm is not the identity, no bias is zero.

    `is_alive` fits the means and variances of BatchNorm, without which the pictures' differences die out on the way
    through the layers.
    """
    import keras

    backbone = BACKBONES[name]
    keras.utils.set_random_seed(seed)  # of the kernels; everything else is drawn below
    model = build_model(backbone, layer)
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if len(variable.shape) < 2:
            low, high = (0.8, 1.2) if variable.path.endswith(("gamma", "variance")) else (-0.1, 0.1)
            variable.assign(rng.uniform(low, high, variable.shape))
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    if norms and is_alive:
        preprocess = getattr(keras.applications, backbone.module).preprocess_input
        size = backbone.input_size
        noise = np.stack([picture[:100, :100] for picture in random_pictures(4, seed)]).repeat(3, 1).repeat(3, 2)
        for norm in norms:
            norm.momentum = 0.0
        model(preprocess(noise[:, :size, :size].astype(np.float32)), training=True)
        for norm in norms:
            norm.momentum = 0.99
    return model


def random_pictures(n: int, seed: int = 0) -> list[np.ndarray]:
    """uint8 pictures of several sizes: blocks of colour, so that they differ at any scale."""
    rng = np.random.default_rng(seed)
    return [
        np.kron(rng.integers(0, 256, (7, 9, 3)), np.ones((30 + i % 3, 35, 1))).astype(np.uint8)  # type: ignore[misc]
        for i in range(n)
    ]


def write_official(path: Path, model: Any) -> Path:
    """Writes the weights as the official .h5 files have them: HDF5 of Keras 2, by h5py alone.

    A group a layer (those without weights too), in the order of the attribute `layer_names`; in it the arrays in the
    order of `weight_names`, each called layer/array:0. Inside a layer the trained ones come first.
    """
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.0.4"
        for layer in model.layers:
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            names = [f"{layer.name}/{number}_{variable.name}:0" for number, variable in enumerate(variables)]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, variables, strict=True):
                group.create_dataset(name, data=variable.numpy())
    return path


def same_weights(one: Any, other: Any) -> bool:
    """Whether two models hold the same arrays in the same order."""
    pairs = list(zip(one.get_weights(), other.get_weights(), strict=True))
    return all(np.array_equal(a, b) for a, b in pairs)
