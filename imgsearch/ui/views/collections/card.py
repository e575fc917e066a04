"""What there is to know of one collection, and the card that shows it."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from imgsearch.collection.face.description import Described, Description, SpaceDescription
from imgsearch.collection.outline import Outline
from imgsearch.collection.served.address import served_addresses
from imgsearch.collection.session import SESSION_NAME
from imgsearch.pictures.items import Item, Skipped
from imgsearch.settings import get_settings
from imgsearch.ui import resources, state
from imgsearch.ui.parts.grid import draw_grid, gallery_cards
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.parts.words import full_space_title
from imgsearch.ui.state import Frame
from imgsearch.ui.texts import reason_words, t
from imgsearch.ui.texts.markdown import escape

_N_PREVIEWS = 10
_MAX_SKIPPED = 100
_MAX_OVERVIEWS = 64


@dataclass(frozen=True)
class Overview:
    """What a card shows; small, unlike an opened collection.

    Attributes:
        name, description, updated: See `Described`.
        n_labels: Number of labels.
        previews: Some of its items, from all over it.
        skipped: The first lines of what was left out.
    """

    name: str
    description: Description
    updated: str
    n_labels: int
    previews: tuple[Item, ...]
    skipped: tuple[Skipped, ...]

    @classmethod
    def of(cls, collection: Described) -> Overview:
        """That of a collection, opened or outlined."""
        return cls(
            name=collection.name,
            description=collection.description,
            updated=collection.updated,
            n_labels=len(collection.items.label_counts),
            previews=tuple(collection.items.spread(_N_PREVIEWS)),
            skipped=tuple(collection.skipped[:_MAX_SKIPPED]),
        )

    @property
    def title(self) -> str:
        """For people."""
        return self.description.title or self.name


def overview(name: str) -> Overview:
    """The overview of a collection, kept as long as it is not rebuilt.

    Raises:
        CollectionError: it cannot be opened.
    """
    if SESSION_NAME.fullmatch(name) or name in served_addresses():
        return Overview.of(resources.open_collection(name))
    return _overview(name, resources.build_of(name))


@st.cache_resource(max_entries=_MAX_OVERVIEWS, show_spinner=False)
def _overview(name: str, build: tuple[int, int, str]) -> Overview:
    del build  # only a part of the key
    return Overview.of(Outline.open(name, get_settings().home))


def render_card(shown: Overview, frame: Frame) -> None:
    """Draws what a card holds."""
    description = shown.description
    st.header(escape(shown.title), anchor=False)
    if shown.name == frame.collection:
        st.caption(f":material/visibility: {t('collections.current')}")
    _render_previews(shown, frame)
    facts = {"n": description.n_items, "n_labels": shown.n_labels, "mb": description.n_bytes / 2**20}
    st.markdown(t("collections.facts", updated=shown.updated[:10], **facts))
    origin = [t("about.data_source", source=escape(description.source))] if description.source else []
    origin += [t("about.data_license", license=escape(description.license))] if description.license else []
    spaces = [_space_words(description, name, entry) for name, entry in description.spaces.items()]
    st.caption("  \n".join([*origin, *spaces]))
    _render_skipped(shown)
    _render_links(shown, frame)


def _render_previews(shown: Overview, frame: Frame) -> None:
    cards = gallery_cards(shown.previews, shown.name, (), lambda item_id: collection_link(shown.name, frame, item=item_id))
    cards = [{**card, "label": "", "eager": True} for card in cards]
    name = t("collections.previews", title=shown.title)
    draw_grid(cards, name=name, key=f"previews_{shown.name}_grid", is_compact=True)


def _render_links(shown: Overview, frame: Frame) -> None:
    views = [(None, t("collections.search")), ("map", t("nav.map"))]
    if shown.description.has_evaluation:
        views.append(("quality", t("nav.quality")))
    links = [Link(text, collection_link(shown.name, frame, view=view)) for view, text in views]
    draw_links(links, name=t("collections.links", title=shown.title), key=f"links_{shown.name}", is_bordered=True)


def collection_link(name: str, frame: Frame, view: str | None = None, item: str | None = None) -> str:
    """The address of a view of a collection, without what means nothing there."""
    return frame.link(**{**dict.fromkeys(state.OF_A_COLLECTION), "view": view, "collection": name, "item": item})


def _space_words(description: Description, name: str, entry: SpaceDescription) -> str:
    spec = entry.embedder
    words = t(
        "collections.space" if entry.is_indexed else "collections.space_exact",
        space=escape(full_space_title(description, name)),
        size=spec.input_size,
        dim=entry.dim,
        engine=entry.engine_label,
        mb=entry.n_bytes / 2**20,
    )
    return words + (t("collections.reduced", dim=spec.dim) if entry.pca else "")


def _render_skipped(shown: Overview) -> None:
    n_skipped = shown.description.n_skipped
    if not n_skipped:
        return
    with st.expander(t("collections.skipped", n=n_skipped)):
        lines = [f"- **{escape(each.item_id)}**: {escape(reason_words(each.reason))}" for each in shown.skipped]
        st.markdown("\n".join(lines))
        n_more = n_skipped - sum(each.n for each in shown.skipped)
        if n_more:
            st.caption(t("collections.skipped_more", n=n_more))
