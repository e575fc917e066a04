"""Archives, also from people who mean harm."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsearch.errors import BuildError
from imgsearch.files.archives import Kind, unpack
from tests.conftest import zip_of_windows
from tests.hostile_archives import (
    tar_block,
    tar_that_begins_like_a_zip,
    tar_with_long_header,
    with_false_end,
    with_zip64_end,
    zip_directory,
    zip_of_zeros,
)

FILES = {"cat/1.jpg": b"one", "dog/2.jpg": b"two" * 1000, "top.png": b""}
MTIME = 1_000_000_000  # even, as zip counts in steps of 2 s


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), MTIME
            archive.addfile(member, io.BytesIO(data))
    return path


def make_zip(path: Path, files: dict[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, (2001, 9, 9, 1, 46, 40))
            member.external_attr = mode << 16
            archive.writestr(member, data)
    return path


MAKERS = {"zip": make_zip, "tar": make_tar}
both = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
Maker = Callable[[Path, dict[str, bytes]], Path]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@both
def test_files_come_out_with_their_times(make: Maker, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    archive = make(tmp_path / "any-name", FILES)
    unpack(archive, tmp_path / "out", progress=lambda done, total: told.append((done, total)))
    assert contents(tmp_path / "out") == FILES
    assert {path.stat().st_mtime for path in (tmp_path / "out").rglob("*.*")} == {MTIME}
    assert len(told) == 3
    assert all(0 < done <= total == archive.stat().st_size for done, total in told)


@pytest.mark.parametrize("mtime", ["inf", "-inf", "nan", "1e30", "-1e30", "-5", "9300000000", "99999999999"])
def test_an_impossible_time_is_that_of_1970(mtime: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("1.jpg")
        member.size, member.pax_headers = 1, {"mtime": mtime}
        archive.addfile(member, io.BytesIO(b"x"))
    unpack(tmp_path / "a.tar", tmp_path / "out")
    assert contents(tmp_path / "out") == {"1.jpg": b"x"}
    assert (tmp_path / "out" / "1.jpg").stat().st_mtime_ns == 0


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_of_tar_is_read(mode: str, tmp_path: Path) -> None:
    unpack(make_tar(tmp_path / "a", FILES, mode), tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", FILES).read_bytes()
    unpack(make_tar(tmp_path / "a.tar", {"inner.zip": inner}, "w"), tmp_path / "out")
    assert contents(tmp_path / "out") == {"inner.zip": inner}


@both
@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..", "a\\..\\..\\x", "C:\\x", "C:x"])
def test_a_name_that_leads_out_is_refused(make: Maker, name: str, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="leads out of it"):
        unpack(make(tmp_path / "a", {name: b"x"}), tmp_path / "deep" / "out")
    assert [path.name for path in tmp_path.rglob("*")] in (["a", "deep", "out"], ["deep", "a", "out"])


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE], ids=lambda kind: kind
)
def test_links_and_devices_of_a_tar_are_passed_over(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("out")
        member.type, member.linkname = kind, "/etc"
        archive.addfile(member)
        inside = tarfile.TarInfo("out/passwd")
        inside.size = 1
        archive.addfile(inside, io.BytesIO(b"x"))
    unpack(tmp_path / "a.tar", tmp_path / "target")
    assert contents(tmp_path / "target") == {"out/passwd": b"x"}
    assert not (tmp_path / "target" / "out").is_symlink()


def test_a_link_in_a_zip_is_passed_over(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", {"link": b"/etc/passwd"}, stat.S_IFLNK | 0o777)
    unpack(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@both
def test_hidden_files_are_passed_over(make: Maker, tmp_path: Path) -> None:
    names = ["__MACOSX/._1.jpg", ".DS_Store", ".git/config", "a/.hidden/1.jpg", "seen.jpg"]
    unpack(make(tmp_path / "a", dict.fromkeys(names, b"x")), tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"seen.jpg"}


def test_what_is_passed_over_is_told_but_for_what_systems_leave_behind(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    names = ["__MACOSX/._1.jpg", "__MACOSX/1.jpg", ".DS_Store", "a/Thumbs.db", ".git/config", "a/.hidden/1.jpg", "seen.jpg"]
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
        for name, kind in {"link": tarfile.SYMTYPE, "pipe": tarfile.FIFOTYPE, "folder": tarfile.DIRTYPE}.items():
            member = tarfile.TarInfo(name)
            member.type = kind
            archive.addfile(member)
    unpack(tmp_path / "a.tar", tmp_path / "out", passed_over=lambda *what: told.append(what))
    assert set(contents(tmp_path / "out")) == {"seen.jpg"}
    hidden, not_plain = "A hidden file", "A link or something else that is no plain file"
    assert told == [(".git/config", hidden), ("a/.hidden/1.jpg", hidden), ("link", not_plain), ("pipe", not_plain)]
    told.clear()
    unpack(
        make_zip(tmp_path / "a.zip", {"link": b"/etc"}, stat.S_IFLNK | 0o777),
        tmp_path / "z",
        passed_over=lambda *what: told.append(what),
    )
    assert told == [("link", not_plain)]


@both
def test_names_are_placed_as_the_caller_says(make: Maker, tmp_path: Path) -> None:
    places = {"cat/1.jpg": "c/one.jpg"}
    unpack(make(tmp_path / "a", FILES), tmp_path / "out", place=places.get)
    assert contents(tmp_path / "out") == {"c/one.jpg": b"one"}


@both
@pytest.mark.parametrize(
    ("limits", "words"), [({"max_files": 2}, "at most 2 files"), ({"max_bytes": 3002}, "at most 3,002 bytes")]
)
def test_no_more_is_taken_than_allowed(make: Maker, limits: dict[str, int], words: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "a", FILES)
    with pytest.raises(BuildError, match=words):
        unpack(archive, tmp_path / "out", **limits)  # type: ignore[arg-type]
    assert sum(map(len, contents(tmp_path / "out").values())) <= 3003
    unpack(archive, tmp_path / "again", max_files=3, max_bytes=3003)


@both
def test_of_a_bomb_only_the_beginning_comes_out(make: Maker, tmp_path: Path) -> None:
    unpack(make(tmp_path / "a", {"bomb.jpg": bytes(1 << 24)}), tmp_path / "out", max_file_bytes=1001)
    assert contents(tmp_path / "out") == {"bomb.jpg": bytes(1001)}


@both
def test_two_files_of_one_name_are_refused(make: Maker, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"two files called 'a\\\\1\.jpg'"):
        unpack(make(tmp_path / "a", {"a/1.jpg": b"1", "a\\1.jpg": b"2"}), tmp_path / "out")


KOREAN = {"가을/강아지 1.jpg": b"1", "가을/고양이.jpg": b"2", "plain.jpg": b"3"}


def test_names_that_do_not_say_what_they_are_are_told_by_what_decodes(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_windows(KOREAN, "cp949"))
    assumed = unpack(tmp_path / "a.zip", tmp_path / "out", locale="")
    assert contents(tmp_path / "out") == KOREAN
    assert assumed
    assert (assumed.name, assumed.language) == ("cp949", "Korean")
    (tmp_path / "b.zip").write_bytes(zip_of_windows(KOREAN, "utf-8"))
    assert unpack(tmp_path / "b.zip", tmp_path / "utf-8") is None
    assert contents(tmp_path / "utf-8") == KOREAN


def test_a_backslash_in_a_letter_of_japanese_is_no_separator(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_windows({"夏/ソニー.jpg": b"1", "夏\\犬の写真.jpg": b"2"}, "cp932"))
    assert b"\\" in "ソ".encode("cp932")
    unpack(tmp_path / "a.zip", tmp_path / "out", locale="")
    assert contents(tmp_path / "out") == {"夏/ソニー.jpg": b"1", "夏/犬の写真.jpg": b"2"}


def test_an_encoding_that_is_named_holds_for_zip_and_tar(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_windows({"가.jpg": b"1"}, "cp949"))
    assert unpack(tmp_path / "a.zip", tmp_path / "zip", encoding="gbk") is None
    assert contents(tmp_path / "zip") == {"啊.jpg": b"1"}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT, encoding="cp949") as archive:
        archive.addfile(tarfile.TarInfo("가.jpg"))
    unpack(tmp_path / "a.tar", tmp_path / "tar", encoding="cp949")
    assert contents(tmp_path / "tar") == {"가.jpg": b""}


@pytest.mark.parametrize("encoding", ["klingon", "utf-16", "hex", "idna\0", "zlib"])
def test_an_encoding_must_be_one_of_names(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_windows(KOREAN, "cp949"))
    with pytest.raises(BuildError, match="encoding must be one of file names"):
        unpack(tmp_path / "a.zip", tmp_path / "out", encoding=encoding)


def test_an_encoding_must_be_that_of_all_names(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_windows(KOREAN, "cp949"))
    with pytest.raises(BuildError, match=r"must be that of all names in the archive, as utf-8 is not of b'\\xb0"):
        unpack(tmp_path / "a.zip", tmp_path / "out", encoding="utf-8")


@pytest.mark.parametrize("is_of_this_name", [True, False])
def test_a_second_name_in_utf_8_holds_if_it_was_written_for_the_first(is_of_this_name: bool, tmp_path: Path) -> None:
    first = b"?.jpg"  # as a program writes whose code page has no such letter
    crc = zlib.crc32(first if is_of_this_name else b"another")
    second = "가.jpg".encode()
    member = zipfile.ZipInfo(first.decode())
    member.extra = b"\x01\x00\x02\x00xy" + struct.pack("<HHBI", 0x7075, 5 + len(second), 1, crc) + second
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, b"x")
    unpack(tmp_path / "a.zip", tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {"가.jpg" if is_of_this_name else "?.jpg"}


@both
def test_damage_anywhere_is_refused_or_harmless(make: Maker, tmp_path: Path) -> None:
    data = make(tmp_path / "a", FILES).read_bytes()
    n_refused = 0
    for number, end in enumerate(range(0, len(data), 7)):
        (tmp_path / "cut").write_bytes(data[:end])
        (tmp_path / "changed").write_bytes(data[:end] + bytes([data[end] ^ 0xFF]) + data[end + 1 :])
        for kind in ("cut", "changed"):
            try:
                unpack(tmp_path / kind, tmp_path / f"{kind}-{number}")
            except BuildError:
                n_refused += 1
    assert n_refused > 0.6 * 2 * len(range(0, len(data), 7))


@pytest.mark.parametrize(("method", "number"), [(zipfile.ZIP_BZIP2, 12), (zipfile.ZIP_LZMA, 14)])
def test_a_zip_that_is_compressed_in_another_way_is_refused_by_name(method: int, number: int, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_zeros(method, 2))
    with pytest.raises(
        BuildError, match=rf"must be stored or deflated\. Received: 'a\.jpg', compressed by method {number}"
    ):
        unpack(tmp_path / "a.zip", tmp_path / "out")


LISTED = 30_000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (zip_directory(LISTED), "lists too many files"),
        (with_zip64_end(zip_directory(LISTED)), "lists too many files"),
        (with_false_end(zip_directory(LISTED)), "lists too many files|whole zip or tar"),
        (tar_that_begins_like_a_zip(LISTED), "whole zip or tar"),
        (tar_with_long_header(100_000), "lists too many files"),
        (gzip.compress(tar_with_long_header(100_000), 1), "lists too many files"),
    ],
    ids=["zip", "zip64", "two ends", "tar like a zip", "tar header", "tar.gz header"],
)
def test_lists_and_headers_are_bounded_whatever_hides_their_size(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(BuildError, match=words):
        unpack(tmp_path / "a", tmp_path / "out", max_files=300)
    assert not list((tmp_path / "out").iterdir())


def test_what_the_hostile_archives_hide_is_there() -> None:
    """Else the test above shows nothing: the readers of Python see the long lists."""
    for data in (zip_directory(LISTED), with_zip64_end(zip_directory(LISTED))):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert len(archive.infolist()) == LISTED
    with tarfile.open(fileobj=io.BytesIO(tar_with_long_header(1000))) as tar:
        assert len(tar.getmembers()[0].pax_headers) == 1000


def test_only_what_is_asked_for_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(zip_directory(1))
    (tmp_path / "a.tar").write_bytes(tar_block(b"a.jpg", 0, b"0") + bytes(1024))
    (tmp_path / "a.tgz").write_bytes(gzip.compress((tmp_path / "a.tar").read_bytes()))
    kinds = {"a.zip": Kind.ZIP, "a.tar": Kind.TAR, "a.tgz": Kind.COMPRESSED_TAR}
    for name, kind in kinds.items():
        for other in set(Kind) - {kind}:
            with pytest.raises(BuildError, match=f"must be a {other.value} file"):
                unpack(tmp_path / name, tmp_path / "out", kinds={other})
    unpack(tmp_path / "a.tgz", tmp_path / "out", kinds={Kind.COMPRESSED_TAR})
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.jpg"]


def test_an_encrypted_zip_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"1.jpg": b"x"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag, in the file's own header and in the directory at the end
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(BuildError, match="encrypted") as caught:
        unpack(path, tmp_path / "out")
    assert "give the folder" in (caught.value.hint or "")


@pytest.mark.parametrize("data", [b"", b"PK", b"hello", b"\x1f\x8b\x08"])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(BuildError, match="must be a whole zip or tar file"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
