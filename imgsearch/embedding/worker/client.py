"""The client of the embedding worker: TensorFlow in a process of its own.

Streamlit clears Keras' state after every run of a script in whose process Keras is loaded, which costs up to seconds a
click; so TensorFlow never enters the page's process. A hostile picture cannot hurt the page either: the worker decodes.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from imgsearch.embedding.embedders import WHOLE, Embedded, Outcome, Regions, Source, Wanted, read
from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.protocol import Answer, error_from, read_message, request_header, write_message
from imgsearch.embedding.worker.turns import Turns
from imgsearch.errors import ImageError, WorkerError, WorkerTimeoutError
from imgsearch.pictures.regions import Window
from imgsearch.reasons import say

LOG_LINES = 200
_PROGRAM = "imgsearch.embedding.worker.program"
_ROOT = Path(__file__).resolve().parents[3]
"""Where the package lies, for the worker to find it wherever it is started."""
_log = logging.getLogger(__name__)


class WorkerClient:
    """Client of one worker process: starts it, restarts it when it is dead, kills it when it hangs.

    Safe for threads.
    """

    def __init__(self, home: Path, *, timeout_s: float, queue: int, command: Sequence[str] = ()) -> None:
        """Starts nothing yet.

        Args:
            home: The folder of collections, for weights.
            timeout_s: Longest time for one request once it runs, and longest wait for the turn, s.
            queue: Requests that may wait for their turn, see `Turns`.
            command: The worker's program. Defaults to `program`.
        """
        self._command = tuple(command) or (sys.executable, "-m", _PROGRAM, str(home.resolve()))
        self._timeout_s = timeout_s
        self._turns = Turns(queue)
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._is_closed = False
        self._last_lines: deque[bytes] = deque(maxlen=LOG_LINES)

    def start(self) -> None:
        """Starts the process if there is none, and does not wait until it is ready: so that the first request need not.

        Raises:
            WorkerError: it cannot be started.
        """
        with self._turns.turn("", self._timeout_s):
            self._running()

    def embed(self, wanted: Wanted, *, visitor: str = "") -> Embedded:
        """Decodes and embeds a picture.

        Args:
            wanted: What is wanted, of a file and not of pixels.
            visitor: For whom, by any name: visitors take turns.

        Raises:
            ImageError: the picture cannot be read.
            BackboneError: an embedder cannot be made there.
            WorkerBusyError: too many are waiting.
            WorkerTimeoutError: it took too long; the worker was ended.
            WorkerError: the worker died of it.
        """
        data = _content(wanted.source)
        sha256, specs = wanted.chosen(data)
        if specs is None:
            return Embedded(0, 0, {}, sha256)
        of = {"preview": wanted.preview, "thumbnail": wanted.thumbnail}
        header, parts = self._request(request_header("embed", specs, [wanted.region], **of), data, visitor)
        try:
            *vectors, preview, thumbnail = parts
            return Embedded(
                width=header["width"],
                height=header["height"],
                vectors={spec: np.frombuffer(vector, dtype="<f4") for spec, vector in zip(specs, vectors, strict=True)},
                preview=preview,
                thumbnail=thumbnail,
                sha256=sha256,
                timings_ms=header["timings_ms"],
            )
        except (KeyError, ValueError) as exc:
            raise _useless_answer() from exc

    def feature_maps(
        self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE, *, visitor: str = ""
    ) -> list[FeatureMaps]:
        """Decodes a picture and takes its embedding apart: see `Embedders.feature_maps`. Raises like `embed`.

        Args:
            source: The picture's file.
            spec: An embedder that has feature maps.
            regions: The parts of the picture to look at. Defaults to the whole.
            visitor: See `embed`.
        """
        header, parts = self._request(request_header("feature_maps", [spec], regions), _content(source), visitor)
        try:
            arrays = [np.frombuffer(part, dtype="<f4") for part in parts]
            maps = zip(arrays[::2], arrays[1::2], header["grids"], header["windows"], strict=True)
            found = [
                FeatureMaps(values.reshape(*grid, len(offset)), offset, Window(*window))
                for values, offset, grid, window in maps
            ]
        except (KeyError, TypeError, ValueError) as exc:
            raise _useless_answer() from exc
        if len(found) != len(regions):
            raise _useless_answer()
        return found

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions, *, visitor: str = "") -> np.ndarray:
        """Decodes a picture and embeds parts of it: see `Embedders.embed_parts`. Raises like `embed`.

        Args:
            source: The picture's file.
            spec: The embedder.
            regions: The parts.
            visitor: See `embed`.
        """
        _, parts = self._request(request_header("embed_parts", [spec], regions), _content(source), visitor)
        try:
            (vectors,) = parts
            return np.frombuffer(vectors, dtype="<f4").reshape(len(regions), spec.dim)
        except ValueError as exc:
            raise _useless_answer() from exc

    def load(self, spec: EmbedderSpec) -> None:
        """Makes the embedder ready, so that the first picture need not wait. Raises like `embed`."""
        self._request(request_header("load", [spec]), b"")

    @property
    def pid(self) -> int | None:
        """Process id of the worker, or None while there is none."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def close(self) -> None:
        """Ends the process for good. May be called from any thread, also while a request is under way."""
        with self._starting:  # from here on none is started
            self._is_closed = True
        self._end()

    def _end(self) -> None:
        """Ends the process, if it runs; the next request starts another."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    with contextlib.suppress(OSError):  # unsent bytes of a broken request
                        stream.close()

    def _request(self, header: dict[str, Any], body: bytes, visitor: str = "") -> Answer:
        with self._turns.turn(visitor, self._timeout_s):
            try:
                answer, parts = self._ask(header, body)
            except (OSError, EOFError, ValueError) as exc:
                raise WorkerError(
                    "The program that looks at pictures stopped at this one.", hint="Try again, or try another picture."
                ) from exc
        if "error" in answer:
            raise error_from(answer)
        return answer, parts

    def _ask(self, header: dict[str, Any], body: bytes) -> Answer:
        """Asks the process that is there, and once more a fresh one where that has died.

        It may have been dead before, which its pipes tell sooner than `poll`. HTTP clients do the same on a connection that
        the server has closed (RFC 9112, section 9.3.1).
        """
        known, process = self._process, self._running()
        try:
            return self._exchange(process, header, body)
        except (OSError, EOFError):
            if process is not known:
                raise
        return self._exchange(self._running(), header, body)

    def _exchange(self, process: subprocess.Popen[bytes], header: dict[str, Any], body: bytes) -> Answer:
        """Sends and receives; whatever goes wrong with it ends the process.

        Raises:
            WorkerTimeoutError: it took too long.
            OSError, EOFError: the process has died.
            ValueError: what came is not the protocol.
        """
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()  # which ends the blocked read or write below

        timer = threading.Timer(self._timeout_s, end)
        timer.start()
        try:
            assert process.stdin
            assert process.stdout
            write_message(process.stdin, header, [body])
            answer = read_message(process.stdout)
            if answer is None:
                raise EOFError
            return answer
        except (OSError, EOFError, ValueError) as exc:
            self._end()
            if is_late.is_set():
                raise WorkerTimeoutError(
                    say("look_too_long", s=self._timeout_s),
                    hint="Try again, or try a smaller picture.",
                ) from exc
            _log.error(
                "the embedding worker died; its last lines:\n%s", b"".join(self._last_lines).decode(errors="replace")
            )
            raise
        finally:
            timer.cancel()
            timer.join()
            if is_late.is_set():  # also where the answer came in the last moment
                self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process and process.poll() is None:
            return process
        self._end()
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        with self._starting:
            if self._is_closed:
                raise WorkerError("The page is being shut down.")
            try:
                process = self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": path},
                )
            except OSError as exc:
                raise WorkerError("The program that looks at pictures cannot be started.", hint="Try again later.") from exc
        self._last_lines.clear()
        threading.Thread(target=self._drain, args=(process.stderr,), daemon=True).start()
        return process

    def _drain(self, stream: IO[bytes]) -> None:
        """Keeps the last lines the worker printed, and no more: it may print for ever."""
        with stream:
            while line := stream.readline(4096):
                self._last_lines.append(line)


@dataclass(frozen=True)
class WorkerEmbedders:
    """See `Embedders`: the worker, as it serves one visitor."""

    client: WorkerClient
    visitor: str = ""

    def embed(self, wanted: Iterable[Wanted]) -> Iterator[Outcome]:
        """See `Embedders.embed`. One after the other: others want the worker too."""
        for each in wanted:
            try:
                yield self.client.embed(each, visitor=self.visitor)
            except (ImageError, WorkerError) as exc:
                yield exc

    def feature_maps(self, source: Source, spec: EmbedderSpec, regions: Regions = WHOLE) -> list[FeatureMaps]:
        """See `Embedders.feature_maps`."""
        return self.client.feature_maps(source, spec, regions, visitor=self.visitor)

    def embed_parts(self, source: Source, spec: EmbedderSpec, regions: Regions) -> np.ndarray:
        """See `Embedders.embed_parts`."""
        return self.client.embed_parts(source, spec, regions, visitor=self.visitor)


def _content(source: Source) -> bytes:
    content = read(source)
    if not isinstance(content, bytes):
        raise TypeError("The worker takes the files of pictures, no pixels.")
    return content


def _useless_answer() -> WorkerError:
    return WorkerError("The program that looks at pictures gave no answer that can be used.")
