"""A folder of pictures: what is found, what it is called, how it is labelled."""

from __future__ import annotations

import io
import os
import sys
import unicodedata
from pathlib import Path
from typing import Literal

import pytest

from imgsearch.errors import BuildError
from imgsearch.pictures.decode import READ_FORMATS
from imgsearch.pictures.folder import labeller, scan
from imgsearch.pictures.items import Skipped
from imgsearch.pictures.left_out import LeftOut
from tests.conftest import draw_picture

needs_posix_names = pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")


def ids(directory: Path, exclude: Path = Path("nowhere")) -> list[str]:
    return [file.item_id for file in scan(directory, exclude=exclude)]


@pytest.fixture
def png() -> bytes:
    stream = io.BytesIO()
    draw_picture((220, 40, 40), 1).save(stream, "PNG")
    return stream.getvalue()


# --- scan


def test_pictures_are_found_in_every_folder_and_sorted_by_id(pictures: Path) -> None:
    assert ids(pictures) == [f"{label}/{n}.png" for label in ("blue", "green", "red") for n in range(4)]


def test_a_file_is_described(pictures: Path) -> None:
    path = pictures / "red" / "0.png"
    file = scan(pictures, exclude=Path("nowhere"))[8]
    status = path.stat()
    assert (file.item_id, file.path, file.bytes, file.mtime_ns) == ("red/0.png", path, status.st_size, status.st_mtime_ns)


def test_a_picture_counts_by_content_or_by_name(tmp_path: Path, png: bytes) -> None:
    for name in ("no-suffix", "UPPER.PNG", "wrong.txt", "wrong.jpg", "two.dots.png"):
        (tmp_path / name).write_bytes(png)
    (tmp_path / "text.JPG").write_text("not a picture, but its name says so")
    (tmp_path / "empty.png").touch()
    for name in ("readme.txt", "data.csv", "no-picture", "empty"):
        (tmp_path / name).write_text("text" if name != "empty" else "")
    assert ids(tmp_path) == [
        *("UPPER.PNG", "empty.png", "no-suffix", "text.JPG", "two.dots.png", "wrong.jpg", "wrong.txt"),
    ]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path, png: bytes) -> None:
    (tmp_path / ".git").mkdir()
    for name in (".git/a.png", "._a.png", ".hidden.png", "a.png"):
        (tmp_path / name).write_bytes(png)
    assert ids(tmp_path) == ["a.png"]


def left_out_of(directory: Path) -> dict[str, str]:
    left_out = LeftOut()
    scan(directory, exclude=Path("nowhere"), left_out=left_out)
    return {line.item_id: line.reason for line in left_out.skipped()}


@needs_posix_names
def test_all_that_is_no_picture_is_told_with_the_reason(tmp_path: Path, png: bytes) -> None:
    (tmp_path / "picture.png").write_bytes(png)
    for folder in (".git", "sub", "__MACOSX"):
        (tmp_path / folder).mkdir()
    for name in ("sub/a.xcf", "sub/b.zip", "sub/metadata.csv", ".git/config", ".hidden.png", "no-suffix"):
        (tmp_path / name).write_text("x")
    for name in ("metadata.csv", ".DS_Store", "._picture.png", "sub/Thumbs.db", "desktop.ini", "__MACOSX/._a.png"):
        (tmp_path / name).write_text("x")  # nobody asks for these
    (tmp_path / "linked").symlink_to(tmp_path / "sub")
    (tmp_path / "dangling").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe.png")
    no_picture = "Not a picture in a known format."
    assert left_out_of(tmp_path) == {
        ".git": "A hidden folder.",
        ".hidden.png": "A hidden file.",
        "dangling": "A file that cannot be read.",
        "linked": "A link to a folder, which is not followed.",
        "no-suffix": no_picture,
        "pipe.png": "Not a plain file.",
        "sub/a.xcf": no_picture,
        "sub/b.zip": "An archive, which is not unpacked here: unpack it first.",
        "sub/metadata.csv": no_picture,
    }


def test_many_files_of_a_kind_are_one_line(tmp_path: Path, png: bytes) -> None:
    (tmp_path / "picture.png").write_bytes(png)
    for n in range(1200):
        (tmp_path / f"{n:04}.TXT").touch()
    for n in range(5):
        (tmp_path / f"{n}.xcf").touch()
    left_out = LeftOut()
    scan(tmp_path, exclude=Path("nowhere"), left_out=left_out)
    reason = "Not a picture in a known format"
    assert left_out.skipped() == [
        Skipped("*.txt", f"{reason} (1,200 files, such as 0000.TXT).", 1200),
        *(Skipped(f"{n}.xcf", f"{reason}.") for n in range(5)),
    ]


