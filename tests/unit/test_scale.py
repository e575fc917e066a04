"""Places, listings, shards and datasets: all of `cluster embed` but Ray, which tests/cluster tries."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from imgsearch import Collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.distance import normalize
from imgsearch.embedding.spec import EmbedderSpec, NetworkFile
from imgsearch.errors import BuildError
from imgsearch.files.home import network_path
from imgsearch.files.place import Place, network_place
from imgsearch.pictures.items import Skipped
from imgsearch.scale import embed, listing, load
from imgsearch.scale.actors import Actor, Job, block
from imgsearch.scale.dataset import (
    FORMAT_VERSION,
    LISTING,
    Dataset,
    rows_of,
    schema,
    write_shard,
    write_skipped,
)
from imgsearch.scale.embed import embed_pictures
from imgsearch.scale.listing import list_pictures
from imgsearch.scale.load import load_datasets
from imgsearch.vectors.calibration import Calibration, calibrate
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.table import stable_id
from imgsearch.vectors.neighbors import nearest_neighbors
from tests.fake_table import FakeTable
from tests.fakes import embed_here

SPEC = embedder_spec("color_histogram")


def table_of(folder: Path, to: Path, **options: str) -> list[dict[str, object]]:
    return list_pictures(str(folder), target=Place.at(str(to)), **options).pictures.to_pylist()


def rows(to: Path) -> list[dict[str, Any]]:
    dataset = Dataset.read(Place.at(str(to)))
    assert dataset
    return [row for batch in dataset.rows(Place.at(str(to))) for row in batch.to_pylist()]


@pytest.fixture
def _without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are embedded here, one after the other."""

    monkeypatch.setattr(embed, "run", embed_here)


@pytest.fixture
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "SHARD_ROWS", 4)


# --- places


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA:geheim@bucket/pets",
        "s3://AKIA:ge/heim@bucket/pets",
        "s3://AKIA@bucket/pets",
        "https://user:geheim@example.org/pets",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_shown(address: str, tmp_path: Path) -> None:
    for images, to in ((address, str(tmp_path / "to")), (str(tmp_path), address)):
        arguments = ["cluster", "embed", "--images", images, "--embedder", "mini", "--to", to]
        outcome = CliRunner().invoke(cli, arguments)
        assert outcome.exit_code == 1
        assert "must not hold credentials" in outcome.stderr
        assert not [secret for secret in ("AKIA", "heim") if secret in outcome.output]


def test_an_address_that_nothing_reads_is_told_without_its_query() -> None:
    with pytest.raises(BuildError, match="such as s3://bucket/folder") as caught:
        Place.at("gopher://host/pets?token=geheim#geheim")
    assert "'gopher://host/pets'" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_local_place_is_a_path_or_a_file_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    places = [Place.at(address) for address in ("~/a b", "a b", f"{tmp_path}/a b/", f"file://{tmp_path}/a%20b")]
    assert {place.path for place in places} == {f"{tmp_path}/a b"}
    assert all(place.is_local for place in places)
    assert places[0].holds(places[1] / "c")
    assert not places[0].holds(replace(places[1], path=f"{tmp_path}/a bc"))


def test_a_folder_that_cannot_be_written_is_told_in_the_words_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BuildError, match=r"cannot be written \((Not a directory|File exists)\)\."):
        (Place.at(str(tmp_path)) / "file/x").write(b"x")


# --- listings


def test_a_number_is_made_of_the_digest_of_the_name_and_never_negative() -> None:
    digests = {f"{n}.png": hashlib.sha256(f"{n}.png".encode()).hexdigest() for n in range(100)}
    for name, digest in digests.items():
        assert stable_id(name) == int(digest[:16], 16) % 2**63
    assert any(int(digest[0], 16) >= 8 for digest in digests.values())


