"""Pictures anywhere -> a dataset of their embeddings, by Ray.

A shard is named by a digest of what is to be embedded. So a shard that is there is done, whoever asks again: after a driver
was killed, or with more pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from imgsearch.collection.sweep import exported
from imgsearch.embedding.networks import N_COMPARED, bundled_network, keep_network, read_network, with_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError, ImageError
from imgsearch.files.place import Place, network_place
from imgsearch.pictures.folder import none_usable
from imgsearch.pictures.items import Skipped
from imgsearch.progress import Progress, in_turn
from imgsearch.scale.actors import Job, fetch, run
from imgsearch.scale.dataset import (
    FORMAT_VERSION,
    LISTING,
    Dataset,
    read_skipped,
    rows_of,
    write_skipped,
)
from imgsearch.scale.listing import Listing, list_pictures

SHARD_ROWS = 512
"""Pictures of a shard, on average; a power of 2. Another number gives other shards."""
MOST_TOLD = 50
"""Pictures that could not be used, of those that a report lists."""


@dataclass(frozen=True)
class EmbedReport:
    """What came of it.

    Attributes:
        place: Where the dataset is, as it may be shown.
        dataset: What it says of itself.
        n_embedded: Pictures of shards that were made now, with those left out; the others were there.
        skipped: What was left out, of pictures the first that there are; all are in the dataset.
    """

    place: str
    dataset: Dataset
    n_embedded: int
    skipped: Sequence[Skipped]


def embed_pictures(
    images: str,
    spec: EmbedderSpec,
    to: str,
    *,
    home: Path,
    label_pattern: str | None = None,
    progress: Progress | None = None,
) -> EmbedReport:
    """Makes or renews a dataset. See `actors.run` for where, and `dataset` for what is there then.

    Args:
        images, label_pattern: See `list_pictures`.
        spec: What embeds. Its network is made here, if there is none.
        to: Address of the dataset.
        home: The folder of collections, for networks and weights.
        progress: Told how far it is.

    Raises:
        BuildError: the pictures, the target or the cluster will not do. What was done is kept.
        BackboneError: the embedder cannot be made.
    """
    target, tell = Place.at(to), in_turn(progress)
    before = Dataset.read(target)
    if before and before.embedder.plain != spec.plain:
        raise BuildError(
            f"A dataset must have one embedder. Received: {spec.space}, where {before.embedder.space} made the one there.",
            hint="Give another folder to --to.",
        )
    tell(0, 0, "listing pictures")
    listing = list_pictures(images, target=target, label_pattern=label_pattern)
    spec = _with_network(spec, before, target, listing, home, tell)
    shards = {_key(spec, shard): shard for shard in _shards(listing.pictures)}  # in the order of ids
    rows = rows_of(target, shards)
    todo = {key: shard for key, shard in shards.items() if key not in rows}
    n_all, n_todo = listing.pictures.num_rows, sum(shard.num_rows for shard in todo.values())
    n_done = n_all - n_todo
    tell(n_done, n_all, "embedding")
    write_skipped(target, LISTING, listing.left_out)  # before Ray starts, lest nothing can be written there

    def told(n: int) -> None:
        nonlocal n_done
        n_done += n
        tell(n_done, n_all, "embedding")

    if todo:
        run(Job(listing.root, spec, target), todo, told)
        rows |= rows_of(target, todo)
        if len(rows) < len(shards):
            raise BuildError(
                f"All machines of the cluster must reach {target.shown}, and what some have written there is not here.",
                hint="Give an address in an object store, or a folder that all of them have mounted.",
            )
    n_items = sum(rows.values())
    unusable = chain.from_iterable(read_skipped(target, key) for key, shard in shards.items() if rows[key] < shard.num_rows)
    skipped = [*listing.left_out, *islice(unusable, MOST_TOLD)]
    if not n_items:
        raise none_usable(n_all, skipped)
    n_skipped = n_all - n_items + sum(each.n for each in listing.left_out)
    dataset = Dataset(spec, spec.dim, n_items, n_skipped, {key: rows[key] for key in shards})
    dataset.write(target)
    with contextlib.suppress(BuildError):  # who may not remove anything has a dataset all the same
        dataset.sweep(target)
    return EmbedReport(target.shown, dataset, n_todo, skipped)


def _with_network(
    spec: EmbedderSpec, before: Dataset | None, target: Place, listing: Listing, home: Path, progress: Progress
) -> EmbedderSpec:
    """The embedder with its network, which lies with the dataset too: that of the dataset or of the home, or a new one."""
    others = exported(home)
    if before:
        keep_network(before.embedder, home, target)
        others = [before.embedder, *others]
    with tempfile.TemporaryDirectory() as folder:
        files: list[Path] = []
        if not (spec.is_descriptor or bundled_network(spec)):
            for row in listing.pictures.slice(0, N_COMPARED).to_pylist():
                with contextlib.suppress(ImageError):
                    files.append(Path(folder, f"{len(files)}"))
                    files[-1].write_bytes(fetch(listing.root, row))
        spec = with_network(spec, others, home, files, progress)
    is_there = before is not None and before.embedder == spec
    if spec.network and not is_there and (content := read_network(spec.network, home)):
        network_place(target, spec.network.sha256).write(content)
    return spec


def _shards(pictures: pa.Table) -> Iterator[pa.Table]:
    """Runs of pictures by id, each ending where an id says so: one picture more or less changes one shard, not all."""
    ids = pictures.column("id").to_numpy()
    ends = [*(np.flatnonzero(ids % SHARD_ROWS == 0) + 1).tolist(), len(ids)]
    for begin, end in zip([0, *ends], ends, strict=False):
        if begin < end:
            yield pictures.slice(begin, end - begin)


def _key(spec: EmbedderSpec, shard: pa.Table) -> str:
    """A digest of what a shard is made of: the embedder, and of each picture all that is known before it is read."""
    network = spec.network.sha256 if spec.network else ""
    made_of = [FORMAT_VERSION, spec.plain.to_json(), network, shard.to_pylist()]
    return hashlib.sha256(ascii(made_of).encode()).hexdigest()
