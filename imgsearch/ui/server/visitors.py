"""Whom a request or a session comes from. Limits count by address: anybody can open more tabs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

from imgsearch.settings import Network, get_settings
from imgsearch.ui.server import internals

Address = IPv4Address | IPv6Address
_V6_BITS = 64
"""A household has as many addresses of IPv6 as these leave over."""


class Visitors:
    """Names visitors by their addresses."""

    def __init__(self, proxies: Iterable[Network]) -> None:
        """`proxies`: whose word is taken for whom they pass on."""
        self._proxies = tuple(proxies)
        self._peers: set[Address] = set()

    def name(self, peer: str | None, forwarded_for: str, session_id: str) -> str:
        """What stands for a visitor: the address, of IPv6 the network of 64 bits, else the session.

        The session, where as yet all came from one private address: that is a proxy that no setting names, or somebody at
        home.

        Args:
            peer: The address that the connection comes from; None or no address where there is none.
            forwarded_for: The header X-Forwarded-For: each proxy adds at its end whom it was asked by.
            session_id: The session's id.
        """
        try:
            address = self._address(peer, forwarded_for)
        except ValueError:
            return session_id
        if len(self._peers) < 2:
            self._peers.add(address)
        if address.is_private and len(self._peers) < 2:
            return session_id
        return str(ip_network((address, _V6_BITS), strict=False) if address.version == 6 else address)

    def _address(self, peer: str | None, forwarded_for: str) -> Address:
        """The nearest address that is no proxy's. ValueError where something is no address."""
        address = _plain(peer or "")
        for forwarded in reversed(forwarded_for.split(",")):
            if not forwarded.strip() or not any(address in network for network in self._proxies):
                break
            address = _plain(forwarded.strip())
        return address


def _plain(text: str) -> Address:
    address = ip_address(text)
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


@cache
def _visitors(proxies: tuple[Network, ...]) -> Visitors:
    return Visitors(proxies)


def of_request(connection: HTTPConnection, session_id: str) -> str:
    """The visitor that a request for a session comes from."""
    peer = connection.client.host if connection.client else None
    return _visitors(get_settings().proxies).name(peer, connection.headers.get("X-Forwarded-For", ""), session_id)


def of_session(session_id: str) -> str:
    """The visitor whom a session belongs to."""
    shake = internals.handshake(session_id)
    return _visitors(get_settings().proxies).name(shake.peer, shake.headers.get("X-Forwarded-For", ""), session_id)


def this() -> str:
    """The visitor whom the script runs for; "" outside of a session."""
    session_id = internals.session_id()
    return of_session(session_id) if session_id else ""


def owns(connection: HTTPConnection, session_id: str) -> bool:
    """Whether a request comes from the browser that a session belongs to.

    Told by what Streamlit has given the browser, or, where it keeps no cookies of a page in a frame, by the address.
    """
    token = internals.browser_token(internals.handshake(session_id).cookies)
    if token is not None:
        return internals.browser_token(connection.cookies) == token
    return of_request(connection, session_id) == of_session(session_id)
