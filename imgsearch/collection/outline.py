"""What there is to know of a collection without its vectors: a list of many costs little."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from imgsearch.collection.face.description import Described, Description
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.reading import COPY_AGAIN, read_manifest, read_outline
from imgsearch.embedding.networks import needs_tensorflow
from imgsearch.errors import CollectionCorruptError, CollectionNotFoundError
from imgsearch.files.home import MANIFEST_FILE, collection_path, list_collections, thumbnail_path
from imgsearch.pictures.items import Item, Items, Skipped
from imgsearch.records import parse
from imgsearch.settings import get_settings


class Outline(Described):
    """Manifest and items of a collection in files. Immutable, as `Collection` is.

    Attributes:
        path, name: Its folder and the name of that.
        manifest: What it consists of.
        updated: UTC time at which this state of it came here, by a build or a pull, ISO 8601. Not part of the collection:
            the same pictures give the same bytes at any time.
    """

    def __init__(self, path: Path, manifest: Manifest, items: Items, updated: str) -> None:
        """Takes parts that have been checked: use `Outline.open`."""
        self.path = path
        self.name = path.name
        self.manifest = manifest
        self._items = items
        self.updated = updated

    @classmethod
    def open(cls, name: str, home: Path | str | None = None) -> Self:
        """Opens a collection to be described, not searched: of its spaces only the sizes of the files are looked at.

        Args:
            name: Its name in the home.
            home: The folder of collections. Defaults to IMGSEARCH_HOME.

        Raises:
            CollectionNotFoundError: there is none of that name.
            CollectionCorruptError: a file of it is missing or cut short, or its items have changed.
            IncompatibleCollectionError: it is of another version.
        """
        path, manifest, updated = find(name, home)
        return cls(path, manifest, read_outline(path, manifest), updated)

    @property
    def items(self) -> Items:
        """What it holds."""
        return self._items

    @cached_property
    def description(self) -> Description:
        """What it is."""
        return self.manifest.description

    @property
    def home(self) -> Path:
        """The folder of collections that this one lies in."""
        return self.path.parent

    @cached_property
    def skipped(self) -> list[Skipped]:
        """What the build left out, by name.

        Raises:
            CollectionCorruptError: the file does not hold that.
        """
        entry = self.manifest.skipped
        try:
            return [parse(Skipped, line) for line in (self.path / entry.file).read_text(encoding="utf-8").splitlines()]
        except ValueError as exc:
            raise CollectionCorruptError(f"{entry.file} holds no list of what was left out.", hint=COPY_AGAIN) from exc

    def thumbnail_path(self, item: Item) -> Path:
        """WebP file, short side 320 px."""
        return thumbnail_path(self.path, item.thumbnail)

    def thumbnail(self, item: Item) -> bytes:
        """Its content.

        Raises:
            CollectionCorruptError: it cannot be read.
        """
        try:
            return self.thumbnail_path(item).read_bytes()
        except OSError as exc:
            raise CollectionCorruptError(
                f"The thumbnail of {item.item_id!r} cannot be read ({exc.strerror}).", hint=COPY_AGAIN
            ) from exc


def find(name: str, home: Path | str | None) -> tuple[Path, Manifest, str]:
    """Folder, manifest and time of the collection of that name, see `Outline`; raises as `Outline.open` does."""
    home = get_settings().home if home is None else Path(home).expanduser()
    path = collection_path(name, home)
    try:
        manifest = read_manifest(path)
        seconds = int((path / MANIFEST_FILE).stat().st_mtime)
    except FileNotFoundError:
        known = ", ".join(list_collections(home)) or "none yet"
        raise CollectionNotFoundError(
            f"There is no collection called {name!r}. There are: {known}.",
            hint=f"Build it: python -m imgsearch build {name} --images DIR",
        ) from None
    return path, manifest, datetime.fromtimestamp(seconds, UTC).isoformat()


def describe(outline: Described) -> dict[str, Any]:
    """What a collection is, as a JSON object."""
    it = outline.description
    return {
        "name": outline.name,
        "title": it.title,
        "source": it.source,
        "license": it.license,
        "updated": outline.updated,
        "n_items": it.n_items,
        "n_labels": len(outline.items.label_counts),
        "n_skipped": it.n_skipped,
        "thumbnails_bytes": it.thumbnails_bytes,
        "spaces": {
            name: {
                **space.embedder.to_json(),
                "dim": space.dim,
                "pca": space.pca,
                "whiten": space.whiten,
                "engine": space.engine,
                "params": dict(space.params),
                "index": space.index,
                "embeddings_bytes": space.embeddings_bytes,
                "index_bytes": space.index_bytes,
                "class_values_bytes": space.class_values_bytes,
                "needs_tensorflow": needs_tensorflow(space.embedder, outline.home),
            }
            for name, space in it.spaces.items()
        },
    }
