"""The script that Streamlit runs for every visitor and every click."""

import streamlit as st

from imgsearch.ui import components, frame, texts

st.set_page_config(page_title="imgsearch", page_icon=str(components.ICON), layout="wide")
with components.error_boundary(), texts.one_language():
    frame.render()
