"""Sign-in: who is let in, what others see, and keys of addresses; what a real provider does is in tests/e2e."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from imgsearch import Collection, build_collection, embedder_spec
from imgsearch.settings import get_settings
from imgsearch.ui import resources, sign_in
from imgsearch.ui.parts.addresses import example_url, map_url, thumbnail_pattern, thumbnail_url
from imgsearch.ui.server import access, routes
from imgsearch.ui.server.map_points import map_digest
from tests.app.conftest import get

PROVIDER = {"client_id": "me", "client_secret": "it", "server_metadata_url": "https://id.example.org"}
SECRETS = {"auth": {"redirect_uri": "http://localhost/oauth2callback", "cookie_secret": "x" * 32, **PROVIDER}}
ANN = {"is_logged_in": True, "email": "ann@example.org", "email_verified": True}
NOBODY = {"is_logged_in": False}
is_required = access.is_required  # which tests replace


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    resources._open.clear()
    is_required.cache_clear()
    yield
    is_required.cache_clear()


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Visitors must sign in, as the routes see it; the page's own secrets come with AppTest."""
    monkeypatch.setattr(access, "is_required", lambda: True)


def page(user: dict[str, Any] = NOBODY, secrets: dict[str, Any] = SECRETS, **params: str) -> AppTest:
    at = AppTest.from_file(str(routes.SCRIPT), default_timeout=60)
    at.secrets, at.user = secrets, user
    at.query_params.update(params)
    at.run()
    assert not at.exception
    return at


def links(at: AppTest) -> list[str]:
    (data,) = (json.loads(element.proto.json) for element in at.get("bidi_component") if '"links"' in element.proto.json)
    return [link["text"] for link in data["links"]]


