"""A small Ray cluster on this machine, pictures to embed, a fake of S3, and a Milvus server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import Collection
from imgsearch.files.place import Place
from imgsearch.scale.dataset import Dataset
from tests.cluster.milvus_server import CannotRunError, Server, unpack

N_PICTURES = 40
TOKEN = secrets.token_hex(32)
"""What the clusters of a process ask for, which reads it once."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two processors, for the tests of a module. On the loopback only, since tests reach nothing else."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)  # else Ray leaves one in ~/.ray
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
        yield
        ray.shutdown()


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Milvus, unpacked."""
    pytest.importorskip("pymilvus", reason="`make test-cluster` has pymilvus")
    folder = tmp_path_factory.mktemp("milvus")
    try:
        unpack(folder)
    except CannotRunError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture(scope="module")
def server(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Milvus of the tests of a module."""
    with running_server(program, tmp_path_factory.mktemp("server")) as server:
        yield server


@contextmanager
def running_server(program: Path, folder: Path) -> Iterator[Server]:
    """A Milvus with its data in a folder; where none can run, the tests are skipped with the reason."""
    server = Server(program, folder)
    try:
        server.start()
    except CannotRunError as error:
        pytest.skip(str(error))
    yield server
    server.kill()


def draw_pictures(folder: Path, n: int, labels: Sequence[str], *, seed: int) -> None:
    """So many pictures of coloured patches, `<label>/<number>.png`, the labels by turns."""
    random = np.random.default_rng(seed)
    for number in range(n):
        patches = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8))
        path = folder / labels[number % len(labels)] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        patches.resize((160, 120), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pictures of two labels, and a file that is none though its name says so."""
    folder = tmp_path_factory.mktemp("made")
    draw_pictures(folder, N_PICTURES, ("even", "odd"), seed=0)
    (folder / "even" / "bad.jpg").write_bytes(b"no picture")
    return folder


def rows_of(to: str) -> list[dict[str, object]]:
    """The rows of a dataset that is complete."""
    dataset = Dataset.read(Place.at(to))
    assert dataset
    return [row for batch in dataset.rows(Place.at(to)) for row in batch.to_pylist()]


def check_equal(rows: list[dict[str, object]], collection: Collection) -> None:
    """That the rows are what a build made of the same pictures, embeddings to 1e-5."""
    (space,) = collection.spaces.values()
    assert sorted(str(row["item_id"]) for row in rows) == [item.item_id for item in collection.items]
    for row in rows:
        number = collection.items.row_of(str(row["item_id"]))
        item = collection.items[number]
        names = ("label", "width", "height", "bytes", "sha256", "thumbnail")
        assert [row[name] for name in names] == [getattr(item, name) for name in names]
        assert np.abs(np.array(row["embedding"], np.float32) - space.embeddings[number]).max() < 1e-5
