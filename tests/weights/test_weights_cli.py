"""The whole way by the command line, with a weights file: build, lose the originals, move, search by an upload."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from imgsearch import build_collection
from imgsearch.cli import cli
from imgsearch.embedding import networks
from imgsearch.files.place import Place
from imgsearch.scale import embed
from imgsearch.scale.dataset import Dataset
from imgsearch.scale.embed import embed_pictures
from tests.fakes import embed_here
from tests.weights.keras_files import random_model

pytestmark = pytest.mark.weights

ROOT = Path(__file__).resolve().parents[2]


def imgsearch(home: Path, *args: str | Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "IMGSEARCH_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "imgsearch", *map(str, args)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


def query(home: Path, *args: str | Path) -> list[dict[str, Any]]:
    done = imgsearch(home, "query", "discs", *args, "-k", "3", "--json")
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return results


def test_a_collection_answers_uploads_after_originals_and_weights_are_gone(pictures: Path, tmp_path: Path) -> None:
    home = tmp_path / "first home"
    weights = tmp_path / "random.weights.h5"
    random_model("mobilenet_v2").save_weights(weights)
    upload = shutil.copy(pictures / "red" / "2.png", tmp_path / "upload.bin")
    built = imgsearch(home, "build", "discs", "--images", pictures, "--embedder", "mobilenet_v2", "--weights", weights)
    assert built.returncode == 0, built.stderr
    assert "discs is ready, 12 embedded now on the CPU: 12 pictures, 3 labels" in built.stdout
    before = query(home, upload)
    assert before[0]["distance"] < 0.01
    assert before[0]["item_id"] == "red/2.png"

    shutil.rmtree(pictures)
    weights.unlink()
    moved = home.rename(tmp_path / "second home")
    assert query(moved, upload) == before
    assert [result["item_id"] for result in query(moved, "red/2.png")]

    shutil.rmtree(moved / "weights")
    assert query(moved, upload) == before  # the network that was exported answers
    shutil.rmtree(moved / "networks")
    assert query(moved, "red/2.png")  # a pick needs neither
    refused = imgsearch(moved, "query", "discs", upload)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "are not kept here" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert str(moved) not in refused.stderr


def test_build_with_a_file_that_is_no_weights_file_says_so(pictures: Path, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes.h5"
    file.write_text("not weights")
    done = imgsearch(home, "build", "discs", "--images", pictures, "--embedder", "mobilenet_v2", "--weights", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert "must be HDF5" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cluster_embeds_with_weights_that_only_the_first_machine_has(
    pictures: Path, weights: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "run", embed_here)
    to = tmp_path / "to"
    command = ["cluster", "embed", "--images", str(pictures), "--embedder", "mobilenet_v2", "--to", str(to)]
    done = CliRunner().invoke(cli, [*command, "--weights", str(weights)])
    assert done.exit_code == 0, done.output
    assert "12 embedded now" in done.stdout
    dataset = Dataset.read(Place.at(str(to)))
    assert dataset
    spec = dataset.embedder.plain
    built = build_collection("discs", pictures, home=home, specs=[spec]).collection
    for row in (row for batch in dataset.rows(Place.at(str(to))) for row in batch.to_pylist()):
        embedding = built.spaces["mobilenet_v2"].embeddings[built.items.row_of(row["item_id"])]
        assert np.abs(embedding - np.array(row["embedding"], np.float32)).max() < 1e-5
    shutil.copy(pictures / "red" / "2.png", pictures / "red" / "3.png")
    monkeypatch.setattr(networks, "has_tensorflow", lambda: False)  # the network of the dataset is taken
    again = embed_pictures(str(pictures), spec, str(to), home=tmp_path / "another home")
    assert (again.n_embedded, again.dataset.embedder) == (12, dataset.embedder)
