"""Signing in and out with a provider of OpenID Connect on this machine, and what the server answers without a key."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from imgsearch import Collection

pytest.importorskip("playwright")

from playwright.sync_api import Browser, expect

from tests.e2e.browser import cards, run_server, wait_for_health, wait_until_idle
from tests.e2e.conftest import TIMEOUT_MS
from tests.e2e.oidc_provider import run_provider


def test_a_visitor_signs_in_and_out_and_another_is_not_let_in(
    chromium: Browser, e2e_home: Path, discs: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGSEARCH_ALLOWED_EMAILS", "ann@example.org")
    secrets, thumbnail = tmp_path / "secrets.toml", f"/app/static/thumbs/discs/{discs.items[0].thumbnail}.webp"
    with run_provider() as provider:
        secrets.write_text(provider.secrets())
        with run_server(e2e_home, tmp_path / "log.txt", options=["--secrets.files", str(secrets)]) as server:
            wait_for_health(server, 200)
            page = chromium.new_context(base_url=server.url).new_page()
            page.set_default_timeout(TIMEOUT_MS)
            page.goto("/?item=red/0.png")
            page.get_by_role("button", name="Sign in").click()
            wait_until_idle(page)
            picture = cards(page).first.locator("img")
            expect(picture).to_have_js_property("complete", True)
            assert picture.evaluate("image => image.naturalWidth") > 0
            shown = urlsplit(str(picture.get_attribute("src")))
            assert server.get(f"{shown.path}?{shown.query}").status == 200
            assert server.get(shown.path).status == 403
            assert server.get(thumbnail).status == 403

            page.get_by_role("link", name="Sign out").click()
            provider.email = "bob@example.org"
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_text("bob@example.org")).to_be_visible()
            expect(page.locator("img")).to_have_count(0)
            page.context.close()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
