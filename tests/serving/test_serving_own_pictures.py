"""A visitor's own labelled pictures: a collection with a calibration, made by the page's process and its worker."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgsearch import embedder_spec
from imgsearch.collection.session import SessionCollections, SessionLimits
from imgsearch.embedding.worker.client import WorkerClient, WorkerEmbedders
from tests.conftest import LABELS, PER_LABEL


@pytest.fixture
def collections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SessionCollections]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = SessionCollections(SessionLimits())
    yield made
    made.close()


def test_own_labelled_pictures_become_a_collection_that_says_how_likely_labels_agree(
    collections: SessionCollections, pictures: Path, home: Path
) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for path in sorted(pictures.rglob("*.png")):
            archive.write(path, path.relative_to(pictures).as_posix())
    client = WorkerClient(home, timeout_s=60, queue=8)
    try:
        collection = collections.build(
            [("mine.zip", stream.getvalue())],
            embedders=WorkerEmbedders(client),
            specs=[embedder_spec("color_histogram")],
            title="Mine",
        )
        found = collection.search(picture=(pictures / "red/0.png").read_bytes(), embedders=WorkerEmbedders(client))
    finally:
        client.close()
    assert collection.items.label_counts == dict.fromkeys(sorted(LABELS), PER_LABEL)
    assert found.results[0].item.item_id == "red/0.png"
    likely = [result.p_same_label for result in sorted(found.results, key=lambda result: result.distance)]
    assert None not in likely
    assert likely[0] > 0.5 > likely[-1]
    assert likely == sorted(likely, reverse=True)
