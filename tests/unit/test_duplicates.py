"""Pictures held more than once: which are found, which are kept, and what it costs."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from imgsearch import Collection, Region, build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.distance import normalize
from imgsearch.errors import InvalidQueryError, ItemNotFoundError
from imgsearch.measure.duplicates import DuplicateGroup, find_duplicates, group, near_pairs
from imgsearch.pictures.items import Item
from imgsearch.retrieval.same_picture import Likeness, Look, Small, fingerprint, likeness
from imgsearch.settings import get_settings


def item(name: str, sha256: str, side: int = 100, n_bytes: int = 1) -> Item:
    return Item(name, "", side, side, n_bytes, 0, sha256, "", 0)


def scene(seed: int) -> Image.Image:
    """A picture like no other: patches of light and colour, 200 x 150 px."""
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(pixels).resize((200, 150), Image.Resampling.BICUBIC)


def daisy(seed: int) -> Image.Image:
    """A centred flower like all others, but for its petals and the grass around: 200 x 150 px."""
    rng = np.random.default_rng(seed)
    grass = Image.fromarray(rng.integers(20, 70, (15, 20, 3), np.uint8)).resize((200, 150), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(grass)
    for angle in np.arange(0, 360, 24) + rng.uniform(-9, 9, 15):
        length = rng.uniform(58, 68)
        box = (100 - length, 75 - length, 100 + length, 75 + length)
        draw.pieslice(box, angle, angle + rng.uniform(14, 22), fill=(235, 235, 225))
    draw.ellipse((80, 55, 120, 95), fill=(180, 120, 20))
    return grass


def reencoded(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": reencoded,
    "half the size": lambda image: image.resize((100, 75)),
    "cropped by 5 %": lambda image: image.crop((5, 4, 195, 146)),
    "cropped by 10 %": lambda image: image.crop((10, 8, 190, 142)),
    "cropped at the bottom": lambda image: image.crop((0, 0, 200, 140)),
    "brighter": lambda image: image.point(lambda value: min(255, round(value * 1.2))),
    "grey": lambda image: image.convert("L"),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned by a quarter": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned upside down": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "turned by three quarters": lambda image: image.transpose(Image.Transpose.ROTATE_270),
    "mirrored and turned": lambda image: image.transpose(Image.Transpose.TRANSPOSE),
}


def look(image: Image.Image) -> Look:
    return Look.at(Small.of(np.asarray(image.convert("RGB"))))


# --- the same picture


@pytest.mark.parametrize("draw", [scene, daisy])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_picture_is_the_same(
    change: Callable[[Image.Image], Image.Image], draw: Callable[[int], Image.Image]
) -> None:
    for seed in range(10):
        original, changed = look(draw(seed)), look(change(draw(seed)))
        assert likeness(original, changed).is_same
        assert likeness(changed, original).is_same


def test_other_pictures_are_not() -> None:
    looks = [look(scene(seed)) for seed in range(30)]
    assert max(likeness(a, b).detail for row, a in enumerate(looks) for b in looks[:row]) < 0.7


def test_other_flowers_of_one_kind_are_not_although_their_lights_are_in_the_same_places() -> None:
    looks = [look(daisy(seed)) for seed in range(20)]
    found = [likeness(a, b) for row, a in enumerate(looks) for b in looks[:row]]
    assert np.median([each.whole for each in found]) > 0.75
    assert not any(each.is_same for each in found)


def test_the_same_shape_in_another_colour_is_another_picture_and_a_grey_copy_is_none() -> None:
    white, shape = np.array([255, 255, 255]), np.asarray(daisy(0).convert("L"))[..., None] / 255
    red, green, grey = ((white - shape * (255 - np.array(color))) for color in ((200, 30, 30), (0, 104, 0), (81, 81, 81)))
    looks = [look(Image.fromarray(each.round().astype(np.uint8))) for each in (red, green, grey)]
    found = likeness(looks[0], looks[1])
    assert min(found.detail, found.whole) > 0.99
    assert found.color < 0
    assert not found.is_same
    assert likeness(looks[0], looks[2]).is_same


def test_a_flat_picture_is_like_nothing() -> None:
    flat = look(Image.fromarray(np.random.default_rng(0).integers(127, 130, (50, 50, 3)).astype(np.uint8)))
    assert likeness(flat, flat) == Likeness(0.0, 0.0, 1.0)


def test_a_fingerprint_is_the_same_however_the_picture_is_turned() -> None:
    for change in (
        "mirrored",
        "turned by a quarter",
        "turned upside down",
        "turned by three quarters",
        "mirrored and turned",
    ):
        found = fingerprint(look(CHANGES[change](scene(0))))
        np.testing.assert_allclose(found, fingerprint(look(scene(0))), atol=0.01)
    assert np.linalg.norm(fingerprint(look(scene(1))) - fingerprint(look(scene(0)))) > 0.5


def test_a_likeness_is_the_correlation_of_the_grey_levels_and_of_what_a_blur_takes_away() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(0, 256, (48, 48)).astype(np.uint8)
    b = np.where(rng.random((48, 48)) < 0.75, a, rng.integers(0, 256, (48, 48))).astype(np.uint8)  # partly the same
    small = [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BILINEAR), float) for each in (a, b)]
    # The blur once more, as a product of matrices: a Gaussian cut off at four deviations, edges mirrored.
    weights = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    blur = np.zeros((32, 32))
    for row in range(32):
        for offset, weight in zip(range(-8, 9), weights / weights.sum(), strict=True):
            at = row + offset
            blur[row, -1 - at if at < 0 else 63 - at if at > 31 else at] += weight
    details = [each - blur @ each @ blur.T for each in small]
    color = np.zeros((2, 8, 8), np.int8)
    color[0], color[1, :4] = 30, 40
    other = np.where([[[True]], [[False]]], color, 0).astype(np.int8)  # the first plane alone
    found = likeness(Look.at(Small(a, color)), Look.at(Small(b, other)))
    assert found.color == pytest.approx(64 * 30 * 30 / (8 * 30 * np.sqrt(64 * 30 * 30 + 32 * 40 * 40)), abs=1e-4)
    assert found.whole == pytest.approx(np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1], abs=1e-4)
    assert found.detail == pytest.approx(np.corrcoef(details[0].ravel(), details[1].ravel())[0, 1], abs=1e-4)


# --- groups


def test_the_largest_is_kept_and_every_copy_is_one_of_it_not_of_another_copy() -> None:
    """A burst 0 - 1 - 2 - 3 of which each is like the next only; 1 is the largest."""
    items = [item("0", "a", 100), item("1", "b", 200), item("2", "c", 150), item("3", "d", 100, 9)]
    angles = np.array([0.0, 0.1, 0.3, 0.6])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = group(items, embeddings, [(0, 1), (1, 2), (2, 3)])
    assert [each.keep for each in found] == [1]  # 3 is only like 2: it stays, and is no copy of anything kept
    assert [copy.row for copy in found[0].copies] == [0, 2]
    assert [copy.distance for copy in found[0].copies] == pytest.approx([2 * np.sin(0.05), 2 * np.sin(0.1)], rel=1e-4)


def test_exact_copies_come_first_and_the_first_of_them_is_kept() -> None:
    items = [item("0", "b", 90), item("1", "a"), item("2", "a"), item("3", "c", 100, 0), item("4", "b", 90), item("5", "d")]
    embeddings = normalize(np.array([[1, 0.1], [1, 0], [1, 0], [1, 0.05], [1, 0.1], [0, 1]]))
    found = group(items, embeddings, [(0, 1), (1, 3)])
    assert found == [DuplicateGroup(1, found[0].copies)]
    assert [(copy.row, copy.is_exact) for copy in found[0].copies] == [(2, True), (3, False), (0, False), (4, False)]
    assert group(items[:2], embeddings[:2], []) == []


def test_only_the_first_of_the_same_files_is_compared() -> None:
    items = [item("0", "a"), item("1", "a"), item("2", "b"), item("3", "c")]
    embeddings = normalize(np.array([[1, 0], [1, 0], [1, 0.1], [0, 1]]))
    neighbors = np.array([[1, 2], [0, 2], [0, 1], [2, 0]], dtype=np.int32)
    assert near_pairs(items, embeddings, neighbors, threshold=0.2) == [(0, 2)]
    assert near_pairs(items, embeddings, neighbors, threshold=0.05) == []


def test_a_hundred_thousand_items_take_little_memory() -> None:
    """1,000 planted pairs among 100,000; all with all would be 40 GB."""
    n, dim, n_planted = 100_000, 16, 1_000
    rng = np.random.default_rng(0)
    embeddings = normalize(rng.normal(size=(n, dim)))
    embeddings[n - n_planted :] = normalize(embeddings[:n_planted] + rng.normal(scale=0.002, size=(n_planted, dim)))
    neighbors = rng.integers(0, n, (n, 20), dtype=np.int32)
    neighbors[n - n_planted :, 0] = np.arange(n_planted)
    items = [item(str(row), str(row)) for row in range(n)]
    tracemalloc.start()
    pairs = near_pairs(items, embeddings, neighbors, threshold=0.1)
    groups = group(items, embeddings, pairs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {(a, b) for a, b in pairs} >= {(row, n - n_planted + row) for row in range(n_planted)}
    assert len(pairs) < 1.05 * n_planted
    assert len(groups) == pytest.approx(n_planted, rel=0.05)
    assert peak < 200 * 2**20


# --- collections


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Thirty scenes, and of the first ones a larger copy, one of each change and an identical file."""
    folder = tmp_path_factory.mktemp("scenes") / "pictures"
    folder.mkdir()
    for seed in range(30):
        scene(seed).save(folder / f"{seed:02}.png")
    for number, change in enumerate(CHANGES.values()):
        change(scene(number)).convert("RGB").save(folder / f"{number:02}-changed.png")
    scene(15).resize((400, 300)).save(folder / "15-larger.png")
    (folder / "20-same.png").write_bytes((folder / "20.png").read_bytes())
    specs = [embedder_spec("color_histogram")]
    return build_collection("copies", folder, home=folder.parent / "home", specs=specs).collection


