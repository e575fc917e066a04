"""LiteRT: runs the networks that `network` has exported, without TensorFlow. Its only user.

Tried, and no better: `CompiledModel`, and batches in one call.
"""

from __future__ import annotations

import importlib.util
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np

from imgsearch.embedding.quiet import quiet_stderr
from imgsearch.errors import BackboneError, BackboneUnavailableError
from imgsearch.processors import n_processors


def is_available() -> bool:
    """Whether LiteRT is installed, which has wheels for most systems, but not for all."""
    return importlib.util.find_spec("ai_edge_litert") is not None


def try_network(content: bytes, size: int, dim: int) -> None:
    """Opens a network and runs it once, on a grey picture and on one thread. Arguments and errors as for `LiteRTNetwork`.

    Raises:
        BackboneError: also where what it gives is not finite.
    """
    embedding, values = _Interpreter(content, size, dim, 1).run(np.full((1, size, size, 3), 128, np.uint8))
    if not all(np.isfinite(each).all() for each in (embedding, values) if each is not None):
        raise BackboneError("What this network makes of a picture must be finite, and is not.")


class LiteRTNetwork:
    """An exported network. See `embedder.Network`. Safe for threads."""

    def __init__(self, content: bytes, size: int, dim: int, n: int | None = None) -> None:
        """Args:
        content: Of the file.
        size: Side of its square input, px.
        dim: Length of its embedding.
        n: Processors that it may use. Defaults to all that this process may.

        Raises:
            BackboneUnavailableError: LiteRT is not installed.
            BackboneError: the content is no network of that size and dim.
        """
        self._content = content
        self._size = size
        self._dim = dim
        self._lock = threading.Lock()
        # One picture is seen by one interpreter on all processors; of several, one on each.
        self._n = n or n_processors()
        self._wide = _Interpreters(self, 1, self._n)
        self._narrow = _Interpreters(self, self._n, 1)
        self._pool: ThreadPoolExecutor | None = None
        with self._wide.one():
            pass

    def embed(self, batch: np.ndarray) -> np.ndarray:
        """See `Network.embed`."""
        if len(batch) == 1:
            return self._one(self._wide, batch)
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._n, thread_name_prefix="network")
                self._wide.forget()  # each has the weights once more, and a build asks for several pictures only
        rows = self._pool.map(lambda i: self._one(self._narrow, batch[i : i + 1]), range(len(batch)))
        return np.concatenate(list(rows))

    def parts(self, prepared: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Network.parts`."""
        with self._wide.one() as interpreter:
            embedding, values = interpreter.run(prepared[None])
        return embedding[0], values

    def _one(self, interpreters: _Interpreters, picture: np.ndarray) -> np.ndarray:
        with interpreters.one() as interpreter:
            return interpreter.run(picture)[0]

    def interpreter(self, n_threads: int) -> _Interpreter:
        """A new one."""
        return _Interpreter(self._content, self._size, self._dim, n_threads)


class _Interpreter:
    """For one thread at a time."""

    def __init__(self, content: bytes, size: int, dim: int, n_threads: int) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as exc:
            raise BackboneUnavailableError(
                "LiteRT is needed to run this network, and it cannot be imported here.",
                hint="Install ai-edge-litert, or TensorFlow with requirements.txt.",
            ) from exc
        try:
            with quiet_stderr():  # it greets
                self._interpreter: Any = Interpreter(model_content=content, num_threads=n_threads)
                self._interpreter.allocate_tensors()
            (taken,) = self._interpreter.get_input_details()
            given = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as exc:
            raise BackboneError("This is no network that LiteRT can run.") from exc
        # Outputs come in any order, and under any name.
        embedding = [each for each in given if each["shape"].tolist() == [1, dim]]
        values = [each for each in given if len(each["shape"]) == 4 and each["shape"][[0, 3]].tolist() == [1, dim]]
        types = [taken["dtype"], *(each["dtype"] for each in given)]
        if (
            (len(embedding), len(given)) != (1, 1 + len(values[:1]))
            or taken["shape"].tolist() != [1, size, size, 3]
            or types != [np.uint8] + [np.float32] * len(given)
        ):
            raise BackboneError(f"A network must make {dim} values of a picture of {size} x {size} px; this one does not.")
        self._input, self._embedding = taken["index"], embedding[0]["index"]
        self._values = values[0]["index"] if values else None

    def run(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """uint8 (1, size, size, 3) -> float32 (1, dim), and (rows, columns, dim) or None."""
        self._interpreter.set_tensor(self._input, picture)
        try:
            self._interpreter.invoke()
        except RuntimeError as exc:
            raise BackboneError("This is no network that LiteRT can run.") from exc
        values = None if self._values is None else self._interpreter.get_tensor(self._values)[0]
        return self._interpreter.get_tensor(self._embedding), values


class _Interpreters:
    """Up to so many of a network, made when they are first needed."""

    def __init__(self, network: LiteRTNetwork, n: int, n_threads: int) -> None:
        self._network = network
        self._n_threads = n_threads
        self._free: queue.LifoQueue[_Interpreter | None] = queue.LifoQueue()
        for _ in range(n):
            self._free.put(None)

    def forget(self) -> None:
        """Gives the memory of one back."""
        self._free.get()
        self._free.put(None)

    @contextmanager
    def one(self) -> Iterator[_Interpreter]:
        """One that nobody else has meanwhile."""
        interpreter = self._free.get()
        try:
            interpreter = interpreter or self._network.interpreter(self._n_threads)
            yield interpreter
        finally:
            self._free.put(interpreter)
