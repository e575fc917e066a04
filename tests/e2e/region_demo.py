"""A page with nothing but the region picker, for test_region: the address holds the region, as on the real page."""

import base64
import io

import numpy as np
import streamlit as st
from PIL import Image

from imgsearch.pictures.regions import Region
from imgsearch.ui.parts.query.region_picker import region_picker

WIDTH, HEIGHT = 400, 300


@st.cache_data
def source() -> str:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, np.full_like(x, 90)], axis=2).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def mark(region: Region | None) -> None:
    st.session_state["times"] = st.session_state.get("times", 0) + 1
    if region:
        st.query_params["region"] = str(region)
    else:
        st.query_params.pop("region", None)


def find() -> None:
    st.query_params["found"] = "0.1,0.2,0.4,0.6;0.3,0.4,0.5,0.8;0.6,0.1,0.9,0.5"


st.set_page_config(page_title="Region", layout="wide")
st.title("A picture", anchor=False)
asked = st.query_params.get("region")
found = st.query_params.get("found")
region_picker(
    source(),
    alt="The query: a test picture",
    size=(WIDTH, HEIGHT),
    region=Region.parse(asked) if asked else None,
    key="picker",
    on_mark=mark,
    suggested=[Region.parse(each) for each in found.split(";")] if found else [],
    on_find=None if found else find,
    max_height="300px",
)
st.text(f"Told {st.session_state.get('times', 0)} times.")
if st.button("Whole, by the page"):
    st.query_params.pop("region", None)
    st.rerun()
st.button("Run again")
for number in range(30):
    st.text(f"Line {number}, so that the page can scroll.")
