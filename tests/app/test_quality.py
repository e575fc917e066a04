"""The quality view: what was saved is what is shown, and each line leads to a query."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection
from imgsearch.measure.evaluation import evaluate_collection, save_evaluation
from imgsearch.ui.views import quality
from tests.app.test_page import page

RERANKINGS = "Orders, by colours"


def rows(at: AppTest, name: str) -> list[dict[str, Any]]:
    """The bars of the list of that name."""
    given = [json.loads(element.proto.json) for element in at.get("bidi_component")]
    return next((data["rows"] for data in given if data.get("name") == name), [])


@pytest.fixture
def measured(collection: Collection) -> Collection:
    """`discs` with a saved evaluation."""
    return save_evaluation(collection, evaluate_collection(collection))


def test_without_an_evaluation_the_page_says_how_to_make_one(collection: Collection) -> None:
    at = page(view="quality")
    assert "not been measured" in at.info[0].value
    assert at.code[0].value == "python -m imgsearch evaluate discs"


def test_every_engine_shows_what_was_saved(measured: Collection) -> None:
    at = page(view="quality")
    (engine,) = rows(at, "Precision@5 by engine")
    assert engine["value"] == measured.evaluation[0].precision_at_k[5].mean
    shown = rows(at, RERANKINGS)
    assert [row["value"] for row in shown] == [each.precision_at_k[5].mean for each in measured.evaluation]
    assert [row["low"] for row in shown] == [each.precision_at_k[5].low for each in measured.evaluation]
    assert [row["name"] for row in shown][:2] == ["By distance (default of Search)", "By neighbours of the results"]
    assert [row["current"] for row in shown] == [True] + [False] * (len(shown) - 1)


def test_the_order_that_search_uses_is_named(measured: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "default_reranking", lambda space: "expansion")
    at = page(view="quality")
    names = [row["name"] for row in rows(at, RERANKINGS)]
    assert [name for name in names if "default" in name] == ["By neighbours of the query (default of Search)"]


def test_choosing_an_engine_shows_its_labels_and_says_whose_they_are(measured: Collection) -> None:
    (chosen,) = (each for each in measured.evaluation if each.rerank == "diverse")
    at = page(view="quality", space=chosen.space, rerank=chosen.rerank)
    assert any("**Colours · For variety**" in each.value for each in at.markdown)
    assert any("By distance, as Compare answers" in each.value for each in at.caption)
    assert [row["current"] for row in rows(at, RERANKINGS)] == [each is chosen for each in measured.evaluation]
    assert [row["value"] for row in rows(at, "Worst labels")] == [each.precision_at_k[5] for each in chosen.per_label]


def test_labels_and_confusions_lead_to_queries(measured: Collection) -> None:
    at = page(view="quality")
    evaluation = measured.evaluation[0]
    first = measured.items[int(measured.items.rows_with_label(evaluation.per_label[0].label)[0])].item_id
    assert rows(at, "Worst labels")[0]["href"] == f"?item={first.replace('/', '%2F')}"
    confused = rows(at, "Most confused")
    assert len(confused) == len(evaluation.confused) > 0
    assert confused[0]["href"] == f"?item={evaluation.confused[0].examples[0].replace('/', '%2F')}"
    assert confused[0]["value"] == 1.0  # the longest bar


def test_the_first_sentence_says_how_many_are_right_and_how_many_by_chance(measured: Collection) -> None:
    shown = measured.evaluation[0]
    n_right = 5 * shown.precision_at_k[5].mean
    # 12 pictures, 4 of a kind: of the 11 others 3 are right, wherever they stand.
    at = page(view="quality")
    assert at.markdown[0].value == (
        f"**Of the first 5 results, {n_right:.1f} have the label of the picture that was searched with; by chance it "
        "would be 1.4.**"
    )
    assert [row["chance"] for row in rows(at, RERANKINGS)] == pytest.approx([3 / 11] * len(measured.evaluation))
    assert any("dotted mark is what chance would give" in each.value for each in at.caption)
    korean = page(view="quality", lang="ko").markdown[0].value
    assert f"평균 {n_right:.1f}장" in korean
    assert "우연이라면 1.4장" in korean
