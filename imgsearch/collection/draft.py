"""A collection that is about to be: written under new names, then committed by its manifest."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from imgsearch.collection.collection import Collection
from imgsearch.collection.manifest import FileEntry, Manifest, SpaceEntry
from imgsearch.collection.reading import open_index, read_manifest
from imgsearch.collection.sweep import retire
from imgsearch.counting import counted
from imgsearch.embedding.backbones import N_CLASSES
from imgsearch.embedding.classifier import Classifier, find_classifier
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError, BuildError
from imgsearch.files.disk import disk_errors, file_digest, write_atomically
from imgsearch.files.home import MANIFEST_FILE, thumbnail_path
from imgsearch.files.locks import alone
from imgsearch.pictures.items import Item, Items, Skipped
from imgsearch.progress import Progress
from imgsearch.vectors.calibration import calibrate
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.neighbors import N_NEIGHBORS, nearest_neighbors
from imgsearch.vectors.projection import Method, can_draw_tsne, method_for, project
from imgsearch.vectors.space import SpaceRecipe
from imgsearch.vectors.transform import Transform, fit_pca

_CHUNK = 1024
_CLASSES_CHUNK = 4096
"""Items whose classes are told at a time: 16 MB of probabilities."""

Lookup = Callable[[str, EmbedderSpec], np.ndarray]
"""Digest of a picture's content, embedder -> float32 (dim,), of length 1."""


@dataclass(frozen=True)
class Draft:
    """A collection that is about to be.

    Attributes:
        recipes: What its spaces are made by, by their names.
        transforms: Those that are kept, by space: a whitened space needs one, others are fitted.
        classifiers: What tells classes from the embeddings, by space; not of a reduced one.
        map_method: How its maps are drawn, see `projection.project`.
    """

    title: str
    source: str
    license: str
    label_pattern: str | None
    items: Sequence[Item]
    skipped: Sequence[Skipped]
    recipes: Mapping[str, SpaceRecipe]
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    map_method: Method = "tsne"
    classifiers: Mapping[str, Classifier] = field(default_factory=dict)

    @classmethod
    def of(cls, collection: Collection) -> Draft:
        """A draft of what is there already, to be changed with `dataclasses.replace`."""
        manifest = collection.manifest
        return cls(
            title=manifest.title,
            source=manifest.source,
            license=manifest.license,
            label_pattern=manifest.label_pattern,
            items=list(collection.items),
            skipped=collection.skipped,
            recipes={name: entry.recipe for name, entry in manifest.spaces.items()},
            transforms={name: space.transform for name, space in collection.spaces.items() if space.transform},
            classifiers={name: space.classifier for name, space in collection.spaces.items() if space.classifier},
        )

    def equals(self, previous: Collection) -> bool:
        """Whether the collection that is there is the same."""
        manifest = previous.manifest
        return (
            (self.title, self.source, self.license) == (manifest.title, manifest.source, manifest.license)
            and self.label_pattern == manifest.label_pattern
            and list(self.items) == list(previous.items)
            and list(self.skipped) == previous.skipped
            and dict(self.recipes) == {name: entry.recipe for name, entry in manifest.spaces.items()}
            and self.classifiers.keys() == {name for name, space in previous.spaces.items() if space.classifier}
            and not indexable(previous)  # else they get their index now
            and not self.redrawn(previous)
        )

    def with_classifiers(self, path: Path, progress: Progress | None = None) -> tuple[Draft, list[str]]:
        """The same with a classifier for each space that lacks one and can have it; and why others have none.

        Args:
            path: Folder of the collection, with the thumbnails of its items.
            progress: Told how far a download of weights is.
        """
        found, remarks = dict(self.classifiers), []
        thumbnails = [thumbnail_path(path, item.thumbnail) for item in self.items]
        for name, recipe in self.recipes.items():
            if not (recipe.pca or recipe.embedder.is_descriptor or name in found):
                try:
                    found[name] = find_classifier(recipe.embedder, path.parent, thumbnails, progress)
                except BackboneError as exc:
                    remarks.append(f"{name} cannot be asked for words. {exc.message}")
        return replace(self, classifiers=found), remarks

    def redrawn(self, previous: Collection) -> list[str]:
        """Names of the spaces whose maps are drawn better here than they were."""
        return plain_maps(previous) if self.map_method_here == "tsne" else []

    @property
    def map_method_here(self) -> Method:
        """`map_method`, or what takes its place here."""
        return self.map_method if can_draw_tsne() else "pca"

    def commit(self, path: Path, embedding: Lookup, previous: Collection | None, tell: Callable[[str], None]) -> None:
        """Writes all files under new names, then the manifest that names them.

        Args:
            path: Folder of the collection.
            embedding: Where the vectors come from.
            previous: What is there; whatever of it stays true is not computed again.
            tell: Told what is being done, a few words.
        """
        with _writing(path, "items", ".parquet") as (file, items):
            Items(self.items).write(file)
        with _writing(path, "skipped", ".jsonl") as (file, skipped):
            # Without an n of 1: earlier versions read the lists that they could have written.
            records = [{key: value for key, value in vars(each).items() if value != 1} for each in self.skipped]
            file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        spaces: dict[str, SpaceEntry] = {}
        for name, recipe in sorted(self.recipes.items(), key=lambda pair: bool(pair[1].pca)):  # the bases first
            spaces[name] = _SpaceWriter(self, path, name, recipe, tell).write(embedding, spaces, previous)
        measured = previous.manifest if previous and self._is_measured(spaces, previous) else None
        manifest = Manifest(
            title=self.title,
            source=self.source,
            license=self.license,
            label_pattern=self.label_pattern,
            n_items=len(self.items),
            n_skipped=sum(each.n for each in self.skipped),
            thumbnails_bytes=sum({item.thumbnail: item.thumbnail_bytes for item in self.items}.values()),
            items=items[0],
            skipped=skipped[0],
            evaluation=measured.evaluation if measured else None,
            spaces={name: spaces[name] for name in self.recipes},
            more=measured.more if measured else {},
        )
        write_atomically(path / MANIFEST_FILE, manifest.to_bytes(), sync=True)

    def renew(self, collection: Collection, tell: Callable[[str], None] = lambda what: None) -> None:
        """Commits over the collection, whose items and embedders this draft has, with the vectors that it has."""
        rows = {item.sha256: row for row, item in enumerate(collection.items)}
        spaces = {space.spec.plain: space.embeddings for space in collection.spaces.values() if space.transform is None}
        retire(collection, self.items)
        self.commit(collection.path, lambda sha256, spec: spaces[spec.plain][rows[sha256]], collection, tell)

    def _is_measured(self, spaces: Mapping[str, SpaceEntry], previous: Collection) -> bool:
        """Whether all is as it was that an evaluation measures, or that a later version has added something to."""
        before = {name: entry.embeddings for name, entry in previous.manifest.spaces.items()}
        is_same = before == {name: entry.embeddings for name, entry in spaces.items()}
        names = [(item.item_id, item.label) for item in self.items]
        return is_same and names == [(item.item_id, item.label) for item in previous.items]


