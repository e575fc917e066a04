"""Datasets loaded into a collection on a server: what is written, what is not, and what is seen then; and the commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from imgsearch import Collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.collection.served import address as address_module
from imgsearch.collection.served import gallery as gallery_module
from imgsearch.collection.served.address import ServerAddress, is_server_address, open_collection, served_addresses
from imgsearch.collection.served.collection import ServedCollection
from imgsearch.distance import normalize
from imgsearch.errors import BuildError, CollectionError, ImgSearchError, ItemNotFoundError, ServerError
from imgsearch.files.place import Place
from imgsearch.pictures.items import Skipped
from imgsearch.scale import load as load_module
from imgsearch.scale.dataset import write_shard, write_skipped
from imgsearch.scale.load import load_datasets
from imgsearch.settings import Settings, get_settings
from imgsearch.vectors.engines.table import TableRow, stable_id
from tests.datasets import datasets_of, row_of_nobody, write_dataset
from tests.fake_table import FakeTable

SPECS = [embedder_spec("color_histogram"), embedder_spec("color_layout")]
Row = dict[str, Any]


def rows(numbers: Sequence[int], spec: int = 0) -> list[Row]:
    """Pictures that nobody has, with vectors at random: even ones are cats, odd ones dogs."""
    return [
        row_of_nobody(
            number,
            f"{number:03}.png",
            1_000 + number,
            normalize(np.random.default_rng([number, spec]).normal(size=(1, SPECS[spec].dim)))[0],
        )
        for number in numbers
    ]


class WatchedTable(FakeTable):
    """Notes commits, and dies after so many rows, as a server does: what it took before is kept."""

    def __init__(self, name: str = "pets") -> None:
        super().__init__(name)
        self.n_commits = 0
        self.n_before_death: int | None = None

    def commit(self, facts: bytes) -> None:
        super().commit(facts)
        self.n_commits += 1

    def upsert(self, rows: Sequence[TableRow]) -> None:
        for row in rows:
            if self.n_before_death is not None and self.n_written >= self.n_before_death:
                self.is_down = True
            super().upsert([row])

    @property
    def rows(self) -> Mapping[int, TableRow]:
        return self._rows


@pytest.fixture
def table() -> WatchedTable:
    return WatchedTable()


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., str]:
    """Writes a dataset of rows, by default of the first embedder; its address."""

    def write(its_rows: Sequence[Row], spec: int = 0, **options: int) -> str:
        return write_dataset(tmp_path / f"dataset-{spec}", SPECS[spec], its_rows, **options)

    return write


def names(table: WatchedTable) -> list[str]:
    return sorted(row.item.item_id for row in table.rows.values())


def test_all_rows_are_there_as_they_were_embedded(table: WatchedTable, dataset: Callable[..., str]) -> None:
    report = load_datasets([dataset(rows(range(30)))], table)
    assert (report.n_written, report.n_deleted, report.n_apart) == (30, 0, 0)
    assert (report.facts.n_items, report.facts.label_counts) == (30, {"cat": 15, "dog": 15})
    for row in rows(range(30)):
        there = table.rows[row["id"]]
        assert there.vectors["color_histogram"].tolist() == row["embedding"].tolist()
        assert (there.item.item_id, there.item.label, there.item.bytes) == (row["item_id"], row["label"], row["bytes"])


def test_a_second_load_writes_nothing_and_commits_nothing(table: WatchedTable, dataset: Callable[..., str]) -> None:
    address = dataset(rows(range(30)))
    first = load_datasets([address], table, title="Pets", source="a shelf", license="CC0")
    state = table.state()
    second = load_datasets([address], table)
    assert (second.n_written, second.n_deleted) == (0, 0)
    assert (table.n_written, table.n_commits, table.state()) == (30, 1, state)
    assert second.facts == first.facts
    assert (second.facts.title, second.facts.source, second.facts.license) == ("Pets", "a shelf", "CC0")
    renamed = load_datasets([address], table, title="My pets")
    assert (table.n_written, table.n_commits) == (30, 2)
    assert (renamed.facts.title, renamed.facts.source) == ("My pets", "a shelf")
    assert renamed.facts.spaces == first.facts.spaces  # measured once
    load_datasets([dataset(rows(range(30)), per_shard=4)], table)  # in other shards
    assert (table.n_written, table.n_commits) == (30, 2)


def test_what_changed_came_or_went_is_written_or_removed_and_seen_at_once(
    table: WatchedTable, dataset: Callable[..., str], home: Path
) -> None:
    load_datasets([dataset(rows(range(30)))], table)
    before = ServedCollection.open(table, home)
    moved, relabelled, noted = rows([3, 4, 5])
    moved["embedding"] = rows([99])[0]["embedding"]
    relabelled["label"] = "fox"
    noted["attributes"] = '{"stars": 3}'
    report = load_datasets([dataset([*rows(range(6, 30)), moved, relabelled, noted, *rows([40])])], table)
    assert (report.n_written, report.n_deleted) == (4, 3)
    assert names(table) == [f"{number:03}.png" for number in (*range(3, 30), 40)]
    after = ServedCollection.open(table, home)
    assert after.items.label_counts == {"cat": 13, "dog": 14, "fox": 1}
    assert after.description.digest != before.description.digest
    assert after.search(embedding=moved["embedding"], k=1).results[0].item.item_id == "003.png"
    assert after.search("040.png", label="fox").results[0].item.item_id == "004.png"
    assert table.rows[noted["id"]].attributes == '{"stars": 3}'
    with pytest.raises(ItemNotFoundError):
        after.search("000.png")
    # One that is open shows what is there, with what it knew of all.
    assert before.items.label_counts == {"cat": 15, "dog": 15}
    assert "000.png" not in {result.item.item_id for result in before.search("006.png", k=50).results}


@pytest.mark.parametrize("n_before_death", [0, 1, 14, 29])
def test_a_load_that_dies_goes_on_and_is_said_to_be_under_way(
    table: WatchedTable, dataset: Callable[..., str], home: Path, n_before_death: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "_BATCH", 10)
    address = dataset(rows(range(30)))
    table.n_before_death = n_before_death
    with pytest.raises(ServerError, match="does not answer"):
        load_datasets([address], table)
    table.is_down, table.n_before_death = False, None
    with pytest.raises(ServerError, match=rf"is being loaded: {n_before_death} pictures are there"):
        ServedCollection.open(table, home)
    report = load_datasets([address], table)
    assert report.n_written == 30 - n_before_death
    assert (table.n_written, table.n_commits) == (30, 1)
    assert names(table) == [f"{number:03}.png" for number in range(30)]
    other = WatchedTable()
    load_datasets([address], other)
    assert replace(report.facts, updated="") == replace(ServedCollection.open(other, home).facts, updated="")


def test_a_later_load_that_dies_leaves_what_was_known_in_place(
    table: WatchedTable, dataset: Callable[..., str], home: Path
) -> None:
    load_datasets([dataset(rows(range(30)))], table)
    table.n_before_death = 35
    with pytest.raises(ServerError):
        load_datasets([dataset(rows(range(50)))], table)
    table.is_down, table.n_before_death = False, None
    assert len(ServedCollection.open(table, home).items) == 30
    report = load_datasets([dataset(rows(range(50)))], table)
    assert (report.n_written, len(ServedCollection.open(table, home).items)) == (15, 50)


@pytest.mark.parametrize("per_shard", [(7, 5), (3, 50), (50, 1)])
def test_of_two_datasets_the_pictures_in_both_are_loaded(
    table: WatchedTable, dataset: Callable[..., str], per_shard: tuple[int, int]
) -> None:
    first = dataset(rows(range(30)), per_shard=per_shard[0])
    other = dataset(rows(range(5, 33), 1), 1, per_shard=per_shard[1])
    report = load_datasets([first, other], table)
    assert names(table) == [f"{number:03}.png" for number in range(5, 30)]
    assert (report.facts.n_items, report.n_written) == (25, 25)
    assert report.n_apart == 5  # of the 30
    for row, second in zip(rows(range(5, 30)), rows(range(5, 30), 1), strict=True):
        vectors = table.rows[row["id"]].vectors
        assert vectors["color_histogram"].tolist() == row["embedding"].tolist()
        assert vectors["color_layout"].tolist() == second["embedding"].tolist()
    assert list(report.facts.spaces) == ["color_histogram", "color_layout"]
    assert load_datasets([first, other], table).n_written == 0


def test_a_shard_of_which_nothing_could_be_used_is_passed_over(table: WatchedTable, dataset: Callable[..., str]) -> None:
    addresses = []
    for spec in (0, 1):
        address = dataset(rows(range(10), spec), spec)
        file = Path(address) / "dataset.json"
        body = json.loads(file.read_text())
        for key in ("0" * 64, "f" * 64):
            write_shard(Place.at(address), key, SPECS[spec].dim, [], [Skipped(f"{key[0]}.png", "The file is empty.")])
        body["shards"] = {"0" * 64: 0, **body["shards"], "f" * 64: 0}
        file.write_text(json.dumps(body))
        addresses.append(address)
    assert load_datasets(addresses, table).n_written == 10


def test_a_dataset_with_a_picture_twice_is_refused_before_it_is_committed(
    table: WatchedTable, dataset: Callable[..., str]
) -> None:
    with pytest.raises(BuildError, match="must hold each picture once, by id"):
        load_datasets([dataset([*rows(range(10)), *rows([3])])], table)
    assert table.n_commits == 0


def test_what_was_left_out_is_told_up_to_a_hundred(table: WatchedTable, dataset: Callable[..., str]) -> None:
    address = dataset(rows(range(10)), n_skipped=150)
    write_skipped(Place.at(address), "listing", [Skipped(f"{number}.txt", "The file is empty.") for number in range(150)])
    facts = load_datasets([address], table).facts
    assert (facts.n_skipped, len(facts.skipped)) == (150, 100)


def test_what_is_measured_is_of_a_sample(table: WatchedTable, dataset: Callable[..., str], monkeypatch: Any) -> None:
    monkeypatch.setattr(load_module, "MOST_SAMPLED", 20)
    address = dataset(rows(range(60)))
    first = load_datasets([address], table).facts
    sample = sorted(row["id"] for row in rows(range(60)))[:20]
    assert (first.n_items, first.n_sampled) == (60, 20)
    assert list(first.spaces["color_histogram"].map_rows) == sample
    gone = next(row for row in rows(range(60)) if row["id"] == max(row["id"] for row in rows(range(60))))
    second = load_datasets([dataset([row for row in rows(range(60)) if row["id"] != gone["id"]])], table).facts
    assert (second.n_items, second.spaces) == (59, first.spaces)  # not measured anew: it is of the same
    third = load_datasets([dataset([row for row in rows(range(60)) if row["id"] != sample[0]])], table).facts
    assert third.spaces != first.spaces


def test_a_vector_that_has_changed_outside_of_the_sample_is_seen_at_once(
    table: WatchedTable, dataset: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_module, "MOST_SAMPLED", 20)
    load_datasets([dataset(rows(range(60)))], table)
    state = table.state()
    changed = sorted(rows(range(60)), key=lambda row: row["id"])
    changed[-1] |= {"embedding": changed[0]["embedding"]}
    report = load_datasets([dataset(changed)], table)
    assert (report.n_written, table.n_commits) == (1, 2)
    assert table.state() != state  # else a page would go on with what it had


def test_labels_of_which_there_are_many_have_landmarks(
    table: WatchedTable, dataset: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_module, "LANDMARK_EVERY", 8)
    facts = load_datasets([dataset(rows(range(30)))], table).facts
    ids = sorted(row["id"] for row in rows(range(30)))
    cats = sorted(row["id"] for row in rows(range(0, 30, 2)))
    assert facts.landmarks == {"": (ids[7], ids[15], ids[23]), "cat": (cats[7],), "dog": facts.landmarks["dog"]}


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        (["nothing"], "must be a dataset that is complete, and there is none"),
        (["dataset-0", "dataset-0"], "must have different embedders. Two have the same"),
        (["dataset-1"], r"must have the spaces color_layout \(\d+\). Received: color_histogram \(\d+\)"),
        (["dataset-0", "dataset-1"], "must have the spaces color_histogram"),
    ],
)
def test_datasets_that_do_not_fit_change_nothing(
    table: WatchedTable, dataset: Callable[..., str], tmp_path: Path, addresses: list[str], words: str
) -> None:
    load_datasets([dataset(rows(range(10)))], table)
    dataset(rows(range(10), 1), 1)
    with pytest.raises(BuildError, match=words) as caught:
        load_datasets([str(tmp_path / address) for address in addresses], table)
    assert caught.value.hint or "different embedders" in words
    assert (table.n_written, table.n_commits) == (10, 1)


def test_datasets_without_a_picture_in_common_are_refused_and_take_nothing_away(
    table: WatchedTable, dataset: Callable[..., str]
) -> None:
    with pytest.raises(BuildError, match="There is none"):
        load_datasets([dataset(rows(range(10))), dataset(rows(range(10, 20), 1), 1)], table)
    assert table.n_commits == 0
    table.drop()
    load_datasets([dataset(rows(range(10)))], table)
    with pytest.raises(BuildError, match="There is none"):
        load_datasets([dataset([])], table)
    assert len(names(table)) == 10


# Addresses


@pytest.mark.parametrize(
    ("text", "uri", "name"),
    [
        ("milvus://milvus:19530/pets", "http://milvus:19530", "pets"),
        ("milvus://127.0.0.1:19530/my-pets/", "http://127.0.0.1:19530", "my-pets"),
        ("milvus+https://search.example.org/pets", "https://search.example.org", "pets"),
        ("milvus://[::1]:19530/pets", "http://[::1]:19530", "pets"),
    ],
)
def test_addresses_are_a_server_and_a_name(text: str, uri: str, name: str) -> None:
    address = ServerAddress.parse(text)
    assert is_server_address(text)
    assert (address.uri, address.name) == (uri, name)
    assert str(address) == text.rstrip("/")
    assert ServerAddress.at(f"{uri}/", name) == address


@pytest.mark.parametrize(
    "text",
    [
        "milvus:pets",
        "milvus://",
        "milvus:///pets",
        "milvus://host:19530",
        "milvus://host:19530/",
        "milvus://host:19530/db/pets",
        "milvus://host:19530/Pets",
        "milvus://host:19530/a_b",
        "milvus://host:port/pets",
        "milvus://host:99999/pets",
        "milvus://host:19530/pets?token=s3cret",
        "milvus://host:19530/pets#s3cret",
        "milvus://host:19530?token=s3cret/pets",
        "milvus://root:s3cret@host:19530/pets",
        "milvus://s3cret@host:19530/pets",
        "milvus+http://host:19530/pets",
        "milvus+s3://host:19530/pets",
    ],
)
def test_addresses_that_will_not_do_are_refused_and_no_secret_is_shown(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_server_address(text)
    with pytest.raises(CollectionError, match="must be") as caught:
        ServerAddress.parse(text)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"
    monkeypatch.setenv("IMGSEARCH_COLLECTIONS", text)
    get_settings.cache_clear()
    for ask in (served_addresses, lambda: open_collection("pets")):
        with pytest.raises(CollectionError, match="must be"):
            ask()


@pytest.mark.parametrize(
    "uri", ["", "host:19530", "ftp://host", "http://", "http://root:s3cret@host", "http://host/db", "./a.db"]
)
def test_servers_that_will_not_do_are_refused(uri: str) -> None:
    with pytest.raises(CollectionError, match="must be http://HOST:PORT") as caught:
        ServerAddress.at(uri, "pets")
    assert "s3cret" not in f"{caught.value}"


def test_two_collections_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_COLLECTIONS", "milvus://one:19530/pets milvus://one:19530/pets milvus://one:19530/more")
    assert sorted(served_addresses()) == ["more", "pets"]
    monkeypatch.setenv("IMGSEARCH_COLLECTIONS", "milvus://one:19530/pets milvus://other:19530/pets")
    get_settings.cache_clear()
    with pytest.raises(CollectionError, match="Received: two for 'pets'"):
        served_addresses()


def test_the_token_is_shown_by_nothing() -> None:
    settings = Settings.from_mapping(
        {"IMGSEARCH_MILVUS_TOKEN": "root:s3cret", "IMGSEARCH_COLLECTIONS": "milvus://host/pets"}
    )
    assert settings.milvus_token == "root:s3cret"
    assert "s3cret" not in f"{settings!r} {settings}"


# The commands


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, WatchedTable]]:
    """Tables by name, on the server that IMGSEARCH_COLLECTIONS names, of the token "s3cret"."""
    tables: dict[str, WatchedTable] = {}

    def table_of(name: str, uri: str, token: str) -> WatchedTable:
        assert (uri, token) == ("http://host:19530", "s3cret")
        return tables.setdefault(name, WatchedTable(name))

    monkeypatch.setattr(address_module, "MilvusTable", table_of)
    monkeypatch.setenv("IMGSEARCH_COLLECTIONS", "milvus://host:19530/discs milvus://host:19530/more")
    monkeypatch.setenv("IMGSEARCH_MILVUS_TOKEN", "s3cret")
    get_settings.cache_clear()
    address_module._table.cache_clear()
    yield tables
    address_module._table.cache_clear()


@pytest.fixture
def loaded(server: dict[str, WatchedTable], collection: Collection, tmp_path: Path) -> list[str]:
    """The discs, on the server and in files; the addresses of the datasets."""
    addresses = datasets_of(collection, tmp_path / "datasets")
    assert run("cluster", "load", *addresses, *TO, "--title", "Discs").exit_code == 0
    return addresses


TO = ("--to", "http://host:19530", "--name", "discs")


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(cli, [*arguments], input=input)


def failure(*arguments: str) -> str:
    """What a command that fails says, in one line, perhaps with a hint."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith(("Error: ", "Hint: ", "Traceback"))]
    assert [line.split(":")[0] for line in lines] in (["Error"], ["Error", "Hint"])
    assert "s3cret" not in result.output
    return result.stderr


