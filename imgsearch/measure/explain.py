"""Why two pictures are alike: what each place of the one adds to its similarity to the other. No network in here.

A pooled embedding is an average over places, see `feature_maps`; PCA and whitening are linear too. So the cosine of two
pictures is a sum over the places of either, once the lengths by which vectors are divided are held. This is the class
activation map (Zhou et al. 2016, arXiv:1512.04150) with the other picture in the place of a class.

Hiding the places where the map is highest lowers the similarity about twice as much as hiding as many at random:
`python -m benchmarks.explain_truth`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.distance import normalize
from imgsearch.embedding.descriptors import Match
from imgsearch.embedding.embedders import Embedders
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.pictures.decode import decode_image
from imgsearch.pictures.regions import Region, Window
from imgsearch.vectors.transform import Transform

RGB = tuple[int, int, int]
MORE_COLOR: RGB = (178, 24, 43)
LESS_COLOR: RGB = (33, 102, 172)
"""Red and blue, the ends of ColorBrewer's RdBu, which colour-blind people tell apart."""
UNSEEN_COLOR: RGB = (128, 128, 128)
_MAX_OPACITY = 0.8
_UNSEEN_OPACITY = 0.6


@dataclass(frozen=True, eq=False)
class SimilarityMap:
    """What the places of one picture add to its similarity to another.

    Attributes:
        contributions: float64 (rows, columns), a term of the cosine each. After a ReLU they are nearly all positive and
            say little to the eye.
        constant: The term that belongs to no place: biases, and the mean that PCA subtracts.
        centred: float64 (rows, columns), the same from the average picture of the collection: what a place adds to
            (picture - mean) . (other - mean). Above 0 it makes the two more alike than pictures here usually are, below 0
            less.
        window: The part of the picture that was looked at; each place is an equal share of it.
    """

    contributions: np.ndarray
    constant: float
    centred: np.ndarray
    window: Window

    @property
    def similarity(self) -> float:
        """The sum of all terms: the cosine of the picture that was taken apart and the other's stored vector."""
        return float(self.contributions.sum()) + self.constant


def similarity_map(
    maps: FeatureMaps, other: np.ndarray, mean: np.ndarray, transform: Transform | None = None
) -> SimilarityMap:
    """Takes the similarity of a picture to another apart.

    Args:
        maps: Of the picture.
        other: float32 (dim of the space,), the other's vector in the space, of length 1.
        mean: float (dim of the space,), average of the collection's vectors in the space.
        transform: From the embedder's vectors to the space's. Defaults to None, where they are the same.
    """
    contributions, constant = _terms(maps, other, transform)
    direction = other - mean
    centred, rest = _terms(maps, direction, transform)
    rest -= float(mean @ direction)
    return SimilarityMap(contributions, constant, centred + rest / centred.size, maps.window)


def _terms(maps: FeatureMaps, direction: np.ndarray, transform: Transform | None) -> tuple[np.ndarray, float]:
    """Terms of (vector of the picture in the space) . direction: of the places (rows, columns), and of none of them."""
    raw = maps.raw_embedding
    unit = raw / (np.linalg.norm(raw) or 1.0)
    direction = direction.astype(np.float64)
    constant = 0.0
    if transform:
        direction = transform.matrix @ (direction / (np.linalg.norm((unit - transform.mean) @ transform.matrix) or 1.0))
        constant = -float(transform.mean @ direction)
    direction = direction / (np.linalg.norm(raw) or 1.0)
    places = maps.values @ direction
    return places / places.size, constant + float(maps.offset @ direction)


@dataclass(frozen=True, eq=False)
class ExplainedPicture:
    """One of the two pictures.

    Attributes:
        pixels: uint8 (height, width, 3), the whole picture: a thumbnail, or the upload's preview.
        map: Its places.
        overlay: uint8 RGBA (height, width, 4) to lay over the picture: red where a place makes the two more alike, blue
            where less, grey where nothing was looked at.
    """

    pixels: np.ndarray
    map: SimilarityMap
    overlay: np.ndarray


@dataclass(frozen=True)
class Explanation:
    """Why a result is like the query.

    Attributes:
        query, result: The two pictures; each map says what the places of that picture do. `query.map.similarity` and
            `result.map.similarity` differ from the cosine of the stored vectors by what a thumbnail lacks of the original
            (`python -m benchmarks.thumbnail_gap`). Both overlays have one scale.
    """

    query: ExplainedPicture
    result: ExplainedPicture


