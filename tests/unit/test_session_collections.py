"""Collections of a visitor's own pictures, embedded by an embedder in this process instead of the worker."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgsearch import embedder_spec
from imgsearch.collection import intake, session
from imgsearch.collection.session import SESSION_NAME, BuildStopped, Remarks, SessionCollections, SessionLimits
from imgsearch.embedding.classifier import Classifier
from imgsearch.errors import BuildBusyError, BuildError, CollectionNotFoundError, WorkerBusyError, WorkerError
from imgsearch.pictures.items import Skipped
from imgsearch.vectors.projection import MIN_TSNE_ITEMS
from tests.conftest import crashing, draw_picture, zip_of_windows
from tests.fakes import FakeEmbedders
from tests.hostile_archives import tar_that_begins_like_a_zip, with_zip64_end, zip_directory

SPEC = embedder_spec("color_histogram")


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def make() -> Iterator[Callable[..., SessionCollections]]:
    """Makes them with limits, and closes them."""
    made = []

    def new(**limits: float) -> SessionCollections:
        made.append(SessionCollections(SessionLimits(**limits)))  # type: ignore[arg-type]
        return made[-1]

    yield new
    for each in made:
        each.close()


def build(collections: SessionCollections, uploads: list[tuple[str, bytes]], **options: object):  # type: ignore[no-untyped-def]
    return collections.build(uploads, **{"embedders": FakeEmbedders(), "specs": [SPEC], "title": "Mine", **options})  # type: ignore[arg-type]


def png(number: int, color: tuple[int, int, int] = (200, 40, 60)) -> bytes:
    file = io.BytesIO()
    draw_picture(color, number).save(file, "PNG")
    return file.getvalue()


def archive(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as stream:
        for name, data in files.items():
            stream.writestr(name, data)
    return file.getvalue()


def ids(collection) -> list[str]:  # type: ignore[no-untyped-def]
    return [item.item_id for item in collection.items]


def left_over(collections: SessionCollections) -> list[str]:
    return sorted(path.name for path in collections.home.iterdir() if path.name != "lock")


def test_uploads_become_a_collection_that_is_searched(make: Callable[..., SessionCollections]) -> None:
    collections = make()
    told: list[tuple[int, int, str]] = []
    uploads = [(f"{n}.png", png(n)) for n in range(5)]
    collection = build(collections, uploads, progress=lambda *step: told.append(step))
    assert ids(collection) == [f"{n}.png" for n in range(5)]
    assert collection.manifest.title == "Mine"
    assert SESSION_NAME.fullmatch(collection.name)
    page = collection.search(picture=png(3), k=2)
    assert page.results[0].item.item_id == "3.png"
    assert page.results[0].distance == 0
    with Image.open(collection.thumbnail_path(collection.items[0])) as thumbnail:
        assert (thumbnail.size, thumbnail.format) == ((80, 60), "WEBP")
    assert [step for step in told if step[2] == "embedding"] == [(n, 5, "embedding") for n in range(6)]
    steps = [step[:2] for step in told if step[2] != "embedding"]
    assert steps == [(n, 4) for n in range(5)]  # index, neighbours, map, calibration, and all of them


def test_where_annoy_crashes_they_are_searched_without_an_index(make: Callable[..., SessionCollections]) -> None:
    with crashing():
        collection = build(make(), [(f"{number}.png", png(number)) for number in range(3)])
    assert collection.exact_spaces == ["color_histogram"]
    assert len(collection.search(row=0).results) == 2


def test_nothing_of_the_originals_is_kept(make: Callable[..., SessionCollections]) -> None:
    collections = make()
    data = png(1)
    collection = build(collections, [("1.png", data), ("more.zip", archive({"2.png": png(2)}))])
    kept = [path.read_bytes() for path in collections.home.rglob("*") if path.is_file()]
    assert not [content for content in kept if data in content or b"PK\x03\x04" in content]
    assert left_over(collections) == [collection.name]


def test_nobody_else_may_look_and_no_name_comes_twice(make: Callable[..., SessionCollections]) -> None:
    collections = make()
    first, second = (build(collections, [("1.png", png(1))]) for _ in range(2))
    assert first.name != second.name
    assert stat.S_IMODE(collections.home.stat().st_mode) == 0o700


def test_a_zip_gives_its_folders_as_labels(make: Callable[..., SessionCollections]) -> None:
    files = {f"pets/{label}/{n}.png": png(n + 1) for label in ("cat", "dog") for n in range(2)}
    collection = build(make(), [("pets.zip", archive({**files, "__MACOSX/pets/cat/._0.png": b"x", "pets/.x.png": b"x"}))])
    assert [(item.item_id, item.label) for item in collection.items] == [
        (name, name.split("/")[1]) for name in sorted(files)
    ]
    assert collection.skipped == [Skipped("pets/.x.png", "A hidden file.")]


def test_a_zip_of_windows_is_read_in_the_language_of_the_visitor_and_that_is_told(
    make: Callable[..., SessionCollections],
) -> None:
    data = zip_of_windows({f"{label}/{n}.png": png(n + 1) for label in ("가", "나") for n in range(2)}, "cp949")
    collections = make()
    for locale, labels, encoding in (("ko", ["가", "나"], "cp949"), ("zh-CN", ["啊", "唱"], "gbk")):
        collection = build(collections, [("a.zip", data)], locale=locale)
        assert sorted({item.label for item in collection.items}) == sorted(labels)
        assert collections.remarks(collection.name) == Remarks((encoding,), 0)
    collections.remove(collection.name)
    assert collections.remarks(collection.name) == Remarks()


def test_rows_and_pictures_that_do_not_meet_are_told(make: Callable[..., SessionCollections]) -> None:
    table = "file_name;label\n1.png;개\n2.png;고양이\ngone.png;개\n".encode("cp949")
    collections = make()
    collection = build(collections, [("metadata.csv", table), *((f"{n}.png", png(n)) for n in range(1, 4))], locale="ko")
    assert [item.label for item in collection.items] == ["개", "고양이", ""]
    assert [each.item_id for each in collection.skipped] == ["gone.png"]
    assert collections.remarks(collection.name) == Remarks(("cp949",), 1)


def test_one_folder_for_all_is_no_label(make: Callable[..., SessionCollections]) -> None:
    collection = build(make(), [("a.zip", archive({"holiday/1.png": png(1), "holiday/2.png": png(2)}))])
    assert [item.label for item in collection.items] == ["", ""]


@pytest.mark.parametrize(
    ("names", "placed"),
    [
        (["a.png", "a.png", "A.PNG"], ["A (3).PNG", "a (2).png", "a.png"]),
        (["../../etc/passwd.png", "/etc/x.png", "C:\\Users\\y.png"], ["C/Users/y.png", "etc/passwd.png", "etc/x.png"]),
        ([".hidden.png", "..", ""], ["hidden.png", "picture", "picture (2)"]),
        (["a\x00\n\u202eb.png", "고양이.png"], ["ab.png", "고양이.png"]),
        (["cafe\u0301.png", "caf\u00e9.png"], ["caf\u00e9 (2).png", "caf\u00e9.png"]),
        (["1/2/3/4/5.png"], ["3/4/5.png"]),
        (["x" * 300 + ".png"], ["x" * 196 + ".png"]),
        (["고" * 100 + ".png"], ["고" * 65 + ".png"]),
    ],
)
def test_names_lead_nowhere_and_are_different(
    make: Callable[..., SessionCollections], names: list[str], placed: list[str]
) -> None:
    uploads = [(name, png(n % 5 + 1)) for n, name in enumerate(names)]
    assert ids(build(make(), uploads)) == placed


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "..\\x.png"])
def test_a_zip_with_a_name_that_leads_out_is_refused(make: Callable[..., SessionCollections], name: str) -> None:
    collections = make()
    with pytest.raises(BuildError, match="leads out of it"):
        build(collections, [("a.zip", archive({name: png(1)}))])
    assert left_over(collections) == []


def test_what_is_no_picture_is_listed_and_copies_are_embedded_once(make: Callable[..., SessionCollections]) -> None:
    embedders = FakeEmbedders()
    uploads = [("a.png", png(1)), ("b.png", png(1)), ("broken.jpg", b"\xff\xd8\xff\xe0 nothing"), ("c.txt", b"words")]
    collection = build(make(), uploads, embedders=embedders)
    assert ids(collection) == ["a.png", "b.png"]
    assert [skipped.item_id for skipped in collection.skipped] == ["broken.jpg", "c.txt"]
    assert embedders.n_embedded == 1


def test_nothing_of_a_zip_is_left_out_in_silence(make: Callable[..., SessionCollections]) -> None:
    others = [
        "notes/1.txt",
        ".git/config",
        "more.zip",
        "scan.xcf",
        "Thumbs.db",
        "__MACOSX/._1.png",
        *(f"{n}.log" for n in range(9)),
    ]
    collection = build(make(), [("a.zip", archive({"1.png": png(1), **dict.fromkeys(others, b"x")})), ("b.xcf", b"gimp x")])
    lines = {skipped.item_id: (skipped.reason, skipped.n) for skipped in collection.skipped}
    assert lines == {
        "*.log": ("Not a picture in a known format (9 files, such as 0.log).", 9),
        ".git/config": ("A hidden file.", 1),
        "b.xcf": ("Not a picture in a known format.", 1),
        "more.zip": ("An archive, which is not unpacked here: unpack it first.", 1),
        "notes/1.txt": ("Not a picture in a known format.", 1),
        "scan.xcf": ("Not a picture in a known format.", 1),
    }
    assert collection.manifest.n_skipped == 14


@pytest.mark.parametrize("uploads", [[], [("a.txt", b"words")], [("a.zip", archive({"b.txt": b"words"}))]])
def test_without_pictures_there_is_no_collection(
    make: Callable[..., SessionCollections], uploads: list[tuple[str, bytes]]
) -> None:
    collections = make()
    with pytest.raises(BuildError, match="no pictures among these files") as caught:
        build(collections, uploads)
    assert str(collections.home) not in caught.value.message
    assert left_over(collections) == []


def test_where_none_can_be_used_the_reasons_are_told(make: Callable[..., SessionCollections]) -> None:
    with pytest.raises(BuildError, match="The only picture cannot be used: The file is not a picture"):
        build(make(), [("a.jpg", b"words")])


def test_too_many_files_are_refused(make: Callable[..., SessionCollections]) -> None:
    uploads = [(f"{n}.png", png(n)) for n in range(4)]
    assert len(build(make(max_pictures=4), uploads).items) == 4
    for files in (uploads, [("a.zip", archive(dict(uploads)))], [uploads[0], ("a.zip", archive(dict(uploads[1:])))]):
        collections = make(max_pictures=3)
        with pytest.raises(BuildError, match=r"at most 3 files"):
            build(collections, files)
        assert left_over(collections) == []


def test_too_many_bytes_are_refused(make: Callable[..., SessionCollections]) -> None:
    with pytest.raises(BuildError, match="at most 1 MB together"):
        build(make(max_bytes=2**20), [("a.png", bytes(2**19)), ("b.png", bytes(2**19 + 1))])


def test_a_zip_bomb_is_stopped_where_it_exceeds_the_limit(make: Callable[..., SessionCollections]) -> None:
    bomb = archive({f"{n}.png": bytes(2**20) for n in range(8)})
    assert len(bomb) < 20_000
    collections = make(max_bytes=3 * 2**20)
    with pytest.raises(BuildError, match=r"at most 3,145,728 bytes when unpacked"):
        build(collections, [("a.zip", bomb)])
    with pytest.raises(BuildError, match=r"bytes when unpacked"):  # what came before counts
        build(collections, [("a.png", bytes(2**21)), ("a.zip", archive({"b.png": bytes(2**20 + 1)}))])
    assert left_over(collections) == []


def test_a_zip_that_lists_more_files_than_memory_holds_is_refused(make: Callable[..., SessionCollections]) -> None:
    for data in (zip_directory(30_000), with_zip64_end(zip_directory(30_000))):
        with pytest.raises(BuildError, match="lists too many files"):
            build(make(), [("a.zip", data)])
    with pytest.raises(BuildError, match="whole zip or tar"):
        build(make(), [("a.zip", tar_that_begins_like_a_zip(30_000))])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such bound")
def test_a_zip_that_takes_more_memory_than_pictures_do_is_refused(
    make: Callable[..., SessionCollections], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_MEMORY_BYTES", 1)
    with pytest.raises(BuildError, match="takes more memory or time than one with pictures does"):
        build(make(), [("a.zip", archive({"1.png": png(1)}))])


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"PK\x03\x04" + bytes(100)])
def test_a_damaged_zip_is_an_error_in_words(
    make: Callable[..., SessionCollections], damage: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(BuildError, match="whole zip"):
        build(make(), [("a.zip", damage(archive({"a.png": png(1)})))])


def test_a_busy_worker_is_waited_for(make: Callable[..., SessionCollections], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_BUSY_PAUSE_S", 0.0)
    n_asked = 0

    def crowded(content: bytes) -> WorkerError | None:
        nonlocal n_asked
        n_asked += 1
        return WorkerBusyError("Others first.") if n_asked % 3 else None

    uploads = [(f"{n}.png", png(n)) for n in range(3)]
    assert len(build(make(), uploads, embedders=FakeEmbedders(crowded)).items) == 3
    assert n_asked == 9


@pytest.mark.parametrize(("n_bad", "is_built"), [(2, True), (3, False)])
def test_a_picture_that_kills_the_worker_is_left_out_but_not_many(
    make: Callable[..., SessionCollections], n_bad: int, is_built: bool
) -> None:
    bad = {png(n) for n in range(n_bad)}

    def dying(content: bytes) -> WorkerError | None:
        return WorkerError("It stopped at this one.") if content in bad else None

    embedders = FakeEmbedders(dying)
    collections = make()
    uploads = [(f"{n}.png", png(n)) for n in range(5)]
    if is_built:
        collection = build(collections, uploads, embedders=embedders)
        assert [(each.item_id, each.reason) for each in collection.skipped] == [
            ("0.png", "It stopped at this one."),
            ("1.png", "It stopped at this one."),
        ]
    else:
        with pytest.raises(WorkerError):
            build(collections, uploads, embedders=embedders)
        assert left_over(collections) == []


def test_a_visitor_who_leaves_in_the_middle_leaves_nothing(make: Callable[..., SessionCollections]) -> None:
    class Left(BaseException):
        """As Streamlit ends a script."""

    def leave(done: int, total: int, what: str) -> None:
        if done == 2:
            raise Left

    collections = make(max_collections=1)
    with pytest.raises(Left):
        build(collections, [(f"{n}.png", png(n)) for n in range(4)], progress=leave)
    assert left_over(collections) == []
    build(collections, [("1.png", png(1))])  # and takes no room


@pytest.mark.parametrize("where", ["embedding", "finding neighbours in color_histogram"])
def test_it_can_be_stopped_and_leaves_nothing(make: Callable[..., SessionCollections], where: str) -> None:
    stop = threading.Event()

    def stop_here(done: int, total: int, what: str) -> None:
        if what == where:
            stop.set()

    collections = make(max_collections=1)
    with pytest.raises(BuildStopped):
        build(collections, [(f"{n}.png", png(n)) for n in range(4)], progress=stop_here, stop=stop)
    assert left_over(collections) == []
    build(collections, [("1.png", png(1))])  # and takes no room


def test_who_waits_for_a_busy_worker_can_stop_too(make: Callable[..., SessionCollections]) -> None:
    stop = threading.Event()

    def crowded(content: bytes) -> WorkerError:
        stop.set()
        return WorkerBusyError("Others first.")

    with pytest.raises(BuildStopped):
        build(make(), [("1.png", png(1))], embedders=FakeEmbedders(crowded), stop=stop)


def test_there_is_room_for_so_many_collections(make: Callable[..., SessionCollections]) -> None:
    collections = make(max_collections=2)
    first, second = (build(collections, [("1.png", png(1))], owner=owner) for owner in "ab")
    with pytest.raises(BuildBusyError, match="at most 2 collections of visitors"):
        build(collections, [("1.png", png(1))])
    collections.remove(first.name)
    third = build(collections, [("1.png", png(1))])
    assert left_over(collections) == sorted([second.name, third.name])


def test_so_many_are_built_at_a_time(make: Callable[..., SessionCollections]) -> None:
    collections = make(max_builds=1)

    def another(done: int, total: int, what: str) -> None:
        with pytest.raises(BuildBusyError, match="At most 1 visitors can make a collection at the same time"):
            build(collections, [("2.png", png(2))])

    first = build(collections, [("1.png", png(1))], progress=another)
    second = build(collections, [("2.png", png(2))])
    assert left_over(collections) == sorted([first.name, second.name])


def test_it_is_kept_open_until_it_is_removed(make: Callable[..., SessionCollections]) -> None:
    collections = make()
    collection = build(collections, [("1.png", png(1))])
    assert collections.open(collection.name) is collection
    collections.remove(collection.name)
    with pytest.raises(CollectionNotFoundError) as caught:
        collections.open(collection.name)
    assert collection.name not in caught.value.message


def test_the_map_is_drawn_without_scikit_learn(
    make: Callable[..., SessionCollections], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)  # importing it fails
    collection = build(make(), [(f"{n}.png", png(n % 9, (7 * n, 0, 99))) for n in range(MIN_TSNE_ITEMS)])
    assert len(collection.space().projection) == MIN_TSNE_ITEMS


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr(session.time, "monotonic", lambda: now[0])
    return now


def test_what_is_not_used_is_removed(make: Callable[..., SessionCollections], now: list[float]) -> None:
    collections = make(idle_s=60)
    first, second = (build(collections, [("1.png", png(1))]) for _ in range(2))
    now[0] += 50
    assert collections.use(first.name)
    now[0] += 50
    collections.remove_ended()
    assert left_over(collections) == [first.name]
    assert not collections.use(second.name)
    assert not collections.use("own-" + "0" * 32)


def test_a_visitor_who_was_cut_off_may_come_back(make: Callable[..., SessionCollections], now: list[float]) -> None:
    collections = make(idle_s=60, grace_s=10)
    back, gone = (build(collections, [("1.png", png(1))]) for _ in range(2))
    for collection in (back, gone):
        collections.leave(collection.name)
    now[0] += 9
    collections.remove_ended()
    assert collections.use(back.name)
    now[0] += 2
    collections.remove_ended()
    assert left_over(collections) == [back.name]
    collections.leave(gone.name)  # is told twice at times


def test_it_is_removed_without_anybody_asking(
    make: Callable[..., SessionCollections], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_SWEEP_S", 0.01)
    collections = make(grace_s=0)
    name = build(collections, [("1.png", png(1))]).name
    collections.leave(name)
    for _ in range(1000):
        if not left_over(collections):
            return
        threading.Event().wait(0.01)
    pytest.fail("still there")


def test_closing_removes_all(make: Callable[..., SessionCollections]) -> None:
    collections = make()
    build(collections, [("1.png", png(1))])
    collections.close()
    assert not collections.home.exists()


def test_what_a_killed_process_left_is_removed_at_the_next_start(
    make: Callable[..., SessionCollections], temporary: Path
) -> None:
    abandoned, alive, foreign = (temporary / f"{name}" for name in ("imgsearch-own-1", "imgsearch-own-2", "other-own-3"))
    for folder in (abandoned, alive, foreign):
        folder.mkdir()
        (folder / "lock").touch()
    (temporary / "imgsearch-own-4").symlink_to(foreign)
    with (alive / "lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        collections = make()
        assert sorted(os.listdir(temporary)) == sorted([alive.name, foreign.name, "imgsearch-own-4", collections.home.name])
        make()  # a second server on this machine leaves the first one's alone
    assert (collections.home / "lock").exists()


def test_what_the_bundled_backbone_sees_of_own_pictures_has_class_values(make: Callable[..., SessionCollections]) -> None:
    told: list[tuple[int, int, str]] = []
    built = build(
        make(),
        [(f"{number}.png", png(number)) for number in range(3)],
        specs=[embedder_spec("mini"), SPEC],
        progress=lambda *args: told.append(args),
    )
    assert built.word_space is built.space("mini")
    assert told[-1] == (9, 9, "done")
    assert [done for done, total, _ in told if total == 9] == list(range(10))


def test_own_pictures_have_the_classifiers_of_the_collection_beside_them(make: Callable[..., SessionCollections]) -> None:
    classifier = Classifier(np.zeros((SPEC.dim, 1000), np.float32), np.zeros(1000, np.float32))
    uploads = [(f"{number}.png", png(number)) for number in range(3)]
    collections = make()
    first = build(collections, uploads, classifiers={SPEC: classifier})
    values = first.space().class_values
    assert values is not None
    assert (values == np.float16(1 / 1000)).all()
    assert first.classifiers.keys() == {SPEC}
    assert build(collections, uploads).word_space is None
