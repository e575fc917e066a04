"""Descriptors: colours, frequencies and edges counted by hand."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
import pytest

from imgsearch.embedding.descriptors import DESCRIPTORS, squash
from imgsearch.embedding.descriptors.cedd import TEXTURES, cedd, fuzzy_histogram
from imgsearch.embedding.descriptors.color import color_histogram
from imgsearch.embedding.descriptors.edges import EDGES, REGIONS, edge_histogram, local_histogram, region_shares
from imgsearch.embedding.descriptors.fuzzy import COLORS, TYPICAL_COLORS, color_names, fuzzy_colors, hsv
from imgsearch.embedding.descriptors.joint import PARTS, joint
from imgsearch.embedding.descriptors.layout import coefficients, color_layout, cosine_transform
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError

# Hue of Pillow: degrees * 255 / 360, so 0, 85, 170; of 16 bins 0, 5, 10. Saturation and value 255 are bin 3 of 4.
RED, GREEN, BLUE = (0 * 4 + 3) * 4 + 3, (5 * 4 + 3) * 4 + 3, (10 * 4 + 3) * 4 + 3
BLACK, WHITE = 0, 3  # no saturation, so hue 0; value bins 0 and 3
FLAT = {RED: (255, 0, 0), GREEN: (0, 255, 0), BLUE: (0, 0, 255), BLACK: (0, 0, 0), WHITE: (255, 255, 255)}

# Brightness of the four fields of a block, and the kind of edge whose filter answers strongest, by hand: of "45°"
# (vertical 255, horizontal 255, 45° 255 * 1.414 = 361, 135° 0, non-directional 2 * |255 - 128 - 127| = 0).
BLOCKS = {
    "vertical": [[0, 255], [0, 255]],
    "horizontal": [[255, 255], [0, 0]],
    "45°": [[255, 128], [127, 0]],
    "135°": [[128, 255], [0, 127]],
    "non-directional": [[255, 0], [0, 255]],
}


def flat(color: tuple[int, int, int], height: int = 4, width: int = 6) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def greys(rows: list[list[int]], times: tuple[int, int]) -> np.ndarray:
    """Fields of 4 x 4 px of those brightnesses, side by side so many times down and across."""
    fields = np.tile(np.array(rows, np.uint8), times)
    return np.kron(fields, np.ones((4, 4), np.uint8))[..., None].repeat(3, axis=2)


def edges_in_one_cell(kind: str) -> np.ndarray:
    """Black but for the cell in row 2 of 4, column 4 of 4."""
    pixels = flat((0, 0, 0), 256, 256)
    pixels[64:128, 192:] = greys(BLOCKS[kind], (8, 8))
    return pixels


def noise(seed: int, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def scene(seed: int) -> np.ndarray:
    """A few rectangles of flat colours, so that pictures differ in colours, places and edges."""
    rng = np.random.default_rng(seed)
    pixels = flat(tuple(rng.integers(0, 256, 3)), 96, 128)
    for _ in range(rng.integers(1, 30)):
        top, left = rng.integers(0, 90), rng.integers(0, 120)
        pixels[top : top + rng.integers(2, 60), left : left + rng.integers(2, 60)] = rng.integers(0, 256, 3)
    return pixels


def bins(histogram: np.ndarray) -> dict[int, float]:
    return {int(i): float(histogram[i]) for i in np.flatnonzero(histogram)}


# --- the picture that they look at


def test_a_picture_is_squashed_whole() -> None:
    pixels = np.zeros((2, 8, 3), np.uint8)
    pixels[:, :4, 0] = 200
    assert squash(pixels, 4)[:, :, 0].tolist() == [[200, 200, 0, 0]] * 4


def test_a_small_picture_is_interpolated() -> None:
    pixels = np.array([[(0, 0, 0), (200, 200, 200)]], np.uint8)  # 1 x 2
    assert squash(pixels, 4)[:, :, 0].tolist() == [[0, 50, 150, 200]] * 4


# --- colour histogram


@pytest.mark.parametrize(("cell", "color"), FLAT.items())
def test_a_flat_picture_fills_the_bin_of_its_colour(cell: int, color: tuple[int, int, int]) -> None:
    assert bins(color_histogram(flat(color))) == {cell: 1.0}


def test_a_histogram_holds_square_roots_of_shares() -> None:
    pixels = flat(FLAT[RED], 4, 4)
    pixels[0] = FLAT[BLUE]  # a quarter
    assert bins(color_histogram(pixels)) == pytest.approx({RED: np.sqrt(0.75), BLUE: 0.5})


def test_half_tones_fall_into_their_bins() -> None:
    # Value 128 is bin 2; of (128, 64, 64) the saturation is 127.5 of 255, Pillow's 127, bin 1.
    pixels = np.array([[(128, 0, 0), (128, 64, 64)]], np.uint8)
    assert bins(color_histogram(pixels)) == pytest.approx({3 * 4 + 2: np.sqrt(0.5), 1 * 4 + 2: np.sqrt(0.5)})


def test_a_histogram_does_not_see_where_a_colour_is() -> None:
    pixels = noise(0)
    mixed = np.random.default_rng(0).permutation(pixels.reshape(-1, 3)).reshape(pixels.shape)
    assert np.array_equal(color_histogram(pixels), color_histogram(mixed))


def test_the_ends_of_a_panorama_count() -> None:
    pixels = flat(FLAT[GREEN], 64, 1024)
    pixels[:, :128] = FLAT[RED]  # an eighth, far outside a centre crop
    embedding = load_embedder(EmbedderSpec("color_histogram"), Path("unused")).embed([pixels])[0]
    assert bins(embedding) == pytest.approx({RED: np.sqrt(1 / 8), GREEN: np.sqrt(7 / 8)}, abs=1e-6)


# --- colour layout


@pytest.mark.parametrize(
    ("color", "means"),
    [
        # Y = 16 + 65.481 = 81.48, level 16 + 17.48 / 2 = 24.7 of 128, halved 12; Cb = 128 - 37.797 = 90.2, level 26.2 / 4;
        # Cr = 240, above the highest level.
        ((255, 0, 0), (12, 6, 63)),
        # Y = 16 + 219 * 128 / 255 = 125.93, level 32 + 29.93 = 61.9 of 128; Cb = Cr = 128, level 16 + 16.
        ((128, 128, 128), (30, 32, 32)),
        # Y = 121.2, level 57.2 of 128; Cb = 106.9, level 8 + 10.9 / 2; Cr = 131.4, level 16 + 19.4.
        ((128, 128, 80), (28, 13, 35)),
        ((0, 0, 0), (2, 32, 32)),  # Y = 16, level 4 of 128
        ((255, 255, 255), (61, 32, 32)),  # Y = 235, level 112 + 43 / 4 = 122.75 of 128
    ],
)
def test_the_layout_of_a_flat_picture_is_three_means(color: tuple[int, int, int], means: tuple[int, int, int]) -> None:
    y, cb, cr = means
    assert coefficients(flat(color)).tolist() == [y, 0, 0, 0, 0, 0, cb, 0, 0, cr, 0, 0]


def test_a_cosine_transform_turns_waves_into_their_amounts_and_back() -> None:
    wave = np.cos(np.pi / 8 * 3 * (np.arange(8) + 0.5))  # the sum of its squares is 8 / 2
    matrix = cosine_transform(8)
    np.testing.assert_allclose(matrix @ wave, [0, 0, 0, 2, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(matrix @ np.ones(8), [np.sqrt(8), *[0] * 7], atol=1e-12)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(8), atol=1e-12)


def test_halves_are_the_lowest_frequency_across() -> None:
    # Y is 101.88 and 149.98, 24.05 from the middle; times sqrt(8) (cos pi/16 + cos 3pi/16 + cos 5pi/16 + cos 7pi/16), which
    # is 7.249, that is 174.3; halved 87.2, level 8 + 23.2 / 16 = 9.4.
    pixels = greys([[100, 156], [100, 156]], (1, 1))
    assert coefficients(pixels).tolist() == [30, -9, 0, 0, 0, 0, 32, 0, 0, 32, 0, 0]
    assert coefficients(pixels.transpose(1, 0, 2)).tolist() == [30, 0, -9, 0, 0, 0, 32, 0, 0, 32, 0, 0]
    assert coefficients(pixels[:, ::-1]).tolist() == [30, 9, 0, 0, 0, 0, 32, 0, 0, 32, 0, 0]


def test_halves_of_two_colours_are_the_lowest_frequency_of_both_differences() -> None:
    # Brightness is 128.8 and 129.9.
    pixels = flat((200, 100, 100), 64, 64)
    pixels[:, :32] = (100, 149, 100)
    y1, cb1, cr1 = coefficients(pixels)[[1, 7, 10]]
    assert abs(y1) <= 1
    # Cb: 115.1 and 114.9; Cr: 111.1 and 171.9, 30.4 from the middle, times -7.249 is -220, level 12 + 92 / 32 = 14.9.
    assert (abs(cb1) <= 1, cr1) == (True, -15)


def test_a_layout_is_weighted_from_the_middle() -> None:
    red = [-20 * np.sqrt(2), 0, 0, 0, 0, 0, -26 * np.sqrt(2 * 2.5), 0, 0, 31 * np.sqrt(4 * 2.5), 0, 0, 64]
    assert color_layout(flat((255, 0, 0))) == pytest.approx(red / np.linalg.norm(red), abs=1e-6)
    halves = [-2 * np.sqrt(2), -9 * np.sqrt(2), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64]
    found = color_layout(greys([[100, 156], [100, 156]], (1, 1)))
    assert found == pytest.approx(halves / np.linalg.norm(halves), abs=1e-6)


def test_a_layout_does_not_see_details() -> None:
    assert np.array_equal(color_layout(greys([[0, 200], [200, 0]], (16, 16))), color_layout(flat((100, 100, 100))))


def test_a_vivid_picture_is_not_the_same_as_its_pale_one() -> None:
    vivid, pale = color_layout(flat((200, 60, 60))), color_layout(flat((140, 120, 120)))
    paler = color_layout(flat((134, 126, 126)))
    assert vivid @ pale < pale @ paler < 1


# --- edge histogram


@pytest.mark.parametrize("kind", EDGES)
def test_every_block_counts_as_the_kind_of_its_edge(kind: str) -> None:
    expected = np.zeros((4, 4, 5), int)
    expected[..., EDGES.index(kind)] = 7  # all blocks: the highest level
    assert np.array_equal(local_histogram(greys(BLOCKS[kind], (32, 32))), expected)


def test_edges_count_in_their_cell() -> None:
    levels = local_histogram(edges_in_one_cell("horizontal"))
    assert np.argwhere(levels).tolist() == [[1, 3, 1]]
    shares = dict(zip(REGIONS, region_shares(levels)[:, 1], strict=True))
    # The highest level stands for 0.564, the lowest for 0.012.
    of_16, of_4 = (0.564319 + 15 * 0.012266) / 16, (0.564319 + 3 * 0.012266) / 4
    has_edges = {"whole picture": of_16, "row 2, column 4 of 4": 0.564319, "row 2 of 4": of_4, "column 4 of 4": of_4}
    expected = {**dict.fromkeys(REGIONS, 0.012266), **has_edges, "upper right": of_4}
    assert shares == pytest.approx(expected, abs=1e-12)


def test_faint_edges_do_not_count() -> None:
    # The vertical filter answers with twice the difference; 11 is the threshold.
    assert not local_histogram(greys([[100, 105], [100, 105]], (32, 32))).any()
    assert local_histogram(greys([[100, 106], [100, 106]], (32, 32))).any()


def test_edges_do_not_see_brightness() -> None:
    pixels = noise(2) // 2
    assert np.array_equal(edge_histogram(pixels), edge_histogram(pixels + 100))


def test_a_small_picture_has_edges() -> None:
    icon = np.zeros((32, 32, 3), np.uint8)
    icon[:, 16:] = 255
    # One of 8 blocks on either side, 0.125 and so level 3; if pixels were repeated, the edge would run between blocks.
    assert local_histogram(icon)[..., EDGES.index("vertical")].tolist() == [[0, 3, 3, 0]] * 4


def test_opposite_edges_take_away_their_spans() -> None:
    one, other = (edge_histogram(greys(BLOCKS[kind], (32, 32))) for kind in ("vertical", "horizontal"))
    # From the lowest to the highest level 0.519261 and 0.552053, of 1.953846 for all five kinds.
    assert float(one @ other) == pytest.approx(1 - 2 * (0.519261 + 0.552053) / 1.953846, abs=1e-5)


def test_a_region_adds_to_the_cosine_by_its_weight() -> None:
    one = edge_histogram(flat((0, 0, 0)))
    other = edge_histogram(edges_in_one_cell("horizontal"))
    # Of the horizontal bins the cell differs by its whole span, the column, the row and the quarter by 1/4, and the whole
    # picture, five times of 34, by 1/16. u takes 1 - (cos pi u + cos 3 pi u / 9) / (10 / 9): 2, 0.43431 and 0.03414.
    taken = (2 + 3 * 0.43431 + 5 * 0.03414) / 34
    assert float(one @ other) == pytest.approx(1 - 0.552053 / 1.953846 * taken, abs=1e-5)


# --- CEDD


@pytest.mark.parametrize(
    ("color", "memberships"),
    [
        ((255, 255, 255), {"white": 1}),
        ((0, 0, 0), {"black": 1}),
        ((128, 128, 128), {"grey": 1}),
        ((200, 200, 200), {"grey": 0.5, "white": 0.5}),  # value 200, between 180 and 220
        ((255, 0, 0), {"red": 1}),
        ((0, 255, 255), {"cyan": 1}),
        ((255, 0, 63), {"red": 1}),  # hue 345
        ((255, 32, 0), {"red": 1 - 2.529 / 5, "orange": 2.529 / 5}),  # hue 60 * 32 / 255 = 7.53, between 5 and 10
        ((128, 128, 0), {"yellow": 0.5, "dark yellow": 0.5}),  # value 128, between 68 and 188
        # Saturation 255 * (1 - 200 / 255) = 55, of 10 to 75 is 9 / 13; all below 68, so light.
        ((200, 200, 255), {"white": 4 / 13, "light blue": 9 / 13}),
        # Saturation 102 is low by 86 / 120 and high by 34 / 120, value 100 by 88 and 32: light and plain are the lesser of
        # two, 32 / 120 both; dark is low value with either saturation, 86 + 34.
        ((100, 60, 60), {"light red": 32 / 120, "red": 32 / 120, "dark red": 1}),
    ],
)
def test_a_colour_belongs_to_its_fuzzy_classes(color: tuple[int, int, int], memberships: dict[str, float]) -> None:
    found = fuzzy_colors(np.array(color))
    assert {COLORS[i]: found[i] for i in np.flatnonzero(found > 1e-9)} == pytest.approx(memberships, abs=1e-3)


@pytest.mark.parametrize(
    ("hue", "colors"),
    [
        (42.5, ("orange", "yellow")),
        (77.5, ("yellow", "green")),
        (157.5, ("green", "cyan")),
        (200, ("cyan", "blue")),
        (272.5, ("blue", "magenta")),
        (322.5, ("red", "magenta")),
    ],
)
def test_hues_fade_into_each_other(hue: float, colors: tuple[str, str]) -> None:
    rgb = 255 * np.array(colorsys.hsv_to_rgb(hue / 360, 1, 1))
    assert {COLORS[i] for i in np.flatnonzero(fuzzy_colors(rgb).round(3) == 0.5)} == set(colors)


def test_hue_saturation_and_value_are_those_of_the_standard_library() -> None:
    levels = np.linspace(0, 1, 6)
    rgb = np.stack(np.meshgrid(levels, levels, levels), axis=-1)  # with greys, and colours that have two largest parts
    expected = [colorsys.rgb_to_hsv(*color) for color in rgb.reshape(-1, 3)]
    np.testing.assert_allclose(np.stack(hsv(rgb), axis=-1).reshape(-1, 3), expected, atol=1e-12)


def test_typical_colours_belong_to_their_class() -> None:
    assert color_names(np.array(TYPICAL_COLORS)) == list(COLORS)


def test_a_flat_picture_has_one_colour_without_edges() -> None:
    levels = fuzzy_histogram(flat((0, 0, 255)))
    assert bins(levels[TEXTURES.index("no edges")]) == {COLORS.index("blue"): 7}
    assert levels.sum() == 7


@pytest.mark.parametrize("kind", EDGES)
def test_every_block_counts_with_its_mean_colour_and_edge(kind: str) -> None:
    levels = fuzzy_histogram(greys(BLOCKS[kind], (40, 40)))
    assert np.argwhere(levels).tolist() == [[TEXTURES.index(f"{kind} edges"), COLORS.index("grey")]]


@pytest.mark.parametrize(
    ("kind", "level"), [("vertical", 4), ("horizontal", 4), ("45°", 2), ("135°", 2), ("non-directional", 1)]
)
def test_textures_have_levels_of_their_own(kind: str, level: int) -> None:
    pixels = flat((127, 127, 127), 320, 320)
    pixels[:8] = greys(BLOCKS[kind], (1, 40))  # 0.025: nearest to 0.0270, 0.0242 or 0.0225
    levels = fuzzy_histogram(pixels)[:, COLORS.index("grey")]
    assert {TEXTURES[i]: levels[i] for i in np.flatnonzero(levels)} == {"no edges": 7, f"{kind} edges": level}


def test_a_block_may_count_as_two_kinds_of_edges() -> None:
    # 45° 255 * 1.414 = 361; non-directional 2 * |255 - 64 - 64| = 254, which is 0.70 of it and needs 0.68; the other two
    # are 255, which is 0.71 and needs 0.98.
    levels = fuzzy_histogram(greys([[255, 64], [64, 0]], (40, 40)))
    rows, colors = np.nonzero(levels)
    assert [TEXTURES[row] for row in rows] == ["45° edges", "non-directional edges"]
    assert {COLORS[color] for color in colors} == {"grey"}


def test_the_cosine_of_cedd_is_tanimoto_s() -> None:
    pictures = [scene(seed) for seed in range(20)]
    levels = np.stack([fuzzy_histogram(pixels).ravel() for pixels in pictures]).astype(np.float64)
    vectors = np.stack([cedd(pixels) for pixels in pictures]).astype(np.float64)
    products, squares = levels @ levels.T, (levels**2).sum(axis=1)
    tanimoto = products / (squares[:, None] + squares - products)
    cosines = vectors @ vectors.T
    assert cosines / (2 - cosines) == pytest.approx(tanimoto, abs=0.02)
    assert 0.05 < np.median(tanimoto) < 0.95


# --- all of them


def test_the_joint_cosine_is_the_mean_of_three() -> None:
    one, other = scene(1), scene(2)
    cosines = [part.compute(one).astype(np.float64) @ part.compute(other) for part in PARTS]
    assert joint(one).astype(np.float64) @ joint(other) == pytest.approx(np.mean(cosines), abs=1e-6)


@pytest.mark.parametrize("name", DESCRIPTORS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (60, 80), (131, 7)])
@pytest.mark.parametrize("is_flat", [True, False])
def test_every_descriptor_gives_unit_vectors_of_its_dim(name: str, shape: tuple[int, int], is_flat: bool) -> None:
    pixels = flat((0, 0, 0), *shape) if is_flat else noise(2, shape)
    embedder = load_embedder(EmbedderSpec(name), Path("unused"))
    embeddings = embedder.embed([pixels, pixels])
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (2, DESCRIPTORS[name].dim)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert np.array_equal(embeddings[0], embeddings[1])
    assert np.linalg.norm(DESCRIPTORS[name].compute(pixels)) == pytest.approx(1, abs=1e-6)


def test_no_pictures_have_no_embeddings() -> None:
    assert load_embedder(EmbedderSpec("color_histogram"), Path("unused")).embed([]).shape == (0, 256)


@pytest.mark.parametrize("option", [{"layer": "logits"}, {"weights": "imagenet"}, {"precision": "bfloat16"}])
def test_a_descriptor_has_nothing_to_choose(option: dict[str, str]) -> None:
    with pytest.raises(BackboneError, match="fixed formula"):
        EmbedderSpec("color_histogram", **option)
