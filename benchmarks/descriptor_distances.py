"""How closely does the cosine of a descriptor stand for the distance of its paper?

    python -m benchmarks.descriptor_distances --images DIR [--pictures 1000] [--k 10]

For every picture: how many of the k nearest others by the paper's distance are among the k nearest by the cosine that
imgsearch searches with? Both see the same descriptor, so all that differs is the distance. Ties go to the earlier picture.
The joint descriptor has no paper of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import common
from benchmarks.common import Row, gather, report
from imgsearch.embedding.descriptors import DESCRIPTORS, squash
from imgsearch.embedding.descriptors.cedd import fuzzy_histogram
from imgsearch.embedding.descriptors.color import color_histogram
from imgsearch.embedding.descriptors.edges import REGION_WEIGHTS, local_histogram, region_shares
from imgsearch.embedding.descriptors.layout import CHANNELS, WEIGHTS, coefficients
from imgsearch.pictures.decode import decode_image


def intersection_distance(all_shares: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """1 - sum of the lesser shares: (n, 256), (256,) -> (n,). Swain and Ballard 1991, section 2.2."""
    common: np.ndarray = np.minimum(all_shares, shares).sum(axis=1)
    return 1.0 - common


def layout_distance(all_levels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Sum over Y, Cb and Cr of weighted Euclidean distances: (n, 12), (12,) -> (n,). ISO/IEC 15938-3, Color Layout."""
    squares = WEIGHTS * (all_levels - levels) ** 2
    distances: np.ndarray = sum(np.sqrt(squares[:, channel == CHANNELS].sum(axis=1)) for channel in range(3))
    return distances


def edge_distance(all_shares: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sum of absolute differences of local, semi-global and five times the global shares: (n, 30, 5), (30, 5) -> (n,).

    Won, Park and Park 2002, equation 6; the shares are those that the stored levels stand for.
    """
    distances: np.ndarray = np.einsum("nre,r->n", np.abs(all_shares - shares), REGION_WEIGHTS)
    return distances


def tanimoto_distance(all_levels: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """1 - ab / (aa + bb - ab): (n, 144), (144,) -> (n,). Chatzichristofis and Boutalis 2008, section 5."""
    products = all_levels @ levels
    tanimoto: np.ndarray = products / ((all_levels**2).sum(axis=1) + (levels**2).sum() - products)
    return 1.0 - tanimoto


Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]
Raw = Callable[[np.ndarray], np.ndarray]
PAPERS: dict[str, tuple[str, Raw, Distance]] = {
    "color_histogram": ("histogram intersection", lambda p: color_histogram(p) ** 2, intersection_distance),
    "color_layout": ("sum of three weighted L2", coefficients, layout_distance),
    "edge_histogram": ("weighted L1", lambda p: region_shares(local_histogram(p)), edge_distance),
    "cedd": ("Tanimoto", lambda p: fuzzy_histogram(p).ravel().astype(np.float64), tanimoto_distance),
}


def cosine_distance(vectors: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """1 - cosine of vectors of length 1: (n, dim), (dim,) -> (n,)."""
    cosines: np.ndarray = vectors.astype(np.float64) @ vector
    return 1.0 - cosines


def nearest(values: np.ndarray, distance: Distance, row: int, k: int) -> set[int]:
    """Rows of the k nearest others."""
    distances = distance(values, values[row])
    distances[row] = np.inf
    return set(np.argsort(distances, kind="stable")[:k].tolist())


def agreement(raw: np.ndarray, paper: Distance, vectors: np.ndarray, k: int) -> float:
    """Mean share of the k nearest by the paper that are among the k nearest by the cosine."""
    rows = range(len(raw))
    shared = [len(nearest(raw, paper, row, k) & nearest(vectors, cosine_distance, row, k)) for row in rows]
    return float(np.mean(shared)) / k


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--images", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--pictures", type=int, default=1000, help="at most so many [%(default)s]")
    parser.add_argument("--k", type=int, default=10, help="nearest others [%(default)s]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgsearch-benchmark-") as temporary:
        paths = gather(options.images, options.pictures, Path(temporary) / "pictures")
        pictures = [decode_image(path).pixels for path in paths]
    rows: list[Row] = []
    for name, (title, raw_of, distance) in PAPERS.items():
        descriptor = DESCRIPTORS[name]
        squashed = [squash(pixels, descriptor.input_size) for pixels in pictures]
        raw = np.stack([raw_of(pixels) for pixels in squashed])
        vectors = np.stack([descriptor.compute(pixels) for pixels in squashed])
        share = agreement(raw, distance, vectors, options.k)
        rows.append({"descriptor": name, "distance": title, "dimensions": descriptor.dim, "agreement": share})
    report(options.save, {"pictures": len(pictures), "k": options.k, "descriptors": rows})


if __name__ == "__main__":
    main()
