"""TIFF files, and EXIF, which is one inside other files: read before Pillow decodes a TIFF, and cut down to one picture.

Sources: TIFF 6.0 and its BigTIFF extension, Exif 2.32 section 4.6, TIFF/EP (ISO 12234-2: sub-directories, raw data),
DNG 1.7 chapter 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from imgsearch.errors import ImageDecodeError, ImageTooLargeError
from imgsearch.pictures.rgb import FULL_WHITE, White
from imgsearch.reasons import say

MAX_TIFF_TAGS = 4_096
MAX_TIFF_CHUNKS = 32_768
MAX_TIFF_PAGES = 64

CUT_OFF = say("cut_off")
DAMAGED = say("damaged")
RAW = say("raw")

_WIDTH, _LENGTH, _COMPRESSION, _STRIP_OFFSETS, _STRIP_COUNTS, _ORIENTATION = 256, 257, 259, 273, 279, 274
_TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_BITS, _MAX_SAMPLE_VALUE, _S_MAX_SAMPLE_VALUE, _WHITE_LEVEL = 258, 281, 341, 50717
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _PHOTOMETRIC, _SUB_DIRECTORIES, _DNG_VERSION = 254, 255, 262, 330, 50706

# Bits of NewSubfileType: a smaller version of another page, a mask, a depth map. A SubfileType of 2 is the first of them.
_NOT_THE_PICTURE = 0b1101
_RAW_PHOTOMETRICS = frozenset((32803, 34892))  # colour filter array, linear raw

# Tags that say how pixels are stored, and how many values each may have. All others (profiles, previews, texts, further
# directories) are left out.
_TIFF_TAGS: Mapping[int, int] = {
    _WIDTH: 1, _LENGTH: 1, _BITS: 8, _COMPRESSION: 1, _PHOTOMETRIC: 1, 266: 1, _STRIP_OFFSETS: MAX_TIFF_CHUNKS, 277: 1,
    278: 1, _STRIP_COUNTS: MAX_TIFF_CHUNKS, 284: 1, 292: 1, 293: 1, 317: 1, 320: 3 * 65_536, _TILE_WIDTH: 1,
    _TILE_LENGTH: 1, _TILE_OFFSETS: MAX_TIFF_CHUNKS, _TILE_COUNTS: MAX_TIFF_CHUNKS, 338: 8, 339: 8, 347: 65_536, 529: 3,
    530: 2, 531: 1, 532: 6,
}  # fmt: skip

# None, CCITT (three kinds), LZW, JPEG, deflate, PackBits, deflate (old number), Zstandard.
_TIFF_COMPRESSIONS = frozenset((1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50000))
TIFF_JPEG = 7

_TIFF_INTEGERS = {3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


class _Directory:
    """A directory of a TIFF structure: the first (IFD0), or the one at `start`.

    Raises:
        struct.error, ValueError: It is not all there.
    """

    def __init__(self, data: bytes, start: int | None = None) -> None:
        self.data = data
        self.order = {b"II": "<", b"MM": ">"}[data[:2]]
        self.is_big = struct.unpack_from(self.order + "H", data, 2)[0] == 43
        word, count = ("Q", "Q") if self.is_big else ("I", "H")
        self.word_size = struct.calcsize(word)
        if start is None:
            (start,) = struct.unpack_from(self.order + word, data, self.word_size)
        self.start = start
        (n_entries,) = struct.unpack_from(self.order + count, data, start)
        if n_entries > MAX_TIFF_TAGS:
            raise ValueError("too many tags")
        first = start + struct.calcsize(count)
        self._layout = struct.Struct(self.order + "HH" + word)
        entry_size = self._layout.size + self.word_size
        self._end = first + n_entries * entry_size
        self.entries: dict[int, bytes] = {}
        for at in range(first, self._end, entry_size):
            tag, _, _ = self._layout.unpack_from(data, at)
            self.entries.setdefault(tag, data[at : at + entry_size])

    @property
    def further(self) -> tuple[int, ...]:
        """Where its sub-directories and the directory after it begin."""
        (after,) = struct.unpack_from(self.order + ("Q" if self.is_big else "I"), self.data, self._end)
        return (*self.integers(_SUB_DIRECTORIES, MAX_TIFF_PAGES), after)

    @property
    def is_picture(self) -> bool:
        """Whether its page is a picture of its own: no preview, no mask, no depth map."""
        return not self.integer(_NEW_SUBFILE_TYPE, 0) & _NOT_THE_PICTURE and self.integer(_SUBFILE_TYPE, 1) != 2

    @property
    def is_raw(self) -> bool:
        """Whether its page is what a sensor measured, before colours were made of it."""
        return self.integer(_PHOTOMETRIC, 0) in _RAW_PHOTOMETRICS

    @property
    def pixels(self) -> int:
        return self.integer(_WIDTH, 0) * self.integer(_LENGTH, 0)

    def count(self, tag: int) -> int:
        """How many values the tag has; 0 where it is missing."""
        return int(self._layout.unpack_from(self.entries[tag])[2]) if tag in self.entries else 0

    def end(self, tag: int) -> int:
        """Where in the file the tag's values end; 0 where they stand in the entry itself."""
        _, kind, count = self._layout.unpack_from(self.entries[tag])
        size = count * _TIFF_SIZES.get(kind, 0)
        return size + self._values_at(tag) if size > self.word_size else 0

    def _values_at(self, tag: int) -> int:
        word = "Q" if self.is_big else "I"
        return int(struct.unpack_from(self.order + word, self.entries[tag], self._layout.size)[0])

    def integers(self, tag: int, most: int) -> tuple[int, ...]:
        """The first `most` values of a tag of whole numbers; () where it is missing or of another type."""
        if tag not in self.entries:
            return ()
        _, kind, count = self._layout.unpack_from(self.entries[tag])
        if kind not in _TIFF_INTEGERS:
            return ()
        layout = f"{self.order}{min(count, most)}{_TIFF_INTEGERS[kind]}"
        if count * _TIFF_SIZES[kind] <= self.word_size:  # few values stand in the entry, many elsewhere
            return struct.unpack_from(layout, self.entries[tag], self._layout.size)
        return struct.unpack_from(layout, self.data, self._values_at(tag))

    def integer(self, tag: int, default: int) -> int:
        """First value of a tag of whole numbers."""
        values = self.integers(tag, 1)
        return values[0] if values else default


