"""What makes an embedding: all that is needed to make an embedder again."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imgsearch.embedding.backbones import BACKBONES, BUNDLED_BACKBONE, IMAGENET, N_CLASSES, Backbone, get_backbone
from imgsearch.embedding.descriptors import DESCRIPTORS, Descriptor, Match
from imgsearch.embedding.weights import bundled_digest, keep_weights
from imgsearch.errors import BackboneError, UnknownBackboneError
from imgsearch.files.disk import DIGEST
from imgsearch.files.home import list_own_backbones, own_weights_file
from imgsearch.records import read

LAYERS = ("pooled", "logits")

PRECISIONS = ("float32", "bfloat16")

_OWN_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class NetworkFile:
    """A network that was exported, see `networks`.

    Attributes:
        sha256: Digest of its file.
        size: Of that, bytes.
        agreement: The largest 1 - cosine to what TensorFlow gave, measured when it was made, on pictures of a collection.
    """

    sha256: str
    size: int
    agreement: float

    def __post_init__(self) -> None:
        if not (DIGEST.fullmatch(self.sha256) and self.size > 0 and 0 <= self.agreement <= 2):
            raise ValueError(f"A network must be named by digest, size and agreement. Received: {self}.")


@dataclass(frozen=True)
class EmbedderSpec:
    """All that is needed to make an embedder again; a collection records it with every space.

    Attributes:
        name: A backbone or a descriptor.
        layer: "pooled" (average of the last feature maps) or "logits" (the classifier's 1,000 values before softmax).
        weights: "imagenet" (the official ones), the sha256 of a bundled file or of one kept in the home, or "" for a
            descriptor.
        precision: "float32" or "bfloat16" (less processor time where there is AMX-BF16 or AVX512-BF16, nowhere else; a
            little less exact).
        own: Name of the backbone of one's own that the weights belong to, whose network is that of `name`; "" for none.
        network: The exported file that runs it; None where there is none, and TensorFlow does.
    """

    name: str
    layer: str = "pooled"
    weights: str = ""
    precision: str = "float32"
    own: str = ""
    network: NetworkFile | None = None

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
            if self.layer != "pooled" or self.weights or self.precision != "float32" or self.network:
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
        return N_CLASSES if self.layer == "logits" else self._row.dim

    @property
    def input_size(self) -> int:
        """Side of the square that the embedder sees of a picture, px."""
        return self._row.input_size

    @property
    def reference(self) -> str:
        """The paper that it comes from."""
        return self._row.reference

    @property
    def weights_license(self) -> str:
        """Whose the weights are that such a backbone usually has, and on what terms; "" for a descriptor."""
        return "" if self.is_descriptor else BACKBONES[self.name].weights_license

    @property
    def is_bundled(self) -> bool:
        """Whether it is a backbone of ours, whose weights come with the package, or one distilled from it."""
        return not self.is_descriptor and bool(BACKBONES[self.name].bundled)

    def matches(self, one: np.ndarray, other: np.ndarray) -> list[Match]:
        """What two vectors of a descriptor have in common, see `Descriptor.matches`; nothing for a backbone."""
        return DESCRIPTORS[self.name].matches(one, other) if self.is_descriptor else []

    @property
    def _row(self) -> Backbone | Descriptor:
        return DESCRIPTORS[self.name] if self.is_descriptor else BACKBONES[self.name]

    @property
    def space(self) -> str:
        """Name that a space of this embedder has unless another is given."""
        return self.own or self.name if self.layer == "pooled" else f"{self.name}-{self.layer}"

    @property
    def has_feature_maps(self) -> bool:
        """Whether an embedding is made of parts that belong to positions of the picture: see `Embedder.feature_maps`."""
        return not self.is_descriptor and (self.layer == "pooled" or BACKBONES[self.name].has_pooled_logits)

    @property
    def is_light(self) -> bool:
        """Whether embedding dozens of parts of a picture is quick, see `Backbone`."""
        return self.is_descriptor or BACKBONES[self.name].is_light

    def for_queries(self) -> EmbedderSpec:
        """The same embedder at full precision: one picture gains nothing from less."""
        return replace(self, precision="float32")

    @property
    def plain(self) -> EmbedderSpec:
        """The same without the file that runs it: two that are equal so give the same embeddings, but for rounding."""
        return replace(self, network=None)

    def to_json(self) -> dict[str, Any]:
        """The attributes as a JSON object; `network` only where there is one."""
        body = asdict(self)
        if self.network is None:
            del body["network"]
        return body

    @classmethod
    def from_json(cls, data: Any) -> EmbedderSpec:
        """The opposite of `to_json`.

        Raises:
            BackboneError: `data` is not what `to_json` gives, or names what this version does not have.
        """
        try:
            return read(cls, data)
        except ValueError as exc:
            raise BackboneError(f"This is no description of an embedder. {exc}") from exc


def embedder_spec(
    name: str, *, layer: str = "pooled", weights: str | None = None, precision: str = "float32", home: Path | None = None
) -> EmbedderSpec:
    """The spec of an embedder by name. What only concerns backbones is left out for descriptors.

    Example:
        >>> embedder_spec("inception_v3").dim
        2048
        >>> embedder_spec("inception_v3", layer="logits").dim
        1000
        >>> embedder_spec("color_histogram").is_descriptor
        True

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
    return own_weights_file(home, name)
