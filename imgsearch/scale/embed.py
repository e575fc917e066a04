"""Pictures anywhere -> a dataset of their embeddings, by Ray: an actor a processor or GPU, a shard of pictures at a time.

A shard is written whole by the actor that embedded it, under a name made of what was to be embedded. So a shard that is
there is done, whoever asks again; one that an actor was killed over is begun anew by Ray, one that a driver was killed over
by the next run. Ray's own checkpoints are not used: they would say in a second place what is done.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from imgsearch.collection.sweep import exported
from imgsearch.embedding.embedders import Embedded, Wanted
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.network import can_use_gpu
from imgsearch.embedding.networks import N_COMPARED, find_network, with_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError, ImageDecodeError, ImageError, ImgSearchError
from imgsearch.files.home import network_path
from imgsearch.pictures.decode import DEFAULT_LIMITS, read_content, read_file
from imgsearch.pictures.folder import none_usable
from imgsearch.pictures.items import Skipped
from imgsearch.progress import Progress, in_turn
from imgsearch.reasons import say
from imgsearch.scale.dataset import (
    FORMAT_VERSION,
    LISTING,
    Dataset,
    network_place,
    read_skipped,
    rows_of,
    thumbnail_place,
    write_shard,
    write_skipped,
)
from imgsearch.scale.listing import Listing, list_pictures
from imgsearch.scale.place import Place, store_errors

SHARD_ROWS = 512
"""Pictures of a shard, on average; a power of 2."""
MOST_TOLD = 50
"""Pictures that could not be used, of those that a report lists."""
_THREADS = 8
"""Pictures that an actor fetches and decodes at a time: an object store answers late."""
_FOOTERS = 32
"""Shards that are looked at, at a time, for whether they are whole."""
_RETRIES = 3
"""Times that a shard is begun anew whose actor died."""


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
    shard_rows: int = SHARD_ROWS,
    progress: Progress | None = None,
) -> EmbedReport:
    """Makes or renews a dataset. On the cluster that Ray's own configuration names (RAY_ADDRESS), else on this machine.

    Args:
        images, label_pattern: See `list_pictures`.
        spec: What embeds. Its network is made here, if there is none.
        to: Address of the dataset.
        home: The folder of collections, for networks and weights.
        shard_rows: See SHARD_ROWS. Another number gives other shards.
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
    spec = _with_network(spec, before, listing, home, tell)
    if spec.network and network_place(target, spec.network.sha256).read() is None:
        content = find_network(spec, home)
        assert content is not None
        network_place(target, spec.network.sha256).write(content)
    shards = {_key(spec, shard): shard for shard in _shards(listing.pictures, shard_rows)}  # in the order of ids
    rows = _done(target, shards)
    todo = {key: shard for key, shard in shards.items() if key not in rows}
    n_all, n_todo = listing.pictures.num_rows, sum(shard.num_rows for shard in todo.values())
    n_done = n_all - n_todo
    tell(n_done, n_all, "embedding")
    write_skipped(target, LISTING, listing.left_out)  # before Ray starts, lest nothing can be written there
    if todo:
        with contextlib.closing(_run(Job(listing.root, spec, target), todo)) as finished:
            for shard in finished:
                n_done += shard["pictures"]
                tell(n_done, n_all, "embedding")
        rows |= _done(target, todo)
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
    return EmbedReport(target.shown, dataset, n_todo, skipped)


def _done(target: Place, keys: Iterable[str]) -> dict[str, int]:
    """Rows of the shards that are there and whole, by key."""
    with ThreadPoolExecutor(_FOOTERS) as pool:
        found = pool.map(lambda key: (key, rows_of(target, key)), keys)
        return {key: n for key, n in found if n is not None}


def _with_network(
    spec: EmbedderSpec, before: Dataset | None, listing: Listing, home: Path, progress: Progress
) -> EmbedderSpec:
    """The embedder with its network: that of the dataset or of the home, or a new one."""
    if spec.is_descriptor:
        return spec
    others = [*([before.embedder] if before else []), *exported(home)]
    with tempfile.TemporaryDirectory() as folder:
        files: list[Path] = []
        if not spec.is_bundled:  # whose network comes with the program
            for row in listing.pictures.slice(0, N_COMPARED).to_pylist():
                with contextlib.suppress(ImageError):
                    files.append(Path(folder, f"{len(files)}"))
                    files[-1].write_bytes(_fetch(listing.root, row))
        return with_network(spec, others, home, files, progress)


