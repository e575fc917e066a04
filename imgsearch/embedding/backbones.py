"""The table of backbones: pretrained CNNs of keras.applications without their classifier. Data only; no Keras here.

A row names the Keras constructor and the numbers that go with it. Preprocessing is a property of the backbone: the module
named in a row holds the `preprocess_input` that is used with it (some, like EfficientNetV2 and ConvNeXt, rescale inside the
network, and their `preprocess_input` changes nothing). The numbers are tested against Keras itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from imgsearch.errors import UnknownBackboneError

N_CLASSES = 1000
"""Length of the logits of every backbone here: the classes of ImageNet (ILSVRC 2012)."""

_KERAS_LICENSE = "weights by the Keras team, Apache License 2.0; trained on ImageNet (ILSVRC 2012)"
_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True)
class Backbone:
    """A pretrained CNN and the numbers that belong to it.

    Attributes:
        name: Keras' snake_case name; the name of the embedder and, by default, of its space.
        constructor: Name of the function in keras.applications that builds it; in `network` for a backbone of our own.
        module: Module of keras.applications whose `preprocess_input` goes with it.
        input_size: Side of the square input, px.
        dim: Length of the pooled output (average over the positions of the last feature maps), or of a dense layer on it.
        weights_url: The file (without classifier) that Keras names for `imagenet`.
        digests: md5 or sha256 of that file and of the one with the classifier, as Keras knows them; "" where it knows none.
        weights_license: Whose weights they are and on what terms.
        reference: The paper.
        options: Further arguments of the constructor.
        has_logits: Whether it comes with a classifier too.
        is_light: Whether a picture takes it so few milliseconds that a search for objects may embed dozens of parts.
        has_pooled_logits: Whether that classifier is a layer on the pooled output, and so each position has logits.
        bundled: File in `imgsearch/embedding/bundled/` with its weights, for a backbone of our own; "" for one of Keras.
    """

    name: str
    constructor: str
    module: str
    input_size: int
    dim: int
    weights_url: str
    reference: str
    digests: tuple[str, str] = ("", "")
    weights_license: str = _KERAS_LICENSE
    options: MappingProxyType[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    has_logits: bool = True
    has_pooled_logits: bool = True
    is_light: bool = False
    bundled: str = ""

    @property
    def classifier_bytes(self) -> int:
        """What its classifier adds to the file of weights: float32 (dim + 1, 1000)."""
        return 4 * N_CLASSES * (self.dim + 1)

    def url_for(self, layer: str) -> str:
        """Where the weights for "pooled" are, or those with the classifier, which "logits" need."""
        return re.sub("_no_?top", "", self.weights_url) if layer == "logits" else self.weights_url

    def digest_for(self, layer: str) -> str:
        """Of the file at `url_for`; "" where none is known."""
        return self.digests[layer == "logits"]


DEFAULT_BACKBONE = "inception_v3"
BUNDLED_BACKBONE = "mini"
"""What needs no download: the sample is built with it, and whatever else is when Keras' weights cannot be reached."""

_MINI_WIDTHS = (32, 96, 144, 144, 192, 192, 192, 348, 333, 317, 382, 507, 491, 571, 640, 460, 712)
"""Channels inside the blocks of `mini`, chosen by `scripts/narrow_backbone.py`; MobileNetV2's own go up to 960."""

_ROWS = (
    Backbone(
        name="inception_v3",
        constructor="InceptionV3",
        module="inception_v3",
        input_size=299,
        dim=2048,
        weights_url="https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
        "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        digests=(
            "bcbd6486424b2319ff4ef7d526e38f63",
            "9a0d58056eeedaa3f26cb7ebd46da564",
        ),
        reference="Szegedy et al. 2016, Rethinking the Inception Architecture for Computer Vision, arXiv:1512.00567",
    ),
    Backbone(
        name="resnet50",
        constructor="ResNet50",
        module="resnet50",
        input_size=224,
        dim=2048,
        weights_url=_KERAS_URL + "resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        digests=(
            "4d473c1dd8becc155b73f8504c6f6626",
            "2cb95161c43110f7111970584f804107",
        ),
        reference="He et al. 2016, Deep Residual Learning for Image Recognition, arXiv:1512.03385",
    ),
    Backbone(
        name="mobilenet_v2",
        constructor="MobileNetV2",
        module="mobilenet_v2",
        input_size=224,
        dim=1280,
        weights_url=_KERAS_URL + "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        reference="Sandler et al. 2018, MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381",
        is_light=True,
    ),
    Backbone(
        name="vgg16",
        constructor="VGG16",
        module="vgg16",
        input_size=224,
        dim=512,
        weights_url=_KERAS_URL + "vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        digests=(
            "6d6bbae143d832006294945121d1f1fc",
            "64373286793e3c8b2b4e3219cbf3544b",
        ),
        weights_license="weights by the Visual Geometry Group, Oxford, CC BY 4.0; trained on ImageNet (ILSVRC 2012)",
        reference="Simonyan and Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition, "
        "arXiv:1409.1556",
        has_pooled_logits=False,  # three dense layers on all positions at once
    ),
    Backbone(
        name="efficientnet_v2_b0",
        constructor="EfficientNetV2B0",
        module="efficientnet_v2",
        input_size=224,
        dim=1280,
        weights_url=_KERAS_URL + "efficientnet_v2/efficientnetv2-b0_notop.h5",
        digests=(
            "893217f2bb855e2983157299931e43ff",
            "21ecbf6da12460d5c40bb2f29ceb2188",
        ),
        reference="Tan and Le 2021, EfficientNetV2: Smaller Models and Faster Training, arXiv:2104.00298",
    ),
    Backbone(
        name="convnext_tiny",
        constructor="ConvNeXtTiny",
        module="convnext",
        input_size=224,
        dim=768,
        weights_url=_KERAS_URL + "convnext/convnext_tiny_notop.h5",
        digests=(
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        ),
        reference="Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545",
    ),
    Backbone(
        name="mini",
        constructor="narrow_mobilenet_v2",
        module="mobilenet_v2",
        input_size=192,
        dim=256,
        weights_url="imgsearch/embedding/bundled/mini.weights.h5",
        weights_license="derived by this project from MobileNetV2's by Google, Apache License 2.0; see "
        "imgsearch/embedding/bundled/MODEL_CARD.md",
        reference="Sandler et al. 2018 (the architecture); He et al. 2017, Channel Pruning for Accelerating Very Deep "
        "Neural Networks, arXiv:1707.06168; Beyer et al. 2022, Knowledge distillation: A good teacher is patient and "
        "consistent, arXiv:2106.05237",
        options=MappingProxyType({"widths": _MINI_WIDTHS, "last_width": 244, "head_dim": 256}),
        has_logits=False,
        is_light=True,
        bundled="mini.weights.h5",
    ),
)

BACKBONES: MappingProxyType[str, Backbone] = MappingProxyType({row.name: row for row in _ROWS})


def get_backbone(name: str) -> Backbone:
    """The row of that name.

    Raises:
        UnknownBackboneError: there is none.
    """
    try:
        return BACKBONES[name]
    except KeyError:
        known = ", ".join(BACKBONES)
        raise UnknownBackboneError(f"A backbone must be one of {known}. Received: {name!r}.") from None


IMAGENET = "imagenet"
"""What stands for the weights that are downloaded from where Keras has them."""
