"""A real Milvus server for the tests that want one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.milvus_server import CannotRunError, Server, unpack


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("milvus")
    try:
        unpack(folder / "program")
        server = Server(folder / "program", folder / "data")
        server.start()
    except CannotRunError as exc:
        pytest.skip(str(exc))
    yield server
    server.kill()
