"""The duplicates view: groups of copies, the one to keep of each, the list to take away. Nothing is changed or removed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from imgsearch.collection.collection import Collection
from imgsearch.collection.face.opened import OpenedCollection
from imgsearch.measure.duplicates import DuplicateGroup, keep_instead, to_csv
from imgsearch.pictures.items import Item
from imgsearch.ui import state
from imgsearch.ui.parts.groups import draw_groups, group_cards
from imgsearch.ui.parts.messages import show_error
from imgsearch.ui.state import View
from imgsearch.ui.texts import t
from imgsearch.ui.views.duplicates.finding import Finding, find

_GROUPS_PER_PAGE = 12
_WORDS = {"looking at pictures": "duplicates.looking", "comparing pairs": "duplicates.comparing"}
"""What the work says of itself, see `find_duplicates` -> the text for it."""


def render(collection: OpenedCollection, view: View) -> None:
    """Draws the groups, or how far the work is that finds them."""
    if not isinstance(collection, Collection):  # who compares all pictures must have them all
        st.info(t("duplicates.elsewhere"), icon=":material/info:")
        return
    finding = find(collection)
    if not finding.is_over:
        _render_progress(finding)
    elif finding.error:
        show_error(finding.error)
    elif not finding.groups:
        st.info(t("duplicates.none", n=len(collection.items)), icon=":material/check_circle:")
        st.caption(t("duplicates.what"))
    else:
        _render_groups(collection, view, finding.groups)


@st.fragment(run_every=0.5)
def _render_progress(finding: Finding) -> None:
    if finding.is_over:
        st.rerun()
    words = _WORDS.get(finding.what, "duplicates.beginning")
    share = finding.done / finding.total if finding.total else 0.0
    st.progress(share, t(words, done=finding.done, total=finding.total))
    st.caption(t("duplicates.meanwhile"))


def _render_groups(collection: Collection, view: View, found: Sequence[DuplicateGroup]) -> None:
    items = list(collection.items)
    groups = _as_marked(collection, items, view, found)
    copies = [copy for group in groups for copy in group.copies]
    mb = sum(collection.items[copy.row].bytes for copy in copies) / 1e6
    n_exact = sum(copy.is_exact for copy in copies)
    st.markdown(t("duplicates.found", n=len(copies), n_groups=len(groups), n_exact=n_exact, mb=mb))
    st.caption(t("duplicates.what"))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="duplicates_list"):
        st.download_button(
            t("duplicates.list"),
            partial(to_csv, items, groups),
            file_name=f"duplicates-{collection.name}.csv",
            mime="text/csv",
            key="duplicates_csv",
            on_click="ignore",
            icon=":material/table:",
        )
        st.caption(t("duplicates.list_help"), width="stretch")
    n_pages = -(-len(groups) // _GROUPS_PER_PAGE)
    page = min(view.group_page, n_pages)
    first = (page - 1) * _GROUPS_PER_PAGE
    cards = [
        group_cards(collection, number, group, lambda item_id: view.search_link(item=item_id))
        for number, group in enumerate(groups[first : first + _GROUPS_PER_PAGE], start=first + 1)
    ]
    draw_groups(cards, name=t("duplicates.groups"), key="groups_grid", on_keep=partial(_keep, collection, view, found))
    if n_pages > 1:
        st.pagination(n_pages, **state.bound("group_page", page))


def _as_marked(
    collection: Collection, items: Sequence[Item], view: View, found: Sequence[DuplicateGroup]
) -> list[DuplicateGroup]:
    """The groups with the pictures to keep that the visitor has marked."""
    marked = [collection.items.row_of(item_id) for item_id in view.keep]
    embeddings = collection.space().embeddings
    return [
        keep_instead(items, embeddings, group, next((row for row in marked if row in group.rows), group.keep))
        for group in found
    ]


def _keep(collection: Collection, view: View, found: Sequence[DuplicateGroup], item_id: str) -> None:
    """A picture was marked to be kept: it takes the place of the one of its group that was."""
    if item_id not in collection.items:
        return
    row = collection.items.row_of(item_id)
    for group in found:
        if row in group.rows:
            others = {collection.items[each].item_id for each in group.rows}
            kept = [each for each in view.keep if each not in others]
            state.go(keep=kept if row == group.keep else [*kept, item_id])
