"""Whether the page's memory stays flat: `python -m benchmarks.page_memory`.

Resident memory of the page's process and of the embedding worker after a warm-up, and as one visitor picks and uploads on.
"""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path

from benchmarks import common
from benchmarks.common import machine, report, resident_mib
from benchmarks.page_visit import browser, drop, open_page, photos, pick, prepared_home
from tests.e2e.browser import run_server, wait_for_health

WARM_UP_PICKS = 50
WARM_UP_UPLOADS = 40  # more than are kept
PHOTO_SIZE = (2000, 1500)
STEPS = 4


def main() -> None:
    """Measures and prints."""
    parser = common.parser(__doc__)
    parser.add_argument("--home", type=Path, help="Folder of collections. Default: a temporary one with the sample.")
    parser.add_argument("--picks", type=int, default=500)
    parser.add_argument("--uploads", type=int, default=200)
    options = parser.parse_args()
    # One visitor uploads here as fast as it gets answers, which a public page does not let it.
    os.environ["IMGSEARCH_UPLOADS_PER_MINUTE"] = "1000000"
    print(machine())
    with (
        prepared_home(options.home) as home,
        tempfile.TemporaryDirectory(prefix="imgsearch-bench-") as scratch,
        browser() as chromium,
        run_server(home, Path(scratch) / "log.txt") as server,
    ):
        wait_for_health(server, 200)
        page = open_page(chromium, server.url)
        files = photos(WARM_UP_UPLOADS + options.uploads, *PHOTO_SIZE)
        n_bytes = 0
        rows: list[tuple[str, float, float]] = []

        def note(step: str) -> None:
            (worker,) = server.worker_pids()
            rows.append((step, resident_mib(server.process.pid), resident_mib(worker)))

        note("first page")
        for number in range(WARM_UP_PICKS):
            pick(page, number)
        for _ in range(WARM_UP_UPLOADS):
            drop(page, base64.b64encode(next(files)).decode())
        note(f"warm-up: {WARM_UP_PICKS} picks, {WARM_UP_UPLOADS} uploads")
        for number in range(options.picks):
            pick(page, number)
            if (number + 1) % max(1, options.picks // STEPS) == 0:
                note(f"{number + 1} picks more")
        for number in range(options.uploads):
            data = next(files)
            n_bytes += len(data)
            drop(page, base64.b64encode(data).decode())
            if (number + 1) % max(1, options.uploads // STEPS) == 0:
                note(f"{number + 1} uploads more")
        page.context.close()
    _, base_page, base_worker = rows[1]
    names = ("after", "page_mib", "page_by_warm_up", "worker_mib", "worker_by_warm_up")
    cells = [(step, page_mib, page_mib / base_page, mib, mib / base_worker) for step, page_mib, mib in rows]
    report(options.save, {"uploaded_mib": n_bytes / 2**20, "memory": [dict(zip(names, row, strict=True)) for row in cells]})


if __name__ == "__main__":
    main()
