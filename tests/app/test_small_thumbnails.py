"""Thumbnails in the size that they are drawn in."""

from __future__ import annotations

import io
import struct
import threading
import zlib
from pathlib import Path

import pytest
from httpx import Response
from PIL import Image

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.pictures.items import Item
from imgsearch.ui.parts.addresses import small_thumbnail_url
from imgsearch.ui.server import access, routes
from imgsearch.ui.server.delivery import thumbnails
from tests.app.conftest import get


@pytest.fixture
def large(tmp_path: Path, home: Path) -> Collection:
    """A wide picture, a panorama and one that is smaller than any card."""
    folder = tmp_path / "large"
    folder.mkdir()
    for name, size in (("a.png", (600, 400)), ("b.png", (2000, 200)), ("c.png", (90, 60))):
        Image.effect_noise(size, 80).convert("RGB").save(folder / name)
    build_collection("large", folder, home=home, specs=[embedder_spec("color_histogram")])
    return Collection.open("large", home)


def made(item: Item) -> Response:
    """What is answered once the small one is made, or cannot be."""
    address = small_thumbnail_url("large", item)
    get(address)
    thumbnails._one_thread().submit(int).result()  # whatever was begun before is done
    return get(address)


def test_who_asks_first_gets_the_stored_one_and_does_not_wait(large: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, pixels = threading.Event(), thumbnails.thumbnail_pixels
    monkeypatch.setattr(thumbnails, "thumbnail_pixels", lambda path: asked.wait(10) and pixels(path))
    item = large.items[0]
    first = get(small_thumbnail_url("large", item))
    assert first.content == large.thumbnail_path(item).read_bytes()
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    asked.set()
    assert len(made(item).content) < len(first.content) * 0.6


def test_a_small_one_is_224_px_high_or_wide_and_may_be_kept_for_ever(large: Collection) -> None:
    answers = [made(item) for item in large.items]
    sizes = [Image.open(io.BytesIO(answer.content)).size for answer in answers]
    assert sizes == [(336, 224), (896, 90), (90, 60)]  # a panorama's long side is at most 4 times as long
    for answer in answers:
        assert answer.headers["Content-Type"] == "image/webp"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_it_is_made_once(large: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[Path] = []
    pixels = thumbnails.thumbnail_pixels
    monkeypatch.setattr(thumbnails, "thumbnail_pixels", lambda path: times.append(path) or pixels(path))
    for _ in range(3):
        made(large.items[0])
    assert times == [large.thumbnail_path(large.items[0])]


def huge_png() -> bytes:
    """8,000 x 8,000 px in 8 kB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(8000 * 1001), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", struct.pack(">IIBBBBB", 8000, 8000, 1, 0, 0, 0, 0)), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    )


@pytest.mark.parametrize("content", [b"no picture", huge_png()], ids=["nothing", "huge"])
def test_what_cannot_be_made_smaller_comes_as_it_is(large: Collection, content: bytes) -> None:
    large.thumbnail_path(large.items[0]).write_bytes(content)
    answer = made(large.items[0])
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["Content-Type"] == "image/webp"


def test_nonsense_gets_nothing_and_who_must_sign_in_needs_a_key(large: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    address = small_thumbnail_url("large", large.items[0])
    for path in (f"{routes.SMALL_THUMBNAIL_ROUTE}/large/{'0' * 64}.webp", f"{routes.SMALL_THUMBNAIL_ROUTE}/large/x.webp"):
        assert get(path).status_code == 404
    monkeypatch.setattr(access, "is_required", lambda: True)
    assert get(address).status_code == 403
    answer = get(small_thumbnail_url("large", large.items[0]))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"].startswith("private")
