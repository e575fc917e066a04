"""Settings."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import get_type_hints

import pytest

from imgsearch.errors import ImgSearchError
from imgsearch.settings import Settings, get_settings

KINDS = get_type_hints(Settings)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_mapping({}) == Settings(Path("collections"), max_upload_mb=10, worker_timeout_s=60, worker_queue=8)
    assert Settings.from_mapping({}) == Settings()


@pytest.mark.parametrize("text", ["~/x", "~", "x/y", "../x"])
def test_the_home_is_expanded_and_made_absolute_once(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    expected = {"~/x": "me/x", "~": "me", "x/y": "here/x/y", "../x": "here/../x"}
    settings = Settings.from_mapping({"IMGSEARCH_HOME": text})
    monkeypatch.chdir(tmp_path)
    assert str(settings.home) == f"{tmp_path}/{expected[text]}"


def test_a_home_of_nobody_is_refused() -> None:
    with pytest.raises(ImgSearchError, match=r"IMGSEARCH_HOME must be a path. Received: '~nobody-here/x'"):
        Settings.from_mapping({"IMGSEARCH_HOME": "~nobody-here/x"})


def test_an_empty_value_counts_as_none() -> None:
    assert Settings.from_mapping({"IMGSEARCH_HOME": "", "IMGSEARCH_MAX_UPLOAD_MB": ""}) == Settings()


def test_values_are_taken_from_their_variables() -> None:
    settings = Settings.from_mapping(
        {
            "IMGSEARCH_HOME": "/srv/galleries",
            "IMGSEARCH_MAX_UPLOAD_MB": "3",
            "IMGSEARCH_WORKER_TIMEOUT_S": "7",
            "IMGSEARCH_WORKER_QUEUE": "1",
        }
    )
    assert settings == Settings(Path("/srv/galleries"), max_upload_mb=3, worker_timeout_s=7, worker_queue=1)


def test_what_an_earlier_version_could_be_told_is_ignored() -> None:
    assert Settings.from_mapping({"IMGSEARCH_WARM_UP": "0", "IMGSEARCH_WORKER_IDLE_S": "any"}) == Settings()


@pytest.mark.parametrize("name", [f"IMGSEARCH_{name.upper()}" for name, kind in KINDS.items() if kind is int])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "ten", " 5", "5 ", "1e3", "٣", "²", "inf", "9" * 5000])
def test_a_bad_number_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(ImgSearchError, match=f"{name} must be a whole number") as caught:
        Settings.from_mapping({name: text})
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_every_setting_is_read_from_its_variable_and_changes_nothing_else(name: str, kind: type) -> None:
    default = getattr(Settings(), name)
    by_kind = {int: ("7", 7), bool: (str(int(not default)), not default)}
    by_name = {
        "home": ("/x", Path("/x")),
        "proxies": ("10.0.0.0/8", (ip_network("10.0.0.0/8"),)),
        "frame_ancestors": ("https://example.org", "https://example.org"),
        "url": ("https://example.org", "https://example.org"),
        "collections": ("https://example.org/a#sha256=1 b", ("https://example.org/a#sha256=1", "b")),
        "milvus_token": ("root:secret", "root:secret"),
        "allowed_emails": ("@example.org", ("@example.org",)),
    }
    text, value = by_name.get(name) or by_kind[kind]
    assert value != default
    assert Settings.from_mapping({f"IMGSEARCH_{name.upper()}": text}) == replace(Settings(), **{name: value})


def test_the_settings_of_the_process_are_read_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = get_settings()
    assert first.home == home
    monkeypatch.setenv("IMGSEARCH_HOME", "elsewhere")
    assert get_settings() is first


def test_allowed_emails_are_addresses_and_domains_without_case() -> None:
    settings = Settings.from_mapping({"IMGSEARCH_ALLOWED_EMAILS": "  Ann@Example.org @example.COM\n"})
    assert settings.allowed_emails == ("ann@example.org", "@example.com")
    for text in ("example.org", "ann@example.org, bob@", "@"):
        with pytest.raises(ImgSearchError, match="IMGSEARCH_ALLOWED_EMAILS must be addresses and domains"):
            Settings.from_mapping({"IMGSEARCH_ALLOWED_EMAILS": text})


def test_proxies_are_addresses_and_networks() -> None:
    settings = Settings.from_mapping({"IMGSEARCH_PROXIES": " 10.0.0.0/8  2001:db8::1\n"})
    assert settings.proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::1/128"))
    for text in ("10.0.0.1/8", "proxy.example.org", "10.0.0.0/8,10.1.0.0/16", "*"):
        with pytest.raises(ImgSearchError, match="IMGSEARCH_PROXIES must be addresses and networks"):
            Settings.from_mapping({"IMGSEARCH_PROXIES": text})


def test_sites_that_may_frame_the_page_cannot_smuggle_in_another_rule() -> None:
    sites = "'self' https://huggingface.co https://*.hf.space:443"
    assert Settings.from_mapping({"IMGSEARCH_FRAME_ANCESTORS": sites}).frame_ancestors == sites
    for text in ("*; script-src *", "a\nb", " ", "https://a, https://b"):
        with pytest.raises(ImgSearchError, match="IMGSEARCH_FRAME_ANCESTORS must be sites"):
            Settings.from_mapping({"IMGSEARCH_FRAME_ANCESTORS": text})


def test_the_address_of_the_page_is_one_that_a_path_can_follow() -> None:
    for text in (
        "https://pets.example.org",
        "http://localhost:8501",
        "https://example.org/pets",
        "https://xn--9t4b11yi5a.kr",
    ):
        assert Settings.from_mapping({"IMGSEARCH_URL": text}).url == text
        assert Settings.from_mapping({"IMGSEARCH_URL": f"{text}/"}).url == text
    for text in (
        "pets.example.org",
        "ftp://a",
        "https://",
        "https:///a",
        "https://a/?q=1",
        'https://a"b',
        "https://a b",
        "//a",
    ):
        with pytest.raises(ImgSearchError, match="IMGSEARCH_URL must be the address of the page"):
            Settings.from_mapping({"IMGSEARCH_URL": text})


@pytest.mark.parametrize(("name", "default"), [("keep_judgements", False), ("metrics", False)])
def test_switches_are_0_or_1(name: str, default: bool) -> None:
    variable = f"IMGSEARCH_{name.upper()}"
    values = [getattr(Settings.from_mapping({variable: text}), name) for text in ("", "0", "1")]
    assert values == [default, False, True]
    with pytest.raises(ImgSearchError, match=f"{variable} must be 0 or 1. Received: 'yes'"):
        Settings.from_mapping({variable: "yes"})