def test_load_says_what_it_did(loaded: list[str], server: dict[str, WatchedTable]) -> None:
    again = run("cluster", "load", *loaded, *TO)
    assert again.exit_code == 0
    assert again.stdout == ("discs is ready: 12 pictures, 3 labels, 0 written now, 0 removed; spaces: color_histogram.\n")
    assert "To search it: IMGSEARCH_COLLECTIONS=milvus://host:19530/discs" in again.stderr
    server["discs"].delete([stable_id("red/1.png")])
    result = json.loads(run("cluster", "load", *loaded, *TO, "--json", "-q").stdout)
    assert result == {
        "address": "milvus://host:19530/discs",
        "n_items": 12,
        "n_labels": 3,
        "n_skipped": 0,
        "n_sampled": 12,
        "n_written": 1,
        "n_deleted": 0,
        "n_apart": 0,
        "spaces": ["color_histogram"],
    }


def test_query_answers_as_of_files(loaded: list[str], collection: Collection) -> None:
    page = json.loads(run("query", "discs", "red/1.png", "--json", "--effort", "exact", "-k", "3").stdout)
    expected = collection.search("red/1.png", effort="exact", k=3)
    found = [(each["item_id"], pytest.approx(each["distance"], abs=1e-6)) for each in page["results"]]
    assert [(each.item.item_id, each.distance) for each in expected.results] == found
    text = run("query", "discs", "red/1.png", "--label", "blue", "-k", "2")
    assert text.exit_code == 0
    assert text.stdout.count("blue/") == 2
    assert "Space color_histogram, by distance" in text.stderr
    row = json.loads(run("query", "discs", str(stable_id("red/1.png")), "--json", "--effort", "exact", "-k", "3").stdout)
    assert row["results"] == page["results"]
    assert "Labels; 4 pictures in all" in run("query", "discs", "--words", "red").stderr
    assert "by query expansion" in run("query", "discs", "red/1.png", "--rerank", "k-reciprocal").stderr
    assert "The index found 100%" in run("query", "discs", "red/1.png", "--recall").stderr


