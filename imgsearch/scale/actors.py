"""Who embeds: an actor of Ray a processor or GPU, each with a network of its own, a shard of pictures at a time.

A shard is written whole by the actor that embedded it. So one that an actor was killed over is begun anew by Ray, and one
that a driver was killed over by the next run. Ray's own checkpoints are not used: they would say in a second place what is
done.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from imgsearch.embedding.backbones import IMAGENET
from imgsearch.embedding.embedders import Embedded, Wanted
from imgsearch.embedding.local import LocalEmbedders
from imgsearch.embedding.network import can_use_gpu
from imgsearch.embedding.networks import bundled_network, keep_network
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.errors import BuildError, ImageDecodeError, ImgSearchError
from imgsearch.files.place import Place, store_errors, thumbnail_place
from imgsearch.pictures.decode import DEFAULT_LIMITS, read_content, read_file
from imgsearch.pictures.items import Skipped
from imgsearch.reasons import say
from imgsearch.scale.dataset import write_shard

_THREADS = 8
"""Pictures that an actor fetches and decodes at a time: an object store answers late."""
_RETRIES = 3
"""Times that a shard is begun anew whose actor died."""


@dataclass(frozen=True)
class Job:
    """What an actor is told: where pictures are, what embeds them, where that goes.

    Attributes:
        on_gpu: Whether it has one to itself, on which TensorFlow embeds if that is there and can; else it has a processor.
    """

    pictures: Place
    spec: EmbedderSpec
    target: Place
    on_gpu: bool = False


def fetch(root: Place, picture: Mapping[str, Any]) -> bytes:
    """Content of a picture's file, within our limits.

    Args:
        root: A place in its file system.
        picture: A row of `Listing.pictures`.

    Raises:
        ImageError: it is too large, or gone.
        BuildError: the store does not answer, which is no fault of the picture.
    """
    most, path = DEFAULT_LIMITS.max_bytes, os.fsdecode(picture["path"])
    if root.is_local:
        return read_file(Path(path), most)
    with store_errors("A picture cannot be read"):
        try:
            with root.filesystem.open_input_file(path) as stream:
                return read_content(PurePosixPath(path).name, stream.size(), stream.read, most)
        except FileNotFoundError as exc:
            raise ImageDecodeError(say("gone")) from exc


class Actor:
    """A process of the cluster."""

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
        rows, skipped = [], []
        outcomes = self._embedders.embed(map(self._wanted, shard["pictures"]))
        for picture, outcome in zip(shard["pictures"], outcomes, strict=True):
            if not isinstance(outcome, Embedded):
                skipped.append(Skipped(picture["item_id"], outcome.message))
                continue
            thumbnail = hashlib.sha256(outcome.thumbnail).hexdigest()
            thumbnail_place(job.target, thumbnail).write(outcome.thumbnail)
            looked = {"width": outcome.width, "height": outcome.height, "sha256": outcome.sha256, "thumbnail": thumbnail}
            rows.append({**picture, **looked, "embedding": outcome.vectors[job.spec]})
        write_shard(job.target, shard["key"], job.spec.dim, rows, skipped)
        return pa.table({"pictures": [len(shard["pictures"])]})

    def _load(self) -> LocalEmbedders:
        job, home = self._job, Path(self._home.name)
        if job.pictures.is_local and not Path(job.pictures.path).is_dir():
            raise BuildError(
                f"All machines of the cluster must reach the pictures, and one has no {job.pictures.shown}.",
                hint="Give an address in an object store, or a folder that all of them have mounted.",
            )
        keep_network(job.spec, home, job.target)
        by_tensorflow = job.on_gpu and can_use_gpu()
        return LocalEmbedders(home, by_tensorflow=by_tensorflow, n_threads=_THREADS, n_processors=1)

    def _wanted(self, picture: dict[str, Any]) -> Wanted:
        def content() -> bytes:
            fetched = fetch(self._job.pictures, picture)
            picture["bytes"] = len(fetched)  # a list of addresses does not know it
            return fetched

        return Wanted(content, lambda sha256: [self._job.spec], thumbnail=True)


def run(job: Job, shards: Mapping[str, pa.Table], told: Callable[[int], None]) -> None:
    """Lets a cluster embed shards: the one that Ray's own configuration names (RAY_ADDRESS), else one on this machine.

    Args:
        job: What is to be done, but for what an actor may use.
        shards: Pictures, rows of `Listing.pictures`, by key.
        told: Called as a shard is done, with its number of pictures.

    Raises:
        BuildError: the cluster will not do, or the stores. What was done is kept.
        BackboneError: the embedder cannot be made.
    """
    blocks = [block(key, shard) for key, shard in shards.items()]
    with _cluster() as ray:
        there = ray.cluster_resources()
        # Weights of one's own are not on the other machines; the network is.
        on_gpu = there.get("GPU", 0) >= 1 and (job.spec.weights == IMAGENET or bundled_network(job.spec) is not None)
        n_actors = max(1, int(there.get("GPU" if on_gpu else "CPU", 1)))
        finished = ray.data.from_arrow(blocks).map_batches(
            Actor,
            fn_constructor_args=(replace(job, on_gpu=on_gpu),),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=len(blocks), initial_size=min(n_actors, len(blocks))),
            num_cpus=1,
            num_gpus=1 if on_gpu else None,
            max_task_retries=_RETRIES,  # else for ever, where a picture kills
        )
        for each in finished.iter_rows():
            told(each["pictures"])


def block(key: str, shard: pa.Table) -> pa.Table:
    """What Ray deals out, a shard: as one row, since it may join blocks."""
    return pa.table({"key": [key], "pictures": [shard.to_pylist()]})


@contextlib.contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected to what RAY_ADDRESS names, or started here for as long as this takes; its errors as ours."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray tells its makers
    # By itself Ray takes the cluster that ran here last, and waits for more than ten minutes where that is gone.
    address = None if os.environ.get("RAY_ADDRESS") else "local"
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "2")
    try:
        import ray
        import ray.data
    except ImportError as exc:
        raise BuildError(
            "Ray is needed to embed on a cluster, and it cannot be imported here.", hint="pip install '.[cluster]'"
        ) from exc
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.raise_original_map_exception = True
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # Deprecated for what comes with Ray 2.64, before which there is no other way to say how often to retry.
    warnings.filterwarnings("ignore", "`ray_remote_args` is deprecated", ray.util.annotations.RayDeprecationWarning)
    is_ours = not ray.is_initialized()
    try:
        if is_ours:
            ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as exc:  # the last is of an address
        raise _no_cluster(exc) from exc
    try:
        yield ray
    except ray.exceptions.RayError as exc:
        cause = exc.cause if isinstance(exc, ray.exceptions.RayTaskError) else None
        raise cause if isinstance(cause, ImgSearchError) else _no_cluster(cause or exc) from exc
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