def test_copies_in_a_collection_are_found_and_nothing_else(copies: Collection) -> None:
    told: list[tuple[int, int, str]] = []
    groups = find_duplicates(copies, progress=lambda *each: told.append(each))
    named = [{copies.items[row].item_id for row in (each.keep, *(copy.row for copy in each.copies))} for each in groups]
    expected = [{f"{number:02}.png", f"{number:02}-changed.png"} for number in range(len(CHANGES))]
    expected += [{"15-larger.png", "15.png"}, {"20-same.png", "20.png"}]
    assert sorted(map(sorted, named)) == sorted(map(sorted, expected))
    assert [copy.is_exact for each in groups for copy in each.copies].count(True) == 1
    n = len(copies.items)
    assert told[:n] == [(done + 1, n, "looking at pictures") for done in range(n)]
    assert told[-1] == (len(told) - n, len(told) - n, "comparing pairs")


def test_copies_are_found_that_the_space_does_not_propose(copies: Collection) -> None:
    kept = [copies.items[each.keep].item_id for each in find_duplicates(copies, threshold=0.0)]
    unmoved = [change for change in CHANGES if "cropped" not in change]
    assert len(unmoved) == 9
    assert {f"{list(CHANGES).index(change):02}" for change in unmoved} <= {item_id[:2] for item_id in kept}


