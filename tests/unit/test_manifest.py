"""The manifest: what is written is read, and nothing else is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from imgsearch.collection.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, SpaceEntry
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import CollectionCorruptError, CollectionError, IncompatibleCollectionError, OutdatedCollectionError


def entry(name: str) -> FileEntry:
    return FileEntry(name, 123, hashlib.sha256(name.encode()).hexdigest())


def entries(folder: str) -> list[FileEntry]:
    """The files that every space has."""
    return [entry(f"spaces/{folder}/{name}") for name in ("e.npy", "i.ann", "n.npy", "p.npy", "c.json")]


MANIFEST = Manifest(
    title='Cats \U0001f408 & "dogs"\n\u2028',
    source="https://example.org/pets",
    license="CC BY-SA 4.0",
    label_pattern=r"(?P<label>[^/]+)_\d+\.jpg$",
    n_items=12,
    n_skipped=1,
    thumbnails_bytes=4567,
    items=entry("items-0.parquet"),
    skipped=entry("skipped-0.jsonl"),
    evaluation=entry("evaluation-0.json"),
    spaces={
        "color_histogram": SpaceEntry(
            EmbedderSpec("color_histogram"), 0, "annoy", {"n_trees": 50, "search_k": -1}, *entries("a"), None
        ),
        "again": SpaceEntry(
            EmbedderSpec("color_histogram"),
            64,
            "annoy",
            {"n_trees": 9, "search_k": 400},
            *entries("b"),
            entry("spaces/b/t.npy"),
            whiten=True,
        ),
    },
)
DATA = MANIFEST.to_bytes()


def with_right_digest(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The manifest with something changed by somebody who knows how to make the digest right."""
    body = json.loads(DATA)
    del body["digest"]
    change(body)
    plain = json.dumps(body, indent=1, ensure_ascii=False) + "\n"
    body["digest"] = hashlib.sha256(plain.encode()).hexdigest()
    return (json.dumps(body, indent=1, ensure_ascii=False) + "\n").encode()


def test_a_space_may_have_no_index() -> None:
    bare = replace(MANIFEST, spaces={name: replace(space, index=None) for name, space in MANIFEST.spaces.items()})
    assert Manifest.from_bytes(bare.to_bytes()) == bare
    assert len(bare.files) == len(MANIFEST.files) - 2


def test_what_is_written_is_read() -> None:
    assert Manifest.from_bytes(DATA) == MANIFEST
    assert list(Manifest.from_bytes(DATA).spaces) == ["color_histogram", "again"]
    assert with_right_digest(lambda body: None) == DATA  # the helper above writes the same form


def as_version_2(body: dict[str, Any]) -> None:
    """What the last version wrote that knew Annoy alone."""
    body["format_version"] = 2
    for space in body["spaces"].values():
        del space["engine"]
        space.update(space.pop("params"), seed=20_261_123, whiten=space.get("whiten", False))


def test_version_2_is_read_and_becomes_version_3() -> None:
    assert Manifest.from_bytes(with_right_digest(as_version_2)) == MANIFEST


def test_one_that_still_says_when_it_was_built_is_read() -> None:
    def change(body: dict[str, Any]) -> None:
        as_version_2(body)
        body["created"] = "2026-11-23T10:00:00+00:00"

    assert Manifest.from_bytes(with_right_digest(change)) == MANIFEST


def test_a_map_of_another_kind_than_t_sne_is_named() -> None:
    assert "map_method" not in DATA.decode()
    plain = replace(MANIFEST, spaces={"again": replace(MANIFEST.spaces["again"], map_method="pca")})
    assert json.loads(plain.to_bytes())["spaces"]["again"]["map_method"] == "pca"
    assert Manifest.from_bytes(plain.to_bytes()) == plain


def test_class_values_are_named_with_their_classifier_and_only_where_there_are_some() -> None:
    assert "class" not in DATA.decode()
    classifier, values = entry("spaces/a/classifier.npy"), entry("spaces/a/values.npy")
    space = replace(MANIFEST.spaces["color_histogram"], classifier=classifier, class_values=values)
    manifest = replace(MANIFEST, spaces={**MANIFEST.spaces, "color_histogram": space})
    assert json.loads(manifest.to_bytes())["spaces"]["color_histogram"]["class_values"] == asdict(values)
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    assert set(manifest.files) - set(MANIFEST.files) == {classifier, values}
    assert set(manifest.without_indexes().without_networks().files) >= {classifier, values}


