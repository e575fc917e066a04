"""Folder of pictures -> collection: looked at in threads, embedded in batches, noted in a ledger, committed at once.

Until the manifest is replaced, the old collection (or none) stands; a build that was killed, or stopped by a full disk,
goes on from its ledger. The folder of pictures is only read.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgsearch.collection import ledger
from imgsearch.collection.collection import Collection
from imgsearch.collection.draft import Draft
from imgsearch.collection.manifest import Manifest
from imgsearch.collection.reading import read_manifest, read_transform
from imgsearch.collection.source import Source, came_as_package, remember
from imgsearch.collection.survey import Known, Survey
from imgsearch.collection.sweep import exported, retire, sweep, sweep_networks
from imgsearch.embedding.backbones import DEFAULT_BACKBONE
from imgsearch.embedding.classifier import Classifier
from imgsearch.embedding.embedders import Embedders
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.network import can_use_gpu
from imgsearch.embedding.networks import with_network
from imgsearch.embedding.spec import EmbedderSpec, embedder_spec
from imgsearch.errors import (
    BackboneError,
    BackboneUnavailableError,
    BuildError,
    CollectionError,
    CollectionNotFoundError,
    IncompatibleCollectionError,
    WeightsError,
)
from imgsearch.files.disk import disk_errors
from imgsearch.files.home import collection_path, networks_folder, thumbnails_folder
from imgsearch.files.locks import alone, shared
from imgsearch.pictures import folder
from imgsearch.pictures.folder import Labeller, PictureFile
from imgsearch.pictures.items import Item, Skipped
from imgsearch.pictures.left_out import LeftOut
from imgsearch.pictures.metadata import METADATA_FILE
from imgsearch.progress import Progress, in_turn
from imgsearch.vectors.space import SpaceRecipe
from imgsearch.vectors.transform import Transform

MAX_TEXT_BYTES = 4096
"""Longest title, source, license and label pattern."""
_MOST_NAMED = 10


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        collection: The result, opened and so checked.
        n_embedded: Pictures that were embedded now; the others were known.
        skipped: What was left out.
        is_unchanged: Nothing had changed, nothing was written.
        replaced_damaged: Why the collection that was there could not be used, or None.
        remarks: What was assumed and what is missing, a sentence each.
        device: What ran the networks, "CPU" or "GPU"; "" where there is none to run, or embedders were handed in.
    """

    collection: Collection
    n_embedded: int
    skipped: Sequence[Skipped]
    is_unchanged: bool
    replaced_damaged: str | None = None
    remarks: Sequence[str] = ()
    device: str = ""


@dataclass(frozen=True)
class _Before:
    """What is there before a build: the manifest if that can be read, the collection if all can, else what is wrong.

    The manifest names no network that came with a package: what is built here is run by what was exported here.
    """

    manifest: Manifest | None
    collection: Collection | None
    damage: str | None


