"""Makes the picture of the page that README begins with: `python -m scripts.picture_page`. Chromium must be installed.

The page of the sample as a visitor first sees it, in a window of 1280 x 1010 px on a dense screen.
"""

from __future__ import annotations

import io

from PIL import Image

from benchmarks.page_visit import TIMEOUT_MS, browser, prepared_home
from tests.e2e.browser import ROOT, run_server, wait_for_health, wait_until_idle

TARGET = ROOT / "docs" / "page.webp"
SIZE = {"width": 1280, "height": 1010}
DENSITY = 1.5
QUALITY = 82


def picture(url: str) -> Image.Image:
    """What a fresh visitor sees."""
    with browser() as chromium:
        page = chromium.new_context(viewport=SIZE, device_scale_factor=DENSITY, reduced_motion="reduce").new_page()  # type: ignore[arg-type]
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(url)
        wait_until_idle(page)
        page.wait_for_load_state("networkidle")
        return Image.open(io.BytesIO(page.screenshot()))


def main() -> None:
    """Writes it."""
    with prepared_home(None) as home, run_server(home, home / "log.txt") as server:
        wait_for_health(server, 200)
        picture(server.url).save(TARGET, "WEBP", quality=QUALITY, method=6)
    print(f"{TARGET.relative_to(ROOT)}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