def test_an_answer_without_copies_holds_one_of_each_group_and_as_many_results(copies: Collection) -> None:
    groups = [{each.keep, *(copy.row for copy in each.copies)} for each in find_duplicates(copies)]
    asked = copies.items.row_of("29.png")
    assert not any(asked in group for group in groups)
    k = len(copies.items) - 1 - len(groups)  # of each group of two the other one
    full, page = (copies.search(row=asked, k=k, without_copies=is_without) for is_without in (False, True))
    found = [result.row for result in page.results]
    assert [len(group & set(found)) for group in groups] == [1] * len(groups)
    assert len(found) == k == len(full.results)
    assert 0 < page.n_copies <= len(groups)
    assert full.n_copies == 0
    assert [result.rank for result in page.results] == list(range(1, k + 1))
    order = [result.row for result in copies.search(row=asked, k=200).results]
    assert set(found) >= {min(group, key=order.index) for group in groups}  # the one before


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_copies_of_what_is_asked_with_are_left_out_whether_it_is_held_or_not(copies: Collection, number: int) -> None:
    names = {f"{number:02}.png", f"{number:02}-changed.png"}
    picture = io.BytesIO()
    list(CHANGES.values())[number](scene(number)).convert("RGB").save(picture, "PNG")
    for asked in ({"item_id": f"{number:02}.png"}, {"picture": picture.getvalue()}):
        assert names & {result.item.item_id for result in copies.search(k=200, **asked).results}
        page = copies.search(k=200, without_copies=True, **asked)
        assert not names & {result.item.item_id for result in page.results}
    region = copies.search(f"{number:02}.png", region=Region(0.2, 0.2, 0.9, 0.9), k=200, without_copies=True)
    assert not names & {result.item.item_id for result in region.results}  # a copy of the item has that part as well