@pytest.mark.parametrize(
    ("space", "names"),
    [("color_histogram", ["classifier"]), ("color_histogram", ["class_values"]), ("again", ["classifier", "class_values"])],
)
def test_class_values_without_their_classifier_or_in_a_reduced_space_are_refused(space: str, names: list[str]) -> None:
    named = {name: asdict(entry(f"spaces/a/{name}.npy")) for name in names}
    with pytest.raises(IncompatibleCollectionError):
        Manifest.from_bytes(with_right_digest(lambda body: body["spaces"][space].update(named)))


def test_whitening_is_named_where_there_is_some() -> None:
    assert [space.get("whiten") for space in json.loads(DATA)["spaces"].values()] == [None, True]


# --- fields of later versions

CLASSES = asdict(entry("spaces/a/classes.npy"))
ATTRIBUTES = asdict(entry("attributes-0.parquet"))


def later(body: dict[str, Any]) -> None:
    """What a later version may add."""
    body["attributes"] = {"tables": [ATTRIBUTES], "names": ["size", "more"]}
    body["more"] = 1
    body["spaces"]["color_histogram"].update(classes=CLASSES, more=[], metric="x", spaces={})


def test_fields_that_are_not_known_are_kept_and_the_files_that_they_name_are_files_of_the_collection() -> None:
    manifest = Manifest.from_bytes(with_right_digest(later))
    names = {file.file for file in manifest.files}
    assert names - {file.file for file in MANIFEST.files} == {"attributes-0.parquet", "spaces/a/classes.npy"}
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    expected = json.loads(with_right_digest(later))
    written = json.loads(manifest.to_bytes())
    assert {**written, "digest": ""} == {**expected, "digest": ""}
    assert replace(manifest, more={}).spaces["again"] == MANIFEST.spaces["again"]


@pytest.mark.parametrize(
    "value",
    [
        {"file": "../x", "size": 1, "sha256": "0" * 64},
        [[{"deep": {"file": "/etc/passwd", "size": 1, "sha256": "0" * 64}}]],
        {"file": "x", "size": -1, "sha256": "0" * 64},
        {"file": "x", "size": 1, "sha256": "0"},
        {"file": ["x"], "size": 1, "sha256": "0" * 64},
    ],
)
def test_a_file_that_such_a_field_names_must_lie_in_the_folder(value: object) -> None:
    for where in (lambda body: body, lambda body: body["spaces"]["again"]):
        with pytest.raises(IncompatibleCollectionError):
            Manifest.from_bytes(with_right_digest(lambda body, where=where: where(body).update(attributes=value)))


def test_such_a_field_may_be_as_deep_as_json_is_read() -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    manifest = Manifest.from_bytes(with_right_digest(lambda body: body.update(deep=deep)))
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


def test_all_files_are_named() -> None:
    of_spaces = [f"spaces/{folder}/{name}" for folder in "ab" for name in ("e.npy", "i.ann", "n.npy", "p.npy", "c.json")]
    names = ["items-0.parquet", "skipped-0.jsonl", "evaluation-0.json", *of_spaces, "spaces/b/t.npy"]
    assert [file.file for file in MANIFEST.files] == names


def test_an_older_version_is_told_from_a_newer_one() -> None:
    with pytest.raises(
        OutdatedCollectionError, match="format version 1, of an older imgsearch; this one reads 2 and 3"
    ) as caught:
        Manifest.from_bytes(with_right_digest(lambda body: body.update(format_version=1)))
    assert caught.value.hint == "Build it again with the same command."


def refused(data: bytes) -> bool:
    try:
        Manifest.from_bytes(data)
    except CollectionError:
        return True
    return False


def test_a_change_of_any_byte_is_refused() -> None:
    for offset in range(len(DATA)):
        for mask in (1, 0x20, 0x80):
            changed = bytearray(DATA)
            changed[offset] ^= mask
            assert refused(bytes(changed)), (offset, mask)


@pytest.mark.parametrize("inserted", [b" ", b"\n", b"0", b"\0", b"\xff"])
def test_an_insertion_anywhere_is_refused(inserted: bytes) -> None:
    for offset in range(len(DATA) + 1):
        assert refused(DATA[:offset] + inserted + DATA[offset:]), offset


def test_a_loss_anywhere_is_refused() -> None:
    for offset in range(len(DATA)):
        assert refused(DATA[:offset] + DATA[offset + 1 :]), offset
        assert refused(DATA[:offset]), offset


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'"digest"',
        b"{}",
        b'{"digest": 1}',
        b'["digest"]',
        b"[" * 100_000,
        b"\xef\xbb\xbf" + DATA,
        DATA.decode().encode("utf-16"),
        DATA + DATA,
        DATA.rstrip(),
        DATA.replace(b"\n", b"\r\n"),
        b'{"digest": "' + b"0" * MAX_MANIFEST_BYTES + b'"}',
        json.dumps(json.loads(DATA)).encode(),
    ],
)
def test_other_contents_are_called_damaged(data: bytes) -> None:
    with pytest.raises(CollectionCorruptError, match="does not match its own digest"):
        Manifest.from_bytes(data)


