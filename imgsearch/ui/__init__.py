"""The Streamlit page; the only part of imgsearch that imports Streamlit."""