def explain(
    collection: OpenedCollection,
    query: int | bytes,
    result: int,
    *,
    embedders: Embedders | None = None,
    space: str | None = None,
    region: Region | None = None,
    query_embedding: np.ndarray | None = None,
) -> Explanation:
    """Why an item of a collection is like a query, place by place.

    Both pictures are looked at as they are shown: items by their thumbnails.

    Args:
        collection: The gallery.
        query: A row, or the content of a picture file. It is decoded in this process: of an upload give the preview that
            the worker made.
        result: A row.
        embedders: Who looks at the pictures. Defaults to this process.
        space: Name of the space. Defaults to the first one.
        region: The part of the query that was searched with. Defaults to the whole.
        query_embedding: float32 (dim of the space,) of length 1: the vector that was searched with. Defaults to the
            item's, or where `query` is a picture or there is a region, to that of the feature maps.

    Raises:
        ItemNotFoundError: no such space or row.
        BackboneError: the space's embedder has no feature maps (`EmbedderSpec.has_feature_maps`), or cannot be made.
        WorkerError: a worker could not look at them.
    """
    chosen = collection.space(space)
    spec = chosen.spec.for_queries()
    query_data = query if isinstance(query, bytes) else _thumbnail(collection, query)
    looking = embedders or collection.embedders
    (query_maps,) = looking.feature_maps(query_data, spec, [region])
    result_data = _thumbnail(collection, result)
    (result_maps,) = looking.feature_maps(result_data, spec)
    if query_embedding is None and isinstance(query, int) and region is None:
        query_embedding = chosen.vectors(query)
    if query_embedding is None:
        (query_embedding,) = chosen.points(normalize(query_maps.raw_embedding[None]))
    result_embedding = chosen.vectors(result)
    query_map = similarity_map(query_maps, result_embedding, chosen.mean, chosen.transform)
    result_map = similarity_map(result_maps, query_embedding, chosen.mean, chosen.transform)
    scale = max(float(np.abs(map_.centred).max()) for map_ in (query_map, result_map))
    return Explanation(_explained(query_data, query_map, scale), _explained(result_data, result_map, scale))


def _thumbnail(collection: OpenedCollection, row: int) -> bytes:
    (item,) = collection.items.at([row])
    return collection.thumbnail(item)


def _explained(data: bytes, map_: SimilarityMap, scale: float) -> ExplainedPicture:
    pixels = decode_image(data).pixels
    height, width = pixels.shape[:2]
    return ExplainedPicture(pixels, map_, overlay(map_.centred, map_.window, width, height, scale))


def match_map(matches: Sequence[Match], side: int = 8) -> np.ndarray | None:
    """Where two pictures match by a descriptor.

    Args:
        matches: Of the two. Those that know their place are spread evenly over their box.
        side: Fields in each direction; a box ends where fields do.

    Returns:
        float64 (side, side), for `overlay`: the shares of the fields, less their mean; None where no match knows its place.
    """
    placed = [(match.share, match.box) for match in matches if match.box]
    if not placed:
        return None
    shares = np.zeros((side, side))
    for share, box in placed:
        left, top, right, bottom = (round(edge * side) for edge in box)
        shares[top:bottom, left:right] += share / ((right - left) * (bottom - top))
    centred: np.ndarray = shares - shares.mean()
    return centred


def overlay(values: np.ndarray, window: Window, width: int, height: int, scale: float) -> np.ndarray:
    """A diverging map as colours over the whole picture.

    Args:
        values: float (rows, columns): 0 is transparent, `scale` red, -`scale` blue.
        window: The part of the picture that the values cover. Between the middles of two places they are interpolated.
        width, height: Size of the picture, px.
        scale: Above it, and below its negative, nothing gets stronger.

    Returns:
        uint8 RGBA array of shape (height, width, 4), not premultiplied; grey outside of the window.
    """
    y, down = _interpolation(height, window.top, window.bottom, values.shape[0])
    x, across = _interpolation(width, window.left, window.right, values.shape[1])
    strength = np.clip(down @ values @ across.T / (scale or 1.0), -1.0, 1.0)  # (height, width)
    colors = np.where(strength[..., None] > 0, MORE_COLOR, LESS_COLOR)
    opacity = np.abs(strength) * _MAX_OPACITY
    is_unseen = ~(y[:, None] & x[None, :])
    colors[is_unseen], opacity[is_unseen] = UNSEEN_COLOR, _UNSEEN_OPACITY
    return np.dstack([colors, np.rint(opacity * 255)]).astype(np.uint8)


def _interpolation(n_pixels: int, start: float, end: float, n_places: int) -> tuple[np.ndarray, np.ndarray]:
    """Along one direction: which pixels lie in the window, and the weights (n_pixels, n_places) of the places for each."""
    pixels = (np.arange(n_pixels) + 0.5) / n_pixels
    middles = start + (np.arange(n_places) + 0.5) / n_places * (end - start)
    weights = np.stack([np.interp(pixels, middles, one) for one in np.eye(n_places)], axis=1)
    return (pixels >= start) & (pixels <= end), weights


def blend(pixels: np.ndarray, rgba: np.ndarray) -> np.ndarray:
    """A picture under an overlay: uint8 (height, width, 3) and RGBA (height, width, 4) -> uint8 (height, width, 3)."""
    below = Image.fromarray(pixels).convert("RGBA")
    return np.asarray(Image.alpha_composite(below, Image.fromarray(rgba)).convert("RGB"))
