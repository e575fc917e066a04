"""From pictures to embeddings in this process."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import embedder_spec
from imgsearch.embedding import local
from imgsearch.embedding.embedder import load_embedder
from imgsearch.embedding.embedders import Embedded, Wanted, embed_all
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import ImageDecodeError
from imgsearch.pictures.regions import Region

COLOURS, EDGES = EmbedderSpec("color_histogram"), EmbedderSpec("edge_histogram")


@pytest.fixture
def embedders() -> LocalEmbedders:
    return LocalEmbedders(Path("unused"))


def direct(path: Path, spec: EmbedderSpec) -> np.ndarray:
    return load_embedder(spec, Path("unused")).embed([np.asarray(Image.open(path))])[0]


@pytest.mark.parametrize("batch_size", [1, 5, 32])
def test_outcomes_come_in_the_order_given_whatever_the_batches(
    embedders: LocalEmbedders, drawn: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    monkeypatch.setattr(local, "BATCH_SIZE", batch_size)
    monkeypatch.setattr(local, "AHEAD", 3)
    paths = sorted(drawn.rglob("*.png"))
    specs = [[COLOURS], [COLOURS, EDGES], [EDGES]] * 4
    wanted: list[Wanted] = [Wanted(*each) for each in zip(paths, specs, strict=True)]
    wanted[7] = Wanted(b"no picture", [COLOURS])
    outcomes = list(embedders.embed(wanted))
    assert isinstance(outcomes.pop(7), ImageDecodeError)
    del paths[7], specs[7]
    for outcome, path, asked in zip(outcomes, paths, specs, strict=True):
        assert isinstance(outcome, Embedded)
        assert list(outcome.vectors) == asked
        assert all(np.array_equal(outcome.vectors[spec], direct(path, spec)) for spec in asked)


def test_only_what_is_wanted_is_made(embedders: LocalEmbedders, drawn: Path) -> None:
    path = drawn / "red" / "1.png"
    plain, shown, drawn_small = embed_all(
        embedders,
        [Wanted(path, [COLOURS]), Wanted(path, [], preview=True), Wanted(path, [COLOURS], thumbnail=True)],
    )
    assert (plain.preview, plain.thumbnail, shown.thumbnail, drawn_small.preview) == (b"",) * 4
    assert (shown.preview[:3], drawn_small.thumbnail[8:12]) == (b"\xff\xd8\xff", b"WEBP")
    assert (shown.width, shown.height, shown.vectors) == (80, 60, {})
    assert plain.sha256 == ""
    assert set(plain.timings_ms) == {"decode", "embed"}


def test_what_to_embed_with_may_depend_on_the_content(embedders: LocalEmbedders, drawn: Path) -> None:
    known, new = drawn / "red" / "1.png", drawn / "red" / "2.png"
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (known, new)]
    outcomes = embed_all(embedders, [Wanted(path, {digests[0]: None, digests[1]: [COLOURS]}.get) for path in (known, new)])
    assert [outcome.sha256 for outcome in outcomes] == digests
    assert [(outcome.width, len(outcome.vectors)) for outcome in outcomes] == [(0, 0), (80, 1)]


def test_a_region_is_embedded_and_the_whole_is_shown(embedders: LocalEmbedders, drawn: Path) -> None:
    path, region = drawn / "red" / "3.png", Region(0.4, 0.4, 0.6, 0.6)
    (part,) = embed_all(embedders, [Wanted(path, [COLOURS], region, preview=True)])
    inside = np.asarray(Image.open(path))[24:36, 32:48]
    assert np.array_equal(part.vectors[COLOURS], load_embedder(COLOURS, Path("unused")).embed([inside])[0])
    assert (part.width, part.height) == (80, 60)


def test_pixels_are_embedded_as_they_are(embedders: LocalEmbedders, drawn: Path) -> None:
    path = drawn / "red" / "3.png"
    (from_pixels,) = embed_all(embedders, [Wanted(np.asarray(Image.open(path)), [COLOURS])])
    assert np.array_equal(from_pixels.vectors[COLOURS], direct(path, COLOURS))


def test_where_nothing_will_do_but_all_the_first_error_is_raised(embedders: LocalEmbedders, drawn: Path) -> None:
    with pytest.raises(ImageDecodeError):
        embed_all(embedders, [Wanted(drawn / "red" / "1.png", [COLOURS]), Wanted(b"no picture", [COLOURS])])


def test_a_source_may_fetch_what_it_is_and_say_of_it_that_it_cannot_be_used(embedders: LocalEmbedders, drawn: Path) -> None:
    path = drawn / "red" / "3.png"

    def fail() -> bytes:
        raise ImageDecodeError("Gone.")

    fetched, gone, other = embedders.embed([Wanted(source, [COLOURS]) for source in (path.read_bytes, fail, path)])
    assert isinstance(fetched, Embedded)
    assert np.array_equal(fetched.vectors[COLOURS], direct(path, COLOURS))
    assert (str(gone), isinstance(other, Embedded)) == ("Gone.", True)


def test_as_many_pictures_are_read_at_a_time_as_is_said(drawn: Path) -> None:
    together = threading.Barrier(3, timeout=10)  # broken, unless three wait at it

    def fetch() -> bytes:
        together.wait()
        return (drawn / "red" / "3.png").read_bytes()

    assert len(embed_all(LocalEmbedders(Path("unused"), n_threads=3), [Wanted(fetch, [COLOURS])] * 3)) == 3


def test_a_network_is_run_by_as_many_processors_as_is_said(monkeypatch: pytest.MonkeyPatch, drawn: Path) -> None:
    made: list[int] = []
    interpreter = LiteRTNetwork.interpreter

    def noted(self: LiteRTNetwork, n_threads: int) -> object:
        made.append(n_threads)
        return interpreter(self, n_threads)

    monkeypatch.setattr(LiteRTNetwork, "interpreter", noted)
    mini, paths = embedder_spec("mini"), sorted(drawn.rglob("*.png"))
    embed_all(LocalEmbedders(Path("unused"), n_processors=1), [Wanted(path, [mini]) for path in paths])
    assert made == [1, 1]  # what looks at one picture, and what looks at those of a batch
