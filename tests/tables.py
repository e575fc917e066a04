"""What every engine on a server has to do: a class of tests, for a fake of one, and for each that there is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from imgsearch.distance import normalize
from imgsearch.errors import CollectionNotFoundError, ItemNotFoundError
from imgsearch.pictures.items import Condition, Item
from imgsearch.vectors.engines.face import Effort
from imgsearch.vectors.engines.table import Table, TableRow, stable_id

RNG = np.random.default_rng(0)
N, DIMS = 300, {"mini": 16, "color_histogram": 8}
LABELS = ("red", "blue", "고양이 \"'\\ \n", "")
"""Every third has the first, and so on; the third is one that no query language takes as it is."""


def row(number: int, version: int = 1, label: str | None = None, dims: dict[str, int] = DIMS) -> TableRow:
    """An item with vectors of its own for each version."""
    rng = np.random.default_rng([number, version])
    item = Item(
        item_id=f"folder/{number:04} é '\".jpg",
        label=LABELS[number % len(LABELS)] if label is None else label,
        width=640 + number,
        height=480,
        bytes=10_000_000_000 + number,
        mtime_ns=0,
        sha256=f"{number:064}",
        thumbnail=f"{number:064}",
        thumbnail_bytes=0,
    )
    vectors = {space: normalize(rng.normal(size=(1, dim)).astype(np.float32))[0] for space, dim in dims.items()}
    return TableRow(item, '{"taken": "2026-01-02", "stars": 3}', vectors, version)


class TableContract:
    """Subclasses give fixtures `table`, of the name "of-tests", and `shared`, for a class: neither is on the server."""

    dims = DIMS
    """Of the table; an engine with one vector field has one space."""
    is_ordered = True
    """Whether pages come in the order of the ids."""

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls, shared: Table) -> Iterator[Table]:
        """With N rows, committed; for tests that change nothing."""
        yield from cls()._filled(shared)

    @pytest.fixture
    def changing(self, table: Table) -> Iterator[Table]:
        """The same for those that do."""
        yield from self._filled(table)

    def _filled(self, table: Table) -> Iterator[Table]:
        table.create(self.dims)
        rows = self.rows()
        table.upsert(rows[:200])
        table.upsert(rows[200:])
        table.commit(b"facts")
        yield table
        table.drop()

    def rows(self) -> list[TableRow]:
        """Those of `filled`."""
        return [row(number, dims=self.dims) for number in range(N)]

    def ids(self, among: Condition | None = None) -> list[int]:
        """Theirs, that fulfil a condition, ascending."""
        among = among or Condition()
        return sorted(
            stable_id(each.item.item_id)
            for each in self.rows()
            if all(label == each.item.label for label in among.labels) and each.item.label not in among.not_labels
        )

    def test_there_is_nothing_before_it_is_made_and_after_it_is_dropped(self, table: Table) -> None:
        for _ in range(2):
            with pytest.raises(CollectionNotFoundError, match="of-tests should live on has no such collection"):
                table.state()
            table.create(self.dims)
            assert (table.state(), table.count(), dict(table.dims())) == ("", 0, self.dims)
            table.create(self.dims)  # is there
            table.drop()
        table.drop()

    def test_facts_are_read_back_by_their_state(self, changing: Table) -> None:
        first = changing.state()
        assert changing.facts(first) == b"facts"
        large = RNG.bytes(200_000)
        changing.commit(large)
        assert changing.state() != first
        assert changing.facts(changing.state()) == large

    def test_items_are_what_was_written(self, filled: Table) -> None:
        rows = {stable_id(each.item.item_id): each.item for each in self.rows()}
        ids = [*rows][:7]
        assert filled.items([*ids, 5]) == {each: rows[each] for each in ids}
        assert filled.items([]) == {}
        ids, versions = (np.concatenate(parts) for parts in zip(*filled.versions(), strict=True))
        assert ids.tolist() == sorted(rows)
        assert versions.tolist() == [1] * N

    @pytest.mark.parametrize(
        "among",
        [
            None,
            Condition(),
            Condition((LABELS[2],)),
            Condition(("",)),
            Condition(("red", "blue")),
            Condition((), ("red", LABELS[2])),
            Condition(("red",), ("red",)),
            Condition(("blue",)),
        ],
    )
    def test_conditions_are_those_of_the_rows(self, filled: Table, among: Condition | None) -> None:
        expected = self.ids(among)
        assert filled.count(among) == len(expected)
        assert sorted(stable_id(item.item_id) for item in filled.page(among, -1, N)) == expected
        vector = RNG.normal(size=self.dims["mini"]).astype(np.float32)
        for effort in Effort:
            near = filled.nearest("mini", vector, N, effort=effort, among=among)
            assert near.dtype == np.int64
            assert sorted(near.tolist()) == expected

    def test_pages_are_in_the_order_of_the_ids(self, filled: Table) -> None:
        if not self.is_ordered:
            pytest.skip("this one hands out pages in an order of its own")
        ids = self.ids()
        after = ids[40]
        for start in (0, 1, 100):
            page = [stable_id(item.item_id) for item in filled.page(None, after, 50, skip=start)]
            assert page == ids[41 + start : 91 + start]
        assert filled.page(None, ids[-1], 5) == []

    def test_vectors_come_in_the_order_asked_for(self, filled: Table) -> None:
        rows = self.rows()[5:9][::-1]
        ids = [stable_id(each.item.item_id) for each in rows]
        for space in self.dims:
            found = filled.vectors(space, ids)
            assert found.dtype == np.float32
            assert found.tolist() == [each.vectors[space].tolist() for each in rows]
            assert filled.vectors(space, []).size == 0
        with pytest.raises(ItemNotFoundError, match="has just changed"):
            filled.vectors("mini", [ids[0], 5])

    @pytest.mark.parametrize("effort", Effort)
    @pytest.mark.parametrize("n", [1, 12, 120])
    def test_the_nearest_are_found(self, filled: Table, effort: Effort, n: int) -> None:
        rows = self.rows()
        for space, dim in self.dims.items():
            for vector in normalize(np.random.default_rng(n).normal(size=(5, dim)).astype(np.float32)):
                near = {stable_id(each.item.item_id): float(each.vectors[space] @ vector) for each in rows}
                expected = sorted(near, key=lambda each: -near[each])[:n]
                found = filled.nearest(space, vector, n, effort=effort).tolist()
                assert len(found) == len(set(found)) >= n
                assert {*expected} <= {*found}  # of so few, each effort finds all

    def test_what_is_written_anew_is_there_once(self, changing: Table) -> None:
        changed = [row(number, version=2, label="new", dims=self.dims) for number in (3, 7)]
        changing.upsert(changed)
        changing.commit(b"more")
        ids = [stable_id(each.item.item_id) for each in changed]
        assert changing.count() == N
        assert changing.count(Condition(("new",))) == 2
        assert {item.label for item in changing.items(ids).values()} == {"new"}
        for each, changed_row in zip(ids, changed, strict=True):
            vector = changed_row.vectors["mini"]
            assert changing.vectors("mini", [each])[0].tolist() == vector.tolist()
            assert each in changing.nearest("mini", vector, 1)

    def test_what_was_written_is_found_when_it_has_settled(self, changing: Table) -> None:
        state, new = changing.state(), row(N, dims=self.dims)
        changing.upsert([new])
        changing.delete(gone := self.ids()[:1])
        changing.settle()
        assert stable_id(new.item.item_id) in changing.nearest("mini", new.vectors["mini"], 1)
        assert changing.items(gone) == {}
        assert changing.state() == state

    def test_what_is_deleted_is_gone(self, changing: Table) -> None:
        gone = self.ids()[::3]
        changing.delete(np.array([*gone, 5]))
        changing.delete([])
        changing.commit(b"fewer")
        assert changing.count() == N - len(gone)
        assert changing.items(gone) == {}
        near = changing.nearest("mini", RNG.normal(size=self.dims["mini"]).astype(np.float32), N, effort=Effort.EXACT)
        assert sorted(near.tolist()) == sorted({*self.ids()} - {*gone})
