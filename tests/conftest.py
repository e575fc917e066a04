"""What all tests share: a small gallery drawn by code, a home of their own, and no way out of this machine."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # before NumPy is imported: threads of two processes wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from PIL import Image

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.source import Source, remember
from imgsearch.settings import get_settings
from imgsearch.vectors.calibration import calibrate
from imgsearch.vectors.engines import ENGINES
from imgsearch.vectors.engines.exact import ExactIndex
from imgsearch.vectors.engines.face import VectorIndex
from imgsearch.vectors.neighbors import nearest_neighbors
from imgsearch.vectors.space import Space

SHARED = Path(__file__).resolve().parents[2] / "shared"
LABELS = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (50, 70, 210)}
PER_LABEL = 4


def draw_picture(color: tuple[int, int, int], number: int) -> Image.Image:
    """A disc of that colour on grey, larger with the number: 80 x 60 px."""
    y, x = np.mgrid[0:60, 0:80]
    inside = (x - 40) ** 2 + (y - 30) ** 2 < (8 + 4 * number) ** 2
    pixels = np.where(inside[..., None], color, (128, 128, 128)).astype(np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home for every test."""
    path = tmp_path / "home"
    monkeypatch.setenv("IMGSEARCH_HOME", str(path))
    get_settings.cache_clear()
    yield path
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests talk to this machine only; what would need the network must say so and not hang."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family == socket.AF_UNIX or (
            isinstance(address, tuple) and address[0] in ("127.0.0.1", "::1", "localhost")
        ):
            return connect(self, address)  # type: ignore[arg-type]
        raise ConnectionRefusedError(f"tests may not connect to {address}")

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `pictures` are copies of: tests change theirs."""
    folder = tmp_path_factory.mktemp("drawn") / "pictures"
    for label, color in LABELS.items():
        (folder / label).mkdir(parents=True)
        for number in range(PER_LABEL):
            draw_picture(color, number).save(folder / label / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def built_home(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the home of `collection` is a copy of."""
    home = tmp_path_factory.mktemp("built") / "home"
    build_collection("discs", drawn, home=home, specs=[embedder_spec("color_histogram")])
    return home


@pytest.fixture
def pictures(drawn: Path, tmp_path: Path) -> Path:
    """A folder with 12 pictures in three sub-folders: red/0.png ... blue/3.png."""
    return shutil.copytree(drawn, tmp_path / "pictures")


@pytest.fixture
def collection(built_home: Path, pictures: Path, home: Path) -> Collection:
    """The pictures as the collection `discs` in a space of colour histograms, as if it had just been built of them."""
    shutil.copytree(built_home, home)  # with the times of all files: a build finds nothing to do
    remember(Source("folder", str(pictures)), "discs", home)
    return Collection.open("discs", home)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts an empty file system of so many KiB, or makes the last one larger where `anew` is false."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root on Linux to mount a small disk")
    mounted: list[Path] = []

    def mount(kib: int, *, anew: bool = True) -> Path:
        point = tmp_path / f"disk-{len(mounted)}" if anew else mounted[-1]
        point.mkdir(exist_ok=True)
        arguments = ["mount", "-t", "tmpfs", "-o", f"{'' if anew else 'remount,'}size={kib}k", "tmpfs", str(point)]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.strip()}")
        if anew:
            mounted.append(point)
        return point

    yield mount
    for point in mounted:  # lazily, since Annoy keeps a file open that it could not write
        subprocess.run(["umount", "--lazy", str(point)], check=True)


@contextmanager
def crashing(engine: str = "annoy") -> Iterator[None]:
    """Inside, the package of an engine dies when it is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ENGINES[engine], "asking", "import os; os.abort()")
        yield


class _UnflaggedInfo(zipfile.ZipInfo):
    """A member whose name is bytes of some code page, without the flag of UTF-8."""

    raw: bytes

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.raw, self.flag_bits


def zip_of_windows(files: dict[str, bytes], encoding: str) -> bytes:
    """A zip file such as Windows makes: its names are in the code page of a language, and nothing says of which."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number, (name, data) in enumerate(files.items()):
            member = _UnflaggedInfo(str(number))
            member.raw = name.encode(encoding)
            archive.writestr(member, data)
    return stream.getvalue()


def toy_space(embeddings: np.ndarray, index: VectorIndex | None = None) -> Space:
    """A space of hand-made vectors, float32 (n, dim) of length 1, with an exact index unless another is given."""
    exact = ExactIndex(embeddings)
    neighbors = nearest_neighbors(embeddings, exact)
    return Space(
        name="toy",
        spec=embedder_spec("color_histogram"),
        embeddings=embeddings,
        index=index or exact,
        neighbors=neighbors,
        projection=np.zeros((len(embeddings), 2), dtype=np.float32),
        calibration=calibrate(embeddings, neighbors, [""] * len(embeddings)),
    )
