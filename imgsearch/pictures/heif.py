"""HEIC files (HEIF with HEVC inside): what decoding one will cost, read before libheif does it.

libheif decodes as many tiles as a file declares, and pillow-heif opens every picture and copies all metadata. So the items
that the primary picture is made of are looked up here, and how large each is. (libheif 1.23 itself refuses coded data that
are larger than their item says, and its decoder goes over a picture once, however often they repeat it.)

Sources: ISO/IEC 14496-12 (boxes, items), ISO/IEC 23008-12 (HEIF), ISO/IEC 14496-15 (hvcC), ITU-T H.265 section 7.3 (NAL
units, sequence parameter sets).
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from PIL import ImageFile

from imgsearch.errors import ImageDecodeError, ImageTooLargeError
from imgsearch.pictures.tiff import CUT_OFF, DAMAGED
from imgsearch.reasons import say

MAX_PARTS = 1_000
"""Items of a file, and parts of a picture; libheif's limit too. 48 megapixels in tiles of 512 px have 192."""
_MAX_STEPS = 200_000

_ALPHA_TYPES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0")
_TABLES = (b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat")
_TRANSFORMATIONS = (b"irot", b"imir", b"clap")
# Where the size of what tiles are put on stands: after version, flags, rows and columns; after version, flags and colour.
_CANVASES = {b"grid": 4, b"iovl": 10}
_SPS = 33
MAX_SPS_BYTES = 512
_SAMPLES_A_PIXEL = {0: 1.0, 1: 1.5, 2: 2.0, 3: 3.0}  # by chroma_format_idc: grey, 4:2:0, 4:2:2, 4:4:4


@dataclass(frozen=True)
class HeifCost:
    """What decoding a picture takes.

    Attributes:
        pixels: Of the picture, or of a part that is larger.
        sample_bytes: Size of all its parts as they are decoded: 1.5 bytes a pixel as phones write them, up to 8.
    """

    pixels: int
    sample_bytes: int


def open_heif(file: IO[bytes]) -> ImageFile.ImageFile:
    """The primary picture, to be loaded, upright by what the container says.

    EXIF, which says the same or is out of date, is not asked (ISO/IEC 23008-12: it describes, `irot` and `imir` count).
    Nothing is registered with Pillow, whose own decoder stays the one for AVIF. ImageDecodeError: pillow-heif is missing.
    """
    try:
        from pillow_heif import HeifImageFile, options
    except ImportError as exc:  # an environment from before it was needed
        raise ImageDecodeError(
            say("heic_missing"),
            hint="Install what requirements.txt names, or save the picture as JPEG.",
        ) from exc
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = 1  # with more, tiles that a damaged file lays upon each other come out in any order
    opened: ImageFile.ImageFile = HeifImageFile(file)
    return opened


def heif_cost(data: bytes) -> HeifCost:
    """What decoding the primary picture of a file will take.

    Raises:
        ImageDecodeError: The picture is cut off, damaged, or coded in another way than HEVC.
        ImageTooLargeError: It has more parts or pieces than a picture needs.
    """
    try:
        boxes = list(_Reader(data, 0, len(data), [0]).boxes(may_be_cut=True))
        metas = [body for kind, body in boxes if kind == b"meta"]
        if not metas:
            is_cut = len(boxes) < 2 or boxes[-1][1].is_clipped
            raise ImageDecodeError(CUT_OFF if is_cut else say("heic_empty"))
        (meta,) = metas
        if meta.is_clipped:
            raise ImageDecodeError(CUT_OFF)
        return _cost(_read_items(meta), data)
    except (struct.error, ValueError, KeyError, IndexError, OverflowError) as exc:
        raise ImageDecodeError(DAMAGED) from exc


# --- boxes -----------------------------------------------------------------------------------------------------------


class _Reader:
    """Numbers and boxes from `at` to `end` of a file; all readers of a file count their steps together.

    Attributes:
        is_clipped: Whether the file ends before the box.
    """

    def __init__(self, data: bytes, at: int, end: int, steps: list[int]) -> None:
        self.data, self.at, self.end, self.steps = data, at, end, steps
        self.is_clipped = False

    def take(self, size: int) -> bytes:
        return self.data[self._skip(size) : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def version(self) -> int:
        """Version of a box that has one; its flags are skipped."""
        return self.number(4) >> 24

    def again(self) -> _Reader:
        """A reader of the same bytes; many items share a property."""
        return _Reader(self.data, self.at, self.end, self.steps)

    def part(self, size: int) -> _Reader:
        """A reader of the next bytes, which are skipped here."""
        return _Reader(self.data, self._skip(size), self.at, self.steps)

    def boxes(self, *, may_be_cut: bool = False) -> Iterator[tuple[bytes, _Reader]]:
        """Kind and content of each box; `may_be_cut` where the file may end within the last, or go on after it."""
        while self.end - self.at >= 8:
            head = self.at
            size, kind = self.number(4), self.take(4)
            if size == 1:
                size = self.number(8)
            left = self.end - self.at
            size = size - (self.at - head) if size else left
            if size < 0 and may_be_cut:  # something else stands after the last box
                return
            body = self.part(min(size, left) if may_be_cut else size)
            body.is_clipped = size > left
            yield kind, body

    def _skip(self, size: int) -> int:
        self.steps[0] += 1
        if self.steps[0] > _MAX_STEPS:
            raise ImageTooLargeError(say("heic_pieces"))
        if not 0 <= size <= self.end - self.at:
            raise ValueError("beyond the end")
        self.at += size
        return self.at - size


@dataclass
class _Item:
    """An item: its type, where its bytes are, its properties (kind, content), what it is made of, its alpha."""

    kind: bytes = b""
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[tuple[bytes, _Reader]] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    auxiliaries: list[int] = field(default_factory=list)


@dataclass
class _Items:
    primary: int
    by_id: dict[int, _Item]


def _read_items(meta: _Reader) -> _Items:
    meta.version()
    boxes: dict[bytes, _Reader] = {}
    for kind, body in meta.boxes():
        if boxes.setdefault(kind, body) is not body and kind in _TABLES:
            raise ValueError("two of a kind: who is to say which counts")
    items: defaultdict[int, _Item] = defaultdict(_Item)
    primary = boxes[b"pitm"]
    result = _Items(primary.number(4 if primary.version() else 2), items)
    infos = boxes[b"iinf"]
    infos.number(4 if infos.version() else 2)
    for kind, info in infos.boxes():
        if kind == b"infe" and (version := info.version()) >= 2:
            item = items[info.number(4 if version == 3 else 2)]
            info.number(2)
            if item.kind:
                raise ValueError("two of a kind")
            item.kind = info.take(4)
    _read_locations(boxes[b"iloc"], boxes.get(b"idat"), items)
    _read_properties(boxes[b"iprp"], items)
    if references := boxes.get(b"iref"):
        width = 4 if references.version() else 2
        for kind, reference in references.boxes():
            origin = reference.number(width)
            targets = [reference.number(width) for _ in range(reference.number(2))]
            if kind == b"dimg":
                items[origin].sources += targets
            elif kind == b"auxl":
                for target in targets:
                    items[target].auxiliaries.append(origin)
    if len(items) > MAX_PARTS:
        raise ImageTooLargeError(say("heic_items", n=len(items), most=MAX_PARTS))
    return result


def _read_locations(box: _Reader, idat: _Reader | None, items: defaultdict[int, _Item]) -> None:
    version = box.version()
    sizes = box.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    for _ in range(box.number(4 if version == 2 else 2)):
        item = items[box.number(4 if version == 2 else 2)]
        method = box.number(2) & 15 if version else 0
        box.number(2)
        base = box.number(base_size)
        if method > 1:
            raise ValueError("a part of another item")
        if method == 1 and idat:
            base += idat.at
        for _ in range(box.number(2)):
            box.number(index_size if version else 0)
            offset, length = base + box.number(offset_size), box.number(length_size)
            item.extents.append((offset, length or max(0, len(box.data) - offset)))
    # Metadata are copied for each item, and may all lie at the same place.
    if sum(length for item in items.values() for _, length in item.extents) > 2 * len(box.data):
        cut = max(offset + length for item in items.values() for offset, length in item.extents) > len(box.data)
        raise ImageDecodeError(CUT_OFF if cut else DAMAGED)


def _read_properties(box: _Reader, items: defaultdict[int, _Item]) -> None:
    boxes = list(box.boxes())
    known = [each for kind, body in boxes if kind == b"ipco" for each in body.boxes()]
    for kind, body in boxes:
        if kind != b"ipma":
            continue
        head = body.number(4)
        for _ in range(body.number(4)):
            item = items[body.number(4 if head >> 24 else 2)]
            for _ in range(body.number(1)):
                index = body.number(2) & 0x7FFF if head & 1 else body.number(1) & 0x7F
                if index:
                    item.properties.append(known[index - 1])


# --- cost ------------------------------------------------------------------------------------------------------------


def _cost(items: _Items, data: bytes) -> HeifCost:
    """Cost of the primary item with all that it is made of; what is used twice is decoded twice."""
    costs: dict[int, HeifCost] = {}
    waiting, n_parts, pixels, sample_bytes, n_bytes, densest = [items.primary], 0, 0, 0, 0, 0.0
    while waiting:
        item_id = waiting.pop()
        item = items.by_id[item_id]
        n_parts += 1
        if n_parts > MAX_PARTS:
            raise ImageTooLargeError(say("too_many_parts", most=MAX_PARTS))
        if any(offset + length > len(data) for offset, length in item.extents):
            raise ImageDecodeError(CUT_OFF)
        if item_id not in costs:
            costs[item_id] = _item_cost(item, data)
        cost = costs[item_id]
        pixels = max(pixels, cost.pixels)
        sample_bytes += cost.sample_bytes
        densest = max(densest, cost.sample_bytes / max(1, cost.pixels))
        n_bytes += sum(length for _, length in item.extents)
        waiting += item.sources if item.kind != b"hvc1" else []
        waiting += [each for each in item.auxiliaries if _is_alpha(items.by_id[each])]
    if n_bytes > 2 * len(data):
        raise ImageDecodeError(DAMAGED)
    return HeifCost(pixels, max(sample_bytes, int(densest * pixels)))


def _is_alpha(item: _Item) -> bool:
    return any(
        kind == b"auxC" and body.data[body.at + 4 : body.end].startswith(_ALPHA_TYPES) for kind, body in item.properties
    )


def _item_cost(item: _Item, data: bytes) -> HeifCost:
    """Cost of an item alone: of its coded data, or of the canvas that others are put on."""
    kinds = [kind for kind, _ in item.properties]
    if any(kinds.count(kind) > 1 for kind in _TRANSFORMATIONS):  # each turns or copies the whole
        raise ImageDecodeError(DAMAGED)
    sizes = [struct.unpack_from(">II", body.data, body.at + 4) for kind, body in item.properties if kind == b"ispe"]
    content = b"".join(data[offset : offset + length] for offset, length in item.extents)
    sample_bytes = 0.0
    if item.kind in _CANVASES:
        sizes.append(struct.unpack_from(">II" if content[1] & 1 else ">HH", content, _CANVASES[item.kind]))
    elif item.kind == b"hvc1":
        for width, height, bytes_a_pixel in _coded_sizes(item, content):
            sizes.append((width, height))
            sample_bytes = max(sample_bytes, width * height * bytes_a_pixel)
    elif item.kind != b"iden":
        raise ImageDecodeError(say("heic_coding"), hint="Save it as JPEG.")
    return HeifCost(max(width * height for width, height in sizes), int(sample_bytes))


def _coded_sizes(item: _Item, content: bytes) -> Iterator[tuple[int, int, float]]:
    """Width, height and bytes a pixel by each sequence parameter set, beside the coded data or among them."""
    for kind, body in item.properties:
        if kind != b"hvcC":
            continue
        configuration = body.again()
        configuration.take(21)
        length_size = (configuration.number(1) & 3) + 1
        for _ in range(configuration.number(1)):
            configuration.number(1)
            for _ in range(configuration.number(2)):
                yield from _coded_size(configuration.take(configuration.number(2)))
        units = _Reader(content, 0, len(content), body.steps)
        while units.at < units.end:
            yield from _coded_size(units.take(units.number(length_size)))


def _coded_size(unit: bytes) -> Iterator[tuple[int, int, float]]:
    """Width, height and bytes a pixel, if the NAL unit is a sequence parameter set."""
    if len(unit) < 3 or unit[0] >> 1 & 63 != _SPS:
        return
    bits = _Bits(unit[2:MAX_SPS_BYTES].replace(b"\0\0\3", b"\0\0"))
    bits.take(4)
    n_layers = bits.take(3)
    bits.take(1 + 88 + 8)
    layers = [bits.take(2) for _ in range(8 if n_layers else 0)]
    for layer in layers[:n_layers]:
        bits.take((88 if layer & 2 else 0) + (8 if layer & 1 else 0))
    bits.golomb()
    chroma = bits.golomb()
    if chroma == 3:
        bits.take(1)
    width, height = bits.golomb(), bits.golomb()
    if bits.take(1):  # the window that is shown
        for _ in range(4):
            bits.golomb()
    depth = 8 + max(bits.golomb(), bits.golomb())
    yield width, height, _SAMPLES_A_PIXEL[chroma] * (2 if depth > 8 else 1)


class _Bits:
    """Bits of a parameter set, one number after the other."""

    def __init__(self, data: bytes) -> None:
        self._bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
        self._at = 0

    def take(self, size: int) -> int:
        self._at += size
        if self._at > len(self._bits):
            raise ValueError("beyond the end")
        return int(self._bits[self._at - size : self._at] or "0", 2)

    def golomb(self) -> int:
        """An Exp-Golomb number (H.265 section 9.2)."""
        zeros = self._bits.index("1", self._at) - self._at
        self.take(zeros)
        return self.take(zeros + 1) - 1
