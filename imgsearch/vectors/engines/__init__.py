"""What finds the nearest rows of a space, by name."""

from __future__ import annotations

from imgsearch.errors import BuildError
from imgsearch.vectors.engines.annoy import Annoy
from imgsearch.vectors.engines.exact import Exact
from imgsearch.vectors.engines.face import Engine
from imgsearch.vectors.engines.hnsw import Hnsw

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (Exact(), Annoy(), Hnsw())}
"""By name."""
DEFAULT_ENGINE = "annoy"


def get_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        BuildError: there is none.
    """
    if name not in ENGINES:
        raise BuildError(f"An engine must be one of {', '.join(ENGINES)}. Received: {name!r}.")
    return ENGINES[name]
