"""A visitor's own picture: by button, paste and drop; from a phone; broken, too large; and seen by nobody else."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imgsearch import Collection
from tests.conftest import draw_picture

pytest.importorskip("playwright")

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import (
    GALLERY,
    Server,
    card_items,
    cards,
    query_picture,
    upload,
    upload_file,
    wait_for_items,
    wait_until_idle,
)

if TYPE_CHECKING:
    Visit = Callable[..., Page]

RED, BLUE = (220, 40, 40), (50, 70, 210)
ORIENTATION = 0x0112
TURN_RIGHT_TO_SEE = 6

CORNERS = """async image => {
  await image.decode();  // it may stand there before it is loaded
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const pen = canvas.getContext('2d', {willReadFrequently: true});
  pen.drawImage(image, 0, 0);
  const at = (x, y) => [...pen.getImageData(x * (canvas.width - 1), y * (canvas.height - 1), 1, 1).data.slice(0, 3)];
  return {width: canvas.width, height: canvas.height, left_top: at(.1, .1), right_top: at(.9, .1), left_bottom: at(.1, .9)};
}"""

DRAG = """(zone, [data, types]) => {
  const bytes = Uint8Array.from(atob(data), char => char.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], 'dropped.png', {type: 'image/png'}));
  return types.map(type =>
    zone.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, composed: true, dataTransfer: transfer})));
}"""

TELL_WHAT_IS_SENT = """() => {
  const append = FormData.prototype.append;
  FormData.prototype.append = function (name, value, ...rest) {
    if (value instanceof Blob) window.sent(value.size);
    return append.call(this, name, value, ...rest);
  };
}"""

COPY = """data => {
  const blob = new Blob([Uint8Array.from(atob(data), char => char.charCodeAt(0))], {type: 'image/png'});
  return navigator.clipboard.write([new ClipboardItem({'image/png': blob})]);
}"""


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def phone_photo() -> bytes:
    """A tall picture, red on top and blue below with a white left edge, stored lying on its side as phones do."""
    upright = Image.new("RGB", (300, 400), RED)
    upright.paste(BLUE, (0, 200, 300, 400))
    upright.paste((255, 255, 255), (0, 0, 60, 200))
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT_TO_SEE
    stream = io.BytesIO()
    upright.transpose(Image.Transpose.ROTATE_90).save(stream, "JPEG", quality=95, exif=exif)
    return stream.getvalue()


def large_phone_photo() -> bytes:
    """The same with 12 megapixels, grain, and what a camera knows of the light in its segments: 20 MB."""
    with Image.open(io.BytesIO(phone_photo())) as image:
        stored, exif = image.resize((4000, 3000)), image.getexif()
    stream = io.BytesIO()
    stored.save(stream, "JPEG", quality=95, exif=exif)
    start, rest = stream.getvalue()[:2], stream.getvalue()[2:]
    return start + 310 * (b"\xff\xef\xff\xff" + bytes(0xFFFF - 2)) + rest  # APP15, which nobody reads


def drag(place: Locator, data: bytes, *types: str) -> list[bool]:
    """A picture from outside is dragged over a place: whether the browser would do with each event what it always does."""
    went_on: list[bool] = place.evaluate(DRAG, [base64.b64encode(data).decode(), types])
    return went_on


def nearest(discs: Collection, data: bytes) -> list[str]:
    """What a search with a picture file must answer."""
    return [result.item.item_id for result in discs.search(picture=data, k=12).results]


def expect_own_picture(page: Page) -> None:
    """The page shows the upload as its query, and all that is drawn after it."""
    expect(query_picture(page)).to_have_attribute("alt", "The query: Your picture")
    wait_until_idle(page)


def is_close(color: list[int], expected: tuple[int, int, int]) -> bool:
    return all(abs(part - wanted) < 30 for part, wanted in zip(color, expected, strict=True))


def test_a_photo_of_a_phone_is_shown_and_searched_upright(visit: Visit, discs: Collection) -> None:
    page = visit()
    data = phone_photo()
    upload(page, data, "IMG_0001.JPG")
    wait_for_items(page, nearest(discs, data))
    expect_own_picture(page)
    shown = query_picture(page).evaluate(CORNERS)
    assert (shown["width"], shown["height"]) == (300, 400)
    assert is_close(shown["left_top"], (255, 255, 255))
    assert is_close(shown["right_top"], RED)
    assert is_close(shown["left_bottom"], BLUE)


def test_the_same_picture_is_found_and_its_link_can_be_shared(visit: Visit) -> None:
    page = visit()
    upload(page, png(draw_picture(RED, 2)), "x.png", "image/png")
    page.wait_for_url(re.compile(r"/\?upload=[0-9a-f]{16}$"))
    expect(cards(page).first).to_contain_text("same picture")
    assert card_items(page)[0] == "red/2.png"
    link = page.get_by_role("link", name="the link of the nearest one")
    expect(link).to_have_attribute("href", "?item=red%2F2.png")
    page.go_back()
    expect(query_picture(page)).not_to_have_attribute("alt", "The query: Your picture")
    page.go_forward()
    expect_own_picture(page)
    assert card_items(page)[0] == "red/2.png"


def test_a_picture_can_be_pasted(visit: Visit, discs: Collection) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    data = png(draw_picture(BLUE, 3))
    page.evaluate(COPY, base64.b64encode(data).decode())
    page.get_by_role("button", name="Upload", exact=True).focus()
    page.keyboard.press("Control+V")
    expect_own_picture(page)
    wait_for_items(page, nearest(discs, data))


def test_a_picture_can_be_dropped(visit: Visit, discs: Collection) -> None:
    page = visit()
    data = png(draw_picture(BLUE, 4))
    drag(page.get_by_test_id("stFileUploaderDropzone"), data, "dragenter", "dragover", "drop")
    expect_own_picture(page)
    wait_for_items(page, nearest(discs, data))


def test_a_picture_can_be_dropped_anywhere_on_the_page(visit: Visit, discs: Collection) -> None:
    page = visit()
    page.get_by_test_id("stFileUploaderDropzoneInput").first.wait_for(state="attached")
    data = png(draw_picture(BLUE, 4))
    offer = page.get_by_text("Drop to search with it")
    expect(offer).to_be_hidden()
    drag(cards(page).nth(3), data, "dragenter", "dragover")
    expect(offer).to_be_visible()
    drag(cards(page).nth(3), data, "dragleave")  # out of the window
    expect(offer).to_be_hidden()
    drag(page.get_by_role("heading", name="Most similar"), data, "dragenter", "dragover", "drop")
    expect(offer).to_be_hidden()
    expect_own_picture(page)
    wait_for_items(page, nearest(discs, data))


def test_a_picture_of_the_page_that_is_dragged_is_no_upload(visit: Visit) -> None:
    page = visit()
    card, start = cards(page).first, page.url
    went_on = drag(card, png(draw_picture(BLUE, 4)), "dragstart", "dragenter", "dragover", "drop", "dragend")
    assert went_on[1]  # nobody wants it
    expect(page.get_by_text("Drop to search with it")).to_be_hidden()
    wait_until_idle(page)
    assert page.url == start


def test_a_picture_can_be_pasted_anywhere_but_where_one_writes(visit: Visit, discs: Collection) -> None:
    page = visit()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    data, start = png(draw_picture(BLUE, 3)), page.url
    page.evaluate(COPY, base64.b64encode(data).decode())
    page.get_by_role("combobox", name="Show", exact=True).focus()
    page.keyboard.press("Control+V")
    wait_until_idle(page)
    assert page.url == start
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+V")
    expect_own_picture(page)
    wait_for_items(page, nearest(discs, data))


def test_a_photo_over_the_limit_is_made_smaller_before_it_is_sent_and_others_go_as_they_are(
    visit: Visit, tmp_path: Path
) -> None:
    sent: list[int] = []
    page = visit()
    page.expose_function("sent", lambda size: sent.append(size))
    page.evaluate(TELL_WHAT_IS_SENT)
    small = phone_photo()
    upload(page, small)
    expect_own_picture(page)
    assert sent == [len(small)]
    before = query_picture(page).get_attribute("src")
    file = tmp_path / "IMG_0001.JPG"
    file.write_bytes(large_phone_photo())
    assert file.stat().st_size > 20_000_000
    upload_file(page, file)
    expect(query_picture(page)).not_to_have_attribute("src", before or "")
    expect_own_picture(page)
    assert sent[1] < 2_000_000
    shown = query_picture(page).evaluate(CORNERS)
    assert shown["height"] > shown["width"]
    assert is_close(shown["left_top"], (255, 255, 255))
    assert is_close(shown["right_top"], RED)
    assert is_close(shown["left_bottom"], BLUE)
    expect(page.get_by_text("IMG_0001")).to_have_count(0)


def test_what_is_too_large_and_no_picture_is_named_in_the_visitors_language_and_the_others_are_sent(
    visit: Visit, tmp_path: Path, discs: Collection
) -> None:
    page = visit("?lang=ko")
    film, picture = tmp_path / "<b>film.mov", tmp_path / "one.png"
    film.write_bytes(bytes(20 * 2**20))
    picture.write_bytes(png(draw_picture(RED, 2)))
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([film, picture])
    wait_for_items(page, nearest(discs, picture.read_bytes()), "가장 비슷한 이미지 목록")
    expect(page.get_by_role("status").filter(has_text="“<b>film.mov” 파일은 20.0 MB입니다. 최대 10 MB까지")).to_be_visible()
    upload(page, png(draw_picture(BLUE, 2)), "x.png", "image/png")
    expect(page.get_by_text("film")).to_have_count(0)


def test_several_pictures_are_searched_together(visit: Visit, discs: Collection) -> None:
    page = visit()
    data = [png(draw_picture(RED, 2)), png(draw_picture(RED, 6))]
    files = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": each} for n, each in enumerate(data)]
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)
    page.wait_for_url(re.compile(r"/\?upload=[0-9a-f]{16}&upload=[0-9a-f]{16}$"))
    expect(query_picture(page)).to_have_count(2)
    expect(page.get_by_text("2 pictures together")).to_be_visible()
    wait_for_items(page, [result.item.item_id for result in discs.search(picture=data, k=12).results])
    page.go_back()
    expect(query_picture(page)).to_have_count(1)


def test_a_picture_can_be_taken_with_the_camera(visit: Visit) -> None:
    page = visit()
    expect(page.locator("video")).to_have_count(0)  # nothing films before it is asked to
    page.get_by_role("button", name="Camera").click()
    expect(page.locator("video")).to_be_visible()
    # The button can be pressed as soon as there is a camera, which takes a moment to give its first picture: Streamlit
    # drops what is taken before. Whoever looks at the camera's picture waits for it.
    page.wait_for_function("() => document.querySelector('video').readyState >= HTMLMediaElement.HAVE_CURRENT_DATA")
    page.get_by_role("button", name="Take Photo").click()
    page.wait_for_url(re.compile(r"/\?upload=[0-9a-f]{16}$"))
    expect_own_picture(page)
    expect(page.locator("video")).to_have_count(0)


def test_what_is_no_picture_gets_words_and_the_page_goes_on(visit: Visit) -> None:
    page = visit()
    upload(page, b"hello", "holiday.jpg")
    expect(page.get_by_test_id("stAlert")).to_contain_text("not a picture")
    wait_until_idle(page)
    assert len(card_items(page, GALLERY)) == 24
    upload(page, png(draw_picture(RED, 2)), "x.png", "image/png")
    expect_own_picture(page)
    expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_one_that_cannot_be_used_is_named_and_the_others_are_searched_with(visit: Visit, discs: Collection) -> None:
    page = visit()
    data = [png(draw_picture(RED, 2)), b"no picture", png(draw_picture(RED, 6))]
    names = ["one.png", "[me](http:&lt;evil&gt;) & co.jpg", "two.png"]
    files = [{"name": name, "mimeType": "image/png", "buffer": each} for name, each in zip(names, data, strict=True)]
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)
    wait_for_items(page, [result.item.item_id for result in discs.search(picture=data[::2], k=12).results])
    expect(page.get_by_test_id("stAlert")).to_contain_text(f"“{names[1]}” cannot be used. The file is not a picture")
    expect(page.get_by_test_id("stAlert").get_by_role("link")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/\?upload=[0-9a-f]{16}&upload=[0-9a-f]{16}$"))
    expect(query_picture(page)).to_have_count(2)


def test_what_is_still_looked_at_is_not_shown_as_the_picture_before_it(visit: Visit, server: Server) -> None:
    page = visit()
    upload(page, png(draw_picture(RED, 3)), "x.png", "image/png")
    expect_own_picture(page)
    before = query_picture(page).get_attribute("src")
    (worker,) = server.worker_pids()
    os.kill(worker, signal.SIGSTOP)
    try:
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
            {"name": "y.png", "mimeType": "image/png", "buffer": png(draw_picture(BLUE, 7))}
        )
        expect(page.get_by_text("The picture appears here once")).to_be_visible()
        expect(query_picture(page)).to_be_hidden()
    finally:
        os.kill(worker, signal.SIGCONT)
    expect_own_picture(page)
    expect(page.get_by_text("The picture appears here once")).to_have_count(0)
    assert query_picture(page).get_attribute("src") != before


def test_two_visitors_see_their_own_pictures_only(visit: Visit, discs: Collection) -> None:
    one, two = visit(), visit()
    pictures = png(draw_picture(RED, 1)), png(draw_picture(BLUE, 5))
    upload(one, pictures[0])
    upload(two, pictures[1])
    for page, data in zip((one, two), pictures, strict=True):
        expect_own_picture(page)
        wait_for_items(page, nearest(discs, data))
    sources = [query_picture(page).get_attribute("src") for page in (one, two)]
    assert sources[0] != sources[1]
    stranger = visit(one.url)
    expect(stranger.get_by_test_id("stAlert")).to_contain_text("which a link cannot hold")
    assert query_picture(stranger).get_attribute("src") not in sources


def test_a_worker_that_dies_is_replaced(visit: Visit, server: Server, discs: Collection) -> None:
    page = visit()
    upload(page, png(draw_picture(RED, 3)), "x.png", "image/png")
    expect_own_picture(page)
    (before,) = server.worker_pids()
    os.kill(before, signal.SIGKILL)
    data = png(draw_picture(BLUE, 1))
    upload(page, data, "y.png", "image/png")
    wait_for_items(page, nearest(discs, data))
    (after,) = server.worker_pids()
    assert after != before
