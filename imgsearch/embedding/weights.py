"""Weights files: kept once in the home under the digest of their content, and checked before every use."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any

from imgsearch.embedding.backbones import Backbone
from imgsearch.errors import BackboneUnavailableError, DownloadError, WeightsError
from imgsearch.files.disk import DIGEST, file_digest
from imgsearch.files.download import fetch
from imgsearch.files.home import weights_path
from imgsearch.progress import ByteProgress

BUNDLED = Path(__file__).with_name("bundled")
MAX_DOWNLOAD_BYTES = 1 << 30
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def keep_weights(source: Path, home: Path) -> str:
    """Copies a weights file into `<home>/weights/`, once, and returns its digest.

    Args:
        source: HDF5 file as Keras writes it: `.weights.h5` of Keras 3, or the older `.h5` (the official files).
        home: The folder of collections.

    Raises:
        WeightsError: the file is missing or unreadable, or is not HDF5 with Keras weights.
    """
    try:
        if not stat.S_ISREG(source.stat().st_mode):  # opening a pipe would wait for ever
            raise WeightsError(f"A weights file must be a plain file. Received: {source.name!r}, a folder, pipe or device.")
        with source.open("rb") as stream:
            head = stream.read(len(HDF5_SIGNATURE))
        if head != HDF5_SIGNATURE:
            raise WeightsError(
                f"A weights file must be HDF5 (.weights.h5 or .h5). Received: {source.name!r}, which is something else.",
                hint="Save it with model.save_weights('name.weights.h5'), or download the official file again.",
            )
        suffix = _suffix(source)
        digest = file_digest(source)
        kept = weights_path(home, digest, suffix)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=kept.parent, prefix=".tmp-", delete=False) as copy:
                with source.open("rb") as stream:
                    shutil.copyfileobj(stream, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            os.chmod(copy.name, 0o644)  # a temporary file is for its owner only; a page may run as another user
            os.replace(copy.name, kept)
    except OSError as exc:
        raise WeightsError(f"The weights file {source.name!r} cannot be used: {exc.strerror or exc}.") from exc
    return digest


def imagenet_weights(backbone: Backbone, layer: str, progress: ByteProgress | None = None) -> Path:
    """The official file of ImageNet weights, downloaded to where Keras keeps it too, unless it is there.

    For "pooled" too it is the one with the classifier, which tells classes from embeddings, where that is a layer on the
    pooled output. The one without will do where it is here already, and the other is not or is damaged.

    Args:
        backbone: The row; not one with bundled weights.
        layer: "pooled" or "logits".
        progress: Told how much has come, if any has to.

    Raises:
        BackboneUnavailableError: it cannot be had.
    """
    has_spare = layer == "pooled" and _official_path(backbone, "pooled").is_file()
    is_whole = layer == "logits" or backbone.has_pooled_logits
    if has_spare and not _official_path(backbone, "logits").is_file():
        is_whole = False
    try:
        return _fetched(backbone, "logits" if is_whole else "pooled", progress)
    except BackboneUnavailableError:
        if not (has_spare and is_whole):
            raise
    return _fetched(backbone, "pooled", progress)


def _official_path(backbone: Backbone, layer: str) -> Path:
    return _keras_folder() / "models" / backbone.url_for(layer).rpartition("/")[2]


def _fetched(backbone: Backbone, layer: str, progress: ByteProgress | None) -> Path:
    url, path = backbone.url_for(layer), _official_path(backbone, layer)
    try:
        fetch([url], path, digest=backbone.digest_for(layer), max_bytes=MAX_DOWNLOAD_BYTES, progress=progress)
    except (DownloadError, OSError) as exc:
        reason = exc.message if isinstance(exc, DownloadError) else f"They cannot be written ({exc.strerror})."
        raise BackboneUnavailableError(
            f"The ImageNet weights of {backbone.name} are not here. {reason}",
            hint=f"Download {url} elsewhere and give it with --weights FILE; to build with, mini needs none.",
        ) from exc
    return path


def _keras_folder() -> Path:
    """Where Keras keeps what it downloads, found without importing it."""
    if folder := os.environ.get("KERAS_HOME"):
        return Path(folder).expanduser()
    base = Path("~").expanduser()
    return (base if os.access(base, os.W_OK) else Path(tempfile.gettempdir())) / ".keras"


def bundled_digest(file_name: str) -> str:
    """sha256 of a weights file that comes with the program.

    Raises:
        BackboneUnavailableError: this copy of the program lacks it.
    """
    try:
        return file_digest(BUNDLED / file_name)
    except OSError as exc:
        raise BackboneUnavailableError(
            f"The weights {file_name} that come with imgsearch are missing.",
            hint=f"Restore imgsearch/embedding/bundled/{file_name}; color_histogram needs no weights.",
        ) from exc


def find_weights(digest: str, home: Path) -> Path:
    """The bundled or kept file with that digest, its content checked.

    Raises:
        BackboneUnavailableError: it is not in `<home>/weights/`.
        WeightsError: it is, but its content has changed.
    """
    if not DIGEST.fullmatch(digest):
        raise ValueError(f"digest must be 64 hexadecimal digits. Received: {digest!r}.")
    for path in BUNDLED.glob("*.weights.h5"):
        if file_digest(path) == digest:
            return path
    for suffix in (".weights.h5", ".h5"):
        path = weights_path(home, digest, suffix)
        if path.is_file():
            if file_digest(path) != digest:
                raise WeightsError(
                    f"The kept weights {digest[:12]}... are damaged: their content does not match their digest.",
                    hint="Remove the file from the weights folder of the home and build with --weights FILE again.",
                )
            return path
    raise BackboneUnavailableError(
        f"The weights that this collection was built with ({digest[:12]}...) are not kept here.",
        hint="Pictures of the collection can be searched without them. For uploads, copy the file into the weights "
        "folder of the home, or build again with --weights FILE.",
    )


def import_h5py() -> Any:
    """The h5py module, which comes with TensorFlow and is slow to import.

    Raises:
        BackboneUnavailableError: it is not installed.
    """
    try:
        import h5py
    except ImportError as exc:
        raise BackboneUnavailableError(
            "Weights are read by TensorFlow and h5py, which are not installed here.",
            hint="Install requirements.txt, or the extra build of imgsearch-demo.",
        ) from exc
    return h5py


def _suffix(source: Path) -> str:
    """The suffix by which Keras tells its two HDF5 layouts apart, judged by content: names are often wrong."""
    h5py = import_h5py()
    try:
        with h5py.File(source, "r") as file:
            if "layer_names" in file.attrs or "model_weights" in file:
                return ".h5"
            if "layers" in file or "_layer_checkpoint_dependencies" in file:
                return ".weights.h5"
    except (OSError, RuntimeError, KeyError, ValueError) as exc:  # what h5py raises on damaged files
        raise WeightsError(
            f"A weights file must be readable HDF5. Received: {source.name!r}, which is damaged or cut short.",
            hint="Copy or download it again.",
        ) from exc
    raise WeightsError(
        f"A weights file must hold Keras weights. Received: {source.name!r}, an HDF5 file without any.",
        hint="Save it with model.save_weights('name.weights.h5').",
    )
