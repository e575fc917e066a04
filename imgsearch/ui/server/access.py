"""Who may see the collections: everybody, or, where the secrets have an [auth] section, who has signed in.

What the page itself does not draw (thumbnails, examples, the points of a map) has addresses with a key then: an HMAC
(RFC 2104) over the collection and the end of its time, under a secret that this process makes for itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from time import time as _now

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from imgsearch.settings import get_settings

KEY_S = 6 * 3600
"""A key is good for one to two times this, s. All have the same one meanwhile, so that browsers keep what they have got."""
_ADDRESS = re.compile(r"[^\s@]+(@[^\s@]+)")
"""An address of e-mail with exactly one @; the group is what an entry for its domain looks like."""
_SECRET = secrets.token_bytes(32)


@cache
def is_required() -> bool:
    """Whether visitors must sign in. Asked once: secrets that cannot be read later must not open the page."""
    return _auth_section() is not None or bool(get_settings().allowed_emails)


def providers() -> list[str | None]:
    """The providers of the [auth] section as `st.login` takes them: None is the one without a name."""
    section = _auth_section() or {}
    named = [name for name, value in section.items() if isinstance(value, Mapping) and "client_id" in value]
    return [*([None] if "client_id" in section else []), *named]


def _auth_section() -> Mapping[str, object] | None:
    """The section, or None where there are no secrets or none of that name; empty where they cannot be read."""
    try:
        section = st.secrets.to_dict().get("auth")
    except StreamlitSecretNotFoundError:
        is_there = any(Path(name).exists() for name in st.get_option("secrets.files"))
        return {} if is_there else None
    return section if isinstance(section, Mapping) or section is None else {}


def is_signed_in() -> bool:
    """Whether this visitor has signed in."""
    return st.user.get("is_logged_in") is True


def may_enter() -> bool:
    """Whether this visitor may see the collections."""
    return not is_required() or (is_signed_in() and is_allowed(st.user.to_dict(), get_settings().allowed_emails))


def is_allowed(user: Mapping[str, object], allowed: Iterable[str]) -> bool:
    """Whether one who has signed in is among those allowed.

    Args:
        user: Claims of the provider. An address counts only where the provider says that it has verified it: with some,
            everybody may claim any address.
        allowed: Addresses and domains (`@example.org`) in lower case; none allows all. A domain admits no sub-domain.
    """
    allowed = frozenset(allowed)
    # Lower case as bytes, for ASCII only: a Kelvin sign is no k.
    email = str(user.get("email") or "").encode(errors="replace").lower().decode()
    address = _ADDRESS.fullmatch(email)
    is_verified = user.get("email_verified") in (True, "true")
    return not allowed or bool(is_verified and address and not allowed.isdisjoint((email, address[1])))


def key(collection: str) -> str:
    """What the addresses of a collection's pictures end with: `?key=...`, or "" where nobody must sign in."""
    if not is_required():
        return ""
    end = str((int(_now()) // KEY_S + 2) * KEY_S)
    return f"?key={end}-{_mac(collection, end)}"


def opens(key: str, collection: str) -> bool:
    """Whether the value of `key` is one for that collection, in its time; where nobody must sign in, anything is."""
    if not is_required():
        return True
    end, _, mac = key.partition("-")
    # Compared in constant time, as bytes: text that is not ASCII cannot be.
    is_ours = hmac.compare_digest(mac.encode(errors="replace"), _mac(collection, end).encode())
    return is_ours and _now() < int(end)


def _mac(collection: str, end: str) -> str:
    return hmac.new(_SECRET, f"{collection} {end}".encode(errors="replace"), hashlib.sha256).hexdigest()
