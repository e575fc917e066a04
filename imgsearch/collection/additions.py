"""What can be added to a collection without its pictures: indexes and class values, from its vectors, and networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft, indexable
from imgsearch.collection.outline import Outline, find
from imgsearch.collection.sweep import exported, sweep, sweep_networks
from imgsearch.embedding.networks import with_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BackboneError
from imgsearch.files.disk import disk_errors
from imgsearch.files.home import networks_folder
from imgsearch.files.locks import alone, shared
from imgsearch.progress import Progress


def add_indexes(name: str, home: Path, tell: Callable[[str], None] = lambda what: None) -> list[str]:
    """Builds, from the stored vectors, the indexes of the spaces that are searched exactly for want of one.

    They are missing where a collection was pulled, or built where their engine could not be used.

    Args:
        name: Of the collection.
        home: The folder of collections.
        tell: Told what is being done, a few words.

    Returns:
        The names of those spaces; none where their engines cannot be used here.

    Raises:
        CollectionError: there is no such collection, or it is damaged.
        BuildError: a build of it is running, or the disk is full.
    """
    path, _, _ = find(name, home)
    with disk_errors(), alone(path):
        collection = Collection.open(name, home)
        names = indexable(collection)
        if not names:
            return []
        Draft.of(collection).renew(collection, tell)
    sweep(Outline.open(name, home))
    return names


def add_classifiers(name: str, home: Path, progress: Progress | None = None) -> tuple[list[str], list[str]]:
    """Gives each space of a backbone that lacks them class values, from its vectors.

    They are missing in collections of earlier versions, and where there was no classifier when they were built.

    Args:
        name: Of the collection.
        home: The folder of collections.
        progress: Told how far a download of weights is.

    Returns:
        The names of the spaces that have them now, and why others have none, a sentence each.

    Raises:
        CollectionError: there is no such collection, or it is damaged.
        BuildError: a build of it is running, or the disk is full.
    """
    with _changing(name, home) as collection:
        before = Draft.of(collection)
        draft, remarks = before.with_classifiers(collection.path, progress)
        names = [space for space in draft.classifiers if space not in before.classifiers]
        if names:
            draft.renew(collection)
    return names, remarks


def add_networks(name: str, home: Path, progress: Progress | None = None) -> tuple[list[str], list[BackboneError]]:
    """Gives each space of a backbone a network that is here: one of the same backbone, or a new one.

    They are missing in collections of earlier versions, and in those that came without the networks of their home. A new
    one is compared with TensorFlow on thumbnails.

    Args:
        name: Of the collection.
        home: The folder of collections.
        progress: See `export_network`.

    Returns:
        The names of the spaces that have another network now; and why others cannot have one here, see `export_network`.

    Raises:
        CollectionError: there is no such collection, or it is damaged.
        BuildError: a build of it is running, or the disk is full.
    """
    with _changing(name, home) as collection:
        draft = Draft.of(collection)
        others = exported(home)
        thumbnails = [collection.thumbnail_path(item) for item in collection.items]
        of: dict[EmbedderSpec, EmbedderSpec] = {}
        problems = []
        for embedder in dict.fromkeys(recipe.embedder for recipe in draft.recipes.values()):
            try:
                of[embedder] = with_network(embedder, others, home, thumbnails, progress)
            except BackboneError as exc:
                of[embedder] = embedder
                problems.append(exc)
        recipes = {space: replace(recipe, embedder=of[recipe.embedder]) for space, recipe in draft.recipes.items()}
        names = [space for space, recipe in recipes.items() if recipe != draft.recipes[space]]
        if names:
            replace(draft, recipes=recipes).renew(collection)
    sweep_networks(home)
    return names, problems


@contextmanager
def _changing(name: str, home: Path) -> Iterator[Collection]:
    """The collection, while nobody else changes it or the networks of its home; afterwards what is no longer named goes."""
    path, _, _ = find(name, home)
    with disk_errors(), alone(path), shared(networks_folder(home)):
        yield Collection.open(name, home)
    sweep(Outline.open(name, home))
