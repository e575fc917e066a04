"""The web page: `streamlit run app.py`."""

import streamlit as st

from imgsearch.ui import server

app = st.App(server.SCRIPT, routes=server.routes(), middleware=server.middleware(), lifespan=server.lifespan)
