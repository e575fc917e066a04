"""Which cluster `cluster embed` goes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgsearch import embedder_spec
from imgsearch.errors import BuildError
from imgsearch.scale.embed import embed_pictures

ray = pytest.importorskip("ray", reason="`make test-cluster` has Ray")


@pytest.mark.parametrize(("named", "address"), [("", "local"), ("10.0.0.1:6379", None)])
def test_a_cluster_is_started_unless_one_is_named(
    named: str, address: str | None, made: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray by itself would take the one that ran here last, and wait for it where it is gone."""
    asked = []

    def init(address: str | None, **options: object) -> None:
        asked.append(address)
        raise ConnectionError(f"no {address}")

    monkeypatch.setenv("RAY_ADDRESS", named)
    monkeypatch.setenv("RAY_NUM_REDIS_GET_RETRIES", "2")
    with monkeypatch.context() as patch:
        patch.setattr(ray, "is_initialized", lambda: False)
        patch.setattr(ray, "shutdown", lambda: None)
        patch.setattr(ray, "init", init)
        with pytest.raises(BuildError, match=r"could not \(ConnectionError\)"):
            embed_pictures(str(made), embedder_spec("color_histogram"), str(tmp_path / "to"), home=home)
    assert asked == [address]
