"""Tuning an index: the table is true, the recommendation is the cheapest, and applying it changes the index alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.collection.draft import Draft
from imgsearch.distance import normalize
from imgsearch.errors import QueryError
from imgsearch.measure.tuning import Setting, apply_setting, recommend, tune
from imgsearch.vectors.engines import ENGINES
from tests.conftest import crashing, toy_space


def setting(n_compared: float, recall: float, size_ratio: float = 1, n_trees: int = 50) -> Setting:
    return Setting("annoy", {"n_trees": n_trees, "search_k": 345}, recall, n_compared, 1, size_ratio, 1)


def test_the_cheapest_compares_with_fewest_vectors_then_has_the_smallest_file() -> None:
    settings = [setting(900, 1), setting(800, 0.99, 0.5), setting(800, 0.995, 0.4), setting(100, 0.989)]
    assert recommend(settings) == settings[2]


def test_an_index_must_spare_three_quarters_of_the_comparisons() -> None:
    exact = Setting("exact", {}, 1, 1000, 1, 0, 0)
    assert recommend([exact, setting(251, 1)]) == exact
    assert recommend([exact, setting(250, 1)]) == setting(250, 1)
    assert recommend([exact, setting(250, 0.98)]) == exact
    assert recommend([setting(251, 1)]) == setting(251, 1)


def test_nothing_is_recommended_where_nothing_is_good_enough() -> None:
    assert recommend([setting(9000, 0.98)]) is None


@pytest.mark.slow
def test_the_table_holds_every_setting_of_every_engine_and_recall_grows_with_the_cost() -> None:
    vectors = normalize(np.random.default_rng(1).normal(size=(3000, 64)))
    tuning = tune(toy_space(vectors))
    assert [(each.engine, each.params) for each in tuning.settings] == [
        (name, engine.checked(params)) for name, engine in ENGINES.items() for params in engine.grid(3000)
    ]
    for name in ENGINES:
        tried = [each for each in tuning.settings if each.engine == name]
        by_file = {tuple(ENGINES[name].file_params(each.params).items()) for each in tried}
        for file in by_file:
            same = [each for each in tried if tuple(ENGINES[name].file_params(each.params).items()) == file]
            same.sort(key=lambda each: each.n_compared)
            assert [each.recall for each in same] == sorted(each.recall for each in same)
            assert len({(each.size_ratio, each.build_ms) for each in same}) == 1  # one file was built for all of them
    (exact,) = (each for each in tuning.settings if each.engine == "exact")
    assert (exact.recall, exact.n_compared, exact.size_ratio) == (1, 3000, 0)
    assert all(each.size_ratio > 0 for each in tuning.settings if each.engine != "exact")
    # 1,000 nodes of random vectors: some are missed; 80,000 nodes of 3,000 items: everything is looked at.
    of_annoy = [each.recall for each in tuning.settings if each.engine == "annoy"]
    assert (of_annoy[0] < 0.8, of_annoy[-1]) == (True, 1)
    assert tuning.recommended == recommend(tuning.settings)


def test_a_measured_recall_is_the_share_of_the_true_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of four of the ten nearest others are hidden from half of the queries."""
    vectors = normalize(np.random.default_rng(1).normal(size=(400, 8)))
    order = np.argsort(-(vectors @ vectors.T), axis=1)

    class Hiding:
        is_exact, n_items = False, 400

        def nearest(self, vector: np.ndarray, n: int) -> np.ndarray:
            row = int(np.argmax(vectors @ vector))
            return order[row, :n] if row % 2 else np.delete(order[row, :n], [1, 2, 3, 4, 5])

        def n_compared(self, vector: np.ndarray, n: int) -> int:
            return 7 if np.argmax(vectors @ vector) % 2 else 8

    engine = ENGINES["annoy"]
    monkeypatch.setattr(engine, "grid", lambda n_items: [{}])
    monkeypatch.setattr(engine, "open", lambda path, embeddings, params: Hiding())
    (measured,) = tune(toy_space(vectors), ["annoy"]).settings
    queries = np.random.default_rng(0).choice(400, 200, replace=False)
    share = np.mean(queries % 2 == 0)
    assert measured.recall == pytest.approx(1 - 0.5 * share)
    assert measured.n_compared == pytest.approx(7 + share)


