"""A collection of own pictures that is being made, in a thread of its own: the visitor may look at something else."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from imgsearch.collection.collection import Collection
from imgsearch.collection.session import BuildStopped
from imgsearch.errors import ImgSearchError
from imgsearch.progress import Progress

LOOKING = 0.8
"""Share of the whole time that looking at the pictures takes, about; the rest is indexes, neighbours, maps."""
_FIRST_GUESS_S = 3.0
_log = logging.getLogger(__name__)


class Making:
    """Work that has begun. Its thread knows nothing of Streamlit, and ends with what it makes, what fails, or `stop`.

    Attributes:
        done, total: How many of the pictures have been looked at, and how many there are; 0 of 0 while files are read.
        is_looking: Whether pictures are looked at; afterwards they are arranged.
        collection: What was made; None until then, and where nothing was.
        error: What went wrong, None where nothing did.
    """

    def __init__(
        self,
        build: Callable[[Progress, threading.Event], Collection],
        *,
        remove: Callable[[str], None],
        grace_s: float,
    ) -> None:
        """Begins.

        Args:
            build: Makes the collection: told how far it is it tells the first, and it ends soon when the second is set.
            remove: Removes a collection of that name.
            grace_s: How long a visitor who was cut off may come back, s.
        """
        self.done = self.total = 0
        self.is_looking = True
        self.collection: Collection | None = None
        self.error: Exception | None = None
        self._build = build
        self._remove = remove
        self._grace_s = grace_s
        self._share = 0.0
        self._began: float | None = None  # with the first picture: how long files are read says nothing of the rest
        self._stop = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._departure: threading.Timer | None = None
        threading.Thread(target=self._run, name="own-pictures", daemon=True).start()

    @property
    def share(self) -> float:
        """How much of it is done, of the time that it takes: 0 to 1."""
        return self._share

    @property
    def left_s(self) -> float | None:
        """How long it still takes, s, if it goes on as so far; None while that cannot be said."""
        gone_s = time.monotonic() - (self._began or math.inf)
        return gone_s / self._share * (1 - self._share) if self._share and gone_s >= _FIRST_GUESS_S else None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, whatever came of it."""
        return self._over.is_set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ends it as soon as the picture that is looked at is done. Nothing of it is kept."""
        with self._lock:
            self._stop.set()
            made, self.collection = self.collection, None
        if made:
            self._remove(made.name)

    def leave(self) -> None:
        """Says that the visitor has gone: it is stopped soon, unless they come back and `use` it."""
        self.use()
        self._departure = threading.Timer(self._grace_s, self.stop)
        self._departure.daemon = True
        self._departure.start()

    def use(self) -> None:
        """Says that the visitor is there."""
        if self._departure:
            self._departure.cancel()
            self._departure = None

    def wait(self, timeout_s: float) -> bool:
        """Waits until it is over, and says whether it is."""
        return self._over.wait(timeout_s)

    def _run(self) -> None:
        try:
            made = self._build(self._tell, self._stop)
            with self._lock:
                is_unwanted = self._stop.is_set()
                self.collection = None if is_unwanted else made
            if is_unwanted:
                self._remove(made.name)
        except BuildStopped:
            pass
        except ImgSearchError as exc:
            self.error = exc
        except Exception as exc:
            _log.exception("a collection of own pictures failed")
            self.error = exc
        finally:
            self._over.set()

    def _tell(self, done: int, total: int, what: str) -> None:
        self._began = self._began or time.monotonic()
        self.is_looking = what == "embedding"
        if self.is_looking:
            self.done, self.total = done, total
            self._share = LOOKING * (done / total)
        else:
            self._share = LOOKING + (1 - LOOKING) * (done / total)
