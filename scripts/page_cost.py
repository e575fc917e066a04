"""What a visitor costs the page: `python -m scripts.page_cost [--clicks 200] [--check 20] [--save page_cost]`.

Processor time of the page's process and of its worker, which others on the machine disturb less than the time on a clock,
with the sample collection: of one visitor who speaks to the page as Streamlit's front end does (`scripts/visitor.py`) and
so loads no pictures, and of one in a browser, who does. With --check so many of the first kind then click on that process
for a minute, beside as many simulated ones (`benchmarks/page_processes.py`, which draws from the clicks in a browser).
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import common
from benchmarks.common import Row, machine, middle, report
from benchmarks.page_processes import SIMULATED_S, THINKING_S, simulate
from benchmarks.page_visit import browser, open_page, pick, prepared_home
from imgsearch import Collection
from imgsearch.settings import SAMPLE_COLLECTION
from scripts.soak_sessions import Stroll, photo
from scripts.visitor import Visitor
from tests.e2e.browser import Server, run_server, wait_for_health, wait_until_idle

WARM_UP = 20


def processor_s(pid: int) -> float:
    """Processor time of a process since its start, of all its threads, s (Linux)."""
    return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of another process: clock_getcpuclockid(3)


def measure(what: Callable[[int], object], n: int, pid: int, rest: Callable[[], object]) -> list[float]:
    """Processor time of each of n acts, s; what follows an answer belongs to it, so the page comes to rest each time."""
    times = []
    for number in range(WARM_UP + n):
        before = processor_s(pid)
        what(number)
        rest()
        times.append(processor_s(pid) - before)
    return times[WARM_UP:]


def measure_page(server: Server, items: Sequence[str], clicks: int) -> dict[str, tuple[list[float], list[float]]]:
    """By what a visitor does: processor times of the page and of its worker, s."""
    (worker,) = server.worker_pids()
    visitor = Visitor(server.url)
    visitor.arrive()
    found: dict[str, tuple[list[float], list[float]]] = {}

    def rest() -> None:
        time.sleep(0.1)  # a run's last words, and the garbage that is collected after it

    def note(name: str, act: Callable[[int], object], n: int, at_rest: Callable[[], object] = rest) -> None:
        before = processor_s(worker)
        times = measure(act, n, server.process.pid, at_rest)
        found[name] = times, [(processor_s(worker) - before) / (WARM_UP + n)]

    note("click, no pictures loaded", lambda number: visitor.go(f"item={items[number * 7 % len(items)]}"), clicks)
    note("upload of 2 MP, no pictures loaded", lambda number: visitor.upload(photo(number)), clicks // 4)
    visitor.leave()
    with browser() as chromium:
        note("first visit in a browser", lambda _: open_page(chromium, server.url).context.close(), clicks // 8)
        page = open_page(chromium, server.url)

        def at_rest() -> None:
            wait_until_idle(page)
            rest()

        note("click in a browser", lambda number: pick(page, number), clicks, at_rest)
        page.context.close()
    return found


def check(server: Server, items: Sequence[str], visitors: int, seconds: float) -> list[float]:
    """Real visitors, who load no pictures, on the one process: from click to answer, s."""
    crowd = [Stroll(server.url, list(items), number, False, time.monotonic() + seconds) for number in range(visitors)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join()
    assert not [error for each in crowd for error in each.errors]
    return [wait for each in crowd for wait in each.times]


def main() -> None:
    """Measures and prints."""
    parser = common.parser(__doc__)
    parser.add_argument("--home", type=Path, help="folder of collections, the sample among them [a temporary one]")
    parser.add_argument("--clicks", type=int, default=200, help="clicks to measure [%(default)s]")
    parser.add_argument("--check", type=int, default=0, metavar="VISITORS", help="real ones, for a minute [none]")
    options = parser.parse_args()
    # One visitor uploads here as fast as it gets answers, which a public page does not let it.
    os.environ["IMGSEARCH_UPLOADS_PER_MINUTE"] = "1000000"
    print(machine())
    with (
        prepared_home(options.home) as home,
        tempfile.TemporaryDirectory(prefix="imgsearch-bench-") as scratch,
        run_server(home, Path(scratch) / "log.txt") as server,
    ):
        wait_for_health(server, 200)
        items = [item.item_id for item in Collection.open(SAMPLE_COLLECTION, home).items]
        found = measure_page(server, items, options.clicks)
        real = check(server, items, options.check, 60) if options.check else []
    costs: list[Row] = []
    for act, (page, worker) in found.items():
        row: Row = {"act": act, "n": len(page), "page_ms": middle([1000 * s for s in page])}
        costs.append({**row, "page_mean_ms": 1000 * float(np.mean(page)), "worker_mean_ms": 1000 * float(np.mean(worker))})
    deciles = np.percentile(found["click in a browser"][0], range(5, 100, 10)) * 1000
    result = {"costs": costs, "middles_of_ten_equal_parts_of_clicks_in_a_browser_ms": deciles.round(1).tolist()}
    if real:
        simulated = simulate(options.check, THINKING_S[0], found["click, no pictures loaded"][0], SIMULATED_S)
        result |= {"visitors": options.check, "waits": [waits("real", real), waits("simulated", simulated)]}
    report(options.save, result)


def waits(of: str, seconds: Sequence[float] | np.ndarray) -> Row:
    """How long they waited, a row: 50, 95 and 99 of 100 clicks less than."""
    return {"of": of, "clicks": len(seconds), **{f"p{n}_ms": 1000 * float(np.percentile(seconds, n)) for n in (50, 95, 99)}}


if __name__ == "__main__":
    main()
