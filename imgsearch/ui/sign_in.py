"""The screen of those who have not signed in, or may not enter; and the way out."""

from __future__ import annotations

import logging
from importlib.util import find_spec

import streamlit as st
from streamlit.errors import StreamlitAuthError

from imgsearch.ui import state
from imgsearch.ui.parts.addresses import sign_out_url
from imgsearch.ui.parts.links import Link, draw_links
from imgsearch.ui.server import access
from imgsearch.ui.texts import LANGUAGES, language, t
from imgsearch.ui.texts.markdown import escape

_NEEDED = ("authlib", "httpx")
"""What `streamlit[auth]` brings."""
_log = logging.getLogger(__name__)


def render() -> None:
    """Draws the screen. It says nothing of any collection."""
    others = [code for code in LANGUAGES if code != language()]
    links = [Link(LANGUAGES[code].name, state.link({}, lang=code), language=code) for code in others]
    if access.is_signed_in():
        links.append(way_out())
    draw_links(links, name=t("nav.name"), key="nav")
    st.title("imgsearch", anchor=False)
    if access.is_signed_in():
        st.info(t("sign_in.not_allowed", email=escape(str(st.user.get("email") or ""))), icon=":material/lock:")
        return
    st.markdown(t("sign_in.intro"))
    if not all(find_spec(name) for name in _NEEDED):
        _log.error("Sign-in is set up, but a package is missing: pip install 'streamlit[auth]'")
        st.error(t("sign_in.missing"), icon=":material/error:")
        return
    providers = access.providers()
    if not providers:
        _log.error("Sign-in is asked for, but the secrets name no provider, or cannot be read.")
        st.error(t("sign_in.broken"), icon=":material/error:")
    for provider in providers:
        label = t("sign_in.with", provider=escape(provider)) if provider else t("sign_in.go")
        if st.button(label, type="primary", icon=":material/login:", key=f"sign_in_{provider}"):
            _go(provider)


def _go(provider: str | None) -> None:
    try:
        st.login(provider)
    except StreamlitAuthError as exc:
        _log.error("Sign-in is not set up as it must be: %s", exc)
        st.error(t("sign_in.broken"), icon=":material/error:")


def way_out() -> Link:
    """A link that signs the visitor out, here and, where it offers that, at the provider."""
    return Link(t("sign_in.out"), sign_out_url(), on_follow=st.logout)
