"""What 10 million, 100 million and a billion pictures cost: `python -m benchmarks.scale_costs`, for docs/scale_on_paper.md.

Plain arithmetic on what other benchmarks measured (build_throughput, engines), what others published (gpu_rates), and the
numbers below, each published or assumed, as its comment says. And with --thumbnails, measured here: bytes of a thumbnail,
and the processor time that decoding a picture and making one takes.

    python -m benchmarks.scale_costs [--thumbnails DIR]
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import common
from benchmarks.common import Row, picture_files, report
from benchmarks.documents import read_results
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.scaling import make_thumbnail

SIZES = (10**7, 10**8, 10**9)
DIMENSIONS = {"mini": 256, "mobilenet_v2": 1280, "inception_v3": 2048}
# PQ's byte for 8 dimensions is assumed; what any of these costs in recall is to be measured on the collection.
BITS = {"float32": 32, "float16": 16, "SQ8": 8, "PQ": 1}
LINKS = (16, 32)
ID_BYTES = 8  # int64
# "must be under 90 % of the total memory resources of all query nodes": https://milvus.io/docs/v2.3.x/load_collection.md
LOADED_SHARE = 0.9
# dataCoord.segment.maxSize, 1024 MB: https://milvus.io/docs/v2.4.x/configure_datacoord.md
SEGMENT_BYTES = 1024 * 2**20
NODE_BYTES = 32 * 2**30  # of a query node in docs/deploy/milvus-values.yaml
LARGE_PX = 320
"""Short side of a picture from which on its thumbnail has all the pixels that one may have."""
_HNSW = "HNSW ({links} links, expansion 128 and 100)"


def graph_bytes(links: int) -> float:
    """Bytes that a row of an HNSW graph has in links, int32 each: 2 `links` at the bottom, and `links` on each level above,
    to which one row in `links` rises. Faiss' wiki has 8 `links` for the bottom:
    https://github.com/facebookresearch/faiss/wiki/Faiss-indexes."""
    return 4 * (2 * links + links / (links - 1))


def row_bytes(dimensions: int, bits: int, links: int) -> float:
    """Bytes of a row in an HNSW index: vector, links, id."""
    return dimensions * bits / 8 + graph_bytes(links) + ID_BYTES


def growth_of(by_exact: tuple[float, float]) -> float:
    """How many times as much a query of ten times the rows costs, by HNSW / exact at 10**5 and at 10**6."""
    return 10 * by_exact[1] / by_exact[0]


def hnsw_ms(rows: float, exact_ms: float, by_exact: tuple[float, float]) -> float:
    """Of a query in one graph of so many rows.

    Args:
        rows: Beyond 10**6 it is extrapolated: ten times the rows cost as much more as from 10**5 to 10**6.
        exact_ms: Of a query compared with all of 10**6.
        by_exact: HNSW / exact at 10**5 and at 10**6.
    """
    return float(exact_ms * by_exact[1] * growth_of(by_exact) ** np.log10(rows / 10**6))


def _short(n: float) -> float:
    """To two digits, from 100 on to the next whole number."""
    return round(n) if n >= 100 else float(f"{n:.2g}")


def _by_size(name: str, each: float) -> Row:
    """What so much a picture is for each of SIZES."""
    return {f"{name}_{n // 10**6}m": _short(n * each) for n in SIZES}


