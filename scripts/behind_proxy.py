"""Two processes of the page behind haproxy: `python scripts/behind_proxy.py`. What works with stickiness, and what without.

Visitors in chromium, each with cookies of their own, open the page, pick, upload, and pass a link on; the proxy is started
anew, which cuts every websocket; at last one of the processes is killed. First with docs/hosting/haproxy.cfg, but for its
ports; then with its cookie taken out, so that requests go by turns. Exit 1 for a failure with the cookie.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import click
from playwright.sync_api import Browser, Page, Response, sync_playwright
from playwright.sync_api import Error as BrowserError

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from imgsearch.supply.sample import install_sample
from scripts.soak import check, scratch
from scripts.soak_sessions import photo
from tests.e2e.browser import (
    BROWSER_ARGS,
    ROOT,
    Server,
    card_items,
    cards,
    chromium_path,
    run_server,
    upload,
    wait_for_health,
    wait_for_items,
    wait_until_idle,
)

TIMEOUT_MS = 10_000
FAILING_S = 8  # haproxy looks every 2 s, and gives a server up after three times
SETTLING_MS = 2_000  # a session that is new runs the page once
LOST = "after one of two processes was killed, a click is answered"
"""Not for who was there: a new session knows no callback yet, and answers the first click with the page as it is."""
CONFIGURATION = ROOT / "docs" / "hosting" / "haproxy.cfg"


class Proxy:
    """haproxy before two servers; `url` is where visitors come."""

    def __init__(self, folder: Path, servers: list[Server], *, is_sticky: bool) -> None:
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            port = holder.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        text = CONFIGURATION.read_text(encoding="utf-8").replace("bind :80 ", f"bind 127.0.0.1:{port} ")
        for written, server in zip(("127.0.0.1:8501", "127.0.0.1:8502"), servers, strict=True):
            text = text.replace(written, urlsplit(server.url).netloc)
        if not is_sticky:
            text = re.sub(r"^    cookie .*\n| cookie (?:one|two)$", "", text, flags=re.MULTILINE)
            text = text.replace("leastconn", "roundrobin")
        self._file = folder / f"{port}.cfg"
        self._file.write_text(text)

    def start(self) -> None:
        """Starts it."""
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit("apt-get install haproxy")
        self._process = subprocess.Popen([program, "-db", "-f", self._file], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + TIMEOUT_MS / 1000
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", urlsplit(self.url).port or 0)).close()
                return
            except OSError:
                time.sleep(0.05)

    def stop(self) -> None:
        """Ends it, and with it every websocket."""
        self._process.terminate()
        self._process.wait()


def open_page(chromium: Browser, url: str, refused: Counter[str]) -> Page:
    """A fresh visitor. What is answered with an error is counted by its path, without ids."""

    def look_at(response: Response) -> None:
        if response.status >= 400:
            refused[f"{response.status} {'/'.join(urlsplit(response.url).path.split('/')[:3])}"] += 1

    page = chromium.new_context().new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.on("response", look_at)
    page.goto(url)
    wait_until_idle(page)
    return page


def pick(page: Page, number: int) -> None:
    """Clicks a card, and waits for its answer."""
    wait_until_idle(page)
    before = card_items(page)
    wanted = before[1 + number % (len(before) - 1)]
    cards(page).nth(before.index(wanted)).click()
    page.wait_for_url(lambda url: f"item={wanted}" in url.replace("%2F", "/"))
    wait_until_idle(page)


def hand_in(page: Page, number: int) -> None:
    """Uploads a picture, and waits until it is what is searched with."""
    upload(page, photo(number, (640, 480)))
    page.wait_for_url(re.compile("upload="))
    wait_until_idle(page)


def visit(chromium: Browser, servers: list[Server], proxy: Proxy, n: int) -> tuple[dict[str, int], Counter[str]]:
    """What how many of n visitors could do, and what was refused."""
    done: dict[str, int] = {}
    refused: Counter[str] = Counter()
    pages: list[Page] = []

    def each(what: str, act: Callable[[int], None]) -> None:
        done[what] = 0
        for number in range(n):
            try:
                act(number)
                done[what] += 1
            except (BrowserError, ValueError) as exc:
                print(f"  {what}, visitor {number}: {str(exc).splitlines()[0]}", file=sys.stderr)

    def link(number: int) -> None:
        other = open_page(chromium, pages[number].url, refused)
        wait_for_items(other, card_items(pages[number]))
        other.context.close()

    answers: dict[int, list[str]] = {}

    def still_there(number: int) -> None:
        page = pages[number]
        wait_until_idle(page)
        page.wait_for_timeout(SETTLING_MS)
        wait_until_idle(page)
        if "upload=" not in page.url or card_items(page) != answers[number]:
            raise ValueError(f"now at {urlsplit(page.url).query}")

    each("open the page", lambda _: pages.append(open_page(chromium, proxy.url, refused)))
    each("pick a card", lambda number: pick(pages[number], number))
    each("pass the link on", link)
    each("upload a picture", lambda number: hand_in(pages[number], number))
    answers.update({number: card_items(page) for number, page in enumerate(pages)})
    proxy.stop()
    for page in pages:
        page.locator('[data-test-connection-state="CONNECTED"]').wait_for(state="detached")
    proxy.start()
    each("after the connection was cut, the upload is there", still_there)
    for what in ("then a click is answered", "and the next"):
        each(what, lambda number: pick(pages[number], number))
    servers[1].process.kill()
    time.sleep(FAILING_S)
    for what in (LOST, "and the next after that"):
        each(what, lambda number: pick(pages[number], number))
    for page in pages:
        page.context.close()
    return done, refused


@click.command()
@click.option("--visitors", default=6, show_default=True)
def behind_proxy(visitors: int) -> None:
    """Visits the page through a proxy that keeps visitors to a process, and through one that does not."""
    results = []
    with scratch() as folder, sync_playwright() as driver:
        home = folder / "home"
        install_sample(home)
        chromium = driver.chromium.launch(executable_path=chromium_path(), args=list(BROWSER_ARGS))
        for is_sticky in (True, False):
            with ExitStack() as stack:
                servers = [stack.enter_context(run_server(home, folder / f"{is_sticky}{n}.txt")) for n in range(2)]
                for server in servers:
                    wait_for_health(server, 200)
                proxy = Proxy(folder, servers, is_sticky=is_sticky)
                proxy.start()
                stack.callback(proxy.stop)
                results.append(visit(chromium, servers, proxy, visitors))
        chromium.close()
    (sticky, refused), (loose, refused_loose) = results
    click.echo(f"of {visitors} visitors | with the cookie | by turns")
    for what, n in sticky.items():
        click.echo(f"{what} | {n} | {loose[what]}")
    click.echo(f"refused with the cookie: {dict(refused)}; by turns: {dict(refused_loose)}")
    del sticky[LOST]
    check(set(sticky.values()) == {visitors}, "something failed with the cookie")


if __name__ == "__main__":
    behind_proxy()