@dataclass(frozen=True)
class _SpaceWriter:
    """Writes the files of one space."""

    draft: Draft
    path: Path
    name: str
    recipe: SpaceRecipe
    tell: Callable[[str], None]

    def write(self, embedding: Lookup, written: Mapping[str, SpaceEntry], previous: Collection | None) -> SpaceEntry:
        """Args:
        embedding: See `Draft.commit`.
        written: The spaces that are done, the one that this is derived from among them.
        previous: What is there.
        """
        (self.path / "spaces" / self.name).mkdir(parents=True, exist_ok=True)
        transform_file = None
        if self.recipe.pca:
            base = self._load(written[self.recipe.embedder.space].embeddings)
            transform = self.draft.transforms[self.name] if self.recipe.whiten else self._fit(base)
            transform_file = self._write_bytes("transform", ".npy", transform.to_bytes())
            chunks = (transform.apply(base[start : start + _CHUNK]) for start in range(0, len(base), _CHUNK))
        else:
            chunks = (embedding(item.sha256, self.recipe.embedder)[None] for item in self.draft.items)
        embeddings_file = self._write_embeddings(chunks)
        embeddings = self._load(embeddings_file)
        earlier = self._earlier(embeddings_file, previous)
        index_file = self._index(embeddings, earlier, previous)
        facts = self._facts(embeddings, index_file) if earlier is None else _facts_of(earlier)
        classes = self._classes(embeddings_file, previous)
        return SpaceEntry(
            embedder=self.recipe.embedder,
            pca=self.recipe.pca,
            whiten=self.recipe.whiten,
            engine=self.recipe.engine,
            params=self.recipe.params,
            embeddings=embeddings_file,
            index=index_file,
            transform=transform_file,
            map_method=earlier.map_method if earlier else self.draft.map_method_here,
            more=earlier.more if earlier else {},
            **facts,
            **classes,
        )

    def _index(self, embeddings: np.ndarray, earlier: SpaceEntry | None, previous: Collection | None) -> FileEntry | None:
        """The earlier index where that will do; None where there is none and the engine makes none, or cannot be used."""
        engine = ENGINES[self.recipe.engine]
        kept = earlier.index if earlier and _have_the_same_index(earlier.recipe, self.recipe) else None
        is_exact = previous is not None and self.name in previous.exact_spaces
        if engine.is_exact or engine.fault() or (kept and not is_exact):
            return kept
        self.tell(f"indexing {self.name}")
        with self._writing("index", engine.suffix) as (file, entries):
            engine.build(embeddings, file, self.recipe.params)
        return entries[0]

    def _facts(self, embeddings: np.ndarray, index_file: FileEntry | None) -> dict[str, FileEntry]:
        """What is measured of the embeddings: neighbours, map and calibration."""
        index = open_index(self.path, index_file, self.recipe, embeddings)
        self.tell(f"finding neighbours in {self.name}")
        neighbors = nearest_neighbors(embeddings, index, N_NEIGHBORS)
        self.tell(f"drawing the map of {self.name}")
        projection = project(embeddings, neighbors, self.draft.map_method_here)
        self.tell(f"calibrating {self.name}")
        labels = [item.label for item in self.draft.items]
        calibration = calibrate(embeddings, neighbors, labels, has_verdict=not self.recipe.embedder.is_descriptor)
        return {
            "neighbors": self._write_array("neighbors", neighbors),
            "projection": self._write_array("projection", projection),
            "calibration": self._write_bytes("calibration", ".json", json.dumps(calibration.to_json()).encode()),
        }

    def _classes(self, embeddings_file: FileEntry, previous: Collection | None) -> dict[str, FileEntry]:
        """The classifier, and what it says of every item, which is kept where both are as they were; or nothing."""
        classifier = self.draft.classifiers.get(self.name)
        if classifier is None:
            return {}
        classifier_file = self._write_array("classifier", classifier.to_array())
        entry = previous.manifest.spaces.get(self.name) if previous else None
        if entry and entry.class_values and (entry.embeddings, entry.classifier) == (embeddings_file, classifier_file):
            return {"classifier": classifier_file, "class_values": entry.class_values}
        self.tell(f"telling classes in {self.name}")
        stored = Classifier.from_array(self._load(classifier_file))
        values_file = self._write_class_values(stored, self._load(embeddings_file))
        return {"classifier": classifier_file, "class_values": values_file}

    def _write_class_values(self, classifier: Classifier, embeddings: np.ndarray) -> FileEntry:
        """float16 (1000, n): a row for each class. Some items at a time, so that a million take no more memory."""
        n_items = len(embeddings)
        with self._writing("class_values", ".npy") as (file, entries), file.open("wb") as stream:
            header = {"descr": "<f2", "fortran_order": False, "shape": (N_CLASSES, n_items)}
            np.lib.format.write_array_header_1_0(stream, header)
            begin = stream.tell()
            for start in range(0, n_items, _CLASSES_CHUNK):
                values = classifier.probabilities(embeddings[start : start + _CLASSES_CHUNK]).astype("<f2")
                for number, row in enumerate(values.T):
                    stream.seek(begin + 2 * (number * n_items + start))
                    stream.write(row.tobytes())
        return entries[0]

    def _fit(self, base: np.ndarray) -> Transform:
        pca = self.recipe.pca
        if len(base) <= pca:
            raise BuildError(
                f"PCA to {counted(pca, 'dimension')} needs more than {counted(pca, 'picture')}. Received: {len(base):,}."
            )
        self.tell(f"fitting {self.name}")
        return fit_pca(base, pca)

    def _write_embeddings(self, chunks: Iterable[np.ndarray]) -> FileEntry:
        """Writes float32 (m, dim) pieces, in the order of the items, as one .npy file."""
        with self._writing("embeddings", ".npy") as (file, entries), file.open("wb") as stream:
            header = {"descr": "<f4", "fortran_order": False, "shape": (len(self.draft.items), self.recipe.dim)}
            np.lib.format.write_array_header_1_0(stream, header)
            for chunk in chunks:
                stream.write(chunk.astype("<f4").tobytes())
        return entries[0]

    def _earlier(self, embeddings: FileEntry, previous: Collection | None) -> SpaceEntry | None:
        """The entry of the collection that is there, if it has the same embeddings and labels, and as good a map."""
        entry = previous.manifest.spaces.get(self.name) if previous else None
        if previous is None or entry is None or entry.embeddings != embeddings:
            return None
        is_same = [item.label for item in self.draft.items] == [item.label for item in previous.items]
        return entry if is_same and self.name not in self.draft.redrawn(previous) else None

    def _writing(self, stem: str, suffix: str) -> contextlib.AbstractContextManager[tuple[Path, list[FileEntry]]]:
        return _writing(self.path, f"spaces/{self.name}/{stem}", suffix)

    def _write_array(self, stem: str, array: np.ndarray) -> FileEntry:
        stream = io.BytesIO()
        np.save(stream, array)
        return self._write_bytes(stem, ".npy", stream.getvalue())

    def _write_bytes(self, stem: str, suffix: str, data: bytes) -> FileEntry:
        with self._writing(stem, suffix) as (file, entries):
            file.write_bytes(data)
        return entries[0]

    def _load(self, entry: FileEntry) -> np.ndarray:
        array: np.ndarray = np.load(self.path / entry.file, mmap_mode="r")
        return array


