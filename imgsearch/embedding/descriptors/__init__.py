"""Classic content-based descriptors: fixed formulas, no weights. What retrieval was before CNNs, and the peer to beat.

Each comes as a vector of length 1 whose cosine stands for the distance of its paper. How closely,
`python -m benchmarks.descriptor_distances` measures: docs/measurements.md, Our descriptors beside LIRE's.
"""

from __future__ import annotations

from types import MappingProxyType

from imgsearch.embedding.descriptors.cedd import CEDD
from imgsearch.embedding.descriptors.color import COLOR_HISTOGRAM
from imgsearch.embedding.descriptors.descriptor import Descriptor, Match, squash
from imgsearch.embedding.descriptors.edges import EDGE_HISTOGRAM
from imgsearch.embedding.descriptors.joint import JOINT
from imgsearch.embedding.descriptors.layout import COLOR_LAYOUT

__all__ = ["DESCRIPTORS", "Descriptor", "Match", "squash"]

_ROWS = (COLOR_HISTOGRAM, COLOR_LAYOUT, EDGE_HISTOGRAM, CEDD, JOINT)

DESCRIPTORS: MappingProxyType[str, Descriptor] = MappingProxyType({row.name: row for row in _ROWS})
