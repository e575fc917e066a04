"""Archives that cost more than they weigh, made here for tests and for scripts/attack.py."""

from __future__ import annotations

import io
import zipfile


def zip_of_zeros(method: int, n_mib: int) -> bytes:
    """A zip with one entry, a.jpg, of so many MiB of zeros, compressed with that method of zipfile."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive, archive.open("a.jpg", "w") as entry:
        for _ in range(n_mib):
            entry.write(bytes(1 << 20))
    return stream.getvalue()


def zip_directory(n: int) -> bytes:
    """A zip that is nothing but a list of n empty files."""
    entry = b"PK\x01\x02" + bytes(24) + b"\x01\x00" + bytes(16) + b"a"
    listed = entry * n
    end = b"PK\x05\x06" + bytes(4) + (n & 0xFFFF).to_bytes(2, "little") * 2
    return b"PK\x03\x04" + listed + end + len(listed).to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(2)


def with_zip64_end(data: bytes) -> bytes:
    """The size stands in the end of zip64, and is small in the other."""
    end = data.rfind(b"PK\x05\x06")
    n, size = (end - 4) // 47, end - 4
    locator_at = end
    big = b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(12) + n.to_bytes(8, "little") * 2
    big += size.to_bytes(8, "little") + (4).to_bytes(8, "little")
    locator = b"PK\x06\x07" + bytes(4) + locator_at.to_bytes(8, "little") + (1).to_bytes(4, "little")
    small = b"PK\x05\x06" + bytes(4) + b"\xff\xff" * 2 + (100).to_bytes(4, "little") + b"\xff" * 4 + bytes(2)
    return data[:end] + big + locator + small


def with_false_end(data: bytes) -> bytes:
    """A second end, inside the counts of the first."""
    end = data.rfind(b"PK\x05\x06")
    return data[: end + 8] + b"PK\x05\x06" + data[end + 12 :]


def tar_that_begins_like_a_zip(n: int) -> bytes:
    """A tar of n empty files, the first of them called PK\\3\\4."""
    return tar_block(b"PK\x03\x04", 0, b"0") + tar_block(b"a", 0, b"0") * n + bytes(1024)


def tar_block(name: bytes, size: int, kind: bytes) -> bytes:
    """The header of a tar's member (POSIX.1-1988, ustar)."""
    header = bytearray(512)
    header[: len(name)] = name
    header[100:108], header[124:136] = b"0000644\0", b"%011o\0" % size
    header[148:156], header[156:157], header[257:265] = b" " * 8, kind, b"ustar\x0000"
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def tar_with_long_header(n_keys: int) -> bytes:
    """A tar of one empty file, before it a PAX header (POSIX.1-2001) of n keys."""
    records = []
    for number in range(n_keys):
        record = f" a{number}=1\n"
        length = len(record) + len(str(len(record) + 1))
        records.append(f"{length}{record}")
    data = "".join(records).encode()
    return tar_block(b"a", len(data), b"x") + data + bytes(-len(data) % 512) + tar_block(b"a.jpg", 0, b"0") + bytes(1024)
