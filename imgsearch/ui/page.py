"""The script that Streamlit runs for every visitor and every click."""

from pathlib import Path

import streamlit as st

from imgsearch.ui import frame, texts
from imgsearch.ui.parts.messages import error_boundary

st.set_page_config(page_title="imgsearch", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")
with error_boundary(), texts.one_language():
    frame.render()
