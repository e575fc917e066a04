"""Collections on a real Milvus server: loaded, searched, killed, and back again."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.distance import normalize
from imgsearch.errors import (
    CollectionError,
    CollectionNotFoundError,
    IncompatibleCollectionError,
    ItemNotFoundError,
    ServerError,
)
from imgsearch.scale import load
from imgsearch.scale.load import load_datasets
from imgsearch.settings import DEFAULT_K
from imgsearch.vectors.engines.milvus import TIMEOUT_S, MilvusTable
from imgsearch.vectors.engines.table import END_OF_IDS, TableRow, stable_id
from tests.cluster.milvus_server import CannotRunError, Server
from tests.conftest import SHARED
from tests.datasets import datasets_of, row_of_nobody, write_dataset
from tests.fake_table import FakeTable
from tests.tables import row

pymilvus = pytest.importorskip("pymilvus", reason="`make test-cluster` has pymilvus")
SPEC = embedder_spec("color_histogram")
N = 6_000
COMES_BACK_IN_S = 60
"""Within that a server answers that has just been started again."""
NOT_NOW = (
    "The server that this collection lives on does not answer.",
    "The server that this collection lives on is still bringing it into memory.",
)
"""What is said of a server that is down or has just been started."""
T = TypeVar("T")


def rows(numbers: range) -> list[dict[str, object]]:
    """Pictures that nobody has, of two labels, with vectors at random."""
    vectors = normalize(np.random.default_rng(numbers.start).normal(size=(len(numbers), SPEC.dim)).astype(np.float32))
    named = zip(numbers, vectors, strict=True)
    return [row_of_nobody(number, f"{number:05}.png", 1_000, vector) for number, vector in named]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_dataset(tmp_path_factory.mktemp("dataset"), SPEC, rows(range(N)), per_shard=500)


@pytest.fixture(scope="module")
def small(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[MilvusTable, str]:
    """200 of them on the server, and the address of their dataset."""
    address = write_dataset(tmp_path_factory.mktemp("small"), SPEC, rows(range(200)))
    table = MilvusTable("small", server.address)
    load_datasets([address], table)
    return table, address


def soon(ask: Callable[[], T]) -> T:
    """The answer, as soon as the server gives one; till then it says that it does not, each time within the limit."""
    until = time.monotonic() + COMES_BACK_IN_S
    while True:
        began = time.monotonic()
        try:
            return ask()
        except ServerError as exc:
            error = exc
        assert time.monotonic() - began < TIMEOUT_S + 4
        assert error.message in NOT_NOW
        assert began < until
        time.sleep(0.2)


def versions(table: MilvusTable) -> list[tuple[int, int]]:
    """Ids and versions of what is there, as often as it is."""
    return [pair for ids, found in table.versions() for pair in zip(ids.tolist(), found.tolist(), strict=True)]


def nobody_answers(ask: Callable[[], object]) -> None:
    """That a clear error comes within the time that a request may take."""
    began = time.monotonic()
    with pytest.raises(ServerError, match="does not answer"):
        ask()
    assert time.monotonic() - began < TIMEOUT_S + 4


def test_a_load_whose_server_and_loader_are_killed_loses_nothing_and_doubles_nothing(
    server: Server, dataset: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "MOST_SAMPLED", 200)  # maps of random vectors take minutes
    table = MilvusTable("killed", server.address)
    command = [sys.executable, "-m", "imgsearch", "cluster", "load", dataset, "--to", server.address, "--name", "killed"]

    def n_there() -> int:
        try:
            return table._count(None, "Strong")
        except pymilvus.MilvusException:
            return 0

    loader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while loader.poll() is None and n_there() < 1_000:
        time.sleep(0.05)
    loader.send_signal(signal.SIGKILL)  # the loader
    loader.communicate()
    if not table.state():
        with pytest.raises(ServerError, match=r"is being loaded: [\d,]+ pictures are there"):
            ServedCollection.open(table, home)
    loader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    before = n_there()
    while loader.poll() is None and n_there() <= min(before, N - 1_000):
        time.sleep(0.05)
    server.kill()  # the server
    said, _ = loader.communicate(timeout=120)
    assert loader.returncode == 1
    assert "Error: The server that this collection lives on does not answer." in said
    assert "Traceback" not in said
    server.start()
    soon(table.state)
    soon(table.count)
    report = load_datasets([dataset], table)
    assert report.n_written < N  # some were there
    there = versions(table)
    assert len(there) == len({*there}) == N
    assert [each for each, _ in there] == sorted(stable_id(f"{number:05}.png") for number in range(N))
    fresh = {each.id: each.version for each in loaded_rows(dataset)}
    assert dict(there) == fresh
    assert table.count() == N
    served = ServedCollection.open(table, home)
    vectors = {str(each["item_id"]): each["embedding"] for each in rows(range(N))}
    for name in ("00003.png", "03333.png", "05999.png"):
        page = served.search(name, effort="exact", k=12)
        ours = np.stack([*vectors.values()]) @ vectors[name]
        expected = [list(vectors)[at] for at in np.argsort(-ours)[1:13]]
        assert [result.item.item_id for result in page.results] == expected
    again = load_datasets([dataset], table)
    assert (again.n_written, again.n_deleted) == (0, 0)
    table.drop()


def loaded_rows(dataset: str) -> list[TableRow]:
    """What a load of a dataset writes, into memory."""
    table = FakeTable("any")
    load_datasets([dataset], table)
    return [*table._rows.values()]


def test_a_collection_that_is_open_says_that_its_server_is_down_and_answers_when_it_is_back(
    server: Server, small: tuple[MilvusTable, str], home: Path
) -> None:
    table, _ = small
    served = ServedCollection.open(table, home)

    def names(effort: str = "normal") -> list[str]:
        return [result.item.item_id for result in served.search("00003.png", effort=effort).results]

    expected = names("exact")
    faults: list[CollectionError] = []
    is_over = threading.Event()

    def visit(effort: str) -> None:
        while not is_over.is_set():
            began = time.monotonic()
            try:
                assert names(effort) == expected
            except CollectionError as error:
                faults.append(error)
            assert time.monotonic() - began < TIMEOUT_S + 4
            time.sleep(0.05)

    pool = ThreadPoolExecutor(4)
    visitors = [pool.submit(visit, effort) for effort in ("quick", "normal", "exact", "exact")]
    try:
        time.sleep(1)
        assert not faults
        server.kill()  # while they search
        time.sleep(2)
        nobody_answers(names)
        nobody_answers(lambda: names("exact"))
        nobody_answers(lambda: ServedCollection.open(table, home))
        nobody_answers(lambda: ServedCollection.open(MilvusTable("small", server.address), home))
        late = MilvusTable("small", server.address)  # first asked while it is down
        nobody_answers(late.state)
        server.start()
        assert soon(names) == soon(lambda: names("exact")) == expected
        assert soon(late.count) == 200
        time.sleep(1)
        n_faults = len(faults)
        time.sleep(1)
        assert len(faults) == n_faults  # nobody fails any more
    finally:
        is_over.set()
        pool.shutdown()
    for each in visitors:
        each.result()
    assert faults
    assert {type(fault) for fault in faults} == {ServerError}
    assert {fault.message for fault in faults} <= {*NOT_NOW}


def test_a_server_that_takes_connections_and_never_answers_is_given_up_in_time(
    server: Server, small: tuple[MilvusTable, str], home: Path
) -> None:
    table, _ = small
    served = ServedCollection.open(table, home)
    fresh = MilvusTable("small", server.address)
    with server.paused():
        began = time.monotonic()
        nobody_answers(fresh.state)  # whose client is not connected
        assert time.monotonic() - began < 3.5
    assert soon(fresh.count) == 200
    with socket.create_server(("127.0.0.1", 0)) as hole:  # for longer than a server may be paused
        silent = MilvusTable("small", f"http://127.0.0.1:{hole.getsockname()[1]}")
        began = time.monotonic()
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(nobody_answers, [silent.state] * 6))
        assert time.monotonic() - began < TIMEOUT_S  # nobody waits for the others
    assert len(soon(lambda: served.search("00003.png", effort="exact")).results) == DEFAULT_K


def test_another_server_than_milvus_is_told_from_one_that_is_silent() -> None:
    grpc = pytest.importorskip("grpc")
    other = grpc.server(ThreadPoolExecutor(2))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        with pytest.raises(ServerError, match="gave an answer that cannot be used"):
            MilvusTable("small", f"http://127.0.0.1:{port}").state()
    finally:
        other.stop(0).wait()


def test_a_collection_that_is_dropped_while_it_is_open_is_said_and_comes_back_when_it_is_loaded(
    server: Server, small: tuple[MilvusTable, str], home: Path
) -> None:
    _, address = small
    table = MilvusTable("dropped", server.address)
    load_datasets([address], table)
    served = ServedCollection.open(table, home)
    MilvusTable("dropped", server.address).drop()  # by somebody else
    for ask in (
        lambda: served.search("00003.png"),
        lambda: served.search("00003.png", effort="exact"),
        lambda: served.items.page(None, 0, 5),
        table.state,
        table.count,
        lambda: ServedCollection.open(table, home),
    ):
        with pytest.raises(CollectionNotFoundError, match="The server that dropped should live on has no such collection"):
            ask()
    left = pymilvus.MilvusClient(server.address).list_collections(timeout=5)
    assert [name for name in left if "dropped" in name] == []
    table.create({SPEC.space: SPEC.dim})  # by a load that has not come far
    table.upsert([row(number, dims={SPEC.space: SPEC.dim}) for number in range(3)])
    with pytest.raises(ServerError, match=r"is being loaded: \d pictures are there"):
        ServedCollection.open(table, home)
    load_datasets([address], table)
    assert len(ServedCollection.open(table, home).search("00003.png").results) == DEFAULT_K
    assert len(served.search("00003.png").results) == DEFAULT_K
    table.drop()


def test_a_collection_that_somebody_else_made_is_left_alone(
    server: Server, small: tuple[MilvusTable, str], home: Path
) -> None:
    client = pymilvus.MilvusClient(server.address)
    client.create_collection("imgsearch_theirs", dimension=4, timeout=30)
    client.insert("imgsearch_theirs", [{"id": 1, "vector": [1.0, 0.0, 0.0, 0.0]}])
    table = MilvusTable("theirs", server.address)
    for ask in (
        lambda: ServedCollection.open(table, home),
        lambda: load_datasets([small[1]], table),
        lambda: table.create({SPEC.space: SPEC.dim}),
    ):
        with pytest.raises(IncompatibleCollectionError, match="was made by something else"):
            ask()
    found = client.query("imgsearch_theirs", filter="id == 1", output_fields=["id"], consistency_level="Strong")
    assert [each["id"] for each in found] == [1]
    client.drop_collection("imgsearch_theirs")


def test_a_load_that_was_killed_before_there_was_an_index_goes_on(
    server: Server, small: tuple[MilvusTable, str], home: Path
) -> None:
    table = MilvusTable("begun", server.address)
    table.create({SPEC.space: SPEC.dim})
    client = pymilvus.MilvusClient(server.address)
    client.release_collection("imgsearch_begun")
    client.drop_index("imgsearch_begun", "vector_color_histogram")
    with pytest.raises(ServerError, match="into memory"):
        ServedCollection.open(table, home)
    load_datasets([small[1]], table)
    assert len(ServedCollection.open(table, home).search("00003.png").results) == DEFAULT_K
    # Facts that a load has left which was killed while it replaced them.
    stale = f"facts_imgsearch_begun_{'0' * 64}_1"
    other = f"facts_imgsearch_begun_2_{'0' * 64}_1"  # of begun-2
    for name in (stale, other):
        table._keep(name, [b"old"])
    load_datasets([small[1]], table, title="Begun")
    assert not client.has_collection(stale)
    assert client.has_collection(other)
    client.drop_collection(other)
    table.drop()


def test_rows_larger_than_a_message_are_written_and_of_two_with_one_id_the_last(server: Server) -> None:
    table = MilvusTable("large", server.address)
    dims = {"mini": 4_096}
    table.create(dims)
    vectors = row(0, dims=dims).vectors
    table.upsert([replace(row(number, dims={}), vectors=vectors) for number in range(4_500)])  # 74 MB
    assert len(versions(table)) == 4_500
    table.upsert([row(1, version=2, dims=dims), row(2, dims=dims), row(1, version=3, dims=dims)])
    assert dict(versions(table))[row(1).id] == 3
    assert len(versions(table)) == 4_500
    table.drop()


def test_rows_that_no_id_can_have_are_not_there(small: tuple[MilvusTable, str], home: Path) -> None:
    table, _ = small
    served = ServedCollection.open(table, home)
    for wrong in (-1, 5, END_OF_IDS, 2**70, -(2**63)):
        with pytest.raises(ItemNotFoundError):
            served.search(wrong)


def test_a_server_that_wants_a_token_has_it_or_refuses(
    program: Path, tmp_path: Path, home: Path, small: tuple[MilvusTable, str]
) -> None:
    server = Server(program, tmp_path / "asking", authorization=True)
    try:
        server.start()
    except CannotRunError as error:
        pytest.skip(str(error))
    try:
        for token in ("", "root:wrong", "nobody:Milvus", "wrong"):
            with pytest.raises(ServerError, match="does not accept the token") as caught:
                ServedCollection.open(MilvusTable("pets", server.address, token), home)
            assert not token or token not in f"{caught.value} {caught.value.hint}"
        table = MilvusTable("pets", server.address, "root:Milvus")
        load_datasets([small[1]], table)
        served = ServedCollection.open(table, home)
        assert len(served.search("00003.png").results) == DEFAULT_K
        client = pymilvus.MilvusClient(server.address, token="root:Milvus")
        client.update_password("root", "Milvus", "Others", timeout=5)
        with pytest.raises(ServerError, match="does not accept the token"):  # while it is open
            soon_refused(served)
    finally:
        server.kill()


def soon_refused(served: ServedCollection) -> None:
    """Asks until it is refused: who may do what is looked at again after a moment."""
    for _ in range(50):
        served.search("00003.png")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def pets(server: Server, tmp_path_factory: pytest.TempPathFactory) -> tuple[Collection, ServedCollection]:
    """The pets in files, by `mini`, and on the server."""
    if not (SHARED / "pets").is_dir():
        pytest.skip("the pets are not here")
    folder = tmp_path_factory.mktemp("pets")
    build_collection("pets", SHARED / "pets", home=folder / "home", specs=[embedder_spec("mini")])
    collection = Collection.open("pets", folder / "home")
    table = MilvusTable("pets", server.address)
    load_datasets(datasets_of(collection, folder / "datasets"), table)
    return collection, ServedCollection.open(table, folder / "home")


def test_the_first_twelve_of_the_pets_are_those_of_the_files(pets: tuple[Collection, ServedCollection]) -> None:
    here, there = pets
    found = 0
    for number in np.linspace(0, len(here.items) - 1, 50).astype(int).tolist():
        name = here.items[number].item_id
        expected = here.search(name, effort="exact", k=12).results
        distances = [each.distance for each in here.search(name, effort="exact", k=14).results]
        exact = there.search(name, effort="exact", k=12).results
        assert [each.distance for each in exact] == pytest.approx([each.distance for each in expected], abs=1e-6)
        for at, (one, other) in enumerate(zip(expected, exact, strict=True)):
            assert one.item.item_id == other.item.item_id or distances[at + 1] - distances[at] < 1e-6
            assert other.percentile == pytest.approx(one.percentile, abs=1e-6)
        normal = there.search(name, k=12).results
        found += len({each.row for each in normal} & {each.row for each in exact})
    print(f"recall@12 with effort normal: {found / 600:.4f}")
    assert found / 600 >= 0.95
