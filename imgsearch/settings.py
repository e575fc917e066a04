"""Settings, read once from the environment. `ui/` may hand in st.secrets instead."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from imgsearch.errors import ImgSearchError

SAMPLE_COLLECTION = "sample"
DEFAULT_K = 10
MAX_K = 200


@dataclass(frozen=True)
class Settings:
    """What an installation can set.

    Attributes:
        home: IMGSEARCH_HOME, where collections and kept weights live. Defaults to ./collections.
        max_upload_mb: IMGSEARCH_MAX_UPLOAD_MB, largest upload of a visitor, in 2**20 bytes. Defaults to 10.
        worker_timeout_s: IMGSEARCH_WORKER_TIMEOUT_S, longest time one request may keep the embedding worker once it
            runs (loading a model for the first time is counted too). Defaults to 60.
        worker_queue: IMGSEARCH_WORKER_QUEUE, uploads that may wait for the worker; more are told to try again.
            Defaults to 8.
    """

    home: Path = Path("collections")
    max_upload_mb: int = 10
    worker_timeout_s: int = 60
    worker_queue: int = 8

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Settings:
        """Settings from environment variables or any other mapping of the same names.

        Raises:
            ImgSearchError: a value is not a whole number from 1 to 999,999,999.
        """
        numbers = {
            name: _positive(values, f"IMGSEARCH_{name.upper()}", default)
            for name, default in (("max_upload_mb", 10), ("worker_timeout_s", 60), ("worker_queue", 8))
        }
        return cls(home=Path(values.get("IMGSEARCH_HOME") or "collections"), **numbers)


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings.from_mapping(os.environ)


def _positive(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ImgSearchError(f"{name} must be a whole number from 1 to 999999999. Received: {text[:40]!r}.")
    return int(text)
