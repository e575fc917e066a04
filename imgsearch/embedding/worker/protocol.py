"""What the page and the worker say to each other.

Both ways: length of the header (4 bytes, big-endian), header (JSON object, UTF-8), then as many raw bytes as the header's
"sizes" add up to. No pickle.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import IO, Any

from imgsearch.embedding.embedders import WHOLE, Regions
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import ImgSearchError, error_of

MAX_HEADER_BYTES = 1 << 16
MAX_BODY_BYTES = 1 << 28
Answer = tuple[dict[str, Any], list[bytes]]
"""Header and parts."""


def request_header(
    task: str,
    specs: Sequence[EmbedderSpec],
    regions: Regions = WHOLE,
    *,
    preview: bool = False,
    thumbnail: bool = False,
) -> dict[str, Any]:
    """The header of a request: "embed", see `embedders.Wanted`; of one embedder "feature_maps", "embed_parts", "load"."""
    return {
        "task": task,
        "specs": [spec.to_json() for spec in specs],
        "regions": [str(region) if region else None for region in regions],
        "preview": preview,
        "thumbnail": thumbnail,
    }


def error_from(answer: Mapping[str, Any]) -> ImgSearchError:
    """The worker's error as the exception that it was there."""
    return error_of(str(answer["error"]), str(answer.get("message")), answer.get("hint"))


def write_message(stream: IO[bytes], header: Mapping[str, Any], parts: Sequence[bytes]) -> None:
    """Writes header and parts."""
    encoded = json.dumps({**header, "sizes": [len(part) for part in parts]}).encode()
    stream.write(struct.pack(">I", len(encoded)) + encoded)
    for part in parts:
        stream.write(part)
    stream.flush()


def read_message(stream: IO[bytes]) -> Answer | None:
    """Header and parts, or None at the end of the stream. ValueError for anything that is not the protocol."""
    prefix = stream.read(4)
    if not prefix:
        return None
    (length,) = struct.unpack(">I", prefix) if len(prefix) == 4 else (MAX_HEADER_BYTES + 1,)
    if length > MAX_HEADER_BYTES:
        raise ValueError("not a header")
    try:
        header = json.loads(_exactly(stream, length))
        sizes = header.pop("sizes")
        if min(sizes, default=0) < 0 or sum(sizes) > MAX_BODY_BYTES:
            raise ValueError("not sizes")
        return header, [_exactly(stream, size) for size in sizes]
    except (AttributeError, KeyError, TypeError, RecursionError) as exc:
        raise ValueError("not a header") from exc


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data