def test_a_folder_is_listed_and_labelled_as_by_a_build(pictures: Path, tmp_path: Path) -> None:
    (pictures / "notes.txt").write_text("no picture")
    (pictures / "red" / "loop").symlink_to(pictures)
    rows = table_of(pictures, tmp_path / "to")
    assert {row["item_id"]: row["label"] for row in rows} == {
        f"{label}/{number}.png": label for label in ("red", "green", "blue") for number in range(4)
    }
    assert [row["id"] for row in rows] == sorted(stable_id(str(row["item_id"])) for row in rows)
    left_out = list_pictures(str(pictures), target=Place.at(str(tmp_path / "to"))).left_out
    assert [each.item_id for each in left_out] == ["notes.txt", "red/loop"]
    (pictures / "metadata.csv").write_text("file_name,label\nred/0.png,first\ngone.png,\n")
    assert [row["label"] for row in table_of(pictures, tmp_path / "to") if row["label"]] == ["first"]
    by_pattern = table_of(pictures, tmp_path / "to", label_pattern=r"(?P<label>\d)\.png")
    assert {row["label"] for row in by_pattern} == {"0", "1", "2", "3"}
    (pictures / "metadata.csv").write_text("file_name,label\ngone.png,first\n")
    for options in ({}, {"label_pattern": r"(?P<label>z)"}):
        with pytest.raises(BuildError, match="must give labels to some of the 12 pictures, and gives none"):
            table_of(pictures, tmp_path / "to", **options)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
@pytest.mark.usefixtures("_without_ray")
def test_a_name_that_is_no_utf8_is_embedded_too(pictures: Path, tmp_path: Path, home: Path) -> None:
    os.rename(pictures / "red" / "0.png", os.fsencode(pictures) + b"/red/\xff.png")
    report = embed_pictures(str(pictures), SPEC, str(tmp_path / "to"), home=home)
    assert report.dataset.n_items == 12


def test_pictures_must_lie_outside_of_the_target_and_the_target_may_lie_among_them(pictures: Path) -> None:
    for to in (pictures, pictures.parent):
        with pytest.raises(BuildError, match="must lie outside"):
            table_of(pictures, to)
    assert len(table_of(pictures, pictures / "red")) == 8


def test_two_pictures_of_one_number_are_told(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "stable_id", lambda name: 5 if name in ("red/0.png", "blue/1.png") else stable_id(name))
    with pytest.raises(BuildError, match=r"same number.*'(red/0|blue/1)\.png' and '(red/0|blue/1)\.png'"):
        table_of(pictures, tmp_path / "to")


def test_a_list_of_addresses_says_names_labels_and_attributes(pictures: Path, tmp_path: Path) -> None:
    file = tmp_path / "list.parquet"
    addresses = ["pictures/red/0.png", f"{pictures}/red/1.png", f"file://{pictures}/red/2.png"]
    columns = {"address": addresses, "item_id": ["one", None, "three"], "label": ["a", "b", None], "stars": [1, 2, 3]}
    pq.write_table(pa.table(columns), file)
    rows = {row["item_id"]: row for row in table_of(file, tmp_path / "to")}
    second = f"{pictures}/red/1.png".lstrip("/")
    assert {name: (row["label"], json.loads(str(row["attributes"]))) for name, row in rows.items()} == {
        "one": ("a", {"stars": 1}),
        second: ("b", {"stars": 2}),
        "three": ("", {"stars": 3}),
    }
    assert {Path(os.fsdecode(row["path"])) for row in rows.values()} == {pictures / f"red/{n}.png" for n in range(3)}


def test_a_list_may_have_numbers_for_names_and_values_that_json_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "list.parquet"
    pq.write_table(pa.table({"address": ["a.png", "b.png"], "item_id": [7, 0], "weight": [float("nan"), 1.5]}), file)
    rows = {row["item_id"]: row["attributes"] for row in table_of(file, tmp_path / "to")}
    assert rows == {"7": '{"weight": null}', "0": '{"weight": 1.5}'}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\na.png\n", "must have a column address. Received: name."),
        ("address\na.png\na.png\n", "Received twice: 'a.png'"),
        ("address,label\n,x\n", "must have an address"),
        ("address\n", "There are no pictures in"),
        ("address\ngopher://host/a.png\n", "which cannot be opened"),
        ("address\ns3://k:geheim@b/a.png\n", "must not hold credentials"),
        ("address\na.png\n\udcff\n", "must be a table with a column address"),
    ],
)
def test_a_list_that_will_not_do_is_told(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BuildError) as caught:
        table_of(file, tmp_path / "to")
    assert message in str(caught.value)
    assert "geheim" not in str(caught.value)
    with pytest.raises(BuildError, match=r"must be a table with a column address, and is not \(No such file"):
        table_of(tmp_path / "other.csv", tmp_path / "to")


# --- shards