def test_the_command_leaves_copies_out_and_says_how_many(copies: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_HOME", str(copies.home))
    get_settings.cache_clear()
    command = ["query", "copies", "20.png", "-k", "1"]
    assert "20-same.png" in CliRunner().invoke(cli, command).stdout
    result = CliRunner().invoke(cli, [*command, "--without-copies"])
    assert result.exit_code == 0
    assert "20-same.png" not in result.stdout
    assert "Left out: 1 near-copy." in result.stderr


def test_what_is_out_of_range_is_said(copies: Collection) -> None:
    with pytest.raises(InvalidQueryError, match=r"between 0 and 2. Received: 2.5"):
        find_duplicates(copies, threshold=2.5)
    with pytest.raises(ItemNotFoundError):
        find_duplicates(copies, "no-such-space")


def test_the_command_prints_groups_or_json_lines(copies: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_HOME", str(copies.home))
    get_settings.cache_clear()
    result = CliRunner().invoke(cli, ["duplicates", "copies"])
    assert result.exit_code == 0
    assert "  exact  0.0000  200 x 150  20.png\n" in result.stdout
    assert "keep             400 x 300  15-larger.png\n" in result.stdout
    assert "14 copies of 14 pictures; 1 of them exact." in result.stderr
    lines = CliRunner().invoke(cli, ["duplicates", "copies", "--json"]).stdout.splitlines()
    assert json.loads(lines[-1]) == {
        "keep": "20-same.png",
        "copies": [{"item_id": "20.png", "distance": 0.0, "is_exact": True}],
    }


def test_a_collection_without_copies_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    (tmp_path / "pictures").mkdir()
    for seed in range(3):
        scene(seed).save(tmp_path / "pictures" / f"{seed}.png")
    build_collection("scenes", tmp_path / "pictures", home=tmp_path / "home", specs=[embedder_spec("color_histogram")])
    result = CliRunner().invoke(cli, ["duplicates", "scenes", "--json"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert CliRunner().invoke(cli, ["duplicates", "scenes", "--threshold", "3"]).exit_code == 2
    assert CliRunner().invoke(cli, ["duplicates", "nothing"]).exit_code == 1