def _shards(pictures: pa.Table, mean_rows: int) -> Iterator[pa.Table]:
    """Runs of pictures by id, each ending where an id says so: one picture more or less changes one shard, not all."""
    ids = pictures.column("id").to_numpy()
    ends = [*(np.flatnonzero(ids % mean_rows == 0) + 1).tolist(), len(ids)]
    for begin, end in zip([0, *ends], ends, strict=False):
        if begin < end:
            yield pictures.slice(begin, end - begin)


def _key(spec: EmbedderSpec, shard: pa.Table) -> str:
    """A digest of what a shard is made of: the embedder, and of each picture all that is known before it is read."""
    embedder = {**spec.plain.to_json(), "network": spec.network.sha256 if spec.network else ""}
    rows = [[value.hex() if isinstance(value, bytes) else value for value in row.values()] for row in shard.to_pylist()]
    return hashlib.sha256(json.dumps([FORMAT_VERSION, embedder, rows], sort_keys=True).encode()).hexdigest()


def _fetch(root: Place, picture: Mapping[str, Any]) -> bytes:
    """Content of a picture's file, within our limits.

    Raises:
        ImageError: it is too large, or gone.
        BuildError: the store does not answer, which is no fault of the picture.
    """
    most = DEFAULT_LIMITS.max_bytes
    if root.is_local:
        return read_file(Path(os.fsdecode(picture["path"])), most)
    with store_errors("A picture cannot be read"):
        try:
            path = picture["path"].decode()
            with root.filesystem.open_input_file(path) as stream:
                return read_content(PurePosixPath(path).name, stream.size(), stream.read, most)
        except FileNotFoundError as exc:
            raise ImageDecodeError(say("gone")) from exc


@dataclass(frozen=True)
class Job:
    """What an actor is told: where pictures are, what embeds them, where that goes, and what it may use.

    Attributes:
        n_processors: For LiteRT.
        on_gpu: Whether it has one to itself, on which TensorFlow embeds if that is there and can.
    """

    pictures: Place
    spec: EmbedderSpec
    target: Place
    n_processors: int = 1
    on_gpu: bool = False