@pytest.mark.usefixtures("_without_ray", "_small_shards")
def test_one_picture_more_changes_one_shard(drawn: Path, tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    content = (drawn / "red" / "0.png").read_bytes()
    for number in range(64):
        (folder / f"{number}.png").write_bytes(content)
    before = embed_pictures(str(folder), SPEC, str(tmp_path / "to"), home=home)
    (folder / "new.png").write_bytes(content)
    after = embed_pictures(str(folder), SPEC, str(tmp_path / "to"), home=home)
    assert sum(before.dataset.shards.values()) == 64
    assert sum(after.dataset.shards.values()) == 65
    assert len(before.dataset.shards) > 8
    (changed,) = before.dataset.shards.keys() - after.dataset.shards.keys()
    assert after.n_embedded <= before.dataset.shards[changed] + 1


@pytest.mark.usefixtures("_without_ray")
def test_a_shard_is_what_a_build_made(collection: Collection, pictures: Path, tmp_path: Path, home: Path) -> None:
    (pictures / "bad.jpg").write_bytes(b"no picture")
    report = embed_pictures(str(pictures), SPEC, str(tmp_path / "to"), home=home)
    ((key, n),) = report.dataset.shards.items()
    rows = pq.read_table(tmp_path / "to" / "shards" / f"{key}.parquet").to_pylist()
    assert (len(rows), n) == (12, 12)
    embeddings = collection.spaces["color_histogram"].embeddings
    for row in rows:
        item = collection.items[number := collection.items.row_of(row["item_id"])]
        names = ("label", "width", "height", "bytes", "sha256", "thumbnail")
        assert [row[name] for name in names] == [getattr(item, name) for name in names]
        assert np.abs(np.array(row["embedding"], np.float32) - embeddings[number]).max() < 1e-5
        assert (tmp_path / "to" / "thumbnails" / f"{item.thumbnail}.webp").stat().st_size == item.thumbnail_bytes
    table = pq.read_table(tmp_path / "to" / "skipped" / f"{key}.parquet").to_pylist()
    assert table == [{"item_id": "bad.jpg", "reason": "The file is not a picture in a known format.", "n": 1}]
    assert report.skipped == [Skipped("bad.jpg", "The file is not a picture in a known format.")]


@pytest.mark.usefixtures("_without_ray", "_small_shards")
def test_what_is_cut_off_is_made_again_and_what_no_one_names_is_not_read(
    pictures: Path, tmp_path: Path, home: Path
) -> None:
    to = tmp_path / "to"
    first = embed_pictures(str(pictures), SPEC, str(to), home=home)
    key = max(first.dataset.shards, key=lambda key: first.dataset.shards[key])
    file = to / "shards" / f"{key}.parquet"
    whole = file.read_bytes()
    for content in (b"", whole[:-10], whole[:100]):
        file.write_bytes(content)
        assert key not in rows_of(Place.at(str(to)), first.dataset.shards)
        (to / "dataset.json").unlink()  # as after a kill
        again = embed_pictures(str(pictures), SPEC, str(to), home=home)
        assert again.n_embedded == first.dataset.shards[key]
        assert (file.read_bytes(), again.dataset) == (whole, first.dataset)


@pytest.mark.usefixtures("_without_ray", "_small_shards")
def test_what_no_shard_needs_any_more_is_removed_and_nothing_else(pictures: Path, tmp_path: Path, home: Path) -> None:
    to = tmp_path / "to"
    (pictures / "bad.jpg").write_bytes(b"no picture")
    (pictures / "copy.png").write_bytes((pictures / "red" / "0.png").read_bytes())
    first = embed_pictures(str(pictures), SPEC, str(to), home=home)
    thumbnails = {row["item_id"]: row["thumbnail"] for row in rows(to)}
    cut_off, of_others = "0" * 64, {to / "shards" / "mine.parquet", to / "skipped" / f"{'1' * 63}.parquet"}
    (to / "shards" / f"{cut_off}.parquet").write_bytes(b"PAR1")
    write_skipped(Place.at(str(to)), cut_off, [Skipped("x", "y")])
    for file in of_others:
        file.write_bytes(b"")
    for name in ("bad.jpg", "copy.png", "red/1.png"):
        (pictures / name).unlink()
    second = embed_pictures(str(pictures), SPEC, str(to), home=home)
    assert first.dataset.shards.keys() - second.dataset.shards.keys()
    lying = {path for folder in ("shards", "skipped", "thumbnails") for path in (to / folder).iterdir()}
    assert lying == {
        *(to / "shards" / f"{key}.parquet" for key in second.dataset.shards),
        to / "skipped" / "listing.parquet",
        *of_others,
        *(to / "thumbnails" / f"{thumbnails[name]}.webp" for name in thumbnails.keys() - {"copy.png", "red/1.png"}),
    }
    assert to / "thumbnails" / f"{thumbnails['copy.png']}.webp" in lying  # red/0.png has the same


def test_who_goes_on_elsewhere_takes_the_network_of_the_dataset(
    pictures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another export may be other bytes, for which all would be embedded again."""
    place, spec = Place.at(str(tmp_path / "to")), EmbedderSpec("mini", weights="5" * 64)
    network = NetworkFile(hashlib.sha256(b"a network").hexdigest(), 9, 0.0)
    network_place(place, network.sha256).write(b"a network")
    Dataset(replace(spec, network=network), 256, 3, 1, {"a": 3}).write(place)
    jobs = []

    def run(job: Job, *others: object) -> None:
        jobs.append(job)
        raise BuildError("It is enough.")

    monkeypatch.setattr(embed, "run", run)
    with pytest.raises(BuildError, match="enough"):
        embed_pictures(str(pictures), spec, str(tmp_path / "to"), home=home)
    assert [job.spec.network for job in jobs] == [network]
    assert network_path(home, network.sha256).read_bytes() == b"a network"


@pytest.mark.usefixtures("_without_ray", "_small_shards")
def test_who_may_not_remove_what_is_left_over_has_a_dataset_all_the_same(
    pictures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "to"
    embed_pictures(str(pictures), SPEC, str(to), home=home)
    n_before = len(list((to / "shards").iterdir()))
    (pictures / "red" / "1.png").unlink()

    def refuse(place: Place) -> None:
        raise BuildError(f"{place.shown} cannot be removed (ACCESS_DENIED).")

    monkeypatch.setattr(Place, "remove", refuse)
    embed_pictures(str(pictures), SPEC, str(to), home=home)
    assert len(rows(to)) == 11
    assert len(list((to / "shards").iterdir())) == n_before + 1


@pytest.mark.usefixtures("_without_ray")
def test_pictures_of_which_none_can_be_used_make_no_dataset(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(BuildError, match="The only picture cannot be used: The file is not a picture"):
        embed_pictures(str(folder), SPEC, str(tmp_path / "to"), home=home)
    assert not (tmp_path / "to" / "dataset.json").exists()


def test_without_ray_the_hint_is_what_to_install(
    pictures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BuildError, match="Ray is needed") as caught:
        embed_pictures(str(pictures), SPEC, str(tmp_path / "to"), home=home)
    assert caught.value.hint == "pip install '.[cluster]'"


def test_a_target_that_is_another_one_on_each_machine_is_told(
    pictures: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(job: Job, shards: Mapping[str, pa.Table], told: Callable[[int], None]) -> None:
        embed_here(replace(job, target=Place.at(str(tmp_path / "elsewhere"))), shards, told)

    monkeypatch.setattr(embed, "run", run)
    with pytest.raises(BuildError, match=f"must reach {tmp_path}/to, and"):
        embed_pictures(str(pictures), SPEC, str(tmp_path / "to"), home=home)
    assert not (tmp_path / "to" / "dataset.json").exists()


def test_pictures_that_a_machine_does_not_have_are_not_left_out_but_told(pictures: Path, tmp_path: Path) -> None:
    target = Place.at(str(tmp_path / "to"))
    found = list_pictures(str(pictures), target=target)
    pictures.rename(tmp_path / "gone")
    with pytest.raises(BuildError, match=f"must reach the pictures, and one has no {pictures}"):
        Actor(Job(found.root, SPEC, target))(block("key", found.pictures))
    assert rows_of(target, ["key"]) == {}


# --- datasets


def test_a_dataset_says_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    place = Place.at(str(tmp_path / "to"))
    assert Dataset.read(place) is None
    dataset = Dataset(embedder_spec("mini"), 256, 3, 1, {"b": 2, "a": 1})
    dataset.write(place)
    assert Dataset.read(place) == dataset
    assert list(Dataset.read(place).shards) == ["b", "a"]  # type: ignore[union-attr]


@pytest.mark.usefixtures("_without_ray", "_small_shards")
def test_the_rows_of_a_dataset_come_by_id_a_shard_at_a_time(pictures: Path, tmp_path: Path, home: Path) -> None:
    to = tmp_path / "to"
    embed_pictures(str(pictures), SPEC, str(to), home=home)
    place, dataset = Place.at(str(to)), Dataset.read(Place.at(str(to)))
    assert dataset
    batches = list(dataset.rows(place))
    assert [batch.num_rows for batch in batches] == list(dataset.shards.values())
    assert len(batches) > 1
    assert all(batch.schema.equals(schema(SPEC.dim)) for batch in batches)
    ids = [each for batch in batches for each in batch.column("id").to_pylist()]
    assert ids == sorted(stable_id(f"{label}/{number}.png") for label in ("red", "green", "blue") for number in range(4))
    embeddings = np.concatenate([batch.column("embedding").flatten().to_numpy() for batch in batches])
    assert np.linalg.norm(embeddings.reshape(12, SPEC.dim), axis=1) == pytest.approx(np.ones(12), abs=1e-6)
    (to / "shards" / f"{next(iter(dataset.shards))}.parquet").unlink()
    with pytest.raises(BuildError, match=f"The shards of {to} cannot be read"):
        list(dataset.rows(place))


def test_a_dataset_that_will_not_do_is_told(pictures: Path, tmp_path: Path, home: Path) -> None:
    place = Place.at(str(tmp_path / "to"))
    Dataset(embedder_spec("mini"), 256, 3, 1, {"a": 3}).write(place)
    with pytest.raises(BuildError, match=r"must have one embedder\. Received: color_histogram, where mini"):
        embed_pictures(str(pictures), SPEC, str(tmp_path / "to"), home=home)
    file = tmp_path / "to" / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": FORMAT_VERSION + 1}))
    with pytest.raises(BuildError, match=f"must be {FORMAT_VERSION}. Received: {FORMAT_VERSION + 1}."):
        Dataset.read(place)
    for text in ("", "[]", '{"format_version": 1}'):
        file.write_text(text)
        with pytest.raises(BuildError, match="damaged"):
            Dataset.read(place)


def test_nothing_left_out_is_an_empty_listing_and_no_table_of_a_shard(tmp_path: Path) -> None:
    place = Place.at(str(tmp_path))
    write_skipped(place, LISTING, [])
    write_shard(place, "key", 4, [], [])
    assert rows_of(place, ["key", "other"]) == {"key": 0}
    assert pq.read_table(tmp_path / "skipped" / "listing.parquet").num_rows == 0
    assert not (tmp_path / "skipped" / "key.parquet").exists()


# --- loading


def test_a_large_collection_is_calibrated_on_the_neighbourhoods_of_all_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty labels with twelve pictures each, of which the sample has three or so."""
    spec, rng = embedder_spec("mini"), np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(60, spec.dim)), 12, axis=0)
    vectors = normalize((centres + 0.5 * rng.normal(size=centres.shape)).astype(np.float32))
    labels = [str(number // 12) for number in range(720)]
    shown = {"attributes": "{}", "width": 1, "height": 1, "bytes": 1, "sha256": "0" * 64, "thumbnail": "0" * 64}
    rows = [
        {"id": stable_id(f"{number}.jpg"), "item_id": f"{number}.jpg", "label": label, "embedding": vector, **shown}
        for number, (label, vector) in enumerate(zip(labels, vectors, strict=True))
    ]
    place = Place.at(str(tmp_path))
    write_shard(place, "key", spec.dim, sorted(rows, key=lambda row: int(str(row["id"]))), [])
    Dataset(spec, spec.dim, len(rows), 0, {"key": len(rows)}).write(place)
    monkeypatch.setattr(load, "MOST_SAMPLED", 180)
    facts = load_datasets([str(tmp_path)], FakeTable("large")).facts
    assert (facts.n_items, facts.n_sampled) == (720, 180)
    found = Calibration.from_json(json.loads(facts.spaces["mini"].calibration))
    whole = calibrate(vectors, nearest_neighbors(vectors, ExactIndex(vectors)), labels)
    assert found.near == pytest.approx(whole.near, rel=0.02)
    np.testing.assert_allclose(found.neighborhoods or (), whole.neighborhoods or (), rtol=0.1)
    near = float(np.linalg.norm(vectors[0] - vectors[1]))
    told = [each.p_same_label(near, near) for each in (found, whole)]
    assert told[0] == pytest.approx(told[1], abs=0.02)