def build_collection(
    name: str,
    directory: Path,
    *,
    home: Path,
    specs: Sequence[EmbedderSpec] = (),
    pca: int | None = None,
    engine: str | None = None,
    title: str | None = None,
    source: str | None = None,
    license: str | None = None,
    label_pattern: str | None = None,
    left_out: Sequence[Skipped] = (),
    remarks: Sequence[str] = (),
    origin: Source | None = None,
    embedders: Embedders | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Makes or renews a collection.

    Example:
        >>> report = build_collection("drawn", pictures, home=home, specs=[embedder_spec("color_histogram")])
        >>> report.n_embedded, report.collection.items.label_counts
        (12, {'blue': 4, 'green': 4, 'red': 4})
        >>> build_collection("drawn", pictures, home=home).is_unchanged  # from then on it embeds what is new
        True

    Args:
        name: Lower-case letters, digits and hyphens.
        directory: The pictures; sub-folders are read too, and nothing is written there.
        home: The folder of collections.
        specs: What embeds, for spaces to add to those that the collection has (also where only its manifest can be read);
            one of a name that is there replaces it. Defaults to none for a collection that is there, else to inception_v3
            with ImageNet weights.
        pca: Adds a space of so many principal components for each backbone among them, or, where none are given,
            among those that the collection has.
        engine: What every space is searched with, a name of `engines.ENGINES`; one that a space does not have yet is told
            its defaults. Defaults to what each has, else to annoy.
        title: For people. Defaults to the one it has, or its name.
        source, license: Where the pictures come from and under which terms, for people. Default to what it says.
        label_pattern: See `folder.labeller`. Defaults to the one it was built with.
        left_out: What somebody else left out before the folder came about, for the list of what was skipped.
        remarks: What there is to say of how the folder came about, for the report.
        origin: Where the pictures come from, for an update. Defaults to the directory.
        embedders: Who looks at the pictures. Defaults to this process, which also exports the networks that are missing.
        progress: Told how far the build is.

    Where an engine cannot be used (see `Engine.fault`), new spaces get no index and are searched exactly; the next build on
    a machine where it can adds the index, and embeds nothing for that.

    Raises:
        BuildError: the folder, the labels or the result (no usable picture) will not do, or the disk is full.
        BackboneError: an embedder cannot be made.
    """
    path = collection_path(name, home)
    _check_text("title", title)
    _check_text("source", source)
    _check_text("license", license)
    _check_text("label pattern", label_pattern)
    passed_over = LeftOut()
    files = folder.scan(directory, exclude=home, left_out=passed_over)
    if directory.resolve() == home.resolve() or directory.resolve().is_relative_to(path.resolve()):
        raise BuildError("The pictures must lie outside of the collection, since nothing is written among them.")
    with disk_errors(), alone(path), shared(networks_folder(home)):
        is_first = not path.exists()
        thumbnails_folder(path).mkdir(parents=True, exist_ok=True)
        notes = ledger.Ledger(path)
        is_done = False
        try:
            before = _before(name, home)
            previous = before.collection
            recipes = _recipes(before.manifest, specs, pca, engine)
            transforms, without_transform = _kept_transforms(path, before.manifest, recipes)
            recipes = {space: recipe for space, recipe in recipes.items() if space not in without_transform}
            if before.manifest:
                source = before.manifest.source if source is None else source
                license = before.manifest.license if license is None else license
                label_pattern = before.manifest.label_pattern if label_pattern is None else label_pattern
            label = folder.labeller(directory, label_pattern)
            label.check([file.item_id for file in files])
            tell = in_turn(progress)
            device = ""
            if embedders is None:
                if any(not recipe.embedder.is_descriptor for recipe in recipes.values()):
                    device = "GPU" if can_use_gpu() else "CPU"
                recipes, not_exported = _with_networks(recipes, before.manifest, home, files, tell)
                remarks = [*remarks, *not_exported]
                embedders = LocalEmbedders(home, tell, by_tensorflow=device == "GPU")
            known = Known(previous, notes)
            known.load(dict.fromkeys(recipe.embedder for recipe in recipes.values()))
            survey = Survey(path, embedders.embed, known, tell)
            items, unusable = survey.look_at(files)
            if not items:
                raise folder.none_usable(len(files), unusable)
            items = [replace(item, label=label(item.item_id)) for item in items]
            missing = label.without_picture(file.item_id for file in files)
            remarks = [*remarks, *without_transform.values(), *_remarks(label, items)]
            skipped = sorted([*unusable, *left_out, *passed_over.skipped(), *missing], key=lambda each: each.item_id)
            draft = Draft(
                title=title or (before.manifest.title if before.manifest else name),
                source=source or "",
                license=license or "",
                label_pattern=label_pattern,
                items=items,
                skipped=skipped,
                recipes=recipes,
                transforms=transforms,
                classifiers=_kept_classifiers(previous, recipes),
            )
            draft, without_classes = draft.with_classifiers(path, tell)
            remarks = [*remarks, *without_classes]
            # Before the commit: of a build that is killed in between, an update makes what it was to be.
            remember(origin or Source("folder", str(directory)), name, home)
            is_unchanged = previous is not None and draft.equals(previous)
            if not is_unchanged:
                if previous:
                    retire(previous, items)
                draft.commit(path, known.embedding, previous, lambda what: tell(len(files), len(files), what))
            is_done = True
        except BaseException as exc:
            # Of a first build nothing is left where there is nothing to go on from, or going on would fail again.
            if is_first and (isinstance(exc, BuildError) or notes.is_empty()):
                shutil.rmtree(path, ignore_errors=True)
            raise
        finally:
            notes.close(remove=is_done)
        if previous and is_unchanged:
            collection = previous  # opened and checked above
        else:
            collection = Collection.open(name, home)
            sweep(collection)
    sweep_networks(home)
    return BuildReport(collection, survey.n_embedded, skipped, is_unchanged, before.damage, remarks, device)


def _before(name: str, home: Path) -> _Before:
    manifest = None
    try:
        manifest = read_manifest(collection_path(name, home))
        manifest = manifest.without_networks() if came_as_package(name, home) else manifest
        return _Before(manifest, Collection.open(name, home), None)
    except (CollectionNotFoundError, FileNotFoundError):
        return _Before(None, None, None)
    except IncompatibleCollectionError:
        raise  # sound, and perhaps of a newer version: not ours to replace
    except CollectionError as exc:
        return _Before(manifest, None, exc.message)


def _recipes(
    manifest: Manifest | None, specs: Sequence[EmbedderSpec], pca: int | None, engine: str | None
) -> dict[str, SpaceRecipe]:
    """The spaces to be, by name: those that are there, then the new ones; a reduced space goes with its embedder's."""
    recipes = {space: entry.recipe for space, entry in manifest.spaces.items()} if manifest else {}
    recipes |= {spec.space: replace(recipes.get(spec.space, SpaceRecipe(spec)), embedder=spec) for spec in specs}
    recipes = recipes or {DEFAULT_BACKBONE: SpaceRecipe(embedder_spec(DEFAULT_BACKBONE))}
    if pca:
        chosen = specs or [recipe.embedder for recipe in recipes.values() if not recipe.pca]
        reduced = [SpaceRecipe(embedder, pca) for embedder in chosen if not embedder.is_descriptor]
        recipes |= {recipe.name: recipes.get(recipe.name, recipe) for recipe in reduced}
    if engine:
        recipes = {
            name: recipe if recipe.engine == engine else replace(recipe, engine=engine, params={})
            for name, recipe in recipes.items()
        }
    return {name: replace(recipe, embedder=recipes[recipe.embedder.space].embedder) for name, recipe in recipes.items()}


def _with_networks(
    recipes: Mapping[str, SpaceRecipe],
    manifest: Manifest | None,
    home: Path,
    files: Sequence[PictureFile],
    progress: Progress,
) -> tuple[dict[str, SpaceRecipe], list[str]]:
    """The recipes with a network for each backbone, exported if it has to be; and why some have none.

    TensorFlow runs those without. Where it cannot, or weights are missing, a collection is still renewed whose pictures
    have all been embedded.
    """
    of, remarks = {}, []
    own = [entry.embedder for entry in manifest.spaces.values()] if manifest else []
    others, pictures = [*own, *exported(home)], [file.path for file in files]
    for embedder in dict.fromkeys(recipe.embedder for recipe in recipes.values()):
        try:
            of[embedder] = with_network(embedder, others, home, pictures, progress)
        except (BackboneUnavailableError, WeightsError) as exc:
            if embedder.plain not in [each.plain for each in own]:
                raise
            remarks.append(f"{embedder.space} has no network, so new pictures are not compared by it here. {exc.message}")
        except BackboneError as exc:
            remarks.append(f"TensorFlow runs {embedder.space}. {exc.message}")
    return {name: replace(each, embedder=of.get(each.embedder, each.embedder)) for name, each in recipes.items()}, remarks


def _kept_transforms(
    path: Path, manifest: Manifest | None, recipes: Mapping[str, SpaceRecipe]
) -> tuple[dict[str, Transform], dict[str, str]]:
    """What whitens the spaces that are whitened, by space; and why those are left out for which there is nothing."""
    transforms, left_out = {}, {}
    for name, entry in manifest.spaces.items() if manifest else ():
        if not entry.whiten:
            continue
        try:
            if recipes[name].embedder.for_queries().plain != entry.embedder.for_queries().plain:
                raise CollectionError("It belongs to another embedder.")
            if transform := read_transform(path, entry):
                transforms[name] = transform
        except CollectionError as exc:
            left_out[name] = (
                f"{name} is left out: spaces are no longer whitened, and its transform cannot be kept. {exc.message}"
            )
    return transforms, left_out


def _kept_classifiers(previous: Collection | None, recipes: Mapping[str, SpaceRecipe]) -> dict[str, Classifier]:
    """What tells classes in the spaces to be, by space, of what is there; not in reduced ones."""
    known = previous.classifiers if previous else {}
    wanted = {name: recipe.embedder.for_queries().plain for name, recipe in recipes.items() if not recipe.pca}
    return {name: known[spec] for name, spec in wanted.items() if spec in known}


def _check_text(what: str, text: str | None) -> None:
    """Refuses what the manifest could not hold."""
    try:
        size = len((text or "").encode())
    except UnicodeEncodeError:
        raise BuildError(f"The {what} must be UTF-8 text.") from None
    if size > MAX_TEXT_BYTES:
        raise BuildError(f"The {what} must have at most {MAX_TEXT_BYTES:,} bytes. Received: {size:,} bytes.")


def _remarks(label: Labeller, items: Sequence[Item]) -> list[str]:
    """What was assumed of the metadata file, and which pictures it does not name."""
    remarks = []
    if label.metadata and (page := label.metadata.assumed):
        remarks.append(f"{METADATA_FILE} is not UTF-8 and was read as {page.name} ({page.language}).")
    if nameless := label.without_row(item.item_id for item in items):
        named = ", ".join([*nameless[:_MOST_NAMED], *(["..."] if len(nameless) > _MOST_NAMED else [])])
        remarks.append(f"{METADATA_FILE} has no row for {len(nameless):,} of the pictures, which get no label: {named}")
    return remarks