class Actor:
    """A process of the cluster, with a network of its own."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._home = tempfile.TemporaryDirectory(prefix="imgsearch-")
        self._embedders: LocalEmbedders | None = None

    def __call__(self, shards: pa.Table) -> pa.Table:
        """Embeds a shard, which is a row of its key and its pictures, and writes it. Returns how many they are.

        Raises:
            BuildError, BackboneError: the stores or the embedder will not do.
        """
        if self._embedders is None:  # not when it is made: there Ray would hide what is raised
            self._embedders = self._load()
        job = self._job
        (shard,) = shards.to_pylist()
        key, pictures = shard["key"], shard["pictures"]
        rows, skipped = [], []
        for picture, outcome in zip(pictures, self._embedders.embed(map(self._wanted, pictures)), strict=True):
            if not isinstance(outcome, Embedded):
                skipped.append(Skipped(picture["item_id"], outcome.message))
                continue
            thumbnail = hashlib.sha256(outcome.thumbnail).hexdigest()
            thumbnail_place(job.target, thumbnail).write(outcome.thumbnail)
            looked = {"width": outcome.width, "height": outcome.height, "sha256": outcome.sha256, "thumbnail": thumbnail}
            rows.append({**picture, **looked, "embedding": outcome.vectors[job.spec]})
        write_shard(job.target, key, job.spec.dim, rows, skipped)
        return pa.table({"pictures": [len(pictures)]})

    def _load(self) -> LocalEmbedders:
        job, home = self._job, Path(self._home.name)
        if job.pictures.is_local and not Path(job.pictures.path or "/").is_dir():
            raise BuildError(
                f"All machines of the cluster must reach the pictures, and one has no {job.pictures.shown}.",
                hint="Give an address in an object store, or a folder that all of them have mounted.",
            )
        if job.spec.network and (content := network_place(job.target, job.spec.network.sha256).read()):
            network_path(home, job.spec.network.sha256).parent.mkdir(parents=True, exist_ok=True)
            network_path(home, job.spec.network.sha256).write_bytes(content)
        by_tensorflow = job.on_gpu and can_use_gpu()
        return LocalEmbedders(home, by_tensorflow=by_tensorflow, n_threads=_THREADS, n_processors=job.n_processors)

    def _wanted(self, picture: dict[str, Any]) -> Wanted:
        def fetch() -> bytes:
            content = _fetch(self._job.pictures, picture)
            picture["bytes"] = len(content)  # a list of addresses does not know it
            return content

        return Wanted(fetch, lambda sha256: [self._job.spec], thumbnail=True)


def _blocks(shards: Mapping[str, pa.Table]) -> list[pa.Table]:
    """Each shard as one row, since Ray may join blocks, and as a block, since those are what it deals out."""
    blocks = []
    for key, shard in shards.items():
        pictures = pa.ListArray.from_arrays([0, shard.num_rows], shard.to_struct_array().combine_chunks())
        blocks.append(pa.table({"key": [key], "pictures": pictures}))
    return blocks


def _run(job: Job, shards: Mapping[str, pa.Table]) -> Generator[dict[str, Any], None, None]:
    """What actors return of each shard, as they finish it."""
    blocks = _blocks(shards)
    with _cluster() as ray:
        there = ray.cluster_resources()
        n_processors, n_gpus = max(1, int(there.get("CPU", 1))), int(there.get("GPU", 0))
        # Weights of one's own are not on the other machines; the network is.
        on_gpu = n_gpus > 0 and not job.spec.is_descriptor and not job.spec.own
        n_actors = n_gpus if on_gpu else n_processors
        job = replace(job, on_gpu=on_gpu, n_processors=max(1, n_processors // n_actors))
        finished = ray.data.from_arrow(blocks).map_batches(
            Actor,
            fn_constructor_args=(job,),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=len(blocks), initial_size=min(n_actors, len(blocks))),
            num_cpus=job.n_processors,
            num_gpus=1 if on_gpu else None,
            max_task_retries=_RETRIES,  # else for ever, where a picture kills
        )
        yield from finished.iter_rows()


@contextlib.contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected to what RAY_ADDRESS names, or started here for as long as this takes; its errors as ours."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray tells its makers
    # By itself Ray takes the cluster that ran here last, and waits for more than ten minutes where that is gone.
    is_named = bool(os.environ.get("RAY_ADDRESS"))
    if is_named:
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    try:
        import ray
        import ray.data
    except ImportError as exc:
        raise BuildError(
            "Ray is needed to embed on a cluster, and it cannot be imported here.", hint="pip install '.[cluster]'"
        ) from exc
    is_ours = not ray.is_initialized()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    # Deprecated for what comes with Ray 2.64, before which there is no other way to say how often to retry.
    warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated", ray.util.annotations.RayDeprecationWarning)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        if is_ours:
            try:
                ray.init(
                    None if is_named else "local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            except (ConnectionError, RuntimeError, ValueError) as exc:  # the last is of an address
                raise _no_cluster(exc) from exc
        yield ray
    except ray.exceptions.RayError as exc:
        cause = exc.cause if isinstance(exc, ray.exceptions.RayTaskError) else None
        if isinstance(cause, ImgSearchError):
            raise cause from exc
        raise _no_cluster(cause or exc) from exc
    finally:
        if is_ours:
            ray.shutdown()


def _no_cluster(error: BaseException) -> BuildError:
    return BuildError(
        f"The cluster must run until all is embedded, and could not ({type(error).__name__}).",
        hint="RAY_ADDRESS says which cluster it is, and RAY_AUTH_MODE=token that it asks for a token. All of its machines "
        "need this program, of one version. Ray's logs, in /tmp/ray, say more. What was done is kept, and the same command "
        "goes on.",
    )
