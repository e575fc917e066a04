"""One visitor against the page: `python scripts/attack.py [NAME ...] [--root CHECKOUT]`. A table on stdout.

Each attack runs against a server of its own on this machine, from 127.0.0.2 and at `nice 19`, while another visitor clicks
200 times and uploads eight pictures from 127.0.0.3. The table says what that cost the other one, what it cost the server's
memory, and what the attacker was told. `--root` attacks the page of another checkout, such as one before a change.

In the style of soak.py, which is about kills and full disks; attacks by packages are `python scripts/attack_package.py`.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from imgsearch import Collection, list_collections
from scripts.soak import ROOT, build_by, draw_pictures, scratch
from scripts.soak_sessions import photo, resident
from scripts.visitor import Visitor
from tests.e2e.browser import Server, run_server, wait_for_health
from tests.hostile_archives import (
    tar_that_begins_like_a_zip,
    tar_with_long_header,
    with_false_end,
    with_zip64_end,
    zip_directory,
    zip_of_zeros,
)

ATTACKER, OTHER = "127.0.0.2", "127.0.0.3"
N_CLICKS = 200
N_UPLOADS = 8
MOST_S = 90.0
"""Longest time for one attack."""

Attack = Callable[[str], Iterator[str]]
"""Address of the page -> what the attacker was told, one after the other."""
ATTACKS: dict[str, Attack] = {}
ENDLESS = ("regions",)
"""Those that go on until they are ended, which is when the other visitor is done."""


def attack(function: Attack) -> Attack:
    """Adds an attack to the table, under its name with hyphens."""
    ATTACKS[function.__name__.replace("_", "-")] = function
    return function


def arrive(url: str) -> Visitor:
    """The attacker, with the page open."""
    visitor = Visitor(url, address=ATTACKER)
    visitor.arrive()
    return visitor


def told(visitor: Visitor) -> str:
    """What the page said last, and forgets it."""
    words = " / ".join(visitor.errors) or "taken"
    visitor.errors.clear()
    return words


def make(url: str, *files: bytes) -> str:
    """Hands files in as own pictures; what the page says."""
    visitor = arrive(url)
    try:
        visitor.make_collection({f"{number}.zip": data for number, data in enumerate(files)})
        return told(visitor)
    finally:
        visitor.leave()


# What visitors hand in.


@attack
def bzip2_bomb(url: str) -> Iterator[str]:
    """A zip of 1 kB with one entry of 1,500 MiB of zeros, compressed with bzip2."""
    yield make(url, zip_of_zeros(zipfile.ZIP_BZIP2, 1500))


@attack
def lzma_bomb(url: str) -> Iterator[str]:
    """One of 300 MiB with LZMA."""
    yield make(url, zip_of_zeros(zipfile.ZIP_LZMA, 300))


@attack
def long_directory(url: str) -> Iterator[str]:
    """Zip files that list 300,000 entries, the size of the list hidden in three ways."""
    n = 300_000
    plain = zip_directory(n)
    yield make(url, plain)
    yield make(url, with_zip64_end(plain))
    yield make(url, with_false_end(plain))
    yield make(url, tar_that_begins_like_a_zip(n))


@attack
def long_header(url: str) -> Iterator[str]:
    """A tar with a PAX header of 1.5 million keys."""
    yield make(url, tar_with_long_header(1_500_000))


# How they hand it in.


@attack
def idle_uploads(url: str) -> Iterator[str]:
    """Uploads of 16 sessions that announce 75 MB and send nothing."""
    connections = []
    for _ in range(16):
        visitor = arrive(url)
        headers = {**visitor.upload_headers(), "Content-Length": str(75 << 20)}
        connections.append(begin_put(url, visitor.upload_path(), headers))
    for connection in connections:
        connection.sock.settimeout(20)
        with contextlib.suppress(OSError):
            yield connection.sock.recv(4096).split(b"\r\n", 1)[0].decode() or "closed"
    yield "silence for 20 s"


@attack
def chunked_upload(url: str) -> Iterator[str]:
    """Uploads that announce 5 bytes, and send 90 MB in chunks."""
    for _ in range(14):
        visitor = arrive(url)
        headers = visitor.upload_headers() | {"Content-Length": "5", "Transfer-Encoding": "chunked"}
        connection = begin_put(url, visitor.upload_path(), headers)
        chunks = [visitor.multipart_head(), *[bytes(1 << 20)] * 90, visitor.multipart_end(), b""]
        try:
            for chunk in chunks:
                connection.sock.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        except OSError:
            pass
        connection.sock.settimeout(20)
        with contextlib.suppress(OSError):
            yield connection.sock.recv(4096).split(b"\r\n", 1)[0].decode()


@attack
def upload_into_another_session(url: str) -> Iterator[str]:
    """A file put into the session of somebody whose id is known."""
    victim = Visitor(url, address=OTHER)
    victim.arrive()
    attacker = arrive(url)
    for _ in range(3):
        yield str(attacker.put(victim.upload_path(), bytes(60 << 20)))


@attack
def broken_off_upload(url: str) -> Iterator[str]:
    """Uploads that end in the middle."""
    for _ in range(20):
        visitor = arrive(url)
        connection = begin_put(url, visitor.upload_path(), {**visitor.upload_headers(), "Content-Length": "1000000"})
        connection.sock.sendall(visitor.multipart_head() + bytes(1000))
        connection.close()
        visitor.leave()
    yield "see the log"


def begin_put(url: str, path: str, headers: dict[str, str]) -> http.client.HTTPConnection:
    """The beginning of an upload."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60, source_address=(ATTACKER, 0))
    connection.putrequest("PUT", path)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return connection


# What they ask for.


