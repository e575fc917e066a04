"""The server that other tests kill: that it comes back with all it was given, and that it is alone."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import running_server
from tests.cluster.milvus_server import LEASE, PORT, Server

grpc = pytest.importorskip("grpc")
pymilvus = pytest.importorskip("pymilvus")


@pytest.fixture
def own(program: Path, tmp_path: Path) -> Iterator[Server]:
    with running_server(program, tmp_path) as server:
        yield server


def rows_of(client: pymilvus.MilvusClient, waiting_for: float) -> list[int]:
    """The ids in the collection `kept`, as soon as it answers."""
    until = time.monotonic() + waiting_for
    while True:
        try:
            rows = client.query("kept", filter="id >= 0", output_fields=["id"], consistency_level="Strong", timeout=5)
            return [row["id"] for row in rows]
        except (pymilvus.MilvusException, grpc.RpcError):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def test_a_server_that_was_killed_comes_back_at_its_address_with_what_it_was_given(own: Server) -> None:
    client = pymilvus.MilvusClient(own.address, timeout=5)
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
    schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=2)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection("kept", schema=schema, index_params=index)
    client.upsert("kept", [{"id": number, "vector": [1.0, number]} for number in range(100)])
    own.kill()
    assert not own.healthy()
    with pytest.raises(pymilvus.MilvusException):
        client.list_collections(timeout=5)
    own.start()
    assert rows_of(client, waiting_for=6 * LEASE) == list(range(100))


def test_a_paused_server_answers_nothing_and_then_goes_on(own: Server) -> None:
    client = pymilvus.MilvusClient(own.address, timeout=5)
    with own.paused(), pytest.raises(grpc.RpcError) as caught:
        client.list_collections(timeout=1)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert client.list_collections(timeout=5) == []


def test_no_other_program_of_the_machine_sees_more_of_it_than_its_address(own: Server) -> None:
    assert own.address.startswith("http://127.0.0.1:")
    with socket.socket() as visitor:
        visitor.settimeout(2)
        assert visitor.connect_ex(("127.0.0.1", PORT)) != 0


def test_a_server_ends_with_the_tests_that_started_it_however_they_end(own: Server) -> None:
    assert own.process
    assert own.process.stdin
    assert len(running(own.process.pid)) == 2
    own.process.stdin.close()  # as the system does it for a program that was killed
    own.process.wait(10)
    assert not running(own.process.pid)


def running(group: int) -> list[str]:
    """The processes of a group that have not ended."""
    table = subprocess.run(["ps", "-eo", "pgid=,stat=,comm="], capture_output=True, text=True, check=True).stdout
    fields = (line.split(maxsplit=2) for line in table.splitlines())
    return [name for its_group, state, name in fields if int(its_group) == group and not state.startswith("Z")]
