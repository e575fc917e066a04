"""One real server for all tests here, a browser, and visitors. Skipped, with the reason, where there is no chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.collection.manifest import Manifest
from imgsearch.embedding.spec import EmbedderSpec
from imgsearch.files.home import MANIFEST_FILE, sample_queries_folder
from imgsearch.measure.evaluation import evaluate_collection, save_evaluation
from imgsearch.settings import SAMPLE_COLLECTION
from tests.conftest import draw_picture

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from tests.e2e.browser import Server

try:
    import playwright.sync_api  # noqa: F401
except ImportError:
    collect_ignore_glob = ["test_*.py"]

HERE = Path(__file__).parent
SCREENSHOTS = HERE.parents[1] / "screenshots" / "e2e"
COLORS = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (50, 70, 210), "yellow": (230, 200, 40)}
PER_COLOR = 9  # 36 pictures: two pages of the gallery
TIMEOUT_MS = 20_000
LOG_TAIL_BYTES = 20_000
_failed = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests here, and puts them last: Playwright keeps an event loop in this thread until the end."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: item.path.is_relative_to(HERE))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remembers for the fixtures whether the test failed."""
    report: Any = yield
    if report.when == "call":
        item.stash[_failed] = report.failed
    return report


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless chromium."""
    from playwright.sync_api import expect, sync_playwright

    from tests.e2e.browser import BROWSER_ARGS, chromium_path

    path = chromium_path()
    if path is None:
        pytest.skip("there is no chromium: set CHROMIUM, or apt-get install chromium")
    expect.set_options(timeout=TIMEOUT_MS)  # here, so that tests with pages of their own wait as long
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(BROWSER_ARGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def e2e_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the collections `discs` (36 pictures, four colours, two spaces) and `sample` (6, with two examples)."""
    folder = tmp_path_factory.mktemp("e2e")
    home = folder / "home"
    spec = embedder_spec("color_histogram")
    for name, colors, per_color in (("discs", COLORS, PER_COLOR), (SAMPLE_COLLECTION, {"red": COLORS["red"]}, 6)):
        for color, rgb in colors.items():
            (folder / name / color).mkdir(parents=True)
            for number in range(per_color):
                draw_picture(rgb, number).save(folder / name / color / f"{number}.png")
        build_collection(name, folder / name, home=home, specs=[spec], title=name.title())
    discs = Collection.open("discs", home)
    save_evaluation(discs, evaluate_collection(discs))
    _add_space(home / "discs" / MANIFEST_FILE)
    examples = sample_queries_folder(home)
    examples.mkdir()
    draw_picture(COLORS["red"], 1).save(examples / "query_one.jpg")
    draw_picture(COLORS["red"], 4).save(examples / "query_two.jpg")
    return home


def _add_space(path: Path) -> None:
    """A space `mini` with the histogram's embeddings: a real one would need TensorFlow, and a pick needs no network."""
    manifest = Manifest.from_bytes(path.read_bytes())
    (entry,) = manifest.spaces.values()
    mini = replace(entry, embedder=EmbedderSpec("mini", weights="0" * 64))
    path.write_bytes(replace(manifest, spaces={**manifest.spaces, "mini": mini}).to_bytes())


@pytest.fixture(scope="session")
def discs(e2e_home: Path) -> Collection:
    """The collection that the server shows first, to compute what it should answer."""
    return Collection.open("discs", e2e_home)


@pytest.fixture(scope="session")
def server(chromium: Browser, e2e_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page, served; after the browser, so that nothing starts where there is none."""
    from tests.e2e.browser import run_server, wait_for_health

    with run_server(e2e_home, tmp_path_factory.mktemp("server") / "log.txt") as server:
        assert wait_for_health(server, 200) == {"status": "ok"}
        yield server


@dataclass
class Visitors:
    """Opens pages, each in a browser context of its own, and gathers what their consoles complain about."""

    browser: Browser
    url: str
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(
        self, address: str = "/", *, width: int = 1280, height: int = 900, dark: bool = False, locale: str = "en-US"
    ) -> Page:
        """A visitor with a browser of their own opens an address, relative or whole, and waits until the page stands."""
        from tests.e2e.browser import wait_until_idle

        context = self.browser.new_context(
            base_url=self.url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale=locale,
            reduced_motion="reduce",
            device_scale_factor=2 if width < 600 else 1,
            has_touch=width < 600,
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.on("console", lambda message: self._listen(message.type, message.text))
        context.on("weberror", lambda error: self._listen("error", str(error.error)))
        self.contexts.append(context)
        page = context.new_page()
        page.goto(address)
        wait_until_idle(page)
        return page

    def _listen(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")


@pytest.fixture
def visitors(chromium: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Visitors]:
    """Visitors of the server. After the test their consoles must be clean; if it failed, pictures and log are kept."""
    visitors = Visitors(chromium, server.url)
    try:
        yield visitors
        if request.node.stash.get(_failed, True) or visitors.complaints:
            _keep_evidence(visitors, server, request.node.name)
    finally:
        for context in visitors.contexts:
            context.close()
    assert visitors.complaints == [], "the browser's console complained"


@pytest.fixture
def visit(visitors: Visitors) -> Callable[..., Page]:
    """`visit(address, width=..., dark=...)`: see `Visitors.open`."""
    return visitors.open


def _keep_evidence(visitors: Visitors, server: Server, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", name)
    for number, page in enumerate(page for context in visitors.contexts for page in context.pages):
        page.screenshot(path=SCREENSHOTS / f"{name}-{number}.png", full_page=True)
    tail = server.log.read_bytes()[-LOG_TAIL_BYTES:]
    (SCREENSHOTS / f"{name}.log").write_bytes(tail + "\n".join(visitors.complaints).encode())
    print(f"Screenshots and the server's log: {SCREENSHOTS}/{name}*")
