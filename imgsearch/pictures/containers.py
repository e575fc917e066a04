"""What a picture file says of itself, read before Pillow decodes it: format, orientation, the cost of decoding.

Pillow walks the segments, chunks and tags of a file in Python, copies and decompresses texts and profiles that nobody
here asks for, and trusts counts; a file of a few megabytes can keep it busy for a minute. So JPEG and PNG files are first
cut down, here, to the parts that carry pixels, and TIFF files in `tiff`.

Sources: ITU T.81 annex B (JPEG), RFC 2083 (PNG), ISO/IEC 14496-12 section 4.3 (brands of AVIF and HEIC).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from imgsearch.errors import ImageDecodeError, ImageTooLargeError
from imgsearch.pictures.tiff import CUT_OFF, DAMAGED, exif_orientation
from imgsearch.reasons import say

MAX_JPEG_SEGMENTS = 4_096
MAX_JPEG_TABLE_BYTES = 65_536
MAX_PNG_CHUNKS = 100_000

# Fujifilm, Panasonic, Olympus (three), Sigma, Minolta, Canon before 2004. Canon's later ones are known by more than this,
# and Nikon's, Sony's, Pentax' and others' are TIFF files.
_RAW_BEGINNINGS = (
    *(b"FUJIFILMCCD-RAW", b"IIU\0", b"IIRO", b"IIRS", b"MMOR", b"FOVb", b"\0MRM"),
    *(b"II\x1a\0\0\0HEAPCCDR",),
)
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))


@dataclass(frozen=True)
class JpegFrame:
    """The frame header of a JPEG, and what it costs to decode.

    Attributes:
        width, height: in px, as stored (before the orientation is applied).
        is_buffered: whether the decoder must hold all coefficients in memory (progressive, or one scan a component).
        coefficients: number of 2-byte DCT coefficients of all components, with padding.
    """

    width: int
    height: int
    is_buffered: bool
    coefficients: int


def sniff(head: bytes) -> str | None:
    """Format by magic number.

    Args:
        head: The first 64 bytes of a file, or what there is.

    Returns:
        Pillow's name of the format, "JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF" or "HEIF"; "RAW" for a camera's
        RAW file that is no plain TIFF; None for others.
    """
    if head.startswith(_RAW_BEGINNINGS) or (head.startswith(b"II*\0") and head[8:10] == b"CR") or head[4:12] == b"ftypcrx ":
        return "RAW"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    # "BM" alone also begins many texts; the header size that follows is one of a few numbers.
    if head.startswith(b"BM") and head[14:18] in _BMP_HEADER_SIZES:
        return "BMP"
    if head[4:8] == b"ftyp":
        box_size = int.from_bytes(head[:4], "big")
        brands = {head[at : at + 4] for at in (8, *range(16, min(box_size, len(head)) - 3, 4))}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
        if brands & _HEIF_BRANDS:
            return "HEIF"
    return None


_BMP_HEADER_SIZES = frozenset(struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124))


# --- JPEG ------------------------------------------------------------------------------------------------------------

# Inside the coded data 0xFF is followed by 0x00 or by a restart marker (0xD0 to 0xD7); anything else ends the scan.
_JPEG_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
_JPEG_FILL = re.compile(rb"\xff{256,}")
_SOI, _EOI, _SOS, _DHT, _DQT, _DRI, _APP0, _APP1, _APP14 = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDD, 0xE0, 0xE1, 0xEE
_JPEG_TABLES = frozenset((_DHT, _DQT, _DRI))
_JPEG_HUFFMAN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_JPEG_OTHER_FRAMES = frozenset((0xC3, *range(0xC5, 0xD0))) - {0xC8}


def strip_jpeg(data: bytes, *, max_scans: int) -> tuple[bytes, int, JpegFrame]:
    """A JPEG without comments, profiles, previews and what follows its end, so also the first picture of an MPO.

    Returns:
        The JPEG that is left; its EXIF orientation, 1 to 8; its frame.

    Raises:
        ImageDecodeError: It has no end marker (so it is cut off, also where only these 2 bytes are missing), is
            damaged, or is neither baseline nor progressive with Huffman codes (what browsers show).
        ImageTooLargeError: It has more than `max_scans` scans: each costs a pass over all its blocks.
    """
    kept = [b"\xff\xd8"]
    frame: bytes | None = None
    frame_marker = first_scan = scans = 0
    orientation = 1
    position = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        match = _JPEG_MARKER.search(data, position)
        if match is None:
            raise ImageDecodeError(CUT_OFF)
        start, position = match.start(), match.end()
        marker = data[start + 1]
        if marker == _EOI:
            break
        if marker == _SOI:
            continue
        position = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
        if position > len(data):
            raise ImageDecodeError(CUT_OFF)
        segment = data[start:position]
        if marker == _SOS:
            first_scan = first_scan or start
            scans += 1
            if scans > max_scans:
                raise ImageTooLargeError(say("jpeg_scans", most=max_scans))
        elif first_scan:
            continue  # tables between scans stay where they are
        elif marker in _JPEG_HUFFMAN_FRAMES and frame is None:
            frame, frame_marker = segment[4:], marker
            kept.append(segment)
        elif marker in _JPEG_OTHER_FRAMES or marker in _JPEG_HUFFMAN_FRAMES:
            raise ImageDecodeError(say("jpeg_kind"))
        elif marker == _APP1 and segment[4:10] == b"Exif\0\0" and orientation == 1:
            orientation = exif_orientation(segment[4:])
        elif (
            marker in _JPEG_TABLES
            # These two say how colours are stored.
            or (marker == _APP0 and segment[4:9] == b"JFIF\0")
            or (marker == _APP14 and segment[4:9] == b"Adobe")
        ):
            kept.append(segment)
    else:
        raise ImageDecodeError(DAMAGED)
    if frame is None or not first_scan or sum(map(len, kept)) > MAX_JPEG_TABLE_BYTES:
        raise ImageDecodeError(DAMAGED)
    # Between a scan's bytes and a marker any number of 0xFF may stand. Megabytes of them make libjpeg start again at
    # the first with each piece of the file it is given: time grows with the square. (A table may hold up to 128 in a row.)
    kept.append(_JPEG_FILL.sub(b"\xff", data[first_scan:position]))
    return b"".join(kept), orientation, _jpeg_frame(frame, frame_marker, data[first_scan + 4])


def _jpeg_frame(header: bytes, marker: int, components_in_first_scan: int) -> JpegFrame:
    # P (1 byte), Y (2), X (2), Nf (1), then 3 bytes a component: name, sampling across and down, quantization table.
    if len(header) < 6 or len(header) < 6 + 3 * header[5] or not header[5]:
        raise ImageDecodeError(DAMAGED)
    height, width = struct.unpack_from(">HH", header, 1)
    samplings = [(value >> 4, value & 15) for value in header[7 : 6 + 3 * header[5] : 3]]
    across, down = max(h for h, _ in samplings), max(v for _, v in samplings)
    if not across or not down:
        raise ImageDecodeError(DAMAGED)
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return JpegFrame(
        width=width,
        height=height,
        is_buffered=marker == 0xC2 or components_in_first_scan < len(samplings),
        coefficients=64 * units * sum(h * v for h, v in samplings),
    )


# --- PNG -------------------------------------------------------------------------------------------------------------


_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # grey, RGB, palette, grey and alpha, RGBA


def strip_png(data: bytes) -> tuple[bytes, int, int, int]:
    """A PNG with only header, palette, transparency and one chunk of data, so also the still picture of an APNG.

    Returns:
        The PNG that is left; its EXIF orientation, 1 to 8; its bits a pixel, 1 to 64; how many bits of a sample it says
            are significant, 0 where it says nothing.

    Raises:
        ImageDecodeError: A chunk, or the chunk that ends the picture, is not all there.
    """
    view = memoryview(data)
    kept: list[bytes | memoryview] = [view[:8]]
    coded: list[memoryview] = []
    orientation, significant = 1, 0
    position = 8
    for _ in range(MAX_PNG_CHUNKS):
        if position + 12 > len(data):
            raise ImageDecodeError(CUT_OFF)
        size, name = struct.unpack_from(">I4s", data, position)
        start, position = position, position + 12 + size
        if position > len(data):
            raise ImageDecodeError(CUT_OFF)
        if name == b"IEND":
            break
        if name == b"IDAT":
            coded.append(view[start + 8 : position - 4])
        elif name in (b"IHDR", b"PLTE", b"tRNS") and not coded:
            kept.append(view[start:position])
        elif name == b"eXIf":
            orientation = exif_orientation(data[start + 8 : position - 4])
        elif name == b"sBIT":
            significant = max(data[start + 8 : position - 4], default=0)
    else:
        raise ImageDecodeError(DAMAGED)
    if not coded or data[12:16] != b"IHDR":
        raise ImageDecodeError(DAMAGED)
    bits = data[24] * _PNG_SAMPLES.get(data[25], 1)
    checksum = zlib.crc32(b"IDAT")
    for part in coded:
        checksum = zlib.crc32(part, checksum)
    kept += [struct.pack(">I4s", sum(map(len, coded)), b"IDAT"), *coded, struct.pack(">I", checksum)]
    kept.append(b"\0\0\0\0IEND\xaeB\x60\x82")
    return b"".join(kept), orientation, max(1, bits), significant


# --- WebP ------------------------------------------------------------------------------------------------------------


def check_webp(data: bytes) -> None:
    """Raises ImageDecodeError where a WebP is shorter than its header says."""
    if int.from_bytes(data[4:8], "little") + 8 > len(data):
        raise ImageDecodeError(CUT_OFF)
