"""A web server on this machine that serves bytes and misbehaves on request."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FileServer(ThreadingHTTPServer):
    """Serves `files`, path -> content; answers ranges.

    Attributes:
        manner: How: "well"; "cut" (ends each answer after `cut_after` bytes); "no ranges" (always the whole file);
            "cut, no ranges"; "silent" (says nothing after the headers); "drip" (a byte in a while); "no length";
            "wrong" (other content of the same length); "shifted" (a range that was not asked for); a number: that status.
        requests: What was asked for: path and the Range header.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files
        self.manner: str | int = "well"
        self.cut_after = 1000
        self.requests: list[tuple[str, str | None]] = []
        self.is_over = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        self.close_connection = True
        manner = self.server.manner
        if isinstance(manner, int) or self.path not in self.server.files:
            self.send_error(manner if isinstance(manner, int) else 404)
            return
        data = self.server.files[self.path]
        if manner == "wrong":
            data = bytes(len(data))
        match = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if match and "no ranges" not in str(manner):
            start = int(match[1])
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            shift = 1 if manner == "shifted" else 0
            self.send_header("Content-Range", f"bytes {start + shift}-{len(data) - 1}/{len(data)}")
            data = data[start:]
        else:
            self.send_response(200)
        if manner != "no length":
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        if str(manner).startswith("cut"):
            data = data[: self.server.cut_after]
        if manner == "silent":
            self.server.is_over.wait(60)
        elif manner == "drip":
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.server.is_over.wait(0.02):
                    return
        else:
            self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """A running server of these files."""
    server = FileServer(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()
