"""Similarity taken apart: sums that must come out, maps and overlays by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imgsearch import Collection, embedder_spec
from imgsearch.distance import normalize
from imgsearch.embedding.descriptors import Match
from imgsearch.embedding.embedders import WHOLE, Regions
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, ItemNotFoundError
from imgsearch.measure.explain import (
    LESS_COLOR,
    MORE_COLOR,
    UNSEEN_COLOR,
    blend,
    explain,
    match_map,
    overlay,
    similarity_map,
)
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region, Window
from imgsearch.vectors.transform import Transform

ALL = Window(0, 0, 1, 1)
RNG = np.random.default_rng(7)


def random_maps(dim: int) -> FeatureMaps:
    return FeatureMaps(RNG.random((3, 4, dim), np.float32), RNG.normal(size=dim).astype(np.float32), ALL)


# --- the terms


def test_terms_by_hand() -> None:
    values = np.zeros((1, 2, 2), np.float32)
    values[0] = [[6, 0], [0, 2]]
    maps = FeatureMaps(values, np.array([0, 3], np.float32), ALL)  # raw (3, 1) + (0, 3) = (3, 4), so (0.6, 0.8)
    found = similarity_map(maps, np.array([0.8, 0.6], np.float32), mean=np.array([0.5, 0.1]))
    assert found.contributions == pytest.approx(np.array([[6 / 2 / 5 * 0.8, 2 / 2 / 5 * 0.6]]))
    assert found.constant == pytest.approx(3 / 5 * 0.6)
    assert found.similarity == pytest.approx(0.96)
    # Direction (0.3, 0.5). The constant 0.6 * 0.5, less the mean's 0.5 * 0.3 + 0.1 * 0.5, is spread over two places.
    assert found.centred == pytest.approx(np.array([[0.6 * 0.3 + 0.05, 0.2 * 0.5 + 0.05]]))
    assert found.centred.sum() == pytest.approx((0.6 - 0.5) * 0.3 + (0.8 - 0.1) * 0.5)


@pytest.mark.parametrize("dim_out", [None, 3, 8])
def test_the_terms_add_up_to_the_cosine(dim_out: int | None) -> None:
    dim = 8
    transform = None
    if dim_out:
        mean, matrix = RNG.random(dim, np.float32) / 4, RNG.normal(size=(dim, dim_out)).astype(np.float32)
        transform = Transform(mean, matrix)
    maps = random_maps(dim)
    unit = normalize(maps.raw_embedding[None])
    point = transform.apply(unit)[0] if transform else unit[0]
    (other,) = normalize(RNG.normal(size=(1, len(point))))
    mean_point = RNG.normal(size=len(point)) / 5
    found = similarity_map(maps, other, mean_point, transform)
    assert found.similarity == pytest.approx(float(point @ other), abs=1e-6)
    assert found.centred.sum() == pytest.approx(float((point - mean_point) @ (other - mean_point)), abs=1e-6)


def test_a_picture_without_content_adds_nothing() -> None:
    maps = FeatureMaps(np.zeros((2, 2, 3), np.float32), np.zeros(3, np.float32), ALL)
    found = similarity_map(maps, np.array([1, 0, 0], np.float32), np.zeros(3))
    assert (found.similarity, found.contributions.any()) == (0, False)


# --- what belongs to no position


def test_what_the_positions_do_not_add_up_to_is_the_offset() -> None:
    values = np.array([[[1.0, 2.0], [3.0, 6.0]]], np.float32)  # on average (2, 4)
    maps = FeatureMaps.of(values, np.array([2.5, 3.0], np.float32), ALL)
    np.testing.assert_allclose(maps.offset, [0.5, -1.0])
    np.testing.assert_allclose(maps.raw_embedding, [2.5, 3.0])


# --- overlays


def test_an_overlay_says_more_less_neither_and_unseen() -> None:
    values = np.array([[2.0, 0.0, -1.0]])
    rgba = overlay(values, Window(0.25, 0, 1, 0.5), width=8, height=4, scale=2.0)
    assert (rgba.shape, rgba.dtype) == ((4, 8, 4), np.uint8)
    assert tuple(rgba[0, 2, :3]) == MORE_COLOR
    assert tuple(rgba[0, 7, :3]) == LESS_COLOR
    assert [rgba[0, x, 3] for x in (2, 7)] == [204, 102]  # 0.8, and half of it
    assert rgba[0, 4, 3] < 60  # the middle place, with a part of the first
    unseen = (*UNSEEN_COLOR, 153)
    assert all(tuple(rgba[y, x]) == unseen for y, x in ((0, 0), (1, 1), (2, 4), (3, 7)))


def test_places_lie_where_they_are_in_the_picture() -> None:
    values = np.zeros((4, 4))
    values[3, 0] = 1  # lower left
    rgba = overlay(values, ALL, width=40, height=40, scale=1.0)
    y, x = np.unravel_index(rgba[..., 3].argmax(), (40, 40))
    assert (y >= 35, x < 5) == (True, True)
    assert rgba[35, 4, 3] == pytest.approx(204, abs=20)
    assert not rgba[:20, 20:, 3].any()


def test_a_window_beyond_the_picture_shows_what_lies_in_it() -> None:
    values = np.array([[1.0, 1.0], [-1.0, -1.0]])
    rgba = overlay(values, Window(0, -0.5, 1, 1.5), width=10, height=10, scale=1.0)
    assert (rgba[:5, :, :3] == MORE_COLOR).all()
    assert (rgba[5:, :, :3] == LESS_COLOR).all()


def test_a_map_of_zeros_is_transparent() -> None:
    assert not overlay(np.zeros((2, 2)), ALL, 5, 5, scale=0.0)[..., 3].any()


def test_an_overlay_lies_over_its_picture() -> None:
    pixels = np.full((1, 2, 3), 100, np.uint8)
    rgba = np.array([[[200, 0, 100, 0], [200, 0, 100, 204]]], np.uint8)
    assert blend(pixels, rgba).tolist() == [[[100, 100, 100], [180, 20, 100]]]


# --- a collection


class ColourPlaces:
    """Feature maps of a network that sees colours: a 6 x 8 grid of mean RGB, all of the picture."""

    def __init__(self) -> None:
        self.asked: list[tuple[EmbedderSpec, Region | None]] = []

    def feature_maps(self, data: bytes, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        self.asked += [(spec, region) for region in regions]
        grid = decode_image(data).pixels.reshape(6, 10, 8, 10, 3).mean((1, 3), dtype=np.float32)
        return [FeatureMaps(grid, np.zeros(3, np.float32), ALL) for _ in regions]


@pytest.fixture
def colours(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> Collection:
    """The discs, in a space of their mean colours."""
    pixels = [decode_image(collection.thumbnail_path(item)).pixels for item in collection.items]
    space = collection.space()
    embeddings = normalize(np.stack([each.mean((0, 1)) for each in pixels]))
    monkeypatch.setattr(collection, "_spaces", {space.name: replace(space, embeddings=embeddings)})
    return collection


def test_an_explanation_shows_both_pictures(colours: Collection) -> None:
    source = ColourPlaces()
    query, result = (colours.items.row_of(name) for name in ("red/3.png", "red/2.png"))
    found = explain(colours, query, result, embedders=source)
    embeddings = colours.space().embeddings
    strongest = max(np.abs(found.query.map.centred).max(), np.abs(found.result.map.centred).max())
    for picture, row in ((found.query, query), (found.result, result)):
        assert picture.map.similarity == pytest.approx(float(embeddings[query] @ embeddings[result]), abs=1e-5)
        assert np.array_equal(picture.pixels, decode_image(colours.thumbnail_path(colours.items[row])).pixels)
        assert picture.overlay.shape == (60, 80, 4)
        # Red pictures are alike by their discs, which lie in the middle; grey is what all pictures have.
        assert tuple(picture.overlay[30, 40, :3]) == MORE_COLOR
        assert picture.overlay[30, 40, 3] > 3 * picture.overlay[2, 2, 3]
        assert np.array_equal(picture.overlay, overlay(picture.map.centred, picture.map.window, 80, 60, strongest))


def test_different_colours_are_less_alike_where_the_discs_are(colours: Collection) -> None:
    query, result = (colours.items.row_of(name) for name in ("red/3.png", "green/3.png"))
    found = explain(colours, query, result, embedders=ColourPlaces())
    assert tuple(found.query.overlay[30, 40, :3]) == tuple(found.result.overlay[30, 40, :3]) == LESS_COLOR


def test_the_query_may_be_a_picture_a_region_or_a_vector(colours: Collection) -> None:
    query, result = (colours.items.row_of(name) for name in ("red/3.png", "blue/0.png"))
    data = colours.thumbnail_path(colours.items[query]).read_bytes()
    item, picture = (explain(colours, asked, result, embedders=ColourPlaces()) for asked in (query, data))
    assert picture.result.map.similarity == pytest.approx(item.result.map.similarity, abs=1e-5)
    source, region = ColourPlaces(), Region(0, 0, 0.5, 0.5)
    explain(colours, query, result, embedders=source, region=region)
    assert [asked for _, asked in source.asked] == [region, None]
    other = np.array([0, 0, 1], np.float32)
    given = explain(colours, data, result, embedders=ColourPlaces(), query_embedding=other)
    assert given.result.map.similarity == pytest.approx(float(colours.space().embeddings[result, 2]), abs=1e-5)


def test_rows_that_are_not_there_are_refused(colours: Collection) -> None:
    for query, result in ((-1, 0), (0, 12)):
        with pytest.raises(ItemNotFoundError, match="between 0 and 11"):
            explain(colours, query, result, embedders=ColourPlaces())


def test_a_descriptor_cannot_be_explained_by_places(collection: Collection) -> None:
    with pytest.raises(BackboneError, match="color_histogram has no parts that belong to places"):
        explain(collection, 0, 1)
    assert not collection.space().spec.has_feature_maps
    assert embedder_spec("mini").has_feature_maps


def test_a_match_map_spreads_shares_over_their_boxes_and_is_centred() -> None:
    matches = [
        Match("edges", "a", share=0.4, box=(0.0, 0.0, 0.5, 0.5)),  # 4 of 16 fields
        Match("edges", "b", share=-0.1, box=(0.5, 0.0, 0.75, 0.25)),  # one field
        Match("colors", "c", share=9.0),  # knows no place
    ]
    map_ = match_map(matches, side=4)
    assert map_ is not None
    expected = np.zeros((4, 4))
    expected[:2, :2] = 0.1
    expected[0, 2] = -0.1
    np.testing.assert_allclose(map_, expected - 0.3 / 16)
    assert match_map(matches[2:]) is None