def test_files_of_a_thousand_kinds_are_few_lines() -> None:
    left_out = LeftOut()
    for n in range(1000):
        left_out.add(f"data.{n}", "Odd")
    assert len(left_out.skipped()) < 50
    assert sum(each.n for each in left_out.skipped()) == 1000


@needs_posix_names
def test_of_two_names_that_are_written_alike_the_second_is_told(tmp_path: Path, png: bytes) -> None:
    (tmp_path / "latin-\\xe9.png").write_bytes(png)
    (tmp_path / os.fsdecode(b"latin-\xe9.png")).write_bytes(png)
    assert left_out_of(tmp_path) == {"latin-\\xe9.png": "Another file has the same name, but for bytes that are not UTF-8."}


def test_the_home_inside_the_folder_is_not_scanned(pictures: Path, png: bytes) -> None:
    home = pictures / "collections"
    (home / "discs" / "thumbnails").mkdir(parents=True)
    (home / "discs" / "thumbnails" / "a.webp").write_bytes(png)
    assert len(ids(pictures)) == 13
    assert len(ids(pictures, home)) == 12
    assert len(ids(pictures, Path(os.path.relpath(home)))) == 12


@needs_posix_names
def test_names_may_hold_anything(tmp_path: Path, png: bytes) -> None:
    names = [
        'it\'s "a".png',
        "line\nbreak.png",
        "\U0001f408 \u00e9.png",
        " .png",
        "back\\slash.png",
        "-k.png",
        "%2e%2e.png",
    ]
    for name in names:
        (tmp_path / name).write_bytes(png)
    (tmp_path / os.fsdecode(b"latin-\xe9.png")).write_bytes(png)
    assert sorted(ids(tmp_path)) == sorted([*names, "latin-\\xe9.png"])


@needs_posix_names
def test_names_are_in_nfc_and_files_are_opened_by_their_own(tmp_path: Path, png: bytes) -> None:
    decomposed = unicodedata.normalize("NFD", "가을/café.png")
    (tmp_path / decomposed).parent.mkdir()
    (tmp_path / decomposed).write_bytes(png)
    (file,) = scan(tmp_path, exclude=Path("nowhere"))
    assert file.item_id == "가을/caf\u00e9.png" != decomposed
    assert file.path == tmp_path / decomposed
    assert file.path.read_bytes() == png


@needs_posix_names
def test_of_two_names_that_look_the_same_the_composed_one_is_nfc_and_both_are_there(tmp_path: Path, png: bytes) -> None:
    for name in ("cafe\u0301.png", "caf\u00e9.png"):
        (tmp_path / name).write_bytes(png)
    files = scan(tmp_path, exclude=Path("nowhere"))
    assert [(file.item_id, file.path.name) for file in files] == [
        ("cafe\u0301.png", "cafe\u0301.png"),
        ("caf\u00e9.png", "caf\u00e9.png"),
    ]


@needs_posix_names
def test_links_to_files_are_followed_and_links_to_folders_are_not(pictures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "link.png").symlink_to(pictures / "red" / "0.png")
    (folder / "folder").symlink_to(pictures)
    (folder / "circle").symlink_to(folder)
    assert ids(folder) == ["link.png"]


@needs_posix_names
def test_broken_links_with_the_name_of_a_picture_are_kept_to_be_reported(tmp_path: Path, png: bytes) -> None:
    (tmp_path / "dangling.jpg").symlink_to("gone.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "good.png").write_bytes(png)
    files = {file.item_id: file for file in scan(tmp_path, exclude=Path("nowhere"))}
    assert sorted(files) == ["dangling.jpg", "good.png", "loop.jpg"]
    assert (files["loop.jpg"].bytes, files["loop.jpg"].mtime_ns) == (0, 0)


@needs_posix_names
def test_pipes_and_folders_called_like_pictures_are_passed_over(tmp_path: Path, png: bytes) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.png" / "in.png").write_bytes(png)
    assert ids(tmp_path) == ["folder.png/in.png"]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "a.xcf").touch()
    (tmp_path / "b.xcf").touch()
    with pytest.raises(BuildError, match=r"There are no pictures in .*, only 2 \*\.xcf, 1 \*\.txt\.$") as caught:
        scan(tmp_path, exclude=Path("nowhere"))
    assert READ_FORMATS in (caught.value.hint or "")


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_what_is_no_folder_is_an_error(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / kind).touch()
    with pytest.raises(BuildError, match="must be in a folder"):
        scan(tmp_path / kind, exclude=Path("nowhere"))


