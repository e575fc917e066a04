"""A real server and a real browser: start them, and read what a visitor sees. For the tests here and the benchmarks."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
RESULTS = "Most similar pictures"
GALLERY = "Pictures of the collection"
EXAMPLES = "Examples to try"
START_S = 60.0
BROWSER_ARGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",  # a camera that films a test card, and nobody to ask whether it may
    "--use-fake-ui-for-media-stream",
)

# Cards lie in the shadow root of a component: an open one, so a script may look inside.
_CARD_LINKS = """name => {
  for (const host of document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')) {
    const list = host.shadowRoot?.querySelector('ul');
    if (list?.getAttribute('aria-label') === name)
      return [...list.querySelectorAll('a')].map(link => link.getAttribute('href'));
  }
  return [];
}"""


def chromium_path() -> str | None:
    """The browser: $CHROMIUM, or Debian's, or what is called chromium on the path. None where there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return shutil.which("/usr/bin/chromium") or shutil.which("chromium")


@dataclass(frozen=True)
class Answer:
    """What the server says to one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Server:
    """A running server of the page.

    Attributes:
        url: Where it listens, without a slash at the end.
        process: The server's process; the embedding worker is its child.
        log: What it printed.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> Answer:
        """One request, the path as it stands: neither normalised nor escaped."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.putrequest("GET", path)
            connection.endheaders()
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def health(self) -> tuple[int, Any]:
        """Status and content of /api/health; (0, None) while nobody listens."""
        try:
            answer = self.get("/api/health")
        except OSError:
            return 0, None
        return answer.status, json.loads(answer.body)

    def worker_pids(self) -> list[int]:
        """The embedding workers that this server has started and that live."""
        return [pid for pid in children_of(self.process.pid) if "imgsearch.embedding.worker" in _command_line(pid)]


@contextmanager
def run_server(
    home: Path,
    log: Path,
    *,
    root: Path = ROOT,
    script: Path | None = None,
    options: Sequence[str] = (),
    is_ready: str = "/api/health",
) -> Iterator[Server]:
    """Runs `streamlit run app.py` on a free port of this machine, and ends it.

    Args:
        home: The folder of collections.
        log: File for what the server prints.
        root: The checkout whose page it is.
        script: What to run instead of the page.
        options: Further options of `streamlit run`.
        is_ready: A path that answers anything as soon as the server listens.
    """
    with _reserved_port() as port, log.open("wb") as output:
        command = [sys.executable, "-m", "streamlit", "run", str(script or root / "app.py"), "--server.headless", "true"]
        command += ["--server.address", "127.0.0.1", "--server.port", str(port), *options]
        environment = {**os.environ, "IMGSEARCH_HOME": str(home), "PYTHONPATH": str(root)}
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=subprocess.STDOUT)
        server = Server(f"http://127.0.0.1:{port}", process, log)
        try:
            _wait_until_it_listens(server, is_ready)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_health(server: Server, status: int) -> Any:
    """Waits until /api/health answers with that status, and returns what it says."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        answered, content = server.health()
        if answered == status:
            return content
        time.sleep(0.05)
    raise TimeoutError(f"/api/health never answered {status}:\n{server.log.read_text(errors='replace')}")


def wait_until_idle(page: Page) -> None:
    """Waits until the page is connected, its script has run to its end, and its grids are filled."""
    page.wait_for_function(
        """() => {
          const app = document.querySelector('[data-testid="stApp"]');
          return app?.getAttribute('data-test-connection-state') === 'CONNECTED'
            && app.getAttribute('data-test-script-state') === 'notRunning'
            && [...document.querySelectorAll('[class*="_grid "][class*="st-key-"]')]
              .every(grid => grid.querySelector('[data-filled]'));
        }"""
    )


def cards(page: Page, name: str = RESULTS) -> Locator:
    """The cards of a grid, which are links."""
    return page.get_by_role("list", name=name).get_by_role("link")


def card_items(page: Page, name: str = RESULTS) -> list[str]:
    """Item ids of a grid's cards, as their links have them."""
    return [parse_qs(urlsplit(href).query)["item"][0] for href in page.evaluate(_CARD_LINKS, name)]


def wait_for_items(page: Page, items: Sequence[str], name: str = RESULTS) -> None:
    """Waits until a grid shows exactly these items, in this order."""
    page.wait_for_function(
        f"""([name, items]) => {{
          const links = ({_CARD_LINKS})(name);
          const shown = links.map(href => new URLSearchParams(href).get('item'));
          return JSON.stringify(shown) === JSON.stringify(items);
        }}""",
        arg=[name, list(items)],
    )


def query_picture(page: Page) -> Locator:
    """The picture that is searched with."""
    return page.locator(".st-key-query_picture img")


def boxes(locator: Locator) -> list[dict[str, float]]:
    """Where all that it finds lies, read at one moment: between two readings the page may have moved."""
    wait_until_idle(locator.page)
    rects = "found => found.every(each => each.isConnected) && found.map(each => each.getBoundingClientRect().toJSON())"
    for _ in range(50):
        found: list[dict[str, float]] | Literal[False] = locator.evaluate_all(rects)
        if found is not False:  # playwright finds first and asks then: what is drawn anew meanwhile lies nowhere
            return found
    raise AssertionError("What was found was drawn anew before it could be asked, 50 times.")


class Places:
    """Where parts of a page lie on the screen: equal to others that are the same but for what no eye sees."""

    _UNSEEN_PX = 1.0  # a browser lays out in 64ths of a pixel, and scrolls by parts of one

    def __init__(self, *parts: Locator) -> None:
        boxes = [part.bounding_box() for part in parts]
        assert all(boxes)
        self.edges = [edge for box in boxes if box for edge in (box["x"], box["y"], box["width"], box["height"])]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Places):
            return NotImplemented
        return all(abs(one - two) < self._UNSEEN_PX for one, two in zip(self.edges, other.edges, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Places({self.edges})"


def upload(page: Page, data: bytes, name: str = "picture.jpg", kind: str = "image/jpeg") -> None:
    """Chooses a file in the uploader, once it is the only one; does not wait for the answer."""
    wait_until_idle(page)
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files({"name": name, "mimeType": kind, "buffer": data})


def upload_file(page: Page, path: Path) -> None:
    """The same with a file on disk, which the browser reads itself: megabytes of content take Playwright many seconds."""
    wait_until_idle(page)
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(path)


@contextmanager
def _reserved_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile, such as tests in other processes, but that a server may listen on."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do; it is not listened on here
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def _wait_until_it_listens(server: Server, path: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            server.get(path)
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(f"The server does not listen:\n{server.log.read_text(errors='replace')}")


def children_of(pid: int) -> list[int]:
    """The processes that the threads of a process have started and that live."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # a thread that has ended since
            children += map(int, (task / "children").read_text().split())
    return children


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
