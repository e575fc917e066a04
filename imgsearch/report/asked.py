"""What was asked: as values for programs, and in words for people."""

from __future__ import annotations

from typing import Any

from imgsearch.collection.face.description import SpaceDescription
from imgsearch.pictures.items import label_words
from imgsearch.report.report import Report
from imgsearch.report.texts import LANGUAGES
from imgsearch.vectors.engines.face import Effort

NAMES = (
    *("words", "not_words", "k", "region", "is_region_found", "liked", "disliked", "only_label"),
    *("max_distance", "without_copies", "rerank", "engine", "effort"),
)
"""Of the values, in their order."""


def asked_values(report: Report) -> dict[str, Any]:
    """What was asked besides the pictures, by NAMES; None for what is not known or was not asked for.

    `region` is "left,top,right,bottom"; `is_region_found` tells that it was looked for and not marked by hand.
    """
    ask, page = report.page.ask, report.page
    values = dict.fromkeys(NAMES) | {"rerank": page.rerank, "engine": _engine(report)}
    if ask is None:
        return values
    return values | {
        "words": list(ask.words),
        "not_words": list(ask.not_words),
        "k": ask.k,
        "region": str(ask.part) if ask.part else None,
        "is_region_found": page.objects is not None if ask.part else None,
        "liked": list(ask.liked),
        "disliked": list(ask.disliked),
        "only_label": ask.label,
        "max_distance": ask.max_distance,
        "without_copies": ask.without_copies,
        "effort": str(ask.effort),
    }


def asked_words(report: Report) -> dict[str, str]:
    """The same for people: name -> value, without what was not asked for."""
    words, values = LANGUAGES[report.language], asked_values(report)
    effort = values["effort"] or Effort.NORMAL
    is_exact = effort == Effort.EXACT or values["engine"] == "exact"
    index = "" if is_exact else words["by_index"].format(name=_described(report).engine_label, effort=words[effort])
    region = words["region_found" if values["is_region_found"] else "region_marked"].format(region=values["region"])
    is_by_words = report.page.ask is not None and report.page.ask.is_by_words
    order = words["by_worth"] if is_by_words else words["by_distance"]
    facts = {
        "words": ", ".join(values["words"] or ()),
        "not_words": ", ".join(values["not_words"] or ()),
        "k": str(values["k"] or ""),
        "region": region if values["region"] else "",
        "liked": ", ".join(values["liked"] or ()),
        "disliked": ", ".join(values["disliked"] or ()),
        "only_label": label_words(values["only_label"] or ""),
        "max_distance": "" if values["max_distance"] is None else f"{values['max_distance']:g}",
        "without_copies": words["hidden"].format(n=report.page.n_copies) if values["without_copies"] else "",
        "rerank": words["reranked"].format(name=values["rerank"]) if values["rerank"] else order,
        "engine": "" if is_by_words else index or words["by_all"],
    }
    return {words[name]: text for name, text in facts.items() if text}


def _engine(report: Report) -> str:
    """Name of the engine that the space has here; "exact" where words alone are asked with."""
    if report.page.ask is not None and report.page.ask.is_by_words:
        return "exact"
    return "exact" if report.space.index.is_exact else _described(report).engine


def _described(report: Report) -> SpaceDescription:
    return report.collection.description.spaces[report.space.name]
