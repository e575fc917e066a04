"""Settings, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from imgsearch.errors import ImgSearchError
from imgsearch.processors import n_processors

Network = IPv4Network | IPv6Network
Sources = Annotated[str, "as in the header Content-Security-Policy"]
Url = Annotated[str, "without a slash at its end"]
Secret = Annotated[str, "never shown"]
Emails = Annotated[tuple[str, ...], "addresses, and domains with an @ before them"]

SAMPLE_COLLECTION = "sample"
DEFAULT_K = 10
MAX_K = 200
MAX_PICTURE_BYTES = 50_000_000
"""Size of the largest picture file that is read."""
N_THREADS = max(2, n_processors())
"""Pictures that are decoded at a time."""
_EMAIL = re.compile(r"[^\s@]*@[^\s@]+")
_URL = re.compile(r"https?://[^\s/?#@\"'<>\\]+(/[^\s?#\"'<>\\]*)?")
_SOURCES = re.compile(r"['\w:/.*-]+( ['\w:/.*-]+)*", re.ASCII)


@dataclass(frozen=True)
class Settings:
    """What an installation can set.

    Attributes:
        home: IMGSEARCH_HOME, where collections and kept weights live; `~` is expanded, and the path made absolute.
            Defaults to ./collections.
        max_upload_mb: IMGSEARCH_MAX_UPLOAD_MB, largest picture that a visitor searches with, in MiB; the browser makes
            larger photos smaller before it sends them. Defaults to 10.
        max_own_mb: IMGSEARCH_MAX_OWN_MB, largest collection that visitors can make of their own pictures, as it is uploaded
            and unpacked, in MiB; as server.maxUploadSize in .streamlit/config.toml. Defaults to 100.
        worker_timeout_s: IMGSEARCH_WORKER_TIMEOUT_S, longest time one request may keep the embedding worker once it
            runs (loading a model for the first time is counted too), in seconds. Defaults to 60.
        worker_queue: IMGSEARCH_WORKER_QUEUE, uploads that may wait for the worker; more are told to try again.
            Defaults to 8.
        frame_ancestors: IMGSEARCH_FRAME_ANCESTORS, sites that may show the page in a frame, as in the header
            Content-Security-Policy, such as `https://huggingface.co`; `'self'` is none but the page's own.
            Defaults to 'self'.
        url: IMGSEARCH_URL, the address of the page as visitors see it, such as `https://pets.example.org`: with it,
            links to the page have a picture where they are previewed, as in chats, and exports a link back.
            Defaults to none.
        max_sessions: IMGSEARCH_MAX_SESSIONS, sessions (open pages) at a time; more are told to come back. Defaults to 100.
        max_sessions_of_one: IMGSEARCH_MAX_SESSIONS_OF_ONE, sessions of one visitor at a time. Defaults to 20.
        max_own_of_one: IMGSEARCH_MAX_OWN_OF_ONE, collections of their own that one visitor may have at a time.
            Defaults to 3.
        uploads_per_minute: IMGSEARCH_UPLOADS_PER_MINUTE, pictures that are looked at for one visitor in a minute: uploads,
            parts of pictures, explanations. Defaults to 60.
        proxies: IMGSEARCH_PROXIES, addresses and networks (`10.0.0.0/8`) of the proxies before the page, with spaces
            between: whom they name in X-Forwarded-For is the visitor. The server itself trusts 127.0.0.1. Defaults to none.
        collections: IMGSEARCH_COLLECTIONS, packages that the page pulls when it starts, each as `URL#sha256=...`, and
            collections on a server, each as `milvus://HOST:PORT/NAME`, with spaces between. Defaults to none.
        milvus_token: IMGSEARCH_MILVUS_TOKEN, what the servers of these ask for: a token, or `USER:PASSWORD`. Defaults to
            none.
        keep_judgements: IMGSEARCH_KEEP_JUDGEMENTS, 1 keeps the likes and dislikes of visitors in
            `<home>/judgements.sqlite`. Defaults to 0.
        metrics: IMGSEARCH_METRICS, 1 opens Streamlit's `/_stcore/metrics` (sessions, memory of caches) to everybody who can
            reach the server. Defaults to 0.
        allowed_emails: IMGSEARCH_ALLOWED_EMAILS, who may see the page once signed in: addresses and domains such as
            `@example.org`, with spaces between. Where there is one, visitors must sign in; without, all may who can sign
            in, where sign-in is set up. Defaults to none.
    """

    home: Path = Path("collections")
    max_upload_mb: int = 10
    max_own_mb: int = 100
    worker_timeout_s: int = 60
    worker_queue: int = 8
    max_sessions: int = 100
    max_sessions_of_one: int = 20
    max_own_of_one: int = 3
    uploads_per_minute: int = 60
    proxies: tuple[Network, ...] = ()
    frame_ancestors: Sources = "'self'"
    url: Url = ""
    collections: tuple[str, ...] = ()
    milvus_token: Secret = field(default="", repr=False)
    keep_judgements: bool = False
    metrics: bool = False
    allowed_emails: Emails = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "home", _absolute("IMGSEARCH_HOME", self.home))

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> Settings:
        """Settings from environment variables or any other mapping of the same names; an empty value counts as none.

        Raises:
            ImgSearchError: a value is not what it must be, such as a whole number from 1 to 999,999,999.
        """
        read: dict[str, Any] = {}
        for setting, kind in get_type_hints(cls, include_extras=True).items():
            name = f"IMGSEARCH_{setting.upper()}"
            if text := values.get(name):
                read[setting] = _READ[kind](name, text)
        return cls(**read)


@cache
def get_settings() -> Settings:
    """The settings of this process."""
    return Settings.from_mapping(os.environ)


def _absolute(name: str, path: Path) -> Path:
    """The path with `~` expanded, which no shell does in a unit of systemd, a Dockerfile or secrets.toml."""
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ImgSearchError(
            f"{name} must be a path. Received: {str(path)[:40]!r}, whose ~ stands for no folder here.",
            hint="Give the path in full, from / on.",
        ) from None


def _sources(name: str, text: str) -> str:
    if not _SOURCES.fullmatch(text):
        raise ImgSearchError(f"{name} must be sites with spaces between. Received: {text[:40]!r}.")
    return text


def _url(name: str, text: str) -> str:
    if not _URL.fullmatch(text):
        raise ImgSearchError(
            f"{name} must be the address of the page, such as https://pets.example.org. Received: {text[:40]!r}.",
            hint="Give it with https:// or http://, and without a query.",
        )
    return text.rstrip("/")


def _emails(name: str, text: str) -> tuple[str, ...]:
    emails = tuple(text.lower().split())
    for email in emails:
        if not _EMAIL.fullmatch(email):
            raise ImgSearchError(
                f"{name} must be addresses and domains such as @example.org with spaces between. Received: {email[:40]!r}."
            )
    return emails


def _networks(name: str, text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part) for part in text.split())
    except ValueError:
        raise ImgSearchError(
            f"{name} must be addresses and networks such as 10.0.0.0/8 with spaces between. Received: {text[:40]!r}."
        ) from None


def _switch(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise ImgSearchError(f"{name} must be 0 or 1. Received: {text[:40]!r}.")
    return text == "1"


def _positive(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= 1):
        raise ImgSearchError(f"{name} must be a whole number from 1 to 999999999. Received: {text[:40]!r}.")
    return int(text)


_READ: Mapping[Any, Callable[[str, str], Any]] = {
    Path: lambda name, text: Path(text),
    int: _positive,
    bool: _switch,
    tuple[str, ...]: lambda name, text: tuple(text.split()),
    tuple[Network, ...]: _networks,
    Sources: _sources,
    Url: _url,
    Secret: lambda name, text: text,
    Emails: _emails,
}
"""How a setting of each kind is read from its variable: name and text, never empty, to value."""