def allow(emails: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSEARCH_ALLOWED_EMAILS", emails)
    get_settings.cache_clear()


@pytest.mark.parametrize("user", [NOBODY, {}, {"email": "ann@example.org"}, {"is_logged_in": "true"}])
@pytest.mark.parametrize(("lang", "button"), [("en", "Sign in"), ("ko", "로그인")])
def test_who_has_not_signed_in_sees_a_button_and_nothing_of_a_collection(
    collection: Collection, user: dict[str, Any], lang: str, button: str
) -> None:
    at = page(user, lang=lang, item="red/0.png", view="about")
    assert [shown.label for shown in at.button] == [button]
    assert links(at) == [{"en": "한국어", "ko": "English"}[lang]]
    everything = " ".join(str(element.proto) for element in at.main)
    assert [word for word in ("discs", "red/", collection.items[0].thumbnail) if word in everything] == []


def test_who_has_signed_in_sees_the_page_and_the_way_out(collection: Collection) -> None:
    at = page(ANN)
    assert at.title[0].value == "Find similar pictures"
    assert links(at)[-1] == "Sign out"
    assert links(page(ANN, secrets={"other": 1}))[-1] == "Sign out", "asked once: it stays closed"


def test_without_the_section_nothing_is_asked(collection: Collection) -> None:
    at = page({}, secrets={"other": 1})
    assert at.title[0].value == "Find similar pictures"
    assert "Sign out" not in links(at)


def test_every_provider_has_a_button() -> None:
    secrets = {"auth": {"cookie_secret": "x", "google": PROVIDER, "okta": PROVIDER}}
    assert [button.label for button in page(secrets=secrets).button] == ["Sign in with google", "Sign in with okta"]


@pytest.mark.parametrize("secrets", [{"auth": {}}, {"auth": {"cookie_secret": "x"}}, {"auth": "yes"}])
def test_a_section_of_no_use_opens_nothing(collection: Collection, secrets: dict[str, Any]) -> None:
    at = page(secrets=secrets)
    assert "not set up correctly" in at.error[0].value
    assert not at.button


def test_a_section_that_streamlit_refuses_is_said_in_words(collection: Collection) -> None:
    at = page()
    at.button[0].click().run()  # Streamlit itself looks for the secrets of the server, which has none
    assert not at.exception
    assert "not set up correctly" in at.error[0].value


def test_secrets_that_cannot_be_read_open_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "secrets.toml"
    broken.write_text("[auth\n")
    monkeypatch.setattr(access.st, "secrets", type(access.st.secrets)())
    for name, is_required in ((broken, True), (tmp_path / "none.toml", False)):
        monkeypatch.setattr(access.st, "get_option", lambda option, name=name: [str(name)])
        access.is_required.cache_clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streamlit.config.get_option", lambda option, name=name: [str(name)])
            assert access.is_required() is is_required


def test_a_missing_package_is_said_in_words(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "find_spec", lambda name: None)
    at = page()
    assert "pip install 'streamlit[auth]'" in at.error[0].value
    assert not at.button


def test_a_list_of_addresses_closes_the_page_even_where_nobody_can_sign_in(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow("ann@example.org", monkeypatch)
    assert "not set up correctly" in page(secrets={"other": 1}).error[0].value


def test_who_is_not_on_the_list_is_told_so(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    allow("bob@example.org", monkeypatch)
    at = page(ANN)
    assert "“ann:color[\\@]example.org”, which is not on the list" in at.info[0].value
    assert at.title[0].value == "imgsearch"
    assert links(at) == ["한국어", "Sign out"]
    assert page({**ANN, "email": "BOB@example.org"}).title[0].value == "Find similar pictures"


@pytest.mark.parametrize(
    ("email", "is_verified", "is_allowed"),
    [
        ("ann@example.org", True, True),
        ("Ann@Example.ORG", "true", True),
        ("ann@example.org", False, False),
        ("ann@example.org", None, False),
        ("bob@example.org", True, False),
        ("bob@example.com", True, True),
        ("bob@sub.example.com", True, False),
        ("bob@notexample.com", True, False),
        ("ann@example.org@example.com.evil", True, False),
        ("evil@x@example.com", True, False),
        ('"evil@x"@example.com', True, False),
        ("evil@x,bob@example.com", True, False),
        ("example.com", True, False),
        ("@example.com", True, False),
        (" bob@example.com", True, False),
        ("evil@x bob@example.com", True, False),
        ("bob\n@example.com", True, False),
        ("bob@example.com\n", True, False),
        ("bob@example.com.", True, False),
        ("bob@example.com\u200b", True, False),
        ("bob@ex\u00e4mple.com", True, False),
        (["bob@example.com"], True, False),
        ("bob@Koln.example", True, True),
        ("bob@\u212aoln.example", True, False),  # a Kelvin sign, whose lower case is k
        ("", True, False),
        (None, True, False),
    ],
)
def test_an_address_counts_where_it_is_listed_and_verified(email: object, is_verified: object, is_allowed: bool) -> None:
    user = {"email": email, "email_verified": is_verified}
    assert access.is_allowed(user, ("ann@example.org", "@example.com", "@koln.example")) is is_allowed
    assert access.is_allowed(user, ())


def urls(collection: Collection) -> list[str]:
    """An address of each kind that belongs to the collection."""
    return [
        thumbnail_url(collection.name, collection.items[0]),
        thumbnail_pattern(collection.name).replace("{}", collection.items[0].thumbnail),
        map_url(collection, "color_histogram"),
    ]


@pytest.mark.usefixtures("locked")
def test_addresses_open_with_the_key_of_their_collection_only(collection: Collection, home: Path, pictures: Path) -> None:
    twin = build_collection("twin", pictures, home=home, specs=[embedder_spec("color_histogram")]).collection
    for url, other in zip(urls(collection), urls(twin), strict=True):
        answer = get(url)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, max-age=31536000, immutable")
        path, key = url.split("?key=")
        end, mac = key.split("-")
        for bad in (
            path,
            f"{path}?key=",
            f"{path}?key={mac}",
            f"{path}?key={end}-",
            f"{path}?key={end}-{'0' * 64}",
            f"{path}?key={int(end) + 1}-{mac}",
            f"{path}?key=%F0%9F%98%80-%F0%9F%98%80",
            f"{path}?key={other.split('?key=')[1]}",
        ):
            answer = get(bad)
            assert (answer.status_code, answer.text) == (403, "Forbidden"), bad
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("locked")
def test_a_refusal_does_not_tell_what_there_is(collection: Collection) -> None:
    for path in (f"discs/{collection.items[0].thumbnail}", f"none/{'0' * 64}"):
        assert get(f"{routes.THUMBNAIL_ROUTE}/{path}.webp").status_code == 403


@pytest.mark.usefixtures("locked")
def test_examples_open_with_the_key_of_the_sample(home: Path) -> None:
    url = example_url("one.jpg")
    assert get(url).status_code == 404  # there is none
    assert get(url.partition("?")[0]).status_code == 403
    assert get(url.partition("?")[0] + access.key("discs")).status_code == 403


@pytest.mark.usefixtures("locked")
def test_a_key_is_the_same_for_hours_and_then_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0 * access.KEY_S
    monkeypatch.setattr(access, "_now", lambda: now)
    key = access.key("discs")
    value = key.removeprefix("?key=")
    now += access.KEY_S - 1
    assert access.key("discs") == key
    now += 1
    assert access.key("discs") != key
    now += access.KEY_S - 1
    assert access.opens(value, "discs")
    now += 1
    assert not access.opens(value, "discs")


def test_where_nobody_must_sign_in_addresses_have_no_key(collection: Collection) -> None:
    assert access.key("discs") == ""
    for url in urls(collection):
        assert "?" not in url
        assert get(url).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert get(urls(collection)[0] + "?key=nonsense").status_code == 200


def test_the_map_hands_its_key_on(collection: Collection) -> None:
    at = page(ANN, view="map")
    (data,) = (json.loads(one.proto.json) for one in at.get("bidi_component") if '"thumbnails"' in one.proto.json)
    digest = map_digest(collection, "color_histogram")
    before_key, _, key = data["url"].partition("?key=")
    assert before_key.endswith(f"/discs/color_histogram/{digest}.json")
    assert data["thumbnails"].endswith(f"/discs/{{}}.webp?key={key}")
    assert key.startswith(str(int(time.time()))[:3])