def test_a_git_lfs_pointer_is_recognised() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    with pytest.raises(CollectionCorruptError, match="git-lfs pointer") as caught:
        Manifest.from_bytes(pointer)
    assert caught.value.hint == "Run: git lfs pull"


@pytest.mark.parametrize("version", [0, 4, "2", 2.0, 3.0, True, [3], None])
def test_another_version_is_refused_by_its_number(version: object) -> None:
    data = with_right_digest(lambda body: body.update(format_version=version))
    with pytest.raises(
        IncompatibleCollectionError, match=re.escape(f"format version {version!r}; this program reads 2 and 3")
    ):
        Manifest.from_bytes(data)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../../x",
        "/etc/passwd",
        "..",
        "..\\x",
        "a\\b",
        "C:/x",
        "a\0b",
        "",
        "a//b",
        "a/",
        "./a",
        "spaces/../../other/manifest.json",
        7,
        None,
        ["x"],
    ],
)
@pytest.mark.parametrize(
    "part", ["items", "skipped", "embeddings", "index", "neighbors", "projection", "calibration", "transform", "evaluation"]
)
def test_a_path_that_leaves_the_folder_is_refused_even_with_a_right_digest(path: object, part: str) -> None:
    def change(body: dict[str, Any]) -> None:
        parts = body if part in body else body["spaces"]["again"]
        parts[part]["file"] = path

    with pytest.raises(IncompatibleCollectionError):
        Manifest.from_bytes(with_right_digest(change))


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(metric="euclidean"),
        lambda body: body.update(n_items=0),
        lambda body: body.update(n_items=float("inf")),
        lambda body: body.update(n_items="12"),
        lambda body: body.update(n_items=None),
        lambda body: body.update(n_skipped=float("inf")),
        lambda body: body.update(thumbnails_bytes=float("nan")),
        lambda body: body.update(spaces={}),
        lambda body: body.update(spaces=[]),
        lambda body: body.update(items=None),
        lambda body: body.pop("items"),
        lambda body: body["items"].update(size=-1),
        lambda body: body["items"].update(size="123"),
        lambda body: body["items"].update(sha256="0"),
        lambda body: body["items"].update(more=1),
        lambda body: body["spaces"].update({"../x": body["spaces"]["again"]}),
        lambda body: body["spaces"].update({"X": body["spaces"]["again"]}),
        lambda body: body["spaces"]["again"].update(dim=65),
        lambda body: body["spaces"]["again"].update(pca=0),
        lambda body: body["spaces"]["again"].update(pca=257, dim=257),
        lambda body: body["spaces"]["again"].update(pca=True, dim=True),
        lambda body: body["spaces"]["again"].update(whiten=1),
        lambda body: body["spaces"]["again"].update(transform=None),
        lambda body: body["spaces"]["again"].pop("neighbors"),
        lambda body: body["spaces"]["again"].update(engine="faiss"),
        lambda body: body["spaces"]["again"].update(engine=["annoy"]),
        lambda body: body["spaces"]["again"].update(engine="exact"),  # which has no such parameters
        lambda body: body["spaces"]["again"].update(params=[]),
        lambda body: body["spaces"]["again"]["params"].update(n_trees=[]),
        lambda body: body["spaces"]["again"]["params"].update(n_trees=True),
        lambda body: body["spaces"]["again"]["params"].update(n_trees=0),
        lambda body: body["spaces"]["again"]["params"].update(search_k=0),
        lambda body: body["spaces"]["again"]["params"].update(ef=1),
        lambda body: body["spaces"]["again"].pop("dim"),
        lambda body: body["spaces"].update(again=[]),
        lambda body: (as_version_2(body), body["spaces"]["again"].pop("search_k")),
        lambda body: (as_version_2(body), body["spaces"]["again"].pop("whiten")),
        lambda body: body["spaces"]["again"]["embedder"].update(name="inception_v9"),
        lambda body: body["spaces"]["again"]["embedder"].update(more="x"),
        lambda body: body["spaces"]["again"].pop("embedder"),
    ],
)
def test_contents_that_make_no_sense_are_refused_even_with_a_right_digest(change: Callable[[Any], object]) -> None:
    with pytest.raises(IncompatibleCollectionError):
        Manifest.from_bytes(with_right_digest(change))


def test_text_that_is_not_utf_8_is_never_written() -> None:
    with pytest.raises(UnicodeEncodeError):
        replace(MANIFEST, title="\udcff").to_bytes()
