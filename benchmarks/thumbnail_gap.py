"""What searching a part of a gallery's item loses by cutting it from the thumbnail instead of the original.

    python -m benchmarks.thumbnail_gap --images DIR [--backbone mobilenet_v2 --weights FILE]

The whole picture and boxes of several sizes at random places, one of each size a picture, embedded from both. Distances are
angular; for comparison, the distance of each picture to its nearest neighbour. Last, how many of the 10 nearest pictures
are the same. The whole picture shows what an explanation, which looks at thumbnails, can be off by.
"""

from __future__ import annotations

import numpy as np

from benchmarks.common import Row, machine, one_backbone, report
from imgsearch.distance import angular_distance
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region
from imgsearch.pictures.scaling import make_thumbnail

SIDES = (0.7, 0.5, 0.3, 0.15)
N_NEAREST = 10


def random_box(side: float, rng: np.random.Generator) -> Region:
    """A box of that share of width and height."""
    left, top = rng.uniform(0, 1 - side, 2)
    return Region(left, top, left + side, top + side)


def nearest(gallery: np.ndarray, queries: np.ndarray) -> list[set[int]]:
    """Rows of the nearest of each query, the picture itself left out."""
    similarities = queries @ gallery.T - 3 * np.eye(len(gallery))
    return [set(row.tolist()) for row in np.argsort(-similarities, axis=1)[:, :N_NEAREST]]


def main() -> None:
    options, embedder = one_backbone(__doc__)
    pictures = [decode_image(path).pixels for path in sorted(options.images.glob("*.jpg"))]
    thumbnails = [decode_image(make_thumbnail(pixels)).pixels for pixels in pictures]
    gallery = embedder.embed(pictures)
    apart = np.array([np.sort(angular_distance(gallery, vector))[1] for vector in gallery])
    print(machine())
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for side in (None, *SIDES):
        boxes = [random_box(side, rng) if side else None for _ in pictures]
        vectors = [
            embedder.embed_prepared([embedder.prepare(x, box) for x, box in zip(source, boxes, strict=True)])
            for source in (pictures, thumbnails)
        ]
        gaps = np.linalg.norm(vectors[0] - vectors[1], axis=1)
        same = [len(a & b) for a, b in zip(*(nearest(gallery, each) for each in vectors), strict=True)]
        rows.append(
            {
                "part": f"{100 * side:g} % of each side" if side else "whole picture",
                "median_gap": float(np.median(gaps)),
                "gap_of_90_in_100": float(np.percentile(gaps, 90)),
                f"same_of_{N_NEAREST}": float(np.mean(same)),
            }
        )
    report(options.save, {"pictures": len(pictures), "nearest_median": float(np.median(apart)), "parts": rows})


if __name__ == "__main__":
    main()
