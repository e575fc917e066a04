"""Tuning an index: the table is true, the recommendation is the cheapest, and applying it changes the index alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.errors import QueryError
from imgsearch.measure.tuning import SEARCH_K_FACTORS, Setting, apply_setting, recommend, tune
from imgsearch.vectors.engines.annoy import AnnoyFault, AnnoyIndex
from tests.conftest import crashing_annoy, toy_space
from tests.unit.test_search import gallery


def setting(n_trees: int, search_k: int, recall: float) -> Setting:
    return Setting(n_trees, search_k, recall, query_ms=1.0, index_bytes=1)


def test_the_cheapest_looks_at_fewest_nodes_then_has_fewest_trees() -> None:
    settings = [setting(50, 900, 1.0), setting(25, 800, 0.99), setting(10, 800, 0.995), setting(5, 100, 0.989)]
    assert recommend(settings) == settings[2]


def test_nothing_is_recommended_where_nothing_is_good_enough() -> None:
    assert recommend([setting(100, 9000, 0.98)]) is None


@pytest.mark.slow
def test_the_table_holds_every_setting_and_recall_grows_with_the_nodes_looked_at(tmp_path: Path) -> None:
    vectors = np.random.default_rng(1).normal(size=(3000, 64))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    AnnoyIndex.build(vectors, tmp_path / "own.ann", n_trees=1)
    space = toy_space(vectors, AnnoyIndex(tmp_path / "own.ann", dim=64, n_items=3000))
    tuning = tune(gallery(3000), space)
    assert [(each.n_trees, each.search_k) for each in tuning.settings[:5]] == [
        (5, 125),
        (5, 250),
        (5, 500),
        (5, 1000),
        (5, 2000),
    ]
    of_most_trees = [each.recall for each in tuning.settings[-len(SEARCH_K_FACTORS) :]]
    assert of_most_trees == sorted(of_most_trees)
    assert of_most_trees[-1] == 1.0  # 40,000 nodes of 3,000 items: everything is looked at
    assert tuning.settings[0].recall < 0.5  # 125 nodes of random vectors: most are missed
    assert tuning.settings[0].index_bytes < tuning.settings[-1].index_bytes


def test_where_annoy_crashes_the_reason_is_told(collection: Collection) -> None:
    with crashing_annoy(), pytest.raises(QueryError, match="crashes when it is asked") as caught:
        tune(collection.items, collection.space())
    assert caught.value.hint == AnnoyFault.CRASHES.hint


def test_applying_a_setting_gives_an_index_to_what_was_built_without(pictures: Path, home: Path) -> None:
    with crashing_annoy():
        build_collection("discs", pictures, home=home, embedders=[embedder_spec("color_histogram")])
    collection = Collection.open("discs", home)
    assert collection.exact_spaces == ["color_histogram"]
    assert apply_setting(collection, "color_histogram", setting(7, 345, 1.0)).exact_spaces == []


def test_applying_a_setting_changes_the_index_alone(collection: Collection, home: Path, pictures: Path) -> None:
    before = collection.manifest
    applied = apply_setting(collection, "color_histogram", setting(7, 345, 1.0))
    entry, old = applied.manifest.spaces["color_histogram"], before.spaces["color_histogram"]
    assert (entry.n_trees, entry.search_k) == (7, 345)
    assert entry.index != old.index
    assert (entry.embeddings, entry.neighbors, entry.projection) == (old.embeddings, old.neighbors, old.projection)
    assert applied.space().search_k == 345
    assert applied.space().search_k_for(200) == 690
    assert [item.item_id for item in applied.items] == [item.item_id for item in collection.items]
    renewed = build_collection(applied.name, pictures, home=home, embedders=[embedder_spec("color_histogram")])
    assert renewed.is_unchanged  # a build keeps what was tuned


def test_the_command_prints_the_table_and_applies(collection: Collection) -> None:
    done = CliRunner().invoke(cli, ["tune", collection.name, "--apply"])
    assert done.exit_code == 0, done.output
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 5 * len(SEARCH_K_FACTORS) + 1
    assert sum("*" in row for row in rows) == 1
    assert (
        Collection.open(collection.name).manifest.spaces["color_histogram"].n_trees == 5
    )  # 12 items: the smallest will do


@pytest.mark.parametrize("options", [["--space", "none"], ["--json", "--space", "none"]])
def test_an_unknown_space_is_an_error(collection: Collection, options: list[str]) -> None:
    done = CliRunner().invoke(cli, ["tune", collection.name, *options])
    assert done.exit_code == 1
    assert "A space must be one of color_histogram. Received: 'none'." in done.stderr
