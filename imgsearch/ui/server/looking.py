"""Pictures that the worker looks at for a visitor: each counts, and visitors take turns."""

from __future__ import annotations

import streamlit as st

from imgsearch.embedding.feature_maps import FeatureMaps
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.embedding.worker.client import EmbeddedPicture
from imgsearch.errors import WorkerLimitError
from imgsearch.pictures.regions import Region
from imgsearch.settings import get_settings
from imgsearch.ui import resources
from imgsearch.ui.server import limits, visitors

MAX_EMBEDDED_PICTURES = 32


@st.cache_resource(max_entries=MAX_EMBEDDED_PICTURES, show_spinner=False, scope="session")
def embed_picture(data: bytes, spec: EmbedderSpec, region: Region | None = None) -> EmbeddedPicture:
    """A picture or a part of it, embedded by the worker; kept for this visitor while the page is open.

    Raises:
        WorkerLimitError: too many were looked at for this visitor in the last minute.
        ImageError, BackboneError, WorkerError: see `WorkerEmbedder.embed_picture`.
    """
    _count()
    return resources.worker().embed_picture(data, spec, region, visitor=visitors.this())


class Looking:
    """Feature maps for this visitor: what `explain` asks."""

    def feature_maps(self, data: bytes, spec: EmbedderSpec, region: Region | None = None) -> FeatureMaps:
        """See `WorkerEmbedder.feature_maps`. WorkerLimitError as for `embed_picture`."""
        _count()
        return resources.worker().feature_maps(data, spec, region, visitor=visitors.this())


def _count() -> None:
    if not limits.may_look():
        most = get_settings().uploads_per_minute
        raise WorkerLimitError(
            f"At most {most} pictures are looked at for one visitor in a minute.", hint="Try again in a moment."
        )
