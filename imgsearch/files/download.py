"""Files from the web: resumed, checked against their digest, bounded in size, from the first mirror that has them.

The digest is what makes resuming simple: whatever a server does between two tries (another file, another mirror, ranges
ignored), a file that was pieced together wrongly does not match, is dropped, and is fetched anew from its beginning.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.parse import urlsplit

from imgsearch.errors import DownloadError
from imgsearch.files.disk import file_digest
from imgsearch.files.locks import take
from imgsearch.progress import ByteProgress

STALL_S = 30
"""A server that sends nothing for so long, or less than MIN_RATE on average over so long, has stalled."""
MIN_RATE = 1024
"""Bytes a second."""
PATIENCE = 3
"""Tries in a row that may bring less than MIN_GAIN before the next mirror is asked."""
MIN_GAIN = 1 << 20
MAX_TRIES = 100
PAUSE_S = 1.0
"""Before the second try; doubled before each further one."""
_CHUNK = 1 << 18
_DIGESTS = re.compile(r"([0-9a-f]{64}|[0-9a-f]{32})?")
_ALGORITHMS = {64: "sha256", 32: "md5"}
"""By the length of a digest."""
_TRY_AGAIN = (
    http.HTTPStatus.REQUEST_TIMEOUT,
    http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    http.HTTPStatus.TOO_MANY_REQUESTS,
)
_TOO_SLOW = "it sent too little for {} s"
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Interrupted(Exception):
    """A try ended before the file did; another may go on from there."""


class _Unreachable(_Interrupted):
    """The server did not answer at all: more tries at once are of no use, unless it has answered before."""


class _Refused(Exception):
    """This server will not give the file, whether now or ever; only another one may."""

    def __init__(self, reason: str, *, is_for_ever: bool = True) -> None:
        super().__init__(reason)
        self.is_for_ever = is_for_ever


class _OtherFile(_Refused):
    """What the server has is not what was asked for."""


def fetch(
    urls: Sequence[str], destination: Path, *, digest: str, max_bytes: int, progress: ByteProgress | None = None
) -> None:
    """Brings a file, unless it is there already. What was cut off, even by a kill, goes on where it was.

    Without a digest nothing that was cut off can be trusted: a file counts that came whole, at one go.

    Args:
        urls: http or https, in the order in which they are asked.
        destination: The file; until it is whole and right it is called `<destination>.part`.
        digest: sha256 of the content, 64 lower-case hexadecimal digits; or md5, 32 of them, or "", where no more is known.
        max_bytes: More than that is not taken.
        progress: Told how much is there, first before any server is asked.

    Raises:
        DownloadError: no server gave the file, or another process is at it.
        OSError: it cannot be written.
    """
    if not _DIGESTS.fullmatch(digest):
        raise ValueError(f"A digest must be 64 or 32 hexadecimal digits. Received: {digest!r}.")
    if destination.is_file() and _is_right(destination, digest):
        return
    tell = progress or (lambda done, total: None)
    hosts = [_host(url) for url in urls]
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(f"{destination.name}.part")
    refusals: list[tuple[str, _Refused]] = []
    with part.open("a+b") as stream:
        busy = f"Another process is downloading {shown_address(urls[0])}."
        take(stream, DownloadError(busy, hint="Wait until it is done."))
        is_there = stream.tell() > 0 and bool(digest) and _is_right(part, digest)
        tell(stream.tell() if digest else 0, 0)
        for url, host in zip(urls, hosts, strict=True):
            if is_there:
                break
            try:
                _fetch_from(url, stream, digest, max_bytes, tell)
                is_there = True
            except _Refused as exc:
                refusals.append((host, exc))
        if not is_there:
            _fail(urls[0], refusals, stream.seek(0, os.SEEK_END) > 0)
        os.fsync(stream.fileno())
    os.replace(part, destination)


def _is_right(path: Path, digest: str) -> bool:
    return not digest or file_digest(path, _ALGORITHMS[len(digest)]) == digest


def _fail(url: str, refusals: Sequence[tuple[str, _Refused]], is_kept: bool) -> NoReturn:
    reasons = "; ".join(f"{host}: {refusal}" for host, refusal in refusals)
    if not all(refusal.is_for_ever for _, refusal in refusals):
        kept = " What has come is kept and goes on from there." if is_kept else ""
        hint = f"Run the same command again later.{kept}"
    elif any(isinstance(refusal, _OtherFile) for _, refusal in refusals):
        hint = "Another file has taken its place, or the digest belongs to another one: ask who gave you the two."
    else:
        hint = "Check the address."
    raise DownloadError(f"{shown_address(url)} could not be downloaded. {reasons}.", hint=hint)


def shown_address(url: str) -> str:
    """A URL in words for anyone: without the name, password and parameters that it may hold."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DownloadError(f"A download must begin with http:// or https://. Received: {url!r}.")
    return parts.hostname