@attack
def regions(url: str) -> Iterator[str]:
    """Twelve sessions that ask for ever new parts of a picture of 12 megapixels."""
    words: list[str] = []

    def ask(number: int) -> None:
        choose = random.Random(number)
        with contextlib.suppress(Exception):
            visitor = arrive(url)
            visitor.upload(photo(number, size=(4000, 3000)))
            while True:
                query = visitor.query.split("&region=")[0]
                visitor.go(f"{query}&region=0,0,{choose.uniform(0.3, 0.9):.6f},{choose.uniform(0.3, 0.9):.6f}")
                words.append(told(visitor))

    crowd = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(12)]
    for each in crowd:
        each.start()
    while True:
        time.sleep(0.5)
        while words:
            yield words.pop()


@attack
def own_collections(url: str) -> Iterator[str]:
    """One own collection after the other, each in a session that stays."""
    for number in range(25):
        visitor = arrive(url)
        visitor.make_collection({"a.jpg": photo(number), "b.jpg": photo(number + 100)})
        yield told(visitor)


@attack
def sessions(url: str) -> Iterator[str]:
    """120 sessions that stay."""
    for _ in range(120):
        visitor = arrive(url)
        yield "full" if visitor.is_refused else "taken"


# The other visitor, and the table.


@dataclass
class Cost:
    """What an attack did to the other visitor and to the server."""

    click_p95: float = 0.0
    n_answered: int = 0
    memory: tuple[int, int] = (0, 0)
    words: Counter[str] = field(default_factory=Counter)
    n_log_bytes: int = 0


def suffer(server: Server, items: list[str]) -> Cost:
    """The other visitor's clicks and uploads."""
    cost = Cost()
    choose = random.Random(0)
    visitor = Visitor(server.url, address=OTHER)
    visitor.arrive()
    times = []
    for number in range(N_CLICKS):
        times.append(visitor.go(urlencode({"item": choose.choice(items), "k": choose.randint(1, 60)})))
        if number % (N_CLICKS // N_UPLOADS) == 0:
            visitor.errors.clear()
            visitor.upload(photo(1000 + number))
            cost.n_answered += not visitor.errors
    visitor.leave()
    cost.click_p95 = float(np.percentile(times, 95)) * 1000
    return cost


@contextlib.contextmanager
def watched(server: Server, cost: list[int]) -> Iterator[None]:
    """Keeps the largest memory of the page's own process."""
    is_over = threading.Event()

    def watch() -> None:
        while not is_over.wait(0.05):
            with contextlib.suppress(OSError, ProcessLookupError):
                cost.append(resident(server)[0])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def run_attack(name: str, home: Path, root: Path, folder: Path) -> Cost:
    """One attack on a server of its own; "" is none, for comparison."""
    items = [item.item_id for item in Collection.open(list_collections(home)[0], home).items]
    log = folder / "log.txt"
    with run_server(home, log, root=root) as server:
        wait_for_health(server, 200)
        first = Visitor(server.url, address=OTHER)
        first.arrive()
        first.upload(photo(0))  # the worker runs
        first.leave()
        before = resident(server)[0]
        memory: list[int] = []
        attacker = None
        if name:
            command = ["nice", "-n", "19", sys.executable, __file__, name, "--url", server.url]
            attacker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            time.sleep(2)
        with watched(server, memory):
            try:
                cost = suffer(server, items)
            except Exception as exc:
                click.echo(f"The other visitor could not go on: {exc!r}", err=True)
                cost = Cost(click_p95=float("inf"))
            if attacker and name in ENDLESS:
                attacker.terminate()
        if attacker:
            with watched(server, memory), contextlib.suppress(subprocess.TimeoutExpired):
                attacker.wait(MOST_S)
            attacker.kill()
            assert attacker.stdout
            cost.words = Counter(line.strip() for line in attacker.stdout)
        cost.memory = (before, max(memory, default=before))
        cost.n_log_bytes = log.stat().st_size
        if server.process.poll() is not None:
            cost.words["THE PAGE DIED"] += 1
    return cost


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(ATTACKS)))
@click.option("--root", type=click.Path(path_type=Path, exists=True), default=ROOT, help="Checkout whose page is attacked.")
@click.option("--home", type=click.Path(path_type=Path), help="Collections to attack.  [default: one of noise]")
@click.option("--url", help="Attack the page that runs there, and print what is said: a child of this program.")
def main(names: tuple[str, ...], root: Path, home: Path | None, url: str | None) -> None:
    """Runs attacks and prints the table."""
    if url:
        for name in names:
            for words in ATTACKS[name](url):
                click.echo(words)
        return
    with scratch() as folder:
        if home is None:
            home = folder / "home"
            draw_pictures(folder / "pictures")
            build_by(root, home, folder / "pictures")
        alone = run_attack("", home, root, folder)
        click.echo(
            f"alone: click p95 {alone.click_p95:.0f} ms, {alone.n_answered} of {N_UPLOADS} uploads, page {alone.memory}"
        )
        click.echo("| attack | page, MiB | click p95, ms (x alone) | uploads answered | log, kB | the attacker was told |")
        click.echo("|---|---|---|---|---|---|")
        for name in names or ATTACKS:
            cost = run_attack(name, home, root, folder)
            words = "; ".join(f"{n} x {what}" for what, n in cost.words.most_common(4))
            click.echo(
                f"| {name} | {cost.memory[0]} to {cost.memory[1]} | {cost.click_p95:.0f} "
                f"({cost.click_p95 / alone.click_p95:.1f}) | {cost.n_answered} of {N_UPLOADS} | "
                f"{cost.n_log_bytes / 1000:.0f} | {words} |"
            )


if __name__ == "__main__":
    main()
