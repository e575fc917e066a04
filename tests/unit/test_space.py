"""Spaces: what is said of all of their vectors, and which items a map shows."""

from __future__ import annotations

import numpy as np
import pytest

from imgsearch.vectors import space as module
from tests.conftest import toy_space

RNG = np.random.default_rng(0)


def test_the_mean_of_a_large_space_is_that_of_some_of_it() -> None:
    embeddings = RNG.random((10_000, 2), np.float32)
    of_large = module.Space.mean.func(LargeSpace(embeddings))  # type: ignore[attr-defined]
    assert of_large == pytest.approx(embeddings[::3].mean(0), rel=1e-5)
    of_small = module.Space.mean.func(LargeSpace(embeddings[:4096]))  # type: ignore[attr-defined]
    assert of_small == pytest.approx(embeddings[:4096].mean(0), rel=1e-5)


class LargeSpace:
    """As much of a space as its mean needs."""

    def __init__(self, embeddings: np.ndarray) -> None:
        self.embeddings = embeddings


def test_a_map_shows_all_items_or_a_sample_and_knows_which(monkeypatch: pytest.MonkeyPatch) -> None:
    space = toy_space(np.eye(9, 12, dtype=np.float32))
    assert space.map_rows.tolist() == list(range(9))
    assert space.points_of([8, 0]).tolist() == [8, 0]
    monkeypatch.setattr(module, "MAX_MAP_POINTS", 4)
    sampled = toy_space(np.eye(9, 12, dtype=np.float32))
    shown = sampled.map_rows.tolist()
    assert len(shown) == 4 == len(set(shown))
    assert shown == sorted(shown)
    assert sampled.points_of(range(9)).tolist() == [shown.index(row) if row in shown else -1 for row in range(9)]
    assert sampled.points_of([]).tolist() == []