def exif_orientation(exif: bytes) -> int:
    """Orientation tag of an EXIF block, with or without its "Exif" prefix.

    Returns:
        1 to 8 as in TIFF tag 274; 1 (upright) where the tag is missing or the block is broken: a picture is not refused
        for its EXIF.
    """
    try:
        value = _Directory(exif.removeprefix(b"Exif\0\0")).integer(_ORIENTATION, 1)
    except (struct.error, ValueError, KeyError, OverflowError, MemoryError):
        return 1
    return value if 1 <= value <= 8 else 1


def _pages(data: bytes) -> Iterator[_Directory]:
    """The directories of a file, each followed by its sub-directories; the first MAX_TIFF_PAGES of them.

    A directory after the first that is not all there is passed over, with what comes after it.
    """
    first = _Directory(data)
    yield first
    seen, waiting = {first.start, 0}, [first]
    while waiting:
        try:
            further = waiting.pop(0).further
        except (struct.error, ValueError, OverflowError):
            continue
        for start in further:
            if start in seen or len(seen) > MAX_TIFF_PAGES:
                continue
            seen.add(start)
            try:
                page = _Directory(data, start)
                page.is_picture, page.is_raw, page.pixels  # noqa: B018  whether its values are all there
            except (struct.error, ValueError, OverflowError):
                continue
            waiting.append(page)
            yield page


