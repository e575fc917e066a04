"""The web page: `streamlit run app.py`."""

import runpy

import streamlit as st

from imgsearch.ui.server import lifespan, middleware, plain, routes

if __name__ == "__main__":  # a host that knows no st.App runs this file as a script, for every visitor and every click
    plain.join_server()
    runpy.run_path(str(routes.SCRIPT))
else:
    lifespan.check_settings()
    app = st.App(routes.SCRIPT, routes=routes.routes(), middleware=middleware.middleware(), lifespan=lifespan.lifespan)