def _have_the_same_index(one: SpaceRecipe, other: SpaceRecipe) -> bool:
    """Whether an index that was made by one recipe is what the other makes of the same vectors."""
    if one.engine != other.engine:
        return False
    engine = ENGINES[one.engine]
    return engine.file_params(one.params) == engine.file_params(other.params)


def _facts_of(entry: SpaceEntry) -> dict[str, FileEntry]:
    return {"neighbors": entry.neighbors, "projection": entry.projection, "calibration": entry.calibration}


def indexable(collection: Collection) -> list[str]:
    """Names of the spaces that are searched exactly for want of an index, and whose engine can be used here."""
    spaces = collection.manifest.spaces
    return [name for name in collection.exact_spaces if ENGINES[spaces[name].engine].fault() is None]


def plain_maps(collection: Collection) -> list[str]:
    """Names of the spaces whose maps are of principal components for want of scikit-learn."""
    spaces = [name for name, entry in collection.manifest.spaces.items() if entry.map_method == "pca"]
    return [name for name in spaces if method_for(collection.spaces[name].embeddings) == "tsne"]


@contextlib.contextmanager
def _writing(path: Path, stem: str, suffix: str) -> Iterator[tuple[Path, list[FileEntry]]]:
    """A temporary file to write; it gets the digest of its content as part of its name, and its entry is handed back."""
    entries: list[FileEntry] = []
    temporary = path / f"{stem}.tmp"
    try:
        yield temporary, entries
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        digest = file_digest(temporary)
        relative = f"{stem}-{digest[:16]}{suffix}"
        entries.append(FileEntry(relative, temporary.stat().st_size, digest))
        os.replace(temporary, path / relative)
    except BaseException:  # a full disk is not kept full
        temporary.unlink(missing_ok=True)
        raise


def commit_evaluation(collection: Collection, data: bytes) -> None:
    """Adds an evaluation to a collection, or replaces the one that it has.

    Raises:
        BuildError: a build is running, the collection has changed since it was opened, or the disk is full.
    """
    path = collection.path
    with disk_errors(), alone(path):
        if read_manifest(path) != collection.manifest:
            raise BuildError("The collection has changed since it was measured.", hint="Measure it again.")
        with _writing(path, "evaluation", ".json") as (file, entries):
            file.write_bytes(data)
        retire(collection, list(collection.items))
        manifest = replace(collection.manifest, evaluation=entries[0])
        write_atomically(path / MANIFEST_FILE, manifest.to_bytes(), sync=True)


def add_thumbnail(path: Path, thumbnail: bytes) -> tuple[str, int]:
    """Writes a picture's thumbnail into the folder of a collection; returns its digest and its size in bytes."""
    digest = hashlib.sha256(thumbnail).hexdigest()
    write_atomically(thumbnail_path(path, digest), thumbnail)
    return digest, len(thumbnail)
