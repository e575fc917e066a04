"""The web page: `streamlit run app.py`."""

import streamlit as st

from imgsearch.ui.server import lifespan, middleware, routes

app = st.App(routes.SCRIPT, routes=routes.routes(), middleware=middleware.middleware(), lifespan=lifespan.lifespan)
