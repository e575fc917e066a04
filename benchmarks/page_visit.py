"""What the benchmarks of the page share: a prepared home, a browser, timed picks and uploads."""

from __future__ import annotations

import io
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.browser import BROWSER_ARGS, GALLERY, RESULTS, ROOT, chromium_path, wait_until_idle

TIMEOUT_MS = 120_000

# On screen: the grid has its new cards and their pictures above the fold are decoded, two frames later it is painted.
_ON_SCREEN = f"""
const listOf = name => [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')]
  .map(host => host.shadowRoot?.querySelector('ul')).find(list => list?.getAttribute('aria-label') === name);
const results = () => listOf('{RESULTS}');
const shown = () => [...(results()?.querySelectorAll('a') ?? [])].map(link => link.getAttribute('aria-label')).join();
const painted = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
const decoded = () => Promise.all([...results().querySelectorAll('img')]
  .filter(image => image.getBoundingClientRect().top < innerHeight).map(image => image.decode()));
const changed = before => new Promise(done => {{
  const look = () => shown() && shown() !== before ? done() : requestAnimationFrame(look);
  look();
}});
const state = () => document.querySelector('[data-testid="stApp"]').getAttribute('data-test-script-state');
const atRest = () => new Promise(done => {{
  const look = () => state() === 'notRunning' ? done() : requestAnimationFrame(look);
  look();
}});
"""

_FIRST = f"""async () => {{ {_ON_SCREEN} await changed(''); await decoded(); await painted(); }}"""

_PICK = f"""async ([name, index]) => {{ {_ON_SCREEN}
  const before = shown();
  const links = [...listOf(name).querySelectorAll('a')].filter(link => link.getAttribute('aria-current') !== 'true');
  const started = performance.now();
  links[index % links.length].click();
  await changed(before); await decoded(); await painted();
  const shownAfter = performance.now() - started;
  await atRest();
  return [shownAfter, performance.now() - started];
}}"""

_DROP = f"""async bytes => {{ {_ON_SCREEN}
  const before = shown();
  const data = Uint8Array.from(atob(bytes), char => char.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([data], 'photo.jpg', {{type: 'image/jpeg'}}));
  const zone = document.querySelector('[data-testid="stFileUploaderDropzone"]');
  const started = performance.now();
  for (const type of ['dragenter', 'dragover', 'drop'])
    zone.dispatchEvent(new DragEvent(type, {{bubbles: true, cancelable: true, dataTransfer: transfer}}));
  await changed(before); await decoded(); await painted();
  return performance.now() - started;
}}"""


@contextmanager
def prepared_home(given: Path | None) -> Iterator[Path]:
    """The home to measure with: the given one, or a temporary one with the sample gallery."""
    if given:
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="imgsearch-bench-") as folder:
        print("Installing the sample gallery...", file=sys.stderr, flush=True)
        environment = {**os.environ, "IMGSEARCH_HOME": folder}
        subprocess.run([sys.executable, "-m", "imgsearch", "sample"], cwd=ROOT, env=environment, check=True)
        yield Path(folder)


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless chromium."""
    path = chromium_path()
    if path is None:
        sys.exit("There is no chromium: set CHROMIUM, or apt-get install chromium")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=list(BROWSER_ARGS))
        try:
            yield chromium
        finally:
            chromium.close()


def open_page(chromium: Browser, url: str) -> Page:
    """A fresh visitor's page, with the first results on screen; the script may still be running."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce").new_page()
    page.set_default_timeout(TIMEOUT_MS)
    page.goto(url, wait_until="commit")
    page.evaluate(_FIRST)
    return page


def pick(page: Page, number: int) -> tuple[float, float]:
    """Clicks a card, of the results and of the gallery by turns, on a page at rest.

    Returns:
        ms until the answer is on screen, and until the server has done all that it does after a run.
    """
    wait_until_idle(page)
    name = GALLERY if number % 2 else RESULTS
    shown, at_rest = page.evaluate(_PICK, [name, number * 7 + 3])
    return shown, at_rest


def drop(page: Page, data: str) -> float:
    """Drops a picture file (base64) on a page at rest; ms until the answer is on screen."""
    wait_until_idle(page)
    taken: float = page.evaluate(_DROP, data)
    return taken


def photos(n: int, width: int, height: int) -> Iterator[bytes]:
    """JPEG files as large as a phone's, all different: soft shapes with grain."""
    rng = np.random.default_rng(0)
    for _ in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.integers(-6, 7, (height // 4, width // 4, 1), dtype=np.int16).repeat(4, 0).repeat(4, 1)
        picture = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=88)
        yield stream.getvalue()


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)