def test_where_no_engine_but_comparing_works_the_reason_is_told(collection: Collection) -> None:
    with crashing("annoy"):
        with pytest.raises(QueryError, match="crashes when it is asked") as caught:
            tune(collection.space(), ["exact", "annoy"])
        assert (caught.value.hint or "").startswith("Without it search is exact")
        assert [each.engine for each in tune(collection.space(), ["exact"]).settings] == ["exact"]


def test_applying_a_setting_gives_an_index_to_what_was_built_without(pictures: Path, home: Path) -> None:
    with crashing():
        build_collection("discs", pictures, home=home, specs=[embedder_spec("color_histogram")])
    collection = Collection.open("discs", home)
    assert collection.exact_spaces == ["color_histogram"]
    assert apply_setting(collection, "color_histogram", setting(100, 1)).exact_spaces == []


def test_applying_a_setting_changes_the_index_alone(collection: Collection, home: Path, pictures: Path) -> None:
    before = collection.manifest
    applied = apply_setting(collection, "color_histogram", setting(100, 1, n_trees=7))
    entry, old = applied.manifest.spaces["color_histogram"], before.spaces["color_histogram"]
    assert (entry.engine, entry.params) == ("annoy", {"n_trees": 7, "search_k": 345})
    assert entry.index != old.index
    assert (entry.embeddings, entry.neighbors, entry.projection) == (old.embeddings, old.neighbors, old.projection)
    assert applied.space().index.n_compared(applied.space().embeddings[0], 10) == 34  # 3.45 nodes a row
    assert [item.item_id for item in applied.items] == [item.item_id for item in collection.items]
    renewed = build_collection(applied.name, pictures, home=home, specs=[embedder_spec("color_histogram")])
    assert renewed.is_unchanged  # a build keeps what was tuned


def test_what_only_changes_how_an_index_is_asked_builds_no_file(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("it has been built")

    monkeypatch.setattr(ENGINES["annoy"], "build", refuse)
    before = collection.manifest.spaces["color_histogram"]
    after = apply_setting(collection, "color_histogram", setting(100, 1)).manifest.spaces["color_histogram"]
    assert (after.index, after.params["search_k"]) == (before.index, 345)


def test_what_a_later_version_has_added_stays_while_it_is_true(collection: Collection, pictures: Path, home: Path) -> None:
    from dataclasses import replace

    manifest = collection.manifest
    space = replace(manifest.spaces["color_histogram"], more={"classes": {"sha256": "0" * 64, "size": 5}})
    later = replace(manifest, spaces={"color_histogram": space}, more={"attributes": [1]})
    (collection.path / "manifest.json").write_bytes(later.to_bytes())
    applied = apply_setting(collection, "color_histogram", setting(100, 1, n_trees=7)).manifest
    assert (applied.more, applied.spaces["color_histogram"].more) == (later.more, space.more)
    (pictures / "red" / "0.png").unlink()
    rebuilt = build_collection("discs", pictures, home=home).collection.manifest
    assert (rebuilt.more, rebuilt.spaces["color_histogram"].more) == ({}, {})
    assert Draft.of(Collection.open("discs", home)).items


def test_the_command_prints_the_table_and_applies(collection: Collection) -> None:
    done = CliRunner().invoke(cli, ["tune", collection.name, "--apply"])
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + sum(len(engine.grid(12)) for engine in ENGINES.values())
    assert sum("*" in row for row in rows) == 1
    assert "Recommended: compared with every picture, recall 1.000." in done.stderr  # of 12, which is as cheap as it gets
    tuned = Collection.open(collection.name)
    assert (tuned.manifest.spaces["color_histogram"].engine, tuned.exact_spaces) == ("exact", [])


def test_the_command_tries_the_engines_that_are_named(collection: Collection) -> None:
    done = CliRunner().invoke(cli, ["tune", collection.name, "--engine", "annoy", "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert {each["engine"] for each in result["settings"]} == {"annoy"}
    assert result["recommended"] == result["settings"][0]
    assert result["recommended"]["params"] == {"n_trees": 10, "search_k": 1000}
    refused = CliRunner().invoke(cli, ["tune", collection.name, "--engine", "faiss"])
    assert (refused.exit_code, "'faiss' is not one of" in refused.stderr) == (2, True)


@pytest.mark.parametrize("options", [["--space", "none"], ["--json", "--space", "none"]])
def test_an_unknown_space_is_an_error(collection: Collection, options: list[str]) -> None:
    done = CliRunner().invoke(cli, ["tune", collection.name, *options])
    assert done.exit_code == 1
    assert "A space must be one of color_histogram. Received: 'none'." in done.stderr
