"""Who a visitor is, by the address that a request comes from."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from imgsearch.ui.server import internals, visitors
from imgsearch.ui.server.internals import Handshake
from imgsearch.ui.server.visitors import Visitors

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))
XSRF = "_streamlit_xsrf"
MINE = "2|00000000|6d696e65|1"
MINE_AGAIN = "2|01010101|6c68 6f64|1".replace(" ", "")
"""The same token behind another mask: Streamlit gives a new one with every answer."""
THEIRS = "2|00000000|74686569|1"


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "name"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # who is no proxy may say what they like
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "192.0.2.66, 203.0.113.9", "203.0.113.9"),  # what comes before was said by the visitor
        ("10.0.0.1", "203.0.113.9, 10.1.2.3", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("2001:db8:ffff::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64"),
        ("10.0.0.1", "unknown", "session"),
        ("testclient", "", "session"),
        (None, "", "session"),
    ],
)
def test_an_address_is_a_visitor(peer: str | None, forwarded_for: str, name: str) -> None:
    everybody = Visitors(PROXIES)
    everybody.name("198.51.100.1", "", "")
    everybody.name("198.51.100.2", "", "")
    assert everybody.name(peer, forwarded_for, "session") == name


def test_behind_a_proxy_that_nobody_named_every_session_is_a_visitor() -> None:
    everybody = Visitors(())
    assert [everybody.name("172.17.0.1", "203.0.113.9", each) for each in ("a", "b")] == ["a", "b"]
    assert everybody.name("172.17.0.2", "", "c") == "172.17.0.2"  # so it is a network of people
    assert everybody.name("172.17.0.1", "", "a") == "172.17.0.1"


def test_on_loopback_two_addresses_are_two_visitors() -> None:
    everybody = Visitors(())
    names = [everybody.name(peer, "", session) for session, peer in enumerate_twice("127.0.0.2", "127.0.0.3")]
    assert names[2:] == ["127.0.0.2", "127.0.0.3"]


def enumerate_twice(*peers: str) -> list[tuple[str, str]]:
    return [(str(number), peer) for number, peer in enumerate(peers * 2)]


def request(peer: str = "198.51.100.7", cookie: str = "") -> HTTPConnection:
    headers = [(b"cookie", f"{XSRF}={cookie}".encode())] if cookie else []
    return HTTPConnection({"type": "http", "client": (peer, 1), "headers": headers})


@pytest.mark.parametrize(
    ("connected", "asked", "is_own"),
    [
        (MINE, request(cookie=MINE_AGAIN), True),
        (MINE, request(peer="2001:db8::1", cookie=MINE), True),  # one browser may come by two ways
        (MINE, request(cookie=THEIRS), False),
        (MINE, request(), False),
        ("", request(), True),  # a browser that keeps no cookies of a page in a frame
        ("", request(peer="203.0.113.9"), False),
    ],
)
def test_a_session_belongs_to_the_browser_that_it_began_with(
    monkeypatch: pytest.MonkeyPatch, connected: str, asked: HTTPConnection, is_own: bool
) -> None:
    shake = Handshake("198.51.100.7", cookies={XSRF: connected} if connected else {})
    monkeypatch.setattr(internals, "handshake", lambda session_id: shake)
    assert visitors.owns(asked, "session") == is_own


def test_a_session_that_is_not_connected_has_no_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    assert internals.handshake("nobody") == Handshake()

    class Runtime:
        exists = staticmethod(lambda: True)

        @staticmethod
        def instance() -> Any:
            context = SimpleNamespace(remote_ip="198.51.100.7", headers=[("X-Forwarded-For", "a")], cookies={"b": "c"})
            return SimpleNamespace(get_client=lambda id: SimpleNamespace(client_context=context) if id == "me" else None)

    monkeypatch.setattr(internals, "Runtime", Runtime)
    assert internals.handshake("nobody") == Handshake()
    mine = internals.handshake("me")
    assert (mine.peer, mine.headers["x-forwarded-for"], mine.cookies) == ("198.51.100.7", "a", {"b": "c"})