def test_query_with_a_picture_and_a_report(loaded: list[str], pictures: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    result = run("query", "discs", str(pictures / "red" / "1.png"), "--report", str(report))
    assert result.exit_code == 0, result.output
    assert "red/1.png" in result.stdout
    assert report.stat().st_size > 1000


def test_info_and_list_say_what_is_there(loaded: list[str], server: dict[str, WatchedTable]) -> None:
    text = run("info", "discs")
    assert text.stdout.startswith("Discs (discs), updated ")
    assert "12 pictures, 3 labels, 0 left out" in text.stdout
    assert "Milvus (HNSW, M 32)" in text.stdout
    facts = json.loads(run("info", "discs", "--json").stdout)
    assert (facts["name"], facts["title"], facts["n_items"]) == ("discs", "Discs", 12)
    listed = run("list")
    assert listed.stdout.splitlines() == [
        "discs  12 pictures, 3 labels; color_histogram",
        "more  cannot be used: The server that more should live on has no such collection.",
    ]
    lines = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert (lines[0]["name"], lines[0]["n_items"]) == ("discs", 12)
    assert lines[1] == {"name": "more", "error": "The server that more should live on has no such collection."}


def test_update_loads_again_from_where_it_came(loaded: list[str], server: dict[str, WatchedTable]) -> None:
    server["discs"].delete([stable_id("red/1.png")])
    result = run("update", "discs")
    assert result.exit_code == 0
    assert "1 written now, 0 removed" in result.stdout
    assert json.loads(run("update", "discs", "--json").stdout)["n_written"] == 0
    assert "has no such collection" in failure("update", "more")


def test_drop_asks_and_removes_what_is_on_the_server_alone(
    loaded: list[str], server: dict[str, WatchedTable], collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = run("cluster", "drop", *TO, input="n\n")
    assert kept.exit_code == 1
    assert "Remove milvus://host:19530/discs with all its rows?" in kept.stderr
    assert len(names(server["discs"])) == 12
    gone = run("cluster", "drop", *TO, "--yes")
    assert (gone.exit_code, gone.stdout) == (0, "milvus://host:19530/discs is removed.\n")
    assert "has no such collection" in failure("query", "discs", "red/1.png")
    assert run("cluster", "drop", *TO, "--yes").exit_code == 0
    assert Path(loaded[0], "dataset.json").exists()
    monkeypatch.delenv("IMGSEARCH_COLLECTIONS")
    get_settings.cache_clear()
    assert run("query", "discs", "red/1.png").exit_code == 0  # that in files


def test_errors_are_a_line(loaded: list[str], server: dict[str, WatchedTable], tmp_path: Path) -> None:
    assert "is neither an item of the collection, nor a file, nor a row number" in failure("query", "discs", "red/9.png")
    assert "must be a dataset that is complete" in failure("cluster", "load", str(tmp_path / "nothing"), *TO)
    assert "must be http://HOST:PORT" in failure(
        "cluster", "load", *loaded, "--to", "http://root:s3cret@host", "--name", "discs"
    )
    assert "name must be" in failure("cluster", "drop", "--to", "http://host:19530", "--name", "Discs", "--yes")
    server["discs"].is_down = True
    for command in (
        ("query", "discs", "red/1.png"),
        ("query", "discs", "--words", "red"),
        ("info", "discs"),
        ("update", "discs"),
        ("cluster", "load", *loaded, *TO),
        ("cluster", "drop", *TO, "--yes"),
    ):
        assert "does not answer" in failure(*command)
    listed = run("list")
    assert listed.exit_code == 0
    assert listed.stdout.startswith("discs  cannot be used: The server that this collection lives on does not answer.\n")


@pytest.mark.parametrize("command", ["verify", "pack", "remove", "rename", "duplicates", "evaluate", "tune"])
def test_commands_that_are_for_files_alone_say_so(server: dict[str, WatchedTable], command: str, tmp_path: Path) -> None:
    more = {"pack": ["--to", str(tmp_path)], "rename": ["others"], "remove": ["--yes"]}.get(command, [])
    result = run(command, "more", *more)
    assert result.exit_code in (1, 2)
    assert not result.exception or isinstance(result.exception, SystemExit | ImgSearchError)
