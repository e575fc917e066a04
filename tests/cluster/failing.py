"""Actors that fail, in a module that their processes can import."""

from __future__ import annotations

import os

import pyarrow as pa

from imgsearch.errors import BackboneError
from imgsearch.scale.actors import Actor


class Deadly(Actor):
    """What a picture could make of a process."""

    def __call__(self, shards: pa.Table) -> pa.Table:
        os._exit(1)


class Unable(Actor):
    def __call__(self, shards: pa.Table) -> pa.Table:
        raise BackboneError("It cannot be made.", hint="Make it elsewhere.")
