"""What app.py needs where a host runs it as a plain script: the server is then Streamlit's own, and has nothing of ours."""

from __future__ import annotations

import atexit

import streamlit as st

from imgsearch.ui.server import internals, lifespan, middleware, routes


@st.cache_resource(show_spinner=False)
def join_server() -> None:
    """Adds our routes, what wraps every request, and what begins and ends with a server to the one that runs, once.

    It comes with the first run of the script, so the first visitor's page has neither our headers nor our style.
    """
    server = internals.running_server()
    if server is None:  # as in Streamlit's AppTest
        return
    server.router.routes[:0] = routes.routes()  # before Streamlit's, whose last one answers every path
    for each in reversed(middleware.middleware()):
        assert server.middleware_stack  # it has answered requests
        server.middleware_stack = each.cls(server.middleware_stack, *each.args, **each.kwargs)
    lifespan.begin()
    atexit.register(lifespan.end)