def test_a_folder_that_cannot_be_read_is_named(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("green"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(BuildError, match=r"green' \(Permission denied\)"):
        scan(pictures, exclude=Path("nowhere"))


# --- labels


def test_the_label_is_the_name_of_the_sub_folder(tmp_path: Path) -> None:
    label = labeller(tmp_path, None)
    assert [label("a.png"), label("cats/a.png"), label("pets/cats/a.png")] == ["", "cats", "cats"]


def test_the_label_is_the_group_of_the_pattern(tmp_path: Path) -> None:
    label = labeller(tmp_path, r"(?P<label>[^/]+)_\d+\.jpg$")
    assert label("Egyptian_Mau_167.jpg") == "Egyptian_Mau"
    assert label("pets/beagle_1.jpg") == "beagle"
    assert label("beagle.jpg") == ""


def test_a_group_that_took_no_part_gives_no_label(tmp_path: Path) -> None:
    assert labeller(tmp_path, r"x|(?P<label>y)")("x.png") == ""


@pytest.mark.parametrize("pattern", ["(", "(?P<label>", "*", "(?P<label>x){99999999999999999999}"])
def test_a_pattern_that_is_no_expression_is_an_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(BuildError, match="must be a regular expression") as caught:
        labeller(tmp_path, pattern)
    assert repr(pattern) in caught.value.message


@pytest.mark.parametrize("pattern", ["", "x", "(x)", "(?P<name>x)"])
def test_a_pattern_needs_a_group_called_label(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(BuildError, match="must have a group called label"):
        labeller(tmp_path, pattern)


def test_labels_come_from_metadata(tmp_path: Path) -> None:
    lines = ["file_name,extra,label", "a.png,1,cat", "./sub/b.png,2, dog ", 'sub\\c.png,3,"a, b"', "d.png,4,", "", "e.png"]
    (tmp_path / "metadata.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    label = labeller(tmp_path, None)
    names = ("a.png", "sub/b.png", "sub/c.png", "d.png", "e.png", "unknown.png", "cats/x.png")
    assert [label(name) for name in names] == ["cat", "dog", "a, b", "", "", "", ""]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_labels_are_found_in_whatever_form_names_are_written(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    def written(text: str) -> str:
        return unicodedata.normalize(form, text)

    def typed(text: str) -> str:
        return unicodedata.normalize("NFD" if form == "NFC" else "NFC", text)

    assert labeller(tmp_path, None)(typed("강아지/1.png")) == "강아지"
    assert labeller(tmp_path, written("(?P<label>[^/]+)_é"))(typed("가을_é.png")) == "가을"
    (tmp_path / "metadata.csv").write_text(written("file_name,label\ncafé.png,가을 강아지\n"), encoding="utf-8")
    assert labeller(tmp_path, None)(typed("café.png")) == "가을 강아지"


def test_a_pattern_goes_before_metadata(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("file_name,label\na_1.png,cat\n")
    assert labeller(tmp_path, r"(?P<label>.)_")("a_1.png") == "a"


TABLE = "file_name,label\n강아지 사진.png,가을 강아지\n고양이.png,고양이\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
def test_metadata_is_read_as_spreadsheets_write_it(tmp_path: Path, delimiter: str, encoding: str) -> None:
    (tmp_path / "metadata.csv").write_bytes(TABLE.replace(",", delimiter).encode(encoding))
    label = labeller(tmp_path, None, locale="")
    assert [label("강아지 사진.png"), label("고양이.png")] == ["가을 강아지", "고양이"]
    assert label.metadata
    assert (label.metadata.assumed and label.metadata.assumed.name) == ("cp949" if encoding == "cp949" else None)


def test_a_delimiter_within_a_label_is_none(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text('file_name;label;note\na.png;"cat; black";x, y\n')
    assert labeller(tmp_path, None)("a.png") == "cat; black"


@pytest.mark.parametrize("text", ["", "file,label\n", "file_name\n", "file_name|label\na.png|cat\n", "file_name label\n"])
def test_metadata_without_its_columns_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(BuildError, match="must have the columns file_name and label") as caught:
        labeller(tmp_path, None)
    assert "CSV UTF-8" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "data", ["file_name,label".encode("utf-16")[:-1], b'file_name,label\na.png,"' + b"x" * 200_000 + b'"\n']
)
def test_metadata_that_is_no_csv_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "metadata.csv").write_bytes(data)
    with pytest.raises(BuildError, match="must be a table of comma-separated values"):
        labeller(tmp_path, None)


def test_scanning_changes_nothing(pictures: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in [pictures, *pictures.rglob("*")]}
    scan(pictures, exclude=Path("nowhere"))
    assert {path: path.stat().st_mtime_ns for path in [pictures, *pictures.rglob("*")]} == before
