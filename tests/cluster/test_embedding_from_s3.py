"""`cluster embed` from and to an object store: a fake of S3 on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from pyarrow import fs

from imgsearch import build_collection, embedder_spec
from imgsearch.cli import cli
from imgsearch.errors import BuildError
from imgsearch.files.place import Place
from imgsearch.scale.embed import embed_pictures
from imgsearch.scale.listing import list_pictures
from tests.cluster.conftest import N_PICTURES, check_equal, rows_of

pytest.importorskip("ray", reason="`make test-cluster` has Ray")
pytest.importorskip("moto", reason="`make test-cluster` has moto")
SECRET = "not-to-be-seen-anywhere"
SPEC = embedder_spec("color_histogram")


@pytest.fixture(scope="module")
def s3() -> Iterator[fs.FileSystem]:
    """A store with an empty bucket, which the environment names, also for the cluster that starts after it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        store = fs.S3FileSystem(allow_bucket_creation=True, endpoint_override=f"http://127.0.0.1:{port}")
        store.create_dir("bucket")
        yield store
    server.stop()


@pytest.fixture(scope="module")
def uploaded(s3: fs.FileSystem, made: Path) -> str:
    fs.copy_files(str(made), "bucket/pictures", destination_filesystem=s3)
    with s3.open_output_stream("bucket/pictures/.hidden.jpg") as stream:
        stream.write(b"hidden")
    return "s3://bucket/pictures"


@pytest.mark.usefixtures("s3", "cluster")
def test_the_result_is_that_of_a_build_and_holds_no_credentials(
    uploaded: str, s3: fs.FileSystem, made: Path, home: Path
) -> None:
    arguments = ["cluster", "embed", "--images", uploaded, "--embedder", "mini", "--to", "s3://bucket/pictures/to"]
    outcome = CliRunner().invoke(cli, arguments)  # the target lies among the pictures, and is not taken for some
    assert outcome.exit_code == 0, outcome.output
    assert f"{N_PICTURES} pictures in 1 shard, 2 left out." in outcome.stdout
    assert "Left out .hidden.jpg: A hidden file." in outcome.stderr
    built = build_collection("made", made, home=home, specs=[embedder_spec("mini")])
    check_equal(rows_of("s3://bucket/pictures/to"), built.collection)
    written = [each for each in s3.get_file_info(fs.FileSelector("bucket/pictures/to", recursive=True)) if each.is_file]
    assert len(written) == N_PICTURES + 5  # thumbnails; a shard, two skipped tables, a network and dataset.json
    for each in written:
        with s3.open_input_stream(each.path) as stream:
            assert SECRET.encode() not in stream.read()
    again = embed_pictures(uploaded, embedder_spec("mini"), "s3://bucket/pictures/to", home=home)
    assert again.n_embedded == 0


@pytest.mark.usefixtures("s3", "cluster")
def test_a_list_of_addresses_gives_names_labels_and_attributes(
    uploaded: str, s3: fs.FileSystem, tmp_path: Path, home: Path
) -> None:
    with s3.open_output_stream("bucket/list.csv") as stream:
        stream.write(
            b"address,label,year\npictures/even/0.png,zero,1999\ns3://bucket/pictures/odd/1.png,,2001\npictures/gone.png,,1\n"
        )
    report = embed_pictures("s3://bucket/list.csv", SPEC, str(tmp_path / "to"), home=home)
    rows = {row["item_id"]: (row["label"], row["attributes"], row["width"]) for row in rows_of(str(tmp_path / "to"))}
    assert rows == {
        "pictures/even/0.png": ("zero", '{"year": 1999}', 160),
        "pictures/odd/1.png": ("", '{"year": 2001}', 160),
    }
    assert (report.dataset.n_items, report.dataset.n_skipped) == (2, 1)


def test_what_a_store_says_is_told_by_its_code(s3: fs.FileSystem, tmp_path: Path) -> None:
    del s3
    with pytest.raises(BuildError, match=r"s3://nobody cannot be read \(NO_SUCH_BUCKET\)\."):
        list_pictures("s3://nobody", target=Place.at(str(tmp_path)))
    with pytest.raises(BuildError, match=r"s3://nobody/x cannot be written \(NO_SUCH_BUCKET\)\."):
        (Place.at("s3://nobody") / "x").write(b"x")


def test_a_place_goes_to_other_machines_without_credentials(s3: fs.FileSystem) -> None:
    del s3
    import pickle

    assert SECRET.encode() not in pickle.dumps(Place.at("s3://bucket/x"))
