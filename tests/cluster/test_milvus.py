"""Milvus: a real server, and milvus-lite, which runs in this process, do what an engine on a server has to do."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pymilvus", reason="`make test-cluster` has pymilvus")
pytest.importorskip("milvus_lite", reason="`make test-cluster` has milvus-lite")

from imgsearch.vectors.engines.milvus import MilvusTable
from imgsearch.vectors.engines.table import Table
from tests.cluster.milvus_server import Server
from tests.tables import TableContract


class TestMilvusLite(TableContract):
    is_ordered = False

    @pytest.fixture
    def table(self, tmp_path: Path) -> Table:
        return MilvusTable("of-tests", str(tmp_path / "lite.db"))

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, tmp_path_factory: pytest.TempPathFactory) -> Table:
        return MilvusTable("of-tests", str(tmp_path_factory.mktemp("lite") / "lite.db"))


class TestMilvus(TableContract):
    """A real server, of a version that has one vector field a table."""

    dims = {"mini": 16}  # noqa: RUF012

    @pytest.fixture
    def table(self, server: Server) -> Table:
        return MilvusTable("of-tests", server.address)

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls, server: Server) -> Table:
        return MilvusTable("shared-of-tests", server.address)
