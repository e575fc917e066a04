"""Text from outside (names of files, labels, parts of an address, messages that quote them) among our Markdown."""

from __future__ import annotations

import re

# Streamlit looks for these in what Markdown has made of a text, where a backslash is gone: addresses of sites and people,
# emoji and icons (`:name:`), arrows and dashes. Each gets an element of its own, so that nothing is found around it.
_FOUND_LATER = r"(?P<found_later>@|:(?!\s)|www|(?<=[-<>~])[-=>])"
_MARKS = re.compile(_FOUND_LATER + r"|^(?:\d+\.|[-+=#])|[\\`*_{}\[\]()<>!|~$&]", re.IGNORECASE)


def escape(text: str) -> str:
    """Text that Streamlit's Markdown shows as it is, on one line: nothing of it is a link, a picture, a formula, a style.

    Of white space a single blank is left; what is neither that nor can be seen, such as marks that turn the direction of
    writing around, is left out.
    """
    seen = "".join(char for char in text if char.isprintable() or char.isspace())
    return _MARKS.sub(_as_it_is, " ".join(seen.split()))


def _as_it_is(mark: re.Match[str]) -> str:
    plain = mark[0] if mark[0].isalpha() else f"{mark[0][:-1]}\\{mark[0][-1]}"
    # A colour without a colour is an element that changes nothing.
    return f":color[{plain}]" if mark["found_later"] else plain
