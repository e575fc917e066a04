"""Objects in a query picture: squares of colours on grey, in a space of mean colours, so that what is near is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from imgsearch.distance import normalize
from imgsearch.embedding.embedders import WHOLE, Regions, Source
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.pictures.regions import MIN_SIDE, Region, Window, crop
from imgsearch.retrieval.objects import MARGIN, MOST_PARTS, Objects, find_objects
from imgsearch.vectors.space import Space
from tests.conftest import toy_space

RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 220, 30), (30, 30, 220), (128, 128, 128)
N_POSITIONS = 8
"""A side, in the maps of the network that sees colours."""
WITH_MAPS, LIGHT, DESCRIPTOR = (embedder_spec(name) for name in ("resnet50", "mini", "color_histogram"))
SIZE = (640, 480)
Box = tuple[int, int, int, int]


def colour(pixels: np.ndarray) -> np.ndarray:
    """float32 (4,): the mean colour from mid grey on, and a constant, which is all that is left of grey."""
    return np.array([*(pixels.reshape(-1, 3).mean(axis=0) - 128), 40], np.float32)


@dataclass
class Colours:
    """Sees mean colours; what it cannot do here is never asked."""

    n_embedded: int = 0
    n_maps: int = 0

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        assert isinstance(source, np.ndarray)
        self.n_embedded += len(regions)
        return normalize(np.stack([colour(crop(source, region) if region else source) for region in regions]))

    def feature_maps(self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        assert isinstance(source, np.ndarray)
        self.n_maps += len(regions)
        return [maps_of(source, region) for region in regions if region]

    def embed(self, wanted: Any) -> Any:
        raise NotImplementedError


def maps_of(pixels: np.ndarray, region: Region) -> FeatureMaps:
    rows = np.array_split(crop(pixels, region), N_POSITIONS)
    values = np.array([[colour(cell) for cell in np.array_split(row, N_POSITIONS, axis=1)] for row in rows])
    offset = np.array([1, -2, 3, -4], np.float32)
    return FeatureMaps(values - offset, offset, Window(region.left, region.top, region.right, region.bottom))


def gallery(*colours: tuple[int, int, int], spec: EmbedderSpec = WITH_MAPS) -> Space:
    """Eight shades of each."""
    rng = np.random.default_rng(1)
    shades = [colour(np.array(each) + rng.normal(0, 25, (1, 3))) for each in colours for _ in range(8)]
    return replace(toy_space(normalize(np.stack(shades))), spec=spec)


def picture(
    *boxes: tuple[Box, tuple[int, int, int]], ground: tuple[int, int, int] = GREY, size: tuple[int, int] = SIZE
) -> np.ndarray:
    """Boxes (left, top, right, bottom), px, on a ground."""
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[:] = ground
    for (left, top, right, bottom), each in boxes:
        pixels[top:bottom, left:right] = each
    return pixels


def found_in(pixels: np.ndarray, space: Space, embedders: Colours | None = None, left_out: Sequence[int] = ()) -> Objects:
    height, width = pixels.shape[:2]
    whole = normalize(colour(pixels)[None])[0]
    return find_objects(space, embedders or Colours(), pixels, (width, height), whole, left_out)


def holds(region: Region, box: Box, size: tuple[int, int] = SIZE) -> bool:
    """Whether the middle of a box is in a region."""
    x, y = (box[0] + box[2]) / 2 / size[0], (box[1] + box[3]) / 2 / size[1]
    return region.left <= x <= region.right and region.top <= y <= region.bottom


@pytest.mark.parametrize("spec", [WITH_MAPS, LIGHT], ids=["maps", "light"])
@pytest.mark.parametrize("box", [(40, 60, 200, 220), (460, 300, 620, 460), (250, 150, 490, 390)])
def test_a_small_object_is_what_is_chosen(spec: EmbedderSpec, box: Box) -> None:
    found = found_in(picture((box, RED)), gallery(RED, GREEN, spec=spec))
    assert found.chosen
    assert holds(found.chosen, box)
    assert found.parts[0].distance < found.distance - MARGIN


def test_the_distance_of_a_part_is_that_to_its_three_nearest_items() -> None:
    space = gallery(RED, GREEN)
    pixels = picture(((40, 60, 240, 260), RED))
    found = found_in(pixels, space)
    for region, distance in ((found.chosen, found.parts[0].distance), (Region(0, 0, 1, 1), found.distance)):
        assert region
        vector = normalize(colour(crop(pixels, region))[None])[0]
        expected = np.sort(np.linalg.norm(space.embeddings - vector, axis=1))[:3].mean()
        assert distance == pytest.approx(expected, abs=1e-5)


def test_items_that_are_left_out_do_not_make_a_part_near() -> None:
    pixels, space = picture(((40, 60, 240, 260), RED)), gallery(RED, GREEN)
    assert found_in(pixels, space).chosen
    assert found_in(pixels, space, left_out=range(8)).chosen is None  # all that is red


def test_two_objects_are_two_parts_and_the_same_one_is_not_suggested_twice() -> None:
    boxes = (40, 60, 240, 260), (400, 220, 600, 420)
    found = found_in(picture((boxes[0], RED), (boxes[1], GREEN)), gallery(RED, GREEN))
    assert [sum(holds(part.region, box) for part in found.parts) for box in boxes] == [1, 1]
    assert len(found.parts) == 2
    assert [part.distance for part in found.parts] == sorted(part.distance for part in found.parts)


def test_at_most_four_parts_are_suggested() -> None:
    corners = [(x, y, x + 110, y + 110) for y in (30, 330) for x in (30, 265, 500)]
    found = found_in(picture(*((box, RED) for box in corners)), gallery(RED, GREEN))
    assert len(found.parts) == MOST_PARTS
    middles = [[box for box in corners if holds(part.region, box)] for part in found.parts]
    assert len({tuple(each) for each in middles}) == MOST_PARTS


@pytest.mark.parametrize(
    "pixels",
    [picture(), picture(((100, 100, 300, 300), BLUE)), picture(ground=RED), picture(((0, 0, 600, 460), GREEN))],
    ids=["nothing", "something that is not known", "all of it one thing", "most of it one thing"],
)
def test_the_whole_picture_stands_unless_a_part_is_clearly_nearer(pixels: np.ndarray) -> None:
    found = found_in(pixels, gallery(RED, GREEN))
    assert found.chosen is None
    assert found.parts == ()
    assert found.nearest


def test_a_space_without_a_verdict_has_no_objects_and_looks_at_nothing() -> None:
    space = gallery(RED, GREEN, spec=DESCRIPTOR)
    space = replace(space, calibration=replace(space.calibration, neighborhoods=None))
    embedders = Colours()
    assert found_in(picture(((40, 60, 240, 260), RED)), space, embedders).parts == ()
    assert embedders == Colours()


def test_maps_save_embeddings_and_what_was_seen_is_counted() -> None:
    counted = {}
    for spec in (WITH_MAPS, LIGHT):
        embedders = Colours()
        found = found_in(picture(((40, 60, 240, 260), RED)), gallery(RED, GREEN, spec=spec), embedders)
        assert found.n_seen == embedders.n_embedded + embedders.n_maps
        counted[spec] = embedders
    assert counted[WITH_MAPS].n_maps
    assert not counted[LIGHT].n_maps
    assert counted[WITH_MAPS].n_embedded < counted[LIGHT].n_embedded
    assert counted[LIGHT].n_embedded <= 90


@pytest.mark.parametrize(
    "size", [(1, 1), (30, 20), (60, 60), (2000, 3), (4000, 200), (200, 1000), (641, 479), (5000, 1000)]
)
@pytest.mark.parametrize("spec", [WITH_MAPS, LIGHT], ids=["maps", "light"])
def test_pictures_of_any_shape_have_windows_inside_them_or_none(size: tuple[int, int], spec: EmbedderSpec) -> None:
    found = found_in(picture(size=size), gallery(RED, GREEN, spec=spec))
    assert math.isfinite(found.distance)
    if found.nearest:
        region = found.nearest.region  # is inside, and not too small, or it were none
        width, height = (region.right - region.left) * size[0], (region.bottom - region.top) * size[1]
        assert width == pytest.approx(height, abs=0.003 * max(size))
        assert min(width / size[0], height / size[1]) >= MIN_SIDE - 0.001


def test_a_gallery_smaller_than_three_still_answers() -> None:
    space = toy_space(normalize(colour(np.array(RED))[None]))
    assert found_in(picture(((40, 60, 240, 260), RED)), replace(space, spec=WITH_MAPS)).distance > 0


def test_what_was_found_can_be_written_as_json() -> None:
    found = found_in(picture(((40, 60, 240, 260), RED)), gallery(RED, GREEN))
    written = found.to_json()
    assert [Region.parse(part["region"]) for part in written["parts"]] == [part.region for part in found.parts]
    assert written["distance"] == pytest.approx(found.distance, abs=1e-6)