def _picture_page(data: bytes) -> _Directory:
    """The first page that is a picture; where all are marked as something smaller, the largest.

    Raises:
        ImageDecodeError: The picture is raw data, whatever previews stand beside it.
    """
    pages = list(_pages(data))
    pictures = [page for page in pages if page.is_picture and not page.is_raw]
    raw = max((page.pixels for page in pages if page.is_raw), default=-1)
    # A sensor has a few rows and columns more than the picture that is made of it.
    if raw >= 0 and not (pictures and pictures[0].pixels > raw // 2):
        raise ImageDecodeError(RAW)
    if not pictures and _DNG_VERSION in pages[0].entries:
        raise ImageDecodeError(RAW)
    return pictures[0] if pictures else max(pages, key=lambda page: page.pixels)


def _white(page: _Directory) -> White | None:
    """The white that a page states, where it has more than 8 bits a sample.

    MaxSampleValue and SMaxSampleValue are at times the greatest sample rather than the greatest possible, so they are
    taken to the next whole number of bits.
    """
    bits = max(page.integers(_BITS, 8), default=1)
    if 8 < bits < 16:
        return White(2**bits - 1, is_certain=True)
    level = page.integer(_WHITE_LEVEL, 0)
    if 255 < level <= FULL_WHITE:
        return White(level)
    greatest = max((*page.integers(_MAX_SAMPLE_VALUE, 8), *page.integers(_S_MAX_SAMPLE_VALUE, 8)), default=0)
    return White(2 ** greatest.bit_length() - 1) if 255 < greatest <= FULL_WHITE else None


def strip_tiff(data: bytes, *, max_pixels: int) -> tuple[bytes, int, int, White | None]:
    """The first full-size picture of a TIFF or DNG, with a new directory of only the tags that say how pixels are stored.

    Args:
        data: A TIFF or BigTIFF file.
        max_pixels: Largest tile, in px: a decoder reserves memory for a whole one.

    Returns:
        The TIFF; its orientation, 1 to 8; its compression (a value of tag 259); the white that it states.

    Raises:
        ImageDecodeError: It is cut off, damaged, compressed in a way that is not read, or a RAW file.
        ImageTooLargeError: It has more strips, tiles or values in a tag than a picture needs.
    """
    try:
        directory = _picture_page(data)
        compression = directory.integer(_COMPRESSION, 1)
        for tag, most in _TIFF_TAGS.items():
            if directory.count(tag) > most:
                raise ImageTooLargeError(say("tiff_values", tag=tag, n=directory.count(tag), most=most))
        tile_pixels = directory.integer(_TILE_WIDTH, 0) * directory.integer(_TILE_LENGTH, 0)
        ends = [directory.end(tag) for tag in directory.entries if tag in _TIFF_TAGS]
        ends += [
            offset + count
            for pair in ((_STRIP_OFFSETS, _STRIP_COUNTS), (_TILE_OFFSETS, _TILE_COUNTS))
            for offset, count in zip(*(directory.integers(tag, MAX_TIFF_CHUNKS) for tag in pair), strict=False)
        ]
        white = _white(directory)
        # In a DNG only the first directory says it, for all.
        orientation = directory.integer(_ORIENTATION, _Directory(data).integer(_ORIENTATION, 1))
    except (struct.error, ValueError, KeyError, OverflowError) as exc:
        raise ImageDecodeError(DAMAGED) from exc
    if compression not in _TIFF_COMPRESSIONS:
        raise ImageDecodeError(say("tiff_coding"), hint="Save it as PNG or JPEG.")
    if tile_pixels > max_pixels:
        raise ImageTooLargeError(say("tiff_tiles", size=tile_pixels / 1e6, most=max_pixels / 1e6))
    if max(ends, default=0) > len(data):
        raise ImageDecodeError(CUT_OFF)
    word, count_word = ("Q", "Q") if directory.is_big else ("I", "H")
    entries = [directory.entries[tag] for tag in sorted(directory.entries) if tag in _TIFF_TAGS]
    at = directory.word_size
    padding = bytes(-len(data) % 8)
    where = struct.pack(directory.order + word, len(data) + len(padding))
    parts: list[bytes | memoryview] = [data[:at], where, memoryview(data)[2 * at :], padding]
    parts += [struct.pack(directory.order + count_word, len(entries)), *entries, bytes(at)]
    return b"".join(parts), orientation if 1 <= orientation <= 8 else 1, compression, white
