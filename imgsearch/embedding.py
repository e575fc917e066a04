"""Embedders: upright RGB pictures -> L2-normalised float32 vectors. Build and query use the same one.

What needs TensorFlow is in `network`, which imports it inside functions only: a page that answers from stored embeddings
never pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from imgsearch import images
from imgsearch.backbones import BACKBONES, N_CLASSES, Backbone, get_backbone
from imgsearch.descriptors import DESCRIPTORS, Descriptor, squash
from imgsearch.distance import normalize
from imgsearch.errors import BackboneError, UnknownBackboneError
from imgsearch.network import (
    IMAGENET,
    compile_network,
    give_back_memory,
    model_with_imagenet_weights,
    model_with_weights_of,
)
from imgsearch.weights import DIGEST, bundled_digest, find_weights

BATCH_SIZE = 32
LAYERS = ("pooled", "logits")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class EmbedderSpec:
    """All that is needed to make an embedder again; a collection records it with every space.

    Attributes:
        name: A backbone or a descriptor.
        layer: "pooled" (average of the last feature maps) or "logits" (the classifier's 1,000 values before softmax).
        weights: "imagenet" (downloaded by Keras), the sha256 of a bundled file or one kept in the home, or "" for a
            descriptor.
        precision: "float32" or "bfloat16" (less processor time on processors that have it; a little less exact).
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
        self._forward = compile_network(backbone, model, spec.precision)

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
        model = model_with_imagenet_weights(backbone, spec.layer)
    else:
        model = model_with_weights_of(backbone, spec.layer, find_weights(spec.weights, home))
    embedder = KerasEmbedder(spec, backbone, model)
    del model
    give_back_memory()
    return embedder
