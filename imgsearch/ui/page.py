"""The script that Streamlit runs for every visitor and every click: configuration, error boundary, view."""

import streamlit as st

from imgsearch.ui import components
from imgsearch.ui.views import search

st.set_page_config(page_title="imgsearch", page_icon=str(components.ICON), layout="wide")
with components.error_boundary():
    search.render()
