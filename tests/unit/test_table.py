"""Engines on a server: the fake that other tests use does what each has to do."""

from __future__ import annotations

import pytest

from imgsearch.vectors.engines.table import Table, stable_id
from tests.fake_table import FakeTable
from tests.tables import TableContract


class TestFakeTable(TableContract):
    @pytest.fixture
    def table(self) -> Table:
        return FakeTable("of-tests")

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> Table:
        return FakeTable("of-tests")


def test_the_number_of_a_text_is_the_beginning_of_its_digest_without_the_sign() -> None:
    # echo -n abc | sha256sum: ba7816bf8f01cfea...; the first bit is taken off, 0xba - 0x80 = 0x3a
    assert stable_id("abc") == 0x3A7816BF8F01CFEA
    assert stable_id("") == 0x63B0C44298FC1C14  # e3b0c44298fc1c14