def _fetch_from(url: str, stream: IO[bytes], digest: str, max_bytes: int, progress: ByteProgress) -> None:
    """Tries one server until the file is whole and right. _Refused when that is of no use any more."""
    n_poor = 0
    is_of_one_piece = False  # all of it came from here
    refusal = _Refused("")
    for n_tries in range(MAX_TRIES):
        if not digest:
            stream.truncate(0)
        start = stream.seek(0, os.SEEK_END)
        is_of_one_piece |= start == 0
        try:
            _receive(url, stream, start, max_bytes, progress)
        except _Interrupted as exc:
            refusal = _Refused(str(exc), is_for_ever=False)
            n_poor = n_poor + 1 if stream.seek(0, os.SEEK_END) - start < MIN_GAIN else 0
            if n_poor >= PATIENCE or (n_tries == 0 and isinstance(exc, _Unreachable)):
                break
            time.sleep(PAUSE_S * 2 ** max(0, n_poor - 1))
            continue
        stream.flush()
        if _is_right(Path(stream.name), digest):
            return
        stream.truncate(0)
        refusal = _OtherFile(f"the file is not the one that was expected (its {_ALGORITHMS[len(digest)]} differs)")
        if is_of_one_piece:
            break
    raise refusal


def _receive(url: str, stream: IO[bytes], start: int, max_bytes: int, progress: ByteProgress) -> None:
    """One try: asks for what is missing and appends it."""
    headers = {"User-Agent": "imgsearch", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with _network_errors():
        try:
            response = _OPENER.open(urllib.request.Request(url, headers=headers), timeout=STALL_S)
        except urllib.error.HTTPError as exc:
            if exc.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                stream.truncate(0)  # more is here than the server has
            raise
    with response:
        done, total = _begin(response, start)
        stream.truncate(done)
        if total > max_bytes:
            raise _Refused(f"the file has {total:,} bytes, more than the {max_bytes:,} allowed")
        progress(done, total)
        for chunk in _chunks(response):
            done += len(chunk)
            if done > max_bytes:
                stream.truncate(0)
                raise _Refused(f"the file has more than the {max_bytes:,} bytes allowed")
            stream.write(chunk)
            progress(done, total)
    if total and done < total:
        raise _Interrupted(f"the connection was cut after {done:,} of {total:,} bytes")


def _begin(response: Any, start: int) -> tuple[int, int]:
    """Where in the file the answer begins, and how long the file is (0 where that is not said)."""
    length = response.headers.get("Content-Length") or "0"
    n_bytes = int(length) if length.isdecimal() else 0
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0, n_bytes
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range") or "")
    if not match or int(match[1]) != start:
        raise _Refused("the server sent another part of the file than the one asked for")
    return start, start + n_bytes if match[2] == "*" else int(match[2])


def _chunks(response: Any) -> Iterator[bytes]:
    """The body as it comes. _Interrupted also when it comes too slowly: one byte in time satisfies a socket's time-out."""
    since, n_bytes = time.monotonic(), 0
    while True:
        with _network_errors():
            chunk = response.read1(_CHUNK)
        if not chunk:
            return
        yield chunk
        n_bytes += len(chunk)
        elapsed = time.monotonic() - since
        if elapsed > STALL_S:
            if n_bytes < MIN_RATE * elapsed:
                raise _Interrupted(_TOO_SLOW.format(STALL_S))
            since, n_bytes = time.monotonic(), 0


@contextlib.contextmanager
def _network_errors() -> Iterator[None]:
    """What urllib and http.client raise, as an end of this try or of this server."""
    try:
        yield
    except urllib.error.HTTPError as exc:
        exc.close()
        reason = f"it answered {exc.code} {exc.reason}"
        raise (_Interrupted if exc.code >= 500 or exc.code in _TRY_AGAIN else _Refused)(reason) from exc
    except TimeoutError as exc:
        raise _Interrupted(_TOO_SLOW.format(STALL_S)) from exc
    except urllib.error.URLError as exc:
        raise _Unreachable(f"it cannot be reached ({getattr(exc.reason, 'strerror', None) or exc.reason})") from exc
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise _Interrupted(f"the connection broke ({type(exc).__name__})") from exc


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but from a server of the internet to none of this machine or its own network.

    Who names such a server asks for it; a server elsewhere must not make this one ask its neighbours.
    """

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if _is_public(req.origin_req_host) and not _is_public(urlsplit(newurl).hostname or ""):
            raise _Refused("it leads to an address that is not of the internet")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_public(host: str) -> bool:
    """Whether all addresses of a host are of the internet. One that cannot be looked up leads nowhere, so it may be."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return True
    return all(ipaddress.ip_address(address[0]).is_global for *_, address in found)


def _opener() -> urllib.request.OpenerDirector:
    """Of http and https only: urllib's own also follows a redirect to ftp, and opens file and data URLs."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()
