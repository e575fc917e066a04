"""Embedders: upright RGB pictures -> L2-normalised float32 vectors. Build and query use the same one.

What needs TensorFlow is in `network`, which imports it inside functions only: a page that answers from stored embeddings
never pays for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from imgsearch.distance import normalize
from imgsearch.embedding.backbones import BACKBONES, BUNDLED_BACKBONE, N_CLASSES, Backbone, get_backbone
from imgsearch.embedding.descriptors import DESCRIPTORS, Descriptor, squash
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.network import (
    IMAGENET,
    compile_network,
    give_back_memory,
    model_with_imagenet_weights,
    model_with_weights_of,
)
from imgsearch.embedding.weights import DIGEST, bundled_digest, find_weights, keep_weights
from imgsearch.errors import BackboneError, UnknownBackboneError
from imgsearch.pictures import scaling
from imgsearch.pictures.regions import Region, centre_window, crop, cut_square, square_window

BATCH_SIZE = 32
LAYERS = ("pooled", "logits")
PRECISIONS = ("float32", "bfloat16")
_OWN_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class EmbedderSpec:
    """All that is needed to make an embedder again; a collection records it with every space.

    Attributes:
        name: A backbone or a descriptor.
        layer: "pooled" (average of the last feature maps) or "logits" (the classifier's 1,000 values before softmax).
        weights: "imagenet" (downloaded by Keras), the sha256 of a bundled file or one kept in the home, or "" for a
            descriptor.
        precision: "float32" or "bfloat16" (less processor time on processors that have it; a little less exact).
        own: Name of the backbone of one's own that the weights belong to, whose network is that of `name`; "" for none.
    """

    name: str
    layer: str = "pooled"
    weights: str = ""
    precision: str = "float32"
    own: str = ""

    def __post_init__(self) -> None:
        if self.name not in BACKBONES and self.name not in DESCRIPTORS:
            known = ", ".join((*BACKBONES, *DESCRIPTORS))
            raise UnknownBackboneError(f"An embedder must be one of {known}. Received: {self.name!r}.")
        if self.layer not in LAYERS:
            raise BackboneError(f"A layer must be one of {', '.join(LAYERS)}. Received: {self.layer!r}.")
        if self.precision not in PRECISIONS:
            raise BackboneError(f"A precision must be one of {', '.join(PRECISIONS)}. Received: {self.precision!r}.")
        if self.own and (self.name != BUNDLED_BACKBONE or not _OWN_NAME.fullmatch(self.own)):
            raise BackboneError(f"A backbone of one's own has {BUNDLED_BACKBONE}'s network. Received: {self.name}.")
        if self.is_descriptor:
            if self.layer != "pooled" or self.weights or self.precision != "float32":
                raise BackboneError(f"{self.name} is a fixed formula: it has no layers, weights or precisions to choose.")
            return
        if not BACKBONES[self.name].has_logits and self.layer != "pooled":
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
        return self.own or self.name if self.layer == "pooled" else f"{self.name}-{self.layer}"

    @property
    def has_feature_maps(self) -> bool:
        """Whether an embedding is made of parts that belong to positions of the picture: see `Embedder.feature_maps`."""
        return not self.is_descriptor and (self.layer == "pooled" or BACKBONES[self.name].has_pooled_logits)

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
    name: str, *, layer: str = "pooled", weights: str | None = None, precision: str = "float32", home: Path | None = None
) -> EmbedderSpec:
    """The spec of an embedder by name. What only concerns backbones is left out for descriptors.

    Args:
        name: A backbone, one of one's own, or a descriptor.
        layer, precision: See EmbedderSpec.
        weights: Digest of a kept file. Defaults to the bundled weights where there are some, else to "imagenet".
        home: The folder of collections, where backbones of one's own are looked for.

    Raises:
        UnknownBackboneError: there is none of that name.
    """
    if name in DESCRIPTORS:
        return EmbedderSpec(name)
    own_names = list_own_backbones(home) if home else []
    if home and name in own_names:
        digest = keep_weights(own_weights_path(name, home), home)
        return EmbedderSpec(BUNDLED_BACKBONE, layer=layer, weights=digest, precision=precision, own=name)
    if name not in BACKBONES:
        known = ", ".join((*BACKBONES, *DESCRIPTORS, *own_names))
        raise UnknownBackboneError(f"An embedder must be one of {known}. Received: {name!r}.")
    backbone = get_backbone(name)
    if weights is None:
        weights = bundled_digest(backbone.bundled) if backbone.bundled else IMAGENET
    return EmbedderSpec(name, layer=layer, weights=weights, precision=precision)


def own_weights_path(name: str, home: Path) -> Path:
    """Where the weights of a backbone of one's own are, or will be.

    Raises:
        BackboneError: `name` is an embedder's, or no name for one: a lower-case letter, then letters, digits and _.
    """
    if not _OWN_NAME.fullmatch(name) or name in BACKBONES or name in DESCRIPTORS:
        raise BackboneError(
            "The name of a backbone must be a lower-case letter and then up to 40 of a-z, 0-9 and _, and not that of "
            f"another embedder. Received: {name!r}."
        )
    return home / "backbones" / name / "backbone.weights.h5"


def list_own_backbones(home: Path) -> list[str]:
    """Names of the backbones of one's own in a home, in alphabetical order, without those still being trained."""
    return sorted(path.parent.name for path in home.glob("backbones/*/backbone.weights.h5"))


class Embedder(Protocol):
    """Turns pictures into points. Two steps, so that a build can prepare on other threads while the network runs."""

    spec: EmbedderSpec

    def prepare(self, pixels: np.ndarray, region: Region | None = None) -> np.ndarray:
        """uint8 (height, width, 3) upright RGB -> uint8 (input_size, input_size, 3). May be called from any thread.

        Of a whole picture a backbone sees the centre square, less a margin (`scaling.resize_and_crop`), a descriptor
        everything, squashed to a square. Of a region a backbone sees the square around it (`regions.cut_square`), a
        descriptor the region itself, squashed.
        """
        ...

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """Prepared pictures -> float32 (n, dim), each row of length 1, in the order given."""
        ...

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """uint8 (height, width, 3) upright RGB arrays of any sizes -> float32 (n, dim), each row of length 1."""
        ...

    def feature_maps(self, pixels: np.ndarray, region: Region | None = None) -> FeatureMaps:
        """The parts of one picture's embedding that belong to positions: uint8 (height, width, 3) upright RGB.

        They are there for pooled embeddings of all backbones, and for the logits of all but vgg16. Normalised, their sum
        is what `embed` gives. For convnext_tiny that holds with the deviation of its last LayerNorm held, see
        `feature_maps.LayerNorm`.

        Raises:
            BackboneError: `spec.has_feature_maps` is false.
        """
        ...


class DescriptorEmbedder:
    """A classic descriptor with the face of an Embedder."""

    def __init__(self, descriptor: Descriptor) -> None:
        self.spec = EmbedderSpec(descriptor.name)
        self._descriptor = descriptor

    def prepare(self, pixels: np.ndarray, region: Region | None = None) -> np.ndarray:
        return squash(crop(pixels, region) if region else pixels, self._descriptor.input_size)

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        if not batch:
            return np.empty((0, self._descriptor.dim), np.float32)
        return normalize(np.stack([self._descriptor.compute(pixels) for pixels in batch]))

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self.embed_prepared([self.prepare(pixels) for pixels in pictures])

    def feature_maps(self, pixels: np.ndarray, region: Region | None = None) -> FeatureMaps:
        raise _no_feature_maps(self.spec)


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
        self._network = compile_network(backbone, model, spec.precision)

    def prepare(self, pixels: np.ndarray, region: Region | None = None) -> np.ndarray:
        size = self._backbone.input_size
        return cut_square(pixels, region, size) if region else scaling.resize_and_crop(pixels, size)

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        # Groups of BATCH_SIZE bound the memory whatever the caller hands in.
        groups = [batch[i : i + BATCH_SIZE] for i in range(0, len(batch), BATCH_SIZE)]
        if not groups:
            return np.empty((0, self.spec.dim), np.float32)
        outputs = np.concatenate([self._network.embed(np.stack(group)) for group in groups])  # (n, dim)
        if not np.isfinite(outputs).all():
            raise BackboneError(
                f"{self.spec.name} returned values that are not finite.",
                hint="Its weights are damaged, or do not belong to it.",
            )
        return normalize(outputs)

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self.embed_prepared([self.prepare(pixels) for pixels in pictures])

    def feature_maps(self, pixels: np.ndarray, region: Region | None = None) -> FeatureMaps:
        maps = self._network.feature_maps(self.prepare(pixels, region))
        if maps is None:
            raise _no_feature_maps(self.spec)
        height, width = pixels.shape[:2]
        size = self._backbone.input_size
        window = square_window(region, width, height) if region else centre_window(width, height, size)
        return FeatureMaps(*maps, window)


def _no_feature_maps(spec: EmbedderSpec) -> BackboneError:
    return BackboneError(f"The embedding of {spec.space} has no parts that belong to places in the picture.")


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
