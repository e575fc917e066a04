"""Embedders: upright RGB pictures -> L2-normalised float32 vectors. Build and query use the same one.

What needs TensorFlow is in `network`, what needs LiteRT in `runtime`: both import it inside functions only, so that a page
that answers from stored embeddings never pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from imgsearch.distance import normalize
from imgsearch.embedding import runtime
from imgsearch.embedding.backbones import get_backbone
from imgsearch.embedding.descriptors import DESCRIPTORS, Descriptor, squash
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.network import FrozenNetwork, give_back_memory, has_tensorflow, model_with_weights_of
from imgsearch.embedding.networks import find_network, not_finite, weights_of
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, BackboneUnavailableError
from imgsearch.pictures import scaling
from imgsearch.pictures.regions import Region, centre_window, crop, cut_square, square_window
from imgsearch.progress import Progress
from imgsearch.reasons import say

BATCH_SIZE = 32


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
        `network`.

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


class Network(Protocol):
    """A backbone as one function, preprocessing included. Of TensorFlow (`network`) or of LiteRT (`runtime`)."""

    def embed(self, batch: np.ndarray) -> np.ndarray:
        """uint8 (n, size, size, 3) -> float32 (n, dim), not normalised."""
        ...

    def parts(self, prepared: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Of one picture, uint8 (size, size, 3): float32 (dim,), not normalised, and what each position adds to that.

        The second is float32 (rows, columns, dim), see `FeatureMaps.values`; None where there are no such parts.
        """
        ...


class NetworkEmbedder:
    """A backbone with the face of an Embedder."""

    def __init__(self, spec: EmbedderSpec, network: Network) -> None:
        """Args:
        spec: What the embedder is.
        network: What runs it.
        """
        self.spec = spec
        self._network = network

    def prepare(self, pixels: np.ndarray, region: Region | None = None) -> np.ndarray:
        size = self.spec.input_size
        return cut_square(pixels, region, size) if region else scaling.resize_and_crop(pixels, size)

    def embed_prepared(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        return normalize(self._outputs(batch))

    def lengths(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        """Prepared pictures -> float32 (n,): how long what the network gives of each is, before it is normalised."""
        return np.asarray(np.linalg.norm(self._outputs(batch), axis=1))

    def _outputs(self, batch: Sequence[np.ndarray]) -> np.ndarray:
        # Groups of BATCH_SIZE bound the memory whatever the caller hands in.
        groups = [batch[i : i + BATCH_SIZE] for i in range(0, len(batch), BATCH_SIZE)]
        if not groups:
            return np.empty((0, self.spec.dim), np.float32)
        outputs = np.concatenate([self._network.embed(np.stack(group)) for group in groups])  # (n, dim)
        if not np.isfinite(outputs).all():
            raise not_finite(self.spec)
        return outputs

    def embed(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return self.embed_prepared([self.prepare(pixels) for pixels in pictures])

    def feature_maps(self, pixels: np.ndarray, region: Region | None = None) -> FeatureMaps:
        embedding, values = self._network.parts(self.prepare(pixels, region))
        if values is None:
            raise _no_feature_maps(self.spec)
        height, width = pixels.shape[:2]
        window = square_window(region, width, height) if region else centre_window(width, height, self.spec.input_size)
        return FeatureMaps.of(values, embedding, window)


def _no_feature_maps(spec: EmbedderSpec) -> BackboneError:
    return BackboneError(f"The embedding of {spec.space} has no parts that belong to places in the picture.")


def load_embedder(
    spec: EmbedderSpec,
    home: Path,
    progress: Progress | None = None,
    *,
    by_tensorflow: bool = False,
    n_processors: int | None = None,
) -> Embedder:
    """Makes the embedder that `spec` describes.

    Quick where an exported network runs it. Else TensorFlow is imported, weights are loaded and a function compiled, which
    takes ten seconds and more.

    Args:
        spec: What to make.
        home: The folder of collections, whose `weights/` holds the files that were given by hand, and `networks/` those
            that were exported.
        progress: Told how far a download of weights is, in bytes.
        by_tensorflow: Whether TensorFlow runs it in any case.
        n_processors: How many LiteRT may use. Defaults to all that this process may.

    Raises:
        BackboneUnavailableError: TensorFlow or the weights are missing.
        WeightsError: the weights do not fit the backbone.
        BackboneError: a network's file is damaged.
    """
    if spec.is_descriptor:
        return DescriptorEmbedder(DESCRIPTORS[spec.name])
    if spec.precision == "float32" and runtime.is_available() and not by_tensorflow:
        content = find_network(spec, home)
        if content is not None:
            return NetworkEmbedder(spec, LiteRTNetwork(content, spec.input_size, spec.dim, n_processors))
    if not has_tensorflow():  # said before anything is downloaded
        raise BackboneUnavailableError(
            say("network_missing", space=spec.space),
            hint="Pictures of the collection can be searched as they are.",
        )
    backbone = get_backbone(spec.name)
    model = model_with_weights_of(backbone, spec.layer, weights_of(spec, home, progress))
    embedder = NetworkEmbedder(spec, FrozenNetwork(backbone, model, spec.precision))
    del model
    give_back_memory()
    return embedder
