"""A collection in two dimensions, on a canvas: hover shows a picture, a click searches with it, a line takes several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.ui.parts.addresses import map_url, thumbnail_pattern
from imgsearch.ui.parts.component import component, follow
from imgsearch.ui.server.limits import MAX_QUERY_PICTURES
from imgsearch.ui.texts import language, t
from imgsearch.vectors.projection import Placement

_MAP = component(__file__, scripts=("map_labels", "map_pictures", "map_drawing", "map_gestures"))


@dataclass(frozen=True)
class Marks:
    """What stands out on a map.

    Attributes:
        results: Rows of what was found, in the order of the answer.
        queries: Rows of the items that were searched with.
        place: Where the query stands; None where nothing was asked, and where it stands nowhere.
        outside: URL of a query's picture that is no item; "" where there is none.
    """

    results: Sequence[int] = ()
    queries: Sequence[int] = ()
    place: Placement | None = None
    outside: str = ""


def draw_map(collection: OpenedCollection, space: str, marks: Marks, *, href: str, key: str) -> None:
    """Draws the map of a space; a click or an outline searches with what is there.

    Args:
        collection, space: Whose map; the browser gets its points by a URL of their own.
        marks: What stands out.
        href: Where a click leads, without the items.
        key: Session key.
    """
    place, points_of = marks.place, collection.space(space).points_of
    drawn = place and {
        "x": place.x,
        "y": place.y,
        "neighbors": _shown(points_of(place.rows)),
        "faded": place.is_faded,
    }
    data = {
        "url": map_url(collection, space),
        "thumbnails": thumbnail_pattern(collection.name),
        "href": href,
        "results": tuple(points_of(marks.results).tolist()),  # with their ranks, whether they are shown or not
        "queries": _shown(points_of(marks.queries)),
        "place": drawn and tuple(drawn.items()),
        "outside": marks.outside,
        "most": MAX_QUERY_PICTURES,
        "kept": t("map.kept", n="{n}", most=MAX_QUERY_PICTURES),
        "hint": t("map.hint"),
        "language": language(),
        "name": t("map.name"),
        "instructions": t("map.instructions"),
        "loading": t("map.loading"),
        "failed": t("map.failed"),
        "words": (
            ("draw", t("map.draw")),
            ("zoomIn", t("map.zoom_in")),
            ("zoomOut", t("map.zoom_out")),
            ("query", t("map.to_query")),
            ("all", t("map.all")),
            ("labels", t("map.labels")),
        ),
    }
    _MAP(key=key, data=data, on_followed_change=lambda: follow(key))


def _shown(points: np.ndarray) -> tuple[int, ...]:
    """Those of some points that the map has."""
    return tuple(points[points >= 0].tolist())
