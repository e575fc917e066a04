"""Evaluation: by hand on a circle, against a search with the query really taken out, and as it is kept."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import NearestNeighbors

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.distance import normalize
from imgsearch.errors import BuildError, CollectionCorruptError, QueryError
from imgsearch.files.locks import alone
from imgsearch.measure.evaluation import (
    ALL_RERANKINGS,
    Questions,
    chance_precision,
    evaluate,
    evaluate_collection,
    evaluate_folder,
    leave_one_out,
    query_time_ratio,
    save_evaluation,
)
from imgsearch.pictures.items import Item, Items
from imgsearch.retrieval.ask import Ask
from imgsearch.retrieval.metrics import Confusion, Evaluation
from imgsearch.retrieval.rerank import RERANKINGS
from imgsearch.retrieval.search import search
from imgsearch.vectors.space import Space
from tests.conftest import draw_picture, toy_space


def labelled(labels: Sequence[str]) -> Items:
    return Items([Item(f"{row}.png", label, 8, 8, 9, 9, f"{row}", "0", 9) for row, label in enumerate(labels)])


def on_circle(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def plain(embeddings: np.ndarray, labels: Sequence[str]) -> Evaluation:
    space = toy_space(embeddings)
    (evaluation,) = evaluate(labelled(labels), space, leave_one_out(labelled(labels), space), rerankings=[""])
    return evaluation


def clusters(n: int, n_labels: int, seed: int) -> tuple[Items, Space]:
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(n_labels, 8))
    labels = rng.integers(0, n_labels, n)
    return labelled([f"{label}" for label in labels]), toy_space(normalize(centers[labels] + 0.7 * rng.normal(size=(n, 8))))


# --- what is measured


def test_scores_of_five_points_on_a_circle_are_those_by_hand() -> None:
    # At 0, 10, 30, 70 and 150 degrees: every point's ranking can be read off.
    result = plain(on_circle(0, 10, 30, 70, 150), ["a", "b", "a", "b", "a"])
    # Nearest: 0 -> 10 b; 10 -> 0 a; 30 -> 10 b; 70 -> 30 a; 150 -> 70 b. None is relevant.
    assert result.precision_at_k[1].mean == 0
    # Orders: 0: b a b a; 10: a a b a; 30: b a b a; 70: a b a a; 150: b a b a (of relevant: a, b, a, b, a).
    # Average precision: a at ranks 2, 4: (1/2 + 2/4) / 2 = 1/2, three times; b of 10 at rank 3: 1/3; b of 70 at 2: 1/2.
    assert result.mean_average_precision.mean == pytest.approx((3 * 0.5 + 1 / 3 + 0.5) / 5)
    # All four others are among the 5 nearest: 2, 1, 2, 1, 2 relevant ones of 5.
    assert result.precision_at_k[5].mean == pytest.approx((2 + 1 + 2 + 1 + 2) / 25)
    assert result.recall_at_k[5].mean == 1
    assert result.hit_rate_at_k[1].mean == 0
    assert result.hit_rate_at_k[5].mean == 1
    assert (result.n_queries, result.n_skipped) == (5, 0)


def test_the_plain_order_is_that_of_scikit_learn() -> None:
    items, space = clusters(60, 5, seed=1)
    labels = np.array([item.label for item in items])
    exact = space.embeddings.astype(np.float64)
    distances, rows = NearestNeighbors(n_neighbors=59).fit(exact).kneighbors()
    expected = [
        average_precision_score(labels[near] == label, -distance)
        for label, near, distance in zip(labels, rows, distances, strict=True)
    ]
    result = plain(space.embeddings, labels.tolist())
    assert result.mean_average_precision.mean == pytest.approx(np.mean(expected), abs=1e-9)
    hits = labels[rows[:, :5]] == labels[:, None]
    assert result.precision_at_k[5].mean == pytest.approx(hits.mean())


@pytest.mark.parametrize("rerank", RERANKINGS)
def test_what_is_measured_is_what_a_search_answers_without_the_query_in_the_gallery(rerank: str) -> None:
    items, space = clusters(48, 4, seed=5)
    questions = leave_one_out(items, space)
    measured = evaluate(items, space, questions, rerankings=["", rerank])[1]
    n_hits = 0
    for row in range(48):
        others = [other for other in range(48) if other != row]
        really_without = replace(toy_space(space.embeddings[others]), calibration=space.calibration)
        vector = space.vectors([row])
        page = search(
            Items([items[other] for other in others]), really_without, Ask(embeddings=vector, k=5, rerank=rerank), vector
        )
        n_hits += sum(result.item.label == items[row].label for result in page.results)
    assert measured.precision_at_k[5].mean == pytest.approx(n_hits / (48 * 5), abs=1e-9)


def test_each_reranking_is_measured_and_augmentation_gains_in_clusters() -> None:
    items, space = clusters(80, 4, seed=2)
    results = {each.rerank: each for each in evaluate(items, space, leave_one_out(items, space))}
    assert list(results) == list(ALL_RERANKINGS)
    before, after = results[""], results["augmentation"]
    assert after.mean_average_precision.mean - before.mean_average_precision.mean > 0.01


def test_items_without_label_or_without_like_do_not_ask() -> None:
    result = plain(on_circle(0, 5, 10, 90), ["a", "", "a", "alone"])
    assert (result.n_queries, result.n_skipped) == (2, 2)
    assert result.precision_at_k[1].mean == 0  # the unlabelled one stands in the way of both


def test_a_copy_of_the_query_is_an_answer_like_any_other() -> None:
    assert plain(on_circle(0, 0, 40), ["a", "a", "b"]).precision_at_k[1].mean == 1


def test_worst_labels_come_first_and_confused_pairs_are_counted() -> None:
    result = plain(on_circle(0, 1, 2, 90, 91, 60), ["a", "a", "a", "b", "b", "a"])
    assert [(each.label, each.n_queries) for each in result.per_label] == [("b", 2), ("a", 4)]
    assert result.per_label[0].precision_at_k[5] == pytest.approx(1 / 5)
    assert result.per_label[1].recall_at_k[10] == 1
    # Each finds all five others: four times two of b, twice four of a. The first three queries are the examples.
    assert result.confused[0] == Confusion("a", "b", 8, ("0.png", "1.png", "2.png"))
    assert result.confused[1] == Confusion("b", "a", 8, ("3.png", "4.png"))


def test_many_items_are_sampled_always_alike() -> None:
    items, space = clusters(50, 2, seed=3)
    first, second = (leave_one_out(items, space, max_queries=10) for _ in range(2))
    assert first.rows == second.rows
    assert len(set(first.rows)) == 10
    assert np.array_equal(first.embeddings, space.embeddings[first.rows])


def test_a_picture_from_outside_asks_all_items() -> None:
    items, space = labelled(["a", "a", "b"]), toy_space(on_circle(0, 20, 90))
    questions = Questions(["new.png"], ["a"], on_circle(85), [-1], 0)
    (result,) = evaluate(items, space, questions, rerankings=[""])
    # b, a, a: both are relevant, at ranks 2 and 3.
    assert result.mean_average_precision.mean == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert result.recall_at_k[5].mean == 1
    assert result.confused == (Confusion("a", "b", 1, ("new.png",)),)


def test_progress_ends_at_the_number_of_queries() -> None:
    items, space = clusters(70, 2, seed=4)
    told: list[tuple[int, int, str]] = []
    evaluate(items, space, leave_one_out(items, space), rerankings=[""], progress=lambda *arguments: told.append(arguments))
    assert told[-1] == (70, 70, "measuring toy")


def test_a_time_ratio_is_a_positive_number() -> None:
    items, space = clusters(30, 2, seed=4)
    assert query_time_ratio(items, space, "augmentation") > 0


# --- a folder of queries


def test_a_folder_of_queries_is_compared_with_the_whole_gallery(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    for label, color in {"red": (210, 50, 30), "blue": (60, 60, 200), "pink": (250, 150, 200)}.items():
        (folder / label).mkdir(parents=True)
        draw_picture(color, 2).rotate(90).save(folder / label / "new.png")
    (folder / "red" / "broken.jpg").touch()
    evaluations, skipped = evaluate_folder(collection, folder, rerankings=[""])
    (result,) = evaluations
    assert (result.space, result.n_queries, result.n_skipped) == ("color_histogram", 2, 1)
    assert [each.item_id for each in skipped] == ["red/broken.jpg"]
    assert result.precision_at_k[1].mean == 1
    assert result.recall_at_k[10].mean == 1  # of all four, none being left out


def test_queries_without_a_label_of_the_gallery_are_refused(collection: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "queries"
    folder.mkdir()
    draw_picture((1, 2, 3), 1).save(folder / "new.png")
    with pytest.raises(QueryError, match="The only picture does not have a label of discs") as caught:
        evaluate_folder(collection, folder)
    assert "'new.png' with the label ''" in (caught.value.hint or "")


# --- a collection, and what is kept with it


def test_every_space_and_reranking_is_measured(collection: Collection) -> None:
    evaluations = evaluate_collection(collection)
    assert [(each.space, each.rerank) for each in evaluations] == [("color_histogram", name) for name in ALL_RERANKINGS]
    assert evaluations[0].precision_at_k[1].mean == 1


def test_without_labels_there_is_nothing_to_measure(pictures: Path, home: Path) -> None:
    report = build_collection(
        "discs", pictures, home=home, specs=[embedder_spec("color_histogram")], label_pattern=r"(?P<label>red/0)"
    )
    with pytest.raises(QueryError, match="No two pictures of discs share a label"):
        evaluate_collection(report.collection)


def test_a_saved_evaluation_is_read_with_the_collection_wherever_it_lies(collection: Collection, tmp_path: Path) -> None:
    assert collection.evaluation == ()
    evaluations = evaluate_collection(collection)
    saved = save_evaluation(collection, evaluations)
    assert saved.evaluation == tuple(evaluations)
    assert saved.verify() == []
    shutil.copytree(collection.home, tmp_path / "copy")
    assert Collection.open("discs", tmp_path / "copy").evaluation == tuple(evaluations)
    held_open = Collection.open("discs", collection.home)
    assert save_evaluation(saved, evaluations[:1]).evaluation == tuple(evaluations[:1])
    assert held_open.evaluation == tuple(evaluations)  # a page may read it only now


def test_a_build_that_changes_a_label_drops_the_evaluation(collection: Collection, pictures: Path, home: Path) -> None:
    save_evaluation(collection, evaluate_collection(collection, rerankings=[""]))
    assert build_collection("discs", pictures, home=home).collection.evaluation != ()
    (pictures / "red" / "0.png").rename(pictures / "blue" / "9.png")
    assert build_collection("discs", pictures, home=home).collection.evaluation == ()


def test_nothing_is_saved_over_a_build_or_a_changed_collection(collection: Collection, pictures: Path, home: Path) -> None:
    evaluations = evaluate_collection(collection, rerankings=[""])
    with alone(collection.path), pytest.raises(BuildError, match="Another build"):
        save_evaluation(collection, evaluations)
    (pictures / "red" / "0.png").unlink()
    build_collection("discs", pictures, home=home)
    with pytest.raises(BuildError, match="has changed since it was measured"):
        save_evaluation(collection, evaluations)
    assert Collection.open("discs", home).evaluation == ()


def test_a_file_that_is_no_evaluation_is_damage(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Evaluation, "to_json", lambda self: {"space": "color_histogram"})
    saved = save_evaluation(collection, evaluate_collection(collection, rerankings=[""]))
    with pytest.raises(CollectionCorruptError, match="holds no evaluation"):
        saved.evaluation  # noqa: B018


def test_chance_is_what_random_orders_reach() -> None:
    items = labelled("aaaabbbccd")
    space = toy_space(np.random.default_rng(0).normal(size=(10, 4)))
    (evaluation,) = evaluate(items, space, leave_one_out(items, space), rerankings=[""])
    assert chance_precision(items, evaluation, 5) == pytest.approx((4 * 3 + 3 * 2 + 2 * 1) / 9 / 9)
    random = np.random.default_rng(1)
    labels = np.array(list("aaaabbbccd"))
    hits = [
        (np.delete(labels, row)[random.permutation(9)[:5]] == labels[row]).mean() for _ in range(2_000) for row in range(9)
    ]
    assert chance_precision(items, evaluation, 5) == pytest.approx(np.mean(hits), abs=0.01)
    assert chance_precision(items, evaluation, 10) == pytest.approx(9 / 10 * (12 + 6 + 2) / 9 / 9)  # only 9 come back