def result(measured: Mapping[str, Any]) -> Row:
    """Tables and values, of what `read_results` gives."""
    indexes, thumbnails = measured["engines"]["indexes"], measured["thumbnails-pets"]
    embed_ms = {
        name: measured[f"build_throughput-{name}"]["rates"]["build, whole"]["cpu_ms_a_picture"] for name in DIMENSIONS
    }
    published = {row["network"]: row["pictures_a_second"] for row in measured["gpu_rates"]["rates"]}
    rates = {"mini": published["mobilenet_v2"], **published}  # assumed: mini is the lighter of the two
    index: list[Row] = []
    for name, dimensions in DIMENSIONS.items():
        for how, bits in BITS.items():
            row: Row = {"vectors": f"`{name}`, {how}", "vector_bytes": dimensions * bits // 8}
            row |= {f"bytes_{links}": _short(row_bytes(dimensions, bits, links)) for links in LINKS}
            loaded = row_bytes(dimensions, bits, LINKS[0]) / LOADED_SHARE
            index.append({**row, **_by_size("gb", loaded / 1e9), "nodes_100m": math.ceil(10**8 * loaded / NODE_BYTES)})
    own: list[Row] = []
    for links in LINKS:
        share = indexes[f"100,000 x 256, {_HNSW.format(links=links)}"]["index_by_raw"]
        own.append({"links": links, "index_by_raw": share, "bytes": _short(1024 * share)})
    kept: list[Row] = [
        {"what": f"vectors in float32, `{name}`", **_by_size("gb", 4 * d / 1e9)} for name, d in DIMENSIONS.items()
    ]
    of_photos = measured["thumbnails-photos"]
    sides = f"{of_photos['short_side_px']:.0f} px, of pictures that are no larger"
    for what, n_bytes in ((f"short side {LARGE_PX} px", thumbnails["large_bytes"]), (sides, of_photos["bytes"])):
        kept.append({"what": f"thumbnails, {what}", **_by_size("gb", n_bytes / 1e9)})
    embedding: list[Row] = []
    for name, ms in embed_ms.items():
        hours = {**_by_size("core_h", ms / 3.6e6), **_by_size("gpu_h", 1 / rates[name] / 3600)}
        embedding.append({"network": f"`{name}`", "ms": ms, **hours, "cores": round(rates[name] * thumbnails["ms"] / 1000)})
    exact_ms = indexes["1,000,000 x 256, exact"]["query_ms"]
    few, many = (indexes[f"{n} x 256, {_HNSW.format(links=32)}"]["query_by_exact"] for n in ("100,000", "1,000,000"))
    queries: list[Row] = []
    for n in (10**6, *SIZES):
        segments = max(1.0, n * 4 * DIMENSIONS["mini"] / SEGMENT_BYTES)
        one = hnsw_ms(n, exact_ms, (few, many))
        ways = {"all": exact_ms * n / 10**6, "graph": one}
        ways["segments"] = segments * hnsw_ms(n / segments, exact_ms, (few, many))
        row = {"rows": n, "n_segments": math.ceil(segments)}
        for how, ms in ways.items():
            row |= {f"{how}_ms": _short(ms), f"{how}_a_second": _short(1000 / ms)}
        queries.append(row)
    return {
        "index": index,
        "own_hnsw": own,
        "kept": kept,
        "embedding": embedding,
        "queries": queries,
        "growth": round(growth_of((few, many)), 2),
    }


def measure_thumbnails(folder: Path) -> Row:
    """Mean bytes of a thumbnail, and mean processor time of reading, decoding and making one, ms; of some 500 pictures."""
    paths = picture_files(folder)
    paths = paths[:: max(1, len(paths) // 500)]
    sides, lengths = [], []
    started = time.process_time()
    for path in paths:
        pixels = decode_image(path).pixels
        lengths.append(len(make_thumbnail(pixels)))
        sides.append(min(pixels.shape[:2]))
    ms = 1000 * (time.process_time() - started) / len(paths)
    large = [length for length, side in zip(lengths, sides, strict=True) if side >= LARGE_PX]
    return {
        "pictures": len(paths),
        "short_side_px": float(np.median(sides)),
        "bytes": round(np.mean(lengths)),
        "ms": ms,
        "large": len(large),
        "large_bytes": round(np.mean(large)) if large else None,
    }


def main() -> None:
    """Computes, or measures."""
    parser = common.parser(__doc__)
    parser.add_argument("--thumbnails", type=Path, metavar="DIR", help="measure on pictures of this folder instead")
    options = parser.parse_args()
    report(options.save, measure_thumbnails(options.thumbnails) if options.thumbnails else result(read_results()))


if __name__ == "__main__":
    main()
