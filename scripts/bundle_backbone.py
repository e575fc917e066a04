"""Weights of the bundled architecture -> the bundled weights: `python scripts/bundle_backbone.py FILE`.

FILE is what `narrow_backbone.py` or `python -m imgsearch distill` wrote. It is kept in float16, compressed.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from imgsearch.embedding.backbones import BUNDLED_BACKBONE, get_backbone
from imgsearch.embedding.network import model_with_weights_of
from imgsearch.embedding.weights import BUNDLED


def main(weights: Path) -> None:
    backbone = get_backbone(BUNDLED_BACKBONE)
    model = model_with_weights_of(backbone, "pooled", weights)
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.weights.h5"
        model.save_weights(whole)
        target = BUNDLED / backbone.bundled
        with h5py.File(whole) as source, h5py.File(target, "w", libver="latest") as half:
            copy_as_float16(source, half)
    print(f"{target}: {model.count_params():,} parameters, {target.stat().st_size:,} bytes")


def copy_as_float16(source: h5py.Group, target: h5py.Group) -> None:
    """Copies an HDF5 tree, float32 arrays as float16, large ones compressed."""
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, node in source.items():
        if isinstance(node, h5py.Group):
            copy_as_float16(node, target.create_group(name))
            continue
        values = node[()].astype(np.float16) if node.dtype == np.float32 else node[()]
        options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if values.size > 4096 else {}
        target.create_dataset(name, data=values, **options)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
