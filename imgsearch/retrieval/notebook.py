"""What a notebook shows for a SearchPage: cards with the pictures in them, so that a saved notebook keeps them."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable

from imgsearch.pictures.items import Item, short_name
from imgsearch.pictures.scaling import data_url

_CARD = (
    '<figure title="{item_id}" style="width:120px;margin:0;font-size:12px">'
    '<img alt="" style="width:120px;height:120px;object-fit:cover" src="{source}">'
    "<figcaption>{caption}<br>{name}</figcaption></figure>"
)


def cards_html(cards: Iterable[tuple[Item, str]], thumbnail: Callable[[Item], bytes]) -> str:
    """Items with their captions as one piece of HTML, wrapped into rows.

    Args:
        cards: Items and captions.
        thumbnail: Item -> the content of its thumbnail.
    """
    drawn = (
        _CARD.format(
            item_id=html.escape(item.item_id),
            source=data_url(thumbnail(item)),
            caption=html.escape(caption),
            name=html.escape(short_name(item)),
        )
        for item, caption in cards
    )
    return '<div style="display:flex;flex-wrap:wrap;gap:8px">' + "".join(drawn) + "</div>"
