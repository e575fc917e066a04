"""A collection in two dimensions, on a canvas: hover shows a picture, a click searches with it, a line takes several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgsearch.collection.collection import Collection
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
        place: Where the query stands; None where nothing was asked.
        outside: URL of a query's picture that is no item; "" where there is none.
    """

    results: Sequence[int] = ()
    queries: Sequence[int] = ()
    place: Placement | None = None
    outside: str = ""


def draw_map(collection: Collection, space: str, marks: Marks, *, href: str, key: str) -> None:
    """Draws the map of a space; a click or an outline searches with what is there.

    Args:
        collection, space: Whose map; the browser gets its points by a URL of their own.
        marks: What stands out.
        href: Where a click leads, without the items.
        key: Session key.
    """
    place = marks.place
    drawn = place and {"x": place.x, "y": place.y, "rows": place.rows, "faded": place.is_faded}
    data = {
        "url": map_url(collection, space),
        "thumbnails": thumbnail_pattern(collection.name),
        "href": href,
        "results": tuple(marks.results),
        "queries": tuple(marks.queries),
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
