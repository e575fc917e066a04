"""What 10 million, 100 million and a billion pictures cost: `python -m benchmarks.scale_costs` prints the tables of
docs/scale_on_paper.md.

Plain arithmetic on the numbers below, each of which was measured here, published or assumed, as its comment says.
Measured is on an AMD EPYC with AVX-512, two cores that others used too, processor time.

    python -m benchmarks.scale_costs --thumbnails DIR    # measures: bytes of a thumbnail, and what making it takes
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.common import markdown
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

# By --thumbnails: 208 pets with a short side of 320 px or more; 523 of the photos, which have one of 192 px.
THUMBNAIL_BYTES = {"short side 320 px": 37_142, "192 px, of pictures that are no larger": 12_898}
DECODE_MS = 10.2  # by --thumbnails, of the 259 pets, most of about 500 x 375 px

# Of a picture in a build: python -m benchmarks.build_throughput --backbone NAME --images PETS --pictures 96 --repeats 3,
# "build, whole", CPU ms a picture, LiteRT.
EMBED_MS = {"mini": 16, "mobilenet_v2": 18, "inception_v3": 69}
# Published: pictures a second of the bare network on one RTX 4090, mixed precision, batches of 512, PyTorch 2.4, CUDA 12.4:
# huggingface/pytorch-image-models, results/benchmark-infer-amp-nhwc-pt240-cu124-rtx4090.csv at 7479d45, mobilenetv2_100 and
# inception_v3. mini is not among them: assumed as mobilenet_v2, which is the heavier of the two.
GPU_RATE = {"mini": 11_768, "mobilenet_v2": 11_768, "inception_v3": 4_357}

# A query compared with 1,000,000 x 256, one thread; the command is in the document.
EXACT_MS = 39.0
# HNSW / exact, 32 links, expansion 128 and 100, at 100,000 and at 1,000,000 x 256: docs/measurements.md, Engines.
HNSW_TO_EXACT = (0.121, 0.016)


def graph_bytes(links: int) -> float:
    """Bytes that a row of an HNSW graph has in links, int32 each: 2 `links` at the bottom, and `links` on each level above,
    to which one row in `links` rises. Faiss' wiki has 8 `links` for the bottom:
    https://github.com/facebookresearch/faiss/wiki/Faiss-indexes."""
    return 4 * (2 * links + links / (links - 1))


def row_bytes(dimensions: int, bits: int, links: int) -> float:
    """Bytes of a row in an HNSW index: vector, links, id."""
    return dimensions * bits / 8 + graph_bytes(links) + ID_BYTES


def hnsw_ms(rows: float) -> float:
    """Of a query in one graph of so many rows of 256. Beyond 10**6 it is extrapolated: ten times the rows cost as much more
    as from 10**5 to 10**6."""
    growth = 10 * HNSW_TO_EXACT[1] / HNSW_TO_EXACT[0]
    return float(EXACT_MS * HNSW_TO_EXACT[1] * growth ** np.log10(rows / 10**6))


def _bytes(n: float) -> str:
    return f"{n / 1e12:,.2f} TB" if n >= 1e12 else f"{n / 1e9:,.0f} GB"


def _query(ms: float) -> tuple[str, str]:
    rate = 1000 / ms
    return f"{ms:,.1f} ms" if ms < 100 else f"{ms:,.0f} ms", f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def tables() -> dict[str, str]:
    """Markdown tables by name."""
    sizes = [f"{n:,}" for n in SIZES]
    index, embedding, queries = [], [], []
    for name, dimensions in DIMENSIONS.items():
        for how, bits in BITS.items():
            rows = [row_bytes(dimensions, bits, links) for links in LINKS]
            memory = [_bytes(n * rows[0] / LOADED_SHARE) for n in SIZES]
            index.append((f"`{name}`, {how}", f"{dimensions * bits // 8:,}", *(f"{row:,.0f}" for row in rows), *memory))
        ms, rate = EMBED_MS[name], GPU_RATE[name]
        cores = [f"{n * ms / 3.6e6:,.0f} h" for n in SIZES]
        gpus = [f"{n / rate / 3600:,.1f} h" for n in SIZES]
        embedding.append((f"`{name}`", f"{ms} ms", *cores, *gpus, f"{rate * DECODE_MS / 1000:.0f}"))
    kept = [(f"vectors in float32, `{name}`", *(_bytes(4 * d * n) for n in SIZES)) for name, d in DIMENSIONS.items()]
    kept += [(f"thumbnails, {name}", *(_bytes(each * n) for n in SIZES)) for name, each in THUMBNAIL_BYTES.items()]
    for n in (10**6, *SIZES):
        segments = max(1.0, n * 4 * DIMENSIONS["mini"] / SEGMENT_BYTES)
        ways = (EXACT_MS * n / 10**6, hnsw_ms(n), segments * hnsw_ms(n / segments))
        queries.append((f"{n:,}", *(cell for ms in ways for cell in _query(ms))))
    links = [f"with a graph of M = {each}" for each in LINKS]
    return {
        "index": markdown(("bytes a row", "vector", *links, *(f"memory for {size}" for size in sizes)), index),
        "kept": markdown(("", *sizes), kept),
        "embedding": markdown(
            (
                "",
                "a picture",
                *(f"core, {size}" for size in sizes),
                *(f"GPU, {size}" for size in sizes),
                "cores to feed it",
            ),
            embedding,
        ),
        "queries": markdown(("rows of 256", "all", "a second", "one graph", "a second", "segments", "a second"), queries),
    }


def measure_thumbnails(folder: Path) -> None:
    """Prints mean bytes, and processor time of reading, decoding and making one."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    paths = paths[:: max(1, len(paths) // 500)]
    sides, lengths = [], []
    started = time.process_time()
    for path in paths:
        pixels = decode_image(path).pixels
        lengths.append(len(make_thumbnail(pixels)))
        sides.append(min(pixels.shape[:2]))
    ms = 1000 * (time.process_time() - started) / len(paths)
    print(f"{len(paths)} pictures, short side {np.median(sides):.0f} px: {np.mean(lengths):,.0f} bytes, {ms:.1f} ms each")
    large = [length for length, side in zip(lengths, sides, strict=True) if side >= 320]
    if large:
        print(f"of them {len(large)} with a short side of 320 px or more: {np.mean(large):,.0f} bytes")


def main() -> None:
    """Prints the tables, or measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thumbnails", type=Path, metavar="DIR", help="measure on pictures of this folder")
    options = parser.parse_args()
    if options.thumbnails:
        measure_thumbnails(options.thumbnails)
    else:
        print("\n\n".join(f"{name}\n\n{table}" for name, table in tables().items()))


if __name__ == "__main__":
    main()
