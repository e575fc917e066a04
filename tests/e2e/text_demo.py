"""A page with nothing but texts from outside wherever Streamlit takes Markdown, for test_texts_from_outside."""

from collections.abc import Callable

import streamlit as st

from imgsearch.ui.texts.markdown import escape
from tests.hostile import TEXTS

PLACES: dict[str, tuple[Callable[[str], object], str, str]] = {
    "text": (st.markdown, "{0}", "{0}"),
    "small": (st.markdown, "**{0}**  \n:small[{0}]", "{0}\n{0}"),
    "list": (st.markdown, "- **{0}**: {0}", "{0}: {0}"),
    "caption": (st.caption, "{0}: by {0}. {0}/{0}", "{0}: by {0}. {0}/{0}"),
    "title": (lambda text: st.title(text, anchor=False), "{0}", "{0}"),
    "header": (lambda text: st.header(text, anchor=False), "{0}", "{0}"),
    "note": (lambda text: st.info(text, icon=":material/info:"), "No “{0}” here; {0}.org", "No “{0}” here; {0}.org"),
    "error": (st.error, "{0}  \n{0}", "{0}\n{0}"),
    "button": (lambda text: st.button(text, key=text), "Sign in with {0}", "Sign in with {0}"),
    "expander": (st.expander, "{0}", "{0}"),
}
"""What draws a text, what stands around it in Markdown, and what is seen then."""

if __name__ == "__main__":
    for place, (draw, markdown, _) in PLACES.items():
        for number, text in enumerate(TEXTS):
            with st.container(key=f"seen_{place}_{number}"):
                draw(markdown.format(escape(text)))
