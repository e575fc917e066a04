"""How long a visitor waits, on loopback, in a real browser: `python -m benchmarks.page_speed`.

Start to first results against a Streamlit page of one text; a click on a card to new results; an upload to results; bytes
of the first page; and what the same page would cost with Keras in its process, which is why there is a worker.
"""

from __future__ import annotations

import base64
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request

from benchmarks import common
from benchmarks.common import Row, machine, ratios, report, spread
from benchmarks.page_visit import (
    TIMEOUT_MS,
    browser,
    drop,
    median,
    open_page,
    percentile,
    photos,
    pick,
    prepared_home,
)
from imgsearch.ui.server import routes as page_server
from tests.e2e.browser import Server, run_server, wait_for_health, wait_until_idle

WARM_UP_PICKS = 10
WARM_UP_UPLOADS = 3
PHONE_SIZE = (4000, 3000)

TEXT_PAGE = 'import streamlit as st\n\nst.write("One text")\n'
APP = """import keras  # noqa: F401
import streamlit as st
from imgsearch.ui.server import lifespan, middleware, routes
app = st.App({script!r}, routes=routes.routes(), middleware=middleware.middleware(), lifespan=lifespan.lifespan)
"""


def open_text(chromium: Browser, url: str) -> Page:
    """A fresh visitor's page with the one text on screen."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(url, wait_until="commit")
    page.get_by_text("One text").wait_for()
    return page


def measure_start(chromium: Browser, home: Path, folder: Path, rounds: int) -> list[Row]:
    """Process start to what the visitor came for, by turns, so that both meet the same machine."""
    text_page = folder / "text.py"
    text_page.write_text(TEXT_PAGE)

    def once(script: Path | None, show: Callable[[Browser, str], Page]) -> tuple[float, float]:
        started = time.perf_counter()
        options = {"script": script, "is_ready": "/_stcore/health"} if script else {}
        with run_server(home, folder / "log.txt", **options) as server:  # type: ignore[arg-type]
            listening = time.perf_counter()
            page = show(chromium, server.url)
            shown = time.perf_counter()
            page.context.close()
        return shown - started, shown - listening

    results = [(once(None, open_page), once(text_page, open_text)) for _ in range(rounds)]
    ours, text = ([run[which] for run in results] for which in (0, 1))
    rows: list[Row] = []
    for name, part in (("start of the server to first results on screen", 0), ("of it: opening the page", 1)):
        a, b = [run[part] for run in ours], [run[part] for run in text]
        rows.append({"from": name, "s": spread(a), "one_text_s": spread(b), "ratio": spread(ratios(a, b))})
    return rows


def traffic(chromium: Browser, url: str) -> Counter[str]:
    """Bytes that a fresh visitor's first page receives, by kind."""
    received: Counter[str] = Counter()
    finished: list[Request] = []
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.on("requestfinished", lambda request: finished.append(request))
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda data: received.update({"messages": len(data)})),
    )
    page.goto(url)
    wait_until_idle(page)
    page.wait_for_load_state("networkidle")
    for request in finished:
        path = urlsplit(request.url).path
        if request.url.startswith("http"):
            is_picture = path.startswith((page_server.THUMBNAIL_ROUTE, page_server.EXAMPLE_ROUTE, "/media"))
            received["pictures" if is_picture else "Streamlit's files"] += request.sizes()["responseBodySize"]
    page.context.close()
    received["all"] = received.total()
    return received


def measure_bytes(chromium: Browser, server: Server, home: Path, folder: Path) -> list[Row]:
    """What the first page receives with an empty cache, beside the page of one text."""
    text_page = folder / "text.py"
    text_page.write_text(TEXT_PAGE)
    ours = traffic(chromium, server.url)
    with run_server(home, folder / "log.txt", script=text_page, is_ready="/_stcore/health") as peer:
        text = traffic(chromium, peer.url)
    kinds = ("Streamlit's files", "messages", "pictures", "all")
    return [{"received": kind, "kib": ours[kind] / 1024, "one_text_kib": text[kind] / 1024} for kind in kinds]


def measure_picks(chromium: Browser, url: str, n: int) -> tuple[list[float], list[float]]:
    """Clicks on cards, warm: ms to the results on screen, and to the page at rest."""
    page = open_page(chromium, url)
    times = [pick(page, number) for number in range(WARM_UP_PICKS + n)][WARM_UP_PICKS:]
    page.context.close()
    return [shown for shown, _ in times], [at_rest for _, at_rest in times]


def measure_uploads(chromium: Browser, url: str, n: int) -> list[float]:
    """Uploads of phone-sized pictures, the network warm, ms each."""
    page = open_page(chromium, url)
    files = [base64.b64encode(data).decode() for data in photos(WARM_UP_UPLOADS + n, *PHONE_SIZE)]
    times = [drop(page, data) for data in files][WARM_UP_UPLOADS:]
    page.context.close()
    return times


def keras_app(folder: Path, *, is_frozen: bool) -> Path:
    """The same page in a process that has Keras loaded; frozen, its objects are left out of the collection of garbage."""
    script, app = folder / f"keras_page_{is_frozen}.py", folder / f"keras_app_{is_frozen}.py"
    thaw = "" if is_frozen else "import gc\ngc.unfreeze()\n"
    script.write_text(thaw + page_server.SCRIPT.read_text(encoding="utf-8"))
    app.write_text(APP.format(script=str(script)))
    return app


def distribution(name: str, times: list[float]) -> Row:
    """A row: n, p50, p95, max."""
    ms = {"p50_ms": median(times), "p95_ms": percentile(times, 95), "most_ms": max(times)}
    return {"wait": name, "n": len(times), **ms}


def main() -> None:
    """Measures and prints."""
    parser = common.parser(__doc__)
    parser.add_argument("--home", type=Path, help="Folder of collections. Default: a temporary one with the sample.")
    parser.add_argument("--rounds", type=int, default=5, help="Starts of the server.")
    parser.add_argument("--picks", type=int, default=100)
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--keras-picks", type=int, default=20, help="Picks with Keras in the process; 0 leaves it out.")
    options = parser.parse_args()
    print(machine())
    with (
        prepared_home(options.home) as home,
        tempfile.TemporaryDirectory(prefix="imgsearch-bench-") as scratch,
        browser() as chromium,
    ):
        folder = Path(scratch)
        starts = measure_start(chromium, home, folder, options.rounds)
        with run_server(home, folder / "page.txt") as server:
            wait_for_health(server, 200)
            picks, rests = measure_picks(chromium, server.url, options.picks)
            uploads = measure_uploads(chromium, server.url, options.uploads)
            received = measure_bytes(chromium, server, home, folder)
        size = f"{PHONE_SIZE[0]} x {PHONE_SIZE[1]}"
        rows = [
            distribution("click on a card to new results on screen", picks),
            distribution("click on a card to page at rest", rests),
            distribution(f"upload ({size} JPEG) to results", uploads),
        ]
        for is_frozen in (True, False) if options.keras_picks else ():
            name = f"with Keras in the page's process{'' if is_frozen else ', nothing frozen'}"
            print(f"Starting the page {name}...", file=sys.stderr, flush=True)
            with run_server(home, folder / "keras.txt", script=keras_app(folder, is_frozen=is_frozen)) as server:
                wait_for_health(server, 200)
                there, _ = measure_picks(chromium, server.url, options.keras_picks)
            rows.append(distribution(f"{name}: click to new results", there))
    report(options.save, {"start": starts, "first_page": received, "waiting": rows})


if __name__ == "__main__":
    main()
