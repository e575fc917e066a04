"""With what to fill the square of a region that is longer than the picture is wide: mirrored, the mean colour, or black?

    python -m benchmarks.region_padding --images DIR [--backbone mobilenet_v2 --weights FILE]

Every picture, called LABEL_NUMBER.jpg, asks as a region that is all of it, among the others as a build embeds them. The
mean of average precision, by what the square was filled with.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.common import Row, one_backbone, report
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region
from imgsearch.retrieval.metrics import average_precision

WHOLE = Region(0, 0, 1, 1)
FILLINGS: dict[str, dict[str, Any]] = {
    "mirrored": {"mode": "symmetric"},
    "mean colour": {"mode": "mean"},
    "black": {"mode": "constant"},
}


def squared(pixels: np.ndarray, filling: dict[str, Any]) -> np.ndarray:
    """A picture in the middle of its square: uint8 (height, width, 3) -> uint8 (side, side, 3)."""
    missing = [max(pixels.shape[:2]) - length for length in pixels.shape[:2]]
    widths = [(each // 2, each - each // 2) for each in missing]
    if filling["mode"] == "mean":
        planes = [np.pad(plane, widths, constant_values=round(plane.mean())) for plane in np.moveaxis(pixels, 2, 0)]
        return np.stack(planes, axis=2)
    return np.pad(pixels, [*widths, (0, 0)], **filling)


def main() -> None:
    options, embedder = one_backbone(__doc__)
    paths = sorted(options.images.glob("*.jpg"))
    labels = np.array([path.stem.rsplit("_", 1)[0] for path in paths])
    pictures = [decode_image(path).pixels for path in paths]
    gallery = embedder.embed(pictures)
    rows: list[Row] = []
    for name, filling in FILLINGS.items():
        queries = embedder.embed_prepared([embedder.prepare(squared(pixels, filling), WHOLE) for pixels in pictures])
        precisions = []
        for row, query in enumerate(queries):
            order = np.argsort(-(gallery @ query), kind="stable")
            is_relevant = (labels[order] == labels[row])[order != row]
            precisions.append(average_precision(is_relevant, int(is_relevant.sum())))
        rows.append({"filled_with": name, "mean_average_precision": float(np.mean(precisions))})
    report(options.save, {"pictures": len(paths), "labels": len(set(labels)), "fillings": rows})


if __name__ == "__main__":
    main()
