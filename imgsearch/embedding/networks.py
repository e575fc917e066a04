"""Exported networks: where their files lie, and how one comes about.

Exported is by a child process: TensorFlow takes gigabytes for it, which then go with it, and a second export in one process
may give other bytes. What is exported is compared with what TensorFlow gives before it is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np

from imgsearch.embedding import runtime
from imgsearch.embedding.backbones import IMAGENET, get_backbone
from imgsearch.embedding.network import export, has_tensorflow, model_with_weights_of, no_tensorflow
from imgsearch.embedding.runtime import LiteRTNetwork
from imgsearch.embedding.spec import EmbedderSpec, NetworkFile
from imgsearch.embedding.weights import BUNDLED, find_weights, imagenet_weights
from imgsearch.errors import BackboneError, ImageError
from imgsearch.files.confined import Died, confined
from imgsearch.files.disk import file_digest, write_atomically
from imgsearch.files.home import network_path, networks_folder
from imgsearch.files.place import Place, network_place
from imgsearch.pictures.decode import DEFAULT_LIMITS, decode_image, read_file
from imgsearch.pictures.scaling import resize_and_crop
from imgsearch.progress import Progress
from imgsearch.records import parse

MOST_APART = 1e-6
"""1 - cosine to what TensorFlow gives, beyond which an exported network is not used."""
N_COMPARED = 16
_MEMORY_BYTES = 1 << 40  # TensorFlow reserves address space as it likes
_CPU_S = 3600


@dataclass(frozen=True)
class _Bundled:
    """A network that comes with the program, and the digest of the weights it was exported of."""

    weights: str
    network: NetworkFile


@cache
def _bundled() -> dict[str, NetworkFile]:
    """See `_Bundled`. `scripts/bundle_network.py` makes them."""
    all_of_them = parse(tuple[_Bundled, ...], (BUNDLED / "networks.json").read_bytes())
    return {each.weights: each.network for each in all_of_them}


def bundled_network(spec: EmbedderSpec) -> NetworkFile | None:
    """The network that comes with the program for an embedder, also for one whose collection names none."""
    return _bundled().get(spec.weights) if spec.is_bundled else None


def is_bundled(file: NetworkFile) -> bool:
    """Whether a network comes with the program."""
    return file.sha256 in {each.sha256 for each in _bundled().values()}


def find_network(spec: EmbedderSpec, home: Path) -> bytes | None:
    """The content of the network that runs an embedder here; None where there is none.

    Its own, or where that is not here the one that comes with the program for the same weights.

    Raises:
        BackboneError: as `read_network` does.
    """
    for file in (spec.network, bundled_network(spec)):
        if file and (content := read_network(file, home)) is not None:
            return content
    return None


def needs_tensorflow(spec: EmbedderSpec, home: Path) -> bool:
    """Whether only TensorFlow could embed a picture here. Networks are looked for by name and size, and not read."""
    if spec.is_descriptor:
        return False
    return not (runtime.is_available() and (bundled_network(spec) or (spec.network and _is_here(spec.network, home))))


def _is_here(file: NetworkFile, home: Path) -> bool:
    try:
        return is_bundled(file) or network_path(home, file.sha256).stat().st_size == file.size
    except OSError:
        return False


def read_network(file: NetworkFile, home: Path) -> bytes | None:
    """The content of a network's file, bundled or of the home, checked; None where it is not here.

    Raises:
        BackboneError: its content has changed, or it cannot be read.
    """
    for bundled in BUNDLED.glob("*.tflite"):
        if file_digest(bundled) == file.sha256:
            return bundled.read_bytes()
    try:
        content = network_path(home, file.sha256).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise BackboneError(f"The network {file.sha256[:12]}... cannot be read ({exc.strerror}).") from exc
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise BackboneError(
            f"The network {file.sha256[:12]}... is damaged: its content does not match its digest.",
            hint="Where TensorFlow is, python -m imgsearch update NAME makes another; or pull the package again.",
        )
    return content


def keep_network(spec: EmbedderSpec, home: Path, dataset: Place) -> None:
    """Brings an embedder's network from a dataset to a home, if it has one that is not there; not one of another content.

    Raises:
        BuildError: the dataset cannot be read.
        OSError: it cannot be written.
    """
    if spec.network is None or _is_here(spec.network, home):
        return
    content = network_place(dataset, spec.network.sha256).read()
    if content is not None and hashlib.sha256(content).hexdigest() == spec.network.sha256:
        networks_folder(home).mkdir(parents=True, exist_ok=True)
        write_atomically(network_path(home, spec.network.sha256), content)


def with_network(
    spec: EmbedderSpec,
    others: Iterable[EmbedderSpec],
    home: Path,
    pictures: Sequence[Path],
    progress: Progress | None = None,
) -> EmbedderSpec:
    """A backbone with a network that is here: its own, that of the same backbone elsewhere, the bundled one, or a new one.

    Args:
        spec: What is to be run; a descriptor is handed back as it is.
        others: Embedders that may name a network of the same, those whose network is preferred first.
        home, pictures, progress: See `export_network`.

    Raises: as `export_network` does.
    """
    if spec.is_descriptor or not runtime.is_available():
        return spec
    same = [each.network for each in others if each.plain.for_queries() == spec.plain.for_queries()]
    for file in (spec.network, *same, bundled_network(spec)):
        with contextlib.suppress(BackboneError):  # a damaged one will not do
            if file and read_network(file, home):
                return replace(spec, network=file)
    some = pictures[:: max(1, len(pictures) // (4 * N_COMPARED))]
    return replace(spec, network=export_network(spec, home, some, progress))


def weights_of(spec: EmbedderSpec, home: Path, progress: Progress | None = None) -> Path:
    """The file with a backbone's weights, downloaded if it has to be.

    Raises:
        BackboneUnavailableError: it cannot be had.
        WeightsError: it has changed.
    """
    if spec.weights != IMAGENET:
        return find_weights(spec.weights, home)
    backbone = get_backbone(spec.name)
    tell = progress or (lambda done, total, what: None)
    return imagenet_weights(backbone, spec.layer, lambda done, total: tell(done, total, f"downloading {backbone.name}"))


def export_network(
    spec: EmbedderSpec, home: Path, pictures: Iterable[Path], progress: Progress | None = None
) -> NetworkFile:
    """Exports a backbone into `<home>/networks/`. Takes as long as TensorFlow takes to start, and some seconds.

    Args:
        spec: The backbone.
        home: The folder of collections.
        pictures: To compare it with TensorFlow: those that can be decoded, up to `N_COMPARED`.
        progress: Told of it, and how far a download of weights is.

    Raises:
        BackboneUnavailableError: TensorFlow or the weights are missing.
        WeightsError: the weights do not fit the backbone.
        BackboneError: it cannot be exported, or what is exported differs.
    """
    if not has_tensorflow():
        raise no_tensorflow()  # before weights are downloaded
    weights = weights_of(spec, home, progress)
    if progress:
        progress(0, 0, f"exporting {spec.space}")
    folder = networks_folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".tmp-")
    os.close(descriptor)
    try:
        agreement = confined(
            f"{__name__}:export_here",
            spec.plain.for_queries().to_json(),
            str(weights),
            temporary,
            [str(path) for path in pictures],
            memory_bytes=_MEMORY_BYTES,
            cpu_s=_CPU_S,
        )
        digest = file_digest(Path(temporary))
        size = os.path.getsize(temporary)
        os.chmod(temporary, 0o644)  # a temporary file is for its owner only; a page may run as another user
        os.replace(temporary, network_path(home, digest))
    except Died:
        raise BackboneError(f"{spec.space} cannot be exported for LiteRT: what does it ended early.") from None
    finally:
        Path(temporary).unlink(missing_ok=True)
    return NetworkFile(digest, size, agreement)


def export_here(spec: Mapping[str, str], weights: str, target: str, pictures: Sequence[str]) -> float:
    """See `export_network`; in this process, into the file `target`. Returns the largest 1 - cosine."""
    of = EmbedderSpec.from_json(spec)
    backbone = get_backbone(of.name)
    content, by_tensorflow = export(backbone, model_with_weights_of(backbone, of.layer, Path(weights)))
    noise = np.random.default_rng(0).integers(0, 256, (of.input_size, of.input_size, 3), np.uint8)  # where none can be read
    inputs = np.stack([*islice(prepared(pictures, of.input_size), N_COMPARED)] or [noise])
    wanted = by_tensorflow(inputs)
    if not np.isfinite(wanted).all():
        raise not_finite(of)
    apart = _apart(wanted, LiteRTNetwork(content, of.input_size, of.dim).embed(inputs))
    if not apart <= MOST_APART:  # not so either where it is not a number
        raise BackboneError(
            f"{of.space} must give the same with LiteRT as with TensorFlow, within {MOST_APART:g}. Received: {apart:.2g}."
        )
    with open(target, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return apart


def prepared(pictures: Iterable[str], size: int) -> Iterator[np.ndarray]:
    """Inputs of a network, uint8 (size, size, 3), of the files that can be decoded."""
    for path in pictures:
        with contextlib.suppress(ImageError):
            yield resize_and_crop(decode_image(read_file(Path(path), DEFAULT_LIMITS.max_bytes)).pixels, size)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest 1 - cosine of rows, at least 0."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    cosines = np.sum(one * other, axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))
    return float(np.max(np.append(1 - cosines, 0.0)))


def not_finite(spec: EmbedderSpec) -> BackboneError:
    """What there is to say of an embedding that is not finite."""
    return BackboneError(
        f"{spec.name} returned values that are not finite.",
        hint="Its weights are damaged, or do not belong to it.",
    )
