"""A page full of visitors: `python -m scripts.soak_sessions [--minutes M] [--save NAME]`.

Numbers on stdout, exit 1 for any failure. Visitors that click and upload for some minutes; then no error, memory from the
start to the end, and how long they waited.
"""

from __future__ import annotations

import io
import os
import random
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import click
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import Row, commit_of_tree, report, save_result
from benchmarks.page_visit import prepared_home
from imgsearch import Collection, list_collections
from scripts.soak import check, scratch
from scripts.visitor import Visitor
from tests.e2e.browser import Server, run_server, wait_for_health


@click.command()
@click.option("--home", type=click.Path(path_type=Path), help="Collections to visit.  [default: the sample]")
@click.option("--clickers", default=50, show_default=True)
@click.option("--uploaders", default=10, show_default=True)
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--save", metavar="NAME", help="Write the numbers to benchmarks/results/NAME.json.")
def sessions(home: Path | None, clickers: int, uploaders: int, minutes: float, save: str | None) -> None:
    """Visitors that click every one to three seconds, and others that upload every five to seven."""
    commit_of_tree()  # before anything changes
    # All upload from one address here, more than a public page takes from one.
    os.environ["IMGSEARCH_UPLOADS_PER_MINUTE"] = "1000000"
    with scratch() as folder, prepared_home(home) as home:
        name = list_collections(home)[0]
        items = [item.item_id for item in Collection.open(name, home).items]
        with run_server(home, folder / "log.txt") as server:
            wait_for_health(server, 200)
            until = time.monotonic() + 60 * minutes
            crowd = [Stroll(server.url, items, number, number < uploaders, until) for number in range(clickers + uploaders)]
            for each in crowd:
                each.start()
            memory = []
            for _ in range(5):
                time.sleep(60 * minutes / 5)
                memory.append(resident(server))
            for each in crowd:
                each.join()
            log = (folder / "log.txt").read_text(errors="replace")
    waits: list[Row] = []
    for what, chosen in (("clicks", crowd[uploaders:]), ("uploads", crowd[:uploaders])):
        times = [seconds for each in chosen for seconds in each.times]
        if times:
            p50, p95 = np.percentile(times, [50, 95]) * 1000
            waits.append(
                {"what": what, "visitors": len(chosen), "n": len(times), "p50_ms": float(p50), "p95_ms": float(p95)}
            )
    # Resident, after each fifth of the time.
    page, workers = [each[0] for each in memory], [sum(each[1:]) for each in memory]
    result = {"minutes": minutes, "waits": waits, "page_mib": page, "most_page_mib": max(page), "worker_mib": workers}
    report(None, result)
    errors = sorted({error for each in crowd for error in each.errors})
    check(not errors, f"errors: {errors}")
    check("Traceback" not in log, f"a stack trace in the log:\n{log[-3000:]}")
    if save:
        save_result(save, result)


class Stroll(threading.Thread):
    """A visitor on the way until a time on the monotonic clock."""

    def __init__(self, url: str, items: list[str], number: int, is_uploader: bool, until: float) -> None:
        super().__init__(daemon=True)
        self.times: list[float] = []
        self._visitor = Visitor(url)
        self._choose = random.Random(number)
        self._items = items
        self._is_uploader = is_uploader
        self._until = until

    @property
    def errors(self) -> list[str]:
        """What went wrong."""
        return self._visitor.errors

    def run(self) -> None:
        """Arrives, strolls, leaves."""
        try:
            time.sleep(self._choose.uniform(0, 5))
            self._visitor.arrive()
            while time.monotonic() < self._until:
                time.sleep(self._choose.uniform(5, 7) if self._is_uploader else self._choose.uniform(1, 3))
                self.times.append(
                    self._visitor.upload(photo(self._choose.randrange(1 << 30))) if self._is_uploader else self._click()
                )
            self._visitor.leave()
        except Exception as exc:
            self.errors.append(repr(exc))

    def _upload(self) -> float:
        return self._visitor.upload(photo(self._choose.randrange(1 << 30)))

    def _click(self) -> float:
        return self._visitor.go(urlencode({"item": self._choose.choice(self._items), "k": self._choose.randint(1, 60)}))


def photo(seed: int, size: tuple[int, int] = (1600, 1200)) -> bytes:
    """A JPEG of coloured clouds."""
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize(size).save(stream, "JPEG", quality=80)
    return stream.getvalue()


def resident(server: Server) -> list[int]:
    """Memory of the page and of its workers, MiB."""
    pids = [server.process.pid, *server.worker_pids()]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return [n_pages * os.sysconf("SC_PAGE_SIZE") >> 20 for n_pages in pages]


if __name__ == "__main__":
    sessions()
